"""A part of a system: a queue, a group, an alarm. It has a name, and nothing it does is nameless.

Picture the parts of a machine in an exploded view: each has a number plate, its own dials, its own
line in the bill, and pipes that fit the next one.
"""

import weakref
from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import ClassVar

import numpy as np

from labsim.declare.drawing import Panel
from labsim.declare.faults import FaultKind
from labsim.declare.invariants import Invariant
from labsim.declare.metrics import Count, Metric
from labsim.declare.plate import Plated, kind
from labsim.declare.users import nobody_waits
from labsim.engine import Load, Recorder, Simulation
from labsim.errors import ParameterError, require
from labsim.text import a_or_an


class Component(metaclass=Plated):
    """A part called `name` of the simulation `sim`; two of one name are a `ParameterError`.

    What it records goes into its own `record`, on the simulation's instants. METRICS compute
    their values from the part when the run has ended, PANELS and INVARIANTS name its own series.
    """

    METRICS: ClassVar[tuple[Metric, ...]] = ()
    PANELS: ClassVar[tuple[Panel, ...]] = ()
    INVARIANTS: ClassVar[tuple[Invariant, ...]] = ()
    shows: ClassVar[tuple[tuple[str, str], ...]] = ()   # (label, series) in its box
    bars: ClassVar[tuple[str, str] | None] = None       # columns in its box, see `Box`
    boxed: ClassVar[bool] = True        # it has a box in the system picture
    control: ClassVar[bool] = False     # it steers others instead of passing requests on
    alarm: ClassVar[str] = ""           # a series: its box is marked while it is above 0
    FAULTS: ClassVar[dict[str, FaultKind]] = {}     # what can be done to it
    sets: ClassVar[tuple[str, ...]] = ()    # parameters of the class above that it sets itself
    counted: bool = False               # what it takes comes out in a later step
    ways: ClassVar[tuple[str, ...]] = ()    # into it, by name, where there are several
    quiet: bool = False                 # one of many alike, of which the event log tells nothing

    def __init__(self, sim: Simulation, name: str):
        if not isinstance(sim, Simulation):
            raise ParameterError("sim", sim, "the simulation that build(sim) is given")
        if not isinstance(name, str) or not name.strip() or "." in name:
            raise ParameterError("name", name, "a text without a dot")
        if name in sim.parts:
            raise ParameterError("name", name, "a name of its own", (
                f'two parts are called "{name}": a {kind(sim.parts[name])} and a {kind(self)}; '
                f"give one of them another name"))
        self.sim, self.name = sim, name
        self.record = Recorder(sim.duration, t=sim.record.t)
        self.fed_by: list[Component] = []   # what they give out comes here; they advance first
        self.links: list[tuple[Component, str]] = []    # to whom, and what is said of the arrow
        self.struck: dict[tuple[str, str], list[float]] = {}    # faults that hold, by piece, kind
        self.mended_at = np.inf     # when the one that has struck last will be mended, s
        sim.parts[name] = self

    def __repr__(self) -> str:
        """As errors say what was given: its name, and what it is."""
        return f"{vars(self).get('name', '')!r}, {a_or_an(kind(self))}"

    def link(self, other: "Component", label: str = "") -> None:
        """An arrow from this part to another, or to the inlet of one, in the system picture."""
        other = getattr(other, "part", other)
        if (other, label) not in self.links:
            self.links.append((other, label))

    def require(self, name: str, value, least: float = 0.0, most: float = np.inf, unit: str = "",
                **how) -> None:
        """ParameterError with the part's name for an argument of a method; see `errors.require`."""
        try:
            require(name, value, least, most, unit, **how)
        except ParameterError as error:
            raise error.of(self.name) from None

    def log(self, what: str, text: str, t: float | None = None) -> None:
        """Write a row about this part into the event log, at the present time or at `t` s."""
        if not self.quiet:
            self.sim.log(what, f"{self.name}: {text}", t, self.name)

    # -- faults: see `labsim.declare.faults` -----------------------------------------------

    def breakable(self) -> dict[str, dict[str, FaultKind]]:
        """{piece: what can be done to it}: by default the part itself."""
        return {self.name: self.FAULTS} if self.FAULTS else {}

    def brace(self, piece: str, what: str) -> None:
        """A fault is going to strike in this run, which has not begun: for a part that has to
        prepare itself."""

    def strike(self, piece: str, what: str, amount: float, until: float = np.inf) -> None:
        """From now on a fault holds, `until` it is mended (s), if that is known."""
        self.advance(self.sim.now)
        self.mended_at = until
        self.struck.setdefault((piece, what), []).append(amount)
        said = self.breakable()[piece][what].said(what, [amount])
        self.sim.log("fault", f"{piece}: {said}", None, self.name)
        self.suffer(piece, what, self.struck[piece, what])

    def mend(self, piece: str, what: str, amount: float) -> None:
        """From now on it holds no more; others of its kind may."""
        self.advance(self.sim.now)
        left = self.struck[piece, what]
        left.remove(amount)
        kind = self.breakable()[piece][what]
        if kind.lasting:
            said = f"still {kind.said(what, left)}" if left else f"no longer {what}"
            self.sim.log("mended", f"{piece}: {said}", None, self.name)
        self.suffer(piece, what, left)

    def suffer(self, piece: str, what: str, amounts: list[float]) -> None:
        """Faults of these amounts hold from now on for a piece of this part; none of an empty
        list. Everything up to now has happened."""

    # -- how requests come in --------------------------------------------------------------

    def feed(self, blocks: Iterable[np.ndarray]) -> None:
        """Requests come at the times of `blocks` (arrays, s, sorted), whatever happens here."""
        raise self._refused("clients")

    def take(self, times: np.ndarray) -> None:
        """Requests come at `times` (s, sorted), which another part has just given out."""
        raise self._refused("another part")

    def _refused(self, whose: str) -> ParameterError:
        ways = " or ".join(f"to={self.name}.{way}" for way in self.ways)
        return ParameterError("to", self.name, f"one of its ways in: {ways}" if ways else (
            f"a part that takes requests; a {kind(self)} takes none from {whose}"))

    def advance(self, now: float) -> None:
        """Let what flows through this part flow until `now`."""

    def sent(self, load: Load | float, name: str = "", retry=None) -> "Producers":
        """Clients send requests to this part at the rate of `load`; see `Simulation.send`."""
        if self.ways:
            raise self._refused("clients")
        nobody_waits(self, kind(self), load, retry)
        return Producers(self.sim, name or producers_name(self), load, self)

    def wired(self) -> None:
        """All parts are wired, and the run is about to begin: a part that lacks something says so,
        with a `LabsimError`."""

    # -- at the end of the run: by default a part has nothing to tell ----------------------

    def series(self) -> dict[str, tuple[np.ndarray, str]]:
        """{name: (values at the record's instants, unit)}."""
        return {}

    @cached_property
    def told(self) -> dict[str, tuple[np.ndarray, str]]:
        """The series, worked out once, when the run has ended."""
        return self.series()

    def cost(self) -> dict[str, float]:
        """{line item: USD}."""
        return {}

    def notes(self) -> tuple[str, ...]:
        """What was said when it was wired, and has no effect."""
        return ()

    def summary(self) -> dict[str, float]:
        """{metric: value} of METRICS."""
        return {metric.name: metric.of(self) for metric in self.METRICS}


class Producers(Component):
    """Clients who send requests by chance, at a rate that may change over time.

    *Models:* Poisson arrivals. *Leaves out:* retries, and waiting for an answer.
    """

    METRICS = (
        Count("offered", "requests", "requests sent", value=lambda s: s.record.total("offered")),)
    shows = (("req/s", "offered_rate"),)

    def __init__(self, sim: Simulation, name: str, load: Load | float,
                 to: "Component | Port"):
        super().__init__(sim, name)
        self.curve = (load if isinstance(load, Load) else Load.steady(load)).curve(sim.duration)
        self.load = load
        self._send(to)
        self.link(to)

    def notes(self) -> tuple[str, ...]:
        return of_load(self)

    def _send(self, to: Component) -> None:
        to.feed(self._blocks())

    def _blocks(self) -> Iterator[np.ndarray]:
        for times in self.curve.arrivals(self.sim.stream(f"{self.name} arrivals")):
            self.sim.check()
            self.record.count("offered", times)
            yield times

    def series(self) -> dict[str, tuple[np.ndarray, str]]:
        """Requests sent per second."""
        return {"offered_rate": (self.record.rate("offered"), "req/s")}


def of_load(sender: Component) -> tuple[str, ...]:
    """Notes on the load of who sends: where it comes from; that it would change when the run has
    ended, or ends before."""
    load, end, notes = sender.load, sender.sim.duration, []
    if isinstance(load, Load):
        notes += load.notes
        if load.changes >= end:
            notes.append(f"the load of {sender.name} does not change: that begins at "
                         f"{load.changes:,g} s, and the run ends at {end:,g} s")
        if load.ends < end:
            notes.append(f"the load of {sender.name} ends at {load.ends:,g} s, and nothing comes "
                         "after that")
    return tuple(notes)


def producers_name(part: Component) -> str:
    """What those who send to a part are called where nobody says it."""
    return "producers" if "producers" not in part.sim.parts else f"producers of {part.name}"


class Port:
    """A way into a part or out of it. It holds its part loosely: a part that has ended goes at
    once, with all that it has recorded."""

    def __init__(self, part: Component):
        self._part = weakref.ref(part)

    @property
    def part(self) -> Component:
        """Whose it is."""
        return self._part()

    def __repr__(self) -> str:
        """As errors say what was given."""
        return f"{'an outlet' if isinstance(self, Outlet) else 'a way'} of {self.part!r}"


class Outlet(Port):
    """Where requests leave a part; others may be connected to it (`to`).

    `give(times)` hands on the times (s, sorted) at which requests left: each connected part
    `take`s them. A part that is fed like this lets the part that feeds it advance first.
    """

    def __init__(self, part: Component):
        super().__init__(part)
        self._takers: list[Component] = []

    @property
    def connected(self) -> bool:
        """Whether what leaves here comes to somebody."""
        return bool(self._takers)

    @property
    def takers(self) -> tuple:
        """Who takes what leaves here."""
        return tuple(self._takers)

    def to(self, other: Component) -> None:
        """From now on what leaves here comes to `other`, a part or an inlet of one."""
        if not hasattr(other, "take"):
            raise ParameterError("to", other, "a part that takes requests")
        if getattr(type(other), "take", None) is Component.take:
            other.take(np.empty(0))     # it says that it takes none
        self._takers.append(other)
        other.fed_by.append(self.part)
        self.part.link(other)

    def give(self, times: np.ndarray) -> None:
        """Requests leave at `times`."""
        if len(times):
            for other in self._takers:
                other.take(times)
