"""Elastic Load Balancing: a load balancer with a node in each zone, and the targets behind it.

Picture a supermarket with a door per zone, an usher at each door and tills in every hall. The usher
points to a till and never looks back: whoever stands in a line stays there. All that can go wrong
is in how he points, and in what he doesn't know.

*Models:* an Application or Network Load Balancer: what `nodes` (who picks), `traffic` (who waits),
`target_group` (who is there, and who knows it) and `users` (who comes) say; its bill.
*Leaves out:* what these leave out; targets that work on several requests at a time.

Data plane: request-level, exact.
"""

import math
from collections.abc import Callable, Iterable
from functools import cached_property

import numpy as np

from labsim import factbook
from labsim.declare import Component, Outlet, adds_up, conserved
from labsim.engine import ServiceTimes, Simulation
from labsim.errors import LabsimError, ParameterError, require, require_each
from labsim.services.cloudwatch.alarms import STANDARD_RESOLUTION, Metric
from labsim.services.elb import bill, rules
from labsim.services.elb.fates import ANSWERED, REFUSED, SERVER_ERROR
from labsim.services.elb.nodes import Node
from labsim.services.elb.pins import Pins
from labsim.services.elb.readings import METRICS, PANELS, Readings
from labsim.services.elb.target_group import TargetGroup
from labsim.services.elb.traffic import Traffic
from labsim.services.elb.users import Users, strangers

CONNECTION, EVICTION = 300.0, 30.0      # s: how long a client keeps one; until DNS drops a node
RESPONSE = 100_000                      # bytes
IDLE = {rules.ALB: factbook.value("elb.alb_idle_timeout_s"),
        rules.NLB: factbook.value("elb.nlb_idle_timeout_s")}


class Balancer(Component):
    """A load balancer. Requests come from `elb.Users`, by `sim.send(load, to=balancer)` or from
    another part's outlet; those of the latter are each somebody else's. `done` and `failed` are
    the outlets of requests that were answered, and that got an error.

    targets: how many there are from the start in zones a, b and c; or an `ec2.Fleet` consumes it,
    and every instance in service is a target. work: how long a request is work for a target.
    anomaly_mitigation: with weighted_random, less goes to targets with many errors. cross_zone:
    "on", "off", or "default" for this kind. sticky: a user stays with a target, by
    cookie (ALB) or address (NLB). connection_time: how long an NLB's user keeps a connection, s.
    response_size: bytes, for the bill. target_price: USD per hour of a target of its own.
    random(use): the generator for each use; by default streams of its own.
    """

    METRICS, PANELS = METRICS, PANELS
    INVARIANTS = (adds_up("offered", "completed", "failed", "in_flight_end"),
                  adds_up("failed", "refused", "timed_out", "cut_off", "rejected",
                          "server_errors"),
                  conserved("offered_total", "ended_total", "in_flight"))
    shows = (("req/s", "offered_rate"), ("healthy", "in_service"))
    alarm = "unhealthy"

    def __init__(self, sim: Simulation, name: str, kind: str = rules.ALB, *,
                 targets: tuple[int, int, int] = (0, 0, 0), work: ServiceTimes | None = None,
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
        self.kind = rules.one_of("kind", kind, rules.KINDS)
        self.crosses = rules.crosses(kind, rules.one_of("cross_zone", cross_zone, rules.SETTINGS))
        picks = rules.picks(kind, rules.one_of("algorithm", algorithm, rules.ALGORITHMS))
        require_each(dns_ttl=dns_ttl, targets=min(targets), connection_time=connection_time,
                     target_price=target_price, response_size=response_size)
        timeout = IDLE[kind] if idle_timeout is None else idle_timeout
        require("idle_timeout", timeout, *rules.IDLE[kind])
        require("cookie_duration", cookie_duration, *rules.COOKIE)
        require("deregistration_delay", deregistration_delay, *rules.DELAY)
        if slow_start and not (picks == rules.ROUND_ROBIN and rules.SLOW_START_LEAST
                               <= slow_start <= rules.SLOW_START_MOST):
            raise ParameterError("slow_start", slow_start, f"0, or with {rules.ROUND_ROBIN} from "
                                 f"{rules.SLOW_START_LEAST} to {rules.SLOW_START_MOST} s")
        if anomaly_mitigation and (kind, picks) != (rules.ALB, rules.RANDOM):
            raise ParameterError("anomaly_mitigation", True,
                                 f"False, or with an ALB's {rules.RANDOM}")
        if sticky and (refusal := rules.no_cookies(kind, picks, self.crosses)):
            raise ParameterError("sticky", True, refusal)
        self.dns_ttl, self.response_size = dns_ttl, response_size
        self.connection_time, self.target_price = connection_time, target_price
        self.random = random or (lambda use: sim.stream(f"{name} {use}"))
        self.users: list[Users] = []
        self.consumers: list[Component] = []
        self.done, self.failed = Outlet(self), Outlet(self)
        self._first, self._given = 0, np.empty(0, dtype=bool)   # given out, from that one on
        self._sources: list[Iterable[np.ndarray]] = []
        turns = self.random("turns").random(len(targets)) * sum(targets)
        nodes = [Node(zone, picks, slow_start, int(first)) for zone, first in enumerate(turns)]
        self.traffic = Traffic(
            sim, nodes, timeout=timeout,
            pins=Pins(rules.stays(kind, sticky, cookie_duration, connection_time),
                      renewed=kind == rules.ALB, by_connection=kind == rules.NLB),
            work_random=self.random("service"), choice=self.random("choice"))
        self.traffic.work = work
        self.targets = TargetGroup(
            self, nodes, self.traffic, cross=self.crosses, keeps=kind == rules.NLB,
            zones=[z for z, n in enumerate(targets) if n] or list(range(len(rules.ZONES))),
            delay=deregistration_delay, checks=checks or rules.HealthChecks(),
            weighs=anomaly_mitigation, random=self.random)
        self.targets.register([z for z, n in enumerate(targets) for _ in range(n)], ready=True)
        sim.on_advance(self.advance)

    # -- wiring ------------------------------------------------------------------------------

    @property
    def pins_users(self) -> bool:
        """Whether it matters who somebody is."""
        return self.traffic.pins.keep > 0

    def welcome(self, users: Users) -> int:
        """These people use it from now on; the number of the first of them."""
        self.users.append(users)
        self.traffic.expect(users.requests())
        return self.traffic.pins.welcome(users.count)

    def feed(self, blocks: Iterable[np.ndarray]) -> None:
        """Requests of strangers come at the times of `blocks` (arrays, s, sorted)."""
        self._sources.append(blocks)
        self.traffic.expect(strangers(blocks, self.dns_ttl, self.random("strangers")))

    def take(self, times: np.ndarray) -> None:
        """Requests come at `times` (s, sorted), given out by another part."""
        self.traffic.take(next(strangers([times], self.dns_ttl, self.random("others"))))

    def wired(self) -> None:
        """It has to have somebody who sends, targets, and work for them."""
        if not self.users and not self._sources and not self.fed_by:
            raise LabsimError(f"nothing comes to {self.name}: sim.send(load, to=...) sends to it")
        if not self.targets.zone and not self.consumers:
            raise LabsimError(f"nothing is behind {self.name}: give it targets=(2, 2, 2), or an "
                              f"ec2.Fleet(sim, name, consumes=..., work=...)")
        if self.traffic.work is None:
            raise LabsimError(f"{self.name}: work says how long a request is work for a target")

    def worked_by(self, consumer: Component, work: ServiceTimes | None) -> None:
        """The instances of `consumer` are targets; a request is `work` for them."""
        self.traffic.work = work or self.traffic.work
        self.consumers.append(consumer)
        self.link(consumer)

    def requests_per_target(self, period: float = STANDARD_RESOLUTION, name: str = "") -> Metric:
        """The metric to track that AWS predefines as ALBRequestCountPerTarget: requests in a
        minute, per healthy target; no data while there is none."""
        before = [0]

        def read() -> float | None:
            self.advance(self.sim.now)
            came, healthy = self.traffic.routed, self.record.current("in_service")
            new, before[0] = came - before[0], came
            return new * 60 / metric.resolution / healthy if healthy else None
        metric = Metric(self.sim, name or f"{self.name} per target", read, period, "requests")
        self.link(metric, "metric")
        return metric

    def add_consumer(self) -> None:
        """An instance enters service: it is registered, where the fewest are."""
        self.advance(self.sim.now)
        self.targets.register(self.targets.emptiest(1), ready=not self.sim.now)

    def remove_consumer(self, random: np.random.Generator, *, drain: bool) -> float:
        """An instance, any of them, is to leave: when it is let go, s. drain: when its requests
        have ended, or the deregistration delay is over; else they are cut off now."""
        self.advance(self.sim.now)
        now = self.sim.now
        (target,) = self.targets.deregister(1, None if drain else 0.0)
        return rules.let_go(now, self.targets.waits[target], self.traffic.free[target])

    # -- what is done to it ------------------------------------------------------------------

    def add(self, at: float, how_many: int, cold_factor: float = 1.0, warm_time: float = 0.0
            ) -> None:
        """So many targets are registered at `at` s, where the fewest are. At first they need
        `cold_factor` times as long for everything, for `warm_time` s less and less."""
        require_each(at=at, how_many=how_many, warm_time=warm_time)
        require("cold_factor", cold_factor, 1)

        def coming():
            yield from self.targets.at(at)
            self.targets.register(self.targets.emptiest(how_many), cold=(cold_factor, warm_time))
        self.sim.process(coming())

    def remove(self, at: float, how_many: int) -> None:
        """So many targets are deregistered at `at` s, the oldest where the most are."""
        require_each(at=at, how_many=how_many)

        def leaving():
            yield from self.targets.at(at)
            self.targets.deregister(how_many)
        self.sim.process(leaving())

    def fault(self, at: float, lasts: float, what: str, zone: str, how_many: int = 1,
              eviction: float = EVICTION) -> None:
        """From `at` on for `lasts` s (0: to the end) so many targets of `zone` refuse
        ("target-refuses"), never answer ("target-hangs") or answer 5xx at once and pass their
        checks ("target-errors"), or the zone with its node is lost ("zone-lost"). eviction: how
        long DNS goes on naming that node, s."""
        rules.one_of("what", what, rules.FAULTS)
        require_each(at=at, lasts=lasts, how_many=how_many, eviction=eviction)
        place = rules.ZONES.index(rules.one_of("zone", zone, rules.ZONES))

        def breaking():
            yield from self.targets.at(at)
            self.targets.fault(lasts, what, place, how_many, eviction)
        self.sim.process(breaking())

    def advance(self, now: float) -> None:
        """Let requests flow until `now`, and hand on those that have ended."""
        for part in self.fed_by:
            part.advance(now)
        self.traffic.advance(now)
        if self.done.connected or self.failed.connected:
            fates = self.traffic.fates(self._first)
            given = np.zeros(len(fates.sent), dtype=bool)
            given[:len(self._given)] = self._given
            over, good = fates.ended <= now, fates.kind == ANSWERED
            self.done.give(np.sort(fates.ended[over & ~given & good]))
            self.failed.give(np.sort(fates.ended[over & ~given & ~good]))
            closed = int(np.argmin(np.append(over, False)))
            self._first, self._given = self._first + closed, over[closed:]
        if now >= self.sim.duration:
            self.readings.tell_who_left()

    # -- at the end of the run -------------------------------------------------------------

    @cached_property
    def readings(self) -> Readings:
        """What came of the run, worked out once."""
        return Readings(self)

    def busy_seconds(self) -> float:
        """Seconds that targets have worked by now; who died had worked its line off."""
        fates, now = self.traffic.fates(), self.sim.now
        worked = fates.went & (fates.kind != REFUSED) & (fates.kind != SERVER_ERROR)
        return float(fates.work[worked].sum()) - sum(max(t - now, 0.0) for t in self.traffic.free)

    def series(self) -> dict[str, tuple[np.ndarray, str]]:
        """{name: (values at the record's instants, unit)}."""
        return self.readings.series()

    def cost(self) -> dict[str, float]:
        """Targets of its own, the balancer's hours and capacity units, data between zones. A
        user opens a connection per visit, and another when that or the DNS answer has run out."""
        readings, hours = self.readings, self.sim.duration / 3600
        kept = self.connection_time if self.kind == rules.NLB else self.dns_ttl
        sent = len(readings.fates.sent) / self.sim.duration
        opened = min(sum(u.count * (1 / u.visit + 1 / kept) for u in self.users) or sent, sent)
        active = min(sum(u.count for u in self.users) or math.inf,      # a connection each, as
                     opened * self.traffic.timeout + readings.latency.sum() / self.sim.duration)
        gb = self.response_size / 1e9
        used = bill.units(self.kind, opened, active, len(readings.fates.sent) * gb / hours)
        own = {} if self.consumers else {"targets": readings.target_hours * self.target_price}
        return {**own, **bill.cost(self.kind, hours, used, readings.crossing * gb)}
