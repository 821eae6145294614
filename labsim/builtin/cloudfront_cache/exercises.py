"""The questions of the lab `cloudfront-cache`; every number in an answer comes from the model."""

from labsim.builtin.cloudfront_cache.story import STORM
from labsim.declare import Choice, Design, Explain, Predict, metric, percent
from labsim.services.cloudfront import rules as cloudfront
from labsim.services.cloudfront.bill import MONTH
from labsim.services.common import regions as world
from labsim.text import format_value


def refused(result) -> float:
    """Per cent of the requests whose signed URL had expired."""
    return 100 * result.summary["refused"] / result.summary["offered"]


def invalidated(result) -> float:
    """USD per month for invalidation paths."""
    return result.cost["invalidation"] * MONTH / result.params.duration


def ways(p) -> dict[str, str]:
    """Round trips between the regions, in words."""
    trip = world.ROUND_TRIP[world.ASIA][world.US]
    return {"trip": format_value(trip, "s"), "trips": f"{world.TRIPS}"}


def paths(p) -> dict[str, str]:
    """Invalidation paths of a month, in words."""
    each, times = p.objects * p.change_share, MONTH / p.change_every
    return {"each": format_value(each), "times": format_value(times),
            "all": format_value(each * times), "free": f"{cloudfront.FREE_PATHS:,}",
            "price": format_value(cloudfront.PATH_PRICE, "USD")}


def tries(p) -> dict[str, str]:
    """How long an origin is tried, in words."""
    tried = cloudfront.time_to_failover(p.connect_attempts, p.connect_timeout)
    return {"tried": format_value(tried, "s")}


FAR = {"delivery": "direct"}
ONE = {"objects": 1, "europe_share": 0, "asia_share": 0, "south_america_share": 0, "edges": 1,
       "regional": False, "request_rate": 0.01, "header_age": 600, "duration": 864_000,
       "change_every": 0}
KEYED = {**ONE, "variants": 4}
SIGNED = {"url_lifetime": 300, "click_delay": 200}
PATHS = {"update": "invalidate", "header_age": 86_400, "duration": 864_000}
GROUP = {"outage": "unreachable", "origin_group": True, "connect_attempts": 2,
         "connect_timeout": 4, "change_every": 0}

EXERCISES = (
    Predict(
        id="ocean", runs=(FAR,), ask=metric("ttfb_as"), unit="s", within=0.1, numbers=ways,
        question="No CloudFront. A viewer in Asia opens a connection to the bucket in the US, "
                 "which needs {origin_time} itself. A round trip takes {trip}. After how many "
                 "seconds does the first byte come, in the median?",
        hints=("How many round trips are there before the first byte: TCP, TLS, the request?",
               "{trips} round trips, and the bucket's own time."),
        solution="{trips} times {trip} and the bucket's {origin_time}: {answer}. An edge near by "
                 "shortens two of the three trips even for what it doesn't have: its own "
                 "connection to the origin is open already."),
    Predict(
        id="one-object", runs=(ONE,), ask=percent("hit_ratio"), unit="%", within=0.03,
        question="One object, one edge, {request_rate}, max-age {header_age}. How many per cent of "
                 "the requests are hits?",
        hints=("Each cycle begins with a miss. How many hits follow until the copy expires?",
               "Rate times TTL hits follow one miss."),
        solution="Rate times TTL over one more than that: {answer}. An edge with a quarter of the "
                 "viewers has a quarter of the rate, and the lower ratio."),
    Predict(
        id="signed", runs=(SIGNED,), ask=refused, unit="%", within=0.12,
        question="URLs are valid for {url_lifetime}; a viewer clicks after {click_delay} in the "
                 "mean, exponentially distributed. How many per cent get 403?",
        hints=("What part of the clicks comes later than the URL's end?",
               "e to the power of minus the lifetime over the mean time to click."),
        solution="{answer}. The time is looked at when the request begins, and never again: a "
                 "long download goes on, but one that is resumed is a new request."),
    Predict(
        id="paths", runs=(PATHS,), ask=invalidated, unit="USD", within=0.1, numbers=paths,
        question="{objects}, {change_share} of which change every {change_every}; each changed "
                 "one is a path to invalidate. How many USD per month, at {price} a path?",
        hints=("How many paths is that in a month of 730 hours?",
               "{each} paths, {times} times a month, of which {free} are free."),
        solution="About {all} paths less {free}, at {price}: {answer}. A wildcard would be one "
                 "path per release, and new names none."),
    Predict(
        id="failover", runs=(GROUP,), ask=metric("latency_max"), unit="s", within=0.1,
        numbers=tries,
        question="The origin doesn't answer. CloudFront tries {connect_attempts} of "
                 "{connect_timeout} each, then the second origin in Europe. How long does the "
                 "slowest viewer wait?",
        hints=("Nothing else that happens takes a whole second.",
               "Attempts times timeout, and the ways."),
        solution="{tried} of trying, then the ways: {answer}. And every later miss waits as long "
                 "anew, since CloudFront doesn't remember that the origin is away."),
    Explain(
        id="more-edges",
        question="The same viewers, four times as many edges in each region, no regional caches. "
                 "The hit ratio falls. Why?",
        choices=(
            Choice("The copies are split over the edges, so each keeps fewer.",
                   "Each edge keeps what its viewers ask for; there is room enough here."),
            Choice("Each edge sees a quarter of the requests, and a TTL passes with fewer of them.",
                   "Rate times TTL is what counts, at each edge for itself.", right=True),
            Choice("Edges further away from the origin have a shorter TTL.",
                   "The TTL is the same everywhere."),
            Choice("Viewers change edges from one request to the next.",
                   "They may, and it makes no difference to rates.")),
        hints=("What does one edge see of an object that is asked for twice in a TTL?",
               "Compare with what a regional cache makes of it."),
        solution="Each edge has to miss once per object and TTL for itself. A regional cache puts "
                 "the streets together again: the edge still misses, the origin doesn't notice."),
    Explain(
        id="minimum",
        question="The origin sends Cache-Control: private, no-cache with a page for one viewer. "
                 "Others see it. What is wrong?",
        choices=(
            Choice("CloudFront ignores Cache-Control.", "It doesn't, as long as it may obey."),
            Choice("The default TTL is too long.",
                   "It is for answers without such a header."),
            Choice("The behaviour's minimum TTL is more than 0.",
                   "Then no-cache, no-store and private mean: for the minimum TTL.", right=True),
            Choice("The maximum TTL is more than 0.", "It only cuts what would be longer.")),
        hints=("Who has the last word: the origin or the behaviour?",
               "Compare the two presets with no-cache."),
        solution="Leave the minimum at 0 where the origin knows better, or give private pages a "
                 "behaviour of their own with a minimum of 0."),
    Explain(
        id="release",
        question="A site changes twenty files several times a day. Viewers must see the new ones "
                 "at once, also those whose browser has the old ones. What is best?",
        choices=(
            Choice("A short max-age.", "It costs hits all day, and is still late by a max-age."),
            Choice("Invalidate the twenty paths.",
                   "That reaches CloudFront's caches, not the browsers'; and it is paid by path."),
            Choice("New file names, and a short TTL for the page that leads to them.",
                   "Nobody has a copy of a name that is new, and old ones may be kept for ever.",
                   right=True),
            Choice("Invalidate everything by a wildcard.",
                   "One path only, but then all misses go to the origin at once.")),
        hints=("Which caches does an invalidation reach?",
               "Compare the presets with invalidation and with versioned names."),
        solution="Versioned names make a long TTL safe. Invalidate for accidents, and by wildcard "
                 "if it must be much."),
    Explain(
        id="replicate",
        question="Which of these is a case for S3 replication to two more regions rather than for "
                 "CloudFront?",
        choices=(
            Choice("A film that all the world watches.",
                   "Popular and unchanging: the best case for a cache."),
            Choice("Data that changes every minute and is read by servers in those two regions.",
                   "A TTL would make it old or useless; a copy follows each change.", right=True),
            Choice("Uploads from all continents to one bucket.",
                   "Replication is for what is in the bucket; look at Transfer Acceleration."),
            Choice("A site whose origin must be hidden.", "A bucket copy hides nothing.")),
        hints=("What does a cache do with what changes more often than it is asked for?",
               "In how many places does replication have to be set up and paid?"),
        solution="Replication is set up per region, follows within seconds to minutes, and costs "
                 "storage and transfer for each copy, asked for or not. A cache holds what is "
                 "asked for, wherever that is, and is late by its TTL."),
    Design(
        id="cheapest", start={"header_age": 14_400},
        free=("price_class", "edges", "regional", "header", "header_age", "update"),
        goals=(("stale_share", "<=", 0.005), ("offload", ">=", 0.98), ("ttfb_sa", "<=", 0.45)),
        cost="month_usd", slack=1.03,
        good={"price_class": "100", "header_age": 86_400, "update": "versioned"},
        question="Hardly anything old, 49 of 50 requests without the origin, and half of South "
                 "America served within the goal: at the least cost per month.",
        hints=("What makes a long TTL safe without being paid for?",
               "Whose edges are the dear ones, and how much slower is it without them?"),
        solution="A day's max-age with new names, and price class 100: {answer}. What South "
                 "America loses is some round trips to the US edges."),
    Design(
        id="away", start={"outage": "unreachable", "change_every": 0},
        free=("origin_group", "connect_attempts", "connect_timeout", "stale_if_error"),
        goals=(("failed", "<=", 0.0), ("latency_max", "<=", 2.0)), cost="latency_mean",
        good={"origin_group": True, "connect_attempts": 1, "connect_timeout": 1},
        question="The origin is away for two hours. Nobody may get an error, and nobody may wait "
                 "longer than the goal.",
        hints=("Is an old copy enough for what nobody near by has asked for before?",
               "How long is the first origin tried before the second one is asked?"),
        solution="A second origin, and one short try of the first: {answer}. An expired copy helps "
                 "only where there is one, and it, too, is given out only after the tries."),
    Predict(
        id="cache-key", runs=(KEYED,), ask=percent("hit_ratio"), unit="%", within=0.05,
        question="The one object of before, one edge, {request_rate}, max-age {header_age}. Now a "
                 "query parameter with {variants} values, all alike often, is in the cache key, "
                 "though the origin answers the same to all. How many per cent are hits?",
        hints=("How many objects does the edge see, and how often is each of them asked for?",
               "Rate times TTL hits follow one miss, at a part of the rate."),
        solution="Each of the {variants} copies has its part of the rate, and cycles of its own: "
                 "{answer}. A key with only what the origin needs has them all in one."),
    Explain(
        id="shield",
        question="For which site is Origin Shield most likely worth its price per request?",
        choices=(
            Choice("Viewers and the origin are in one region.",
                   "There its regional cache is all that asks the origin: nothing to gather."),
            Choice("Viewers all over the world, an origin that works long for each answer.",
                   "The origin is asked once for the world instead of once per region.",
                   right=True),
            Choice("Pages that may not be cached.",
                   "Each of them passes Origin Shield, is paid there, and finds nothing."),
            Choice("Downloads for which the data out is most of the bill.",
                   "Bytes to viewers cost the same, wherever they were found.")),
        hints=("Who asks the origin for the same object more than once in a TTL?",
               "Compare the presets with and without it: origin requests, wait, bill."),
        solution="It gathers what regional caches ask one by one. Who asks it from another region "
                 "pays per request and goes a hop more; so it pays where answers of the origin are "
                 "dear."),
    Design(
        id="storm", start=STORM,
        free=("min_ttl", "retry_quota", "breaker", "max_attempts", "workers"),
        goals=(("goodput", ">=", 198.0),), good={"min_ttl": 60},
        question="The preset *Retry storm*: a server whose answers may not be cached, slow for two "
                 "minutes, and viewers who try again. Nearly all of {request_rate} have to be "
                 "answered in time, those of the two minutes included.",
        hints=("A budget and a breaker end the storm. Who is answered while the server is slow?",
               "How often has the server to be asked for a page that may be a minute old?"),
        solution="{answer}: the server is asked once in that time for each page and region, "
                 "however many viewers there are and however often they try. Even a few seconds "
                 "end the storm; budgets and breakers do, too, but who came in the two "
                 "minutes still sees an error."),
)
