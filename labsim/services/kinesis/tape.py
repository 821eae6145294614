"""How old a record of a Kinesis stream is when it is read: the tapes after the run.

Picture the tape behind a counter, unrolled on a table, with the time written beside every metre:
who knows which metre was read at what time can say how long it had waited.

*Models:* records of a shard in the order in which they were put, evenly over their tick, read first
in, first out. *Leaves out:* the order within a tick.

Arrays are (ticks, shards): records `put`, `read`, `gone` (read or expired) in each tick, `unread`
at its end. A tick is so many s.
"""

import numpy as np

SAMPLE = 4_000      # delays drawn, however many records there are


def ages(put: np.ndarray, gone: np.ndarray, unread: np.ndarray, tick: float,
         retention: float) -> np.ndarray:
    """Age of the oldest unread record of the worst shard at the end of each tick, s."""
    left = np.cumsum(gone, axis=0)
    k, column = np.nonzero(unread)
    age = (k + 1) * tick - put_time(put, column, left[k, column], tick)
    worst = np.zeros(len(left))
    np.maximum.at(worst, k, np.clip(age, 0.0, retention))
    return worst


def delays(put: np.ndarray, read: np.ndarray, gone: np.ndarray, tick: float,
           retention: float) -> np.ndarray:
    """Time from put to read of `SAMPLE` of the records read, evenly over all of them, s: only what
    they wait for a consumer that is behind."""
    ticks, in_turn = len(read), read.T.ravel()
    upto = np.cumsum(in_turn)
    if not upto[-1]:
        return np.zeros(SAMPLE)
    which = (np.arange(SAMPLE) + 0.5) / SAMPLE * upto[-1]
    cell = np.minimum(np.searchsorted(upto, which, side="right"), len(upto) - 1)
    part = 1.0 - np.clip((upto[cell] - which) / np.maximum(in_turn[cell], 1e-300), 0.0, 1.0)
    column, k = np.divmod(cell, ticks)
    before = (np.cumsum(gone, axis=0) - gone)[k, column]
    number = before + part * in_turn[cell]
    return np.clip((k + part) * tick - put_time(put, column, number, tick), 0.0, retention)


def put_time(put: np.ndarray, column: np.ndarray, number: np.ndarray, tick: float) -> np.ndarray:
    """When the record of this number, counted from 0 in its column, was put, s."""
    ticks, in_turn = len(put), put.T.ravel()
    upto, first = np.concatenate([[0.0], np.cumsum(in_turn)]), column * ticks
    number = number + upto[first]
    cell = np.clip(np.searchsorted(upto, number, side="right") - 1, first, first + ticks - 1)
    part = np.clip((number - upto[cell]) / np.maximum(in_turn[cell], 1e-300), 0.0, 1.0)
    return (cell - first + part) * tick
