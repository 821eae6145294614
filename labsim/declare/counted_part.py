"""Parts whose requests are counted, and that still answer single ones, suffer and are come back to.

Picture a turnstile with a counter. Nobody knows who came through; but how many did, who pushes
again when the bar won't turn, and what happens when the thing is jammed, is known to the last one.

*Models:* one crowd of clients, all who send, who come back alike (`labsim.declare.crowd`); faults
of the whole and of pieces; what it can still serve, for those who ask one by one (how these are
answered: `labsim.declare.asked_inlet`); what is on its way to it. What is counted leaves spread
evenly over its step.
*Leaves out:* when within a step a count came.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from labsim.declare.component import Component
from labsim.declare.crowd import CountedBreakers, RetryQuota, counted, waits_of
from labsim.declare.faults import FaultKind
from labsim.declare.metrics import Count, Metric
from labsim.declare.retry import Retry
from labsim.engine import Attempts
from labsim.errors import ParameterError

DOWN = FaultKind("every request fails, with an error of the server")
ERRORS = FaultKind("a share of the requests fails, with an error of the server",
                   "share that fails", "", 0.0, 1.0, 0.5)
SLOW = FaultKind("answers take so many times as long", "times as long", "x", 1.0, 1e6, 5.0)
THROTTLED = FaultKind("a share of its capacity is gone", "share that is gone", "", 0.0, 1.0, 0.5)
PIECES = 100        # that have names, at most


class Room(NamedTuple):
    """A limit, as of now: `held`, what can be served at once, `flow` per second, and the `most`
    that is held; of each place, (places,), or of all together, (1,)."""

    held: np.ndarray
    flow: np.ndarray
    most: np.ndarray

    def by(self, wait: float, busy: float, crowd):
        """What can be served in `busy` s which begin in `wait` s; `crowd`/s come until then."""
        held = self.held
        if wait:
            held = np.maximum(np.minimum(held + (self.flow - crowd) * wait, self.most), 0.0)
        return held + self.flow * busy


class CountedPart(Component):
    """A part whose requests are counted. `crowd` are its clients' attempts, `pieces` the parts of
    it that may be down alone.

    Counted clients (`sim.send(load, to=inlet, retry=...)`) are one crowd: what the first of them
    says of retries holds for all, and another `Retry` is a ParameterError. Hedged requests,
    adaptive mode and a timeout that differs each time are for single requests only.
    """

    FAULTS = {"down": DOWN, "errors": ERRORS, "slow": SLOW, "throttled": THROTTLED}
    PIECE_FAULTS = {"down": DOWN, "errors": ERRORS}

    crowd: Attempts
    pieces = 0
    retry: Retry | None = None
    slow, left = 1.0, 1.0       # answers take so many times as long; capacity that is there
    _works: np.ndarray | None = None        # of the attempts of each piece, the share not broken
    _piece: np.ndarray                      # to which piece each key belongs, (keys,)
    _paces = None

    def __init__(self, sim, name: str):
        super().__init__(sim, name)
        self.inlets: list = []      # `AskedInlet`s

    # -- who comes back ------------------------------------------------------------------------

    def come_back(self, retry: Retry) -> None:
        """Before the run: all its clients do what `retry` says when they are turned away."""
        counted(retry)
        if self.retry is not None and self.retry != retry:
            raise ParameterError("retry", retry, "as its other clients", (
                f"retry: all who send to {self.name} are one crowd, who come back alike; others "
                "may be followed one by one, to=inlet.one_by_one")).of(self.name)
        self.retry = retry
        quota = RetryQuota(retry.clients, retry.budget) if retry.budget < math.inf else None
        gate = CountedBreakers(retry.breaker, retry.clients) if retry.breaker else None
        self.crowd.come_back(waits_of(retry), quota, gate)
        if gate:
            self.sim.pace.follow()
        self._time()

    def _time(self) -> None:
        if self.retry and self.retry.timeout < math.inf:
            self.crowd.late = np.asarray(self.later_than(self.retry.timeout / self.slow))

    def later_than(self, seconds: float) -> np.ndarray:
        """The share of the answers that take longer, of a shape like that of the crowd's keys."""
        raise NotImplementedError

    @property
    def on_its_way(self) -> np.ndarray:
        """How many requests have come by each of its ways in, and are not counted yet, (inlets,).
        """
        return np.array([inlet.on_its_way for inlet in self.inlets])

    @property
    def heard(self) -> np.ndarray:
        """Who of these has been told that it's done, that there was no room, and that something was
        broken, (inlets, 3)."""
        return np.array([inlet.heard for inlet in self.inlets])

    # -- for who asks one by one: see `labsim.declare.asked_inlet` ------------------------------

    def answer_times(self, op: int) -> Callable[[int, np.random.Generator], np.ndarray]:
        """A function that draws so many times to an answer, s, of this kind of request."""
        raise NotImplementedError

    def rooms(self, op: int) -> list[Room]:
        """Its limits, one behind the other, for requests of this kind, after its last step."""
        raise NotImplementedError

    def by_limit(self, requests: np.ndarray) -> np.ndarray:
        """How many of so many requests, (keys,), come to each of the places that have a limit of
        their own, (places,)."""
        return requests

    @property
    def well(self) -> np.ndarray | None:
        """Of what is asked of each key, the share that is not broken, (keys,); None for all."""
        return None if self._works is None else self._works[self._piece]

    # -- faults --------------------------------------------------------------------------------

    def breakable(self) -> dict[str, dict[str, FaultKind]]:
        """It, and its first pieces, "name-1" and so on."""
        return {self.name: self.FAULTS, **{
            f"{self.name}-{i + 1}": self.PIECE_FAULTS for i in range(min(self.pieces, PIECES))}}

    def suffer(self, piece: str, what: str, amounts: list[float]) -> None:
        """It is down, slow, makes errors, or has less capacity."""
        if what == "slow":
            self._keep_pace()
            self.slow = math.prod(amounts)
            self._time()
        elif what == "throttled":
            self.left = math.prod(1.0 - share for share in amounts)
        else:
            self._works = self._working()
        self.sim.pace.changed()

    def _working(self) -> np.ndarray | None:
        """Of the attempts of each piece, the share that is not broken, (pieces,); None: of all."""
        works = np.ones(max(self.pieces, 1))
        for (piece, what), amounts in self.struck.items():
            if what in self.PIECE_FAULTS and amounts:
                share = 0.0 if what == "down" else math.prod(1.0 - a for a in amounts)
                if piece == self.name:
                    works *= share
                elif piece.removeprefix(f"{self.name}-").isdigit():
                    works[int(piece.removeprefix(f"{self.name}-")) - 1] *= share
        return works if (works < 1.0).any() else None

    def _keep_pace(self) -> None:
        """What was answered so far was answered at the pace that there was."""
        served = self.crowd.served_by.sum(axis=0)
        paces, before = self._paces or ({}, 0.0)
        paces[self.slow] = paces.get(self.slow, 0.0) + (served - before)
        self._paces = paces, served

    @property
    def served_by_pace(self) -> dict[float, np.ndarray]:
        """{times as long as usual: requests that were answered so, (attempts, ...)}."""
        if self._paces is None:
            return {self.slow: self.crowd.served_by.sum(axis=0)}
        self._keep_pace()
        return self._paces[0]


def so_many(crowd: Attempts) -> tuple[float, float, float, float]:
    """Requests that came, attempts that were made, those that a breaker stopped, and requests
    answered in time."""
    return (float(crowd.arrived.sum()), float(crowd.asked_by.sum()), float(crowd.stopped.sum()),
            float(crowd.served_by.sum()))


def _amplified(part: CountedPart) -> float:
    came, made, *_ = so_many(part.crowd)
    last = float(np.sum(part.on_its_way))
    return (made + last) / max(came + last, 1.0)


CLIENT_METRICS = (
    Count("timed_out", "attempts", "attempts without an answer in time", "lower",
          lambda s: s.crowd.timed_out.sum()),
    Count("short_circuited", "attempts", "attempts that an open breaker stopped", "lower",
          lambda s: s.crowd.stopped.sum()),
    Metric("amplification", "x", "attempts that were made, per request", "lower", _amplified,
           label="attempts per request"),
    Metric("goodput", "req/s", "requests answered in time, per second", "higher",
           lambda s: (s.crowd.served_by.sum() + s.heard[:, 0].sum()) / s.sim.duration))
