"""What the lab `elb-balancing` measures, tells, draws and guarantees."""

from labsim import theory
from labsim.declare import (
    COST_ADDS_UP,
    Box,
    Invariant,
    Line,
    Link,
    Metric,
    NotApplicable,
    Panel,
    Preset,
    Theory,
)
from labsim.services.elb import rules as elb

METRICS = (
    Metric("requests", "requests", "requests that users sent"),
    Metric("answered", "requests", "requests answered in time", "higher"),
    Metric("failed", "requests", "requests that got an error", "lower"),
    Metric("refused", "requests", "failed: a dead target refused", "lower"),
    Metric("timed_out", "requests", "failed: no answer within the idle timeout", "lower"),
    Metric("cut_off", "requests", "failed: the target died or left in the middle", "lower"),
    Metric("turned_away", "requests", "failed: a lost node, or no target to send to", "lower"),
    Metric("in_flight_end", "requests", "requests not ended when the run ended"),
    Metric("latency_mean", "s", "mean time to an answer", "lower"),
    Metric("latency_p50", "s", "half of the answers come within this", "lower"),
    Metric("latency_p95", "s", "19 of 20 answers come within this", "lower"),
    Metric("latency_p99", "s", "99 of 100 answers come within this", "lower"),
    Metric("load_max", "of capacity", "most work sent to a target in a minute", "lower"),
    Metric("load_mean", "of capacity", "work sent to a target, mean"),
    Metric("imbalance", "", "requests per second of the busiest target over the mean", "lower"),
    Metric("share_a", "", "part of all requests that a target of zone a got, mean"),
    Metric("share_b", "", "part of all requests that a target of zone b got, mean"),
    Metric("share_c", "", "part of all requests that a target of zone c got, mean"),
    Metric("cross_zone_share", "", "part of the requests sent to another zone"),
    Metric("moved", "", "part of the requests in a visit that meet another target than the one "
                        "before", "lower"),
    Metric("new_share", "", "part of the requests since that went to added targets", "higher"),
    Metric("noticed_seconds", "s", "from a fault until the last node acts on it", "lower"),
    Metric("drain_seconds", "s", "longest time from deregistration to the last answer", "lower"),
    Metric("target_hours", "h", "hours of targets paid", "lower"),
    Metric("cost_usd", "USD", "targets, balancer, data between zones", "lower"),
)
ONE_ZONE = {"a_targets": 6, "b_targets": 0, "c_targets": 0}
UNEVEN = {"a_targets": 2, "b_targets": 8, "c_targets": 0, "request_rate": 12, "balancer": "nlb",
          "connection_time": 60, "response_size": 1_000_000}
REGULARS = {"request_rate": 11, "users": 300, "visit_time": 7_200, "add_targets": 6,
            "duration": 2_700}
COLD = {"request_rate": 9, "add_targets": 6, "cold_factor": 8}
LONG = {"a_targets": 8, "b_targets": 8, "c_targets": 8, "request_rate": 0.45, "service_time": 20,
        "idle_timeout": 300, "remove_targets": 12, "remove_at": 900}

PRESETS = (
    Preset("1 Taking turns", "Six targets, each gets every sixth request of an usher: as even as "
                             "it can be."),
    Preset("2 Uneven pages", "As much work as before, but a few pages take long: whoever stands "
                             "behind one waits, while other targets idle.", {"service_cv": 3}),
    Preset("3 The shortest line", "The same pages. Now each usher counts whom he has sent where.",
           {"service_cv": 3, "algorithm": "least_outstanding_requests"}),
    Preset("4 Two and eight", "An NLB as it comes. Half of the users meet two targets, the other "
                              "half eight.", UNEVEN),
    Preset("5 Across zones", "Cross-zone on: every target a tenth. Look at the bill, too.",
           {**UNEVEN, "cross_zone": "on"}),
    Preset("6 Regulars", "Too much for six targets, so six more come. Who has a cookie stays where "
                         "he is.", {**REGULARS, "sticky": True}),
    Preset("7 Anyone will do", "The same without cookies: the new targets help at once.", REGULARS),
    Preset("8 The till that is always free", "A dead target refuses at once, so its line is always "
                                             "the shortest, until the checks notice.",
           {**ONE_ZONE, "request_rate": 10, "fault": "target-refuses",
            "algorithm": "least_outstanding_requests"}),
    Preset("9 A zone is lost", "A third of the targets and a door are gone. Who still has the old "
                               "address runs to it; the others have to do it all.",
           {"request_rate": 7, "fault": "zone-lost"}),
    Preset("10 Cold tills", "New targets are slow at first, and get their full share at once.",
           COLD),
    Preset("11 Slow start", "The same, but their share grows from nothing in five minutes.",
           {**COLD, "slow_start": 300}),
    Preset("12 Closing time", "Long requests, and a manager who waits only ten seconds before he "
                              "puts out the light.", {**LONG, "deregistration_delay": 10}),
)


def undisturbed(p) -> None:
    """`NotApplicable` unless the same targets serve everybody all the time."""
    if not p.quiet:
        raise NotApplicable("targets come, leave or die")
    if p.kept:
        raise NotApplicable("users stay with a target")


def mean_latency(p) -> float:
    """Mean time to an answer: M/G/1 at each target at random, E_k/M/1 where one node takes turns
    among k targets; s."""
    undisturbed(p)
    zones = [n for n in p.counts if n]
    if p.picks == elb.LEAST:
        raise NotApplicable("there is no closed form for the shortest line")
    if p.crosses:       # one node that sends to all of them is as good as
        nodes, zones = len(zones), [sum(zones)]
    if p.picks == elb.RANDOM:
        wait = [theory.mg1_wait_mean(p.request_rate / len(zones) / n, p.service_time,
                                     p.service_cv) for n in zones]
    elif p.crosses and nodes > 1:
        raise NotApplicable("several nodes take turns, each on its own")
    elif p.service_cv != 1:
        raise NotApplicable("turns have a closed form for exponential times only")
    else:
        wait = [theory.ekm1_wait_mean(p.request_rate / len(zones) / n, p.service_time, n)
                for n in zones]
    return p.service_time + sum(wait) / len(wait)


def one_line(p) -> float | None:
    """Mean time to an answer if all targets worked off one line (M/M/c), s: no way of pointing at
    lines can do better. None where it does not apply."""
    try:
        undisturbed(p)
        if p.service_cv == 1:
            return p.service_time + theory.mmc_wait_mean(p.request_rate, p.service_time,
                                                         sum(p.counts))
    except ValueError:
        pass
    return None


PANELS = (
    Panel("Requests", "req/s", (
        Line("offered", "offered"), Line("answered", "answered"), Line("failed", "failed")),
        marks=("fault",)),
    Panel("Load of a target", "of capacity", (
        Line("busiest", "load_max"), Line("mean", "load_mean"),
        Line("all it can do", limit=lambda p: 1))),
    Panel("Time to an answer", "s", (
        Line("mean latency", "latency"), Line("one line for all", limit=one_line)),
        theory=Theory("mean latency", mean_latency)),
    Panel("Targets", "targets", (
        Line("healthy", "in_service", step=True), Line("unhealthy", "unhealthy", step=True),
        Line("draining", "draining", step=True)),
        marks=("scale-out", "scale-in")),
)


def zone_boxes(row: int, zone: str) -> tuple[Box, Box]:
    """The node and the targets of a zone."""
    return (Box(f"Node {zone}", (1, row), (("req/s", f"node_{zone}"),
                                           ("to other zones", f"out_{zone}")),
                alarm=f"lost_{zone}"),
            Box(f"Zone {zone}", (2, row), (("of capacity", f"zone_load_{zone}"),),
                alarm=f"unhealthy_{zone}", bars=(f"load_{zone}", f"targets_{zone}")))


BOXES = (
    Box("Users", (0, 1), (("req/s", "offered"),)),
    *(box for row, zone in enumerate(elb.ZONES) for box in zone_boxes(row, zone)),
    Box("Answered", (3, 1), (("req/s", "answered"), ("s to an answer", "latency"))),
    Box("Failed", (3, 2), (("req/s", "failed"),), alarm="failed"),
)
LINKS = (
    *(Link("Users", f"Node {zone}") for zone in elb.ZONES),
    *(Link(f"Node {zone}", f"Zone {zone}") for zone in elb.ZONES),
    *(Link(f"Node {one}", f"Zone {other}", control=True)
      for one, other in (("a", "b"), ("b", "a"), ("b", "c"), ("c", "b"))),
    *(Link(f"Zone {zone}", "Answered") for zone in elb.ZONES),
)


def turns_are_even(r) -> bool:
    """Nodes that take turns among all targets give none more than one turn more than another."""
    p = r.params
    if not (p.picks == elb.ROUND_ROBIN and p.crosses and p.quiet and not p.kept):
        return True
    nodes, requests = sum(n > 0 for n in p.counts), r.summary["requests"]
    return (r.summary["imbalance"] - 1) * requests <= nodes * sum(p.counts) + 1e-6


INVARIANTS = (
    Invariant("requests = answered + failed + in flight", lambda r: r.summary["requests"] == (
        r.summary["answered"] + r.summary["failed"] + r.summary["in_flight_end"])),
    Invariant("every failure has its cause", lambda r: r.summary["failed"] == sum(
        r.summary[name] for name in ("refused", "timed_out", "cut_off", "turned_away"))),
    Invariant("nothing is negative, and nothing ends before it was sent", lambda r: all(
        (s.value >= 0).all() for s in r.series.values())),
    Invariant("the last instant is the summary's", lambda r: (
        r.series["arrived_total"].value[-1] == r.summary["requests"]
        and r.series["in_flight"].value[-1] == r.summary["in_flight_end"])),
    Invariant("no answer is later than the idle timeout", lambda r: (
        r.summary["latency_p99"] <= r.params.timeout * (1 + 1e-9))),
    Invariant("without cross-zone nothing crosses", lambda r: (
        r.params.crosses or r.summary["cross_zone_share"] == 0)),
    Invariant("turns are even", turns_are_even),
    Invariant("who has a cookie or an address stays, while nothing fails or leaves", lambda r: not (
        r.params.quiet and r.params.kept >= r.params.duration) or r.summary["moved"] == 0),
    Invariant("a fault is noticed within its bounds", lambda r: r.summary["noticed_seconds"] <= max(
        r.params.eviction_time, elb.detection_bounds(
            r.params.health_interval, r.params.unhealthy_threshold,
            r.params.health_timeout)[1]) + 1e-6),
    Invariant("nobody is waited for longer than the deregistration delay", lambda r: (
        r.summary["drain_seconds"] <= r.params.deregistration_delay + 1e-6)),
    Invariant("no more target hours than targets times hours", lambda r: (
        r.summary["target_hours"] <= (sum(r.params.counts) + r.params.add_targets)
        * r.params.duration / 3600 + 1e-9)),
    COST_ADDS_UP,
)
