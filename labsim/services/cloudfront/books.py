"""The books of who answers viewers: how requests went, and what all of them together say.

Picture the shopkeeper in the evening over her sheet: how many were served from the shelf, how many
had to wait for the factory, what was stale, and what the month will cost if it goes on like this.

*Models:* nothing; read from the tally of all requests, once, when the run has ended.
*Leaves out:* the warm-up: requests before 0 s.
"""

import numpy as np

from labsim.declare import Count, Invariant, Line, Metric, Panel, bars, per_tick, share
from labsim.declare.invariants import near
from labsim.services.cloudfront.bill import GB
from labsim.services.cloudfront.rules import CLASSES, served_from
from labsim.services.cloudfront.tally import (
    ERROR,
    EXPIRED,
    FROM_ORIGIN,
    FROM_SECOND,
    HIT,
    REFUSED,
    REGIONAL,
    REGIONS,
    SHIELD,
    Tally,
    ratio,
)
from labsim.services.common import regions as world

LOOK = 3            # ticks; a ratio and a time are means over so many
CODES = {"us": "us", "europe": "eu", "asia": "as", "south_america": "sa"}
# Which region's viewers may be served by which region's edges, in some price class.
WAYS = sorted({(here, served_from(here, price_class)) for here in range(REGIONS)
               for price_class in CLASSES})
PLACES = {"us": "the US", "eu": "Europe", "as": "Asia", "sa": "South America"}


def went(kind: int):
    """How many requests went this way."""
    return lambda d: d.books.kinds[kind]


def ttfb(here: int):
    """The median time to the first byte in a region, s."""
    return lambda d: d.books.ttfb(here)


METRICS = (
    Count("offered", "requests", "requests that viewers sent", "", lambda d: d.books.offered.sum(),
          aliases=("requests",)),
    Count("completed", "requests", "requests that got the object, in time", "higher",
          lambda d: d.books.completed.sum(), aliases=("answered",)),
    Count("refused", "requests", "403: the signed URL had expired", "lower", went(REFUSED)),
    Metric("admitted_share", "of requests", "part of the requests whose URL was valid", "higher",
           lambda d: share(d.books.let_in.sum(), d.books.offered.sum()), label="with a valid URL"),
    Count("failed", "requests", "5xx: no origin answered, and no copy stood in; or nothing came in "
          "time", "lower", lambda d: d.books.failed.sum()),
    Count("open_end", "requests", "requests whose viewers wait to try again as the run ends", "",
          lambda d: d.books.open_end),
    Count("attempts", "attempts", "times that viewers asked: offered and retries", "",
          lambda d: d.books.kinds.sum() + d.books.short_circuited),
    Count("retries", "attempts", "attempts after the first of a request", "lower",
          lambda d: (d.books.kinds.sum() + d.books.short_circuited
                     - d.books.offered.sum())),
    Count("timed_out", "attempts", "attempts without a first byte in time", "lower",
          lambda d: d.books.timed_out),
    Count("late", "attempts", "answers that came when nobody waited for them: work for nothing",
          "lower", lambda d: d.books.good.sum() - d.books.completed.sum()),
    Count("abandoned", "requests", "of the failed requests, those given up after a timeout",
          "lower", lambda d: d.books.abandoned),
    Count("short_circuited", "attempts", "attempts that an open breaker stopped: no edge saw them",
          "lower", lambda d: d.books.short_circuited),
    Metric("amplification", "x", "attempts that were sent, per request", "lower",
           lambda d: share(d.books.kinds.sum(), d.books.offered.sum()) or 1.0,
           label="attempts per request"),
    Metric("goodput", "req/s", "requests that got the object in time, per second", "higher",
           lambda d: d.books.completed.sum() / d.sim.duration),
    Count("edge_hits", "requests", "answered by an edge's own fresh copy", "higher", went(HIT)),
    Count("regional_hits", "requests", "answered by a regional cache's fresh copy", "higher",
          went(REGIONAL)),
    Count("shield_hits", "requests", "answered by Origin Shield's fresh copy", "higher",
          went(SHIELD)),
    Count("from_origin", "requests", "answered by the origin (or a bucket)", "lower",
          went(FROM_ORIGIN)),
    Count("from_second", "requests", "answered by the second origin", "", went(FROM_SECOND)),
    Count("expired_served", "requests", "answered by an expired copy, for want of an origin", "",
          went(EXPIRED)),
    Metric("hit_ratio", "of requests", "part of the admitted requests that an edge had", "higher",
           lambda d: share(d.books.kinds[HIT], d.books.let_in.sum())),
    Metric("offload", "of requests", "part of the admitted requests that needed no origin",
           "higher", lambda d: share(d.books.kinds[[HIT, REGIONAL, SHIELD]].sum(),
                           d.books.let_in.sum()), label="needed no origin"),
    Count("collapsed", "requests", "edge hits that waited for a fetch under way", "",
          lambda d: d.books.tally.shared),
    Count("not_modified", "requests", "answers of an origin that were 304, without a body", "",
          lambda d: d.books.tally.unchanged),
    Count("evictions", "objects", "copies that edges threw out for want of room", "lower",
          lambda d: d.evictions),
    Count("origin_requests", "requests", "requests that origins or buckets got", "lower",
          lambda d: d.books.asked.sum()),
    Count("shield_requests", "requests", "that came to Origin Shield from other regions", "lower",
          lambda d: d.books.shielded),
    Metric("origin_peak", "req/s", "most that it was asked in a tick", "lower",
           lambda d: d.books.asked.max() / d.sim.tick, label="busiest second at the origin"),
    Metric("latency_mean", "s", "mean time to the first byte, of an object or an error", "lower",
           lambda d: share(d.books.tally.late.sum(), d.books.let_in.sum())),
    Metric("latency_p50", "s", "half of the first bytes come within this", "lower",
           lambda d: d.books.latency(50)),
    Metric("latency_p95", "s", "19 of 20 first bytes come within this", "lower",
           lambda d: d.books.latency(95)),
    Metric("latency_max", "s", "longest time to a first byte", "lower",
           lambda d: d.books.latency(100)),
    *(Metric(f"ttfb_{code}", "s", f"median time to the first byte in {PLACES[code]}", "lower",
             ttfb(here), aliases=(f"first_{code}",)) for here, code in enumerate(CODES.values())),
    Count("stale", "requests", "answers that were an old version", "lower",
          lambda d: d.books.tally.old.sum()),
    Metric("stale_share", "of answers", "part of the answers that were an old version", "lower",
           lambda d: share(d.books.tally.old.sum(), d.books.good.sum()), label="out of date"),
    Metric("stale_longest", "s", "longest that a version served had been out of date", "lower",
           lambda d: d.books.tally.oldest),
    Count("paths", "paths", "invalidation paths submitted", "lower", lambda d: d.paths),
    Count("invocations", "times", "runs of the Lambda@Edge function", "", lambda d: d.invocations),
    Metric("egress_gb", "GB", "sent to viewers", "",
           lambda d: d.books.tally.sent.sum() / GB, label="sent to viewers"),
    Metric("origin_gb", "GB", "sent by origins", "lower",
           lambda d: d.books.tally.origin_bytes / GB, label="sent by the origin"),
    Metric("month_usd", "USD/month", "what a month like this run costs", "lower",
           lambda d: sum(d.month.values()), label="cost of a month"),
)
PANELS = (
    Panel("Requests", (
        Line("viewers", "offered_rate"), Line("attempts", "attempts_rate"),
        Line("origin", "origin_rate"), Line("failed", "failed_rate")), marks=("outage",)),
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


HITS = ("edge_hits", "regional_hits", "shield_hits", "from_origin", "from_second", "expired_served")
ANSWERS = Invariant(f"completed + late = {' + '.join(HITS)}", lambda r: near(
    r.summary["completed"] + r.summary["late"], sum(r.summary[hits] for hits in HITS)))


def rolling(values: np.ndarray) -> np.ndarray:
    """Sums over the last `LOOK` ticks, along the first axis."""
    total = np.cumsum(values, axis=0, dtype=float)
    total[LOOK:] -= total[:-LOOK].copy()
    return total


def lasting(total: np.ndarray, count: np.ndarray) -> np.ndarray:
    """Their quotient; the last one where there is nothing (0 before the first)."""
    last = np.maximum.accumulate(np.where(count > 0, np.arange(len(count)), -1))
    return np.where(last >= 0, ratio(total, count)[last], 0.0)


def weighted(values: np.ndarray, n: np.ndarray, percent: float) -> float:
    """The smallest of `values` that `percent` of all do not exceed, if there are `n` of each; 0 of
    none."""
    order = np.argsort(values)
    upto = np.cumsum(n[order])
    if not len(upto) or not upto[-1]:
        return 0.0
    place = np.searchsorted(upto, max(upto[-1] * percent / 100 * (1 - 1e-12), 1e-300))
    return float(values[order[min(place, len(order) - 1)]])


class Books:
    """What a `Tally` of a `Delivery` says: `kinds` of all requests, {how: how many}; those
    `offered`, (ticks,); let in and `good`, which got the object, (ticks, regions)."""

    def __init__(self, delivery, tally: Tally):
        self.part, self.sim, self.tally = delivery, delivery.sim, tally
        self.ticks = len(delivery.record.t) - 1
        self.kinds = tally.count.sum(axis=(1, 2))
        self.attempts = tally.count.sum(axis=(0, 2))
        self.let_in = tally.count[:REFUSED].sum(axis=0)
        self.good = tally.count[:ERROR].sum(axis=0)
        self.offered, self.completed = self.attempts, self.good.sum(axis=1)
        self.failed = tally.count[ERROR].sum(axis=1)
        self.open_end = self.abandoned = self.timed_out = self.short_circuited = 0
        if tally.fates:
            vars(self).update(vars(tally.fates))
        self.asked, self.shielded = tally.asked, tally.shielded
        self.fetched = int(self.kinds[FROM_ORIGIN] + self.kinds[FROM_SECOND])

    def latency(self, percent: float) -> float:
        """The time to the first byte that `percent` of the requests don't exceed, s."""
        return weighted(*self.tally.latency[:2], percent)

    def ttfb(self, here: int) -> float:
        """The median time to the first byte in a region, s."""
        value, n, region = self.tally.latency
        return weighted(value[region == here], n[region == here], 50)

    def sent(self, months: float) -> tuple[dict[str, float], dict[str, float]]:
        """GB and requests by region of who serves, in a month of so many runs like this one."""
        serving = self.part.serving
        gb = np.bincount(serving, self.tally.sent, REGIONS) / GB * months
        n = np.bincount(serving, self.tally.count.sum(axis=(0, 1)), REGIONS) * months
        return dict(zip(world.REGIONS, gb.tolist())), dict(zip(world.REGIONS, n.tolist()))

    # -- series ------------------------------------------------------------------------------

    def _rate(self, counts: np.ndarray) -> tuple[np.ndarray, str]:
        return per_tick(rolling(counts) / rolling(np.ones(self.ticks)) / self.sim.tick, "req/s")

    def series(self) -> dict[str, tuple[np.ndarray, str]]:
        """Rates, ratios, waits; of each region its viewers, edges and regional cache."""
        def part(some, of, what="of requests"):
            return per_tick(ratio(rolling(some), rolling(of)), what)
        tally, count = self.tally, self.tally.count
        all_let_in, everybody = self.let_in.sum(axis=1), count.sum(axis=0)
        found = count[HIT].sum(axis=1)
        near = count[[HIT, REGIONAL, SHIELD]].sum(axis=(0, 2))
        edges = float(self.part.places if self.part.by_edges else 0)
        series = {
            "offered_rate": self._rate(self.offered),
            "attempts_rate": self._rate(self.attempts),
            "origin_rate": self._rate(self.asked), "failed_rate": self._rate(self.failed),
            "hit_ratio": part(found, all_let_in), "offload": part(near, all_let_in),
            "stale_share": part(tally.old.sum(axis=1), all_let_in, "of answers"),
            "failed_share": part(self.failed, self.failed + self.completed),
            "refused_share": part(count[REFUSED].sum(axis=1), self.attempts),
            "second_rate": self._rate(count[FROM_SECOND].sum(axis=1)),
            "shield_share": part(count[SHIELD].sum(axis=1), all_let_in - found, "of misses"),
            "edges": (np.full(self.ticks + 1, edges), "edges")}
        ratios = self._hits_by_edge()
        for here, name in enumerate(world.REGIONS):
            code = CODES[name]
            there = np.array(self.part.serving) == here     # the viewers whom it serves
            came, hit = self.let_in[:, there].sum(axis=1), count[HIT][:, there].sum(axis=1)
            series |= {
                f"ttfb_{code}": per_tick(lasting(
                    rolling(tally.late[:, here]), rolling(self.let_in[:, here])), "s"),
                f"viewers_{code}": self._rate(everybody[:, here]),
                f"hits_{code}": part(hit, came),
                f"regional_{code}": part(count[REGIONAL][:, there].sum(axis=1), came - hit,
                                       "of misses"),
                **bars(f"hit_{code}", ratios[:, here].T, "of requests")}
        return series | self._ways(everybody)

    def _ways(self, everybody: np.ndarray) -> dict[str, tuple[np.ndarray, str]]:
        """Requests per second on each way: of viewers of each region to the edges that serve them,
        for the first time and again, and back, in time or not; from these edges to their regional
        cache, and on to Origin Shield or an origin; from there to an origin."""
        tally, count, codes = self.tally, self.tally.count, list(CODES.values())
        first = np.minimum(tally.fates.first, everybody) if tally.fates else everybody
        good = count[:ERROR].sum(axis=0)
        in_time = np.minimum(ratio(self.completed, good.sum(axis=1)), 1.0)[:, None] * good
        missed = self.let_in - count[HIT]
        asked = count[[FROM_ORIGIN, FROM_SECOND]].sum(axis=0) + tally.vain
        further = asked + count[SHIELD]
        if not self.part.by_edges:      # nobody asks for others
            missed = further = asked * (np.array(self.part.serving) == 0)
        through = getattr(self.part, "shield", None) is not None
        ways = {"shield_rate": self._rate(asked.sum(axis=1) * through)}
        for here, code in enumerate(codes):
            there = np.array(self.part.serving) == here
            if not self.part.by_edges:
                there = np.arange(len(codes)) == here       # past the edges, that there are not
            on = further[:, there].sum(axis=1)
            ways |= {f"missed_{code}": self._rate(missed[:, there].sum(axis=1)),
                     f"on_{code}": self._rate(on * (not through)),
                     f"shielded_{code}": self._rate(on * through)}
            for who in [k for k, other in WAYS if other == here]:
                for name, n in (("first", first), ("again", everybody - first),
                                ("good", in_time), ("bad", everybody - in_time)):
                    ways[f"{name}_{codes[who]}_{code}"] = self._rate(n[:, who] * there[who])
        return ways

    def _hits_by_edge(self) -> np.ndarray:
        """The hit ratio of each edge, (ticks, regions, edges)."""
        hit, came = self.tally.edges
        return ratio(rolling(hit), rolling(came)) if self.part.by_edges else np.zeros(hit.shape)
