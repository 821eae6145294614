"""Closed-form queueing results, to check models against and to draw beside them.

Rates are per second, times in seconds; an `offered_load` is in erlangs (arrival rate x service
time). Where the queue has no steady state (utilization of 1 or more) the functions raise
`Unstable`, for arguments that make no sense `ValueError`.

Sources: Kleinrock, Queueing Systems I (1975); Kingman, Proc. Camb. Phil. Soc. 57 (1961);
Allen, Probability, Statistics and Queueing Theory (1990).
"""

import math


class Unstable(ValueError):
    """The queue has no steady state."""


def _check(**values: float) -> None:
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not (
                math.isfinite(value) and value >= 0):
            raise ValueError(f"{name} is {value!r}: a finite number of at least 0")


def _servers(servers: int) -> None:
    if isinstance(servers, bool) or not isinstance(servers, int) or servers < 1:
        raise ValueError(f"servers is {servers!r}: a whole number of at least 1")


def utilization(arrival_rate: float, service_time: float, servers: int = 1) -> float:
    """Share of the servers' time that is worked; `Unstable` from 1 on."""
    _check(arrival_rate=arrival_rate, service_time=service_time)
    _servers(servers)
    rho = arrival_rate * service_time / servers
    if rho >= 1:
        raise Unstable(f"utilization is {rho:.3g}: no steady state from 1 on")
    return rho


def erlang_b(servers: int, offered_load: float) -> float:
    """Share of calls lost in M/G/c/c (Kleinrock 3.6), by the recursion that never overflows."""
    _check(offered_load=offered_load)
    _servers(servers)
    blocked = 1.0
    for n in range(1, servers + 1):
        blocked = offered_load * blocked / (n + offered_load * blocked)
    return blocked


def erlang_c(servers: int, offered_load: float) -> float:
    """Share of customers that wait in M/M/c (Kleinrock 3.5)."""
    rho = utilization(offered_load, 1.0, servers)
    blocked = erlang_b(servers, offered_load)
    return blocked / (1 - rho * (1 - blocked))


def mmc_wait_mean(arrival_rate: float, service_time: float, servers: int) -> float:
    """Mean wait in M/M/c, s: C / (c mu - lambda)."""
    rho = utilization(arrival_rate, service_time, servers)
    waits = erlang_c(servers, arrival_rate * service_time)
    return waits * service_time / (servers * (1 - rho))


def mmc_wait_quantile(p: float, arrival_rate: float, service_time: float, servers: int) -> float:
    """Wait that a share `p` (0 <= p < 1) of customers does not exceed in M/M/c, s.

    The wait is 0 with probability 1 - C, else exponential with rate c mu - lambda.
    """
    if not 0 <= p < 1:
        raise ValueError(f"p is {p!r}: from 0 to below 1")
    rho = utilization(arrival_rate, service_time, servers)
    waits = erlang_c(servers, arrival_rate * service_time)
    if 1 - p >= waits:
        return 0.0
    return math.log(waits / (1 - p)) * service_time / (servers * (1 - rho))


def mg1_wait_mean(arrival_rate: float, service_time: float, service_cv: float) -> float:
    """Mean wait in M/G/1, s: Pollaczek-Khinchine, rho (1 + cv^2) / 2 / (mu - lambda)."""
    _check(service_cv=service_cv)
    rho = utilization(arrival_rate, service_time)
    return rho * service_time * (1 + service_cv**2) / 2 / (1 - rho)


def md1_wait_mean(arrival_rate: float, service_time: float) -> float:
    """Mean wait in M/D/1, s: half of that in M/M/1."""
    return mg1_wait_mean(arrival_rate, service_time, 0.0)


def kingman_wait_mean(arrival_rate: float, service_time: float, arrival_cv: float,
                      service_cv: float) -> float:
    """Mean wait in G/G/1 in heavy traffic, s (an approximation): Kingman's formula."""
    _check(arrival_cv=arrival_cv, service_cv=service_cv)
    rho = utilization(arrival_rate, service_time)
    return rho / (1 - rho) * (arrival_cv**2 + service_cv**2) / 2 * service_time


def ggc_wait_mean(arrival_rate: float, service_time: float, servers: int, arrival_cv: float,
                  service_cv: float) -> float:
    """Mean wait in G/G/c, s (an approximation): Allen-Cunneen, M/M/c scaled by variation."""
    _check(arrival_cv=arrival_cv, service_cv=service_cv)
    return (mmc_wait_mean(arrival_rate, service_time, servers)
            * (arrival_cv**2 + service_cv**2) / 2)
