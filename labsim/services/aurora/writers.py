"""The clients of the writer: pools of connections, and what becomes of them in a failover.

Picture waiters who only take orders to the chef. When he faints, some are told so at once; some
stand at a closed door until they lose patience; some go on bringing orders to a cook who was the
chef yesterday and sends each of them back; and with a porter at the door (RDS Proxy) all wait
there, and he knows first who the new chef is.

*Models:* connections that are reset, that hang until a socket timeout, or that survive and meet
a server which has become read-only; attempts to connect that hang; DNS answers that are kept; a
pool that keeps a read-only connection until its lifetime ends, drops it on the first error, or
tests it before use; RDS Proxy, which holds writes until there is a writer.
*Leaves out:* transactions in hand, pinned sessions of the proxy, the rush when held writes go on,
how long a test or a login takes.

A client's pool for the writer is as large as that for its reads, and as long-lived. Closed form: no
clock, a line of time for each connection.
"""

from dataclasses import dataclass

import numpy as np

from labsim import factbook
from labsim.errors import require, require_each, unknown
from labsim.services.aurora.rules import client_outage, dns_remainder

KEEP, ON_ERROR, BEFORE_USE = VALIDATIONS = ("lifetime", "on-error", "before-use")
BORROW_TIMEOUT = factbook.value("rds.proxy_borrow_timeout")         # s
GAIN = factbook.value("rds.proxy_failover_gain") / 100
PROXY_PRICE = factbook.value("rds.proxy_price")                     # USD per vCPU and hour
TCP_GIVES_UP = factbook.value("rds.tcp_gives_up")                 # s


@dataclass(frozen=True)
class Pool:
    """How a client's pool treats its connections to the writer.

    validation: when it parts with one to a read-only server: at the end of its "lifetime",
    "on-error" or "before-use". surviving: share of the connections that a failover does not cut.
    connect_timeout, socket_timeout: s; by default, as in the drivers, a write has none and hangs
    until TCP gives up.
    """

    validation: str = KEEP
    surviving: float = 0.0
    connect_timeout: float = 10.0
    socket_timeout: float = TCP_GIVES_UP

    def __post_init__(self):
        if self.validation not in VALIDATIONS:
            raise unknown("validation", self.validation, VALIDATIONS)
        require("surviving", self.surviving, 0, 1)
        require_each(above=True, endless=True, connect_timeout=self.connect_timeout,
                     socket_timeout=self.socket_timeout)


@dataclass(frozen=True)
class Proxy:
    """RDS Proxy in front of the writer. gain: share of a failover that it saves; borrow_timeout: a
    write waits so long for a writer, s; vcpus: of an instance; price: USD per vCPU and hour."""

    gain: float = GAIN
    borrow_timeout: float = BORROW_TIMEOUT
    vcpus: float = 2.0
    price: float = PROXY_PRICE

    def __post_init__(self):
        require("gain", self.gain, 0, 1)
        require_each(borrow_timeout=self.borrow_timeout, vcpus=self.vcpus, price=self.price)


@dataclass(frozen=True)
class Outage:
    """A failure of the writer at `down` s; there is one again at `back` s, and the old one answers,
    read-only, from `demoted` s (never: infinite). silent: nobody answers, not even with a reset.
    instance: which it was, if another was promoted."""

    down: float
    back: float
    demoted: float = np.inf
    silent: bool = False
    instance: int | None = None


class Writers:
    """When each connection of the pools behind `endpoint` writes again after an `outage`, or None.

    Arrays over connections: `weight`, summing to 1; from `down` s on none writes, from `refused` on
    it meets a read-only server, from `found` on it writes; writes fail from `down` to `lost`.
    """

    def __init__(self, endpoint, pool: Pool, proxy: Proxy | None, outage: Outage | None):
        self._endpoint, self._pool, self._outage = endpoint, pool, outage
        n = len(endpoint.client)
        if outage is None:
            self.down, self.weight = 0.0, np.ones(1)
            self.found = self.refused = self.lost = np.zeros(1)
        elif proxy:
            self.down, self.weight = outage.down, np.ones(1)
            self.found = self.refused = np.array([outage.back])
            self.lost = np.maximum(self.found - proxy.borrow_timeout, self.down)
        else:
            self.down = outage.down
            survive = 0.0 if outage.silent or outage.demoted == np.inf else pool.surviving
            lines = [(self._cut(), 1.0 - survive), (self._survived(), survive)]
            lines = [(line, share) for line, share in lines if share]
            self.refused, self.found = np.concatenate([line for line, _ in lines], axis=1)
            self.weight = np.concatenate([np.full(n, share / n) for _, share in lines])
            self.lost = self.found

    def _fresh(self) -> np.ndarray:
        """When each connection's client has the new writer's address, s."""
        outage, endpoint = self._outage, self._endpoint
        left = dns_remainder(outage.back, endpoint.shift, endpoint.ttl)[endpoint.client]
        return outage.down + client_outage(outage.back - outage.down, left)

    def _cut(self) -> np.ndarray:
        """(refused, found) of connections that the failure ends."""
        outage, pool, fresh = self._outage, self._pool, self._fresh()
        tries, every = outage.down, 0.0         # the first attempt to connect, and between two
        if outage.silent:
            tries += min(pool.socket_timeout, TCP_GIVES_UP)
            every = min(pool.connect_timeout, TCP_GIVES_UP)
        found, met = attempt(fresh, tries, every), attempt(outage.demoted, tries, every)
        stale = met < fresh                     # it reaches the old writer, which is read-only
        refused = np.where(stale, met, found)
        return np.array(self._parted(refused, np.where(stale, fresh, found), stale))

    def _survived(self) -> np.ndarray:
        """(refused, found) of connections that the failure leaves open."""
        fresh = self._fresh()
        everywhere = np.ones(len(fresh), dtype=bool)
        return np.array(self._parted(np.full(len(fresh), self._outage.down), fresh, everywhere))

    def _parted(self, refused, fresh, stale):
        """The same, for how long the pool holds on to `stale` connections to the old writer."""
        if self._pool.validation == BEFORE_USE:         # nobody writes on them
            return fresh, fresh
        if self._pool.validation == KEEP:
            life, phase = self._endpoint.lifetime, self._endpoint.phase
            ends = phase + life * np.ceil((fresh - phase) / life)
            fresh = np.where(stale, np.maximum(ends, fresh), fresh)
        return refused, fresh

    # -- by any instants `t`, s, of any shape --------------------------------------------------

    def failing(self, t: np.ndarray) -> np.ndarray:
        """For how long connections have failed to write until `t`, s, on average."""
        return self._past(t, np.full(len(self.lost), self.down)) - self._past(t, self.lost)

    def read_only(self, t: np.ndarray) -> np.ndarray:
        """For how long they have met a read-only server, s, on average; a part of `failing`."""
        return self._past(t, self.refused) - self._past(t, self.found)

    def _past(self, t: np.ndarray, since: np.ndarray) -> np.ndarray:
        order = np.argsort(since)
        before = np.searchsorted(since[order], t)
        weights = np.append(0.0, self.weight[order].cumsum())
        moments = np.append(0.0, (self.weight * (since - self.down))[order].cumsum())
        return weights[before] * (t - self.down) - moments[before]

    def longest(self, end: float) -> float:
        """How long the slowest connection can't write, s; one that never can again, to `end` s."""
        if self._outage is None:
            return 0.0
        latest = max(end, self._outage.back + self._endpoint.ttl)
        return float(min(self.found.max(), latest) - self.down)


def attempt(moment, first: float, every: float):
    """When the first of the attempts at `first`, `first + every`, ... s comes, from `moment` on."""
    late = np.maximum(moment - first, 0.0)
    return first + (np.ceil(late / every - 1e-9) * every if every else late)
