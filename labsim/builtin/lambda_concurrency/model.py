"""The model of the lab `lambda-concurrency`: callers, environments, a limit that others share.

Picture a telephone exchange when the concert tickets go on sale. Each call keeps a line busy for
minutes, and everybody rings at once. What is missing is not calls a minute, but lines in use.

Start reading at `simulate`.

*Models:* each request at every magnitude, exactly, up to 10,000 a second for some minutes, since it
matters which one meets an idle environment and which one the limit. Nothing is sampled or counted.
Calls that wait for their answer, directly or through API Gateway without a cache, are made in
blocks (a third of a microsecond each) in a run too short for environments to end, else one by one
(one); so are events, messages, records and a cache's requests (one to five). Where clients wait for
answers and come back, each attempt is followed on the agenda (some eight). *Leaves out:* what its
parts leave out.
"""

import math

import numpy as np

from labsim import declare as kit
from labsim.builtin.lambda_concurrency.params import LambdaConcurrencyParams
from labsim.engine import Estimate, Order, Replayed, ServiceTimes, Simulation
from labsim.services import api_gateway, lambda_
from labsim.services.lambda_ import event_source_mappings as mappings
from labsim.services.lambda_ import rules
from labsim.services.lambda_.caller import CACHED, REJECTED
from labsim.services.lambda_.retrying import Retrying

POINTS = 120
FOLLOWED = 8.0          # microseconds for an attempt of a client who waits for its answer
RATES = 33              # of a trace, from none to its highest, that are looked at
GUESSES = 20            # at how many attempts there are, each from the last one
REPORT = 30             # what the metrics take, in control events


def simulate(p: LambdaConcurrencyParams, sim: Simulation) -> "Crowd":
    """Callers meet the function's environments; for a while others use a part of the limit."""
    function = lambda_.Function(
        sim, "function", ServiceTimes(p.mean_duration, p.work_cv), memory=p.memory,
        timeout=p.timeout, limit=p.limit(others=False), init=p.cold_start, keep=p.keep_time,
        spare=p.spare_time, life=p.life_time, provisioned=p.provisioned,
        error_share=0.0 if p.error_start else p.error_share, poison_share=p.poison_share)
    if p.error_share and (p.error_start or p.error_duration < p.duration):
        sim.process(errors(p, sim, function))
    curve = kit.load(p, "arrival_rate")
    caller, clients = callers(p, sim, function), None
    arrivals = curve.arrivals(sim.stream("arrivals"))
    if p.comes_back:
        clients = kit.Client(sim, "clients", caller, retry=p.comes_back)
        sim.agenda.arrivals(arrivals, lambda t: clients.request(t, None))
    else:
        caller.feed(arrivals)
    if p.other_concurrency and p.other_duration:
        sim.process(others(p, sim, function))
    return Crowd(p, sim, function=function, caller=caller, clients=clients)


def callers(p: LambdaConcurrencyParams, sim: Simulation, function: lambda_.Function):
    """Those who call the function, each in its own way."""
    args = sim, "callers", function
    how = {"random": sim.stream("work"), "luck": sim.stream("errors")}
    if p.caller == rules.ASYNCHRONOUS:
        return lambda_.Asynchronous(*args, **how, retries=p.retries, age=p.event_age,
                                    delivery=p.delivery_delay)
    if p.caller == rules.SQS:
        return lambda_.SqsEventSourceMapping(
            *args, **how, batch_size=p.batch_size, window=p.batch_window,
            max_concurrency=p.max_concurrency, visibility=p.visibility_timeout,
            max_receives=p.max_receives, ramp=p.poller_ramp, delivery=p.delivery_delay)
    if p.caller == rules.KINESIS:
        return lambda_.KinesisEventSourceMapping(
            *args, **how, shards=p.shards, parallelization=p.parallelization,
            batch_size=p.batch_size, window=p.batch_window, attempts=p.batch_attempts,
            bisect=p.bisect_batch, age=p.record_age, lots=sim.stream("lanes"),
            fan_out=p.fan_out, delivery=p.delivery_delay)
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


def errors(p: LambdaConcurrencyParams, sim: Simulation, function: lambda_.Function):
    """The function begins to fail, and is mended."""
    for t, share in ((p.error_start, p.error_share), (p.error_start + p.error_duration, 0.0)):
        yield sim.until(t, Order.CAPACITY)
        function.fail(share)
        sim.log("errors", f"the function fails in {share:.1%} of the attempts")


class Crowd(kit.Outcome):
    """A function, those who call it, and other functions that share its limit; `clients`, where
    they wait for answers and may come back."""

    def series(self) -> dict:
        """Those of the parts; what the others have, and what they lack."""
        p, t = self.p, self.record.t
        busy = (t >= p.other_start) & (t < p.other_start + p.other_duration)
        room = p.account_concurrency - np.maximum(self.function.in_flight, max(p.reserved, 0))
        calls = self.caller.series()
        calls["attempts_rate"] = calls["offered_rate"]
        told = self.clients.told if self.clients else {}
        if told:
            calls |= {"offered_rate": told["offered_rate"], "completed_rate": told["goodput_rate"],
                      "failed_rate": told["lost_rate"], "latency": told["latency"]}
        function, wanted = self.function.series(), calls["offered_rate"]
        return {"iterator_age": (t * 0.0, "s"), **calls, **function,
                **self.ways(wanted, told.get("attempts_rate", calls["attempts_rate"]),
                            function["throttled_rate"][0]),
                "late_rate": told.get("late_rate", (t * 0.0, "req/s")),
                "free": (np.maximum(0.0, function["limit"][0] - self.function.in_flight),
                         "executions"),
                "others": (p.other_concurrency * busy * 1.0, "executions"),
                "others_short": (np.maximum(0.0, p.other_concurrency * busy - room), "executions")}

    def ways(self, first: tuple, attempts: tuple, throttled: np.ndarray) -> dict:
        """How requests meet the function: called for the first time or again, throttled by it or by
        a gateway, or answered by the gateway's cache."""
        caller = self.caller
        rates = caller.call_rates() if isinstance(caller, Retrying) else {
            "first_rate": first,
            "again_rate": (np.maximum(attempts[0] - first[0], 0.0), "req/s")}

        def known(fate: int) -> np.ndarray:
            times = np.asarray(caller.times)[caller.fates == fate]
            return np.histogram(times, self.record.t)[0] / self.sim.tick
        rejected = kit.per_tick(known(REJECTED))[0]
        return {**rates, "cached_rate": kit.per_tick(known(CACHED), "req/s"),
                "turned_away_rate": (throttled + rejected, "req/s")}

    def cost(self) -> dict:
        """The function, and what stands before it."""
        return {**self.function.cost(), **self.caller.cost()}

    def concurrency_needed(self) -> float:
        """Executions under way at the highest rate, if none is throttled; of a trace, of all that
        come within the duration of one."""
        p = self.p
        if p.traced:
            return most_within(kit.replayed(p), p.mean_duration)
        return rules.concurrency(p.arrival_rate, p.mean_duration) * max(
            1.0, p.spike_factor if p.spike_duration else 1.0)


def most_within(curve: Replayed, length: float) -> float:
    """The most requests that come within `length` s, if those of a period come evenly."""
    upto, ends = np.append(0, np.cumsum(curve.counts)), curve.edges
    return max(float(np.max(np.abs(np.interp(ends + by, ends, upto) - upto)))
               for by in (-length, length))


def estimate(p: LambdaConcurrencyParams) -> Estimate:
    """What a run will take: requests, attempts at them, and batches that wait to be let in."""
    spike = min(p.spike_duration * max(1.0, kit.spikes(p)), max(0.0, p.duration - p.spike_start))
    requests = p.arrival_rate * (p.duration + (p.spike_factor - 1) * spike)
    rate, busiest = p.arrival_rate, p.arrival_rate * max(1.0, p.spike_factor if spike else 1.0)
    if p.traced:
        trace = kit.replayed(p)
        requests, busiest = float(trace.total), float(trace.rate.max())
        rate = requests / p.duration
    least = min(p.limit(True), p.limit(False))
    takes = max(min(p.mean_duration, p.timeout), 1e-3)
    served = min(1.0, rules.served_rate(busiest, takes, least) / max(busiest, 1e-9))
    fails = 1.0 if p.timeout < p.mean_duration else min(1.0, p.error_share + p.poison_share)
    if p.comes_back:
        peak = rate * p.spike_factor * spike
        asked = asked_in(p, trace) if p.traced else (
            attempts(p, busiest) * peak + attempts(p, rate) * max(0.0, requests - peak))
        return _estimated(FOLLOWED * asked, 590.0 * asked)
    if p.caller in (rules.SYNCHRONOUS, rules.GATEWAY):
        alone = min(1.0, p.work_cv / 1.5)
        if min(least, busiest * (takes + p.cold_start)) > rules.AT_ONCE:
            alone = 1.0                                 # more at once than may be started
        each = 0.33 + 0.6 * alone
        if p.duration > rules.shortest(p.life_time, p.keep_time, p.spare_time):
            cold = min(1.0, math.exp(-rate * min(p.keep_time, p.spare_time))
                       + takes / max(p.life_time, takes))
            each = 1.2 + 1.5 * cold                     # environments end
        if p.caller == rules.GATEWAY:
            each += 1.4 if p.cache_ttl else 0.3
        return _estimated(each * requests, 230.0 * requests)
    if p.caller == rules.ASYNCHRONOUS:
        tries = 1.0 + 2.0 * fails + (1.0 - served) * _waits(min(p.event_age, p.duration))
        return _estimated((0.6 + 1.7 * tries) * requests, (330.0 + 60.0 * tries) * requests)
    if p.caller == rules.SQS:
        batch = 1.0 + min(p.batch_size - 1.0, busiest * max(p.batch_window, takes / 10))
        fails = 1.0 - (1.0 - fails) ** batch
        work = requests * takes         # s of all executions
        crowded = p.duration if not least else min(p.duration, work / least)
        often = mappings.RETRY / mappings.BACK_OFF * p.poller_ramp / 60.0
        held = math.sqrt((least / 2) ** 2 + often) - least / 2
        if work / p.duration < 0.8 * least and served == 1.0:
            held = 0.0
        back = fails * min(p.max_receives, p.duration / p.visibility_timeout)
        tries = 1.0 + back
        polls = p.poller_ramp / 60.0 * p.duration
        pollers = min(mappings.POLLERS + polls / 2, p.max_concurrency or mappings.POLLERS_MOST,
                      least)
        run = min(requests, pollers * p.duration / takes)
        return _estimated(0.95 * requests + tries * (0.8 + 4.5 / batch) * run
                          + 2.0 * (held * crowded + min(polls, requests)),
                          (330.0 + 85.0 * tries) * requests + 45.0 * held * crowded)
    lanes = min(p.shards * p.parallelization, max(requests, 1.0))
    batch = 1.0 + min(p.batch_size - 1.0, busiest / lanes * max(p.batch_window, takes / 2))
    fails = 1.0 - (1.0 - fails) ** batch
    run = min(requests, min(lanes, least) * p.duration / takes)
    throttled = float(min(lanes, busiest * takes) > least)
    waits = _waits(p.duration)
    again = waits if throttled or p.poison_share else min(waits, 1.0 / max(1.0 - fails, 1e-9))
    tries = min(lanes * waits, requests / batch * again)
    if p.record_age < p.duration:       # who comes next, old as it is, is tried once more
        tries += 1.5 * requests / batch
    stuck = max(fails, throttled) * tries * (5.0 + 0.3 * batch) + 2.0 * lanes
    apart = 0.3 * math.log2(2 * batch) * fails if p.bisect_batch else 0.0
    return _estimated(0.75 * requests + (0.4 + 6.0 / batch + apart) * run + stuck,
                      (310.0 + 180.0 / batch) * requests + 950.0 * lanes
                      + 16.0 * p.shards * p.parallelization)


def attempts(p: LambdaConcurrencyParams, rate: float) -> float:
    """How often clients who come back ask for each of `rate` requests/s, about, if that is how many
    attempts fail of those that come then."""
    takes, least = max(min(p.mean_duration, p.timeout), 1e-3), min(p.limit(True), p.limit(False))
    fails = min(1.0, p.error_share + p.poison_share)
    if p.timeout < takes or 0 < p.client_timeout < takes:
        fails = 1.0
    most, each = p.comes_back.attempts, 1.0
    if p.faults:
        return (1 + most) / 2
    for _ in range(GUESSES):
        asked = rate * each
        let = min(asked, p.gateway_rate if p.caller == rules.GATEWAY else asked)
        served = rules.served_rate(let, takes, least) / max(asked, 1e-9)
        lost = 1.0 - min(1.0, served) * (1.0 - fails)
        each = sum(lost**n for n in range(most))
    return each


def asked_in(p: LambdaConcurrencyParams, trace: Replayed) -> float:
    """The same for all requests of a trace together."""
    rates = trace.counts / np.diff(trace.edges)
    some = np.linspace(0.0, rates.max(), RATES)
    return float(trace.counts @ np.interp(rates, some, [attempts(p, rate) for rate in some]))


def _waits(seconds: float) -> float:
    """How often something is tried in so many seconds whose waits double, up to five minutes."""
    return min(math.log2(1.0 + seconds), 9.0) + seconds / rules.BACKOFF[1]


def _estimated(microseconds: float, held: float) -> Estimate:
    """The estimate of a run that takes so long and holds so many bytes."""
    kept = held / Estimate(1.0, 0.0).bytes
    own = min(microseconds, 0.205 * kept)
    return Estimate(requests=kept, served=max(0.0, own - 0.035 * kept) / 0.17,
                    events=REPORT + (microseconds - own) / 18.0, lower="arrival_rate")
