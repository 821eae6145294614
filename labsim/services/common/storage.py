"""Storage at work: I/Os that flow through a volume, a file system or a local disk.

Picture a lock on a canal with a gauge at its reserve basin: boats come, pass or wait in line, and
the keeper notes when the basin fell dry.

*Models:* an application that keeps at most `queue_depth` I/Os under way and gives up after a
timeout; a limit with and without credits; an instance that is stopped and started again.
*Leaves out:* how I/Os vary within a tick; reads and writes that take unlike times.

What passes is in `labsim.engine.storage_device`; what a volume may do, in `ebs` and `efs`.
Data plane: counted per tick, as a fluid.
"""

import math
from functools import cached_property

import numpy as np

from labsim import declare as kit
from labsim.declare import Count, Invariant, Line, Metric, Panel
from labsim.engine import Order, Simulation
from labsim.engine.storage_device import Device, Flow
from labsim.errors import LabsimError, require

MONTH = 730 * 3_600     # s that a month's price is for
QUEUE_DEPTH = 32        # I/Os under way at a time, a usual depth


def checked(**given) -> None:
    """ParameterError for what is not above 0."""
    for name, value in given.items():
        require(name, value, above=True, endless=True)


class Storage(kit.Component):
    """Storage that I/Os of `io_size` KiB meet as `device`. They come, counted per tick, by
    `sim.send(load, to=storage)`, an outlet, or `storage.ios.expect(counts)`; `done` and `failed`
    are the outlets of those that are done and of those given up.

    limit: I/Os/s that the instances can ask for. queue_depth: I/Os under way at a time, of all
    instances together. timeout: the longest that an I/O waits for its turn, s.
    """

    METRICS = (
        Count("offered", "I/Os", "I/Os that the application wanted",
              value=lambda s: s.wanted.sum(), aliases=("ios",)),
        Count("completed", "I/Os", "I/Os done", "higher", lambda s: s.passed.sum(),
              aliases=("done",)),
        Count("failed", "I/Os", "I/Os that waited too long, or came while the instance was stopped",
              "lower", lambda s: s.lost.sum()),
        Count("queue_end", "I/Os", "I/Os in line when the run ended", "lower",
              lambda s: s.flow.waiting[-1], aliases=("waiting_end",)),
        Metric("iops_mean", "I/Os/s", "I/Os done per second, mean", "higher",
               lambda s: s.passed.sum() / s.sim.duration),
        Metric("iops_max", "I/Os/s", "I/Os done per second, in the best tick",
               value=lambda s: s.passed.max() / s.sim.tick),
        Metric("throughput_mean", "MiB/s", "moved per second, mean", "higher",
               lambda s: s.moved.sum() / s.sim.duration),
        Metric("latency_mean", "s", "mean time of an I/O, in line and at the storage", "lower",
               lambda s: s.latency_mean()),
        Metric("latency_p99", "s", "99 of 100 I/Os take no longer, by the mean of their tick",
               "lower", lambda s: s.latency_p99()),
        Metric("depth_mean", "I/Os", "I/Os at the storage, mean (VolumeQueueLength)",
               value=lambda s: s.under_way.mean()),
        Metric("steady_limit", "I/Os/s", "what the application can have for good", "higher",
               lambda s: s.device.steady),
        Metric("burst_limit", "I/Os/s", "what it can have while there are credits", "higher",
               lambda s: s.device.burst),
        Metric("credits_end", "of bucket", "credits left at the end (BurstBalance); 1: needs none",
               "higher", lambda s: s.credits[-1]),
        Metric("credits_low", "of bucket", "fewest credits", "higher", lambda s: s.credits.min()),
        Metric("burst_exhausted_s", "s", "time without credits that were needed", "lower",
               lambda s: s.dry.sum(), aliases=("dry_time",)),
        Metric("burst_lasts_s", "s", "when the credits were gone; at most the run's end", "higher",
               lambda s: min(s.flow.ran_dry, s.sim.duration), aliases=("credits_last",)),
        Metric("month_usd", "USD", "storage for a month at this rate", "lower",
               lambda s: sum(s.cost().values()) * MONTH / s.sim.duration))
    PANELS = (
        Panel("I/Os", (
            Line("wanted", "offered_rate"), Line("done", "completed_rate"),
            Line("limit", "limit", step=True)), marks=("credits", "stop")),
        Panel("Time of an I/O", (Line("mean latency", "latency"),)),
        Panel("Credits", (Line("left", "credits"),), marks=("credits",), unit="of bucket"),
        Panel("Moved", (Line("throughput", "throughput"),)))
    INVARIANTS = (
        kit.adds_up("offered", "completed", "failed", "queue_end"),
        Invariant("never more than the limit", lambda r: bool(
            (r.series["completed_rate"].value
             <= r.summary["burst_limit"] * (1 + 1e-6) + 1e-6).all())),
        Invariant("steady is at most burst",
                  lambda r: r.summary["steady_limit"] <= r.summary["burst_limit"]),
        Invariant("credits stay in their bucket", lambda r: bool(
            (r.series["credits"].value >= 0).all() and (r.series["credits"].value <= 1).all())),
        Invariant("Little's law", lambda r: _littles_law(r)))
    shows = (("done/s", "completed_rate"), ("in line", "queue"), ("credits", "credits"))
    alarm = "burst_exhausted"
    emptied = ""            # what is said of it when its instances start again

    def __init__(self, sim: Simulation, name: str, device: Device, *, io_size: float,
                 limit: float = math.inf, queue_depth: float = QUEUE_DEPTH,
                 timeout: float = math.inf):
        super().__init__(sim, name)
        checked(limit=limit, queue_depth=queue_depth, timeout=timeout)
        self.device = device.at_most(limit).with_depth(queue_depth)
        self.io_size, self.queue_depth, self.timeout = io_size, queue_depth, timeout
        self.ios = kit.Inlet(self)
        self.done, self.failed = kit.CountedOutlet(self), kit.CountedOutlet(self)
        self._told = False
        sim.each_tick(self.step)

    # -- I/Os come and go --------------------------------------------------------------------

    def sent(self, load, name: str = "") -> kit.Component:
        """Applications send I/Os at the rate of `load`; see `Simulation.send`."""
        return self.ios.sent(load, name)

    def feed(self, blocks) -> None:
        """I/Os come at the times of `blocks` (arrays, s): counted in their tick."""
        self.ios.feed(blocks)

    def take(self, times: np.ndarray) -> None:
        """I/Os come at `times` (s), given out by another part: counted in the next tick."""
        self.ios.take(times)

    def wired(self) -> None:
        """Somebody has to ask for something."""
        if not self.ios.used:
            raise LabsimError(f"nothing comes to {self.name}: sim.send(load, to=...) sends to it")

    @cached_property
    def flow(self) -> Flow:
        """The I/Os that are expected, on their way through the device."""
        return Flow(self.sim, self.device, self.ios.expected, self.timeout)

    def step(self, k: int) -> None:
        """Tick `k`."""
        flow = self.flow
        if self.fed_by:
            for part in self.fed_by:
                part.advance(self.sim.now)
            flow.arrivals[k] += self.ios.taken()
        flow.step(k)
        if flow.ran_dry < math.inf and not self._told:
            self._told = True
            self.sim.process(self._tell(flow.ran_dry))
        if self._gives:
            self.done.count(flow.done[k], self.sim.now)
            self.failed.count(flow.failed[k], self.sim.now)

    @cached_property
    def _gives(self) -> bool:
        return self.done.connected or self.failed.connected

    def _tell(self, t: float):
        yield self.sim.until(t, Order.METRIC)
        self.log("credits", f"the credits are gone: {self.device.burst:,.0f} become "
                            f"{self.device.steady:,.0f} I/Os/s", t=t)

    def stop(self, at: float, length: float) -> None:
        """The instances that use it are stopped at `at` s, and start again `length` s later."""
        self.require("at", at, above=True, unit="s")
        self.require("length", length, above=True, unit="s")
        self.sim.process(self._stopping(at, length))

    def _stopping(self, at: float, length: float):
        yield self.sim.until(at, Order.CAPACITY)
        self.flow.stopped = True
        self.log("stop", f"stopped: {self._stopped()}")
        yield self.sim.until(at + length, Order.CAPACITY)
        self.flow.stopped = False
        self.log("start", f"started again{self.emptied}")

    def _stopped(self) -> str:
        """What a stop means for the data, in words."""
        return "what is on it stays"

    # -- at the end of the run -----------------------------------------------------------------

    @cached_property
    def wanted(self) -> np.ndarray:
        """I/Os that came in each tick, (ticks,)."""
        return np.array(self.flow.arrivals)

    @cached_property
    def dry(self) -> np.ndarray:
        """Time without credits that were needed, in each tick, s, (ticks,)."""
        return np.array(self.flow.dry)

    @cached_property
    def passed(self) -> np.ndarray:
        """I/Os done in each tick, (ticks,)."""
        return np.array(self.flow.done)

    @cached_property
    def lost(self) -> np.ndarray:
        """I/Os given up in each tick, (ticks,)."""
        return np.array(self.flow.failed)

    @cached_property
    def moved(self) -> np.ndarray:
        """MiB moved in each tick, (ticks,)."""
        return self.passed * self.io_size / 1_024

    @cached_property
    def outstanding(self) -> np.ndarray:
        """I/Os in line and at the device, mean of each tick, (ticks,)."""
        at_device = self.passed * self.device.latency
        return (np.array(self.flow.waited) + at_device) / self.sim.tick

    @cached_property
    def latency(self) -> np.ndarray:
        """Mean time of an I/O in each tick, by Little's law, s, (ticks,)."""
        done = self.passed
        return np.divide(self.outstanding * self.sim.tick, done, out=np.zeros(len(done)),
                         where=done > 0)

    @property
    def under_way(self) -> np.ndarray:
        """I/Os at the storage, mean of each tick, (ticks,)."""
        return np.minimum(self.outstanding, self.queue_depth)

    @cached_property
    def credits(self) -> np.ndarray:
        """How full the bucket is after each tick, (ticks,); 1 where there is none."""
        if not self.device.bucket:
            return np.ones(len(self.passed))
        return np.array(self.flow.credits) / self.device.bucket

    def latency_mean(self) -> float:
        """Mean time of an I/O, s."""
        done = self.passed.sum()
        return self.outstanding.sum() * self.sim.tick / max(done, 1e-9) if done else 0.0

    def latency_p99(self) -> float:
        """The time that 99 of 100 I/Os don't exceed, by the mean of their tick, s."""
        order = np.argsort(self.latency, kind="stable")
        upto = np.cumsum(self.passed[order])
        place = min(np.searchsorted(upto, 0.99 * upto[-1]), len(upto) - 1)
        return self.latency[order][place]

    def series(self) -> dict[str, tuple[np.ndarray, str]]:
        """I/Os per second, the limit of the moment, times, credits."""
        tick, flow = self.sim.tick, self.flow
        rates = {"offered_rate": self.wanted, "completed_rate": self.passed,
                 "failed_rate": self.lost}
        return {
            **{name: kit.per_tick(counts / tick, "I/Os/s") for name, counts in rates.items()},
            "limit": kit.per_tick(np.array(flow.limit), "I/Os/s"),
            "throughput": kit.per_tick(self.moved / tick, "MiB/s"),
            "latency": kit.per_tick(1_000 * self.latency, "ms"),
            "queue": kit.per_tick(np.array(flow.waiting), "I/Os"),
            "depth": kit.per_tick(self.under_way, "I/Os"),
            "credits": kit.per_tick(self.credits),
            "burst_exhausted": kit.per_tick(self.dry / tick)}

    def month_price(self) -> dict[str, float]:
        """What it costs per month, USD by line."""
        return {}

    def cost(self) -> dict[str, float]:
        """Its part of the month."""
        return {line: usd * self.sim.duration / MONTH for line, usd in self.month_price().items()}


def _littles_law(r) -> bool:
    """Time of all I/Os = rate x time, summed over the ticks."""
    latency, done = (r.series[name].value[1:] for name in ("latency", "completed_rate"))
    t = r.series["latency"].t
    return kit.near(r.summary["latency_mean"] * r.summary["iops_mean"] * t[-1],
                    float(np.sum(latency * done) * t[1] / 1_000))
