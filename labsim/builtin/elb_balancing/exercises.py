"""The questions of the lab `elb-balancing`; every number in an answer comes from the model."""

from labsim.declare import Choice, Design, Explain, Predict, metric, percent
from labsim.services.elb import rules as elb
from labsim.text import format_value


def checks(p) -> dict[str, str]:
    """How long a target may be dead before a node notices, in words."""
    timeout = 0.0 if p.fault == elb.REFUSES else p.health_timeout
    low, high = elb.detection_bounds(p.health_interval, p.unhealthy_threshold, timeout)
    n = sum(p.counts)
    return {"low": format_value(low, "s"), "high": format_value(high, "s"), "n": f"{n}",
            "each": format_value(p.request_rate / n, "req/s")}


def at_random(p) -> dict[str, str]:
    """One target when requests are sent at random, in words."""
    n = sum(p.counts)
    return {"n": f"{n}", "each": format_value(p.request_rate / n, "req/s"),
            "used": format_value(p.request_rate / n * p.service_time)}


OFF = {"a_targets": 3, "b_targets": 5, "c_targets": 12, "cross_zone": "off", "users": 5_000,
       "request_rate": 250}
DEAD = {"request_rate": 225, "a_targets": 9, "b_targets": 0, "c_targets": 0,
        "fault": "target-refuses"}
HUNG = {"health_interval": 10, "unhealthy_threshold": 3, "health_timeout": 5,
        "fault": "target-hangs"}
CHANCE = {"algorithm": "weighted_random", "a_targets": 10, "b_targets": 0, "c_targets": 0,
          "request_rate": 375}

EXERCISES = (
    Predict(
        id="share", runs=(OFF,), ask=percent("share_a"), unit="%", within=0.08,
        question="{a_targets} in zone a, {b_targets} in zone b, {c_targets} in zone c, cross-zone "
                 "off. How many per cent of all requests does one target of zone a get?",
        hints=("What does DNS share out evenly: targets or zones?",
               "A third of the clients come to zone a. How many share them there?"),
        solution="DNS shares clients out evenly over the zones' nodes, and a node over its own "
                 "targets: {answer} for each of {a_targets}. With cross-zone on, each target of "
                 "all zones would get the same."),
    Predict(
        id="unnoticed", runs=(DEAD,), ask=metric("refused"), unit="requests", within=0.35,
        numbers=checks,
        question="Round robin over {n} targets, {request_rate}. One dies and refuses every "
                 "connection. Checks every {health_interval}, unhealthy after "
                 "{unhealthy_threshold}. How many requests does it refuse before it is noticed?",
        hints=("How long does it take until that many checks in a row have failed?",
               "From {low} to {high}, in which it gets its turn: {each}."),
        solution="Noticed after {low} to {high}, at {each}: {answer} in this run. Nobody tries "
                 "again for the users; each of them sees an error."),
    Predict(
        id="hung", runs=(HUNG,), ask=metric("detection_s"), unit="s", within=0.2,
        numbers=checks,
        question="A target takes connections and never answers. Checks every {health_interval}, "
                 "each waits {health_timeout}, unhealthy after {unhealthy_threshold}. After how "
                 "many seconds has the last of the three nodes noticed?",
        hints=("The first check that fails is sent at most one interval after the death.",
               "Between {low} and {high}; the last of three is late in that range."),
        solution="Each node checks at moments of its own, so each notices between {low} and "
                 "{high} after the death; the last one after {answer}. Until then it sends to "
                 "the target."),
    Predict(
        id="chance", runs=(CHANCE,), ask=metric("latency_mean"), unit="s", within=0.12,
        numbers=at_random,
        question="Requests go to {n} targets at random, {request_rate}. A target needs "
                 "{service_time} for a request, exponentially distributed. How long is the mean "
                 "time to an answer, waiting included?",
        hints=("At random each target is a queue of its own, with {each}.",
               "It is busy {used} of the time. What does M/M/1 say?"),
        solution="M/M/1 at {used}: the service time over what is left of the capacity, {answer} "
                 "in the model. Turns halve most of the wait, the shortest line nearly all."),
    Explain(
        id="black-hole",
        question="With least outstanding requests a target that answers every request with a 500 "
                 "at once fails far more of them than with round robin. Why?",
        choices=(
            Choice("Health checks take longer with that algorithm.",
                   "Checks don't know the algorithm: it is noticed at the same second."),
            Choice("It has never anything outstanding, so its line is always among the shortest.",
                   "An error is quick. By this count it is the idlest target of all.",
                   right=True),
            Choice("The other targets slow down and fail, too.",
                   "They get less than before, as long as it draws requests away."),
            Choice("The balancer retries each failed request at the same target.",
                   "It passes a 500 on, and each is counted once.")),
        hints=("How many requests are unfinished at a target that fails them in no time?",
               "Compare the busiest bar before the fault and just after it."),
        solution="Count what is unfinished, and quick failures look like speed. A target that "
                 "hangs is the opposite case: its line grows, and the shortest line avoids it "
                 "before any check has failed."),
    Explain(
        id="gray-failure",
        question="One of six targets answers 500 at once and passes its health checks. Which "
                 "setting takes traffic from it?",
        choices=(
            Choice("Checks every five seconds, unhealthy after two.",
                   "They pass, however often."),
            Choice("Least outstanding requests.", "It draws even more."),
            Choice("Weighted random with anomaly mitigation.",
                   "It looks at the answers that users get, and cuts the weight of a target whose "
                   "errors are out of proportion.", right=True),
            Choice("Slow start.", "It is for targets that come, and works with round robin only.")),
        hints=("What does a health check see of the answers that users get?",
               "Compare presets 8 and 9."),
        solution="A gray failure is one that checks don't see. Mitigation needs at least three "
                 "healthy targets and takes from half of them at most: if all are sick alike, none "
                 "is out of proportion. A deeper health check would help, too, and has a danger of "
                 "its own: if it tests the database, all targets fail together."),
    Explain(
        id="regulars",
        question="Six targets drown, six more are registered and healthy. With stickiness the old "
                 "ones go on drowning. What helps the users that are there?",
        choices=(
            Choice("Wait: the balancer moves sessions from busy targets to idle ones.",
                   "It never moves a session away from a healthy target."),
            Choice("Slow start, so that the new targets are not overrun.",
                   "Nobody comes to them as it is."),
            Choice("Keep sessions outside the targets and turn stickiness off.",
                   "Then every request may go anywhere, and new targets help at once.",
                   right=True),
            Choice("Least outstanding requests.",
                   "The algorithm picks for those without a cookie only.")),
        hints=("Whose requests may a node send where it likes?",
               "Compare how much of the requests the added targets get in the two presets."),
        solution="A cookie outlives the scale-out. With the session in ElastiCache or DynamoDB a "
                 "user needs no target of his own. A shorter cookie is half a cure: it moves "
                 "people, and they lose what the old target knew."),
    Explain(
        id="delay",
        question="A target is deregistered while it still works on a request that needs longer "
                 "than the deregistration delay. What happens to it?",
        choices=(
            Choice("It is finished; the delay only stops new requests.",
                   "The delay is also the longest that is waited for."),
            Choice("It is sent to another target.", "A request that has begun is never moved."),
            Choice("It may be cut off when the delay ends.",
                   "From then on the target is unused, and its instance may be terminated.",
                   right=True),
            Choice("It is refused at once.", "Only new requests are kept away at once.")),
        hints=("When does the state of the target change from draining to unused?",
               "Run the last preset with a longer delay."),
        solution="Choose a delay longer than the longest request that matters, and no longer: a "
                 "target whose requests have ended early is done, but a scale-in that drains for "
                 "an hour is paid for an hour."),
    Explain(
        id="storm",
        question="A zone of three is lost and comes back. Users give up after a while and try "
                 "again. Why do most requests go on failing, though all targets are there again, "
                 "and the same users would fill two thirds of them?",
        choices=(
            Choice("The balancer needs long to find out that the targets are well.",
                   "By then it has; look at the healthy ones in the picture."),
            Choice("Targets are busy with requests that nobody waits for, so the next ones are "
                   "late, too, and are sent again.",
                   "Who gives up leaves his request in line, and puts another one behind it.",
                   right=True),
            Choice("The retries of all users come at the same moment.",
                   "Jitter spreads them; it is their number that does not fit."),
            Choice("Users remember the address of the lost zone.",
                   "Only for as long as a DNS answer is valid.")),
        hints=("Compare what is attempted with what is answered in time, long after the fault.",
               "Which answers does `late` count?"),
        solution="A state that keeps itself up: long lines make users give up, and giving up makes "
                 "the lines long. Without retries the same load recovers by itself. It ends when "
                 "less is sent: by a circuit breaker, by fewer attempts, by a line that turns "
                 "people away."),
    Design(
        id="cheapest", start={"request_rate": 300, "a_targets": 2, "b_targets": 8, "c_targets": 0,
                              "balancer": "nlb"},
        free=("balancer", "algorithm", "cross_zone", "a_targets", "b_targets"),
        goals=(("latency_p95", "<=", 0.096), ("failed", "<=", 0.0), ("share_a", ">=", 0.05),
               ("share_b", ">=", 0.05)),
        good={"balancer": "alb", "algorithm": "least_outstanding_requests", "a_targets": 4,
              "b_targets": 4},
        question="{request_rate} on an NLB with {a_targets} in zone a and {b_targets} in zone b. "
                 "Meet the goals at the least cost; both zones must serve.",
        hints=("How much work is it, in targets? And why do two of them drown?",
               "An even split still wastes capacity where targets idle beside long lines."),
        solution="Requests one by one to the shortest line, and four in each zone: {answer}. "
                 "Turns need half as many targets again, a hash even more."),
    Design(
        id="notice", start={"a_targets": 6, "b_targets": 0, "c_targets": 0, "request_rate": 225,
                            "fault": "target-refuses",
                            "algorithm": "least_outstanding_requests"},
        free=("health_interval", "health_timeout", "unhealthy_threshold", "algorithm"),
        goals=(("refused", "<=", 500.0),), cost="failed",
        good={"health_interval": 5, "health_timeout": 2, "unhealthy_threshold": 2,
              "algorithm": "round_robin"}, slack=1.25,
        question="One of {a_targets} dies and refuses. Lose as few requests as you can.",
        hints=("Two things count: how long it is unnoticed, and how much it gets meanwhile.",
               "The quickest checks are not enough while the dead target draws requests."),
        solution="Quick checks, and an algorithm that a quick failure doesn't deceive: {answer}. "
                 "In a real system the price of quick checks is false alarms."),
)
