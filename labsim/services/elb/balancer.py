"""Elastic Load Balancing: a load balancer with a node in each zone, and the targets behind it.

Picture a supermarket with a door per zone, an usher at each door and tills in every hall. The usher
points to a till and never looks back: whoever stands in a line stays there. All that can go wrong
is in how he points, and in what he doesn't know.

*Models:* an Application or Network Load Balancer: what `nodes` (who picks), `traffic` (who waits),
`target_group` (who is there, and who knows it), `trouble` (what breaks) and `users` (who comes)
say; whose weight is cut (`weights`); its bill. Where somebody waits for its answers, or targets
have threads, bounded lines or calls to make, or are parts themselves, it follows each request from
part to part (`wired`).
*Leaves out:* what these leave out; through which node a request came to a target group's balancer,
for the group has it go through any of the nodes.

Data plane: request-level, exact.
"""

import math
from collections.abc import Callable, Iterable
from functools import cache, cached_property

import numpy as np

from labsim import factbook
from labsim.declare import Asked, Component, adds_up, conserved
from labsim.engine import ServiceTimes, Simulation
from labsim.engine.agenda import Call
from labsim.engine.center import FIFO
from labsim.errors import LabsimError, ParameterError, require, require_each
from labsim.services.cloudwatch.alarms import STANDARD_RESOLUTION, Metric
from labsim.services.common.crew import Crew, Manner, lines
from labsim.services.elb import bill, rules
from labsim.services.elb.changes import Changed
from labsim.services.elb.fates import HandedOn
from labsim.services.elb.members import Members
from labsim.services.elb.nodes import Node
from labsim.services.elb.pins import Pins
from labsim.services.elb.readings import METRICS, PANELS, Readings
from labsim.services.elb.target_group import TargetGroup
from labsim.services.elb.traffic import Traffic
from labsim.services.elb.users import SHORTEST_TTL, Users, strangers
from labsim.services.elb.wired import Wired

CONNECTION = 300.0      # s: how long a client keeps one
RESPONSE = 100_000                      # bytes
IDLE = {rules.ALB: factbook.value("elb.alb_idle_timeout_s"),
        rules.NLB: factbook.value("elb.nlb_idle_timeout_s")}


class Balancer(Changed):
    """A load balancer. Requests come from `elb.Users`, by `sim.send(load, to=balancer)`, from
    another part that asks it or whose outlet leads to it; but for the users' each is somebody
    else's. `done` and `failed` are the outlets of what was answered, and what got an error.

    targets: how many there are from the start in zones a, b and c; or parts that answer, each in
    all zones; or `ec2.Fleet`s consume it, and every instance in service is a target. work: how
    long a request is work for a target. threads: so many it works on at a time; order, max_queue,
    max_wait, contention: how its line suffers (`crew.Manner`); calls: what each request asks other
    parts in the course of it (`labsim.ask`), with pools of all targets together.
    anomaly_mitigation: with weighted_random, less goes to targets with many errors. cross_zone:
    "on", "off", or "default" for this kind. sticky: a user stays with a target, by cookie (ALB) or
    address (NLB). connection_time: how long an NLB's user keeps a connection, s. response_size:
    bytes, for the bill. target_price: USD per hour of a target of its own. random(use): the
    generator for each use; by default streams of its own.

    An ALB with target groups: each of them is a Balancer, and `targets=[a, b]` or `alb.then(a,
    share=0.3)` sends to them. Whoever gets requests in no other way is a target group
    (`is_target_group`): it has no hours and capacity units to pay, and no node to lose (`trouble`).

    What is in service are the targets that a node has found healthy, and that have not left; so
    they are while the balancer itself is down, for they are still well.
    """

    METRICS, PANELS = METRICS, PANELS
    INVARIANTS = (adds_up("offered", "completed", "failed", "in_flight_end"),
                  adds_up("failed", "refused", "timed_out", "cut_off", "rejected",
                          "server_errors"),
                  conserved("offered_total", "ended_total", "in_flight"))
    shows = (("req/s", "offered_rate"), ("healthy", "in_service"))
    alarm = "unhealthy"

    def __init__(self, sim: Simulation, name: str, kind: str = rules.ALB, *,
                 targets: tuple[int, int, int] | list[Asked] = (0, 0, 0),
                 work: ServiceTimes | None = None, threads: int = 1, calls=(),
                 order: str = FIFO, max_queue: float = math.inf,
                 max_wait: float | ServiceTimes = math.inf, contention: float = 0.0,
                 algorithm: str = rules.ROUND_ROBIN, anomaly_mitigation: bool = False,
                 cross_zone: str = "default",
                 sticky: bool = False,
                 cookie_duration: float = factbook.value("elb.stickiness_default_s"),
                 idle_timeout: float | None = None, connection_time: float = CONNECTION,
                 dns_ttl: float = factbook.value("elb.dns_ttl"), slow_start: float = 0.0,
                 deregistration_delay: float = factbook.value("elb.dereg_delay_s"),
                 checks: rules.HealthChecks | None = None, response_size: float = RESPONSE,
                 target_price: float = factbook.value("ec2.t3_medium_price"),
                 random: Callable[[str], np.random.Generator] | None = None):
        super().__init__(sim, name)
        self.parts = targets if targets and isinstance(targets[0], Asked) else []
        targets = [0] * len(rules.ZONES) if self.parts else targets
        require("threads", threads, 1, whole=True)
        for what, value, usual in (("work", work, None), ("threads", threads, 1)):
            if self.parts and value != usual:
                raise ParameterError(what, value, f"none: {self.parts[0].name}, a target that is a "
                                     "part, has its own")
        self._manner = Manner(order, max_queue, max_wait, contention)
        self.threads, self._calls = threads, lines(self, calls)
        self.kind = rules.one_of("kind", kind, rules.KINDS)
        self.crosses = rules.crosses(kind, rules.one_of("cross_zone", cross_zone, rules.SETTINGS))
        picks = rules.picks(kind, rules.one_of("algorithm", algorithm, rules.ALGORITHMS))
        require_each(dns_ttl=dns_ttl, targets=min(targets), connection_time=connection_time,
                     target_price=target_price, response_size=response_size)
        timeout = IDLE[kind] if idle_timeout is None else idle_timeout
        require("idle_timeout", timeout, *rules.IDLE[kind])
        require("cookie_duration", cookie_duration, *rules.COOKIE)
        require("deregistration_delay", deregistration_delay, *rules.DELAY)
        rules.fit_together(kind, picks, self.crosses, slow_start, anomaly_mitigation, sticky)
        self.dns_ttl, self.response_size = dns_ttl, response_size
        self.connection_time, self.target_price = connection_time, target_price
        self.random = random or (lambda use: sim.stream(f"{name} {use}"))
        self.users: list[Users] = []
        self.fleets: list[Members] = []
        self.follows: bool | None = None    # each request, from part to part; None: not known yet
        self._handed = HandedOn()
        self._sources: list[Iterable[np.ndarray]] = []
        turns = self.random("turns").random(len(targets)) * (sum(targets) or len(self.parts))
        nodes = [Node(zone, picks, slow_start, int(first)) for zone, first in enumerate(turns)]
        self.traffic = Traffic(
            sim, nodes, timeout=timeout,
            pins=Pins(rules.stays(kind, sticky, cookie_duration, connection_time),
                      renewed=kind == rules.ALB, by_connection=kind == rules.NLB),
            work_random=self.random("service"), choice=self.random("choice"),
            luck=cache(lambda k: self.random(f"errors {k + 1}")))
        self.traffic.work = work
        self.targets = TargetGroup(
            self, nodes, self.traffic, cross=self.crosses, keeps=kind == rules.NLB,
            zones=[z for z, n in enumerate(targets) if n] or list(range(len(rules.ZONES))),
            delay=deregistration_delay, checks=checks or rules.HealthChecks(),
            weighs=anomaly_mitigation, random=self.random, parts=self.parts)
        self.targets.register(
            [rules.EVERYWHERE for _ in self.parts] or
            [z for z, n in enumerate(targets) for _ in range(n)], ready=True)
        sim.agenda.feeds(self, [self])      # it settles how it works when the others advance
        for part in self.parts:
            part.asked_by(self)
            self.link(part)

    # -- wiring ------------------------------------------------------------------------------

    @property
    def pins_users(self) -> bool:
        """Whether it matters who somebody is."""
        return self.traffic.pins.keep > 0

    def welcome(self, users: Users) -> int:
        """These people use it from now on; the number of the first of them."""
        self.users.append(users)
        if not users.client:
            self._sources.append(users.requests())
        return self.traffic.pins.welcome(users.count)

    def feed(self, blocks: Iterable[np.ndarray]) -> None:
        """Requests of strangers come at the times of `blocks` (arrays, s, sorted)."""
        self._sources.append(strangers(blocks, self.dns_ttl, self.random("strangers")))

    def take(self, times: np.ndarray) -> None:
        """Requests come at `times` (s, sorted), given out by another part."""
        self._begin()
        self.traffic.take(next(strangers([times], self.dns_ttl, self.random("others"))))

    def ask(self, t: float, call: Call) -> None:
        """A request comes at `t` s, for whose answer somebody may wait."""
        self.traffic.ask(t, call, self)

    @property
    def is_fed(self) -> bool:
        """Whether requests come to it other than in the course of what comes to others."""
        return bool(self._sources or self.users) or super().is_fed

    @property
    def waits_for(self) -> list[Asked]:
        """Its targets, where they are parts, and what the others call, for as long as it takes."""
        return [*self.parts, *(client.to for client, _ in self._calls if not client.gives_up)]

    @property
    def in_course(self) -> list[tuple[float, Asked]]:
        """Its targets, too, in turn."""
        return [*super().in_course, *((1.0 / len(self.parts), part) for part in self.parts)]

    def wired(self) -> None:
        """It has to have somebody who sends, targets, and work for them."""
        super().wired()
        if not self.targets.zone and not self.fleets:
            raise LabsimError(f"nothing is behind {self.name}: give it targets=(2, 2, 2), or an "
                              f"ec2.Fleet(sim, name, consumes=..., work=...)")
        if self.traffic.work is None and not self.parts:
            raise LabsimError(f"{self.name}: work says how long a request is work for a target")

    def worked_by(self, consumer: Component, work: ServiceTimes | None) -> Members:
        """The instances of `consumer` are targets; a request is `work` for them."""
        if self.parts:
            raise ParameterError("consumes", self.name, "a balancer without parts as targets")
        if not self.fleets:
            self.traffic.work = work or self.traffic.work
        self.fleets.append(Members(self, consumer.name, work or self.traffic.work))
        self.link(consumer)
        return self.fleets[-1]

    def _begin(self) -> None:
        """All is wired: from here on it is known whether requests have to be followed."""
        if self.follows is not None:
            return
        works = {fleet.work for fleet in self.fleets if fleet.work} - {self.traffic.work}
        suffers = bool(self.parts or self._calls or works or self.threads > 1
                       or self._manner != Manner())
        self.follows = bool(suffers or self.askers or self._onward or self.done.asks
                            or self.failed.asks or any(isinstance(p, Asked) for p in self.fed_by))
        if self.follows:
            patience = self._manner.patience(self.sim, self.name)

            def hire(k: int, ended, shed) -> Crew | Asked:
                return self.parts[k] if k < len(self.parts) else Crew(
                    self.sim.agenda, self.threads, self._manner, patience, self._calls, ended,
                    shed)
            self.traffic = self.targets.traffic = Wired(self.traffic, hire, self, max(
                self.dns_ttl, SHORTEST_TTL), self.random("askers"))
            self.targets.trouble.watch_parts()
            for fleet in self.fleets:
                fleet.works(fleet.numbers)
            if suffers and self.targets.weights:
                self.targets.weights.begin(always=True)
        for source in self._sources:
            self.traffic.expect(source)

    def requests_per_target(self, period: float = STANDARD_RESOLUTION, name: str = "") -> Metric:
        """The metric to track that AWS predefines as ALBRequestCountPerTarget: requests in a
        minute, per healthy target; no data while there is none. Where targets are groups, each of
        those has its own."""
        before = [0]

        def read() -> float | None:
            self.advance(self.sim.now)
            came, healthy = self.traffic.routed, self.record.current("in_service")
            new, before[0] = came - before[0], came
            return new * 60 / metric.resolution / healthy if healthy else None
        metric = Metric(self.sim, name or f"{self.name} per target", read, period, "requests",
                        lambda: self.record.current("in_service"),
                        lambda: self.record.current("unhealthy"))
        self.link(metric, "metric")
        return metric

    def advance(self, now: float) -> None:
        """Let requests flow until `now`, and hand on those that have ended."""
        for part in self.fed_by:
            part.advance(now)
        self._begin()
        if self.follows:
            super().advance(now)
            now = self.sim.agenda.reached(self)     # it may be it that lets others advance
        else:
            self.traffic.advance(now)
            if self.done.connected or self.failed.connected:
                good, bad = self._handed.on(self.traffic.fates(self._handed.first), now)
                self.done.give(good)
                self.failed.give(bad)
        if now >= self.sim.duration and "readings" not in vars(self):
            self.readings.tell_who_left()

    # -- at the end of the run -------------------------------------------------------------

    @cached_property
    def readings(self) -> Readings:
        """What came of the run, worked out once."""
        return Readings(self)

    def series(self) -> dict[str, tuple[np.ndarray, str]]:
        """{name: (values at the record's instants, unit)}."""
        return self.readings.series()

    def cost(self) -> dict[str, float]:
        """Targets of its own, the balancer's hours and capacity units, data between zones."""
        own = {} if self.fleets or self.parts else {
            "targets": self.readings.target_hours * self.target_price}
        return {**own, **bill.of(self)}
