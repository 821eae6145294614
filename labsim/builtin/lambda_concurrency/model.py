"""The model of the lab `lambda-concurrency`: callers, environments, a limit that others share.

Picture a taxi rank before a concert hall. Each ride takes a car for minutes, and when the concert
is over everybody wants one at once. What is missing is not cars a minute, but cars under way.

Start reading at `simulate`. Data plane: request-level, exact, since it matters which request meets
an idle environment and which one the limit: some thousand requests, a microsecond each.
"""

import numpy as np

from labsim.builtin.lambda_concurrency.params import LambdaConcurrencyParams
from labsim.declare import Run, per_tick
from labsim.engine import Estimate, Order, RateCurve, ServiceTimes, Simulation
from labsim.services.api_gateway import throttle as api_gateway
from labsim.services.api_gateway.throttle import Gateway
from labsim.services.lambda_ import rules as aws_lambda
from labsim.services.lambda_ import sources as lambda_sources
from labsim.services.lambda_.pool import TOO_FAST, TOO_MANY, TOO_OFTEN, Pool
from labsim.services.lambda_.sources import Asynchronous, Calls, Queue, Stream, Synchronous

POINTS = 120
COST = 6.0              # what a request takes here, in those of a station
REPORT = 30             # what the report takes, in control events

def simulate(p: LambdaConcurrencyParams, sim: Simulation) -> Run:
    """Calls meet the pool of environments; for a while others use a part of the limit."""
    pool = Pool(p.limit(others=False), init=p.init_time, keep=p.keep_time,
                provisioned=p.provisioned)
    source = calls(p, sim, pool)
    source.look = sim.check
    sim.on_advance(source.advance)
    if p.other_concurrency and p.other_duration:
        sim.process(others(p, sim, source))
    sim.run()
    return report(p, sim, source)

def calls(p: LambdaConcurrencyParams, sim: Simulation, pool: Pool) -> Calls:
    """The requests of a run, before the caller that brings them."""
    curve = RateCurve.spike(p.arrival_rate, p.spike_factor, p.spike_start, p.spike_duration,
                            p.duration)
    work, dice = ServiceTimes(p.mean_duration, p.work_cv), sim.stream("errors")
    drawn: tuple[list, list, list] = ([], [], [])       # times, work, chances
    for times, works in work.source(curve.arrivals(sim.stream("arrivals")), sim.stream("work")):
        sim.check()
        for column, values in zip(drawn, (times, works, dice.random(len(times)))):
            column += values.tolist()
    args, n = (pool, *drawn), len(drawn[0])
    how = dict(error_share=p.error_share, timeout=p.timeout)
    if p.caller == aws_lambda.ASYNCHRONOUS:
        return Asynchronous(*args, **how, retries=p.retries, age=p.event_age)
    if p.caller == aws_lambda.SQS:
        return Queue(*args, **how, batch=p.batch_size, most=p.max_concurrency,
                     visibility=p.visibility_timeout, receives=p.max_receives)
    if p.caller == aws_lambda.KINESIS:
        lane = sim.stream("lanes").integers(p.lanes, size=n).tolist()
        return Stream(*args, **how, lanes=p.lanes, lane=lane, batch=p.batch_size,
                      attempts=p.batch_attempts)
    if p.caller == aws_lambda.GATEWAY:
        keys = sim.stream("keys").integers(p.cache_keys, size=n).tolist()
        return Synchronous(*args, **how, keys=keys, patience=p.gateway_timeout,
                           gateway=Gateway(p.gateway_rate, p.gateway_burst, p.cache_ttl))
    return Synchronous(*args, **how)

def others(p: LambdaConcurrencyParams, sim: Simulation, source: Calls):
    """Other functions begin, and end."""
    for t, busy in ((p.other_start, True), (p.other_start + p.other_duration, False)):
        yield sim.until(t, Order.CAPACITY)
        source.advance(t)
        source.pool.limit = p.limit(busy)
        sim.log("others", f"other functions have {p.other_concurrency if busy else 0:,} under "
                          f"way: {source.pool.limit:,.0f} for this one")

def report(p: LambdaConcurrencyParams, sim: Simulation, source: Calls) -> Run:
    """The summary, series and cost of a run that has ended."""
    t, pool = sim.record.t, source.pool
    tick, times, end = sim.tick, np.array(source.times), np.array(source.end)
    fate = np.array(source.fate, dtype=int)

    lost_at_once = np.isin(fate, (lambda_sources.THROTTLED, lambda_sources.TURNED_AWAY))
    open_ = (end > sim.duration) & ~lost_at_once
    fate[open_] = lambda_sources.WAITS
    runs = np.array(source.runs).reshape(-1, 3)
    starts, ends = runs[:, 0], runs[:, 1]
    answered = np.isin(fate, (lambda_sources.DONE, lambda_sources.CACHED))
    latency = end[answered] - times[answered]
    counted = np.bincount(fate, minlength=8)

    def at(moments) -> np.ndarray:
        """How many of these have been by each instant."""
        return np.searchsorted(np.sort(moments), t, side="right").astype(float)

    def rate(moments):
        return per_tick(np.diff(at(moments)) / tick, "req/s")

    flight = at(starts) - at(ends)
    gone = np.where(lost_at_once, times, end)[~answered & ~open_]
    mean = np.zeros(POINTS)
    slot = np.minimum((end[answered] / tick).astype(int), POINTS - 1)
    np.add.at(mean, slot, latency)
    mean /= np.maximum(np.bincount(slot, minlength=POINTS), 1)
    busy = (t >= p.other_start) & (t < p.other_start + p.other_duration)
    room = p.account_concurrency - np.maximum(flight, p.reserved)
    short = np.maximum(0.0, p.other_concurrency * busy - room)
    tried = np.diff(at(starts)) + np.diff(at(source.throttles))
    series = {
        "wanted": rate(times), "done": rate(end[answered]), "lost": rate(gone),
        "throttled": rate(source.throttles),
        "in_flight": (flight, "executions"),
        "limit": (np.where(busy, p.limit(True), p.limit(False)), "executions"),
        "others": (p.other_concurrency * busy * 1.0, "executions"),
        "short": (short, "executions"),
        "waiting": (at(times) - at(end[answered]) - at(gone), "requests"),
        "latency": per_tick(mean, "s"),
        "share": per_tick(np.diff(at(source.throttles)) / np.maximum(tried, 1.0)),
    }
    cost = bill(p, sim, runs, counted)
    mid, late = np.percentile(latency, (50, 99)) if len(latency) else (0.0, 0.0)
    area = np.minimum(ends, sim.duration) - starts
    summary = {
        "requests": len(times), "answered": answered.sum(), "lost": len(gone),
        "waiting_end": open_.sum(),
        "throttled": counted[lambda_sources.THROTTLED],
        "turned_away": counted[lambda_sources.TURNED_AWAY],
        "errors": counted[lambda_sources.FAILED], "timed_out": counted[lambda_sources.TIMED_OUT],
        "dead_lettered": counted[lambda_sources.DEAD], "cached": counted[lambda_sources.CACHED],
        "invocations": len(runs), "throttles": len(source.throttles),
        "throttle_share": len(source.throttles) / max(len(runs) + len(source.throttles), 1),
        "too_many": pool.refused[TOO_MANY], "too_fast": pool.refused[TOO_FAST],
        "too_often": pool.refused[TOO_OFTEN],
        "cold_starts": pool.cold, "cold_share": pool.cold / max(len(runs), 1),
        "concurrency_needed": p.arrival_rate * p.mean_duration
        * max(1.0, p.spike_factor if p.spike_duration else 1.0),
        "concurrency_mean": area.sum() / sim.duration, "concurrency_max": flight.max(),
        "latency_mean": latency.mean() if len(latency) else 0.0,
        "latency_p50": mid, "latency_p99": late, "others_short": short.max(),
        "gb_seconds": aws_lambda.gb_seconds(1, (ends - starts).sum(), p.memory),
        "cost_usd": sum(cost.values()),
    }
    return Run({name: float(value) for name, value in summary.items()}, series, cost)

def bill(p: LambdaConcurrencyParams, sim: Simulation, runs: np.ndarray,
         counted: np.ndarray) -> dict[str, float]:
    """What the run costs, USD by line, without the free tier. With provisioned concurrency all of
    the duration is charged as on it, up to what it can do."""
    n, seconds = len(runs), float((runs[:, 1] - runs[:, 0]).sum())
    mean = seconds / max(n, 1)
    held = p.provisioned * sim.duration
    share = min(1.0, held / seconds) if seconds else 0.0
    cost = aws_lambda.bill(
        [(n * (1 - share), mean, p.memory)], [(n * share, mean, p.memory)],
        [(p.provisioned, sim.duration / 3_600, p.memory)] if p.provisioned else ())
    if p.caller == aws_lambda.GATEWAY:
        cost["API Gateway"] = api_gateway.PRICE * float(counted.sum())
    return cost

def estimate(p: LambdaConcurrencyParams) -> Estimate:
    """What a run will take: requests, each several times where it is tried again."""
    spike = min(p.spike_duration, max(0.0, p.duration - p.spike_start))
    requests = p.arrival_rate * (p.duration + (p.spike_factor - 1) * spike)
    busiest = p.arrival_rate * max(1.0, p.spike_factor if spike else 1.0)
    least = min(p.limit(True), p.limit(False))
    served = aws_lambda.served_rate(busiest, p.mean_duration, least) / max(busiest, 1e-9)
    fails = 1.0 if p.timeout < p.mean_duration else p.error_share
    takes = max(p.mean_duration, 1e-3) * max(requests, 1.0) / p.duration
    pollers = min(lambda_sources.POLLERS_MOST, lambda_sources.POLLERS
                  + lambda_sources.POLLERS_PER_SECOND * p.duration / 2)
    back = min(p.max_receives, p.duration / p.visibility_timeout)
    each = {aws_lambda.SQS: 0.7 + 1.3 * min(1.0, pollers / takes)
            + min(1.0, 1.0 - served + fails) * back,
            aws_lambda.KINESIS: 0.4 + 1.5 * min(1.0, p.lanes / takes),
            aws_lambda.ASYNCHRONOUS: 1.0 + 2.0 * fails + 9.0 * (1.0 - served),
            aws_lambda.GATEWAY: 0.6}
    return Estimate(requests=COST * each.get(p.caller, 1.0) * requests, events=REPORT,
                    lower="arrival_rate")
