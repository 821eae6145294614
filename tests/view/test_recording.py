"""A recording plays what the run was: the same numbers, in few bytes, the same ones every time."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from over_labs import LABS, each_lab

import labsim
from labsim.view import recording as r
from labsim.view.told import told

STEPS = 50_000      # a value that is no whole number is kept to such a part of the largest


@each_lab
def test_a_recording_holds_what_the_run_was(slug):
    """Every series that a stage shows, whole numbers exactly, others to a 50,000th of the top."""
    result = LABS[slug].run()
    header, series = r.decoded(r.recording(result))
    assert set(series) == set(r.drawn_series(LABS[slug])) & set(result.series)
    for name, curve in series.items():
        true = result.series[name].value
        whole = (true == np.rint(true)).all()
        assert np.abs(curve.value - true).max() <= (0 if whole else np.abs(true).max() / STEPS)
        assert curve.unit == result.series[name].unit
        assert curve.t == pytest.approx(result.series[name].t)
    assert header["summary"] == pytest.approx(result.summary)
    assert header["params"] == result.params.model_dump()
    assert [event[2] for event in header["events"]] == [
        event.text for event in result.events[:r.MOST_EVENTS]]


@each_lab
def test_a_recording_of_600_instants_is_at_most_100_kB(slug):
    """In every step of the story, as text; shorter ones in proportion."""
    lab = LABS[slug]
    for preset in lab.presets:
        size = len(r.as_text(r.recording(lab.run(lab.preset(preset.title)))))
        assert size <= 100_000, (preset.title, size)


def test_the_same_run_is_the_same_bytes():
    """Nothing in it is of the moment at which it was made."""
    lab = LABS["sqs-asg"]
    assert r.recording(lab.run()) == r.recording(lab.run())
    assert r.recording(lab.run()) != r.recording(lab.run(seed=2))


@given(st.lists(st.integers(-2**40, 2**40), min_size=1, max_size=50))
def test_numbers_come_back(values):
    """Any whole numbers: large, negative, in runs."""
    values = np.repeat(np.array(values, dtype=float), 3)
    scale, data = r._packed(values)
    top = np.abs(values).max()
    assert np.abs(r._unpacked(data, len(values)) * scale - values).max() <= (
        0 if scale == 1 else top / STEPS)


def test_a_constant_takes_a_few_bytes():
    """Zeros in a row are counted."""
    _, data = r._packed(np.full(600, 7.0))
    assert len(data) <= 4 and (r._unpacked(data, 600) == 7).all()


def test_bands_travel_beside_their_curves():
    """Replications, as low and high."""
    result = LABS["sqs-asg"].run()
    queue = result.series["queue"].value
    _, series = r.decoded(r.recording(result, {"queue": (queue, queue + 1)}))
    assert (series["queue|high"].value == queue + 1).all()
    assert (series["queue|low"].value == queue).all()


def test_a_recording_of_a_system_of_ones_own():
    """Boxes and curves come from its parts."""
    from labsim.services import ec2, sqs

    def shop(sim):
        orders = sqs.Queue(sim, "orders")
        ec2.Fleet(sim, "workers", consumes=orders, work=labsim.gamma(4, cv=1), size=10)
        sim.send(labsim.steady(2), to=orders)

    result = labsim.simulate(shop, duration=600)
    _, series = r.decoded(r.recording(result))
    assert series and set(series) <= set(result.series)
    assert [box["name"] for box in told(result.lab)["boxes"]]


def test_what_theory_says_is_in_it():
    """Or why it says nothing."""
    lab = LABS["sqs-asg"]
    header, _ = r.decoded(r.recording(lab.run()))
    assert any("does not apply: the load or the number of instances changes" in line
               for line in header["theory"])
    header, _ = r.decoded(r.recording(lab.run(lab.preset("1"))))
    wait = labsim.theory.mmc_wait_mean(2, 4, 10)
    assert any("the dashed line" in line for line in header["theory"])
    assert [limit for panel in header["limits"] for limit in panel
            if limit is not None and limit == pytest.approx(wait)]
