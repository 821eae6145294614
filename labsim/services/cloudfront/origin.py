"""Where CloudFront's misses go: an origin, perhaps a second one in another region.

Picture the factory with its loading bays. A lorry waits until a bay is free; if that takes too long
it drives away empty. When the gate is shut nobody says so: the driver rings, waits, rings again,
and goes to the other factory. The next driver rings, too.

*Models:* a bucket (any number at a time) or a server with so many workers, first come first served;
an outage in which it doesn't answer or answers 503, always or a share of the time; a fault by which
each answer takes longer; attempts and timeouts; an origin group, which forgets each failure.
*Leaves out:* attempts after a response timeout, keep-alive, partial answers, a second origin that
is full or behind.

Data plane: request-level; a crowd of many thousands at a server is a fluid. Whoever asks is taken
in the order in which viewers asked; ways only add to the time of the answer.
"""

import math
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from labsim import factbook
from labsim.declare import Component, Count, Line, Metric, Panel, per_tick
from labsim.declare.faults import ERRORS as SHARE
from labsim.declare.faults import SLOW, FaultKind
from labsim.engine import Order, Servers, Simulation
from labsim.errors import require, unknown
from labsim.services.cloudfront import rules
from labsim.services.cloudfront.tally import whole
from labsim.services.common import regions as world

UNREACHABLE, ERRORS = OUTAGES = "unreachable", "errors"
PRIMARY, SECOND, FAILED = range(3)
SINGLY, GRAINS = 500, 100       # requests of a crowd at a server at a time; else parts of a tick


@dataclass(frozen=True)
class Fault:
    """From when to before when (s) the first origin is away, and how, for which share of the
    requests."""

    kind: str
    start: float
    end: float
    share: float = 1.0
    struck: bool = False


class Origin(Component):
    """An origin that takes `service` s for an answer. workers: how many requests a server does at
    a time; 0: a bucket, without limit.

    connect_attempts, connect_timeout, response_timeout: how often and how long (s) CloudFront
    tries it. group: there is a second origin, which always answers. region, second_region: where
    they are. What is sent to it comes from a `cloudfront` delivery.
    """

    FAULTS = {"down": FaultKind("it doesn't answer at all"), "errors": SHARE, "slow": SLOW}
    METRICS = (
        Count("attempts", "requests", "requests that the first origin got", "lower",
              lambda o: o.per_tick.sum()),
        Count("failovers", "requests", "requests that went on to the second origin", "lower",
              lambda o: o.failovers),
        Metric("utilization", "of capacity", "share of its workers' time spent on answers; 0 "
               "for a bucket", "",
               lambda o: o.worked / (o.workers * o.sim.duration) if o.workers else 0.0))
    PANELS = (Panel("Requests", (Line("asked", "attempts_rate"),), marks=("outage",)),)
    shows = (("req/s", "attempts_rate"),)

    def __init__(self, sim: Simulation, name: str,
                 service: float = factbook.value("s3.first_byte_low_s"), workers: int = 0, *,
                 connect_attempts: int = int(factbook.value("cf.connect_attempts")),
                 connect_timeout: float = factbook.value("cf.connect_timeout_s"),
                 response_timeout: float = factbook.value("cf.response_timeout_s"),
                 group: bool = False, region: int = world.US, second_region: int = world.EUROPE):
        super().__init__(sim, name)
        for what, value, least in (("service", service, 0), ("workers", workers, 0),
                                   ("connect_attempts", connect_attempts, 1),
                                   ("connect_timeout", connect_timeout, 0),
                                   ("response_timeout", response_timeout, 0)):
            require(what, value, least, endless=True)
        for what, value in (("region", region), ("second_region", second_region)):
            require(what, value, 0, len(world.REGIONS) - 1, whole=True)
        self.service, self.workers, self.group = service, workers, group
        self.usual = service                # without a fault
        self.region, self.second_region = region, second_region
        self.attempts, self.connect = connect_attempts, connect_timeout
        self.response = response_timeout
        self.servers = Servers(workers, free=-math.inf)      # a warm-up is before 0 s
        self.outages: list[Fault] = []
        self.asked_by: list = []            # deliveries
        self.asked: list[float] = []        # when the first origin was asked, s
        self.failovers = 0
        self.worked = 0.0                   # s of all workers together, warm-up aside
        self._luck = sim.stream(f"{name} errors")

    def fault(self, at: float, lasts: float, kind: str = UNREACHABLE) -> None:
        """From `at` for `lasts` s it doesn't answer ("unreachable"), or answers 503 ("errors")."""
        if kind not in OUTAGES:
            raise unknown("kind", kind, OUTAGES)
        self.require("at", at, unit="s")
        self.require("lasts", lasts, unit="s")
        self.outages.append(Fault(kind, at, at + lasts))

        def telling():
            yield self.sim.until(at, Order.CAPACITY)
            self.log("outage", "doesn't answer" if kind == UNREACHABLE else "answers 503")
            yield self.sim.until(at + lasts, Order.CAPACITY)
            self.log("back", "is back")
        self.sim.process(telling())

    def advance(self, now: float) -> None:
        """Let everybody who asks it do so until `now`."""
        for delivery in self.asked_by:
            delivery.advance(now)

    def suffer(self, piece: str, what: str, amounts: list[float]) -> None:
        """It is away, answers 503, or is slow."""
        now = self.sim.now
        for delivery in self.asked_by:
            if delivery.crowd:
                delivery.crowd.stirred()
        if what == "slow":
            self.service = self.usual * math.prod(amounts)
            return
        kind = UNREACHABLE if what == "down" else ERRORS
        holding = [one for one in self.outages if one.kind == kind and one.struck
                   and one.end > now]
        if len(amounts) > len(holding):
            share = amounts[-1] if what == "errors" else 1.0
            self.outages.append(Fault(kind, now, self.mended_at, share, struck=True))
        elif len(amounts) < len(holding):       # before it was known
            self.outages = [replace(one, end=now) if one is holding[0] else one
                            for one in self.outages]

    def ask(self, now: float, way: float, other_way: float) -> tuple[float, int]:
        """When (s) the answer to a request of `now` is back over round trips of `way` s, or over
        `other_way` from the second origin, and who gave it."""
        self.asked.append(now)
        at = now
        if self.outages and (kind := self._away(now)):
            if kind == ERRORS:
                return self._other(now + way, other_way, rules.UNAVAILABLE)
            away = [(one.start, one.end) for one in self.outages if one.kind == UNREACHABLE]
            at = rules.connected(now, away, self.attempts, self.connect)
            if at is None:
                given_up = now + rules.time_to_failover(self.attempts, self.connect)
                return self._other(given_up, other_way)
        if self.servers:
            if self.servers[0] - at > self.response:
                return self._other(at + self.response, other_way)
            at = self.servers.begin(at, self.service)
        self._work(now, 1)
        return at + self.service + way, PRIMARY

    def _work(self, at: float, answers: float) -> None:
        """It works on the answers to requests of `at` s."""
        if at >= 0:
            self.worked += self.service * answers

    def _away(self, now: float) -> str:
        """How it is away at `now`, "" if it isn't."""
        return next((one.kind for one in self.outages if one.start <= now < one.end
                     and (one.share == 1.0 or self._luck.random() < one.share)), "")

    def _other(self, now: float, way: float, status: int | None = None) -> tuple[float, int]:
        """The second origin's answer, if there is one to ask. status: the first one's, None if it
        gave no answer at all."""
        if self.group and (status is None or rules.fails_over("GET", status)):
            self.failovers += 1
            return now + way + self.service, SECOND
        return now, FAILED

    # -- a crowd's requests, many at once ----------------------------------------------------

    def answers(self, t: np.ndarray, way: np.ndarray,
                other_way: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """As `ask`, of requests of `t` s (n,), without what a server makes them wait: when the
        answers are back, s, and who gave them."""
        there, who = t + self.service + way, np.full(len(t), PRIMARY)
        if not self.outages:
            return there, who
        unseen = np.ones(len(t), dtype=bool)    # the first outage of a moment says how
        given_up = np.full(len(t), np.nan)
        silent = [one for one in self.outages if one.kind == UNREACHABLE]
        for one in self.outages:
            hit = unseen & (one.start <= t) & (t < one.end)
            if one.share < 1.0:
                hit &= self._luck.random(len(t)) < one.share
            unseen &= ~hit
            if one.kind == ERRORS:
                given_up[hit] = (t + way)[hit]
                continue
            given_up[hit] = t[hit] + rules.time_to_failover(self.attempts, self.connect)
            for n in reversed(range(self.attempts)):
                begun = t + n * self.connect
                through = hit & ~np.any([(x.start <= begun) & (begun < x.end) for x in silent],
                                        axis=0)
                there[through] = (begun + self.service + way)[through]
                given_up[through] = np.nan
        lost = ~np.isnan(given_up)
        who[lost] = SECOND if self.group else FAILED
        there[lost] = given_up[lost] + (
            other_way[lost] + self.service if self.group else 0.0)
        return there, who

    def queue(self, t: np.ndarray, n: np.ndarray, end: float,
              random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """How long a server makes requests wait that come at `t` s (sorted), `n` at each or, more
        than one, at any time until `end`: s, and whether it has taken them. Up to `SINGLY` requests
        are taken one by one; a crowd flows through as a fluid in `GRAINS` parts."""
        if not self.workers or not len(t):
            return np.zeros(len(t)), np.ones(len(t), dtype=bool)
        return (self._singly if n.sum() <= SINGLY else self._flowing)(t, n, end, random)

    def _singly(self, t, n, end, random) -> tuple[np.ndarray, np.ndarray]:
        times = whole(n)
        who = np.repeat(np.arange(len(t)), times)
        at = t[who]
        more = np.append(False, who[1:] == who[:-1])[:len(who)]
        at[more] = t[0] + (end - t[0]) * random.random(more.sum())
        order = np.argsort(at, kind="stable")
        waits, taken = np.zeros(len(who)), np.ones(len(who))
        for i, now in zip(order.tolist(), at[order].tolist()):
            if self.servers[0] - now > self.response:
                taken[i] = 0.0
            else:
                waits[i] = self.servers.begin(now, self.service) - now
        self._work(t[0], taken.sum())
        served = np.bincount(who, taken, len(t))
        return (np.bincount(who, waits, len(t)) / np.maximum(served, 1.0),
                random.random(len(t)) * times <= served)

    def _flowing(self, t, n, end, random) -> tuple[np.ndarray, np.ndarray]:
        """While it keeps up, they wait as in M/D/c (Sakasegawa's form of Allen-Cunneen's mean), at
        most as long as chance can fill the line from nothing."""
        begin, each = float(t[0]), self.service / self.workers
        length = max(end - begin, 1e-9)
        free = sum(max(one, begin) for one in self.servers) / self.workers
        grain = np.minimum(((t - begin) / length * GRAINS).astype(np.int64), GRAINS - 1)
        came, (waits, parts) = np.bincount(grain, n, GRAINS), np.zeros((2, GRAINS))
        for k, many in enumerate(came.tolist()):
            at = begin + length * k / GRAINS
            if many:        # as many as don't have to wait for too long
                waits[k] = min(max(free - at, 0.0), self.response)
                room = (self.response - max(free - at, 0.0) + length / GRAINS) / each
                parts[k] = min(max(room / many, 0.0), 1.0)
                free = max(free, at) + many * parts[k] * each
                self._work(begin, many * parts[k])
        busy = min(came.sum() / length * each, 0.995)
        chance = each * min(busy ** (math.sqrt(2 * (self.workers + 1)) - 1) / (1 - busy) / 2,
                            math.sqrt(came.sum()))
        waits = np.where(waits > 0, waits, min(chance, self.response))
        self.servers[:] = [free] * self.workers
        return waits[grain], random.random(len(t)) < parts[grain]

    @cached_property
    def per_tick(self) -> np.ndarray:
        """Requests that it got in each tick, warm-up aside, (ticks,)."""
        asked = np.array(self.asked)
        counts, _ = np.histogram(asked[asked >= 0], np.append(self.record.t[:-1], math.inf))
        return counts + sum(each.books.asked for each in self.asked_by if each.crowd)

    def series(self) -> dict[str, tuple[np.ndarray, str]]:
        """Requests per second that it got."""
        return {"attempts_rate": per_tick(self.per_tick / self.sim.tick, "req/s")}
