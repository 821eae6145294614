"""The knobs of the lab `cloudfront-cache`: each one's name, unit, range and meaning, said once."""

import math
from typing import Literal

from labsim.declare import (
    BY_RATE,
    ClientParams,
    TraceParams,
    choice,
    flag,
    integer,
    number,
)
from labsim.declare.client_knobs import CLIENTS
from labsim.errors import ParameterError
from labsim.services.cloudfront import rules as cloudfront
from labsim.services.common import regions as world

VIEWERS, CONTENT, DELIVERY = "Viewers", "Content", "Delivery"
HEADERS, CHANGES, ORIGIN = "Headers and TTL", "Changes", "Origin and outage"
CLOUDFRONT, DIRECT, REPLICAS = "cloudfront", "direct", "replicas"
BY_EDGES = ("delivery", (CLOUDFRONT,))
BY_COPIES = ("delivery", (REPLICAS,))
AGED = ("header", ("max-age", "s-maxage", "expires"))
DOWN = ("outage", ("unreachable", "errors"))
SERVER = ("origin", ("server",))
BROWSER_AGE = 60    # s, the max-age that goes with an s-maxage


def share(default: float, who: str, label: str):
    """The knob for the viewers of a region."""
    return number(
        default, unit="of viewers", bounds=(0, 1), slider=(0, 0.5), step=0.05, label=label,
        group=VIEWERS,
        help=f"Part of the requests that come from {who}; the rest comes from the US.")


class CloudfrontCacheParams(ClientParams, TraceParams):
    """Parameters of `cloudfront-cache`."""

    rates = ("request_rate",)

    clients: int = integer(
        1_000, unit="clients", bounds=(1, 1_000_000), slider=(100, 100_000), step=100,
        label="Clients", group=CLIENTS, help="Viewers' browsers or apps, each with a retry budget "
                                             "and a circuit breaker of its own.")

    request_rate: float = number(
        1_000, unit="req/s", bounds=(0, 1_000_000), slider=(100, 100_000), step=100,
        label="Request rate", group=VIEWERS, when=BY_RATE,
        help="Requests per second of all viewers, mean.")
    europe_share: float = share(0.3, "Europe", "From Europe")
    asia_share: float = share(0.2, "Asia", "From Asia")
    south_america_share: float = share(0.1, "South America", "From S. America")
    day_swing: float = number(
        0, unit="of mean", bounds=(0, 1), slider=(0, 1), step=0.1, label="Day and night",
        group=VIEWERS, when=BY_RATE,
        help="How much more viewers of a region ask in their evening than in the mean of a day. A "
             "trace has its own days, the same in all regions.")
    warm_up: float = number(
        0, unit="s", bounds=(0, 8_640_000), slider=(0, 86_400), step=3_600, label="Warm-up",
        group=VIEWERS,
        help="Requests so long before the start fill the caches and don't count; with a trace they "
             "come at its mean rate.")
    duration: float = number(
        86_400, unit="s", bounds=(600, 8_640_000), slider=(7_200, 172_800), step=3_600,
        label="Duration", group=VIEWERS, help="Simulated time.")

    objects: int = integer(
        100_000, unit="objects", bounds=(1, 1_000_000), slider=(1_000, 200_000), step=1_000,
        label="Objects",
        group=CONTENT, help="Different objects that are asked for.")
    skew: float = number(
        1, unit="", bounds=(0, 3), slider=(0, 2), step=0.1, label="Popularity skew",
        group=CONTENT, help="Exponent of Zipf's law: 0 all alike, 1 a few favourites.")
    size_mean: float = number(
        100_000, unit="bytes", bounds=(1, 3e10), slider=(10_000, 5_000_000), step=10_000,
        label="Object size", group=CONTENT, help="Mean size of an object.")
    size_cv: float = number(
        1, unit="", bounds=(0, 10), slider=(0, 3), step=0.25, label="Size spread", group=CONTENT,
        help="Standard deviation of the sizes over their mean (lognormal): 0 all alike.")

    delivery: Literal["cloudfront", "direct", "replicas"] = choice(
        CLOUDFRONT, label="Delivery", group=DELIVERY,
        help="By CloudFront; from the origin in the US; from a replicated bucket in each region.")
    edges: int = integer(
        4, unit="edges", bounds=(1, 100), slider=(1, 16), step=1, label="Edges per region",
        group=DELIVERY, when=BY_EDGES,
        help="Edge locations of a region, each with a cache of its own and a part of the viewers.")
    edge_size: float = number(
        20, unit="GB", bounds=(1e-9, 1e6), slider=(0.1, 20), step=0.1, label="Edge room",
        group=DELIVERY, when=BY_EDGES, help="What this site's objects may take at an edge.")
    regional: bool = flag(
        True, label="Regional caches", group=DELIVERY, when=BY_EDGES, fact="cf.evict_rule",
        help="A larger cache per region between its edges and the origin, ten times an edge's.")
    shield: bool = flag(
        False, label="Origin Shield", group=DELIVERY, when=BY_EDGES, fact="cf.shield_rule",
        help="One more cache, near the origin, that all others ask; paid per request.")
    variants: int = integer(
        1, unit="", bounds=(1, 1_000_000), slider=(1, 1_000), step=1, label="Cache key",
        group=DELIVERY, when=BY_EDGES, fact="cf.cache_key_rule",
        help="Copies of each object that query strings, headers and cookies in the key make.")
    price_class: Literal["100", "200", "all"] = choice(
        "all", label="Price class", group=DELIVERY, when=BY_EDGES, fact="cf.price_classes",
        help="Whose edges are used: 100 US and Europe, 200 also Asia, all also South America.")
    trigger: Literal["none", "viewer-request", "origin-request"] = choice(
        "none", label="Lambda@Edge", group=DELIVERY, when=BY_EDGES, fact="lambda_edge.event_types",
        help="When a function runs: for every request, or for those that go to the origin.")
    function_time: float = number(
        0.02, unit="s", bounds=(0, 30), slider=(0.005, 0.5), step=0.005, label="Function time",
        group=DELIVERY, when=("trigger", ("viewer-request", "origin-request")),
        help="How long the function takes.")
    url_lifetime: float = number(
        0, unit="s", bounds=(0, 31_536_000), slider=(0, 3_600), step=60, label="Signed URLs valid",
        group=DELIVERY, when=BY_EDGES, fact="cf.signed_url_rule",
        help="How long a signed URL is valid; 0: URLs are not signed.")
    click_delay: float = number(
        120, unit="s", bounds=(0.001, 31_536_000), slider=(10, 1_800), step=10,
        label="Time to click", group=DELIVERY, when=BY_EDGES,
        help="Mean time from the signing of a URL to its request (exponential).")
    replication_lag: float = number(
        60, unit="s", bounds=(0, 864_000), slider=(0, 900), step=10, label="Replication lag",
        group=DELIVERY, when=BY_COPIES, fact="s3.replication_delay",
        help="Mean time until a change is in a region's bucket (exponential).")
    free_tier: bool = flag(
        False, label="Free tier", group=DELIVERY, when=BY_EDGES, fact="cf.free_tb",
        help="The account's free data and requests of a month are this site's.")

    header: Literal["none", "max-age", "s-maxage", "expires", "no-cache", "private"] = choice(
        "max-age", label="Origin's header", group=HEADERS, fact="cf.ttl_rule", when=BY_EDGES,
        help="What the origin says of its answers: Cache-Control or Expires, a fixed date.")
    header_age: float = number(
        14_400, unit="s", bounds=(0, 3.2e9), slider=(0, 86_400), step=600, label="Header's time",
        group=HEADERS, when=AGED,
        help="The value of max-age or s-maxage, or when the date of Expires is, from the start.")
    min_ttl: float = number(
        0, unit="s", bounds=(0, 3.2e9), slider=(0, 43_200), step=300, label="Minimum TTL",
        group=HEADERS, when=BY_EDGES, help="The behaviour's minimum, whatever the header says.")
    default_ttl: float = number(
        86_400, unit="s", bounds=(0, 3.2e9), slider=(0, 86_400), step=300, label="Default TTL",
        group=HEADERS, when=("header", ("none",)), fact="cf.default_ttl_s",
        help="The behaviour's TTL for answers without such a header.")
    max_ttl: float = number(
        31_536_000, unit="s", bounds=(0, 3.2e9), slider=(0, 31_536_000), step=3_600,
        label="Maximum TTL", group=HEADERS, when=AGED, fact="cf.max_ttl_s",
        help="The behaviour's maximum, whatever the header says.")

    change_every: float = number(
        21_600, unit="s", bounds=(0, 8_640_000), slider=(0, 43_200), step=1_800,
        label="A release every", group=CHANGES, help="Time between two releases; 0 for none.")
    change_share: float = number(
        0.3, unit="of objects", bounds=(0, 1), slider=(0, 1), step=0.05, label="Changed objects",
        group=CHANGES, help="Part of the objects that a release changes, drawn at random.")
    update: Literal["expire", "invalidate", "wildcard", "versioned"] = choice(
        "expire", label="Old copies", group=CHANGES, when=BY_EDGES, fact="cf.versioned_rule",
        help="Wait until they expire; a path per object; one path for all; new names instead.")
    invalidation_time: float = number(
        60, unit="s", bounds=(0, 86_400), slider=(0, 600), step=10, label="Invalidation takes",
        group=CHANGES, when=("update", ("invalidate", "wildcard")),
        help="Time from a release until all caches have dropped what was invalidated.")

    origin: Literal["s3", "server"] = choice(
        "s3", label="Origin", group=ORIGIN,
        help="A bucket, or a server that does so many requests at a time; in the US.")
    origin_time: float = number(
        0.1, unit="s", bounds=(0.0001, 60), slider=(0.05, 4), step=0.05, label="Origin time",
        group=ORIGIN, fact="s3.first_byte_low_s", help="Time that an origin takes for an answer.")
    workers: int = integer(
        20, unit="requests", bounds=(1, 10_000), slider=(1, 200), step=1, label="Workers",
        group=ORIGIN, when=SERVER, help="How many requests the server does at a time.")
    outage: Literal["none", "unreachable", "errors"] = choice(
        "none", label="Outage", group=ORIGIN,
        help="The origin in the US doesn't answer at all, or answers 503 at once.")
    outage_start: float = number(
        36_000, unit="s", bounds=(0, 8_640_000), slider=(0, 86_400), step=1_800,
        label="Outage from", group=ORIGIN, when=DOWN, help="When it begins.")
    outage_duration: float = number(
        7_200, unit="s", bounds=(0, 8_640_000), slider=(600, 43_200), step=600,
        label="Outage for", group=ORIGIN, when=DOWN, help="How long it lasts.")
    origin_group: bool = flag(
        False, label="Second origin", group=ORIGIN, when=DOWN, fact="cf.origin_failover_rule",
        help="An origin group with a second origin, in Europe; with CloudFront only.")
    connect_attempts: int = integer(
        3, unit="attempts", bounds=(1, 3), slider=(1, 3), step=1, label="Connect attempts",
        group=ORIGIN, when=DOWN, fact="cf.connect_attempts",
        help="How often an origin that doesn't answer is tried.")
    connect_timeout: float = number(
        10, unit="s", bounds=(1, 10), slider=(1, 10), step=1, label="Connect timeout",
        group=ORIGIN, when=DOWN, fact="cf.connect_timeout_s", help="How long each attempt waits.")
    stale_if_error: float = number(
        0, unit="s", bounds=(0, 3.2e9), slider=(0, 86_400), step=3_600, label="stale-if-error",
        group=ORIGIN, when=DOWN, fact="cf.stale_rule",
        help="How long past its expiry a copy may stand in for an error; 0: not at all.")
    error_ttl: float = number(
        10, unit="s", bounds=(0, 31_536_000), slider=(0, 300), step=10, label="Error TTL",
        group=ORIGIN, when=DOWN, fact="cf.error_ttl_s",
        help="How long an error is kept before the origin is asked again.")

    def check(self) -> None:
        """No more viewers than all; a minimum TTL within the maximum. Fact: cf.ttl_rule."""
        rest = 1.0
        for name in ("europe_share", "asia_share", "south_america_share"):
            value = getattr(self, name)
            if value > rest + 1e-9:
                raise ParameterError(name, value, f"at most {max(rest, 0):.3g}, what the regions "
                                                  f"before it leave")
            rest -= value
        if self.min_ttl > self.max_ttl:
            raise ParameterError("min_ttl", self.min_ttl, f"at most max_ttl, {self.max_ttl:g} s")

    @property
    def shares(self) -> list[float]:
        """Part of the requests that comes from each region."""
        abroad = [self.europe_share, self.asia_share, self.south_america_share]
        return [max(1.0 - sum(abroad), 0.0), *abroad]

    @property
    def let_in(self) -> float:
        """Part of the requests whose signed URL is still valid, expected."""
        if not (self.by_edges and self.url_lifetime):
            return 1.0
        return -math.expm1(-self.url_lifetime / self.click_delay)

    @property
    def edge_bytes(self) -> float:
        """What this site's objects may take at an edge, bytes."""
        return self.edge_size * 1e9

    @property
    def by_edges(self) -> bool:
        """Whether CloudFront is used."""
        return self.delivery == CLOUDFRONT

    @property
    def serving(self) -> list[int]:
        """The region from which the viewers of each region are served."""
        if self.delivery == DIRECT:
            return [world.US for _ in world.REGIONS]
        if self.delivery == REPLICAS:
            return list(range(len(world.REGIONS)))
        return [cloudfront.served_from(here, self.price_class)
                for here in range(len(world.REGIONS))]

    @property
    def cache_control(self) -> str:
        """The Cache-Control header that the origin sends, "" for none."""
        age = int(self.header_age)
        return {"max-age": f"max-age={age}", "no-cache": "no-cache", "private": "private",
                "s-maxage": f"max-age={BROWSER_AGE}, s-maxage={age}"}.get(self.header, "")

    def ttl(self, now: float = 0.0) -> float:
        """How long an answer of `now` s is fresh, s."""
        expires_in = self.header_age - now if self.header == "expires" else None
        return cloudfront.edge_ttl(self.cache_control, expires_in, self.min_ttl, self.default_ttl,
                                   self.max_ttl)
