"""The books of the lab `sqs-delivery`: who worked on what, and what came of it.

Picture a clerk in the corner of the kitchen who writes down each slip's way and each dish begun.
Everything that is shown is derived from his rows when the run is over.
"""

from bisect import bisect_left
from dataclasses import dataclass
from itertools import islice

import numpy as np

from labsim.builtin.sqs_delivery import timeline as rows
from labsim.declare import MOST_BARS, Run, bar_name
from labsim.services.sqs import client as sqs_client
from labsim.services.sqs.messages import MessageQueue, Receipt
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

DONE, FAILED, CRASHED = "done", "failed", "crashed"
MOST_LOGGED = 1_000     # events in the log


@dataclass(slots=True)
class Work:
    """A consumer's work on a message that it has received: a row of the books."""

    message: Message
    receive: int        # its how-manyth delivery
    item: int
    consumer: int
    seconds: float
    poison: bool
    start: float
    end: float = -1.0   # not yet
    outcome: str = ""


class Books:
    """Written during the run, read at its end."""

    def __init__(self, sim, queue: MessageQueue, client, items):
        self.sim, self.queue, self.client, self.items = sim, queue, client, items
        self.item: list[int] = []           # of each message
        self.works: list[Work] = []

    def sent(self, message: Message, item: int) -> None:
        """An item was sent; a copy that FIFO drops is the first message again."""
        if message.number == len(self.item):
            self.item.append(item)

    def begin(self, receipt: Receipt, consumer: int) -> Work:
        """A consumer begins to work on a message."""
        message, item = receipt.message, self.item[receipt.message.number]
        work = Work(message, receipt.receive, item, consumer, self.items.work[item],
                    self.items.poison[item], self.sim.now)
        self.works.append(work)
        return work

    def crash_after(self, work: Work, share: float) -> float:
        """Seconds until it crashes; infinite if it doesn't."""
        dice = self.items.crashes[work.item]
        drawn = dice[work.receive - 1] if work.receive <= len(dice) else (
            self.items.more_crashes.random())
        return work.seconds * drawn / share if drawn < share else float("inf")

    def end(self, work: Work, outcome: str) -> None:
        """That work has ended."""
        work.end, work.outcome = self.sim.now, outcome

    # -- after the run -----------------------------------------------------------------------

    def report(self, p) -> Run:
        """The summary, series, cost and timeline of the run; its log."""
        t, now, client = self.sim.record.t, self.sim.now, self.client
        messages, dead = self.queue.messages, self.queue.dead_letters
        first, again = self._finished()
        series = {name: (count, "messages") for name, count in self._states(messages, t).items()}
        buried = self._states(dead.messages, t) if dead else None
        series["dead_letters_kept"] = (buried["visible"] if dead else np.zeros(len(t)), "messages")
        series["done"] = (_by(t, [w.end for w in first]), "messages")
        series["done_again"] = (_by(t, [w.end for w in again]), "messages")
        series["crashes"] = (_by(t, [w.end for w in self.works if w.outcome == CRASHED]), "")
        series["made"] = (np.searchsorted(self.items.made, t, "right").astype(float), "messages")
        sent: dict[int, float] = {}
        for message, item in zip(messages, self.item):
            sent.setdefault(item, message.sent)
        series["dropped"] = (_by(t, [at for m in messages for at in m.repeats]), "messages")
        series["unsent"] = (series["made"][0] - _by(t, list(sent.values())), "messages")
        series["empty_calls"] = (_per_second(t, client.empty_by(t)), "calls/s")
        series["other_calls"] = (_per_second(t, _by(t, client.times)), "calls/s")
        series |= self._consumers(p, t)

        calls = client.calls
        price = p.fifo_price if self.queue.fifo else p.request_price
        cost = {f"SQS {what}": client.billed[what] / 1e6 * price for what in (
            sqs_client.SEND, sqs_client.RECEIVE, sqs_client.CHANGE, sqs_client.DELETE)}
        waits = np.array([m.received[0] - _ready(m) for m in messages if m.received])
        latency = np.array([w.end - self.items.made[w.item] for w in first])
        spent = sum((w.end if w.outcome else now) - w.start for w in self.works)
        useful = sum(w.end - w.start for w in first)
        ages = [(m.history[-1][0] if m.state in (DELETED, EXPIRED, DEAD) else now) - m.sent
                for m in messages]
        counts = self.queue.count
        receives = sum(len(m.received) for m in messages)
        summary = {
            "made": len(self.items.made), "sent": len(messages),
            "deduplicated": self.queue.deduplicated,
            "deleted": counts[DELETED], "dead_lettered": counts[DEAD],
            "expired": counts[EXPIRED], "visible_end": counts[VISIBLE],
            "in_flight_end": counts[IN_FLIGHT], "delayed_end": counts[DELAYED],
            "dead_letters_end": dead.count[VISIBLE] if dead else 0,
            "receives": receives,
            "received_again": receives - sum(1 for m in messages if m.received),
            "done": len(first), "done_again": len(again),
            "wasted_work": max(spent - useful, 0.0),
            "out_of_order": self._out_of_order(),
            "in_flight_max": series["in_flight"][0].max(),
            "wait_mean": _mean(waits), "wait_p95": _p95(waits),
            "latency_mean": _mean(latency), "latency_p95": _p95(latency),
            "oldest_age_max": max(ages, default=0.0),
            "send_calls": calls[sqs_client.SEND], "receive_calls": calls[sqs_client.RECEIVE],
            "empty_receives": client.empty, "change_calls": calls[sqs_client.CHANGE],
            "delete_calls": calls[sqs_client.DELETE], "api_calls": sum(calls.values()),
            "cost_usd": sum(cost.values()),
        }
        self._log(again)
        return Run({name: float(value) for name, value in summary.items()}, series, cost,
                   spans=rows.spans(messages, self.works, now))

    def _finished(self) -> tuple[list[Work], list[Work]]:
        """The works done: the first of each item, and all after it."""
        first, again, seen = [], [], set()
        for work in sorted((w for w in self.works if w.outcome == DONE), key=lambda w: w.end):
            (again if work.item in seen else first).append(work)
            seen.add(work.item)
        return first, again

    @staticmethod
    def _states(messages: list[Message], t: np.ndarray) -> dict[str, np.ndarray]:
        """Messages in each state, at each instant."""
        into: dict[str, list[float]] = {state: [] for state in STATES}
        out: dict[str, list[float]] = {state: [] for state in STATES}
        for message in messages:
            old = None
            for at, state in message.history:
                into[state].append(at)
                if old:
                    out[old].append(at)
                old = state
        names = {state: state.replace(" ", "_") for state in STATES}
        counts = {names[s]: _by(t, into[s]) - _by(t, out[s]) for s in STATES}
        return {"sent": _by(t, [m.history[0][0] for m in messages]), **counts}

    def _consumers(self, p, t: np.ndarray) -> dict:
        """How many work, and of each whether it does: 1 at work, a little more after a crash."""
        busy = np.zeros((max(p.consumers, MOST_BARS), len(t)))
        step = t[1]
        for w in self.works:
            row, end = busy[w.consumer], w.end if w.outcome else self.sim.now
            row[int(np.ceil(w.start / step)):int(end / step) + 1] = 1.0
            if w.outcome == CRASHED:
                row[int(end / step) + 1:int((end + p.restart_time) / step) + 1] = 1.1
        bars = {bar_name("busy", i): (busy[i], "") for i in range(MOST_BARS)}
        return {"working": ((busy == 1).sum(axis=0).astype(float), "consumers"),
                "down": ((busy > 1).sum(axis=0).astype(float), "consumers"),
                "consumers": (np.full(len(t), float(p.consumers)), "consumers"), **bars}

    def _out_of_order(self) -> int:
        """Messages whose work began after that of a later one (of their group)."""
        newest: dict[str, int] = {}
        count, begun = 0, set()
        for work in self.works:
            message = work.message
            if message.number not in begun:
                begun.add(message.number)
                last = newest.get(message.group, -1)
                count += message.number < last
                newest[message.group] = max(last, message.number)
        return count

    def _log(self, again: list[Work]) -> None:
        """What went wrong, in words."""
        log = [(w.end, "again", f"message {w.message.number + 1} is done a second time")
                for w in again]
        log += [(w.end, "crash", f"consumer {w.consumer + 1} crashes with message "
                                  f"{w.message.number + 1}")
                 for w in self.works if w.outcome == CRASHED]
        words = {DEAD: ("dead letter", "is moved to the dead-letter queue"),
                 EXPIRED: ("expired", "is older than the retention and gone")}
        for message in self.queue.messages:
            old = ""
            for t, state in message.history:
                kind, text = words.get(state, ("", ""))
                if old == IN_FLIGHT and state == VISIBLE:
                    times = bisect_left(message.received, t)
                    kind, text = "back", f"is visible again after receive {times}"
                if kind:
                    log.append((t, kind, f"message {message.number + 1} {text}"))
                old = state
        log.sort(key=lambda row: row[0])
        for t, kind, text in islice(log, MOST_LOGGED):
            self.sim.log(kind, text, t)


def _ready(message: Message) -> float:
    """When a message could first be received."""
    return next(t for t, state in message.history if state == VISIBLE)


def _by(t: np.ndarray, times: list[float]) -> np.ndarray:
    """How many of `times` have been by each instant."""
    return np.searchsorted(np.sort(times), t, "right").astype(float)


def _per_second(t: np.ndarray, total: np.ndarray) -> np.ndarray:
    """The rate in the interval that ends at each instant; what is at the very start counts in the
    first."""
    rate = np.maximum(np.diff(total, prepend=0.0), 0.0) / t[1]
    rate[:2] = rate[0] + rate[1]
    return rate


def _mean(values: np.ndarray) -> float:
    return values.mean() if len(values) else 0.0


def _p95(values: np.ndarray) -> float:
    return np.percentile(values, 95) if len(values) else 0.0
