"""The model of the lab `elb-balancing`: users, doors, ushers, tills.

Picture a supermarket with a door per zone, an usher at each door and tills in every hall. The usher
points to a till and never looks back: whoever stands in a line stays there. All that can go wrong
is in how he points, and in what he doesn't know.

Start reading at `simulate`.

*Models:* at every rate each request is followed, exactly, since one slow request delays those
behind it at its target and nobody else: an average over requests would hide just that. With turns,
dice, cookies and connections some thousand requests are worked off at once, four million in a
second; the shortest line is looked for one by one, a million in a second. Sampled are only the
users who are asked whether they met another target (`moved_share`), where nobody stays with one:
some 20,000 requests' worth. Where users wait for answers and come back, each attempt is followed
on the agenda, in some microseconds.
*Leaves out:* what `labsim.services.elb` leaves out.
"""

import numpy as np

from labsim import declare as kit
from labsim.builtin.elb_balancing.params import ElbBalancingParams
from labsim.declare.client_knobs import AT_ONCE
from labsim.engine import Estimate, Load, ServiceTimes, Simulation
from labsim.engine.workload import BLOCK
from labsim.services import elb
from labsim.services.elb import rules
from labsim.services.elb.pins import ROUNDS
from labsim.services.elb.users import LOTS

TICKS = 180         # of a run, however long it is
# In control events' times: a request of a pinned user, all at once or one by one; a turn beside
# targets that start slowly; a look at one target; a change that every node takes note of; a
# weighing of all targets.
PINNED, ONE_BY_ONE, SLOW_TURN, LOOKED_AT = 1 / 150, 1 / 30, 1 / 40, 1 / 1_300
CHANGE, WEIGHING = 16, 15
ATTEMPT, KEPT = 0.5, 8      # an attempt on the agenda; numbers kept of it
FULL, WAVES = 0.85, 3       # load from which users give up; attempts that backoff has room for


def simulate(p: ElbBalancingParams, sim: Simulation) -> "Balancing":
    """Users send requests, nodes pick targets; targets die, come and leave."""
    balancer = elb.Balancer(
        sim, "balancer", p.balancer, targets=tuple(p.counts),
        work=ServiceTimes(p.service_time, p.service_cv), algorithm=p.algorithm,
        anomaly_mitigation=p.mitigates, cross_zone=p.cross_zone, sticky=p.sticky,
        cookie_duration=p.cookie_duration, idle_timeout=p.timeout,
        connection_time=p.connection_time, dns_ttl=p.dns_ttl,
        slow_start=p.slow_start if p.picks == rules.ROUND_ROBIN else 0.0,
        deregistration_delay=p.deregistration_delay, response_size=p.response_size,
        checks=elb.HealthChecks(p.health_interval, p.health_timeout, p.unhealthy_threshold,
                                p.healthy_threshold),
        target_price=p.target_price, random=sim.stream)
    load = Load(lambda _: kit.load(p, "request_rate"))
    users = elb.Users(sim, "users", load, balancer, count=p.users, cv=p.user_cv,
                      visit=p.visit_time, retry=p.retry, random=sim.stream)
    if p.fault != "none":
        balancer.fault(p.fault_at, p.fault_duration, p.fault, p.fault_zone, p.fault_targets,
                       p.eviction_time)
    if p.add_targets:
        balancer.add(p.add_at, p.add_targets, p.cold_factor, p.warm_time)
    if p.remove_targets:
        balancer.remove(p.remove_at, p.remove_targets)
    return Balancing(p, sim, balancer=balancer, clients=users.client)


class Balancing(kit.Outcome):
    """A balancer, whose series and bill are the run's; `clients`, where users wait for answers."""

    def series(self) -> dict:
        """Those of the balancer; where users come back, what they wanted and what they got."""
        series = self.balancer.series()
        series |= {"attempts_rate": series["offered_rate"], "errors_rate": series["failed_rate"]}
        if self.clients:
            told = self.clients.told
            series |= {"offered_rate": told["offered_rate"], "latency": told["latency"],
                       "completed_rate": told["goodput_rate"], "failed_rate": told["lost_rate"]}
        return series

    def cost(self) -> dict:
        """Targets, balancer, data between zones."""
        return self.balancer.cost()

    def new_share(self) -> float:
        """Part of the requests since targets were added that went to them."""
        fates = self.balancer.readings.fates
        since = fates.went & (fates.sent > self.p.add_at)
        new = np.count_nonzero(fates.target[since] >= sum(self.p.counts))
        return kit.share(new, np.count_nonzero(since)) if self.p.add_targets else 0.0


def estimate(p: ElbBalancingParams) -> Estimate:
    """What a run will take: requests, many at once or, to the shortest line, for users who must
    stay while nodes differ, beside targets that start slowly, one by one (as a part of a control
    event each), and each attempt of users who wait for answers; users, ticks times targets, and
    the checks that matter, after each of which every node looks at its targets."""
    requests = asked(p)
    followed = attempts(p) if p.retry else 0.0
    targets, nodes = sum(p.counts) + p.add_targets, sum(n > 0 for n in p.counts)
    in_scope = targets if p.crosses else targets / nodes
    rate = requests / p.duration if p.traced else p.request_rate
    often = p.balancer == rules.NLB and p.kept * ROUNDS * rate < BLOCK
    alone = p.quiet and not p.kept      # nothing but the lines matters
    picking = requests * (((80 if alone else 140) + in_scope) * LOOKED_AT
                          if p.picks == rules.LEAST else
                          ONE_BY_ONE if p.kept and (often or not p.quiet) else
                          PINNED if p.kept else 0)
    added = p.add_targets if p.add_at < p.duration else 0
    dead = 0 if p.fault == "none" or p.fault_at >= p.duration else p.counts[
        rules.ZONES.index(p.fault_zone)]
    if p.fault != rules.ZONE_LOST:
        dead = min(dead, p.fault_targets)
    changes = (nodes if p.crosses else 1) * (added + 2 * dead)
    if p.slow_start and p.picks == rules.ROUND_ROBIN and (added or dead):
        slow = min(p.slow_start * bool(added) + p.slow_start * bool(dead), p.duration)
        picking += SLOW_TURN * p.busiest_rate * slow * targets / max(targets - added - dead, 1)
    weighings = (p.duration - p.fault_at) / rules.WEIGHED_EVERY if p.mitigates and dead else 0
    if p.fault_duration:
        weighings = min(weighings, p.fault_duration / rules.WEIGHED_EVERY + 20)
    if followed:
        picking = followed * (ATTEMPT + in_scope * LOOKED_AT * (p.picks == rules.LEAST))
    return Estimate(requests=requests, events=32 + picking + weighings * WEIGHING
                    + changes * (CHANGE + targets / 75),
                    cells=4 * TICKS * targets + LOTS * p.users / 4 + 4 * requests + KEPT * followed,
                    lower="request_rate" if requests > 10 * targets * TICKS else "duration")


def asked(p: ElbBalancingParams) -> float:
    """Requests that are to be expected."""
    return float(kit.load(p, "request_rate").cumulative[-1])


def attempts(p: ElbBalancingParams) -> float:
    """How often users who come back will ask, about: more than once each where targets fail or are
    full."""
    requests, left = asked(p), sum(p.counts)
    if p.fault == rules.ZONE_LOST:
        left -= p.counts[rules.ZONES.index(p.fault_zone)]
    calm = p.busiest_rate * p.service_time < FULL * left and not p.faults
    most = p.retry.attempts if p.retry_mode == AT_ONCE else min(p.retry.attempts, WAVES)
    return requests if calm else requests * (1 + most) / 2
