"""What is told of clients: what they wanted, how often they asked, what became of it.

Picture the tally that a market researcher keeps at the door: who came, how often each asked, who
left with what he wanted and when, who left without.

*Models:* requests and attempts by when and how they end. *Leaves out:* which request was which.
"""

from functools import cached_property

import numpy as np

from labsim.declare.component import Component
from labsim.declare.drawing import Line, Panel, per_tick
from labsim.declare.invariants import adds_up
from labsim.declare.metrics import Count, Metric
from labsim.declare.outcome import mean, quantiles
from labsim.engine import Simulation, so_far

OPEN, COMPLETED, FAILED, ABANDONED = range(4)       # what has become of a request


def of_fate(name: str, meaning: str, fate: int, better: str = "lower", *aliases: str) -> Count:
    """How many requests have come to this."""
    return Count(name, "requests", meaning, better, lambda c: c.fates[fate], aliases=aliases)


def of_attempts(name: str, meaning: str, better: str = "lower") -> Count:
    """How many attempts have come to this."""
    return Count(name, "attempts", meaning, better, lambda c: len(c.moments[name]))


class ClientReport(Component):
    """What a client keeps of its requests and attempts, and what it tells of them."""

    METRICS = (
        Count("offered", "requests", "requests that clients wanted, retries not counted", "",
              lambda c: len(c.sent)),
        of_attempts("attempts", "times that they asked: offered and retries", ""),
        Count("retries", "attempts", "attempts after the first of a request", "lower",
              lambda c: len(c.attempts) - len(c.sent)),
        of_fate("completed", "answered in time", COMPLETED, "higher"),
        of_fate("failed", "given up after an error", FAILED),
        of_fate("abandoned", "given up after a timeout", ABANDONED),
        of_fate("open_end", "not ended when the run ended", OPEN, ""),
        of_attempts("timed_out", "attempts without an answer in time"),
        of_attempts("refused", "attempts answered with an error"),
        of_attempts("late", "answers that came when nobody waited for them: work for nothing"),
        of_attempts("short_circuited", "attempts that an open breaker stopped"),
        Metric("amplification", "x", "attempts that were sent, per request", "lower",
               lambda c: c.sent_attempts / max(len(c.sent), 1), label="attempts per request"),
        Metric("goodput", "req/s", "requests answered in time, per second", "higher",
               lambda c: c.fates[COMPLETED] / c.sim.duration),
        Metric("goodput_share", "of requests", "part of the requests that ended which was "
               "answered in time", "higher",
               lambda c: c.fates[COMPLETED] / max(sum(c.fates[COMPLETED:]), 1),
               label="answered in time"),
        Metric("latency_mean", "s", "mean time from the first attempt to the answer", "lower",
               lambda c: mean(c.latency)),
        *(Metric(f"latency_p{q}", "s", f"{some} of the answers come within this", "lower",
                 lambda c, q=q: c.latencies[q])
          for q, some in ((50, "half"), (95, "19 of 20"), (99, "99 of 100"))))
    PANELS = (
        Panel("Requests per second", (
            Line("offered", "offered_rate"), Line("attempts", "attempts_rate"),
            Line("goodput", "goodput_rate"))),
        Panel("Time until a request ends", (Line("mean", "time"), Line("if answered", "latency"))))
    INVARIANTS = (adds_up("offered", "completed", "failed", "abandoned", "open_end"),
                  adds_up("attempts", "offered", "retries"))
    shows = (("wanted/s", "offered_rate"), ("answered/s", "goodput_rate"))
    alarm = "lost_rate"

    def __init__(self, sim: Simulation, name: str):
        super().__init__(sim, name)
        self.sent: list[float] = []     # requests, when, s,
        self.ended: list[list[float]] = [[], [], [], []]    # and when they ended, by fate
        self.waited: list[list[float]] = [[], [], [], []]   # since the first attempt, s, by fate
        self.moments: dict[str, list[float]] = {    # attempts, when, s
            what: [] for what in ("attempts", "timed_out", "refused", "late", "short_circuited")}
        self.attempts = self.moments["attempts"]

    @cached_property
    def fates(self) -> list[int]:
        """How many requests have come to each fate."""
        ended = [len(times) for times in self.ended]
        return [len(self.sent) - sum(ended), *ended[1:]]

    @property
    def sent_attempts(self) -> int:
        """Attempts that were sent."""
        return len(self.attempts) - len(self.moments["short_circuited"])

    @property
    def took(self) -> list[float]:
        """From the first attempt to the answer, of each request that was answered, s."""
        return self.waited[COMPLETED]

    @cached_property
    def latency(self) -> np.ndarray:
        """The same as an array."""
        return np.array(self.took)

    @cached_property
    def latencies(self) -> dict[int, float]:
        """{50: median latency, 95: ..., 99: ...}, s."""
        return quantiles(self.latency)

    def series(self) -> dict[str, tuple[np.ndarray, str]]:
        """Requests and attempts per second; how long it takes until they are answered, or end."""
        t, tick = self.record.t, self.sim.tick

        def rate(times) -> tuple[np.ndarray, str]:
            return per_tick(np.diff(so_far(t, np.array(times))) / tick, "req/s")
        def mean_of(*fates) -> tuple[np.ndarray, str]:
            ended, waited = ([x for fate in fates for x in told[fate]]
                             for told in (self.ended, self.waited))
            slot = np.minimum((np.array(ended) / tick).astype(int), len(t) - 2)
            count = np.bincount(slot, minlength=len(t) - 1)
            return per_tick(np.bincount(slot, waited, len(t) - 1) / np.maximum(count, 1), "s")
        offered, attempts = rate(self.sent), rate(self.attempts)
        return {"offered_rate": offered, "attempts_rate": attempts,
                "retries_rate": (attempts[0] - offered[0], "req/s"),
                "goodput_rate": rate(self.ended[COMPLETED]),
                "lost_rate": rate(self.ended[FAILED] + self.ended[ABANDONED]),
                "refused_rate": rate(self.moments["refused"]),
                "late_rate": rate(self.moments["late"]), "latency": mean_of(COMPLETED),
                "time": mean_of(COMPLETED, FAILED, ABANDONED)}
