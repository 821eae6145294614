"""Storage at work: I/Os that flow through a volume, a file system or a local disk.

Picture a lock on a canal with a gauge at its reserve basin: boats come, pass or wait in line, and
the keeper notes when the basin fell dry.

*Models:* an application that keeps at most `queue_depth` I/Os under way and gives up after a
timeout, or that keeps so many outstanding and sends the next when one is done, as fio does; a limit
with and without credits, perhaps several in a row; an instance that is stopped and started again.
Nothing is followed one by one, at any rate: the run is cut where a rate changes.
*Leaves out:* how I/Os vary between two changes; reads and writes that take unlike times.

What passes is in `labsim.engine.storage_device`; what a volume may do, in `ebs` and `efs`.
Data plane: counted, as a fluid.
"""

import math
from functools import cached_property

import numpy as np

from labsim import declare as kit
from labsim.engine import Load, Order, RateCurve, Simulation, ramps
from labsim.engine import storage_device as col
from labsim.engine.storage_device import Device, Flow
from labsim.errors import LabsimError, require_each
from labsim.services.common.io_load import IoInlet, changes
from labsim.services.common.storage_story import INVARIANTS, METRICS, MONTH, PANELS

QUEUE_DEPTH = 32        # I/Os under way at a time, a usual depth


class Storage(kit.Component):
    """Storage that I/Os of `io_size` KiB meet as `device`. They come by `sim.send(load,
    to=storage)`, an outlet, or `storage.ios.follow(curve, rng)`; or an application keeps so many
    outstanding: `storage.keep(32)`. `done` and `failed` are the outlets of those that are done and
    of those given up.

    limit: I/Os/s that the instances can ask for. taps: limits of theirs that have credits.
    queue_depth: I/Os under way at a time, of all instances together. timeout: the longest that an
    I/O waits for its turn, s.
    """

    METRICS, PANELS, INVARIANTS = METRICS, PANELS, INVARIANTS
    shows = (("done/s", "completed_rate"), ("in line", "queue"), ("of credits", "credits"))
    alarm = "burst_exhausted"
    emptied = ""            # what is said of it when its instances start again

    def __init__(self, sim: Simulation, name: str, device: Device, *, io_size: float,
                 limit: float = math.inf, taps: tuple[Device, ...] = (),
                 queue_depth: float = QUEUE_DEPTH, timeout: float = math.inf):
        super().__init__(sim, name)
        require_each(above=True, endless=True, limit=limit, queue_depth=queue_depth,
                     timeout=timeout)
        for tap in taps:
            limit = min(limit, tap.burst)
        self.taps = tuple(tap for tap in taps if tap.bucket)    # the others limit for good
        self.device = device.at_most(limit).with_depth(queue_depth)
        self.steady = min(each.steady for each in (self.device, *self.taps))
        self.burst = min(each.burst for each in (self.device, *self.taps))
        self.io_size, self.queue_depth, self.timeout = io_size, queue_depth, timeout
        self.ios = IoInlet(self)
        self.done, self.failed = kit.CountedOutlet(self, self.ios), kit.CountedOutlet(self)
        self._kept: RateCurve | None = None
        self._stops: list[tuple[float, float]] = []
        self._told = [False] * (1 + len(self.taps))
        sim.each_tick(self.step)

    # -- I/Os come and go --------------------------------------------------------------------

    def sent(self, load, name: str = "", retry=None) -> kit.Component:
        """Applications send I/Os at the rate of `load`; see `Simulation.send`."""
        return self.ios.sent(load, name, retry)

    def keep(self, outstanding: float | Load) -> None:
        """An application keeps so many I/Os outstanding, and sends the next when one is done (a
        closed loop); a `Load` for a number that changes. Nothing else may come then."""
        load = outstanding if isinstance(outstanding, Load) else Load.steady(outstanding)
        self._kept = load.curve(self.sim.duration)

    def feed(self, blocks) -> None:
        """I/Os come at the times of `blocks` (arrays, s): counted in their tick."""
        self.ios.feed(blocks)

    def take(self, times: np.ndarray) -> None:
        """I/Os come at `times` (s), given out by another part: counted in the next tick."""
        self.ios.take(times)

    def wired(self) -> None:
        """Somebody has to ask for something."""
        if self._kept and self.ios.used:
            raise LabsimError(f"to {self.name} nothing else comes when I/Os are kept outstanding")
        if not self._kept and not self.ios.used:
            raise LabsimError(f"nothing comes to {self.name}: sim.send(load, to=...) sends to it")

    @cached_property
    def flow(self) -> Flow:
        """The I/Os that are expected, on their way through the device."""
        flow = Flow(self.sim, self.device, self.ios.expected, self.timeout, self.taps)
        for curve in self.ios.curves:
            flow.follow(*curve)
        if self._kept:
            t = changes(self._kept)
            flow.keep(t, self._kept.expected(t) / np.diff(t))
        for stop in self._stops:
            flow.stop(*stop)
        return flow

    def step(self, k: int) -> None:
        """Tick `k`."""
        flow = self.flow
        if self.fed_by:
            for part in self.fed_by:
                part.advance(self.sim.now)
            flow.arrivals[k] += self.ios.taken()
        done, failed = flow.step(k)
        for j, told in enumerate(self._told):
            if not told and flow.ran_dry[j] < math.inf:
                self._told[j] = True
                self.sim.process(self._tell(flow.ran_dry[j], flow.devices[j], j > 0))
        if self._gives:
            self.done.count(done, self.sim.now, flow.reached)
            self.failed.count(failed, self.sim.now, flow.reached)

    @cached_property
    def _gives(self) -> bool:
        return self.done.connected or self.failed.connected

    def _tell(self, t: float, device: Device, of_instance: bool):
        yield self.sim.until(t, Order.METRIC)
        whose = "instance's " if of_instance else ""
        self.log("credits", f"the {whose}credits are gone: {device.burst:,.0f} become "
                            f"{device.steady:,.0f} I/Os/s", t=t)

    def stop(self, at: float, length: float) -> None:
        """The instances that use it are stopped at `at` s, and start again `length` s later. Who
        decides on it during the run: from the next tick on at the earliest."""
        self.require("at", at, above=True, unit="s")
        self.require("length", length, above=True, unit="s")
        if "flow" in vars(self):
            at = max(at, self.flow.reached)
            self.flow.stop(at, at + length)
        self._stops.append((at, at + length))
        self.sim.process(self._stopping(at, length))

    def _stopping(self, at: float, length: float):
        yield self.sim.until(at, Order.CAPACITY)
        self.log("stop", f"stopped: {self._stopped()}")
        yield self.sim.until(at + length, Order.CAPACITY)
        self.log("start", f"started again{self.emptied}")

    def _stopped(self) -> str:
        """What a stop means for the data, in words."""
        return "what is on it stays"

    # -- at the end of the run -----------------------------------------------------------------

    @cached_property
    def wanted(self) -> np.ndarray:
        """I/Os that came in each tick, (ticks,)."""
        return self.flow.counted(col.CAME)

    @cached_property
    def dry(self) -> np.ndarray:
        """Time without credits that were needed, in each tick, s, (ticks,)."""
        return self.flow.counted(col.DRY)

    @cached_property
    def passed(self) -> np.ndarray:
        """I/Os done in each tick, (ticks,)."""
        return self.flow.counted(col.DONE)

    @cached_property
    def lost(self) -> np.ndarray:
        """I/Os given up in each tick, (ticks,)."""
        return self.flow.counted(col.FAILED)

    @cached_property
    def moved(self) -> np.ndarray:
        """MiB moved in each tick, (ticks,)."""
        return self.passed * self.io_size / 1_024

    @cached_property
    def latency(self) -> np.ndarray:
        """Mean time of an I/O in each tick, by Little's law, s, (ticks,)."""
        done = self.passed
        waited = self.flow.mean(self.flow.line) * self.sim.tick
        return self.device.latency * (done > 0) + np.divide(
            waited, done, out=np.zeros(len(done)), where=done > 0)

    @cached_property
    def under_way(self) -> np.ndarray:
        """I/Os at the storage, mean of each tick, (ticks,): those in line send no more than the
        queue depth."""
        here = self.flow.pieces
        busy = here[:, col.DONE] / here[:, col.SPAN] * self.device.latency
        if self._kept and self.timeout < math.inf:      # and those that will not have a turn
            busy = busy + here[:, col.FAILED] / here[:, col.SPAN] * self.timeout * (busy > 0)
        return self.flow.mean(ramps.mean_up_to(
            busy + here[:, col.WAITING], busy + here[:, col.LEFT], self.queue_depth))

    @cached_property
    def credits(self) -> np.ndarray:
        """How full the bucket is after each tick, (ticks,); 1 where there is none."""
        return self._filled(0)

    @cached_property
    def tap_credits(self) -> np.ndarray:
        """How full the instance's emptiest bucket is after each tick, (ticks,)."""
        return np.min([np.ones(self.flow.ticks),
                       *(self._filled(j) for j in range(1, 1 + len(self.taps)))], axis=0)

    def _filled(self, j: int) -> np.ndarray:
        bucket = self.flow.devices[j].bucket
        return self.flow.ends(col.CREDITS + j) / bucket if bucket else np.ones(self.flow.ticks)

    def fewest(self, credits: np.ndarray, device: Device) -> float:
        """How full a bucket was at least."""
        return min(device.start, credits.min() / device.bucket) if device.bucket else 1.0

    def most_per_second(self) -> float:
        """I/Os done in the best second."""
        here = self.flow.pieces
        t = np.append(here[:, col.START], self.sim.duration)
        second = min(1.0, self.sim.duration)
        return ramps.most_within(t, here[:, col.DONE], second) / second

    @property
    def slow(self) -> float:
        """The time that 99 of 100 I/Os don't exceed at the storage itself, s: all are alike."""
        return self.device.latency

    def wait_mean(self) -> float:
        """Mean time of an I/O in line, s."""
        return float(self.flow.line @ self.flow.pieces[:, col.SPAN]) / max(self.passed.sum(), 1e-9)

    def wait_p99(self) -> float:
        """The time in line that 99 of 100 I/Os don't exceed, s."""
        here = self.flow.pieces
        rate = np.maximum(here[:, col.DONE] / here[:, col.SPAN], 1e-9)
        return ramps.quantile(here[:, col.WAITING] / rate, here[:, col.LEFT] / rate,
                              here[:, col.DONE], 0.99)

    def series(self) -> dict[str, tuple[np.ndarray, str]]:
        """I/Os per second, the limit of the moment, times, credits."""
        tick, flow = self.sim.tick, self.flow
        rates = {"offered_rate": self.wanted, "completed_rate": self.passed,
                 "failed_rate": self.lost}
        return {
            **{name: kit.per_tick(counts / tick, "I/Os/s") for name, counts in rates.items()},
            "limit": kit.per_tick(flow.ends(col.LIMIT), "I/Os/s"),
            "throughput": kit.per_tick(self.moved / tick, "MiB/s"),
            "latency": kit.per_tick(self.latency, "s"),
            "queue": kit.per_tick(flow.ends(col.LEFT), "I/Os"),
            "depth": kit.per_tick(self.under_way, "I/Os"),
            "credits": kit.per_tick(self.credits, "of bucket"),
            "instance_credits": kit.per_tick(self.tap_credits, "of bucket"),
            "burst_exhausted": kit.per_tick(self.dry / tick, "of time")}

    def month_price(self) -> dict[str, float]:
        """What it costs per month, USD by line."""
        return {}

    def cost(self) -> dict[str, float]:
        """Its part of the month."""
        return {line: usd * self.sim.duration / MONTH for line, usd in self.month_price().items()}
