"""Consumers of an Amazon SQS queue who are only human: slow, clumsy, or gone.

Picture the cooks at the rail. One takes a slip and cooks; if he spikes it, that dish is done. If he
is slow, or has walked out of the door, the slip turns face up again after a while, and another cook
begins the same dish from the start.

*Models:* batches, worked on one message after the other; deletes one by one or together;
heartbeats; work that always fails; crashes, after which what was held comes back by itself.
*Leaves out:* several messages at a time by one consumer; heartbeats that outlive it.

Start reading at `Consumers.consume`, the life of one of them.
"""

import math
from collections.abc import Callable, Generator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from labsim import declare as kit
from labsim.declare import MOST_BARS, Count, Line, Metric, Outlet, Panel, bar_name
from labsim.engine import Order, ServiceTimes, Simulation, so_far
from labsim.errors import ParameterError
from labsim.services.sqs.client import Client
from labsim.services.sqs.messages import VISIBILITY, Receipt
from labsim.services.sqs.order import Message

DONE, FAILED, CRASHED = "done", "failed", "crashed"
MOST_LOGGED = 1_000     # rows in the event log


@dataclass(slots=True)
class Work:
    """A consumer's work on a message that it has received; `receive`: its how-manyth delivery."""

    message: Message
    receive: int
    consumer: int
    seconds: float
    fails: bool
    start: float
    end: float = -1.0   # not yet
    outcome: str = ""


class Consumers(kit.Component):
    """`count` consumers of the queue behind `client`. `done` is the outlet of the messages that
    are worked on, each once.

    work: how long a message is work, as times to be drawn, or work(message), s. fails: the share
    of messages whose work fails at its end, always, or fails(message). crashes: the share of
    deliveries in which the consumer crashes, or crashes(work), after how many s (infinite: it does
    not). restart: s until it receives again. heartbeat: s from one to the next (0: none), each of
    which hides what it holds for `heartbeat_timeout` s. release_failed: it gives back at once what
    has failed. made: made(message), when it was first wanted, s; by default when it was sent.
    random: where work, failures and crashes are drawn; by default a stream of its own.
    """

    METRICS = (
        Count("completed", "messages", "messages whose work was done, each once", "higher",
              lambda c: len(c.first), aliases=("done",)),
        Count("duplicates", "messages", "times that work was done that had been done before",
              "lower", lambda c: len(c.again), aliases=("done_again",), label="done twice"),
        Metric("wasted_work_s", "s", "consumers' time spent on work that failed, broke off or was "
               "a repeat", "lower", lambda c: c.wasted(), aliases=("wasted_work",)),
        Count("out_of_order", "messages", "messages begun after a later one (of their group)",
              "lower", lambda c: c.out_of_order()),
        Metric("latency_mean", "s", "mean time from made to done for the first time", "lower",
               lambda c: kit.mean(c.latency)),
        Metric("latency_p95", "s", "19 of 20 messages are done within this", "lower",
               lambda c: kit.quantile(c.latency, 95)))
    PANELS = (Panel("Consumers", (
        Line("at work", "working", step=True), Line("down", "down", step=True)),
        marks=("crash",)),)
    INVARIANTS = (kit.Invariant("no consumer works on two messages", lambda r: bool(
        (r.series["working"].value + r.series["down"].value
         <= r.series["consumers"].value).all())),)
    shows = (("at work", "working"), ("down", "down"))

    def __init__(self, sim: Simulation, name: str, client: Client, count: int = 1, *,
                 work: ServiceTimes | Callable[[Message], float],
                 fails: float | Callable[[Message], bool] = 0.0,
                 crashes: float | Callable[[Work], float] = 0.0, restart: float = 0.0,
                 heartbeat: float = 0.0, heartbeat_timeout: float = VISIBILITY,
                 delete_batch: bool = False, release_failed: bool = False,
                 made: Callable[[Message], float] = lambda message: message.sent,
                 random: np.random.Generator | None = None):
        super().__init__(sim, name)
        for what, value, most in (
                ("count", count, math.inf), ("restart", restart, math.inf),
                ("heartbeat", heartbeat, math.inf), ("heartbeat_timeout", heartbeat_timeout,
                                                     math.inf),
                ("fails", 0 if callable(fails) else fails, 1),
                ("crashes", 0 if callable(crashes) else crashes, 1)):
            if not 0 <= value <= most:
                raise ParameterError(what, value, "at least 0" if most > 1 else "a share, 0 to 1")
        rng = random
        if rng is None and not (callable(work) and callable(fails) and callable(crashes)):
            rng = sim.stream(f"{name} work")
        self.client, self.count, self.restart = client, count, restart
        self.heartbeat, self.heartbeat_timeout = heartbeat, heartbeat_timeout
        self.delete_batch, self.release_failed, self.made = delete_batch, release_failed, made
        self.seconds = work if callable(work) else _of_each(lambda: float(work.draw(1, rng)[0]))
        self.fails = fails if callable(fails) else _of_each(lambda: rng.random() < fails)
        self.crash_after = crashes if callable(crashes) else (
            lambda work: broken_off(work.seconds, rng.random(), crashes))
        self.works: list[Work] = []
        self.done = Outlet(self)
        self._done: set = set()     # bodies of messages whose work is done
        self._logged = 0
        client.queue.link(self, "receive")
        for number in range(count):
            sim.process(self.consume(number))

    def consume(self, number: int) -> Generator:
        """Receives, works on one message after the other, deletes; or fails, or crashes."""
        sim, client = self.sim, self.client
        while True:
            held = yield from client.receive()
            beat = sim.now + self.heartbeat         # when the next heartbeat is due
            yield sim.env.timeout(client.call_time)
            done = []
            while held:
                work = self.begin(held[0], number)
                crash = self.crash_after(work)
                end = sim.now + min(work.seconds, crash)
                while self.heartbeat and beat < end:
                    yield sim.until(max(beat, sim.now), Order.METRIC)
                    client.change(held + done, self.heartbeat_timeout)
                    beat += self.heartbeat
                yield sim.until(end, Order.CAPACITY)
                if crash < work.seconds:
                    self.end(work, CRASHED)
                    yield sim.env.timeout(self.restart)
                    break                           # what it held comes back by itself
                receipt = held.pop(0)
                if work.fails:
                    self.end(work, FAILED)
                    if self.release_failed:
                        client.change([receipt], 0.0)
                        yield sim.env.timeout(client.call_time)
                    continue
                self.end(work, DONE)
                done.append(receipt)
                if not self.delete_batch:
                    yield from client.delete(done)
                    done = []
            else:
                if done:
                    yield from client.delete(done)

    def begin(self, receipt: Receipt, number: int) -> Work:
        """A consumer begins to work on a message."""
        message, receive = receipt
        work = Work(message, receive, number, self.seconds(message), self.fails(message),
                    self.sim.now)
        self.works.append(work)
        return work

    def end(self, work: Work, outcome: str) -> None:
        """That work has ended."""
        work.end, work.outcome = self.sim.now, outcome
        message = work.message
        if outcome == CRASHED:
            self._tell("crash", f"consumer {work.consumer + 1} crashes with message "
                                f"{message.number + 1}")
        elif outcome == DONE and message.body in self._done:
            self._tell("again", f"message {message.number + 1} is done a second time")
        elif outcome == DONE:
            self._done.add(message.body)
            if self.done.connected:
                self.done.give(np.array([work.end]))

    def _tell(self, kind: str, text: str) -> None:
        self._logged += 1
        if self._logged <= MOST_LOGGED:
            self.log(kind, text)

    # -- at the end of the run -------------------------------------------------------------

    @cached_property
    def first(self) -> list[Work]:
        """The work done first of each message, in the order in which it was done."""
        return self._finished[0]

    @cached_property
    def again(self) -> list[Work]:
        """The work done that had been done before."""
        return self._finished[1]

    @cached_property
    def _finished(self) -> tuple[list[Work], list[Work]]:
        first, again, seen = [], [], set()
        for work in sorted((w for w in self.works if w.outcome == DONE), key=lambda w: w.end):
            (again if work.message.body in seen else first).append(work)
            seen.add(work.message.body)
        return first, again

    @cached_property
    def latency(self) -> np.ndarray:
        """From made to done of each message that is done, s."""
        return np.array([w.end - self.made(w.message) for w in self.first])

    def wasted(self) -> float:
        """Time spent by now on work that came to nothing, s."""
        spent = sum((w.end if w.outcome else self.sim.now) - w.start for w in self.works)
        return max(spent - sum(w.end - w.start for w in self.first), 0.0)

    def out_of_order(self) -> int:
        """Messages whose work began after that of a later one (of their group)."""
        newest: dict[str, int] = {}
        count, begun = 0, set()
        for message in (work.message for work in self.works):
            if message.number not in begun:
                begun.add(message.number)
                last = newest.get(message.group, -1)
                count += message.number < last
                newest[message.group] = max(last, message.number)
        return count

    def series(self) -> dict[str, tuple[np.ndarray, str]]:
        """What is done, and how many work; of each whether it does: 1 at work, a little more after
        a crash."""
        t = self.record.t
        busy = np.zeros((max(self.count, MOST_BARS), len(t)))
        for w in self.works:
            row, end = busy[w.consumer], w.end if w.outcome else self.sim.now
            row[int(np.ceil(w.start / t[1])):int(end / t[1]) + 1] = 1.0
            if w.outcome == CRASHED:
                row[int(end / t[1]) + 1:int((end + self.restart) / t[1]) + 1] = 1.1
        crashes = [w.end for w in self.works if w.outcome == CRASHED]
        return {"completed": (so_far(t, [w.end for w in self.first]), "messages"),
                "duplicates": (so_far(t, [w.end for w in self.again]), "messages"),
                "crashes": (so_far(t, crashes), "times"),
                "working": ((busy == 1).sum(axis=0).astype(float), "consumers"),
                "down": ((busy > 1).sum(axis=0).astype(float), "consumers"),
                "consumers": (np.full(len(t), float(self.count)), "consumers"),
                **{bar_name("busy", i): (busy[i], "") for i in range(MOST_BARS)}}


def _of_each(draw: Callable[[], Any]) -> Callable[[Message], Any]:
    """A function that draws once for each message, and then says the same again."""
    drawn: dict[Message, Any] = {}

    def known(message: Message) -> Any:
        if message not in drawn:
            drawn[message] = draw()
        return drawn[message]
    return known


def broken_off(seconds: float, lot: float, share: float) -> float:
    """After how much of its work a consumer crashes, s: at any moment, in a `share` of all works;
    infinite if it doesn't. lot: 0 to 1."""
    return seconds * lot / share if lot < share else math.inf
