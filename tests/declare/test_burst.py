"""A burst by hand: what the knobs of a spike say when somebody clicks a source."""

import pytest

import labsim
from labsim.declare import burst

LAB = labsim.lab("kinesis-shards")      # a spike of four knobs, in a run of 1,800 s
HERE = {"spike_factor": 3.0, "spike_start": 600.0, "spike_duration": 120.0}


@pytest.mark.parametrize("there, at, changes", [
    ({}, 900, {"spike_factor": 4, "spike_start": 900, "spike_duration": 90, "spike_every": 0}),
    (HERE, 300, {"spike_start": 300, "spike_duration": 210}),       # one that was to come
    (HERE, 700, {"spike_duration": 210}),                           # in the middle of one
    (HERE, 900, {"spike_every": 300}),                              # one is over
    ({**HERE, "spike_every": 500.0}, 900, {"spike_every": 300}),
    ({**HERE, "spike_every": 200.0}, 700, {"spike_factor": 6}),     # no room between them
    ({**HERE, "spike_every": 200.0}, 1_150, {"spike_factor": 6}),   # several are over
    ({}, 1_800, {"spike_factor": 4, "spike_start": 1_710, "spike_duration": 90, "spike_every": 0}),
])
def test_a_burst_comes_then_or_lasts_longer(there, at, changes):
    """Four times the load for a twentieth of the run; what was before it stays as it was."""
    params = LAB.Params(**there)
    assert burst(params, at) == changes
    params.changed(**changes)


def test_before_a_burst_nothing_changes():
    """The same records as without it, up to the moment."""
    params = LAB.Params(**HERE)
    usual, more = (LAB.run(p).series["completed_rate"] for p in (
        params, params.changed(**burst(params, 900))))
    before = usual.t <= 900
    assert usual.value[before] == pytest.approx(more.value[before], rel=0.05)
    assert more.value[~before].sum() > usual.value[~before].sum() * 1.05
