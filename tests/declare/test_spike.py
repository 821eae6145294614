"""A burst at any moment, whatever spike a lab has."""

import pytest

import labsim
from labsim import declare as kit
from labsim.declare import every_knob, number, spike_knobs


class Once(kit.Params):
    """A rate with a spike that comes once."""

    rate: float = number(10, unit="1/s", bounds=(0, 100), slider=(0, 100), step=1, label="Rate",
                         group="Load", help="Of what comes.")
    spike_factor: float
    spike_start: float
    spike_duration: float
    spike_factor, spike_start, spike_duration = spike_knobs(1, 300, 100, group="Load")
    duration: float = number(1_000, unit="s", bounds=(1, 10_000), slider=(1, 10_000), step=1,
                             label="Duration", group="Load", help="Simulated time.")


class Again(Once):
    """The same, which may come again."""

    spike_every: float = every_knob("Load")

    def check(self) -> None:
        """A spike is over before the next one begins."""
        kit.check_spikes(self)


@pytest.mark.parametrize("params, values, t, changes", [
    (Once, {}, 200, dict(spike_factor=4, spike_start=200, spike_duration=50)),
    (Again, {}, 200, dict(spike_factor=4, spike_start=200, spike_duration=50, spike_every=0)),
    (Once, dict(spike_factor=3), 100, dict(spike_start=100, spike_duration=300)),
    (Again, dict(spike_factor=3), 100, dict(spike_start=100, spike_every=200)),
    (Again, dict(spike_factor=3), 250, dict(spike_start=250, spike_duration=150)),
    (Once, dict(spike_factor=3), 350, dict(spike_factor=6)),
    (Once, dict(spike_factor=3), 600, dict(spike_duration=350)),
    (Again, dict(spike_factor=3), 600, dict(spike_every=300)),
    (Again, dict(spike_factor=3), 400, dict(spike_duration=150)),
    (Again, dict(spike_factor=3, spike_every=400), 800, dict(spike_every=250)),
    (Again, dict(spike_factor=3, spike_every=150), 420, dict(spike_every=120))])
def test_what_a_burst_changes(params, values, t, changes):
    """Where there is no spike there is one; one to come comes at once; one that is on is higher;
    one that is over comes again, or lasts; and all of it is valid, and is more than before."""
    p = params(**values)
    assert kit.burst(p, t) == pytest.approx(changes)
    burst = params(**{**values, **kit.burst(p, t)})
    assert kit.spiked(burst, p.rate).cumulative[-1] > kit.spiked(p, p.rate).cumulative[-1]


@pytest.mark.parametrize("slug", ["elb-balancing", "lambda-concurrency", "dynamodb-capacity",
                                  "elasticache-strategies", "ebs-iops"])
def test_a_burst_is_valid_at_any_moment(slug):
    """Of each preset, at its begin, in each tenth of the run, and at its end."""
    lab = labsim.lab(slug)
    source = next(box for box in lab.boxes if box.burst)
    for preset in lab.presets:
        p = lab.Params(**preset.values)
        for part in range(11):
            lab.Params(**{**preset.values, **source.burst(p, p.duration * part / 10)})
