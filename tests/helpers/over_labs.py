"""Tests of one shape over all labs.

What costs little is looked at in every lab each time (`each_lab`). What takes long is looked at
in a few of them (`some_labs`), so that tests take about as long with forty labs as with twelve.
LABSIM_SAMPLE says which ones: a number, and they go round with it, or "all".
"""

import os

import pytest

import labsim

LABS = labsim.labs()
FEW = 4
_which = os.environ.get("LABSIM_SAMPLE", "0")
EVERY = _which == "all"
_apart = -(-len(LABS) // FEW)       # spread over the course
SAMPLE = [*LABS] if EVERY else [*LABS][int(_which) % _apart::_apart]

each_lab = pytest.mark.parametrize("slug", LABS)
some_labs = pytest.mark.parametrize("slug", SAMPLE)
