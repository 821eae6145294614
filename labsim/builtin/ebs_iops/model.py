"""The model of the lab `ebs-iops`: an application, an instance, a volume with credits.

Picture a bath that is filled all morning from a cistern on the roof. The mains bring a trickle, and
nobody notices, for the cistern makes up for it; at noon it is empty, and the bath gets the trickle.

Start reading at `simulate`. Data plane: counted per tick, as a fluid, since what is limited are
rates over hours; when the credits are gone is reckoned exactly, wherever in a tick that is. Eight
hours take a few milliseconds, at any rate.
"""

import numpy as np

from labsim.builtin.ebs_iops.params import LOCAL, EbsIopsParams
from labsim.declare import Run, per_tick
from labsim.engine import Estimate, Order, RateCurve, Simulation
from labsim.engine.storage_device import Device, Flow
from labsim.services.ebs import volume as ebs
from labsim.services.efs import file_system as efs

TICKS = 240             # of a run, however long it is
SHORT = 0.2             # a tick's share of a control event's time
LOCAL_LATENCY = 1e-4    # s of a disk in the instance; an assumption


def simulate(p: EbsIopsParams, sim: Simulation) -> Run:
    """I/Os come, the device passes what it may; perhaps the instance is stopped."""
    curve = RateCurve.spike(p.io_rate, p.busy_factor, p.busy_start, p.busy_duration, p.duration)
    arrivals = sim.stream("ios").poisson(curve.expected(sim.record.t))
    flow = Flow(sim, seen(p), arrivals, p.timeout)
    sim.each_tick(flow.step)
    if p.stop_at:
        sim.process(stop(p, sim, flow))
    sim.run()
    return report(p, sim, flow)


def device(p: EbsIopsParams) -> Device:
    """The storage alone."""
    if p.storage == LOCAL:
        rate = p.fact("istore.iops")
        return Device(rate, rate, LOCAL_LATENCY)
    if p.on_efs:
        return efs.device(p.storage, p.size, p.io_size, p.read_share, clients=p.users,
                          throughput=p.provisioned_throughput, start=p.credits)
    latency = (p.hdd_latency if p.storage in ebs.HDD else
               p.fact("ebs.io2_latency_s") if p.storage == ebs.IO2 else p.ssd_latency)
    return ebs.device(p.volume, p.io_size, latency=latency, sequential=p.sequential,
                      start=p.credits)


def instance_limit(p: EbsIopsParams) -> float:
    """I/Os/s that the instances together can ask of the storage."""
    if p.storage == LOCAL:
        return float("inf")             # the disk is inside
    by_throughput = p.instance_throughput * 1_024 / p.io_size * p.users
    if p.on_efs:
        return by_throughput            # a file system's limits are its own
    ops = ebs.operations(p.io_size, p.storage in ebs.HDD, p.sequential)
    most = p.fact("ec2.nitro_iops" if p.nitro else "ec2.not_nitro_iops")
    each = min(p.instance_iops, most)
    whole = sum(ebs.multi_attach(most, [each] * p.users, [float("inf")] * p.users))
    return min(whole / ops, by_throughput)


def seen(p: EbsIopsParams) -> Device:
    """The storage as the application sees it: behind its instances, with its queue depth."""
    return device(p).at_most(instance_limit(p)).with_depth(p.queue_depth * p.users)


def stop(p: EbsIopsParams, sim: Simulation, flow: Flow):
    """The instances are stopped, and start again; an instance store is empty then."""
    yield sim.until(p.stop_at, Order.CAPACITY)
    flow.stopped = True
    lost = p.storage == LOCAL
    sim.log("stop", f"stopped: {p.size:g} GiB of the instance store are lost" if lost else
            "stopped: what is on the volume stays")
    yield sim.until(p.stop_at + p.stop_time, Order.CAPACITY)
    flow.stopped = False
    sim.log("start", "started again, with an empty instance store" if lost else "started again")


def report(p: EbsIopsParams, sim: Simulation, flow: Flow) -> Run:
    """The summary, series and cost of a run that has ended."""
    tick, here = sim.tick, flow.device
    done, failed, waited, dry = (np.array(a) for a in (flow.done, flow.failed, flow.waited,
                                                       flow.dry))
    comes, waiting = np.array(flow.arrivals), np.array(flow.waiting)
    if flow.ran_dry <= sim.duration:
        sim.log("credits", f"the credits are gone: {here.burst:,.0f} become {here.steady:,.0f} "
                           f"I/Os/s", t=flow.ran_dry)
        sim.events.sort(key=lambda event: event.t)
    outstanding = (waited + done * here.latency) / tick     # in line and at the device
    latency = np.divide(outstanding * tick, done, out=np.zeros(TICKS), where=done > 0)
    depth = np.minimum(outstanding, p.queue_depth * p.users)
    order = np.argsort(latency, kind="stable")
    upto = np.cumsum(done[order])
    late = latency[order][np.minimum(np.searchsorted(upto, 0.99 * upto[-1]), TICKS - 1)]
    full = here.bucket or 1.0
    left = np.array(flow.credits) / full if here.bucket else np.ones(TICKS)
    moved = done * p.io_size / 1_024

    def rate(counts, unit="I/Os/s"):
        return per_tick(counts / tick, unit)

    series = {
        "wanted": rate(comes), "done": rate(done), "failed": rate(failed),
        "limit": per_tick(np.array(flow.limit), "I/Os/s"),
        "throughput": rate(moved, "MiB/s"), "latency": per_tick(1_000 * latency, "ms"),
        "waiting": per_tick(waiting, "I/Os"), "depth": per_tick(depth, "I/Os"),
        "credits": per_tick(left), "dry": per_tick(dry / tick),
    }
    month = month_price(p)
    cost = {line: usd * p.duration / ebs.MONTH for line, usd in month.items()}
    if p.storage == efs.ELASTIC:
        gb = moved.sum() * 2**20 / 1e9
        cost["transfer"] = efs.transfer_price(gb * p.read_share, gb * (1 - p.read_share))
    total = sum(cost.values())
    summary = {
        "ios": comes.sum(), "done": done.sum(), "failed": failed.sum(),
        "waiting_end": waiting[-1], "iops_mean": done.sum() / p.duration,
        "iops_max": done.max() / tick, "throughput_mean": moved.sum() / p.duration,
        "latency_mean": float(outstanding.sum() * tick / max(done.sum(), 1e-9)) if done.any()
        else 0.0,
        "latency_p99": late, "depth_mean": depth.mean(),
        "steady_limit": here.steady, "burst_limit": here.burst,
        "credits_end": left[-1], "credits_low": left.min(), "dry_time": dry.sum(),
        "credits_last": min(flow.ran_dry, p.duration),
        "lost_gib": p.size if p.storage == LOCAL and 0 < p.stop_at < p.duration else 0.0,
        "month_usd": total * ebs.MONTH / p.duration, "cost_usd": total,
    }
    return Run({name: float(value) for name, value in summary.items()}, series, cost)


def month_price(p: EbsIopsParams) -> dict[str, float]:
    """What the storage costs per month, USD by line."""
    if p.storage == LOCAL:
        return {"storage": 0.0}         # in the instance's price
    if p.on_efs:
        return efs.month_price(p.storage, p.size, p.provisioned_throughput)
    return ebs.month_price(p.volume)


def estimate(p: EbsIopsParams) -> Estimate:
    """What a run will take: ticks, whatever the rate."""
    return Estimate(requests=0, events=SHORT * TICKS, lower="duration")
