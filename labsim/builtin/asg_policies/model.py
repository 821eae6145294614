"""The model of the lab `asg-policies`: one day's traffic, mirrored to six groups.

Picture six supermarkets that get exactly the same shoppers, minute by minute. They differ in one
thing only: the rule by which the manager opens and closes tills. At closing time the wages and the
shoppers who walked out are counted.

Start reading at `simulate`; what comes is in `traffic`.

*Models:* requests counted in cells of ten seconds at any rate, none followed and none sampled,
since the question is how many of a day are missed, not how long one waits; CPU is load / capacity.
Each instance, datapoint and order of a policy is followed; a thousand instances at most.
"""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from labsim import declare as kit
from labsim.builtin.asg_policies.params import MOST, POLICIES, AsgPoliciesParams
from labsim.builtin.asg_policies.traffic import DAY, arrivals, expected, hourly
from labsim.engine import Estimate, Simulation, stream
from labsim.services import autoscaling, ec2
from labsim.services.autoscaling import rules
from labsim.services.autoscaling.cpu_alarms import AHEAD
from labsim.services.autoscaling.policies import SCALE_IN_STEP
from labsim.services.autoscaling.predictive import forecast
from labsim.services.ec2 import bill, launch
from labsim.services.elb.web_tier import WebTier

STEPS = 0.3, 0.6        # of the target above it: where step scaling doubles its adjustment
BASIC = 300             # s: the metric period that costs nothing
# What each takes, in events; an action and a plan look at all instances, too.
RUN, LAUNCH, READY, ACTION, ALL, PLAN, FEW = 150, 1.4, 0.7, 6.0, 0.1, 1.4, 0.005
CELLS_OF_A_DAY = 280_000
ROUGH_STEPS = 360
ROUGH = stream(0, "rough").standard_normal(ROUGH_STEPS + 1)     # the same for every estimate
MOST_LOAD = 10.0        # of a group's capacity that is told apart
SYSTEM_DISK = 8.0       # GB of a root volume besides the memory
SHORT = {"target-tracking": "tracking"}     # names of policies in metrics and series


@dataclass(frozen=True)
class Site:
    """One group and all that belongs to it."""

    tier: WebTier
    fleet: ec2.Fleet
    group: autoscaling.Group
    reclaims: ec2.Reclaims
    pool: ec2.WarmPool | None
    alarms: autoscaling.CpuAlarms | None

    def cost(self, p: AsgPoliciesParams) -> dict[str, float]:
        """What it cost, USD by line."""
        lines = bill.by_line(self.fleet.all, self.group.sim.now, p.instance_price, p.spot_discount,
                             detailed=p.metric_period < BASIC)
        return {**lines, **(self.pool.cost() if self.pool else {"Warm pool": 0.0})}


def until_it_serves(p: AsgPoliciesParams) -> tuple[ec2.Hook, float, float]:
    """The launch hook, and how long a new instance and one of the pool take before it, s."""
    scripted = p.boot in (launch.USER_DATA, launch.STOPPED)
    return (ec2.Hook(p.hook_time, p.hook_timeout, p.hook_heartbeats),
            launch.cold_time(p.boot_time, p.start_time, p.user_data_time if scripted else 0.0),
            launch.cold_time(p.restart_time, p.start_time) if p.boot == launch.STOPPED
            else launch.resume_time(p.restart_time, p.ram, p.disk_throughput))


def boots(p: AsgPoliciesParams, sim: Simulation, name: str):
    """How instances come to serve, (seconds, whether they do), and the warm pool, if any."""
    hook, cold, resume = until_it_serves(p)
    if p.boot not in launch.POOLED:
        return lambda: hook.passed(cold), None
    memory = p.ram if p.boot == launch.HIBERNATED else 0.0
    pool = ec2.WarmPool(sim, f"{name} pool", p.warm_pool, resume=resume, cold=cold,
                        price=p.instance_price, disk=memory + SYSTEM_DISK)
    return lambda: hook.passed(pool.take()), pool


def reacting(p: AsgPoliciesParams, group: autoscaling.Group, name: str) -> list:
    """The policies of a group that react to its CPU."""
    common = dict(group=group, metric=None, target=p.target, high_points=p.high_datapoints,
                  low_points=p.low_datapoints, low=p.low_ratio)
    by = dict(kind=p.adjustment, magnitude=p.min_adjustment)
    out, back, far = p.scale_out_by, -p.scale_in_by, float("inf")
    second, third = (p.target * share for share in STEPS)
    policies = []
    if name in ("target-tracking", "together"):
        policies.append(autoscaling.TargetTracking(**common, name=f"{name} tracking"))
    if name in ("step", "together"):
        policies.append(autoscaling.StepScaling(
            **common, **by, name=f"{name} step", in_steps=[(-far, 0.0, back)], out_steps=[
                (0.0, second, out), (second, third, 2 * out), (third, far, 4 * out)]))
    if name == "simple":
        policies.append(autoscaling.SimpleScaling(
            **common, **by, name=f"{name} simple", out=out, in_=back, cooldown=p.cooldown))
    return policies


def site(p: AsgPoliciesParams, sim: Simulation, rates: np.ndarray, loads: np.ndarray,
         name: str) -> Site:
    """The group that is scaled by the policy of this name, and its part of the traffic: all. All
    groups have the same dice; the log is that of the chosen one."""
    before = len(sim.parts)
    tier = WebTier(sim, f"{name} tier", p.instance_capacity, rates)
    booting, pool = boots(p, sim, name)
    lots = sim.stream("termination")
    fleet = ec2.Fleet(sim, f"{name} instances", boots=booting, consumes=tier, random=lots,
                      drain_time=p.drain_time, spot_share=p.spot_share / 100,
                      price=p.instance_price)
    group = autoscaling.Group(sim, f"{name} group", fleet, desired=p.instances,
                              min_size=p.min_size, max_size=p.max_size, warmup=p.warmup,
                              termination=p.termination, random=lots)
    reclaims = ec2.Reclaims(sim, f"{name} spot", group, p.reclaims, rebalance=p.rebalance,
                            random="spot")
    fleet.change_template(p.new_template_at)
    policies = reacting(p, group, name)
    alarms = autoscaling.CpuAlarms(sim, f"{name} CPU", group, tier, policies,
                                   p.metric_period) if policies else None
    if name == "scheduled":
        autoscaling.ScheduledActions(group, rules.daily(
            p.schedule_start, p.schedule_end, p.schedule_size, p.min_size, DAY, p.duration))
    if name in ("predictive", "together"):
        autoscaling.PredictiveScaling(
            group, loads, p.instance_capacity, p.target, prelaunch=p.prelaunch,
            behavior=p.max_behavior, buffer=p.max_buffer, quota=MOST)
    for part in list(sim.parts.values())[before:]:
        part.quiet = name != p.policy
    return Site(tier, fleet, group, reclaims, pool, alarms)


def simulate(p: AsgPoliciesParams, sim: Simulation) -> "SixGroups":
    """The same requests to six groups, each scaled in its own way, none touching another."""
    rates = arrivals(p, sim)
    loads = forecast(hourly(p), p.history_days, p.noise, sim.stream("history"))
    sites = {name: site(p, sim, rates, loads, name) for name in POLICIES}
    return SixGroups(p, sim, sites=sites, **vars(sites[p.policy]))


class SixGroups(kit.Outcome):
    """A site per policy; the parts are those of the chosen one."""

    @cached_property
    def costs(self) -> dict[str, float]:
        """{policy: USD of its group}."""
        return {name: sum(s.cost(self.p).values()) for name, s in self.sites.items()}

    def series(self) -> dict:
        """Those of the chosen group, and what is compared of all six."""
        nothing, t, zones = np.zeros(len(self.record.t)), self.record.t, self.fleet.zones()
        told = {**self.tier.told, **self.fleet.told, **self.group.told,
                "groups": (nothing + len(POLICIES), "groups"),
                "zone_least": (np.min([*zones.values()], axis=0), "instances")}
        told |= {f"zone_{zone}": (n, "instances") for zone, n in zones.items()}
        told |= self.alarms.told if self.alarms else {
            "alarm_high": (nothing, "on"), "alarm_low": (nothing, "on"),
            "datapoint": self.tier.published(self.p.metric_period)}
        told |= kit.bars("load", (np.minimum(s.tier.load(self.tier.offered), MOST_LOAD)
                                  for s in self.sites.values()))
        for policy, s in self.sites.items():
            name, failed = SHORT.get(policy, policy), s.tier.failed
            there = s.fleet.record.sampled("in_service")
            told[f"capacity_{name}"] = there * self.p.instance_capacity, "req/s"
            told[f"in_service_{name}"] = there, "instances"
            told[f"failed_rate_{name}"] = s.tier.per_second(failed)
            told[f"completed_rate_{name}"] = s.tier.per_second(s.tier.completed)
            told[f"failed_{name}"] = failed, "requests"
            told[f"spent_{name}"] = bill.spent(self.costs[policy], s.fleet.all, t), "USD"
        return told

    def cost(self) -> dict:
        """What the chosen group cost."""
        return self.sites[self.p.policy].cost(self.p)


def extreme(p: AsgPoliciesParams, points: int, every: float, rate: float) -> float:
    """The most by which so many datapoints in a row are beyond the mean of `every` s, a factor."""
    window = max(points * p.metric_period, 60)
    sigma = math.hypot(p.noise, 1 / math.sqrt(60 * max(rate, 1e-6))) * math.sqrt(60 / window)
    return math.exp(min(sigma * math.sqrt(2 * math.log(max(every / window, 1.0))), 1.0))


def walk(p: AsgPoliciesParams, kind: str, means: list[float], every: float, serves: float,
         comes: bool) -> np.ndarray:
    """Roughly how many instances a policy launches, how often it acts, how many it wants on average
    and how many of these never come, from the mean request rates of every `every` s."""
    up, down = (extreme(p, points, every, sum(means) / len(means))
                for points in (p.high_datapoints, p.low_datapoints))
    capacity, n, launches, acts, total = p.instance_capacity * p.target / 100, p.instances, 0, 0, 0
    served, due, high, low, missing = n, 0.0, 0, 0, 0
    most_high, most_low = (max(round(points * p.metric_period / every), 1)
                           for points in (p.high_datapoints, p.low_datapoints))
    settle = p.cooldown if kind == "simple" else p.warmup
    full, mild = 100 / p.target, p.low_ratio * down
    for tick, rate in enumerate(means):
        t = tick * every
        total += n
        served = n if t >= due and comes else min(served, n)
        missing += 0 if comes else n - served
        load = min(rate / (served * capacity), full)
        high = high + 1 if load * up > 1 else 0
        low = low + 1 if load < mild else 0
        if high < most_high and low < most_low:
            continue
        for _ in range(max(round(every / max(p.metric_period, 60)), 1)):
            wanted = n
            if kind == "target-tracking":
                enough = rules.tracked(served, load * up if high else load, 1.0)
                if high:
                    wanted = max(enough, n)
                elif t >= due + settle:
                    wanted = max(enough, n + rules.percent_change(n, -SCALE_IN_STEP))
            elif t >= due + settle:
                by = p.scale_out_by if high else -p.scale_in_by
                if high and kind == "step":
                    by *= 4 if load > 1 + STEPS[1] else 2 if load > 1 + STEPS[0] else 1
                wanted = rules.adjusted(n, p.adjustment, by, p.min_adjustment)
            wanted = min(max(wanted, p.min_size), p.max_size)
            if wanted == n:
                break
            acts += 1
            if wanted > n:
                launches, due = launches + wanted - n, t + serves
            n, served = wanted, min(served, wanted)
            if not high and rate >= mild * served * capacity:
                break
    return np.array([launches, acts, total / len(means), missing / len(means)])


def foreseen(p: AsgPoliciesParams) -> np.ndarray:
    """The same of predictive scaling: it never scales in."""
    n, top, sizes = p.instances, p.max_size, []
    for load in hourly(p).tolist():
        size = min(rules.needed(load, p.instance_capacity, p.target), MOST)
        top = rules.effective_maximum(top, size, p.max_behavior, p.max_buffer)
        n = max(n, min(size, top))
        sizes.append(n)
    mean = sum(sizes) / len(sizes)
    return np.array([n - p.instances, len(set(sizes)), mean, mean - p.instances])


def estimate(p: AsgPoliciesParams) -> Estimate:
    """What a run will take: its cells, and what a rough walk through the expected traffic says of
    launches and actions; launches that are given up and Spot taken back are added to them."""
    hook, cold, resume = until_it_serves(p)
    serves, comes = hook.passed(resume if p.boot in launch.POOLED else cold)
    days = p.duration / DAY
    every = max(p.metric_period, 60, min(p.duration, 2 * DAY) / ROUGH_STEPS)
    means = expected(p, every)
    noise = 0.8 * p.noise / math.sqrt(max(every, p.metric_period * p.high_datapoints) / 60)
    means = (means * np.exp(noise * np.resize(ROUGH, len(means)))).tolist()
    tracking, step, simple = (walk(p, kind, means, every, serves, comes)
                              for kind in ("target-tracking", "step", "simple"))
    ahead, there = foreseen(p), days + 1
    grows = p.schedule_size - p.min_size
    scheduled = np.array([there * grows, 2 * there, p.schedule_size, grows])
    both = np.maximum(tracking, step)
    together = np.concatenate([both[:2] + ahead[:2], np.maximum(both, ahead)[2:]])
    groups = np.array([tracking, step, simple, scheduled, ahead, together])
    launches, acts, mean, missing = groups.T
    struck = p.reclaims * days * (p.spot_share > 0)
    lost = (mean * p.spot_share / 100 + 1) * struck
    plans = 2 * acts + 9 * struck + p.duration / min(p.metric_period, 60) / AHEAD
    if not comes:       # each place is tried again and again
        gone = min(struck, 1.0) * p.spot_share / 100        # what Spot takes stays away
        lost += np.maximum(missing, gone * mean) * p.duration / serves
        plans += p.duration / serves
    events = (LAUNCH * (launches + lost) + READY * p.instances + (ACTION + ALL * mean) * acts
              + (PLAN + FEW * mean) * plans)
    return Estimate(requests=0, lower="duration", cells=CELLS_OF_A_DAY * days,
                    events=RUN + float(events.sum()))
