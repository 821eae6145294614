"""The way of events, messages and records to a function, and a queue's pollers while it fails."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labsim.engine import Order, ServiceTimes, Simulation
from labsim.errors import ParameterError
from labsim.services.lambda_ import (
    Asynchronous,
    Function,
    KinesisEventSourceMapping,
    SqsEventSourceMapping,
)
from labsim.services.lambda_.caller import DONE


class Lanes:
    """Which lane each record is in, known beforehand."""

    def __init__(self, lanes):
        self.lanes = np.array(lanes)

    def integers(self, most, size):
        assert (self.lanes < most).all()
        return self.lanes[:size]


def source(Kind, times, work=1.0, until=1e6, **how):
    """A caller that has run to its end, or for days."""
    sim = Simulation(1, until)
    function = Function(sim, "function", ServiceTimes(work, 0), timeout=900, limit=1_000, init=0)
    made = Kind(sim, "callers", function, **how)
    made.feed([np.array(times, dtype=float)])
    sim.run()
    return made


WAYS = [(Asynchronous, {}, 0.073, 0.0881),
        (SqsEventSourceMapping, {"batch_size": 1}, 0.0162, 0.0226),
        (KinesisEventSourceMapping, {"shards": 500}, 0.627, 0.627),
        (KinesisEventSourceMapping, {"shards": 500, "fan_out": "enhanced"}, 0.0494, 0.0522)]


@pytest.mark.parametrize("Kind, how, median, mean", WAYS)
def test_the_way_to_a_warm_function_is_as_long_as_was_measured(Kind, how, median, mean):
    """Half of 20,000 are there within the measured median, and the mean is that of the law."""
    made = source(Kind, np.arange(20_000) / 20, work=0.0, delivery=True, **how)
    assert np.median(made.latency) == pytest.approx(median, rel=0.03)
    assert made.latency.mean() == pytest.approx(mean, rel=0.03)


@pytest.mark.parametrize("Kind, how, median, mean", WAYS)
def test_the_way_is_no_execution(Kind, how, median, mean):
    """As many invocations and seconds of them as without it, and nobody is there before he left."""
    times = np.sort(np.random.default_rng(2).uniform(0, 60, 500))
    far, near = (source(Kind, times, work=0.5, delivery=on, **how)
                 for on in (True, False))
    assert far.function.seconds == pytest.approx(near.function.seconds)
    assert (far.latency >= near.latency.min()).all() and far.counted[DONE] == 500


@settings(deadline=None, max_examples=30)
@given(st.lists(st.tuples(st.floats(0, 20), st.integers(0, 3)), min_size=1, max_size=80),
       st.sampled_from(["shared", "enhanced"]), st.integers(1, 10))
def test_nobody_in_a_lane_overtakes_on_the_way(records, fan_out, batch):
    """However they come, records of a lane are done in their order."""
    records.sort()
    lanes = [lane for _, lane in records]
    made = source(KinesisEventSourceMapping, [t for t, _ in records], work=0.1, shards=4,
                  lots=Lanes(lanes), batch_size=batch, delivery=True, fan_out=fan_out)
    for lane in range(4):
        ends = [end for end, where in zip(made.end, lanes) if where == lane]
        assert ends == sorted(ends)


def test_what_a_poll_finds_is_one_batch():
    """A hundred records of a second are read by one poll or two, and go together."""
    made = source(KinesisEventSourceMapping, np.arange(100) / 100, delivery=True)
    sizes = [n for _, _, n in made.function.runs]
    assert len(sizes) <= 2 and sum(sizes) == 100


def failing(share, until=120.0, rate=200, work=0.1, mended=None):
    """A queue of so many messages a second before a function that fails, until it is mended."""
    sim = Simulation(1, until)
    function = Function(sim, "function", ServiceTimes(work, 0), timeout=30, limit=1_000, init=0,
                        error_share=share)
    queue = SqsEventSourceMapping(sim, "queue", function, batch_size=1, max_receives=1_000)
    queue.feed([np.arange(int(rate * until)) / rate])

    def mend():
        yield sim.until(mended, Order.CAPACITY)
        function.advance(sim.now)
        function.error_share = 0.0

    if mended is not None:
        sim.process(mend())
    sim.run()
    return queue


@settings(deadline=None, max_examples=15)
@given(st.floats(0.02, 0.5), st.integers(50, 400), st.floats(0.0, 0.45), st.floats(0.05, 0.5))
def test_more_errors_never_do_more(work, rate, share, more):
    """Messages done in two minutes, whatever the duration and the rate: with errors no more than
    without any, with more errors no more than with few, but for a twentieth of luck."""
    done = [failing(s, work=work, rate=rate).counted[DONE] for s in (0.0, share, share + more)]
    assert done[1] <= done[0] and done[2] <= 1.05 * done[1]


@pytest.mark.parametrize("share", [0.02, 0.1, 0.5])
def test_pollers_are_back_seconds_after_the_last_error(share):
    """200 messages/s of 0.3 s, 60 at a time: five more each second, so all of them are back within
    12 s, and then there are more, since messages wait."""
    made = failing(share, rate=200, work=0.3, mended=60.0)
    starts, ends = made.function.starts, made.function.ends

    def under_way(t):
        return ((starts <= t) & (ends > t)).sum()

    assert under_way(74.0) >= 60
    assert under_way(80.0) >= under_way(74.0)


@pytest.mark.parametrize("ramp", [60, 300, 1_000])
def test_pollers_grow_as_fast_as_the_ramp_says(ramp):
    """Five at first, and after half a minute as many more as half of the ramp."""
    made = source(SqsEventSourceMapping, [0.0] * 2_000, work=100.0, batch_size=1, ramp=ramp)
    assert (made.function.starts <= 30).sum() == pytest.approx(5 + ramp / 2, abs=1)


@pytest.mark.parametrize("Kind, bad", [
    (SqsEventSourceMapping, {"ramp": 0}), (KinesisEventSourceMapping, {"fan_out": "extended"})])
def test_ways_that_there_are_not(Kind, bad):
    """No ramp, no such fan-out: said before anything runs."""
    with pytest.raises(ParameterError) as caught:
        source(Kind, [0.0], **bad)
    assert caught.value.name == next(iter(bad))
