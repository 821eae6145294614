"""Amazon SQS, a standard queue in front of a group of consumers.

Picture a pile of letters. A consumer takes the top one; while it works, the letter lies face
down (in flight). If the consumer vanishes, the letter turns face up again when its visibility
timeout ends, and somebody else starts it from the beginning.

*Models:* visible and in-flight messages, age of the oldest; one message at a time per consumer;
a consumer that is terminated while it works: its message comes back at the end of the visibility
timeout that runs then (consumers renew it while they work), and is counted as received again
(fact sqs.at_least_once).
*Leaves out:* order within the pile beyond first come, first served; duplicates, batches, polling
latency, dead-letter queues, retention (the lab `sqs-delivery` is about those).

Data plane: request-level, exact (`Station`).
"""

import math
from collections.abc import Iterable, Iterator

import numpy as np

from labsim.engine import Simulation, Station


class Queue:
    """A queue fed by `source` (blocks of arrival and service times) with its consumers."""

    def __init__(self, sim: Simulation, source: Iterable, visibility_timeout: float):
        self.sim, self.visibility_timeout = sim, visibility_timeout
        self.station = Station(self._counted(source), fast=sim.fast)
        self.busy = 0.0             # consumer-seconds of work begun, less what is still ahead
        self.oldest_age = 0.0       # largest age that any message has had, s
        self._lost = 0
        sim.on_advance(self.advance)

    def _counted(self, source: Iterable) -> Iterator:
        for arrival, service in source:
            self.sim.check()
            self.sim.record.count("arrived", arrival)
            yield arrival, service

    def advance(self, now: float | None = None) -> None:
        """Let messages flow until `now` (default: the present)."""
        now = self.sim.now if now is None else now
        if now == self.station.now:
            return
        window = self.station.advance(now)
        record = self.sim.record
        record.observe("wait", window.start, window.start - window.sent)
        record.count("processed", window.done)
        self.busy += float(window.done.sum() - window.start.sum())
        self.oldest_age = max(self.oldest_age, float(np.max(window.done - window.done_sent,
                                                            initial=0.0)))

    def add_consumer(self) -> None:
        """A consumer starts to receive messages now."""
        self.advance()
        self.station.add(self.sim.now)

    def remove_consumer(self, rng: np.random.Generator, *, drain: bool) -> float:
        """One consumer, any of them, stops now; returns the time at which it is gone.

        drain: it finishes its message first; otherwise its message is lost for the moment.
        """
        self.advance()
        which = int(rng.integers(self.station.servers))
        if drain:
            return self.station.retire(which)
        job, now = self.station.kill(which), self.sim.now
        if job:
            timeouts = max(1, math.ceil((now - job.start) / self.visibility_timeout))
            back = job.start + timeouts * self.visibility_timeout
            self.station.offer(back, job.service, job.sent)
            self.busy += now
            self._lost += 1
            self.sim.record.count("lost", np.array([now]))
            self.sim.record.count("returned", np.array([back]))
            self.sim.log("message", f"a message is lost with its instance, and visible again "
                                    f"at {back:,.0f} s")
        return now

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
        """Consumer-seconds spent on messages by now."""
        return self.busy + self.station.in_service * self.station.now

    def oldest_age_max(self) -> float:
        """Largest age that a message has had by now, deleted or not, s."""
        return max(self.oldest_age, self.station.now - self.station.oldest_sent)

    def series(self) -> dict:
        """{name: (values at the record's instants, unit)}; nothing is ever lost among them:
        arrived = processed + backlog + in_flight."""
        record = self.sim.record
        arrived, processed = record.counted("arrived"), record.counted("processed")
        started, returned = record.counted("wait"), record.counted("returned")
        return {
            "arrivals": (record.rate("arrived"), "msg/s"),
            "completions": (record.rate("processed"), "msg/s"),
            "arrived": (arrived.astype(float), "messages"),
            "processed": (processed.astype(float), "messages"),
            "backlog": ((arrived + returned - started).astype(float), "messages"),
            "in_flight": ((started - returned - processed).astype(float), "messages"),
            "lost": (record.counted("lost").astype(float), "messages"),
            "returned": (returned.astype(float), "messages"),
            "wait": (record.mean_by_interval("wait"), "s"),
        }
