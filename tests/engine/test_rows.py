"""Rows in blocks: had piece by piece, each once, in order."""

from dataclasses import dataclass

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from labsim.engine import Rows, Source, together

times = st.lists(st.floats(0, 100), max_size=30).map(sorted)


@dataclass(frozen=True)
class Named(Rows):
    who: np.ndarray


def block(t, first):
    return Named(np.array(t, dtype=float), np.arange(first, first + len(t)))


@given(times, st.lists(st.integers(0, 30), max_size=4), st.lists(st.floats(0, 110), max_size=5))
def test_each_row_is_had_once_when_its_time_has_come(t, cuts, looks):
    """Whatever the blocks are and whenever somebody looks."""
    edges = [0, *sorted(min(cut, len(t)) for cut in cuts), len(t)]
    source = Source(iter([block(t[a:b], a) for a, b in zip(edges, edges[1:])]))
    had = []
    for until in (*sorted(looks), 200.0):
        pieces = [*source.upto(until)]
        assert all(len(piece) for piece in pieces)
        had += [who for piece in pieces for who in piece.who.tolist()]
        assert len(had) == np.searchsorted(t, until, side="right")
    assert had == [*range(len(t))]


@given(st.lists(times, min_size=1, max_size=4))
def test_several_sources_as_one(several):
    """Sorted by time, each row whole; of equal times those of the first source go first."""
    joined = together([block(t, 100 * k) for k, t in enumerate(several)])
    rows = sorted(((t, 100 * k + i) for k, one in enumerate(several) for i, t in enumerate(one)))
    assert [*zip(joined.t.tolist(), joined.who.tolist())] == rows
