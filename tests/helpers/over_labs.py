"""Tests of one shape over all labs.

What costs little is looked at in every lab each time (`each_lab`). What takes long is looked at
in a few of them (`some_labs`), so that tests take about as long with forty labs as with twelve:
which ones goes round with LABSIM_SAMPLE, a number, and `pytest --every-lab` looks at all.
"""

import os

import pytest

import labsim

LABS = labsim.labs()
FEW = 4
_apart = -(-len(LABS) // FEW)       # spread over the course
SAMPLE = [*LABS][int(os.environ.get("LABSIM_SAMPLE", "0")) % _apart::_apart]

each_lab = pytest.mark.parametrize("slug", LABS)
some_labs = pytest.mark.parametrize("slug", [
    pytest.param(slug, marks=() if slug in SAMPLE else pytest.mark.every_lab) for slug in LABS])
