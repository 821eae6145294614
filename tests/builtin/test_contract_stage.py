"""What every lab declares for its stage, held for every lab that is registered."""

import numpy as np
import pytest
from over_labs import LABS, each_lab

from labsim.declare.drawing import FATES


@each_lab
def test_the_stage_of_each_step_shows_what_there_is(slug):
    """What flows along a link is a series of the run; headline and hand name metrics and knobs; the
    moment to open at is in the run."""
    lab = LABS[slug]
    for preset in lab.presets:
        result = lab.run(lab.preset(preset.title))
        for link in lab.links:
            for series, fate in link.flows:
                assert series in result.series and fate in FATES, (link.start, link.end, series)
        assert set(preset.headline) <= set(result.summary) and len(preset.headline) <= 4
        assert set(preset.hand) <= set(lab.Params.specs())
        assert preset.moment is None or 0 <= preset.moment <= result.params.duration


def passed(result, name):
    """How much has passed by each instant of the record, of a series."""
    s = result.series[name]
    return np.cumsum(np.append(0.0, s.value[1:] * np.diff(s.t))) if s.unit.endswith(
        ("/s", "per s")) else s.value


@each_lab
@pytest.mark.parametrize("at", [0.1, 0.5])
def test_a_source_that_is_clicked_sends_more(slug, at):
    """A burst is valid at every step, and brings more than there was, soon after or in all: of what
    goes out from there, or of what stands there and can't."""
    lab = LABS[slug]
    for box in lab.boxes:
        sends = {name for link in lab.links if link.start == box.name
                 for name, fate in link.flows if fate == "sent"} | {name for _, name in box.show}
        for preset in lab.presets if box.burst else ():
            params = lab.preset(preset.title)
            t = at * params.duration
            burst = params.changed(**box.burst(params, t))
            was, now = lab.run(params), lab.run(burst)
            more = {}
            for name in sends:
                before, after = passed(was, name), passed(now, name)
                soon = int((at + 0.1) * (len(before) - 1))
                more[name] = max(after[i] - before[i] for i in (soon, -1)) / max(before.max(), 1)
            assert max(more.values()) > 0.02, (preset.title, box.name, more)
