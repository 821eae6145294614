"""Amazon SQS, a standard queue in front of a group of consumers.

Picture a pile of letters. A consumer takes the top one; while it works, the letter lies face
down (in flight). If the consumer vanishes, the letter turns face up again when its visibility
timeout ends, and somebody else starts it from the beginning.

*Models:* visible and in-flight messages, age of the oldest; a backlog at the start, messages sent
all at once; consumers with so many threads, each of which works on one message at a time; the most
messages in flight, lost ones among them, beyond which nobody receives any; a consumer that is
terminated while it works: its messages come back at the end of the visibility timeout that runs
then (consumers renew it while they work), and are counted as received again (fact
sqs.at_least_once). If asked for: work that fails, a dead-letter queue, senders who wait until their
message is worked on, messages dropped for their age; groups that serve several queues by priority.
*Leaves out:* order within the pile beyond first come, first served; duplicates, batches, polling
latency, retention (the lab `sqs-delivery` is about those). A queue that is down still takes
the deletes of what is in hand.

Data plane: request-level, exact: in windows (`windows`), or where messages have fates of their own
on the agenda (`followed`). Both give the same where both can.
"""

import math
from collections.abc import Callable, Iterable
from functools import cached_property

import numpy as np

from labsim import factbook
from labsim.declare import Asked, Component, quantiles
from labsim.declare.faults import FaultKind
from labsim.engine import Order, ServiceTimes, Simulation, at_once
from labsim.engine.center import FIFO, LIFO, ORDERS
from labsim.errors import LabsimError, ParameterError, require, unknown
from labsim.services.cloudwatch.alarms import STANDARD_RESOLUTION
from labsim.services.cloudwatch.alarms import Metric as CloudWatchMetric
from labsim.services.sqs.crew import Crew
from labsim.services.sqs.followed import Followed
from labsim.services.sqs.measures import INVARIANTS, METRICS, PANELS
from labsim.services.sqs.windows import Windows
from labsim.services.sqs.wiring import QueueOutlet, check, followed

PRICE = factbook.value("sqs.price_per_million_standard")    # USD per million requests
LONGEST_HIDDEN = factbook.value("sqs.visibility_max_s")
LONG_POLL = factbook.value("sqs.long_poll_max_s")
IN_FLIGHT_LIMIT = int(factbook.value("sqs.inflight_max_standard"))
DOWN = FaultKind("takes no messages and hands none out; it keeps what it has")


class Queue(Asked):
    """A queue. Messages come by `sim.send(load, to=queue)` or from another part's outlet; who
    `consumes` it (an `ec2.Fleet`) also says how long a message is work. `done` is the outlet of
    the messages that are worked on, `dead` the one to a dead-letter queue, `failed` that of sends
    that are refused while it is down.

    work: how long a message is work, where no fleet says so. backlog: messages that wait at the
    start. threads: messages that a consumer works on at a time. in_flight_limit: the most messages
    in flight. error_share: of the works that fail. max_receives: a message that was received so
    often is dead at the next receive (inf: there is no dead-letter queue; its own dead letters may
    come back, `dead.to(queue)`, and are tried as often again). order: "fifo", or "lifo"
    (SQS has none of that: it stands for consumers that drop what is stale to get at the newest).
    max_age: consumers drop messages older than so many s, unread. price: USD per million requests.
    random: what the work is drawn from; by default a stream of its own.
    """

    METRICS, PANELS, INVARIANTS = METRICS, PANELS, INVARIANTS
    FAULTS = {"down": DOWN}
    shows = (("visible", "queue"), ("in flight", "in_flight"))

    def __init__(self, sim: Simulation, name: str,
                 visibility_timeout: float = factbook.value("sqs.visibility_default_s"), *,
                 work: ServiceTimes | None = None, backlog: int = 0, threads: int = 1,
                 in_flight_limit: int = IN_FLIGHT_LIMIT, error_share: float = 0.0,
                 max_receives: float = math.inf, order: str = FIFO, max_age: float = math.inf,
                 price: float = PRICE, random: np.random.Generator | None = None):
        super().__init__(sim, name)
        require("visibility_timeout", visibility_timeout, 0, LONGEST_HIDDEN, "s", above=True)
        require("price", price)
        require("backlog", backlog, whole=True)
        require("threads", threads, 1, whole=True)
        require("in_flight_limit", in_flight_limit, 1, whole=True)
        require("error_share", error_share, 0, 1)
        require("max_receives", max_receives, 1, whole=True, endless=True)
        require("max_age", max_age, unit="s", endless=True)
        if order not in ORDERS:
            raise unknown("order", order, ORDERS)
        self.visibility_timeout, self.price, self.work = visibility_timeout, price, work
        self.backlog, self.threads = int(backlog), int(threads)
        self.error_share, self.max_receives, self.max_age = error_share, max_receives, max_age
        self.newest_first = order == LIFO
        self.follow = bool(error_share or self.newest_first
                           or min(max_receives, max_age) < math.inf)
        self.done, self.failed, self.dead = self.outlets = [QueueOutlet(self) for _ in range(3)]
        self.consumers: list[Component] = []
        self.crews: list[Crew] = []
        self.sources: list[Iterable[np.ndarray]] = []
        self._limit = int(in_flight_limit)
        self._random = sim.stream(f"{name} work") if random is None else random
        sim.until(0.0, Order.CAPACITY).callbacks.append(lambda _: self.plane)

    # -- wiring ------------------------------------------------------------------------------

    @cached_property
    def followed(self) -> bool:
        """Whether its messages are followed one by one; settled as the run begins."""
        check(self)
        return followed(self)

    @cached_property
    def plane(self) -> Windows | Followed:
        """Where its messages flow, made as the run begins: by then all is wired, and it is known
        what will break."""
        return (Followed if self.followed else Windows)(self, self._limit)

    @property
    def begun(self) -> bool:
        """Whether the run has."""
        return "plane" in vars(self)

    def brace(self, piece: str, what: str) -> None:
        """It will be down."""
        self.follow = True

    def suffer(self, piece: str, what: str, amounts: list[float]) -> None:
        """It is down, or up again."""
        self.plane.suffer(bool(amounts))

    def feed(self, blocks: Iterable[np.ndarray]) -> None:
        """Messages come at the times of `blocks` (arrays, s, sorted)."""
        self.sources.append(blocks)

    def burst(self, messages: int, at: float) -> None:
        """So many messages are sent all at once, at `at` s."""
        self.require("messages", messages)
        self.require("at", at, unit="s")
        self.feed(at_once(messages, at))

    def take(self, times: np.ndarray) -> None:
        """Messages come at `times` (s, sorted), given out by another part."""
        self.plane.take(times)

    def ask(self, t: float, call) -> None:
        """A message comes at `t` s, whose sender may wait until it is worked on."""
        self.plane.ask(t, call)

    def draw(self, count: int) -> np.ndarray:
        """How long the next messages are work, s."""
        return self.work.draw(count, self._random)

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
        if not hasattr(fleet, "staying"):
            raise ParameterError("fleet", fleet, "an ec2.Fleet").of(self.name)
        def there() -> int:
            return max(fleet.count("in service"), 1)
        return self._metric(name or f"{self.name} per instance",
                            lambda: self.visible / there(), period, there)

    def depth(self, period: float = STANDARD_RESOLUTION, name: str = "") -> CloudWatchMetric:
        """The metric that most people alarm on: ApproximateNumberOfMessagesVisible, however many
        work on them (fact sqs.alarm_scaling)."""
        return self._metric(name or f"{self.name} depth", lambda: self.visible, period)

    def _metric(self, name: str, value: Callable[[], float], period: float,
                over: Callable[[], float] | None = None) -> CloudWatchMetric:
        metric = CloudWatchMetric(self.sim, name, value, period, "messages", over)
        self.link(metric, "metric")
        return metric

    @property
    def is_fed(self) -> bool:
        """Whether messages come to it other than in the course of what comes to others."""
        return bool(self.sources or self.backlog) or super().is_fed

    def wired(self) -> None:
        """It has to have somebody else who sends, and its messages some work and an end."""
        if not (self.sources or self.fed_by or self.askers or self.backlog):
            raise LabsimError(f"nothing comes to {self.name}: sim.send(load, to=...) sends to it")
        check(self)
        if self.work is None:
            if self.consumers:
                raise LabsimError(f"{self.consumers[0].name}: work is missing: how long a message "
                                  f"of {self.name} takes, such as work=labsim.exponential(4)")
            raise LabsimError(f"nobody consumes {self.name}: ec2.Fleet(sim, name, consumes=..., "
                              "work=...) does; a Lambda function has lambda_.SqsEventSourceMapping("
                              "sim, name, function) instead, a queue with its pollers")
        if self.onward:
            super().wired()

    def notes(self) -> tuple[str, ...]:
        return (f"nothing leaves {self.name} by dead: it has no max_receives",) if (
            self.dead.connected and self.max_receives == math.inf) else ()

    # -- messages ----------------------------------------------------------------------------

    def advance(self, now: float | None = None) -> None:
        """Let messages flow until `now` (default: the present)."""
        self.plane.advance(self.sim.now if now is None else now)

    def _crew(self) -> Crew:
        return self.crews[0] if self.crews else Crew([self])

    def add_consumer(self) -> None:
        """A consumer starts to receive messages now."""
        self._crew().add()

    def remove_consumer(self, rng: np.random.Generator, *, drain: bool) -> float:
        """One consumer, any of them, stops now; returns the time at which it is gone.

        drain: it finishes its messages first; otherwise they are lost for the moment.
        """
        return self._crew().remove(rng, drain)

    def log_lost(self, visible: list[float]) -> None:
        """Messages have lost their consumer, and are visible again at these times, s."""
        self.log("message", "a message is lost with its instance, and visible again at "
                 f"{visible[0]:,.0f} s" if len(visible) == 1 else f"{len(visible):,} messages are "
                 f"lost with their instance, and visible again from {min(visible):,.0f} s on")

    # -- CloudWatch metrics ----------------------------------------------------------------

    @property
    def visible(self) -> int:
        """ApproximateNumberOfMessagesVisible, now."""
        self.advance()
        return self.plane.waiting

    @property
    def age(self) -> float:
        """ApproximateAgeOfOldestMessage, now, s."""
        self.advance()
        return max(0.0, self.sim.now - self.plane.oldest_sent)

    # -- at the end of the run -------------------------------------------------------------

    def busy_seconds(self) -> float:
        """Consumer-seconds spent on messages by now; a thread is its share of a consumer."""
        return self.plane.busy_seconds() / self.threads

    def oldest_age_max(self) -> float:
        """Largest age that a message has had by now, deleted or not, s."""
        return max(self.plane.oldest_age, self.sim.now - self.plane.oldest_sent)

    @cached_property
    def waits(self) -> np.ndarray:
        """The wait of each message that was begun, s."""
        return self.record.values("wait")

    @cached_property
    def wait_quantiles(self) -> dict[int, float]:
        """{50: median wait, 95: ..., 99: ...}, s."""
        return quantiles(self.waits)

    def series(self) -> dict:
        """{name: (values at the record's instants, unit)}; nothing is ever lost among them."""
        record = self.record
        offered = self.backlog + record.counted("offered")
        completed = record.counted("completed")
        started, returned = record.counted("wait"), record.counted("returned")
        dead, expired, failed = map(record.counted, ("dead", "expired", "failed"))
        return {
            "offered_rate": (record.rate("offered"), "msg/s"),
            "completed_rate": (record.rate("completed"), "msg/s"),
            "stale_rate": (record.rate("stale"), "msg/s"),
            "offered": (offered.astype(float), "messages"),
            "completed": (completed.astype(float), "messages"),
            "queue": ((offered + returned - started - dead - expired - failed).astype(float),
                      "messages"),
            "in_flight": ((started - returned - completed).astype(float), "messages"),
            "lost": (record.counted("lost").astype(float), "messages"),
            "returned": (returned.astype(float), "messages"),
            "dead_lettered": (dead.astype(float), "messages"),
            "expired": (expired.astype(float), "messages"),
            "failed": (failed.astype(float), "messages"),
            "wait": (record.mean_by_interval("wait"), "s"),
        }

    def cost(self) -> dict[str, float]:
        """SQS requests: a message is sent, received, deleted; who is idle polls for as long as a
        poll may take, each queue in turn."""
        idle = sum(max(crew.capacity - crew.busy_seconds(), 0.0) / len(crew.queues)
                   for crew in self.crews)
        record = self.record
        requests = (record.total("offered") + len(self.waits) + record.total("completed")
                    + 2 * record.total("expired") + idle * self.threads / LONG_POLL)
        return {"SQS requests": requests / 1e6 * self.price}
