"""Closed forms for closed loops: so many users who think, ask, wait, and think again.

`users` (N) think for `think` s on average (Z, of any distribution) between an answer and the next
request; what is exponential is said in each. Errors as in `queues`.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from labsim.theory.arguments import check, check_above, check_whole


class Station(NamedTuple):
    """`visits` of each request to `servers` before one line, for `service_time` s each on average.
    """

    service_time: float
    servers: int = 1
    visits: float = 1.0


class Loop(NamedTuple):
    """throughput: requests per second. response_mean: s from asking to the answer. numbers: mean
    number at each station, (stations,)."""

    throughput: float
    response_mean: float
    numbers: tuple[float, ...]


def machine_repair(users: int, think: float, service_time: float, servers: int = 1) -> Loop:
    """M/M/c//N, a finite source: the closed loop with one station. Machines that break down when
    they are not under repair, by `servers` repairmen, came first.

    A network of one station (`closed_network`). `ValueError`. Source: Palm (1947); Gross and
    Harris, Fundamentals of Queueing Theory (1998), ch. 2.
    """
    return closed_network(users, think, [Station(service_time, servers)])


def closed_network(users: int, think: float, stations: Sequence[Station]) -> Loop:
    """A closed network of stations with exponential service, first come, first served: what exact
    mean value analysis gives.

    By convolution, which for stations of several servers loses no digits, other than mean value
    analysis: with f_i(n) = D_i^n / (min(1, c) ... min(n, c)) of each station, D its visits times
    its service time, f(n) = Z^n / n! of thinking, and G their convolution, the throughput is
    G(N - 1) / G(N). `ValueError`. Source: Buzen, CACM 16 (1973); Reiser and Lavenberg, JACM 27
    (1980).
    """
    check_whole(users=users)
    check(think=think)
    stations = [Station(*station) for station in stations]
    for station in stations:
        check_above(service_time=station.service_time, visits=station.visits)
        check_whole(servers=station.servers)
    if not stations:
        raise ValueError(f"stations: given {stations!r}, allowed one or more")
    n = np.arange(1, users + 1)
    unit = max(s.service_time * s.visits / s.servers for s in stations)     # s; keeps G in range

    def weights(demand: float, servers) -> np.ndarray:
        return np.concatenate([[1.0], np.cumprod(demand / unit / np.minimum(n, servers))])
    terms = [weights(s.service_time * s.visits, s.servers) for s in stations]
    thinks = weights(think, np.inf)
    whole = thinks
    for term in terms:
        whole = _convolved(whole, term)
    throughput = whole[-2] / whole[-1] / unit
    numbers = []
    for place, term in enumerate(terms):
        others = thinks
        for other in terms[:place] + terms[place + 1:]:
            others = _convolved(others, other)
        shares = term * others[::-1] / whole[-1]
        numbers.append(float(shares[1:] @ n))
    return Loop(float(throughput), float(users / throughput - think), tuple(numbers))


def _convolved(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    return np.convolve(one, other)[:len(one)]
