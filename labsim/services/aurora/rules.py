"""The arithmetic of Amazon Aurora and RDS: quorums, failover, DNS, waits, lag.

Picture the house rules of a kitchen: how many of the six keys open the pantry, who takes over when
the chef faints, how long a waiter believes the name that he was told.

*Models:* the quorum of the storage; who is promoted, and how long there is no writer; what is left
of a DNS answer; Erlang C by instance; lag as in a queue; reads of what has just been written.
*Leaves out:* repair of copies, waits that build up within a moment.
"""

import numpy as np

from labsim import factbook

AURORA, RDS = "aurora", "rds"
COPIES = int(factbook.value("aurora.copies_n"))
WRITE_QUORUM = int(factbook.value("aurora.write_quorum"))
READ_QUORUM = int(factbook.value("aurora.read_quorum"))
REPLICAS_MAX = {AURORA: int(factbook.value("aurora.replicas_max")),
                RDS: int(factbook.value("rds.read_replicas_max"))}
COOLDOWN = factbook.value("aurora.as_cooldown_s")
LAST_TIER = 15      # promotion tier of a replica that auto scaling adds, as in aurora.as_rule
# s until there is a writer again. A promotion as measured, within AWS's "less than 60, often less
# than 30" (aurora.failover); the others within "60 to 120" (rds.multi_az_failover) and "less than
# 10 minutes" (aurora.failover_no_replica).
PROMOTION = factbook.value("aurora.promotion_s")
STANDBY, REBUILD = 90.0, 540.0
REJOIN = 120.0          # s until a failed writer is back as a replica; AWS publishes none
SHORTEST_TTL = 1e-3     # s; as good as none
MOST_SERVERS = 256
FULLEST = 0.99          # M/M/c waits grow no further than at this utilization
LAG_FULLEST = 0.95      # lag grows no further than at this share of the apply rate


# -- failures --------------------------------------------------------------------------------


def volume_writable(copies_lost: int) -> bool:
    """Whether Aurora's storage takes writes: four of six copies must be there."""
    return COPIES - copies_lost >= WRITE_QUORUM


def volume_readable(copies_lost: int) -> bool:
    """Whether Aurora's storage can be read: three of six copies must be there."""
    return COPIES - copies_lost >= READ_QUORUM


def promoted(replicas: list[tuple[int, float]]) -> int:
    """Which of these (tier, size) is promoted: the lowest tier, then the largest; the first of
    equals. Source: Aurora User Guide, Concepts.AuroraHighAvailability."""
    return min(range(len(replicas)), key=lambda i: (replicas[i][0], -replicas[i][1]))


def time_to_recover(engine: str, replicas: int, multi_az: bool, promotion: float,
                    standby: float, rebuild: float) -> float:
    """How long there is no writer after it has failed, s."""
    if engine == AURORA:
        return promotion if replicas else rebuild
    return standby if multi_az else rebuild


def dns_remainder(t: float, shift: np.ndarray, ttl: float) -> np.ndarray:
    """How long an answer in hand at `t` is kept yet, s: clients look up when t + shift is a
    multiple of `ttl`."""
    return ttl - (t + shift) % ttl


def client_outage(failover: float, dns_remainder: float) -> float:
    """How long a client is without the writer, s: the failover, then its cached DNS answer."""
    return failover + dns_remainder


# -- reads and replicas; arrays of any shape ----------------------------------------------------


def servers(speed: np.ndarray, read_time: float) -> np.ndarray:
    """How many reads an instance works on at once: speed x read time, from 1 to 256."""
    return np.clip(np.rint(speed * read_time), 1, MOST_SERVERS).astype(np.int64)


def wait_probability(servers: np.ndarray, load: np.ndarray) -> np.ndarray:
    """Erlang C: the share of reads that wait, at a utilization of `load` < 1; any shape.

    Source: Kleinrock, Queueing Systems I (1975), ch. 3; by the recursion of Erlang B.
    """
    servers, load = np.asarray(servers), np.asarray(load)
    waits = np.empty(load.shape)
    for c in np.unique(servers).tolist():
        here = servers == c
        busy, blocked = load[here] * c, np.ones(int(here.sum()))
        for n in range(1, c + 1):
            blocked *= busy
            blocked /= n + blocked
        waits[here] = blocked / (1.0 - load[here] * (1.0 - blocked))
    return waits[()]    # of numbers a number


def replica_lag(base: float, writes: np.ndarray, apply_rate: float) -> np.ndarray:
    """Mean lag of a replica that keeps up with so many writes/s, s: base / (1 - writes / apply
    rate), as in a queue; it grows no further than at 95% of the apply rate."""
    return base / (1.0 - np.minimum(writes / apply_rate, LAG_FULLEST))


def unapplied(writes: np.ndarray, apply_rate: float, length) -> np.ndarray:
    """Writes not yet applied at the end of each step, in seconds of work, where they may come
    faster than a replica applies them; writes: per second, by step; length: of the steps, s."""
    pile = np.cumsum((writes - apply_rate) * length)
    pile -= np.minimum(np.minimum.accumulate(pile), 0.0)
    return pile / apply_rate


def stale_share(writes: np.ndarray, lag: np.ndarray, items: float) -> np.ndarray:
    """Share of reads whose item was written within the lag: 1 - exp(-writes x lag / items)."""
    return -np.expm1(-writes * lag / items)
