"""Amazon S3, the arithmetic: limits of a prefix, what key schemes make of them, times to the data.

Picture the rules of a cloakroom: so many coats a second over each hatch, and how people's numbers
decide to which hatch they have to go.

*Models:* 5,500 reads and 3,500 writes a second per partition; how many prefixes a key scheme makes
and which share each gets; the time to a first byte, as measured (a fixed way, and a wait without
memory) or as AWS's guide says; downloads by byte ranges.
*Leaves out:* everything that moves: see `bucket`.
"""

import math
from statistics import NormalDist

import numpy as np

from labsim import factbook
from labsim.engine import drawn_waits
from labsim.errors import require, unknown

GET_RATE = factbook.value("s3.get_rate_per_prefix")
PUT_RATE = factbook.value("s3.put_rate_per_prefix")
LIMITS = np.array([[GET_RATE], [PUT_RATE]])     # requests/s of a partition
DOCUMENTED_RANGE = factbook.value("s3.first_byte_low_s"), factbook.value("s3.first_byte_high_s")
MEASURED, DOCUMENTED = LAWS = "measured", "documented"      # laws of the time to a first byte
CONNECTION = factbook.value("s3.connection_bytes_per_s")
ONE, DATE, HASHED, RANDOM = SCHEMES = "one-prefix", "date", "hashed", "random"
RANDOM_PREFIXES = 256
GET, PUT = 0, 1
P50_P99 = [[factbook.value(f"s3.{op}_first_byte_{share}_s") for share in ("p50", "p99")]
           for op in ("get", "put")]
SAMPLE = 2_000      # latencies drawn for each number of attempts


def prefixes_in_use(scheme: str, prefixes: int) -> int:
    """How many prefixes a key scheme makes. Random names start with any of 256 bytes."""
    if scheme not in SCHEMES:
        raise unknown("scheme", scheme, SCHEMES)
    require("prefixes", prefixes, 1, whole=True)
    return {ONE: 1, RANDOM: RANDOM_PREFIXES}.get(scheme, prefixes)


def shares(scheme: str, prefixes: int, key_ranges: int = 1) -> np.ndarray:
    """Share of the reads and of the writes that goes to each of the equally busy `key_ranges` of
    each prefix, shape (2, prefixes * key_ranges).

    With dates all writes go to the newest; reads spread over the days. Else both spread evenly.
    """
    require("key_ranges", key_ranges, 1, whole=True)
    n = prefixes * key_ranges
    even = np.full((2, n), 1.0 / n)
    if scheme == DATE:
        even[PUT, :-key_ranges], even[PUT, -key_ranges:] = 0.0, 1.0 / key_ranges
    return even


def first_byte(n: int, rng: np.random.Generator, op: int = GET, law: str = MEASURED) -> np.ndarray:
    """`n` times to the first byte of a small object, s.

    "measured": at least so long, and more by an exponential time, through what was measured of
    `op` at 50 and 99%. "documented": lognormal, nine of ten in the range of AWS's guide, for which
    GETs and PUTs are alike.
    """
    if law not in LAWS:
        raise unknown("law", law, LAWS)
    if law == DOCUMENTED:
        low, high = np.log(DOCUMENTED_RANGE)
        return np.exp((low + high) / 2 + (high - low) / 2 / 1.645 * rng.standard_normal(n))
    least, mean = least_and_mean(*P50_P99[op])
    return least + mean * rng.standard_exponential(n)


def longer(seconds: float, op: int = GET, law: str = MEASURED) -> float:
    """The share of small objects whose first byte takes longer."""
    if law == DOCUMENTED:
        low, high = np.log(DOCUMENTED_RANGE)
        spread = (high - low) / 2 / 1.645
        return 1.0 - NormalDist().cdf((math.log(max(seconds, 1e-12)) - (low + high) / 2) / spread)
    least, mean = least_and_mean(*P50_P99[op])
    return math.exp(-max(seconds - least, 0.0) / mean)


def least_and_mean(p50: float, p99: float) -> tuple[float, float]:
    """Of a time that is exponential beyond its least: that, and the mean of what is beyond, s."""
    mean = (p99 - p50) / np.log(0.5 / 0.01)
    return p50 - mean * np.log(2), mean


def download_time(size: float, ranges: int, n: int, rng: np.random.Generator,
                  law: str = MEASURED) -> np.ndarray:
    """`n` times to fetch `size` bytes by so many parallel byte ranges, s: the slowest decides."""
    slowest = first_byte(n * ranges, rng, GET, law).reshape(n, ranges).max(axis=1)
    return slowest + size / ranges / CONNECTION


def latencies(by_pace: dict[float, np.ndarray], waits: list, rng: np.random.Generator,
              law: str = MEASURED, timeout: float = math.inf) -> tuple:
    """p50, p95 and p99 of the time from a request's first attempt to its answer, and the mean by
    number of attempts and by operation at the usual pace, s. by_pace: for so many times as long as
    usual, how many GETs and PUTs needed 1, 2, ... attempts, (attempts, 2). Each attempt takes a
    first byte's time, at most `timeout` s; `SAMPLE` requests of each kind are drawn, however many
    there are."""
    paces = {1.0: 0.0 * sum(by_pace.values()), **by_pace}
    taken, drawn = dict.fromkeys(paces, 0.0), {slow: [] for slow in paces}
    for wait in [(0.0, 0.0), *waits]:
        waited = drawn_waits(wait, rng, (2, SAMPLE))
        first = np.array([first_byte(SAMPLE, rng, op, law) for op in (GET, PUT)])
        for slow in paces:
            taken[slow] = taken[slow] + waited + np.minimum(slow * first, timeout)
            drawn[slow].append(taken[slow])
    served, means = np.concatenate([*paces.values()]), np.mean(drawn[1.0], axis=2)
    if not served.sum():
        return 0.0, 0.0, 0.0, np.zeros(means.shape)
    values = np.concatenate([*drawn.values()], axis=None)
    order = np.argsort(values)
    share = np.cumsum(np.repeat(served.ravel(), SAMPLE)[order]) / (served.sum() * SAMPLE)
    at = np.minimum(np.searchsorted(share, (0.5, 0.95, 0.99)), len(values) - 1)
    return *values[order][at], means
