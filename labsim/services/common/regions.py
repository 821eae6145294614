"""Regions of the world: who is far from whom, and who is awake.

Picture a globe with a lamp. It is evening in one place at a time, and a word from one side to the
other takes a tenth of a second however rich you are.

*Models:* four regions with the round-trip times between them; more points of presence in a region
are nearer to its viewers, by the square root of their number (each serves a smaller area); round
trips before the first byte (TCP, TLS 1.3, the request); viewers most awake at eight in the evening
of their own time.
*Leaves out:* everything that makes one viewer's line unlike another's, routing, packet loss, the
time that the body takes.

No fact of AWS: round-trip times are typical ones between the regions' large cities, in round
numbers. Set of regions and of offsets are assumptions.
"""

import math

import numpy as np

from labsim.engine import RateCurve

REGIONS = "us", "europe", "asia", "south_america"
US, EUROPE, ASIA, SOUTH_AMERICA = range(4)
# Round trips between regions, s; the diagonal: between two places of a region.
ROUND_TRIP = ((0.030, 0.090, 0.210, 0.120),
              (0.090, 0.030, 0.170, 0.190),
              (0.210, 0.170, 0.030, 0.320),
              (0.120, 0.190, 0.320, 0.030))
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
