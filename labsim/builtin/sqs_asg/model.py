"""The model of the lab `sqs-asg`: messages, instances, alarms, and a policy that moves the group.

Picture a bakery: people line up (SQS), bakers work (EC2 instances), and a foreman (Auto
Scaling) who looks at the line once a minute calls in more bakers, who need time to arrive.
The line grows for as long as it takes to notice, to decide and to arrive, and is worked off
only by what is hired beyond the need.

Start reading at `simulate`. Data plane: request-level, exact, since a learner asks for the wait
of the slowest message.
"""

import numpy as np

from labsim import factbook
from labsim.builtin.sqs_asg.params import SqsAsgParams, load
from labsim.declare import Run
from labsim.engine import Estimate, RateCurve, ServiceTimes, Simulation, replay
from labsim.services.autoscaling import policies as scaling_policies
from labsim.services.autoscaling.group import Group
from labsim.services.cloudwatch import alarms as cloudwatch
from labsim.services.ec2.fleet import Fleet
from labsim.services.sqs.queue import Queue


def curve(p: SqsAsgParams) -> RateCurve:
    """The arrival rate over time, for all workloads but the trace."""
    if p.workload == "steady":
        return RateCurve.steady(p.arrival_rate, p.duration)
    if p.workload == "diurnal":
        return RateCurve.diurnal(p.arrival_rate, p.spike_factor, p.day_length, p.duration)
    shape = RateCurve.spike if p.workload == "spike" else RateCurve.ramp
    return shape(p.arrival_rate, p.spike_factor, p.spike_start, p.spike_duration, p.duration)


def arrivals(p: SqsAsgParams, sim: Simulation):
    """Blocks of arrival times, and notes on what was done to a trace."""
    rng = sim.stream("arrivals")
    if p.workload != "trace":
        return curve(p).arrivals(rng), ()
    trace = load(p.trace)
    counts = np.diff(np.floor(np.cumsum(trace.counts) * p.trace_factor), prepend=0)
    blocks = replay(counts.astype(np.int64), trace.period, rng)
    return (block[block <= p.duration] for block in blocks), trace.notes


def policy(p: SqsAsgParams, sim: Simulation, group: Group, metric: cloudwatch.Metric) -> None:
    """Attach the scaling policy to the group."""
    common = dict(sim=sim, group=group, metric=metric, threshold=p.target_backlog,
                  high_points=p.high_datapoints, low_points=p.low_datapoints, low=p.low_ratio)
    out, back, t = p.scale_out_by, -p.scale_in_by, p.target_backlog
    if p.policy == "target-tracking":
        scaling_policies.TargetTracking(**common)
    elif p.policy == "simple":
        scaling_policies.SimpleScaling(**common, kind=p.adjustment, out=out, in_=back,
                                       cooldown=p.cooldown)
    else:
        far = float("inf")
        scaling_policies.StepScaling(
            **common, kind=p.adjustment, in_steps=[(-far, 0.0, back)],
            out_steps=[(0.0, t, out), (t, 3 * t, 2 * out), (3 * t, far, 4 * out)])


def simulate(p: SqsAsgParams, sim: Simulation) -> Run:
    """Messages arrive, instances take them one by one, alarms on the backlog move the group."""
    blocks, notes = arrivals(p, sim)
    for note in notes:
        sim.log("note", note)
    work = ServiceTimes(p.service_time, p.service_cv)
    queue = Queue(sim, work.source(blocks, sim.stream("service")), p.visibility_timeout)
    choosing = sim.stream("consumer")
    fleet = Fleet(sim, p.boot_time + p.user_data_time, lambda instance: queue.add_consumer())
    group = Group(sim, fleet, desired=p.instances, min_size=p.min_size, max_size=p.max_size,
                  warmup=p.warmup,
                  release=lambda instance: queue.remove_consumer(choosing, drain=p.drain))
    if p.policy != "none":
        metric = cloudwatch.Metric(
            sim, "backlog per instance", lambda: queue.visible / max(group.in_service, 1),
            p.metric_period)
        policy(p, sim, group, metric)
    sim.run()
    return report(p, sim, queue, fleet, group, notes)


def report(p: SqsAsgParams, sim: Simulation, queue: Queue, fleet: Fleet, group: Group,
           notes: tuple) -> Run:
    """The summary, series and cost of a run that has ended."""
    record = sim.record
    series = queue.series()
    for name in ("instances_in_service", "instances_booting", "instances_terminating", "desired"):
        series[name] = (record.sampled(name), "instances")
    series["backlog_per_instance"] = (record.sampled("backlog per instance"), "messages")
    series["target"] = (p.target_backlog * series["instances_in_service"][0], "messages")
    for name in ("alarm_high", "alarm_low"):
        series[name] = (record.sampled(name), "on")

    waits = record.values("wait")
    p50, p95, p99 = np.percentile(waits, (50, 95, 99)) if len(waits) else (0.0, 0.0, 0.0)
    capacity = sum(record.level_integral(name) for name in
                   ("instances_in_service", "instances_terminating"))
    busy, hours = queue.busy_seconds(), fleet.billed_seconds() / 3600
    final = {name: series[name][0][-1] for name in ("arrived", "processed", "backlog",
                                                   "in_flight")}
    idle_polls = max(capacity - busy, 0.0) / factbook.value("sqs.long_poll_max_s")
    requests = final["arrived"] + len(waits) + final["processed"] + idle_polls
    cost = {"EC2 instances": hours * p.instance_price,
            "SQS requests": requests / 1e6 * p.request_price}
    summary = {
        "arrived": final["arrived"], "processed": final["processed"],
        "backlog_end": final["backlog"], "in_flight_end": final["in_flight"],
        "backlog_max": series["backlog"][0].max(),
        "wait_mean": waits.mean() if len(waits) else 0.0,
        "wait_p50": p50, "wait_p95": p95, "wait_p99": p99,
        "oldest_age_max": queue.oldest_age_max(),
        "utilization": busy / capacity if capacity else 0.0,
        "instances_mean": record.level_mean("instances_in_service"),
        "instances_max": record.level_max("instances_in_service"),
        "scale_outs": group.scale_outs, "scale_ins": group.scale_ins,
        "redelivered": series["returned"][0][-1],
        "instance_hours": hours, "cost_usd": sum(cost.values()),
    }
    return Run({name: float(value) for name, value in summary.items()}, series, cost, notes)


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
        p.metric_period, cloudwatch.STANDARD_RESOLUTION)
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
