"""The books of who answers viewers: how each request went, and what all of them together say.

Picture the shopkeeper in the evening over her slips: how many were served from the shelf, how many
had to wait for the factory, what was stale, and what the month will cost if it goes on like this.

*Models:* nothing; read from the slips of all requests, once, when the run has ended.
*Leaves out:* the warm-up: requests before 0 s.
"""

from functools import cached_property

import numpy as np

from labsim.declare import Count, Line, Metric, Panel, bars, mean, per_tick, quantiles, share
from labsim.services.cloudfront.bill import GB
from labsim.services.common import regions as world

HIT, REGIONAL, FROM_ORIGIN, FROM_SECOND, EXPIRED, ERROR, REFUSED = range(7)
LOOK = 8            # ticks; a ratio and a time are means over so many
CODES = {"us": "us", "europe": "eu", "asia": "as", "south_america": "sa"}
PLACES = {"us": "the US", "eu": "Europe", "as": "Asia", "sa": "South America"}


def went(kind: int):
    """How many requests went this way."""
    return lambda d: d.books.kinds[kind]


def ttfb(here: int):
    """The median time to the first byte in a region, s."""
    return lambda d: d.books.ttfb(here)


METRICS = (
    Count("offered", "requests", "requests that viewers sent", "", lambda d: len(d.books.t),
          aliases=("requests",)),
    Count("completed", "requests", "requests that got the object", "higher",
          lambda d: d.books.good.sum(), aliases=("answered",)),
    Count("refused", "requests", "403: the signed URL had expired", "lower", went(REFUSED)),
    Metric("admitted_share", "", "part of the requests whose URL was valid", "higher",
           lambda d: share(d.books.let_in.sum(), len(d.books.t))),
    Count("failed", "requests", "5xx: no origin answered, and no copy stood in", "lower",
          went(ERROR)),
    Count("edge_hits", "requests", "answered by an edge's own fresh copy", "higher", went(HIT)),
    Count("regional_hits", "requests", "answered by a regional cache's fresh copy", "higher",
          went(REGIONAL)),
    Count("from_origin", "requests", "answered by the origin (or a bucket)", "lower",
          went(FROM_ORIGIN)),
    Count("from_second", "requests", "answered by the second origin", "", went(FROM_SECOND)),
    Count("expired_served", "requests", "answered by an expired copy, for want of an origin", "",
          went(EXPIRED)),
    Metric("hit_ratio", "", "part of the admitted requests that an edge had", "higher",
           lambda d: share(d.books.kinds[HIT], d.books.let_in.sum())),
    Metric("offload", "", "part of the admitted requests that needed no origin", "higher",
           lambda d: share(d.books.kinds[HIT] + d.books.kinds[REGIONAL], d.books.let_in.sum())),
    Count("collapsed", "requests", "edge hits that waited for a fetch under way", "",
          lambda d: d.books.shared),
    Count("not_modified", "requests", "answers of an origin that were 304, without a body", "",
          lambda d: d.books.unchanged.sum()),
    Count("evictions", "objects", "copies that edges threw out for want of room", "lower",
          lambda d: d.evictions),
    Count("origin_requests", "requests", "requests that origins or buckets got", "lower",
          lambda d: len(d.origin_asked)),
    Metric("origin_peak", "req/s", "most that it was asked in a tick", "lower",
           lambda d: d.books.asked.max() / d.sim.tick),
    Metric("latency_mean", "s", "mean time to the first byte, of an object or an error", "lower",
           lambda d: mean(d.books.latency[d.books.let_in])),
    Metric("latency_p50", "s", "half of the first bytes come within this", "lower",
           lambda d: d.books.latency_quantiles[50]),
    Metric("latency_p95", "s", "19 of 20 first bytes come within this", "lower",
           lambda d: d.books.latency_quantiles[95]),
    Metric("latency_max", "s", "longest time to a first byte", "lower",
           lambda d: d.books.latency[d.books.let_in].max(initial=0.0)),
    *(Metric(f"ttfb_{code}", "s", f"median time to the first byte in {PLACES[code]}", "lower",
             ttfb(here), aliases=(f"first_{code}",)) for here, code in enumerate(CODES.values())),
    Count("stale", "requests", "answers that were an old version", "lower",
          lambda d: d.books.old.sum()),
    Metric("stale_share", "", "part of the answers that were an old version", "lower",
           lambda d: share(d.books.old.sum(), d.books.good.sum())),
    Metric("stale_longest", "s", "longest that a version served had been out of date", "lower",
           lambda d: d.books.oldest),
    Count("paths", "paths", "invalidation paths submitted", "lower", lambda d: d.paths),
    Count("invocations", "", "runs of the Lambda@Edge function", "", lambda d: d.invocations),
    Metric("egress_gb", "GB", "sent to viewers", "",
           lambda d: d.books.size[d.books.good].sum() / GB),
    Metric("origin_gb", "GB", "sent by origins", "lower", lambda d: d.books.origin_bytes / GB),
    Metric("month_usd", "USD/month", "what a month like this run costs", "lower",
           lambda d: sum(d.month.values())),
)
PANELS = (
    Panel("Requests", (
        Line("viewers", "offered_rate"), Line("origin", "origin_rate"),
        Line("failed", "failed_rate")), marks=("outage",)),
    Panel("Found on the way", (
        Line("at the edges", "hit_ratio"), Line("no origin needed", "offload")),
        unit="of requests"),
    Panel("Time to an answer", (
        Line("US", "ttfb_us"), Line("Europe", "ttfb_eu"), Line("Asia", "ttfb_as"),
        Line("S. Am.", "ttfb_sa"))),
    Panel("Trouble", (
        Line("old version", "stale_share"), Line("failed", "failed_share"),
        Line("URL expired", "refused_share")), marks=("release",), unit="of requests"),
)


def rolling(values: np.ndarray) -> np.ndarray:
    """Sums over the last `LOOK` ticks, along the first axis."""
    total = np.cumsum(values, axis=0, dtype=float)
    total[LOOK:] -= total[:-LOOK].copy()
    return total


def ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Their quotient; 0 where there is nothing."""
    return np.divide(part, whole, out=np.zeros(np.shape(part)), where=whole > 0)


def lasting(total: np.ndarray, count: np.ndarray) -> np.ndarray:
    """Their quotient; the last one where there is nothing (0 before the first)."""
    last = np.maximum.accumulate(np.where(count > 0, np.arange(len(count)), -1))
    return np.where(last >= 0, ratio(total, count)[last], 0.0)


class Books:
    """Every request to a `Delivery` that counts, in order: when it came (`t`, s), how it went
    (`kind`), how long the first byte took (`latency`, s), the `size` of its object in bytes,
    whether a newer version was out (`old`), and where it came from and went to."""

    def __init__(self, delivery):
        self.part, self.sim = delivery, delivery.sim
        self.ticks = len(delivery.record.t) - 1
        t, region, one, place = (
            np.concatenate([np.empty(0, dtype=kind), *columns]) for kind, columns in zip(
                (float, int, int, float),
                zip(*(requests.columns[:4] for requests in delivery.requests))))\
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
        first = int(t.searchsorted(0.0))    # after the warm-up
        self.t, self.region, self.served, self.let_in = (
            column[first:] for column in (t, region, served, let_in))
        self.kind, self.latency = kind[first:], latency[first:]
        self.size = np.array(delivery.site.sizes)[one[first:]]
        self.edge = (served * delivery.places
                     + (place * delivery.places).astype(np.int64))[first:]
        self.old, self.unchanged = (
            self._marked(number[np.array(rows, dtype=np.int64)], len(t))[first:]
            for rows in (delivery.old, delivery.unchanged))
        self.shared = int((number[np.array(delivery.shared, dtype=np.int64)] >= first).sum())
        self.oldest = max((age for i, age in zip(delivery.old, delivery.old_for)
                           if number[i] >= first), default=0.0)
        self.good = self.kind < ERROR       # got the object
        self.fetched = (self.kind == FROM_ORIGIN) | (self.kind == FROM_SECOND)
        self.kinds = np.bincount(self.kind, minlength=REFUSED + 1)
        self.origin_bytes = float(self.size[self.fetched & ~self.unchanged].sum())
        self.tick = np.minimum((self.t / self.sim.tick).astype(np.int64), self.ticks - 1)
        asked = np.minimum((delivery.origin_asked / self.sim.tick).astype(np.int64),
                           self.ticks - 1)
        self.asked = np.bincount(asked, minlength=self.ticks)

    @staticmethod
    def _marked(rows: np.ndarray, n: int) -> np.ndarray:
        marks = np.zeros(n, dtype=bool)
        marks[rows] = True
        return marks

    @cached_property
    def latency_quantiles(self) -> dict[int, float]:
        """{50: median time to the first byte, 95: ..., 99: ...}, s."""
        return quantiles(self.latency[self.let_in])

    def ttfb(self, here: int) -> float:
        """The median time to the first byte in a region, s."""
        came = (self.region == here) & self.let_in
        return float(np.median(self.latency[came])) if came.any() else 0.0

    def sent(self, months: float) -> tuple[dict[str, float], dict[str, float]]:
        """GB and requests by region of who serves, in a month of so many runs like this one."""
        regions = len(world.REGIONS)
        gb = np.bincount(self.served[self.good], self.size[self.good], regions) / GB * months
        n = np.bincount(self.served, minlength=regions) * months
        return dict(zip(world.REGIONS, gb.tolist())), dict(zip(world.REGIONS, n.tolist()))

    # -- series ------------------------------------------------------------------------------

    def _count(self, which) -> np.ndarray:
        return np.bincount(self.tick[which], minlength=self.ticks).astype(float)

    def _rate(self, counts: np.ndarray) -> tuple[np.ndarray, str]:
        return per_tick(rolling(counts) / rolling(np.ones(self.ticks)) / self.sim.tick, "req/s")

    def _part(self, which, of) -> tuple[np.ndarray, str]:
        return per_tick(ratio(rolling(self._count(which)), rolling(self._count(of))))

    def series(self) -> dict[str, tuple[np.ndarray, str]]:
        """Rates, ratios, waits; of each region its viewers, edges and regional cache."""
        let_in, hit, near = self.let_in, self.kind == HIT, self.kind <= REGIONAL
        failed, everybody = self.kind == ERROR, slice(None)
        edges = float(self.part.places if self.part.by_edges else 0)
        series = {
            "offered_rate": self._rate(self._count(everybody)),
            "origin_rate": self._rate(self.asked), "failed_rate": self._rate(self._count(failed)),
            "hit_ratio": self._part(hit, let_in), "offload": self._part(near, let_in),
            "stale_share": self._part(self.old, let_in),
            "failed_share": self._part(failed, let_in),
            "refused_share": self._part(~let_in, everybody),
            "second_rate": self._rate(self._count(self.kind == FROM_SECOND)),
            "edges": (np.full(self.ticks + 1, edges), "edges")}
        ratios = self._hits_by_edge(hit)
        for here, name in enumerate(world.REGIONS):
            code, mine = CODES[name], self.region == here
            came, there = mine & let_in, (self.served == here) & let_in
            late = np.bincount(self.tick[came], self.latency[came], self.ticks)
            series |= {
                f"ttfb_{code}": per_tick(lasting(rolling(late), rolling(self._count(came))), "s"),
                f"viewers_{code}": self._rate(self._count(mine)),
                f"hits_{code}": self._part(there & hit, there),
                f"regional_{code}": self._part(there & near & ~hit, there & ~hit),
                **bars(f"hit_{code}", ratios[:, here].T)}
        return series

    def _hits_by_edge(self, hit: np.ndarray) -> np.ndarray:
        """The hit ratio of each edge, (ticks, regions, edges)."""
        shape = self.ticks, len(world.REGIONS), self.part.places
        if not self.part.by_edges:
            return np.zeros(shape)
        edges = shape[1] * shape[2]
        cell = self.tick * edges + self.edge
        asked, found = (rolling(np.bincount(cell[which], minlength=self.ticks * edges).reshape(
            self.ticks, edges)) for which in (self.let_in, hit))
        return ratio(found, asked).reshape(shape)
