"""Closed forms for a line of customers before servers.

One line of customers before `servers` (c) equal servers. Arrivals are Poisson unless an
`arrival_cv` is given; a cv is a standard deviation over its mean (0 fixed, 1 exponential). Rates
(lambda = `arrival_rate`) are per second, times in seconds, mu = 1 / `service_time`, `offered_load`
(a) = lambda / mu in erlangs, rho = a / c. A wait is from arrival to the start of service.

Errors: `ValueError` naming the argument and value that is not allowed (negative, infinite, NaN, no
number); its kind `Unstable` where rho is 1 or more, save in `erlang_b`, which needs no such limit.
"""

import math

from labsim.theory.arguments import Unstable, check, check_whole


def utilization(arrival_rate: float, service_time: float, servers: int = 1) -> float:
    """Share of the servers' time that is worked: rho = lambda / (c mu), below 1.

    `Unstable` from 1 on, `ValueError`. Source: Kleinrock, Queueing Systems I (1975), ch. 2.
    """
    check(arrival_rate=arrival_rate, service_time=service_time)
    check_whole(servers=servers)
    rho = arrival_rate * service_time / servers
    if rho >= 1:
        raise Unstable(f"utilization: given {rho}, allowed below 1 (else no steady state)")
    return rho


def erlang_b(servers: int, offered_load: float) -> float:
    """Share of customers lost in M/G/c/c (no waiting room): B = (a^c / c!) / sum_k<=c a^k / k!.

    By the recursion B_n = a B_n-1 / (n + a B_n-1), which neither overflows nor cancels.
    `ValueError`. Source: Kleinrock I, ch. 3; Jagerman, Bell Syst. Tech. J. 53 (1974).
    """
    check(offered_load=offered_load)
    check_whole(servers=servers)
    blocked = 1.0
    for n in range(1, servers + 1):
        blocked = offered_load * blocked / (n + offered_load * blocked)
    return blocked


def erlang_c(servers: int, offered_load: float) -> float:
    """Share of customers that wait in M/M/c: C = B / (1 - rho (1 - B)), B of `erlang_b`.
    `Unstable` if a >= c, `ValueError`. Source: Kleinrock I, ch. 3."""
    check(offered_load=offered_load)
    rho = utilization(offered_load, 1.0, servers)
    blocked = erlang_b(servers, offered_load)
    return blocked / (1 - rho * (1 - blocked))


def mmc_wait_mean(arrival_rate: float, service_time: float, servers: int) -> float:
    """Mean wait in M/M/c, s: C / (c mu - lambda), C of `erlang_c`. `Unstable`, `ValueError`.
    Source: Gross and Harris, Fundamentals of Queueing Theory (1998), ch. 2."""
    rho = utilization(arrival_rate, service_time, servers)
    waits = erlang_c(servers, arrival_rate * service_time)
    return waits * service_time / (servers * (1 - rho))


def mmc_queue_mean(arrival_rate: float, service_time: float, servers: int) -> float:
    """Mean number waiting (not in service) in M/M/c: lambda times the mean wait. `Unstable`,
    `ValueError`. Source: Little, Operations Research 9 (1961)."""
    return arrival_rate * mmc_wait_mean(arrival_rate, service_time, servers)


def mmc_wait_quantile(p: float, arrival_rate: float, service_time: float, servers: int) -> float:
    """Wait that a share `p` (from 0 to below 1) of M/M/c's customers does not exceed, s.

    P(W > t) = C exp(-(c mu - lambda) t), served in order of arrival; so 0 while p <= 1 - C, then
    ln(C / (1 - p)) / (c mu - lambda). `Unstable`, `ValueError`. Source: Gross and Harris, ch. 2.
    """
    check(p=p)
    if p >= 1:
        raise ValueError(f"p: given {p!r}, allowed from 0 to below 1")
    rho = utilization(arrival_rate, service_time, servers)
    waits = erlang_c(servers, arrival_rate * service_time)
    if p <= 1 - waits:
        return 0.0
    return math.log(waits / (1 - p)) * service_time / (servers * (1 - rho))


def mg1_wait_mean(arrival_rate: float, service_time: float, service_cv: float) -> float:
    """Mean wait in M/G/1, s: Pollaczek-Khinchine, rho (1 + cv^2) / 2 / (mu - lambda). `Unstable`,
    `ValueError`. Source: Kleinrock I, ch. 5."""
    return kingman_wait_mean(arrival_rate, service_time, 1.0, service_cv)


def md1_wait_mean(arrival_rate: float, service_time: float) -> float:
    """Mean wait in M/D/1, s: rho / 2 / (mu - lambda). `Unstable`, `ValueError`. Source: M/G/1's."""
    return mg1_wait_mean(arrival_rate, service_time, 0.0)


def kingman_wait_mean(arrival_rate: float, service_time: float, arrival_cv: float,
                      service_cv: float) -> float:
    """Approximate mean wait in G/G/1, s: rho / (1 - rho) (ca^2 + cs^2) / 2 / mu.

    Right as rho nears 1, exact for Poisson arrivals; not a bound: the truth lies on either side.
    `Unstable`, `ValueError`. Source: Kingman, Proc. Camb. Phil. Soc. 57 (1961).
    """
    check(arrival_cv=arrival_cv, service_cv=service_cv)
    rho = utilization(arrival_rate, service_time)
    return rho / (1 - rho) * (arrival_cv**2 + service_cv**2) / 2 * service_time


def ekm1_wait_mean(arrival_rate: float, service_time: float, stages: int) -> float:
    """Mean wait in E_k/M/1, s: a server that gets every k-th (`stages`) of Poisson arrivals,
    `arrival_rate` of them. sigma / (mu (1 - sigma)), where sigma is the share that waits, the
    root below 1 of sigma = (k lambda / (k lambda + mu (1 - sigma)))^k. One stage: M/M/1.

    `Unstable`, `ValueError`. Source: Kleinrock I, ch. 6 (G/M/1).
    """
    rho = utilization(arrival_rate, service_time)
    check_whole(stages=stages)
    low, high = 0.0, 1.0 - 1e-15
    for _ in range(200):        # the left side is below the right one up to the root
        sigma = (low + high) / 2
        right = (stages * rho / (stages * rho + 1 - sigma)) ** stages
        low, high = (sigma, high) if right > sigma else (low, sigma)
    return sigma * service_time / (1 - sigma)


def ggc_wait_mean(arrival_rate: float, service_time: float, servers: int, arrival_cv: float,
                  service_cv: float) -> float:
    """Approximate mean wait in G/G/c, s: Allen-Cunneen, that of M/M/c times (ca^2 + cs^2) / 2.

    Exact for M/M/c and M/G/1. `Unstable`, `ValueError`. Source: Allen, Probability, Statistics,
    and Queueing Theory (1990).
    """
    check(arrival_cv=arrival_cv, service_cv=service_cv)
    return mmc_wait_mean(arrival_rate, service_time, servers) * (arrival_cv**2 + service_cv**2) / 2


def wait_mean(arrival_rate: float, service_time: float, service_cv: float,
              servers: int) -> tuple[float, str, bool]:
    """Mean wait with Poisson arrivals, s, the formula's name, and whether it is exact.

    A cv of 1 is taken to mean exponential times: "Erlang C", exact; one server:
    "Pollaczek-Khinchine", exact; else "Allen-Cunneen", approximate. `Unstable`, `ValueError`.
    """
    value = ggc_wait_mean(arrival_rate, service_time, servers, 1.0, service_cv)
    if service_cv == 1:     # Allen-Cunneen is Erlang C here,
        return value, "Erlang C", True
    if servers == 1:        # and Pollaczek-Khinchine here
        return value, "Pollaczek-Khinchine", True
    return value, "Allen-Cunneen", False
