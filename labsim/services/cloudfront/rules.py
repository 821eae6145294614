"""Amazon CloudFront: how long a copy is kept, who may have it, and what if the origin is away.

Picture corner shops that sell what a factory far away makes. Each loaf has a date on it that the
factory has printed; the head office says the least and the most that any shop keeps bread. If the
factory doesn't answer, a shop rings a few times and then calls the other factory. Each time anew.

*Models:* the edge's TTL from Cache-Control, Expires and the behaviour's minimum, default and
maximum; what a browser makes of the same headers; stale-if-error; time until an origin is given up;
when an origin group fails over; signed URLs; price classes; invalidation paths, free ones and paid;
how often each Lambda@Edge trigger runs.
*Leaves out:* cache keys by header, cookie or query string, stale-while-revalidate, geographic
restriction, field-level encryption, OAC, WAF, Shield.

No data plane: rules only. The caches themselves are in `cloudfront_edges`, money beyond
invalidation in `cloudfront_bill`.
"""

import functools
import math
from collections.abc import Iterable
from dataclasses import dataclass

from labsim import factbook
from labsim.services.common import regions as world

DEFAULT_TTL = factbook.value("cf.default_ttl_s")
MAX_TTL = factbook.value("cf.max_ttl_s")
FREE_PATHS = int(factbook.value("cf.invalidation_free"))
PATH_PRICE = factbook.value("cf.invalidation_price")
READS = "GET", "HEAD", "OPTIONS"                # methods that may fail over
FAILOVER_CODES = 403, 404, 500, 502, 503, 504   # that an origin group can be told to look for
UNAVAILABLE = 503
VIEWER, ORIGIN = "viewer-request", "origin-request"
VIEWER_RESPONSE, ORIGIN_RESPONSE = "viewer-response", "origin-response"
CLASSES = {
    "100": (world.US, world.EUROPE),
    "200": (world.US, world.EUROPE, world.ASIA),
    "all": (world.US, world.EUROPE, world.ASIA, world.SOUTH_AMERICA),
}


@dataclass(frozen=True)
class CacheControl:
    """The directives of a Cache-Control header that matter to a cache; None: not there."""

    max_age: float | None = None
    s_maxage: float | None = None
    stale_if_error: float | None = None
    uncached: bool = False          # no-cache, no-store or private

    @classmethod
    @functools.lru_cache
    def parse(cls, header: str) -> "CacheControl":
        """What a header says, such as "public, max-age=60"; a number that is none isn't there."""
        found = {}
        for directive in header.lower().split(","):
            name, _, value = (part.strip().strip('"') for part in directive.partition("="))
            found.setdefault(name, int(value) if value.isdecimal() else None)
        return cls(found.get("max-age"), found.get("s-maxage"), found.get("stale-if-error"),
                   uncached=not {"no-cache", "no-store", "private"}.isdisjoint(found))


def edge_ttl(header: str = "", expires_in: float | None = None, minimum: float = 0.0,
             default: float = DEFAULT_TTL, maximum: float = MAX_TTL) -> float:
    """How long an edge keeps an answer, s.

    header: its Cache-Control. expires_in: seconds until the date of its Expires, negative in the
    past; None: it has none. s-maxage goes before max-age, and both before Expires; whichever it is
    is cut to the behaviour's minimum and maximum. Without any: the larger of minimum and default.
    ValueError if minimum > maximum. Fact: cf.ttl_rule.
    """
    if not 0 <= minimum <= maximum:
        raise ValueError(f"minimum {minimum}: from 0 to the maximum, {maximum}")
    said = CacheControl.parse(header)
    if said.uncached:
        return minimum
    for age in (said.s_maxage, said.max_age, expires_in):
        if age is not None:
            return max(minimum, min(age, maximum))
    return max(minimum, default)


def browser_ttl(header: str = "", expires_in: float | None = None) -> float | None:
    """How long a browser keeps it, s: minimum, maximum and s-maxage are not for browsers. None:
    the browser's own choice."""
    said = CacheControl.parse(header)
    if said.uncached:
        return 0.0
    return said.max_age if said.max_age is not None else (
        None if expires_in is None else max(expires_in, 0.0))


def stale_allowed(stale_if_error: float | None, maximum: float = MAX_TTL) -> float:
    """How long past its expiry a copy may stand in for an origin that fails, s; 0: not at all.
    Fact: cf.stale_rule."""
    return min(stale_if_error or 0.0, maximum)


def time_to_failover(attempts: int, timeout: float) -> float:
    """How long an origin that doesn't answer is tried until the other origin is asked, or the
    viewer gets 504, s. With the response timeout the same for one that accepts and is silent."""
    return attempts * timeout


def connected(at: float, down: Iterable[tuple[float, float]], attempts: int,
              timeout: float) -> float | None:
    """When a try that began `at` s gets through to an origin that is away during `down`, pairs of
    (from, until) s: at the first attempt outside of them; None: given up."""
    down = list(down)
    for n in range(attempts):
        begun = at + n * timeout
        if not any(start <= begun < end for start, end in down):
            return begun
    return None


def fails_over(method: str, status: int, codes=FAILOVER_CODES) -> bool:
    """Whether an origin group asks the second origin after this answer of the first. Fact:
    cf.origin_failover_rule."""
    return method.upper() in READS and status in codes


def admitted(times: Iterable[float], until: float, since: float = -math.inf) -> list[bool]:
    """Which requests with a signed URL, valid from `since` to before `until` s, are let in: each
    GET is looked at when it begins, a range or a restart like any other, and never again. Fact:
    cf.signed_url_rule."""
    return [since <= t < until for t in times]


def served_from(region: int, price_class: str) -> int:
    """The region whose edges serve the viewers of `region`: the nearest that is paid for."""
    return world.nearest(region, CLASSES[price_class])


def invalidation_cost(paths: int, used: int = 0) -> float:
    """USD for `paths` invalidation paths in a month in which the account has used `used` before.
    A path with a wildcard is one path, however much it drops. Fact: cf.invalidation_free."""
    return PATH_PRICE * (max(used + paths - FREE_PATHS, 0) - max(used - FREE_PATHS, 0))


def invocations(trigger: str, requests: int, misses: int, failovers: int = 0) -> int:
    """How often a Lambda@Edge function runs: at a viewer's trigger for every request, at an
    origin's for every request that goes there, at either origin. Fact: lambda_edge.event_types."""
    return requests if trigger in (VIEWER, VIEWER_RESPONSE) else misses + failovers
