"""The consumers of one group, such as the instances of an `ec2.Fleet`, and the queues they serve.

Picture clerks with several trays before them. Whoever is free looks into the first tray, and only
if nothing lies there into the next one; and nobody drops what he has in hand for a better letter.

*Models:* consumers that are all alike, with so many threads each, each of which works on one
message at a time; non-preemptive priorities by the order of the queues; consumers that come, are
drained, or vanish with what they have in hand; all of them broken, slow, or failing.
*Leaves out:* which of them holds which message (drawn by lot); weights between the queues; the time
that a poll of an empty queue takes.
"""

import math

import numpy as np

from labsim.declare.faults import together


class Job:
    """A message that a thread works on, from `start` to `end` (s); closing: it is the thread's
    last one; lost: nobody works on it any more."""

    __slots__ = ("message", "start", "end", "closing", "lost")

    def __init__(self, message, start: float, end: float):
        self.message, self.start, self.end = message, start, end
        self.closing = self.lost = False


class Crew:
    """The consumers of `owner` (an `ec2.Fleet`) that serve `queues` (`sqs.Queue`), the first named
    first."""

    def __init__(self, queues: list, owner=None):
        self.queues, self.threads, self.sim = queues, queues[0].threads, queues[0].sim
        self.owner = owner
        self.idle = 0                       # threads that have nothing to do
        self.jobs: dict[Job, None] = {}     # by when they began
        self.down, self.slow, self.errors = False, 1.0, 0.0
        self.busy = 0.0                     # thread-seconds of the jobs that have ended
        self._luck = None
        for queue in queues:
            queue.crews.append(self)
            queue.follow = queue.follow or len(queues) > 1 or len(queue.crews) > 1

    def advance(self) -> None:
        """Let everything happen until now."""
        for queue in self.queues:
            queue.advance()

    def add(self) -> None:
        """A consumer starts to receive messages now."""
        if not self.queues[0].begun:        # so do they all, when the run begins
            self.idle += self.threads
            return
        self.advance()
        if not self.queues[0].followed:
            return self.queues[0].plane.add(self.threads)
        self.idle += self.threads
        self.look(self.sim.now)

    def remove(self, rng: np.random.Generator, drain: bool) -> float:
        """A consumer, any of them, stops now; returns when it is gone, s. drain: it finishes its
        messages first; otherwise they are lost for the moment."""
        self.advance()
        count, now = self.threads, self.sim.now
        if not self.queues[0].followed:
            return self.queues[0].plane.remove(count, rng, drain)
        jobs = sorted((job for job in self.jobs if not job.closing), key=lambda job: job.end)
        among = self.idle + len(jobs)
        which = ([int(rng.integers(among))] if count == 1
                 else rng.choice(among, count, replace=False).tolist())
        # Those for whom there is a message in line or room for one, who work, who have no room.
        first = min(self.idle, sum(queue.plane.room for queue in self.queues))
        chosen = [jobs[i - first] for i in sorted(which) if first <= i < first + len(jobs)]
        self.idle -= count - len(chosen)
        for job in chosen:
            job.closing = True
        if drain:
            return max([job.end for job in chosen], default=now)
        self._lose(now, chosen)
        return now

    def _lose(self, t: float, jobs: list[Job]) -> None:
        for job in jobs:
            del self.jobs[job]
            job.lost = True
            self.busy += t - job.start
            self.idle += not job.closing
        for plane in dict.fromkeys(job.message.plane for job in jobs):
            plane.lose(t, [job for job in jobs if job.message.plane is plane])

    # -- work ------------------------------------------------------------------------------------

    def look(self, t: float) -> None:
        """Whoever is idle looks for messages."""
        while self.idle and not self.down:
            self.idle -= 1      # a message that is dead may call up another one
            for queue in self.queues:
                message = queue.plane.receive(t)
                if message is not None:
                    break
            else:
                self.idle += 1
                return
            job = Job(message, t, t + message.work * self.slow)
            self.jobs[job] = None
            self.sim.agenda.at(job.end, self._end, job)

    def _end(self, t: float, job: Job) -> None:
        if job.lost:
            return
        del self.jobs[job]
        self.busy += t - job.start
        self.idle += not job.closing
        plane = job.message.plane
        share = 1.0 - (1.0 - self.errors) * (1.0 - plane.queue.error_share)
        if share and self._unlucky(share):
            plane.come_back(t, job)
        else:
            plane.complete(t, job.message)
        self.look(t)
        plane.look(t)       # others, for whom there was no room

    def _unlucky(self, share: float) -> bool:
        if self._luck is None:
            self._luck = self.sim.stream(f"{self.queues[0].name} errors")
        return self._luck.random() < share

    # -- faults ----------------------------------------------------------------------------------

    def suffer(self, what: str, amounts: list[float]) -> None:
        """All of them are down, slow, or fail; see `labsim.declare.faults`."""
        self.advance()
        t = self.sim.now
        if what == "slow":
            self.slow = math.prod(amounts)
        elif what == "errors":
            self.errors = together(amounts)
        else:
            self.down = bool(amounts)
            if self.down:
                self._lose(t, list(self.jobs))
            self.look(t)

    @property
    def capacity(self) -> float:
        """Consumer-seconds that there were by the end of the run."""
        return self.owner.capacity if self.owner else 0.0

    def busy_seconds(self) -> float:
        """Consumer-seconds spent on messages by now; a thread is its share of a consumer."""
        if not self.queues[0].followed:
            return self.queues[0].busy_seconds()
        now = self.sim.now
        return (self.busy + sum(now - job.start for job in self.jobs)) / self.threads
