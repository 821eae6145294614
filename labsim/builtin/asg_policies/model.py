"""The model of the lab `asg-policies`: one day's traffic, mirrored to six groups.

Picture six supermarkets that get exactly the same shoppers, minute by minute. They differ in one
thing only: the rule by which the manager opens and closes tills. At closing time the wages and the
shoppers who walked out are counted.

Start reading at `simulate`. Data plane: counted in cells of ten seconds, since the question is how
many requests of a day are missed, not how long one waits; CPU is load / capacity.
"""

import math
from dataclasses import dataclass

import numpy as np

from labsim.builtin.asg_policies.params import POLICIES, AsgPoliciesParams
from labsim.declare import MOST_BARS, Run, bar_name, per_tick
from labsim.engine import Estimate, RateCurve, Simulation, stream
from labsim.services.autoscaling import predictive as scaling_ahead
from labsim.services.autoscaling.cpu_alarms import AHEAD, Watch
from labsim.services.autoscaling.group import Group
from labsim.services.autoscaling.policies import Policy, SimpleScaling, StepScaling, TargetTracking
from labsim.services.autoscaling.rules import CHANGE
from labsim.services.ec2 import bill as ec2_billing
from labsim.services.ec2 import launch as lifecycle
from labsim.services.ec2.fleet import ZONES, Fleet
from labsim.services.ec2.spot import Reclaims
from labsim.services.elb.web_tier import CELL, WebTier, between, curve_rates, edges, traffic

STEPS = 0.3, 0.6        # of the target above it: where step scaling doubles its adjustment
DAY = 86_400
QUOTA = 100             # instances of the account, which no forecast can exceed
REVERSAL = 1_800        # s: a change of direction within half an hour counts as a reversal
BASIC = 300             # s: the metric period that costs nothing
# What a run takes, in events: itself, a launch, an action, a loss, a plan; and in cells, a day.
COST = 105, 1.2, 3.0, 0.65, 15, 280_000
ROUGH_STEPS = 360
ROUGH = stream(0, "rough").standard_normal(ROUGH_STEPS + 1)     # the same for every estimate
MOST_LOAD = 10.0        # of a group's capacity that is told apart
SYSTEM_DISK = 8.0       # GB of a root volume besides the memory
SHORT = {"target-tracking": "tracking"}     # names of policies in metrics and series


def usual(p: AsgPoliciesParams) -> RateCurve:
    """The request rate of an ordinary day: what history knows."""
    if p.workload == "day":
        return RateCurve.diurnal(p.arrival_rate, p.peak_factor, DAY, p.duration)
    return RateCurve.steady(p.arrival_rate, p.duration)


def expected(p: AsgPoliciesParams, cell: float = CELL) -> np.ndarray:
    """Today's expected requests per second in cells of so many s, (cells,)."""
    curve = RateCurve.ramp(p.arrival_rate, p.peak_factor, p.ramp_start, p.ramp_duration,
                           p.duration) if p.workload == "ramp" else usual(p)
    ends = edges(p.duration, cell)
    return p.today_factor * between(curve_rates(curve, ends), ends, p.flash_start,
                                    p.flash_duration, p.flash_factor)


def arrivals(p: AsgPoliciesParams, sim: Simulation) -> np.ndarray:
    """Today's requests per second, (cells,)."""
    return traffic(expected(p), p.variability, p.duration, sim.stream("arrivals"),
                   sim.stream("variability"))


def hourly(p: AsgPoliciesParams) -> np.ndarray:
    """The usual mean rate of each hour, (hours,); the last one may go on after the end."""
    hours = np.arange(0.0, p.duration, scaling_ahead.HOUR)
    ends = np.append(hours, p.duration)
    return usual(p).expected(ends) / np.diff(ends)


@dataclass(frozen=True)
class Site:
    """One group and all that belongs to it, on a simulation of its own."""

    sim: Simulation
    tier: WebTier
    fleet: Fleet
    group: Group
    reclaims: Reclaims
    pool: lifecycle.WarmPool | None
    watch: Watch | None


def boots(p: AsgPoliciesParams, sim: Simulation):
    """How instances come to serve, (seconds, whether they do), and the warm pool, if any."""
    cold = lifecycle.cold_time(p.boot_time, p.start_time,
                               p.user_data_time if p.boot == lifecycle.USER_DATA else 0.0)
    hook = lifecycle.Hook(p.hook_time, p.hook_timeout)
    if p.boot != lifecycle.HIBERNATED:
        return lambda: hook.passed(cold), None
    resume = lifecycle.resume_time(p.boot_time, p.ram, p.disk_throughput)
    pool = lifecycle.WarmPool(sim, p.warm_pool, resume, cold)
    return lambda: hook.passed(pool.take()), pool


def reacting(p: AsgPoliciesParams, sim: Simulation, group: Group, name: str) -> list[Policy]:
    """The policies of a group that react to its CPU."""
    common = dict(group=group, metric=None, target=p.target, high_points=p.high_datapoints,
                  low_points=p.low_datapoints, low=p.low_ratio)
    by = dict(kind=p.adjustment, magnitude=p.min_adjustment)
    out, back, far = p.scale_out_by, -p.scale_in_by, float("inf")
    second, third = (p.target * share for share in STEPS)
    tracking = TargetTracking(**common, name="tracking")
    step = StepScaling(**common, **by, name="step", in_steps=[(-far, 0.0, back)], out_steps=[
        (0.0, second, out), (second, third, 2 * out), (third, far, 4 * out)])
    simple = SimpleScaling(**common, **by, name="simple", out=out, in_=back, cooldown=p.cooldown)
    return {"target-tracking": [tracking], "step": [step], "simple": [simple],
            "together": [tracking, step]}.get(name, [])


def site(p: AsgPoliciesParams, sim: Simulation, rates: np.ndarray, loads: np.ndarray,
         name: str) -> Site:
    """The group that is scaled by the policy of this name, and its part of the traffic: all."""
    tier = WebTier(sim, rates, p.instance_capacity)
    booting, pool = boots(p, sim)

    def release(instance):
        tier.remove(instance)
        return sim.now + p.drain_time
    fleet = Fleet(sim, "instances", boots=booting, spot_share=p.spot_share / 100,
                  on_service=tier.add, on_release=release, price=p.instance_price)
    group = Group(sim, "group", fleet, desired=p.instances, min_size=p.min_size,
                  max_size=p.max_size, warmup=p.warmup, termination=p.termination,
                  random=sim.stream("termination"))
    reclaims = Reclaims(sim, group, p.reclaims, rebalance=p.rebalance)
    fleet.change_template(p.new_template_at)
    policies = reacting(p, sim, group, name)
    watch = Watch(sim, group, tier, policies, p.metric_period) if policies else None
    if name == "scheduled":
        scaling_ahead.scheduled(sim, group, scaling_ahead.daily(
            p.schedule_start, p.schedule_end, p.schedule_size, p.min_size, DAY, p.duration),
            dismisses=True)
    if name in ("predictive", "together"):
        scaling_ahead.predictive(
            sim, group, loads, p.instance_capacity, p.target, prelaunch=p.prelaunch,
            behavior=p.max_behavior, buffer=p.max_buffer, quota=QUOTA)
    return Site(sim, tier, fleet, group, reclaims, pool, watch)


def simulate(p: AsgPoliciesParams, sim: Simulation) -> Run:
    """The same requests to six groups, each scaled in its own way, none touching another."""
    rates = arrivals(p, sim)
    loads = scaling_ahead.forecast(hourly(p), p.history_days, p.variability,
                                   sim.stream("history"))
    sites = {}
    for name in sorted(POLICIES, key=lambda name: name == p.policy):    # the chosen one at last
        own = sim if name == p.policy else sim.beside()
        sites[name] = site(p, own, rates, loads, name)
        own.run()
        sites[name].tier.finish()
    return report(p, rates, sites)


def reversals(desired: list[tuple[float, float]], within: float) -> int:
    """How often the desired capacity turned round, out to in or in to out, within so many s."""
    steps = [(t, after - before) for (_, before), (t, after) in zip(desired, desired[1:])
             if after != before]
    return sum((a > 0) != (b > 0) and later - t <= within
               for (t, a), (later, b) in zip(steps, steps[1:]))


def bill(p: AsgPoliciesParams, s: Site) -> dict[str, float]:
    """What a group cost, USD by line."""
    demand, spot = ec2_billing.instance_hours(s.fleet.all, s.sim.now)
    hours, prepared, disks = demand + spot, 0.0, 0.0
    if s.pool:
        prepared = s.pool.prepared * s.pool.cold / 3600
        disks = s.pool.size * (p.ram + SYSTEM_DISK) * s.sim.duration / 3600 * ec2_billing.DISK
    detailed = ec2_billing.DETAILED if p.metric_period < BASIC else 0.0
    return {"On-Demand": demand * p.instance_price,
            "Spot": spot * p.instance_price * (1 - p.spot_discount / 100),
            "Detailed monitoring": hours * detailed,
            "Warm pool": prepared * p.instance_price + disks}


def report(p: AsgPoliciesParams, rates: np.ndarray, sites: dict[str, Site]) -> Run:
    """The summary, series and cost of a run that has ended."""
    chosen = sites[p.policy]
    sim, record, tier = chosen.sim, chosen.sim.record, chosen.tier
    if chosen.watch:
        chosen.watch.log()
    arrived = tier.until(rates)

    def per_second(total: np.ndarray) -> np.ndarray:
        return per_tick(np.maximum(np.diff(total), 0.0) / np.diff(record.t), "req/s")
    series = {"arrivals": per_second(arrived), "arrived": (arrived, "requests")}
    series["groups"] = np.full(len(record.t), float(len(POLICIES))), ""
    for i in range(MOST_BARS):
        series[bar_name("load", i)] = np.zeros(len(record.t)), ""
    each = {}
    for policy in POLICIES:
        s, name = sites[policy], SHORT.get(policy, policy)
        missed = s.tier.until(rates - s.tier.served)
        cost = bill(p, s)
        each[policy] = missed[-1], sum(cost.values())
        series[f"capacity_{name}"] = s.sim.record.sampled("capacity"), "req/s"
        series[f"in_{name}"] = s.fleet.record.sampled("in_service"), "instances"
        series[f"missing_{name}"] = per_second(missed)
        series[f"missed_{name}"] = missed, "requests"
        series[f"spent_{name}"] = ec2_billing.spent(
            each[policy][1], s.fleet.all, record.t), "USD"
        series[bar_name("load", len(each) - 1)] = per_tick(
            np.minimum(s.tier.load(arrived), MOST_LOAD))
    for name in ("in_service", "booting", "terminating"):
        series[f"instances_{name}"] = chosen.fleet.record.sampled(name), "instances"
    series["desired"] = chosen.group.record.sampled("desired"), "instances"
    for zone in ZONES:
        series[f"zone_{zone}"] = record.sampled(f"zone {zone}"), "instances"
    for name in ("alarm_high", "alarm_low"):
        series[name] = record.sampled(name), "on"
    cpu = 100 * np.nan_to_num(tier.cpu)
    total = tier.until(cpu)
    series["cpu"] = per_tick(np.diff(total) / np.diff(record.t), "%")
    points = np.concatenate([[cpu[0]], np.nan_to_num(tier.datapoints(p.metric_period))])
    newest = np.minimum((record.t // p.metric_period).astype(int), len(points) - 1)
    series["datapoint"] = points[newest], "%"
    zones = np.array([series[f"zone_{zone}"][0] for zone in ZONES])

    cost = bill(p, chosen)
    missed, usd = each[p.policy]
    demand, spot = ec2_billing.instance_hours(chosen.fleet.all, sim.now)
    summary = {
        "arrived": arrived[-1], "served": arrived[-1] - missed, "missed": missed,
        "missed_share": 100 * missed / arrived[-1] if arrived[-1] else 0.0,
        "cpu_mean": cpu @ np.diff(tier.edges) / sim.duration,
        "instances_mean": chosen.fleet.record.level_mean("in_service"),
        "instances_max": chosen.fleet.record.level_max("in_service"),
        "launches": len(chosen.fleet.all) - p.instances,
        "scale_outs": chosen.group.scale_outs, "scale_ins": chosen.group.scale_ins,
        "reversals": reversals(chosen.group.record.changes("desired"), REVERSAL),
        "spot_lost": chosen.reclaims.lost,
        "zones_uneven": (zones.max(axis=0) - zones.min(axis=0)).max(),
        "old_template": sum(i.state == "in service" and i.template < chosen.fleet.template
                            for i in chosen.fleet.instances),
        "instance_hours": demand + spot, "cost_usd": usd,
    }
    for policy in POLICIES:
        name = SHORT.get(policy, policy)
        summary[f"missed_{name}"], summary[f"cost_{name}"] = each[policy]
    return Run({name: float(value) for name, value in summary.items()}, series, cost)


def walk(p: AsgPoliciesParams, kind: str, means: list[float], every: float, serves: float,
         comes: bool) -> tuple[float, int, float]:
    """Roughly how many instances a policy launches, how often it acts, and how many there are on
    average, from the mean request rates of every `every` s: all instances are one number here."""
    capacity, n, launches, acts, total = p.instance_capacity * p.target / 100, p.instances, 0, 0, 0
    served, due, high, low = n, 0.0, 0, 0
    most_high, most_low = (max(round(points * p.metric_period / every), 1)
                           for points in (p.high_datapoints, p.low_datapoints))
    settle = p.cooldown if kind == "simple" else p.warmup
    percent, full = p.adjustment != CHANGE, 100 / p.target
    for tick, rate in enumerate(means):
        t = tick * every
        total += n
        served = n if t >= due and comes else min(served, n)
        load = min(rate / (served * capacity), full)
        high, low = high + 1 if load > 1 else 0, low + 1 if load < p.low_ratio else 0
        if high < most_high and low < most_low:
            continue
        for _ in range(max(round(every / 60), 1)):
            wanted = n
            if kind == "target-tracking" and (high or t >= due + settle):
                wanted = math.ceil(served * load - 1e-9)
                wanted = max(wanted, n) if high else min(wanted, n)
            elif t >= due + settle:
                by = p.scale_out_by if high else -p.scale_in_by
                if high and kind == "step":
                    by *= 4 if load > 1 + STEPS[1] else 2 if load > 1 + STEPS[0] else 1
                if percent:
                    by = math.copysign(max(abs(n * by) // 100, p.min_adjustment, 1), by)
                wanted += int(by)
            wanted = min(max(wanted, p.min_size), p.max_size)
            if wanted == n:
                break
            acts += 1
            if wanted > n:
                launches, due = launches + wanted - n, t + serves
            n, served = wanted, min(served, wanted)
    return launches, acts, total / len(means)


def estimate(p: AsgPoliciesParams) -> Estimate:
    """What a run will take: its cells, and what a rough walk through the expected traffic says of
    launches and actions; launches that are given up and Spot taken back are added to them."""
    cold = lifecycle.HIBERNATED != p.boot
    serves, comes = lifecycle.Hook(p.hook_time, p.hook_timeout).passed(
        p.boot_time + (p.start_time + p.user_data_time * (p.boot == lifecycle.USER_DATA) if cold
                       else p.ram * 1024 / p.disk_throughput))
    every, days = max(p.metric_period, 60, p.duration / ROUGH_STEPS), p.duration / DAY
    means = expected(p, every)
    noise = 0.8 * p.variability / math.sqrt(max(every, p.metric_period * p.high_datapoints) / 60)
    means = (means * np.exp(noise * ROUGH[:len(means)])).tolist()
    walked = [walk(p, kind, means, every, serves, comes)
              for kind in ("target-tracking", "step", "simple")]
    launches, acts, mean = map(sum, zip(*walked))
    mean = max(mean / 3, p.min_size)
    lost = 6 * (mean * p.spot_share / 100 + 2 * (p.spot_share > 0)) * p.reclaims * days
    if not comes:       # each place is tried again and again, by those who know ahead, too
        ahead = p.schedule_size + 2 * max(mean, p.schedule_size)
        lost += (ahead + 3 * mean - 6 * p.instances) * p.duration / serves
    plans = p.duration / min(p.metric_period, 60) / AHEAD
    return Estimate(requests=0, lower="duration", cells=COST[5] * days, events=COST[0] + COST[1]
                    * launches + COST[2] * acts + COST[3] * max(lost, 0.0) + COST[4] * plans)
