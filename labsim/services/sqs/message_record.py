"""What has become of the messages of an SQS queue: counted, drawn, summed up.

Picture the kitchen's spike file at closing time: every slip with its times on it. Whatever is asked
of the evening can be worked out from the slips.

*Models:* messages in each state at each instant, waits, ages, redeliveries; the event log.
*Leaves out:* what moves a message from one state to another: that is in `messages`.
"""

from functools import cached_property

import numpy as np

from labsim import declare as kit
from labsim.declare import Count, Line, Metric
from labsim.engine import Simulation, so_far
from labsim.services.sqs.order import (
    DEAD,
    DELAYED,
    DELETED,
    EXPIRED,
    IN_FLIGHT,
    STATES,
    VISIBLE,
    Message,
)

SERIES = {VISIBLE: "queue", IN_FLIGHT: "in_flight", DELAYED: "delayed", DELETED: "deleted",
          DEAD: "dead_lettered", EXPIRED: "expired"}
AT_THE_END = "queue_end", "in_flight_end", "delayed_end", "deleted", "dead_lettered", "expired"
MOST_LOGGED = 1_000     # rows of one queue in the event log


def counted(name: str, meaning: str, state: str, better: str = "", *aliases: str) -> Count:
    """How many messages of a queue are in a state at the end."""
    return Count(name, "messages", meaning, better, lambda q: q.count[state], aliases=aliases)


class MessageRecord(kit.Component):
    """A queue's `messages`, how many there are in each state now (`count`), and how many sends
    were `deduplicated`: accepted, and not delivered."""

    METRICS = (
        Count("sent", "messages", "messages in the queue by now, deleted ones among them", "",
              lambda q: len(q.messages)),
        Count("deduplicated", "messages", "sends that a FIFO queue accepted and dropped", "",
              lambda q: q.deduplicated),
        counted("deleted", "messages deleted", DELETED, "higher"),
        counted("dead_lettered", "messages moved to the dead-letter queue", DEAD, "lower"),
        counted("expired", "messages that grew older than the retention", EXPIRED, "lower"),
        counted("queue_end", "messages still visible at the end", VISIBLE, "lower", "visible_end"),
        counted("in_flight_end", "messages received but not deleted at the end", IN_FLIGHT),
        counted("delayed_end", "messages whose delay has not ended at the end", DELAYED),
        Count("received", "messages", "messages that receives returned, repeats counted", "",
              lambda q: q.received, aliases=("receives",)),
        Count("redelivered", "messages", "of these, not the first of their message", "lower",
              lambda q: q.received - sum(1 for m in q.messages if m.received),
              aliases=("received_again",)),
        Count("in_flight_max", "messages", "most messages in flight at a recorded instant", "",
              lambda q: q.told["in_flight"][0].max()),
        Metric("wait_mean", "s", "mean time from visible to the first receive", "lower",
               lambda q: kit.mean(q.waits)),
        Metric("wait_p95", "s", "19 of 20 messages wait no longer than this", "lower",
               lambda q: kit.quantile(q.waits, 95)),
        Metric("oldest_age_max", "s", "largest age of a message in the queue", "lower",
               lambda q: q.oldest_age()))
    PANELS = (kit.Panel("Messages", (
        Line("visible", "queue", step=True), Line("in flight", "in_flight", step=True),
        Line("delayed", "delayed", step=True))),)
    INVARIANTS = (
        kit.conserved("sent", *SERIES.values()),
        kit.Invariant("no message is lost at the end", lambda r: r.summary["sent"] == sum(
            r.summary[name] for name in AT_THE_END)))
    shows = (("visible", "queue"), ("in flight", "in_flight"), ("delayed", "delayed"))

    def __init__(self, sim: Simulation, name: str):
        super().__init__(sim, name)
        self.messages: list[Message] = []
        self.deduplicated = 0
        self.count = dict.fromkeys(STATES, 0)
        self._logged = 0

    def tell(self, t: float, kind: str, message: Message, text: str) -> None:
        """Write a row about a message into the event log, unless there are too many."""
        self._logged += 1
        if self._logged <= MOST_LOGGED:
            self.log(kind, f"message {message.number + 1} {text}", t)

    # -- at the end of the run -------------------------------------------------------------

    @cached_property
    def told(self) -> dict[str, tuple[np.ndarray, str]]:
        """The series, worked out once."""
        return self.series()

    @property
    def received(self) -> int:
        """Messages that receives have returned."""
        return sum(len(m.received) for m in self.messages)

    @cached_property
    def waits(self) -> np.ndarray:
        """From visible to the first receive, of each message that was received, s."""
        return np.array([m.received[0] - next(t for t, state in m.history if state == VISIBLE)
                         for m in self.messages if m.received])

    def oldest_age(self) -> float:
        """Largest age that a message has had in the queue by now, s."""
        gone = DELETED, EXPIRED, DEAD
        return max(((m.history[-1][0] if m.state in gone else self.sim.now) - m.sent
                    for m in self.messages), default=0.0)

    def series(self) -> dict[str, tuple[np.ndarray, str]]:
        """Messages sent, those in each state, the sends that were dropped as repeats; receives, the
        first of a message and others, and what came back from them undone."""
        back: list[float] = []
        into: dict[str, list[float]] = {state: [] for state in STATES}
        out: dict[str, list[float]] = {state: [] for state in STATES}
        for message in self.messages:
            changes = message.history
            for at, state in changes:
                into[state].append(at)
            for (_, state), (at, then) in zip(changes, changes[1:]):
                out[state].append(at)
                if state == IN_FLIGHT and then == VISIBLE:
                    back.append(at)
        t = self.record.t
        told = {SERIES[state]: so_far(t, into[state]) - so_far(t, out[state]) for state in STATES}
        told["sent"] = so_far(t, [m.history[0][0] for m in self.messages])
        told["deduplicated"] = so_far(t, [at for m in self.messages for at in m.repeats])
        told["received_first"] = so_far(t, [m.received[0] for m in self.messages if m.received])
        told["redelivered"] = so_far(t, [at for m in self.messages for at in m.received[1:]])
        told["returned"] = so_far(t, back)
        return {name: (values, "messages") for name, values in told.items()}
