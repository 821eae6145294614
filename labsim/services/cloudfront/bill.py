"""What it costs to send bytes to the world: by CloudFront, from a bucket, by Lambda@Edge.

Picture a freight bill: so much per ton, less per ton the more you send, and another price for each
destination. What counts is where the goods leave the warehouse, not where they were made.

*Models:* the price of data out by region and by step of a month's volume, for CloudFront and for
S3 or EC2; CloudFront's HTTPS requests; its free terabyte and requests; Origin Shield; Lambda@Edge.
*Leaves out:* private prices and savings bundles, HTTP without TLS, logs, POST and
uploads, data from CloudFront to an origin.

A month is 730 hours, a GB of the bill 2**30 bytes. Prices by region: of the edge's for CloudFront,
of the bucket's for S3; data from an AWS origin to CloudFront is free.
"""

from labsim import factbook
from labsim.services.s3 import replication

GB = 2**30
MONTH = 730 * 3_600         # s
PRICE_REGIONS = ("us", "europe", "africa", "south_america", "japan", "australia", "asia", "india")
OUT = ("cf.out_us", "cf.out_europe", "cf.out_africa", "cf.out_south_america", "cf.out_japan",
       "cf.out_australia", "cf.out_asia", "cf.out_india")
BUCKET_OUT = ("s3.out_us", "s3.out_europe", "s3.out_africa", "s3.out_south_america",
              "s3.out_japan", "s3.out_australia", "s3.out_asia", "s3.out_india")
HTTPS = ("cf.https_us", "cf.https_europe", "cf.https_africa", "cf.https_south_america",
         "cf.https_japan", "cf.https_australia", "cf.https_asia", "cf.https_india")

AT_SHIELD = {"us": "cf.shield_us", "europe": "cf.shield_europe", "asia": "cf.shield_asia",
             "south_america": "cf.shield_south_america"}


def listed(id: str) -> list[float]:
    """The numbers of a fact that is a row of them: "0.09 / 0.085"."""
    return [float(text) for text in factbook.fact(id).today.split(" / ")]


STEPS, BUCKET_STEPS = listed("cf.tiers_gb"), listed("s3.tiers_gb")
PRICES = {region: listed(id) for region, id in zip(PRICE_REGIONS, OUT)}
BUCKET_PRICES = {region: listed(id) for region, id in zip(PRICE_REGIONS, BUCKET_OUT)}
REQUEST = {region: factbook.value(id) / 10_000 for region, id in zip(PRICE_REGIONS, HTTPS)}
SHIELD = {region: factbook.value(id) / 10_000 for region, id in AT_SHIELD.items()}
TB = 1_024                  # GB
FREE_GB, FREE_REQUESTS = factbook.value("cf.free_tb") * TB, factbook.value("cf.free_requests")
FROM_ORIGIN = factbook.value("cf.origin_price")
INVOCATION = factbook.value("lambda_edge.price_million") / 1e6
GB_SECOND = factbook.value("lambda_edge.price_gb_s")
MEMORY = 0.125              # GB, of the smallest function
GET = factbook.value("s3.get_price_1000") / 1_000


def stepped(amount: float, steps: list[float], prices: list[float]) -> float:
    """USD for `amount`, of which the first `steps[0]` cost `prices[0]` each, the next `steps[1]`
    `prices[1]`, ..., and what is beyond all steps the last price."""
    total = 0.0
    for size, price in zip(steps, prices):
        here = min(amount, size)
        total += here * price
        amount -= here
    return total + amount * prices[-1]


def data_out(region: str, gb: float) -> float:
    """USD for `gb` in a month from the edges of a price region to viewers."""
    return stepped(gb, STEPS, PRICES[region])


def bucket_out(region: str, gb: float) -> float:
    """USD for `gb` in a month from a bucket or instance in a region to the internet."""
    return stepped(gb, BUCKET_STEPS, BUCKET_PRICES[region])


def requests(region: str, n: float) -> float:
    """USD for `n` HTTPS requests at the edges of a price region."""
    return n * REQUEST[region]


def shielded(region: str, n: float) -> float:
    """USD for `n` requests that came to Origin Shield in a region from elsewhere. Fact:
    cf.shield_rule."""
    return n * SHIELD[region]


def charged(amounts: dict[str, float], free: float) -> dict[str, float]:
    """What is left of each region's amount when `free` of the whole is not charged, taken from all
    in the same proportion (an assumption: AWS doesn't say from which)."""
    whole = sum(amounts.values())
    share = max(whole - free, 0.0) / whole if whole else 0.0
    return {region: amount * share for region, amount in amounts.items()}


def month(gb: dict[str, float], n: dict[str, float], free: bool) -> dict[str, float]:
    """USD by line for `gb` out and `n` requests in a month, each by price region; `free`: the
    account's free terabyte and requests are this site's."""
    gb = charged(gb, FREE_GB if free else 0.0)
    n = charged(n, FREE_REQUESTS if free else 0.0)
    return {"data out": sum(data_out(region, amount) for region, amount in gb.items()),
            "requests": sum(requests(region, count) for region, count in n.items())}


def functions(runs: float, seconds: float) -> float:
    """USD for `runs` of a Lambda@Edge function of `seconds` each, with the least memory."""
    return runs * (INVOCATION + MEMORY * seconds * GB_SECOND)


def stored(site, copies: int) -> dict[str, float]:
    """USD by line for a month of a `cloudfront.Site` in a bucket and so many copies of it, with
    what changes."""
    releases = MONTH / site.change_every if site.change_every else 0.0
    changed, each = site.objects * site.change_share * releases, site.size / GB
    return replication.cost(copies, site.objects * each, changed * each, changed)


def one_bucket(gb: float, n: float, site) -> float:
    """USD for a month in which a bucket in the US sends `gb` in `n` answers to all the world."""
    storage = replication.cost(0, site.objects * site.size / GB, 0, 0)
    return bucket_out("us", gb) + n * GET + sum(storage.values())
