"""A device that I/Os flow through: a limit, a higher one while credits last, a queue before it.

Picture a canal lock with a reserve basin. As much water comes as the river brings, and the lock
passes that on day after day; from the basin it can pass more for a while. When the basin is empty
the boats that came to rely on it wait in a line, and those who have waited too long turn round.

*Models:* a limit of I/Os per second with and without credits; a bucket of credits, exactly, also
when it runs dry or full in the middle of a tick; a queue depth, so that no more I/Os are at the
device than the application keeps there (Little's law: rate x latency); a timeout.
*Leaves out:* how I/Os vary within a tick, and reads and writes that take unlike times.

Data plane: counted per tick, as a fluid: what is limited are rates, over minutes and hours.
"""

import math
from dataclasses import dataclass, replace

import numpy as np

from labsim.engine import Simulation
from labsim.errors import require


@dataclass(frozen=True)
class Device:
    """Limits in I/Os/s: `steady` for good, `burst` while there are credits; latency of an I/O, s.

    `earn` credits come per second, an I/O takes `spend`, the `bucket` holds so many and is full by
    the share `start` at first. whole: credits come in full while no more than the baseline is
    asked for, as gp2 has it; else what is used is taken from them.
    """

    steady: float
    burst: float
    latency: float
    earn: float = 0.0
    spend: float = 0.0
    bucket: float = 0.0
    start: float = 1.0
    whole: bool = False

    def __post_init__(self):
        for name in ("steady", "burst", "earn", "spend", "bucket"):
            require(name, getattr(self, name), endless=True)
        require("latency", self.latency, above=True, unit="s")
        require("start", self.start, 0, 1)

    def at_most(self, rate: float) -> "Device":
        """The same behind a limit of `rate` I/Os/s: an instance's, say."""
        return replace(self, steady=min(self.steady, rate), burst=min(self.burst, rate))

    def with_depth(self, depth: float) -> "Device":
        """The same if at most `depth` I/Os are under way at a time: depth / latency, by Little's
        law."""
        return self.at_most(depth / self.latency)

    def change(self, rate: float, wanted: float) -> float:
        """Credits gained or lost per second while `rate` I/Os/s pass and `wanted` are asked for."""
        if self.whole and wanted * self.spend <= self.earn:
            return self.earn
        return self.earn - rate * self.spend

    def seconds_of_burst(self, wanted: float) -> float:
        """How long a bucket that is full by `start` lasts if `wanted` I/Os/s come, s; inf: for
        good."""
        rate = min(wanted, self.burst)
        lost = -self.change(rate, wanted)
        return self.start * self.bucket / lost if lost > 0 else math.inf


class Flow:
    """I/Os that arrive at a device; step it with `sim.each_tick(flow.step)`.

    arrivals: I/Os per tick, (ticks,). timeout: the longest that an I/O waits before the device, s;
    it fails then. `stopped` is whether the instance is stopped: then all that comes fails.
    """

    def __init__(self, sim: Simulation, device: Device, arrivals: np.ndarray, timeout: float):
        require("timeout", timeout, unit="s", endless=True)
        self.sim, self.device, self.timeout, self._tick = sim, device, timeout, sim.tick
        self.arrivals, ticks = arrivals.tolist(), len(arrivals)
        self.done, self.failed, self.waited, self.dry = ([0.0] * ticks for _ in range(4))
        self.limit, self.waiting, self.credits = ([0.0] * ticks for _ in range(3))
        self._waiting, self._credits = 0.0, device.start * device.bucket
        self.stopped, self.ran_dry = False, math.inf

    def step(self, k: int) -> None:
        """Tick `k`, from one change of the rates to the next."""
        if self.stopped:
            self.failed[k] = self.arrivals[k] + self._waiting
            self._waiting = 0.0
        else:
            self.done[k] = self._pass(k, self.device, self._tick)
        self.waiting[k], self.credits[k] = self._waiting, self._credits

    def _pass(self, k: int, here: Device, tick: float) -> float:
        comes, left, done = self.arrivals[k] / tick, tick, 0.0
        waiting, credits = self._waiting, self._credits
        while left > 0.0:
            limit = here.burst
            wanted = max(comes, limit) if waiting else comes
            rate = min(wanted, limit)
            gain = here.change(rate, wanted)
            if credits <= 0.0 and gain < 0.0:
                if self.ran_dry > self.sim.duration:
                    self.ran_dry = float(self.sim.record.t[k]) + tick - left
                limit, gain = here.steady, 0.0
                rate = limit if waiting else min(comes, limit)
            longest = limit * self.timeout
            if waiting > longest:
                self.failed[k] += waiting - longest
                waiting = longest
            span = left
            if waiting and rate > comes:
                span = min(span, waiting / (rate - comes))
            elif comes > rate and waiting < longest:
                span = min(span, (longest - waiting) / (comes - rate))
            if gain < 0.0:
                span = min(span, credits / -gain)
            if span < 1e-9 * tick:
                span = 1e-9 * tick
            before = waiting
            waiting += (comes - rate) * span
            if waiting < 1e-9:
                waiting = 0.0
            if waiting > longest:
                self.failed[k] += waiting - longest
                waiting = longest
            if before or waiting:
                self.waited[k] += (before + waiting) / 2 * span
            credits = min(here.bucket, max(0.0, credits + gain * span))
            if limit < here.burst:
                self.dry[k] += span
            done += rate * span
            left -= span
        self.limit[k] = limit
        self._waiting, self._credits = waiting, credits
        return done
