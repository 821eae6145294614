"""The knobs of the lab `elb-balancing`: each one's name, unit, range and meaning, said once."""

from typing import Literal

from labsim.declare import (
    BY_RATE,
    ClientParams,
    TraceParams,
    check_spikes,
    choice,
    every_knob,
    flag,
    integer,
    load,
    number,
    spike_knobs,
)
from labsim.errors import ParameterError
from labsim.services.elb import rules as elb

LOAD, BALANCER, TARGETS, USERS = "Load", "Balancer", "Targets", "Users"
HEALTH, FAULT, CHANGES, COST = "Health checks", "Fault", "Coming and leaving", "Cost"
ON_ALB, ON_NLB = ("balancer", (elb.ALB,)), ("balancer", (elb.NLB,))
FAULTY = ("fault", (elb.REFUSES, elb.HANGS, elb.ERRORS, elb.ZONE_LOST))


def targets(default: int, zone: str):
    """The knob for the targets of a zone."""
    return integer(
        default, unit="targets", bounds=(0, 100), slider=(0, 100), step=1,
        label=f"Targets in zone {zone}", group=TARGETS,
        help=f"Targets in zone {zone} at the start; with none the zone is not enabled.")


class ElbBalancingParams(ClientParams, TraceParams):
    """Parameters of `elb-balancing`."""

    rates = ("request_rate",)

    request_rate: float = number(
        200, unit="req/s", bounds=(0, 100_000), slider=(10, 10_000), step=10, label="Request rate",
        group=LOAD, when=BY_RATE,
        help="Requests per second of all users together, outside of a spike.")
    spike_factor: float
    spike_start: float
    spike_duration: float
    spike_factor, spike_start, spike_duration = spike_knobs(
        1, 120, 15, group=LOAD, starts=(0, 900), lasts=(0, 300), steps=(0.5, 10, 5),
        when=BY_RATE)
    spike_every: float = every_knob(LOAD, when=BY_RATE)
    service_time: float = number(
        0.02, unit="s", bounds=(0.001, 3_600), slider=(0.005, 0.5), step=0.005,
        label="Service time", group=LOAD,
        help="Mean time that a target works on a request; it works on one at a time.")
    service_cv: float = number(
        1, unit="", bounds=(0, 10), slider=(0, 5), step=0.25, label="Unevenness", group=LOAD,
        help="Standard deviation of the service time over its mean: 0 all alike, 1 exponential.")
    duration: float = number(
        300, unit="s", bounds=(60, 864_000), slider=(60, 1_800), step=60, label="Duration",
        group=LOAD, help="Simulated time.")

    balancer: Literal["alb", "nlb"] = choice(
        "alb", label="Balancer", group=BALANCER,
        help="An ALB sends each request where it likes; an NLB each connection, by a hash.")
    algorithm: Literal["round_robin", "least_outstanding_requests", "weighted_random"] = choice(
        "round_robin", label="Algorithm", group=BALANCER, when=ON_ALB, fact="elb.algorithms",
        help="How an ALB's node picks a target; all weights are equal, but for mitigation.")
    anomaly_mitigation: bool = flag(
        False, label="Anomaly mitigation", group=BALANCER, fact="elb.atw_rule",
        when=("algorithm", (elb.RANDOM,)),
        help="Targets with disproportionately many errors get less; weighted random only.")
    cross_zone: Literal["default", "on", "off"] = choice(
        "default", label="Cross-zone", group=BALANCER, fact="elb.cross_zone_default",
        help="Whether a node sends to targets of other zones; by default an ALB's does and an "
             "NLB's does not.")
    sticky: bool = flag(
        False, label="Stickiness", group=BALANCER, fact="elb.stickiness_scope",
        help="A user stays with one target: by a cookie (ALB, not with weighted random), by his "
             "address (NLB).")
    cookie_duration: float = number(
        86_400, unit="s", bounds=(1, 604_800), slider=(60, 86_400), step=60,
        label="Cookie duration", group=BALANCER, fact="elb.stickiness_default_s", when=ON_ALB,
        help="How long a cookie is valid, from the user's last request; only with stickiness.")
    idle_timeout: float = number(
        60, unit="s", bounds=(1, 4_000), slider=(1, 300), step=1, label="Idle timeout",
        group=BALANCER, fact="elb.alb_idle_timeout_s", when=ON_ALB,
        help="A request without an answer for so long fails: 504.")
    nlb_idle_timeout: float = number(
        350, unit="s", bounds=(60, 6_000), slider=(60, 600), step=10, label="Idle timeout, NLB",
        group=BALANCER, fact="elb.nlb_idle_timeout_s", when=ON_NLB,
        help="A connection without an answer for so long is forgotten.")
    connection_time: float = number(
        300, unit="s", bounds=(1, 86_400), slider=(10, 3_600), step=10, label="Connection kept",
        group=BALANCER, when=ON_NLB,
        help="How long a user keeps a connection, and with it his target.")
    dns_ttl: float = number(
        60, unit="s", bounds=(1, 86_400), slider=(10, 600), step=10, label="DNS TTL",
        group=BALANCER, fact="elb.dns_ttl", help="How long users keep the balancer's address.")

    a_targets: int = targets(2, "a")
    b_targets: int = targets(2, "b")
    c_targets: int = targets(2, "c")

    users: int = integer(
        2_000, unit="users", bounds=(1, 200_000), slider=(100, 20_000), step=100, label="Users",
        group=USERS, help="Users at any time; one who leaves is followed by another.")
    user_cv: float = number(
        1, unit="", bounds=(0, 5), slider=(0, 5), step=0.25, label="Unlike users", group=USERS,
        help="Standard deviation of the users' request rates over their mean.")
    visit_time: float = number(
        1_200, unit="s", bounds=(1, 864_000), slider=(60, 7_200), step=60, label="Visit",
        group=USERS, help="Mean length of a visit, after which another user comes.")

    health_interval: float = number(
        30, unit="s", bounds=(5, 300), slider=(5, 300), step=5, label="Check interval",
        group=HEALTH, fact="elb.hc_interval_s",
        help="Each node checks each target this often, each at moments of its own.")
    health_timeout: float = number(
        6, unit="s", bounds=(2, 120), slider=(2, 30), step=1, label="Check timeout",
        group=HEALTH, fact="elb.hc_timeout_s", help="A check unanswered for so long has failed.")
    unhealthy_threshold: int = integer(
        2, unit="checks", bounds=(2, 10), slider=(2, 10), step=1, label="Unhealthy after",
        group=HEALTH, fact="elb.alb_unhealthy_threshold",
        help="So many failed checks in a row, and a node sends nothing more to the target.")
    healthy_threshold: int = integer(
        5, unit="checks", bounds=(2, 10), slider=(2, 10), step=1, label="Healthy after",
        group=HEALTH, fact="elb.healthy_threshold",
        help="So many passed checks in a row, and a target that was unhealthy is back.")

    fault: Literal["none", "target-refuses", "target-hangs", "target-errors", "zone-lost"] = choice(
        "none", label="Fault", group=FAULT,
        help="Targets that refuse at once, never answer, or answer 5xx at once and pass their "
             "checks; or a whole zone.")
    fault_zone: Literal["a", "b", "c"] = choice(
        "a", label="In zone", group=FAULT, when=FAULTY, help="Where the fault is.")
    fault_targets: int = integer(
        1, unit="targets", bounds=(1, 100), slider=(1, 16), step=1, label="Dead targets",
        group=FAULT, when=("fault", (elb.REFUSES, elb.HANGS, elb.ERRORS)),
        help="How many targets of the zone are dead; at most all.")
    fault_at: float = number(
        60, unit="s", bounds=(0, 864_000), slider=(0, 900), step=10, label="Fault begins",
        group=FAULT, when=FAULTY, help="When it begins.")
    fault_duration: float = number(
        90, unit="s", bounds=(0, 864_000), slider=(0, 900), step=10, label="Fault lasts",
        group=FAULT, when=FAULTY, help="How long it lasts; 0: to the end.")
    eviction_time: float = number(
        30, unit="s", bounds=(0, 3_600), slider=(0, 300), step=5, label="DNS notices after",
        group=FAULT, when=("fault", (elb.ZONE_LOST,)),
        help="How long DNS goes on naming the node of a lost zone. AWS publishes no figure.")

    add_targets: int = integer(
        0, unit="targets", bounds=(0, 100), slider=(0, 100), step=1, label="Targets added",
        group=CHANGES, help="New targets, where the fewest are; 0 for none.")
    add_at: float = number(
        60, unit="s", bounds=(0, 864_000), slider=(0, 900), step=10, label="Added at",
        group=CHANGES, help="When they are registered, booted and ready.")
    slow_start: float = number(
        0, unit="s", bounds=(0, 900), slider=(0, 900), step=30, label="Slow start",
        group=CHANGES, when=("algorithm", (elb.ROUND_ROBIN,)), fact="elb.slow_start_s",
        help="A healthy target's share grows for so long; 0, or from 30 s; round robin only.")
    cold_factor: float = number(
        1, unit="x", bounds=(1, 100), slider=(1, 10), step=0.5, label="Cold targets", group=CHANGES,
        help="How many times as long a new target needs at first; 1: it is warm at once.")
    warm_time: float = number(
        300, unit="s", bounds=(1, 86_400), slider=(30, 900), step=30, label="Warm after",
        group=CHANGES, help="When a new target is as quick as the others.")
    remove_targets: int = integer(
        0, unit="targets", bounds=(0, 100), slider=(0, 100), step=1, label="Targets removed",
        group=CHANGES, help="Deregistered, the oldest where the most are; 0 for none.")
    remove_at: float = number(
        60, unit="s", bounds=(0, 864_000), slider=(0, 900), step=10, label="Removed at",
        group=CHANGES, help="When they are deregistered.")
    deregistration_delay: float = number(
        300, unit="s", bounds=(0, 3_600), slider=(0, 900), step=10, label="Deregistration delay",
        group=CHANGES, fact="elb.dereg_delay_s",
        help="How long at most a leaving target may finish what it has.")

    response_size: float = number(
        10_000, unit="bytes", bounds=(0, 1e12), slider=(0, 1_000_000), step=10_000,
        label="Response size", group=COST, help="Mean size of an answer, for capacity units and "
                                                "for data between zones.")
    target_price: float = number(
        0.0416, unit="USD/h", bounds=(0, 1_000), slider=(0, 1), step=0.01, label="Target price",
        group=COST, fact="ec2.t3_medium_price", help="Per target and hour, until it is let go.")

    def check(self) -> None:
        """A target somewhere; a timeout below the interval; slow start off or long enough; no
        cookie without cross-zone or with weighted random. Facts: elb.slow_start,
        elb.sticky_cross_zone, elb.sticky_weighted_random, elb.hc_timeout_below."""
        if not sum(self.counts):
            raise ParameterError("a_targets", 0, "from 1 to 100 targets, where no other zone has "
                                                 "any")
        if self.health_timeout >= self.health_interval:
            raise ParameterError("health_timeout", self.health_timeout,
                                 f"at most health_interval, {self.health_interval:g} s, "
                                 "and below it")
        if 0 < self.slow_start < elb.SLOW_START_LEAST:
            raise ParameterError("slow_start", self.slow_start,
                                 f"0, or at least {elb.SLOW_START_LEAST} s")
        if self.sticky and (refusal := elb.no_cookies(self.balancer, self.picks, self.crosses)):
            raise ParameterError("sticky", True, refusal)
        check_spikes(self)

    @property
    def counts(self) -> list[int]:
        """Targets at the start, by zone."""
        return [self.a_targets, self.b_targets, self.c_targets]

    @property
    def crosses(self) -> bool:
        """Whether nodes send to targets of other zones."""
        return elb.crosses(self.balancer, self.cross_zone)

    @property
    def picks(self) -> str:
        """How a node picks."""
        return elb.picks(self.balancer, self.algorithm)

    @property
    def mitigates(self) -> bool:
        """Whether targets with many errors get less."""
        return self.anomaly_mitigation and (self.balancer, self.picks) == (elb.ALB, elb.RANDOM)

    @property
    def timeout(self) -> float:
        """How long a request may stay without an answer, s."""
        return self.idle_timeout if self.balancer == elb.ALB else self.nlb_idle_timeout

    @property
    def kept(self) -> float:
        """How long a user stays with his target, s; 0: for a request."""
        return elb.stays(self.balancer, self.sticky, self.cookie_duration, self.connection_time)

    @property
    def busiest_rate(self) -> float:
        """Requests per second in a spike, or outside of it, whichever is more; or in a trace's
        busiest period."""
        return float(load(self, "request_rate").rate.max())

    @property
    def quiet(self) -> bool:
        """Whether nothing fails, comes or leaves."""
        return (self.fault == "none" and not self.faults
                and not self.add_targets and not self.remove_targets)
