"""The messages of a plain Amazon SQS queue, from one look at it to the next.

Picture a till roll that is read once an hour: nobody stands beside each customer, and yet the roll
knows when each was served.

*Models:* first come, first served by consumers that are all alike, exactly, each message in a
fraction of a microsecond. *Leaves out:* whatever makes a message come back for its own sake, or
somebody wait for it: see `followed`.

Data plane: request-level, exact (`Station`).
"""

import math
from collections.abc import Iterator

import numpy as np

from labsim.engine import Station, at_once, merged
from labsim.engine.station import Job
from labsim.services.sqs.threads import Threads
from labsim.services.sqs.wiring import on_agenda

MOST = 500_000      # messages that are looked at together: it costs memory


class Windows:
    """The data plane of a `queue` (`sqs.Queue`) that nothing out of the ordinary is asked of."""

    def __init__(self, queue, in_flight_limit: int):
        self.queue = queue
        self.busy = 0.0             # thread-seconds of work begun, less what is still ahead
        self.oldest_age = 0.0       # largest age that any message has had, s
        self.station = Station(self._requests(), fast=queue.sim.fast)
        self.receiving = Threads(self.station, in_flight_limit)
        for crew in queue.crews:
            for _ in range(crew.idle // queue.threads):
                self.receiving.add(queue.threads)
            crew.idle = 0
        for other in queue.done.asked:
            if on_agenda(other):
                queue.sim.agenda.feeds(other, [queue])

    def _requests(self) -> Iterator:
        queue = self.queue
        for times in at_once(queue.backlog, 0.0):
            yield times, queue.draw(len(times))
        for times in merged(queue.sources):
            queue.sim.check()
            queue.record.count("offered", times)
            yield times, queue.draw(len(times))

    def take(self, times: np.ndarray) -> None:
        """Messages come at `times`, given out by another part."""
        self.queue.record.count("offered", times)
        for t, work in zip(times.tolist(), self.queue.draw(len(times)).tolist()):
            self.station.offer(t, work, t)

    def advance(self, now: float) -> None:
        """Let messages flow until `now`."""
        queue = self.queue
        if now == self.station.now:
            return
        for part in queue.fed_by:
            part.advance(now)
        begun = MOST
        while begun >= MOST:
            window = self.station.advance(now, MOST)
            begun = len(window.start)
            queue.record.observe("wait", window.start, window.start - window.sent)
            queue.record.count("completed", window.done)
            self.busy += float(window.done.sum() - window.start.sum())
            self.oldest_age = max(self.oldest_age, float((window.done - window.done_sent).max(
                initial=0.0)))
            if queue.done.connected:
                queue.done.hand_on(np.sort(window.done))

    def add(self, threads: int) -> None:
        """So many threads receive from now on."""
        self.receiving.add(threads)

    def remove(self, threads: int, rng: np.random.Generator, drain: bool) -> float:
        """So many threads, any of them, receive no more; returns when they have finished, s."""
        now = self.queue.sim.now
        which = self.receiving.leave(threads, rng)
        if drain:
            gone = self.station.retire(which).tolist()
            self.receiving.give_back(gone)
            return max(gone, default=now)
        jobs, idle = self.station.kill(which)
        self.receiving.give_back(idle + self._lost(jobs))
        return now

    def _lost(self, jobs: list[Job]) -> list[float]:
        """Messages lose their consumer now; returns when each is visible again, s."""
        queue, now = self.queue, self.queue.sim.now
        visible = [visible_again(job.start, now, queue.visibility_timeout) for job in jobs]
        for job, t in zip(jobs, visible):
            self.station.offer(t, job.service, job.sent)
        self.busy += now * len(jobs)
        if jobs:
            queue.record.count("lost", np.full(len(jobs), now))
            queue.record.count("returned", np.array(visible))
            queue.log_lost(visible)
        return visible

    @property
    def waiting(self) -> int:
        """Visible messages."""
        return self.station.waiting

    @property
    def oldest_sent(self) -> float:
        """When the oldest message was sent, s; inf if there is none."""
        return self.station.oldest_sent

    def busy_seconds(self, crew=None) -> float:
        """Thread-seconds spent on messages by now."""
        return self.busy + self.station.in_service * self.station.now


def visible_again(start: float, now: float, timeout: float) -> float:
    """When a message received at `start` that loses its consumer `now` is visible again, s: at the
    end of the visibility timeout that runs then, for consumers renew it while they work."""
    return start + max(1, math.ceil((now - start) / timeout)) * timeout
