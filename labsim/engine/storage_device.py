"""A device that I/Os flow through: a limit, a higher one while credits last, a queue before it.

Picture a canal lock with a reserve basin. As much water comes as the river brings, and the lock
passes that on day after day; from the basin it can pass more for a while. When the basin is empty
the boats that came to rely on it wait in a line, and those who have waited too long turn round.

*Models:* a limit of I/Os per second with and without credits; several such limits in a row, each
with its own bucket; a queue depth, so that no more I/Os are at the device than the application
keeps there (Little's law: rate x latency); a timeout; an application that keeps so many I/Os
outstanding and sends the next when one is done. From one event to the next (the load changes, a
bucket is empty, a line is gone or full) all rates are constant, so that each such piece is exact,
however long a tick is.
*Leaves out:* how I/Os vary within a piece, and reads and writes that take unlike times.

Data plane: counted, as a fluid: what is limited are rates, over milliseconds as over hours.
"""

import math
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from labsim.engine import Simulation
from labsim.errors import require

FOLD = 16_384       # pieces kept in passing before they become an array
NOTHING = 1e-9      # of whatever is counted, a rounding
START, SPAN, CAME, DONE, FAILED, LIMIT, WAITING, LEFT, DRY, TAPS_DRY, CREDITS = range(11)


@dataclass(frozen=True)
class Device:
    """Limits in I/Os/s: `steady` for good, `burst` while there are credits; latency of an I/O, s.

    `earn` credits come per second, an I/O takes `spend`, the `bucket` holds so many and is full by
    the share `start` at first, and by itself every `again` s. whole: credits come in full while no
    more than the baseline is asked for, as gp2 has it; else what is used is taken from them.
    """

    steady: float
    burst: float
    latency: float = 0.0
    earn: float = 0.0
    spend: float = 0.0
    bucket: float = 0.0
    start: float = 1.0
    whole: bool = False
    again: float = math.inf

    def __post_init__(self):
        for name in ("steady", "burst", "earn", "spend", "bucket"):
            require(name, getattr(self, name), endless=True)
        require("latency", self.latency, unit="s")
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

    @property
    def dry(self) -> float:
        """What passes in the mean while there are no credits, I/Os/s: what they are earned for, if
        that is more than `steady`, for then a few are there again and again."""
        earned = self.earn / self.spend if self.spend else 0.0
        return min(earned, self.burst) if earned > self.steady * (1 + NOTHING) else self.steady

    def seconds_of_burst(self, wanted: float) -> float:
        """How long a bucket that is full by `start` lasts if `wanted` I/Os/s come, s; inf: for
        good."""
        rate = min(wanted, self.burst)
        lost = -self.change(rate, wanted)
        return self.start * self.bucket / lost if lost > 0 else math.inf


class Flow:
    """I/Os that arrive at a device; step it with `sim.each_tick(flow.step)`.

    arrivals: I/Os per tick, spread evenly over it, (ticks,). timeout: the longest that an I/O waits
    before the device, s; it fails then. taps: further limits on the way. More I/Os come by
    `follow`; by `keep` an application keeps so many outstanding instead. When it has ended,
    `pieces` tells what happened.
    """

    def __init__(self, sim: Simulation, device: Device, arrivals: np.ndarray, timeout: float,
                 taps: tuple[Device, ...] = ()):
        require("timeout", timeout, unit="s", endless=True)
        self.sim, self.device, self.timeout = sim, device, timeout
        self.devices = (device, *taps)
        self.latency, self.ticks = device.latency, len(arrivals)
        self.arrivals = np.array(arrivals, dtype=float)
        self.ran_dry = [math.inf] * len(self.devices)
        self._curves: list[tuple[np.ndarray, np.ndarray]] = []
        self._kept: tuple[np.ndarray, np.ndarray] | None = None
        self._stops: list[tuple[float, float]] = []
        self._waiting, self._most = 0.0, min(each.burst for each in self.devices)
        self._credits = [each.start * each.bucket for each in self.devices]
        self._refills = [(j, each.again) for j, each in enumerate(self.devices)
                         if each.bucket and each.again < sim.duration]
        self._rows: list[tuple] = []
        self._folded: list[np.ndarray] = []
        self._first: list[int] = []         # the piece that each tick begins with
        self._laid = False
        self.reached = 0.0                  # up to where it has been stepped, s

    # -- what comes ----------------------------------------------------------------------------

    def follow(self, t: np.ndarray, rate: np.ndarray) -> None:
        """I/Os come at `rate[i]` (1/s) from `t[i]` to `t[i + 1]` s."""
        self._curves.append((t, rate))

    def keep(self, t: np.ndarray, outstanding: np.ndarray) -> None:
        """An application keeps `outstanding[i]` I/Os under way from `t[i]` to `t[i + 1]` s."""
        self._kept = t, outstanding

    def stop(self, start: float, end: float) -> None:
        """From `start` to `end` s, not before `reached`, it is stopped: all that comes fails."""
        self._stops.append((start, end))
        self._laid = False

    def _lay(self) -> None:
        """Cut the run where what comes may change, and where a bucket is full by itself."""
        ticks, end = self.sim.record.t, self.sim.duration
        again = [np.arange(every, end, every) for _, every in self._refills]
        curves = [*self._curves, *([self._kept] if self._kept else [])]
        cuts = np.concatenate([ticks, *(t for t, _ in curves), *again, *self._stops])
        cuts = np.unique(cuts[(cuts >= 0) & (cuts <= end)])
        middle = (cuts[1:] + cuts[:-1]) / 2

        def at(t, value):
            place = np.searchsorted(t, middle, side="right") - 1
            inside = (place >= 0) & (place < len(value))
            return np.where(inside, value[np.clip(place, 0, len(value) - 1)], 0.0)

        self._cuts = cuts.tolist()
        self._comes = sum((at(*curve) for curve in self._curves), np.zeros(len(middle))).tolist()
        self._keeps = at(*self._kept).tolist() if self._kept else None
        stopped = [(middle > start) & (middle < stop) for start, stop in self._stops]
        self._stopped = np.logical_or.reduce(stopped).tolist() if stopped else None
        self._bounds = np.searchsorted(cuts, ticks).tolist()
        self._laid = True

    # -- the run -------------------------------------------------------------------------------

    def step(self, k: int) -> tuple[float, float]:
        """Tick `k`: how many were done in it, and how many failed."""
        if not self._laid:
            self._lay()
        self.reached = self._cuts[self._bounds[k + 1]]
        self._first.append(sum(map(len, self._folded)) + len(self._rows))
        self._now_done = self._now_failed = 0.0
        evenly = self.arrivals[k] / self.sim.tick
        for i in range(self._bounds[k], self._bounds[k + 1]):
            start, span = self._cuts[i], self._cuts[i + 1] - self._cuts[i]
            for j, again in self._refills:
                if start and start % again == 0:
                    self._credits[j] = self.devices[j].bucket
            if self._stopped and self._stopped[i]:
                self._stand(start, span, self._comes[i] + evenly)
            else:
                self._pass(start, span, self._comes[i] + evenly,
                           self._keeps[i] if self._keeps else None)
        if len(self._rows) > FOLD:
            self._folded.append(np.array(self._rows))
            self._rows.clear()
        return self._now_done, self._now_failed

    def _write(self, start, span, came, done, failed, limit, before, dry) -> None:
        self._now_done += done
        self._now_failed += failed
        self._rows.append((
            start, span, came, done, failed, limit, before, self._waiting,
            span if 0 in dry else 0.0, span if any(dry) else 0.0, *self._credits))

    def _stand(self, start: float, span: float, comes: float) -> None:
        """Nobody is served; credits come."""
        failed = comes * span + self._waiting
        self._waiting = 0.0
        for j, each in enumerate(self.devices):
            self._credits[j] = min(each.bucket, self._credits[j] + each.earn * span)
        self._write(start, span, comes * span, 0.0, failed, 0.0, 0.0, ())

    def _pass(self, start: float, length: float, comes: float, kept: float | None) -> None:
        """`length` s in which I/Os come evenly, or so many are kept outstanding: piece by piece."""
        left, least = length, NOTHING * length
        while left > 0.0:
            waiting, came, failed = self._waiting, 0.0, 0.0
            limit, rate, gains, dry = self._limit(comes, kept, waiting)
            for j in dry:
                self.ran_dry[j] = min(self.ran_dry[j], start + length - left)
            if kept is not None:
                ready = max(0.0, kept - rate * self.latency)    # not at the device
                lost = max(0.0, ready / self.timeout - rate)    # those that will not have a turn
                ready = min(ready, rate * self.timeout)
                if waiting <= ready + NOTHING:
                    came, waiting = max(0.0, ready - waiting), max(ready, waiting)
                    comes = rate + lost
                else:
                    comes, lost = 0.0, 0.0
                span = min(left, (waiting - ready) / rate) if comes < rate else left
            else:
                longest = limit * self.timeout
                if waiting > longest:
                    failed, waiting = waiting - longest, longest
                span, lost = left, 0.0
                if rate > comes and waiting:
                    span = min(span, waiting / (rate - comes))
                elif comes > rate:
                    lost = comes - rate if waiting >= longest else 0.0
                    span = span if lost else min(span, (longest - waiting) / (comes - rate))
            for gain, credits in zip(gains, self._credits):
                if gain < 0.0:
                    span = min(span, credits / -gain)
            span = min(left, max(span, least))
            after = waiting + (comes - lost - rate) * span
            self._waiting = after if after > NOTHING else 0.0
            for j, gain in enumerate(gains):
                if gain:
                    self._credits[j] = min(self.devices[j].bucket,
                                           max(0.0, self._credits[j] + gain * span))
            self._write(start + length - left, span, came + comes * span, rate * span,
                        failed + lost * span, limit, waiting, dry)
            left -= span

    def _limit(self, comes, kept, waiting) -> tuple[float, float, list[float], list[int]]:
        """The limit of the moment and what passes, I/Os/s; credits gained per second by each
        bucket, and which of them are empty though more is wanted."""
        dry: list[int] = []
        limit = self._most
        if kept is None:
            wanted = max(comes, limit) if waiting else comes
        else:
            wanted = max(kept / self.latency, limit if waiting > kept else 0.0)
        while True:
            rate = min(wanted, limit)
            gains = [each.change(rate, wanted) for each in self.devices]
            empty = [j for j, gain in enumerate(gains)
                     if gain < 0.0 and self._credits[j] <= 0.0 and j not in dry]
            if not empty:
                break
            dry.append(empty[0])
            limit = min(limit, self.devices[empty[0]].dry)
        for j in dry:
            if gains[j] < NOTHING * self.devices[j].earn:
                gains[j] = 0.0
        return limit, rate, gains, dry

    # -- when it has ended ---------------------------------------------------------------------

    @cached_property
    def pieces(self) -> np.ndarray:
        """What happened, piece by piece: a column per name on top of this file, and from CREDITS on
        the credits at the end of the piece, of each bucket."""
        table = np.concatenate([*self._folded, *([np.array(self._rows)] if self._rows else [])])
        self._folded, self._rows = [table], []
        return table

    def counted(self, column: int) -> np.ndarray:
        """The sum of a column in each tick, (ticks,)."""
        return np.add.reduceat(self.pieces[:, column], self._first)

    def ends(self, column: int) -> np.ndarray:
        """A column at the end of each tick, (ticks,)."""
        return self.pieces[np.append(self._first[1:], len(self.pieces)) - 1, column]

    @cached_property
    def line(self) -> np.ndarray:
        """I/Os in line, mean of each piece."""
        return (self.pieces[:, WAITING] + self.pieces[:, LEFT]) / 2

    def mean(self, value: np.ndarray) -> np.ndarray:
        """The mean over each tick, (ticks,), of a value per piece."""
        return np.add.reduceat(value * self.pieces[:, SPAN], self._first) / self.sim.tick
