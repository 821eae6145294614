"""How many requests went which way: tick by tick, region by region, whole numbers.

Picture the evening's sheet with a line for each quarter of an hour, a column for each part of the
world and a stroke for each customer, under what became of him.

*Models:* nothing; what was followed is counted, and what was counted in shares is made whole: the
sums of all shares so far, rounded, so that nothing is lost and nothing is below zero.
*Leaves out:* the warm-up: requests before 0 s.
"""

from dataclasses import dataclass

import numpy as np

from labsim import declare as kit
from labsim.services.common import regions as world

KINDS = (HIT, REGIONAL, SHIELD, FROM_ORIGIN, FROM_SECOND, EXPIRED, ERROR, REFUSED) = range(8)
REGIONS = len(world.REGIONS)


@dataclass(frozen=True)
class Fates:
    """What became of requests of which some were tried again: those `offered`, answered in time
    (`completed`) and given up (`failed`), (ticks,), whole numbers; those whose viewers wait to try
    again, and those given up after a timeout; attempts that timed out, and that a breaker stopped.
    first: the offered by viewers' region, (ticks, regions).
    """

    offered: np.ndarray
    completed: np.ndarray
    failed: np.ndarray
    open_end: int
    abandoned: int
    timed_out: int
    short_circuited: int
    first: np.ndarray


@dataclass(frozen=True)
class Tally:
    """What became of requests. Axes: ticks, viewers' regions.

    count: (kinds, ticks, regions), whole numbers; old: those that were an old version, (ticks,
    regions); late: times to the first byte of those let in, added up, s, (ticks, regions).
    latency: (times to the first byte, s; how many requests; the viewers' region), rows of those
    let in. asked: how often an origin was asked, (ticks,); shared, unchanged, shielded: how many
    waited for a fetch under way, were 304, came to Origin Shield from elsewhere. oldest: the
    longest that a version served was out of date, s. sent: bytes to each region; origin_bytes:
    sent by origins. edges: of each edge, how many requests it had a fresh copy for and how many
    came, both (ticks, regions, edges). vain: how often an origin was asked and did not answer,
    (ticks, regions). fates: of the requests, where some came back.
    """

    count: np.ndarray
    old: np.ndarray
    late: np.ndarray
    latency: tuple[np.ndarray, np.ndarray, np.ndarray]
    asked: np.ndarray
    shared: int
    unchanged: int
    shielded: int
    oldest: float
    sent: np.ndarray
    origin_bytes: float
    edges: tuple[np.ndarray, np.ndarray]
    vain: np.ndarray
    fates: Fates | None = None


def ratio(part: np.ndarray, of: np.ndarray) -> np.ndarray:
    """Their quotient; 0 where there is nothing."""
    return np.divide(part, of, out=np.zeros(np.shape(part)), where=of > 0)


def whole(shares: np.ndarray) -> np.ndarray:
    """Whole numbers instead of shares of requests, of their shape: sums along the flattened array
    differ by less than one."""
    return kit.whole(shares.ravel()).reshape(shares.shape)


def followed(delivery) -> Tally:
    """The tally of a `Delivery` whose requests were followed one by one."""
    ticks, length = len(delivery.record.t) - 1, delivery.sim.tick
    t, region, one, place = (
        np.concatenate([np.empty(0, dtype=kind), *columns]) for kind, columns in zip(
            (float, int, int, float), zip(*(
                requests.columns[:4] for requests in delivery.requests))))\
        if delivery.requests else (np.empty(0), *(np.empty(0, dtype=int),) * 2, np.empty(0))
    let_in = np.concatenate([*delivery.admitted, np.empty(0, dtype=bool)])
    number = np.flatnonzero(let_in)     # of each that was let in
    kind, wait = np.full(len(t), REFUSED), np.zeros(len(t))
    kind[let_in] = HIT
    if delivery.noted:
        which, how, took = zip(*delivery.noted)
        which = number[list(which)]
        kind[which], wait[which] = how, took
    served = np.array(delivery.serving)[region]
    latency = world.first_byte(delivery.trips()[region, served], wait + delivery.viewer_time)
    now = t >= 0                        # after the warm-up

    def marked(rows):
        marks = np.zeros(len(t), dtype=bool)
        marks[number[np.array(rows, dtype=np.int64)]] = True
        return marks & now

    def binned(which, *columns, shape, weights=None):
        which = np.flatnonzero(which)
        cells = np.ravel_multi_index(tuple(column[which] for column in columns), shape)
        weights = weights if weights is None else weights[which]
        return np.bincount(cells, weights, int(np.prod(shape))).reshape(shape)

    tick = np.minimum((t / length).astype(np.int64), ticks - 1)
    old, unchanged, came = marked(delivery.old), marked(delivery.unchanged), now & let_in
    size, good = delivery.site.sizes[one], now & (kind < ERROR)
    fetched = good & ((kind == FROM_ORIGIN) | (kind == FROM_SECOND)) & ~unchanged
    edge = (place * delivery.places).astype(np.int64)
    shape, each = (ticks, REGIONS), (ticks, REGIONS, delivery.places)
    asked = np.array(delivery.asked)
    asked = np.minimum((asked[asked >= 0] / length).astype(np.int64), ticks - 1)
    asked = np.bincount(asked, minlength=ticks)
    count = binned(now, kind, tick, region, shape=(len(KINDS), *shape))
    vain = np.maximum(asked - count[[FROM_ORIGIN, FROM_SECOND]].sum(axis=(0, 2)), 0)
    lost = count[[EXPIRED, ERROR]].sum(axis=0)
    return Tally(
        count=count, vain=ratio(lost, lost.sum(axis=1, keepdims=True)) * vain[:, None],
        old=binned(old, tick, region, shape=shape),
        late=binned(came, tick, region, shape=shape, weights=latency),
        latency=(latency[came], np.ones(int(came.sum())), region[came]),
        asked=asked,
        shared=int(now[number[np.array(delivery.shared, dtype=np.int64)]].sum()),
        unchanged=int(unchanged.sum()), shielded=delivery.shielded,
        oldest=max((age for i, age in zip(delivery.old, delivery.old_for) if now[number[i]]),
                   default=0.0),
        sent=np.bincount(region[good], size[good], REGIONS),
        origin_bytes=float(size[fetched].sum()),
        edges=tuple(binned(which, tick, served, edge, shape=each)
                    for which in (came & (kind == HIT), came)))
