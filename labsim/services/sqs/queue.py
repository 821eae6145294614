"""Amazon SQS, a standard queue in front of a group of consumers.

Picture a pile of letters. A consumer takes the top one; while it works, the letter lies face
down (in flight). If the consumer vanishes, the letter turns face up again when its visibility
timeout ends, and somebody else starts it from the beginning.

*Models:* visible and in-flight messages, age of the oldest; a backlog at the start, messages sent
all at once; consumers with so many threads, each of which works on one message at a time; the most
messages in flight, lost ones among them, beyond which nobody receives any (`threads`); a consumer
that is terminated while it works: its messages come back at the end of the visibility timeout that
runs then (consumers renew it while they work), and are counted as received again (fact
sqs.at_least_once).
*Leaves out:* order within the pile beyond first come, first served; duplicates, batches, polling
latency, dead-letter queues, retention (the lab `sqs-delivery` is about those).

Data plane: request-level, exact (`Station`).
"""

import math
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property

import numpy as np

from labsim import factbook
from labsim.declare import Component, Count, Line, Metric, Panel, conserved, quantiles
from labsim.declare.component import Outlet
from labsim.engine import ServiceTimes, Simulation, Station, at_once, merged
from labsim.engine.station import Job
from labsim.errors import LabsimError, ParameterError, require
from labsim.services.cloudwatch.alarms import STANDARD_RESOLUTION
from labsim.services.cloudwatch.alarms import Metric as CloudWatchMetric
from labsim.services.sqs.threads import Threads

PRICE = factbook.value("sqs.price_per_million_standard")    # USD per million requests
LONGEST_HIDDEN = factbook.value("sqs.visibility_max_s")
LONG_POLL = factbook.value("sqs.long_poll_max_s")
MOST = 500_000      # messages that are looked at together: it costs memory
IN_FLIGHT_LIMIT = int(factbook.value("sqs.inflight_max_standard"))


class Queue(Component):
    """A queue. Messages come by `sim.send(load, to=queue)` or from another part's outlet; who
    `consumes` it (an `ec2.Fleet`) also says how long a message is work. `done` is the outlet of
    the messages that are worked on.

    work: how long a message is work, where no fleet says so. backlog: messages that wait at the
    start. threads: messages that a consumer works on at a time. in_flight_limit: the most messages
    in flight. price: USD per million requests. random: what the work is drawn from; by default a
    stream of its own.
    """

    METRICS = (
        Count("offered", "messages", "messages sent to the queue, a backlog at the start included",
              "", lambda q: q.backlog + q.record.total("offered"), aliases=("arrived",)),
        Count("completed", "messages", "messages worked on and deleted", "higher",
              lambda q: q.record.total("completed"), aliases=("processed",)),
        Count("queue_end", "messages", "messages still visible at the end", "lower",
              lambda q: q.told["queue"][0][-1], aliases=("backlog_end",)),
        Count("in_flight_end", "messages", "messages received but not deleted at the end", "",
              lambda q: q.told["in_flight"][0][-1]),
        Count("queue_max", "messages", "most visible messages at a recorded instant", "lower",
              lambda q: q.told["queue"][0].max(), aliases=("backlog_max",)),
        Metric("wait_mean", "s", "mean time from arrival to the start of work", "lower",
               lambda q: q.waits.mean() if len(q.waits) else 0.0),
        Metric("wait_p50", "s", "half of the messages wait no longer than this", "lower",
               lambda q: q.wait_quantiles[50]),
        Metric("wait_p95", "s", "19 of 20 messages wait no longer than this", "lower",
               lambda q: q.wait_quantiles[95]),
        Metric("wait_p99", "s", "99 of 100 messages wait no longer than this", "lower",
               lambda q: q.wait_quantiles[99]),
        Metric("oldest_age_max", "s", "largest age of a message not yet deleted", "lower",
               lambda q: q.oldest_age_max()),
        Count("redelivered", "messages", "messages lost with an instance and received again",
              "lower", lambda q: q.told["returned"][0][-1]))
    PANELS = (
        Panel("Messages per second", (Line("offered", "offered_rate"),
                                               Line("completed", "completed_rate"))),
        Panel("Queue", (Line("visible", "queue"), Line("in flight", "in_flight"))),
        Panel("Wait until work starts", (Line("mean wait", "wait"),)))
    INVARIANTS = (conserved("offered", "completed", "queue", "in_flight"),)
    shows = (("visible", "queue"), ("in flight", "in_flight"))

    def __init__(self, sim: Simulation, name: str,
                 visibility_timeout: float = factbook.value("sqs.visibility_default_s"), *,
                 work: ServiceTimes | None = None, backlog: int = 0, threads: int = 1,
                 in_flight_limit: int = IN_FLIGHT_LIMIT, price: float = PRICE, random=None):
        super().__init__(sim, name)
        require("visibility_timeout", visibility_timeout, 0, LONGEST_HIDDEN, "s", above=True)
        require("price", price)
        require("backlog", backlog, whole=True)
        require("threads", threads, 1, whole=True)
        require("in_flight_limit", in_flight_limit, 1, whole=True)
        self.visibility_timeout, self.price, self.work = visibility_timeout, price, work
        self.backlog, self.threads = int(backlog), int(threads)
        self.station = Station(self._requests(), fast=sim.fast)
        self._receiving = Threads(self.station, int(in_flight_limit))
        self.done = Outlet(self)
        self.busy = 0.0             # consumer-seconds of work begun, less what is still ahead
        self.oldest_age = 0.0       # largest age that any message has had, s
        self.consumers: list[Component] = []
        self._random = sim.stream(f"{name} work") if random is None else random
        self._sources: list[Iterable[np.ndarray]] = []
        sim.on_advance(self.advance)

    # -- wiring ------------------------------------------------------------------------------

    def feed(self, blocks: Iterable[np.ndarray]) -> None:
        """Messages come at the times of `blocks` (arrays, s, sorted)."""
        self._sources.append(blocks)

    def burst(self, messages: int, at: float) -> None:
        """So many messages are sent all at once, at `at` s."""
        self.require("messages", messages)
        self.require("at", at, unit="s")
        self.feed(at_once(messages, at))

    def take(self, times: np.ndarray) -> None:
        """Messages come at `times` (s, sorted), given out by another part."""
        self.record.count("offered", times)
        for t, work in zip(times.tolist(), self.work.draw(len(times), self._random).tolist()):
            self.station.offer(t, work, t)

    def worked_by(self, consumer: Component, work: ServiceTimes | None) -> None:
        """`consumer` takes messages; each is `work` for it."""
        if work is not None and not isinstance(work, ServiceTimes):
            raise ParameterError("work", work, "how long a message takes, such as labsim.fixed(4), "
                                               "labsim.exponential(4) or labsim.gamma(4, cv=0.5)")
        if work is not None and self.work not in (None, work):
            raise ParameterError("work", work, f"as for the other consumers of {self.name}, "
                                               f"{self.work}")
        self.work = work or self.work
        self.consumers.append(consumer)
        self.link(consumer)

    def backlog_per(self, fleet, period: float = STANDARD_RESOLUTION,
                    name: str = "") -> CloudWatchMetric:
        """The metric to track: visible messages per instance in service (fact
        asg.backlog_rule); with none in service, per one."""
        return self._metric(name or f"{self.name} per instance", lambda: (
            self.visible / max(fleet.count("in service"), 1)), period)

    def depth(self, period: float = STANDARD_RESOLUTION, name: str = "") -> CloudWatchMetric:
        """The metric that most people alarm on: ApproximateNumberOfMessagesVisible, however many
        work on them (fact sqs.alarm_scaling)."""
        return self._metric(name or f"{self.name} depth", lambda: self.visible, period)

    def _metric(self, name: str, value: Callable[[], float], period: float) -> CloudWatchMetric:
        metric = CloudWatchMetric(self.sim, name, value, period, "messages")
        self.link(metric, "metric")
        return metric

    def wired(self) -> None:
        """It has to have somebody else who sends, and its messages some work."""
        if not self._sources and not self.fed_by and not self.backlog:
            raise LabsimError(f"nothing comes to {self.name}: sim.send(load, to=...) sends to it")
        before = list(self.fed_by)
        for part in before:     # and those before them
            before += [other for other in part.fed_by if other not in before]
        if self in before:
            ways = ", ".join(p.name for p in before if p is not self)
            raise LabsimError(f"what leaves {self.name} comes back to {self.name}"
                              f"{' by way of ' + ways if ways else ''}: one `done.to` has to go")
        if self.work is None:
            raise LabsimError(f"nobody consumes {self.name}: ec2.Fleet(sim, name, consumes=..., "
                              f"work=...) does")

    # -- messages ----------------------------------------------------------------------------

    def _requests(self) -> Iterator:
        for times in at_once(self.backlog, 0.0):
            yield times, self.work.draw(len(times), self._random)
        for times in merged(self._sources):
            self.sim.check()
            self.record.count("offered", times)
            yield times, self.work.draw(len(times), self._random)

    def advance(self, now: float | None = None) -> None:
        """Let messages flow until `now` (default: the present)."""
        now = self.sim.now if now is None else now
        if now == self.station.now:
            return
        for part in self.fed_by:
            part.advance(now)
        begun = MOST
        while begun >= MOST:
            window = self.station.advance(now, MOST)
            begun = len(window.start)
            self.record.observe("wait", window.start, window.start - window.sent)
            self.record.count("completed", window.done)
            self.busy += float(window.done.sum() - window.start.sum())
            self.oldest_age = max(self.oldest_age, float((window.done - window.done_sent).max(
                initial=0.0)))
            if self.done.connected:
                self.done.give(np.sort(window.done))

    def add_consumer(self) -> None:
        """A consumer starts to receive messages now."""
        self.advance()
        self._receiving.add(self.threads)

    def remove_consumer(self, rng: np.random.Generator, *, drain: bool) -> float:
        """One consumer, any of them, stops now; returns the time at which it is gone.

        drain: it finishes its messages first; otherwise they are lost for the moment.
        """
        self.advance()
        now = self.sim.now
        which = self._receiving.leave(self.threads, rng)
        if drain:
            gone = self.station.retire(which).tolist()
            self._receiving.give_back(gone)
            return max(gone, default=now)
        jobs, idle = self.station.kill(which)
        self._receiving.give_back(idle + self._lost(jobs))
        return now

    def _lost(self, jobs: list[Job]) -> list[float]:
        """Messages lose their consumer now; returns when each is visible again, s."""
        now, visible = self.sim.now, []
        for job in jobs:
            timeouts = max(1, math.ceil((now - job.start) / self.visibility_timeout))
            visible.append(job.start + timeouts * self.visibility_timeout)
            self.station.offer(visible[-1], job.service, job.sent)
        if jobs:
            self.busy += now * len(jobs)
            self.record.count("lost", np.full(len(jobs), now))
            self.record.count("returned", np.array(visible))
            self.log("message", "a message is lost with its instance, and visible again at "
                     f"{visible[0]:,.0f} s" if len(jobs) == 1 else f"{len(jobs):,} messages are "
                     f"lost with their instance, and visible again from {min(visible):,.0f} s on")
        return visible

    # -- CloudWatch metrics ----------------------------------------------------------------

    @property
    def visible(self) -> int:
        """ApproximateNumberOfMessagesVisible, now."""
        self.advance()
        return self.station.waiting

    @property
    def age(self) -> float:
        """ApproximateAgeOfOldestMessage, now, s."""
        self.advance()
        return max(0.0, self.sim.now - self.station.oldest_sent)

    # -- at the end of the run -------------------------------------------------------------

    def busy_seconds(self) -> float:
        """Consumer-seconds spent on messages by now; a thread is its share of a consumer."""
        return (self.busy + self.station.in_service * self.station.now) / self.threads

    def oldest_age_max(self) -> float:
        """Largest age that a message has had by now, deleted or not, s."""
        return max(self.oldest_age, self.station.now - self.station.oldest_sent)

    @cached_property
    def waits(self) -> np.ndarray:
        """The wait of each message that was begun, s."""
        return self.record.values("wait")

    @cached_property
    def wait_quantiles(self) -> dict[int, float]:
        """{50: median wait, 95: ..., 99: ...}, s."""
        return quantiles(self.waits)

    def series(self) -> dict:
        """{name: (values at the record's instants, unit)}; nothing is ever lost among them:
        offered = completed + queue + in_flight."""
        record = self.record
        offered = self.backlog + record.counted("offered")
        completed = record.counted("completed")
        started, returned = record.counted("wait"), record.counted("returned")
        return {
            "offered_rate": (record.rate("offered"), "msg/s"),
            "completed_rate": (record.rate("completed"), "msg/s"),
            "offered": (offered.astype(float), "messages"),
            "completed": (completed.astype(float), "messages"),
            "queue": ((offered + returned - started).astype(float), "messages"),
            "in_flight": ((started - returned - completed).astype(float), "messages"),
            "lost": (record.counted("lost").astype(float), "messages"),
            "returned": (returned.astype(float), "messages"),
            "wait": (record.mean_by_interval("wait"), "s"),
        }

    def cost(self) -> dict[str, float]:
        """SQS requests: a message is sent, received, deleted; who is idle polls for as long as a
        poll may take."""
        capacity = sum(fleet.capacity for fleet in self.consumers)
        idle_polls = max(capacity - self.busy_seconds(), 0.0) * self.threads / LONG_POLL
        requests = (self.record.total("offered") + len(self.waits)
                    + self.record.total("completed") + idle_polls)
        return {"SQS requests": requests / 1e6 * self.price}
