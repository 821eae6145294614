"""The model of the lab `sqs-asg`: messages, instances, alarms, and a policy that moves the group.

Picture a bakery: people line up (SQS), bakers work (EC2 instances), and a foreman (Auto
Scaling) who looks at the line once a minute calls in more bakers, who need time to arrive.
The line grows for as long as it takes to notice, to decide and to arrive, and is worked off
only by what is hired beyond the need. Who has waited too long goes away and comes back, and what
he wanted first is baked all the same.

*Models:* each message is followed, at every magnitude, since a learner asks for the wait of the
slowest: nothing is counted in lumps, and nothing sampled. What a run may hold (`Budget`) is half
an hour of ten thousand messages per second.

Start reading at `simulate`. Data plane: request-level, exact (`labsim.engine.Station`); where
clients wait, or something breaks, message by message on the agenda.
"""

import numpy as np

from labsim import declare as kit
from labsim.builtin.sqs_asg.params import SqsAsgParams
from labsim.engine import Estimate, RateCurve, ServiceTimes, Simulation, at_once, merged
from labsim.engine.workload import BLOCK
from labsim.services import autoscaling, ec2, sqs
from labsim.services.cloudwatch.rules import STANDARD_RESOLUTION

FOLLOWED, WAITED_FOR = 0.5, 0.4     # events that a message takes on the agenda; and its client


def curve(p: SqsAsgParams) -> RateCurve:
    """The arrival rate over time; a burst comes beside it."""
    if p.traced:
        return kit.load(p, "arrival_rate")
    if p.workload == "steady":
        return RateCurve.steady(p.arrival_rate, p.duration)
    if p.workload == "diurnal":
        return RateCurve.diurnal(p.arrival_rate, p.spike_factor, p.day_length, p.duration)
    if p.workload == "spike":
        return kit.spiked(p, p.arrival_rate)
    return RateCurve.ramp(p.arrival_rate, p.spike_factor, p.spike_start, p.spike_duration,
                          p.duration)


def policy(p: SqsAsgParams, group: autoscaling.Group, metric) -> autoscaling.policies.Policy:
    """The scaling policy, attached to the group."""
    common = dict(target=p.target, low=p.low_ratio, name="policy",
                  high_points=p.high_datapoints, low_points=p.low_datapoints)
    out, back, t = p.scale_out_by, -p.scale_in_by, p.target
    if p.policy == "target-tracking":
        return autoscaling.TargetTracking(group, metric, **common)
    if p.policy == "simple":
        return autoscaling.SimpleScaling(group, metric, **common, kind=p.adjustment, out=out,
                                         in_=back, cooldown=p.cooldown)
    far = float("inf")
    return autoscaling.StepScaling(
        group, metric, **common, kind=p.adjustment, in_steps=[(-far, 0.0, back)],
        out_steps=[(0.0, t, out), (t, 3 * t, 2 * out), (3 * t, far, 4 * out)])


def send(p: SqsAsgParams, sim: Simulation, queue: sqs.Queue) -> kit.Client | None:
    """Messages come; with clients who wait for the result, who are returned."""
    sources = [curve(p).arrivals(sim.stream("arrivals"))]
    if p.burst_size and p.burst_start <= p.duration:
        sources.append(at_once(p.burst_size, p.burst_start))
    if p.retry is None:
        for source in sources:
            queue.feed(source)
        return None
    clients = kit.Client(sim, "clients", queue, retry=p.retry)
    sim.agenda.arrivals(merged(sources), lambda t: clients.request(t, None))
    return clients


def simulate(p: SqsAsgParams, sim: Simulation) -> "Backlog":
    """Messages arrive, instances take them, alarms on the backlog move the group."""
    queue = sqs.Queue(sim, "orders", p.visibility_timeout, backlog=p.backlog, threads=p.threads,
                      in_flight_limit=p.in_flight_limit, order=p.order,
                      max_age=p.max_age or float("inf"), price=p.request_price,
                      random=sim.stream("service"))
    clients = send(p, sim, queue)
    fleet = ec2.Fleet(sim, "workers", p.boot_time + p.user_data_time, consumes=queue,
                      work=ServiceTimes(p.service_time, p.service_cv), drain=p.drain,
                      price=p.instance_price, random=sim.stream("consumer"))
    least, most = (p.instances,) * 2 if p.policy == "none" else (p.min_size, p.max_size)
    group = autoscaling.Group(sim, "group", fleet, desired=p.instances, min_size=least,
                              max_size=most, warmup=p.warmup,
                              random=sim.stream("termination"))
    metric = rule = None
    if p.policy != "none":
        metric = (queue.depth(p.metric_period, "queue depth") if p.scale_on == "queue-depth"
                  else queue.backlog_per(fleet, p.metric_period, "backlog per instance"))
        rule = policy(p, group, metric)
    return Backlog(p, sim, clients=clients, queue=queue, fleet=fleet, group=group, metric=metric,
                   policy=rule)


class Backlog(kit.Outcome):
    """A queue, its workers, and who decides how many they are; `clients` who wait, or None."""

    def series(self) -> dict:
        """Those of the parts; which messages are sent again, and which are done for nobody or not
        at all; what the policy sees."""
        told = {**self.queue.told, **self.fleet.told, **self.group.told}
        nothing = np.zeros(len(self.record.t))
        again = self.clients.told["retries_rate"][0] if self.clients else nothing
        rate, unit = told["offered_rate"]
        told["retries_rate"], told["first_rate"] = (again, unit), (rate - again, unit)
        told["answered_rate"] = told["completed_rate"][0] - told["stale_rate"][0], unit
        told["started_rate"] = self.queue.record.rate("wait"), unit
        told["dropped_rate"] = self.queue.record.rate("expired"), unit
        told["threshold"] = nothing + (self.p.target if self.policy else 0), ""
        told["target"] = (nothing + self.p.target if self.p.scale_on == "queue-depth"
                          else self.p.target * told["in_service"][0]), "messages"
        for name, part, of in (("metric", self.metric, "value"),
                               ("alarm_high", self.policy and self.policy.high, "state"),
                               ("alarm_low", self.policy and self.policy.low_alarm, "state")):
            told[name] = part.told[of] if part else (nothing, "")
        return told

    def cost(self) -> dict:
        """Instances and requests."""
        return {**self.fleet.cost(), **self.queue.cost()}


def sends(p: SqsAsgParams, peak: float, backlog: float, each: float) -> float:
    """About how often each message is sent: all attempts are made where the wait is too long."""
    retry, there = p.retry, max(p.instances, 1) * each
    in_time = retry and retry.timeout > p.service_time + backlog / there and peak < there
    if not retry or in_time or retry.timeout == float("inf"):
        return 1.0
    return retry.attempts


def estimate(p: SqsAsgParams) -> Estimate:
    """What a run will take: its messages, the ticks of the metric, of its two alarms and of the
    policy, and the instances that it may start."""
    rate = curve(p)
    messages, lower, peak = float(rate.cumulative[-1]), "arrival_rate", float(rate.rate.max())
    at_once = p.backlog + p.burst_size
    messages += at_once
    if at_once > messages / 2:
        lower = "backlog" if p.backlog > at_once / 2 else "burst_size"
    ticks = 0 if p.policy == "none" else p.duration / min(
        p.metric_period, STANDARD_RESOLUTION)
    scales = ticks >= p.high_datapoints and messages > p.target
    # As many as work the peak off, or as the backlog asks for that there is when help arrives.
    late = p.high_datapoints * p.metric_period + p.boot_time + p.user_data_time
    each = p.threads / p.service_time           # messages per second that an instance works off
    backlog = at_once + max((peak - p.instances * each) * late, messages**0.5)
    if p.policy != "target-tracking":
        tracked = 0.0
    elif p.scale_on == "queue-depth":       # the more there are, the more it wants: no end to it
        tracked = p.max_size if backlog > p.target else 0
    else:
        tracked = backlog / p.target
    needed = p.instances + max(2 * peak / each, tracked)
    started = min(p.max_size, needed) if scales else 0
    # Each that is terminated is chosen among all the others, as often as alarms can take turns.
    working = max(0.0, p.duration - p.boot_time - p.user_data_time)
    turn = p.metric_period * (p.high_datapoints + p.low_datapoints) + p.boot_time
    turns = min(2, max(0, p.duration // turn - 1)) / 2
    chosen = started**2 / 100 * turns
    # All threads are looked at by each tick and each change; more closely where work of no length
    # makes them take their messages one by one.
    threads = min(max(p.instances, started) * p.threads, p.in_flight_limit)
    looks = threads * (ticks + started * turns + messages / BLOCK)
    looks /= 400 if p.service_cv > 2 else 7_000
    lost = p.threads * started * min(p.duration // turn, 20) / 10
    followed = messages * sends(p, peak, backlog, each) * (
        FOLLOWED + WAITED_FOR * bool(p.retry)) if p.followed else 0.0
    return Estimate(requests=messages, lower=lower if messages > ticks else "duration",
                    events=5 * ticks + started + chosen + looks + lost + p.instances / 2 + followed,
                    served=(p.instances * p.duration + started * working) * each)
