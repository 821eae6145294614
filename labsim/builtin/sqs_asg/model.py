"""The model of the lab `sqs-asg`: messages, instances, alarms, and a policy that moves the group.

Picture a bakery: people line up (SQS), bakers work (EC2 instances), and a foreman (Auto
Scaling) who looks at the line once a minute calls in more bakers, who need time to arrive.
The line grows for as long as it takes to notice, to decide and to arrive, and is worked off
only by what is hired beyond the need.

Start reading at `simulate`. Data plane: request-level, exact, since a learner asks for the wait
of the slowest message.
"""

import numpy as np

from labsim import declare as kit
from labsim.builtin.sqs_asg.params import SqsAsgParams, load
from labsim.engine import Estimate, RateCurve, ServiceTimes, Simulation, replay
from labsim.services import autoscaling, ec2, sqs
from labsim.services.cloudwatch.rules import STANDARD_RESOLUTION


def curve(p: SqsAsgParams) -> RateCurve:
    """The arrival rate over time, for all workloads but the trace."""
    if p.workload == "steady":
        return RateCurve.steady(p.arrival_rate, p.duration)
    if p.workload == "diurnal":
        return RateCurve.diurnal(p.arrival_rate, p.spike_factor, p.day_length, p.duration)
    if p.workload == "spike":
        return kit.spiked(p, p.arrival_rate)
    return RateCurve.ramp(p.arrival_rate, p.spike_factor, p.spike_start, p.spike_duration,
                          p.duration)


def arrivals(p: SqsAsgParams, sim: Simulation):
    """Blocks of arrival times, and notes on what was done to a trace."""
    rng = sim.stream("arrivals")
    if p.workload != "trace":
        return curve(p).arrivals(rng), ()
    trace = load(p.trace)
    counts = np.diff(np.floor(np.cumsum(trace.counts) * p.trace_factor), prepend=0)
    blocks = replay(counts.astype(np.int64), trace.period, rng)
    return (block[block <= p.duration] for block in blocks), trace.notes


def policy(p: SqsAsgParams, group: autoscaling.Group, metric) -> autoscaling.policies.Policy:
    """The scaling policy, attached to the group."""
    common = dict(target=p.target_backlog, low=p.low_ratio, name="policy",
                  high_points=p.high_datapoints, low_points=p.low_datapoints)
    out, back, t = p.scale_out_by, -p.scale_in_by, p.target_backlog
    if p.policy == "target-tracking":
        return autoscaling.TargetTracking(group, metric, **common)
    if p.policy == "simple":
        return autoscaling.SimpleScaling(group, metric, **common, kind=p.adjustment, out=out,
                                         in_=back, cooldown=p.cooldown)
    far = float("inf")
    return autoscaling.StepScaling(
        group, metric, **common, kind=p.adjustment, in_steps=[(-far, 0.0, back)],
        out_steps=[(0.0, t, out), (t, 3 * t, 2 * out), (3 * t, far, 4 * out)])


def simulate(p: SqsAsgParams, sim: Simulation) -> "Backlog":
    """Messages arrive, instances take them one by one, alarms on the backlog move the group."""
    blocks, notes = arrivals(p, sim)
    for note in notes:
        sim.log("note", note)
    queue = sqs.Queue(sim, "orders", p.visibility_timeout, price=p.request_price,
                      random=sim.stream("service"))
    queue.feed(blocks)
    fleet = ec2.Fleet(sim, "workers", p.boot_time + p.user_data_time, consumes=queue,
                      work=ServiceTimes(p.service_time, p.service_cv), drain=p.drain,
                      price=p.instance_price, random=sim.stream("consumer"))
    least, most = (p.instances,) * 2 if p.policy == "none" else (p.min_size, p.max_size)
    group = autoscaling.Group(sim, "group", fleet, desired=p.instances, min_size=least,
                              max_size=most, warmup=p.warmup,
                              random=sim.stream("termination"))
    metric = rule = None
    if p.policy != "none":
        metric = queue.backlog_per(fleet, p.metric_period, "backlog per instance")
        rule = policy(p, group, metric)
    return Backlog(p, sim, queue=queue, fleet=fleet, group=group, metric=metric, policy=rule,
                   notes=notes)


class Backlog(kit.Outcome):
    """A queue, its workers, and who decides how many they are."""

    def series(self) -> dict:
        """Those of the parts, and what the policy sees."""
        told = {**self.queue.told, **self.fleet.told, **self.group.told}
        told["target"] = self.p.target_backlog * told["in_service"][0], "messages"
        nothing = np.zeros(len(self.record.t))
        for name, part, of in (("backlog_per_instance", self.metric, "value"),
                               ("alarm_high", self.policy and self.policy.high, "state"),
                               ("alarm_low", self.policy and self.policy.low_alarm, "state")):
            told[name] = part.told[of] if part else (nothing, "")
        return told

    def cost(self) -> dict:
        """Instances and requests."""
        return {**self.fleet.cost(), **self.queue.cost()}


def estimate(p: SqsAsgParams) -> Estimate:
    """What a run will take: its messages, the ticks of the metric and its two alarms, and the
    instances that it may start."""
    if p.workload == "trace":
        trace = load(p.trace)
        inside = trace.counts[:int(p.duration // trace.period) + 1]
        messages, lower = float(inside.sum()) * p.trace_factor, "trace_factor"
        peak = float(inside.max(initial=0)) * p.trace_factor / trace.period
    else:
        rate = curve(p)
        messages, lower, peak = float(rate.cumulative[-1]), "arrival_rate", float(rate.rate.max())
    ticks = 0 if p.policy == "none" else p.duration / min(
        p.metric_period, STANDARD_RESOLUTION)
    scales = ticks >= p.high_datapoints and messages > p.target_backlog
    # As many as work the peak off, or as the backlog asks for that there is when help arrives.
    late = p.high_datapoints * p.metric_period + p.boot_time + p.user_data_time
    backlog = max((peak - p.instances / p.service_time) * late, messages**0.5)
    tracked = backlog / p.target_backlog if p.policy == "target-tracking" else 0
    needed = p.instances + max(2 * peak * p.service_time, tracked)
    started = min(p.max_size, needed) if scales else 0
    # Each that is terminated is chosen among all the others, as often as alarms can take turns.
    working = max(0.0, p.duration - p.boot_time - p.user_data_time)
    turn = p.metric_period * (p.high_datapoints + p.low_datapoints) + p.boot_time
    chosen = started**2 / 100 * min(2, max(0, p.duration // turn - 1)) / 2
    return Estimate(requests=messages, events=2 * ticks + started + chosen + p.instances / 2,
                    served=(p.instances * p.duration + started * working) / p.service_time,
                    lower=lower if messages > ticks else "duration")
