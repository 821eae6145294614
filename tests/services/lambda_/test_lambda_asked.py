"""A function that is asked one by one, and calls others: against blocks, and plain SimPy."""

import itertools

import numpy as np
import plain_function
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import labsim
from labsim.engine import Simulation, stream
from labsim.errors import LabsimError, ParameterError
from labsim.services import api_gateway, ec2, lambda_
from labsim.services.lambda_.environments import Environments
from labsim.services.lambda_.open_ends import OpenEnvironments

CALLERS = {
    "synchronous": lambda *who: lambda_.Synchronous(*who),
    "gateway": lambda *who: api_gateway.Gateway(*who, rate=30, burst=20, timeout=1.5),
    "cache": lambda *who: api_gateway.Gateway(*who, rate=30, burst=20, timeout=1.5, keys=40,
                                              cache_ttl=3),
    "asynchronous": lambda *who: lambda_.Asynchronous(*who, delivery=True),
    "sqs": lambda *who: lambda_.SqsEventSourceMapping(*who, visibility=9, max_receives=2,
                                                      batch_size=3, delivery=True),
    "kinesis": lambda *who: lambda_.KinesisEventSourceMapping(
        *who, shards=3, batch_size=4, attempts=2, bisect=True, window=1, delivery=True)}


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.floats(0.001, 3), st.floats(0.001, 20)), min_size=1, max_size=80),
       st.integers(1, 12), st.integers(0, 3),
       st.none() | st.lists(st.tuples(st.floats(1, 40), st.floats(1, 20)), min_size=1, max_size=9))
def test_invocations_with_an_open_end_are_those_whose_end_is_known(steps, limit, provisioned,
                                                                   fates):
    """Begun and finished in order of time: the same ends, refusals and environments."""
    how = {"init": 0.25, "keep": 15.0, "provisioned": min(provisioned, limit)}
    known = Environments(limit, fates=fates and itertools.cycle(fates), **how)
    opened = OpenEnvironments(limit, fates=fates and itertools.cycle(fates), **how)
    t, under_way = 0.0, []
    for gap, work in steps:
        t += gap
        for end, _, held in sorted(under_way, key=lambda one: one[:2]):
            if end <= t:
                opened.finish(end, held)
        under_way = [one for one in under_way if one[0] > t]
        told, held = known.invoke(t, work), opened.begin(t)
        if isinstance(held, float):
            assert held == told
        else:
            end = t + (work + (known.init if held.cold else 0.0))
            assert end == told
            under_way.append((end, len(under_way), held))
    for end, _, held in sorted(under_way, key=lambda one: one[:2]):
        opened.finish(end, held)
    assert (known.refused, known.cold) == (opened.refused, opened.cold)
    assert known.started.tolist() == opened.started.tolist()
    if fates:
        assert sorted(known.uses(t + 100)[1]) == sorted(opened.uses(t + 100)[1])


@pytest.mark.parametrize("callers", [*([kind] for kind in CALLERS), ["sqs", "kinesis", "cache"]])
@pytest.mark.parametrize("seed", range(3))
def test_on_the_agenda_each_request_ends_as_in_blocks(callers, seed):
    """Whoever calls, with errors, poison, a limit and a timeout that bind: the same fate and end of
    each request, the same invocations and throttles, to the bit."""
    def told(live):
        sim = Simulation(seed, 120.0)
        function = lambda_.Function(sim, "function", labsim.gamma(0.4, cv=1), timeout=2, limit=6,
                                    error_share=0.1, poison_share=0.02, keep=20, spare=30, life=60)
        made = [CALLERS[kind](sim, kind, function) for kind in callers]
        for caller in made:
            sim.send(labsim.spike(8, 4, start=30, length=20), to=caller)
        if live:
            function.go_live()
        sim.run()
        return ([(np.asarray(c.times).tolist(), list(c.fate), np.asarray(c.end).tolist())
                 for c in made], function.starts.tolist(), function.ends.tolist(),
                function.refused.tolist(), function.started.tolist())
    blocks, agenda = told(False), told(True)
    for rows, same in zip(blocks[0], agenda[0]):
        over = [i for i, end in enumerate(rows[2]) if end <= 120 or rows[1][i] in (2, 7)]
        assert [[column[i] for i in over] for column in rows] == [
            [column[i] for i in over] for column in same]
    for known, same in zip(blocks[1:4], agenda[1:4]):
        assert sorted(known) == sorted(same)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 8), st.integers(0, 3), st.floats(0.05, 0.8),
       st.integers(1, 4), st.floats(0.01, 2))
def test_a_function_that_calls_is_plain_simpy(seed, limit, servers, query, attempts, wait):
    """Clients who come back, a limit, cold starts, a timeout that cuts invocations off while the
    database goes on (or none of it): each request's end, each invocation, each throttle."""
    sim = Simulation(seed, 40.0)
    database = ec2.Service(sim, "db", labsim.exponential(query), instances=max(servers, 1))
    function = lambda_.Function(sim, "api", labsim.exponential(0.3), timeout=1, limit=limit,
                                init=0.25, calls=database if servers else ())
    function.environments._calls = 1e9
    clients = sim.send(4 * limit, to=function, retry=labsim.retry(
        attempts=attempts, backoff="fixed", base=wait))
    sim.run()
    works = labsim.exponential(0.3).draw(20_000, stream(seed, "api calls work"))
    queries = labsim.exponential(query).draw(20_000, stream(seed, "db work"))
    told, runs, throttled = plain_function.run(
        clients.sent, works.tolist(), queries.tolist(), limit=limit, init=0.25, timeout=1,
        servers=servers, attempts=attempts, wait=wait, until=40.0)
    assert throttled == function.throttles
    assert sorted(runs) == sorted((s, e) for s, e, _ in function.runs if e <= 40.0)
    good, bad = ([end for one in told if one and one[0] is ok for end in [one[1]]]
                 for ok in (True, False))
    assert (sorted(good), sorted(bad)) == (sorted(clients.ended[1]), sorted(clients.ended[2]))


def served(build, duration=200, **how):
    r = labsim.simulate(build, duration=duration, **how)
    assert [law.name for law in r.lab.invariants if not law.holds(r)] == []
    return r.summary


def test_a_client_who_gives_up_stops_no_invocation():
    """He waits a second for what takes three: nothing is answered in time, all of it is billed."""
    def impatient(sim):
        function = lambda_.Function(sim, "api", labsim.fixed(3), timeout=60, init=0)
        sim.send(2, to=function, retry=labsim.retry(timeout=1))
    s = served(impatient)
    assert s["producers.completed"] == 0 < s["producers.late"]
    assert s["api.invocations"] == s["producers.attempts"] == s["producers.abandoned"] + s[
        "producers.open_end"]
    assert s["api.gb_seconds"] == pytest.approx(3 * s["api.invocations"] * 128 / 1_024)


def test_a_gateway_gives_up_while_the_function_waits():
    """Its timeout is over, and the function's is not: who asks is told, the bill runs on."""
    def slow(sim):
        database = ec2.Service(sim, "db", labsim.fixed(5), instances=50)
        function = lambda_.Function(sim, "api", labsim.fixed(0.5), timeout=60, init=0,
                                    calls=database)
        door = api_gateway.Gateway(sim, "door", function, timeout=2)
        sim.send(1, to=door, retry=labsim.retry())
    s = served(slow)
    assert s["door.timed_out"] == s["producers.failed"] > 150 and s["door.completed"] == 0
    assert s["producers.latency_mean"] == 0 and s["api.concurrency_mean"] == pytest.approx(
        5.5 * s["api.invocations"] / 200, rel=0.03)


def test_a_pool_that_runs_out_holds_the_environments():
    """Three connections, a second each: the database has three at a time, and three a second are
    served, whatever the function's limit; the others wait in their environments."""
    def narrow(sim):
        database = ec2.Service(sim, "db", labsim.fixed(1), instances=50)
        function = lambda_.Function(sim, "api", labsim.fixed(0), timeout=10, init=0,
                                    calls=labsim.ask(database, pool=3))
        door = api_gateway.Gateway(sim, "door", function)
        sim.send(6, to=door)
    r = labsim.simulate(narrow, duration=200)
    assert r.series["db.in_service"].value.max() == 3
    assert r.summary["db.completed"] == pytest.approx(600, abs=4)
    assert r.summary["api.concurrency_max"] > 50


def test_who_is_cut_off_before_it_has_a_connection_does_not_call():
    """One connection, ten seconds each, a timeout of two: the database is asked by who has it, and
    nobody's call comes after his end."""
    def narrow(sim):
        database = ec2.Service(sim, "db", labsim.fixed(10), instances=50)
        sim.send(5, to=lambda_.Function(sim, "api", labsim.fixed(0), timeout=2, init=0,
                                        calls=labsim.ask(database, pool=1)))
    s = served(narrow)
    assert s["api calls.failed"] > 900 and s["db.offered"] == 20


def test_what_is_optional_may_fail():
    """A function goes on without an answer from a part that is down; else it fails."""
    for optional, completed in ((True, True), (False, False)):
        def goes_on(sim, optional=optional):
            cache = ec2.Service(sim, "cache", labsim.fixed(0.01))
            sim.send(5, to=lambda_.Function(sim, "api", labsim.fixed(0.1), calls=labsim.ask(
                cache, optional=optional)), retry=labsim.retry())
        s = served(goes_on, faults=[("cache", "down", 0)])
        assert (s["producers.completed"] > 900) == completed == (s["producers.failed"] == 0)


@pytest.mark.parametrize("bad", [7, "db", [3], None])
def test_what_no_function_calls(bad):
    """A part that answers, or several."""
    sim = Simulation(1, 10.0)
    with pytest.raises(ParameterError) as caught:
        lambda_.Function(sim, "api", labsim.fixed(1), calls=bad)
    assert caught.value.name == "calls"


def test_a_retried_crowd_comes_back_as_a_crowd_without_jitter():
    """A hundred at one moment for ten executions: with exponential backoff the ninety come at one
    moment again, with full jitter at ninety."""
    moments = {}
    for backoff in ("exponential", "full-jitter"):
        sim = Simulation(1, 60.0)
        function = lambda_.Function(sim, "api", labsim.fixed(0.1), limit=10, init=0)
        clients = labsim.declare.Client(sim, "clients", function, retry=labsim.retry(
            attempts=2, backoff=backoff))
        for _ in range(100):
            sim.agenda.at(1.0, lambda t, _, clients=clients: clients.request(t, None))
        sim.run()
        moments[backoff] = len(set(clients.moments["attempts"][100:]))
    assert moments == {"exponential": 1, "full-jitter": 90}


def test_nobody_calls_it():
    """Outlets of a function are those of its own calls: connected without any, it says so."""
    def alone(sim):
        function = lambda_.Function(sim, "api", labsim.fixed(1))
        sim.send(1, to=lambda_.Asynchronous(sim, "events", function))
        function.done.to(ec2.Service(sim, "next", labsim.fixed(1)))
    with pytest.raises(LabsimError, match="nothing leaves api"):
        labsim.simulate(alone, duration=10)
