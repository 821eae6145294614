"""What the lab `elb-balancing` measures, tells, draws and guarantees."""

from dataclasses import replace

from labsim import declare as kit
from labsim import theory
from labsim.declare import Box, Line, Link, Preset
from labsim.services.elb import Balancer
from labsim.services.elb import rules as elb
from labsim.services.elb.trouble import EVICTION

OF_BALANCER = {metric.name: metric for metric in Balancer.METRICS}
OF_CLIENTS = {metric.name: metric for metric in kit.Client.METRICS}


def by_users(name: str, once, clients: str = "", **said):
    """A metric as users see it: where they wait for answers and may come back, that of the clients;
    else `once(outcome)`."""
    metric = OF_CLIENTS[clients or name]
    return replace(metric, name=name, label=said.pop("label", ""), **said, value=lambda o: (
        metric.value(o.clients) if o.clients else once(o)))


def of_both(name: str, clients: str = "", **said):
    """What the balancer tells of requests and clients of theirs; the same where nobody retries."""
    own = OF_BALANCER[name]
    return by_users(name, lambda o: own.value(o.balancer), clients,
                    **{"meaning": own.meaning, "aliases": own.aliases, **said})


def offered(o) -> float:
    """Requests that came to the balancer."""
    return OF_BALANCER["offered"].value(o.balancer)


BOTH = (
    of_both("offered"), of_both("completed"),
    of_both("failed", meaning="requests that got an error, the last time that they were tried"),
    of_both("in_flight_end", "open_end"),
    *(of_both(f"latency_{one}") for one in ("mean", "p50", "p95", "p99")),
)
AS_BOTH = {metric.name: metric for metric in BOTH}
METRICS = (
    *(AS_BOTH.get(metric.name, metric) for metric in kit.of_part("balancer", Balancer.METRICS)),
    by_users("attempts", offered),
    by_users("retries", lambda o: 0),
    by_users("abandoned", lambda o: 0),
    *(replace(metric, name="errors", label="", unit="attempts", aliases=(),
              meaning="attempts that ended with an error")
      for metric in kit.of_part("balancer", Balancer.METRICS, "failed")),
    by_users("late", lambda o: 0),
    by_users("amplification", lambda o: 1.0),
    by_users("goodput", lambda o: OF_BALANCER["completed"].value(o.balancer) / o.sim.duration),
    kit.Metric("new_share", "of requests", "part of the requests since that went to added targets",
               "higher", lambda o: o.new_share(), label="sent to new targets"),
    kit.Metric("cost_usd", "USD", "targets, balancer, data between zones", "lower",
               kit.Outcome.total_cost),
)
ONE_ZONE = {"a_targets": 6, "b_targets": 0, "c_targets": 0}
UNEVEN = {"a_targets": 2, "b_targets": 8, "c_targets": 0, "request_rate": 300, "balancer": "nlb",
          "connection_time": 60, "response_size": 100_000}
REGULARS = {"request_rate": 275, "users": 300, "visit_time": 1_800, "add_targets": 6,
            "duration": 600}
GRAY = {**ONE_ZONE, "request_rate": 225, "fault": "target-errors", "fault_duration": 120}
COLD = {"request_rate": 225, "add_targets": 6, "cold_factor": 8, "duration": 480}
LONG = {"a_targets": 8, "b_targets": 8, "c_targets": 8, "request_rate": 0.45, "service_time": 20,
        "duration": 1_800, "idle_timeout": 300, "remove_targets": 12, "remove_at": 900}
AGAIN = {"request_rate": 175, "fault": "zone-lost", "client_timeout": 2,
         "retry_mode": "full-jitter"}

PRESETS = (
    Preset("Round robin", "Six targets, each gets every sixth request of an usher: as even as it "
                          "can be.",
           headline=("latency_p95", "load_max", "imbalance"),
           hand=("request_rate", "algorithm", "service_cv")),
    Preset("Heavy-tailed service times", "As much work as before, but a few pages take long: "
           "whoever stands behind one waits, while other targets idle.", {"service_cv": 3},
           headline=("latency_p95", "latency_p50", "load_max"),
           hand=("service_cv", "algorithm", "request_rate")),
    Preset("Least outstanding requests", "The same pages. Now each usher counts whom he has sent "
                                         "where.",
           {"service_cv": 3, "algorithm": "least_outstanding_requests"},
           headline=("latency_p95", "latency_p50", "load_max"),
           hand=("algorithm", "service_cv", "request_rate")),
    Preset("Cross-zone off", "An NLB as it comes. Half of the users meet two targets, the other "
                             "half eight.", UNEVEN,
           headline=("load_max", "imbalance", "latency_p95", "cost_usd"),
           hand=("cross_zone", "a_targets", "b_targets")),
    Preset("Cross-zone on", "Every target gets a tenth. Look at the bill, too.",
           {**UNEVEN, "cross_zone": "on"},
           headline=("load_max", "cross_zone_share", "latency_p95", "cost_usd"),
           hand=("cross_zone", "a_targets", "b_targets")),
    Preset("Sticky sessions", "Too much for six targets, so six more come. Who has a cookie stays "
                              "where he is.", {**REGULARS, "sticky": True},
           headline=("new_share", "moved_share", "load_max", "latency_p95"),
           hand=("sticky", "add_targets", "visit_time")),
    Preset("Stateless sessions", "The same without cookies: the new targets help at once.",
           REGULARS,
           headline=("new_share", "moved_share", "load_max", "latency_p95"),
           hand=("sticky", "add_targets", "request_rate"), moment=150),
    Preset("Black hole target", "A sick target answers 500 at once, so its line is always the "
                                "shortest, and its health check is well.",
           {**GRAY, "algorithm": "least_outstanding_requests"},
           headline=("failed", "completed", "imbalance", "latency_p95"),
           hand=("algorithm", "fault", "fault_targets")),
    Preset("Anomaly mitigation", "The same target. By a die it gets a sixth, and less each time "
                                 "the balancer looks at who answers with errors.",
           {**GRAY, "algorithm": "weighted_random", "anomaly_mitigation": True},
           headline=("failed", "completed", "imbalance", "latency_p95"),
           hand=("anomaly_mitigation", "algorithm", "fault"), moment=150),
    Preset("Zone outage", "A third of the targets and a door are gone. Who still has the old "
                          "address runs to it; the others have to do it all.",
           {"request_rate": 175, "fault": "zone-lost"},
           headline=("failed", "rejected", "detection_s", "latency_p95"),
           hand=("fault", "dns_ttl", "eviction_time"), moment=90),
    Preset("Cold targets", "New targets are slow at first, and get their full share at once.",
           COLD,
           headline=("failed", "latency_p95", "load_max", "new_share"),
           hand=("cold_factor", "warm_time", "slow_start"), moment=150),
    Preset("Slow start", "The same, but their share grows from nothing in five minutes.",
           {**COLD, "slow_start": 300},
           headline=("failed", "latency_p95", "load_max", "new_share"),
           hand=("slow_start", "cold_factor", "warm_time")),
    Preset("Deregistration delay", "Long requests, and a manager who waits only ten seconds before "
                                   "he puts out the light.", {**LONG, "deregistration_delay": 10},
           headline=("cut_off", "drain_s", "latency_p95", "target_hours"),
           hand=("deregistration_delay", "remove_targets", "remove_at")),
    Preset("Retries that help", "The zone outage once more, but users try again, and two zones "
                                "have room for all: nearly nobody is left with an error.", AGAIN,
           headline=("failed", "retries", "amplification", "latency_p95"),
           hand=("client_timeout", "max_attempts", "retry_mode"), moment=90),
    Preset("Retry storm", "A fifth more users, too many for two zones. They give up and come back, "
                          "and when the third zone is there again, it doesn't end.",
           {**AGAIN, "request_rate": 210},
           headline=("goodput", "amplification", "late", "failed"),
           hand=("client_timeout", "max_attempts", "retry_quota"), moment=240),
)


def undisturbed(p) -> None:
    """`NotApplicable` unless the same targets serve everybody all the time."""
    if not p.quiet:
        raise kit.NotApplicable("targets come, leave or die")
    if kit.changes(p):
        raise kit.NotApplicable("the rate changes")
    if p.kept:
        raise kit.NotApplicable("users stay with a target")
    if p.retry:
        raise kit.NotApplicable("users give up, or come back")


def mean_latency(p) -> float:
    """Mean time to an answer: M/G/1 at each target at random, E_k/M/1 where one node takes turns
    among k targets; s."""
    undisturbed(p)
    if p.picks == elb.LEAST:
        raise kit.NotApplicable("there is no closed form for the shortest line")
    if p.picks == elb.ROUND_ROBIN and p.crosses and sum(n > 0 for n in p.counts) > 1:
        raise kit.NotApplicable("several nodes take turns, each on its own")
    if p.picks == elb.ROUND_ROBIN and p.service_cv != 1:
        raise kit.NotApplicable("turns have a closed form for exponential times only")
    zones = [n for n in p.counts if n]
    shares = [share for share in elb.shares(p.counts, p.crosses) if share]
    if p.picks == elb.RANDOM:
        wait = [theory.mg1_wait_mean(p.request_rate * share, p.service_time, p.service_cv)
                for share in shares]
    else:
        wait = [theory.ekm1_wait_mean(p.request_rate * share, p.service_time,
                                      sum(zones) if p.crosses else n)
                for share, n in zip(shares, zones)]
    return p.service_time + sum(n * share * one for n, share, one in zip(zones, shares, wait))


LATENCY = kit.Theory("mean latency", mean_latency)


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


PANELS = tuple(
    replace(panel, lines=(*panel.lines, Line("one line for all", limit=one_line)),
            theory=LATENCY)
    if panel.title == "Time to an answer" else
    replace(panel, lines=(Line("attempts", "attempts_rate"), *panel.lines))
    if panel.title == "Requests" else panel for panel in Balancer.PANELS)


def zone_boxes(row: int, zone: str) -> tuple[Box, Box]:
    """The node and the targets of a zone."""
    return (Box(f"Node {zone}", (1, row), (("req/s", f"node_{zone}"),), alarm=f"lost_{zone}"),
            Box(f"Zone {zone}", (2, row), (("of capacity", f"zone_load_{zone}"),
                                           ("under way", f"open_{zone}")),
                alarm=f"unhealthy_{zone}", bars=(f"load_{zone}", f"targets_{zone}"),
                breaks=f"balancer-{zone}"))


BOXES = (
    Box("Users", (0, 1), (("want /s", "offered_rate"), ("ask /s", "attempts_rate"),
                          ("fail /s", "failed_rate")), burst=kit.burst),
    *(box for row, zone in enumerate(elb.ZONES) for box in zone_boxes(row, zone)),
    Box("Answered", (3, 0), (("req/s", "completed_rate"), ("wait, mean", "latency"))),
    Box("No answer", (3, 2), (("attempts/s", "unanswered_rate"),), alarm="unanswered_rate"),
)
LINKS = (
    *(Link("Users", f"Node {zone}", flows=((f"first_{zone}", "sent"), (f"again_{zone}", "retried")))
      for zone in elb.ZONES),
    *(Link(f"Node {one}", f"Zone {other}", flows=((f"sent_{one}{other}", "sent"),))
      for one in elb.ZONES for other in elb.ZONES),
    *(Link(f"Zone {zone}", "Answered", flows=((f"done_{zone}", "served"),)) for zone in elb.ZONES),
    *(Link(f"{what} {zone}", "No answer", flows=((f"{of}_{zone}", "lost"),))
      for what, of in (("Node", "rejected"), ("Zone", "unanswered")) for zone in elb.ZONES),
)


def turns_are_even(r) -> bool:
    """Nodes that take turns among all targets give none more than one turn more than another."""
    p = r.params
    if not (p.picks == elb.ROUND_ROBIN and p.crosses and p.quiet and not p.kept):
        return True
    nodes, requests = sum(n > 0 for n in p.counts), r.series["offered_total"].value[-1]
    return (r.summary["imbalance"] - 1) * requests <= nodes * sum(p.counts) + 1e-6


INVARIANTS = (
    kit.conserved("offered_total", "ended_total", "in_flight"),
    kit.adds_up("offered", "completed", "failed", "abandoned", "in_flight_end"),
    kit.adds_up("attempts", "offered", "retries"),
    kit.adds_up("errors", "refused", "timed_out", "cut_off", "rejected", "server_errors"),
    kit.Invariant("the last instant is the summary's", lambda r: (
        r.params.retry or r.series["in_flight"].value[-1] == r.summary["in_flight_end"])),
    kit.Invariant("no more comes to the balancer than is sent", lambda r: (
        0 <= r.summary["attempts"] - r.series["offered_total"].value[-1]
        <= (r.summary["attempts"] if r.params.retry else 0))),
    kit.Invariant("no answer is later than the idle timeout", lambda r: (
        r.params.retry or r.summary["latency_p99"] <= r.params.timeout * (1 + 1e-9))),
    kit.Invariant("without cross-zone nothing crosses", lambda r: (
        r.params.crosses or r.summary["cross_zone_share"] == 0)),
    kit.Invariant("turns are even", turns_are_even),
    kit.Invariant("who has a cookie or an address stays, while nothing fails or leaves", lambda r: (
        r.params.retry is not None      # who waits for the first answer has no cookie yet
        or not (r.params.quiet and r.params.kept >= r.params.duration)
        or r.summary["moved_share"] == 0)),
    kit.Invariant("a fault is noticed within its bounds", lambda r: (
        r.params.fault == elb.ERRORS    # by its errors, however seldom somebody meets it
        or "errors" in r.params.faults
        or r.summary["detection_s"] <= max(r.params.eviction_time, EVICTION, elb.detection_bounds(
            r.params.health_interval, r.params.unhealthy_threshold,
            r.params.health_timeout)[1]) + 1e-6)),
    kit.Invariant("nobody is waited for longer than the deregistration delay", lambda r: (
        r.summary["drain_s"] <= r.params.deregistration_delay + 1e-6)),
    kit.Invariant("no more target hours than targets times hours", lambda r: (
        r.summary["target_hours"] <= (sum(r.params.counts) + r.params.add_targets)
        * r.params.duration / 3600 + 1e-9)),
)
