"""The model of the lab `lambda-concurrency`: callers, environments, a limit that others share.

Picture a telephone exchange when the concert tickets go on sale. Each call keeps a line busy for
minutes, and everybody rings at once. What is missing is not calls a minute, but lines in use.

Start reading at `simulate`. Data plane: request-level, exact, since it matters which request meets
an idle environment and which one the limit: some thousand requests, a microsecond each.
"""

import numpy as np

from labsim import declare as kit
from labsim.builtin.lambda_concurrency.params import LambdaConcurrencyParams
from labsim.engine import Estimate, Order, ServiceTimes, Simulation
from labsim.services import api_gateway, lambda_
from labsim.services.lambda_ import event_source_mappings as mappings
from labsim.services.lambda_ import rules

POINTS = 120
COST = 6.0              # what a request takes here, in those of a station
REPORT = 30             # what the metrics take, in control events


def simulate(p: LambdaConcurrencyParams, sim: Simulation) -> "Crowd":
    """Callers meet the function's environments; for a while others use a part of the limit."""
    function = lambda_.Function(
        sim, "function", ServiceTimes(p.mean_duration, p.work_cv), memory=p.memory,
        timeout=p.timeout, limit=p.limit(others=False), init=p.init_time, keep=p.keep_time,
        provisioned=p.provisioned, error_share=p.error_share, poison_share=p.poison_share)
    curve = kit.spiked(p, p.arrival_rate)
    caller = callers(p, sim, function)
    caller.feed(curve.arrivals(sim.stream("arrivals")))
    if p.other_concurrency and p.other_duration:
        sim.process(others(p, sim, function))
    return Crowd(p, sim, function=function, caller=caller)


def callers(p: LambdaConcurrencyParams, sim: Simulation, function: lambda_.Function):
    """Those who call the function, each in its own way."""
    args = sim, "callers", function
    how = {"random": sim.stream("work"), "luck": sim.stream("errors")}
    if p.caller == rules.ASYNCHRONOUS:
        return lambda_.Asynchronous(*args, **how, retries=p.retries, age=p.event_age)
    if p.caller == rules.SQS:
        return lambda_.SqsEventSourceMapping(
            *args, **how, batch_size=p.batch_size, window=p.batch_window,
            max_concurrency=p.max_concurrency, visibility=p.visibility_timeout, max_receives=p.max_receives)
    if p.caller == rules.KINESIS:
        return lambda_.KinesisEventSourceMapping(
            *args, **how, shards=p.shards, parallelization=p.parallelization,
            batch_size=p.batch_size, window=p.batch_window, attempts=p.batch_attempts,
            bisect=p.bisect_batch, age=p.record_age, lots=sim.stream("lanes"))
    if p.caller == rules.GATEWAY:
        return api_gateway.Gateway(
            *args, **how, rate=p.gateway_rate, burst=p.gateway_burst, cache_ttl=p.cache_ttl,
            keys=p.cache_keys, timeout=p.gateway_timeout, lots=sim.stream("keys"))
    return lambda_.Synchronous(*args, **how)


def others(p: LambdaConcurrencyParams, sim: Simulation, function: lambda_.Function):
    """Other functions begin, and end."""
    for t, busy in ((p.other_start, True), (p.other_start + p.other_duration, False)):
        yield sim.until(t, Order.CAPACITY)
        function.allow(p.limit(busy))
        sim.log("others", f"other functions have {p.other_concurrency if busy else 0:,} under "
                          f"way: {p.limit(busy):,.0f} for this one")


class Crowd(kit.Outcome):
    """A function, those who call it, and other functions that share its limit."""

    def series(self) -> dict:
        """Those of the parts; what the others have, and what they lack."""
        p, t = self.p, self.record.t
        busy = (t >= p.other_start) & (t < p.other_start + p.other_duration)
        room = p.account_concurrency - np.maximum(self.function.in_flight, max(p.reserved, 0))
        return {"iterator_age": (t * 0.0, "s"), **self.caller.series(), **self.function.series(),
                "others": (p.other_concurrency * busy * 1.0, "executions"),
                "others_short": (np.maximum(0.0, p.other_concurrency * busy - room), "executions")}

    def cost(self) -> dict:
        """The function, and what stands before it."""
        return {**self.function.cost(), **self.caller.cost()}

    def concurrency_needed(self) -> float:
        """Executions under way at the highest rate, if none is throttled."""
        p = self.p
        return rules.concurrency(p.arrival_rate, p.mean_duration) * max(
            1.0, p.spike_factor if p.spike_duration else 1.0)


def estimate(p: LambdaConcurrencyParams) -> Estimate:
    """What a run will take: requests, each several times where it is tried again."""
    spike = min(p.spike_duration, max(0.0, p.duration - p.spike_start))
    requests = p.arrival_rate * (p.duration + (p.spike_factor - 1) * spike)
    busiest = p.arrival_rate * max(1.0, p.spike_factor if spike else 1.0)
    least = min(p.limit(True), p.limit(False))
    served = rules.served_rate(busiest, p.mean_duration, least) / max(busiest, 1e-9)
    fails = 1.0 if p.timeout < p.mean_duration else p.error_share
    takes = max(p.mean_duration, 1e-3) * max(requests, 1.0) / p.duration
    pollers = min(mappings.POLLERS_MOST, mappings.POLLERS
                  + mappings.POLLERS_PER_SECOND * p.duration / 2)
    back = min(p.max_receives, p.duration / p.visibility_timeout)
    each = {rules.SQS: 0.7 + 1.3 * min(1.0, pollers / takes)
            + min(1.0, 1.0 - served + fails) * back,
            rules.KINESIS: 0.4 + 1.5 * min(1.0, p.shards * p.parallelization / takes),
            rules.ASYNCHRONOUS: 1.0 + 2.0 * fails + 9.0 * (1.0 - served),
            rules.GATEWAY: 0.6}
    return Estimate(requests=COST * each.get(p.caller, 1.0) * requests, events=REPORT,
                    lower="arrival_rate")
