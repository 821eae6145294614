"""Regions of the world: who is far from whom, and who is awake.

Picture a globe with a lamp. It is evening in one place at a time, and a word from one side to the
other takes a tenth of a second however rich you are.

*Models:* four regions with the round-trip times between them; more points of presence in a region
are nearer to its viewers, by the square root of their number (each serves a smaller area); round
trips before the first byte (TCP, TLS 1.3, the request); viewers most awake at eight in the evening
of their own time.
*Leaves out:* everything that makes one viewer's line unlike another's, routing, packet loss, the
time that the body takes.

Round trips between two of them are measured: the mean over the pairs of AWS regions that stand for
them. The US is us-east-1, where the origin is; Europe eu-west-1 and eu-central-1; Asia
ap-northeast-1, ap-northeast-2 and ap-southeast-1; South America sa-east-1. Who stands for whom,
ways within a region, and the offsets of the clocks are assumptions.
"""

import math

import numpy as np

from labsim import factbook
from labsim.engine import RateCurve

REGIONS = "us", "europe", "asia", "south_america"
US, EUROPE, ASIA, SOUTH_AMERICA = range(4)
WITHIN = 0.030          # s, round trip between two places of a region
BETWEEN = {             # s, round trips between two regions
    (US, EUROPE): factbook.value("regions.us_europe"),
    (US, ASIA): factbook.value("regions.us_asia"),
    (US, SOUTH_AMERICA): factbook.value("regions.us_south_america"),
    (EUROPE, ASIA): factbook.value("regions.europe_asia"),
    (EUROPE, SOUTH_AMERICA): factbook.value("regions.europe_south_america"),
    (ASIA, SOUTH_AMERICA): factbook.value("regions.asia_south_america")}


def round_trip(one: int, other: int) -> float:
    """Round trip between two regions, or between two places of one, s."""
    return WITHIN if one == other else BETWEEN[min(one, other), max(one, other)]


ROUND_TRIP = tuple(tuple(round_trip(one, other) for other in range(len(REGIONS)))
                   for one in range(len(REGIONS)))
NEAREST = 0.040         # s, round trip to the only point of presence of a viewer's own region
TRIPS = 3               # TCP, TLS, the request itself
DAY, HOUR = 86_400, 3_600
AHEAD = (-5, 1, 8, -3)  # hours that a region's clock is ahead of the run's, which begins at 0:00
EVENING = 20            # o'clock, when most viewers are awake
PIECES = 48             # straight pieces of a day's curve


def viewer_trip(places: int) -> float:
    """Round trip from a viewer to the nearest of so many places in the own region, s."""
    return NEAREST / math.sqrt(places)


def nearest(region: int, candidates) -> int:
    """The region of `candidates` that is nearest to `region`: itself, if it is one of them."""
    return min(candidates, key=lambda other: (other != region, ROUND_TRIP[region][other], other))


def first_byte(trip: float, more: float = 0.0) -> float:
    """Time to the first byte over a new connection with round trips of `trip` s, and `more`."""
    return TRIPS * trip + more


def awake(region: int, rate: float, swing: float, begin: float, end: float) -> RateCurve:
    """Viewers' requests per second from `begin` s of the run's clock on, as a curve over
    `end - begin` s: `rate` in the mean of a day, up to `1 + swing` times it in the evening."""
    if not swing:
        return RateCurve.steady(rate, end - begin)
    step = DAY / PIECES
    t = np.append(np.arange(0.0, end - begin, step), end - begin)
    clock = t + begin + (AHEAD[region] - EVENING) * HOUR
    return RateCurve(t, rate * (1.0 + swing * np.cos(2 * np.pi * clock / DAY)))
