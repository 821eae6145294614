"""A run on show: what a hand may ask of it, with or without a stage.

Picture a stage hand who is told what to set, runs it, and has the record ready. A change asks for
one run; however many changes come before it, the latest values win. It runs in plain calls, so
that an error is never swallowed: it becomes one line, the last good run stays, and `error` holds
it. What was changed can be taken back, step by step.
"""

import asyncio
from itertools import count
from pathlib import PurePath

from labsim import traces
from labsim.declare.describe import as_code
from labsim.declare.faults import as_text, checked
from labsim.engine import Budget
from labsim.errors import LabsimError, ParameterError, unknown
from labsim.view import knobs, links

LIVE = Budget(seconds=1.5)  # what a slider may start; a run by hand may take more
DELAY = 0.002       # seconds in which further changes join the same run
SHARE = 10          # a fault lasts such a part of the run, if nothing else is said
MOST_BACK = 100     # changes that can be taken back


class Session:
    """A run of `lab` on show, from `values` on.

    `result` is the run shown, `pinned` the one compared with, `error` the last failure or None;
    `values` what the knobs show; `step` the place in the story, from 0; `at` the moment shown (s),
    None where the stage chooses. A subclass shows it all (`_show`).
    """

    def __init__(self, lab, values: dict, step: int = 0, seed: int = 1):
        self.lab, self.values, self.step, self.seed = lab, values, step, seed
        self.result = self.pinned = self.error = self.at = None
        self.notice = ""
        self._history: list[tuple[dict, int, int, bool]] = []
        self._waiting = None
        self._follows = False       # how long a run is follows from its file: no hand has said it

    # -- what a learner, a test and a button do alike ----------------------------------------------

    def set(self, **values) -> None:
        """Set some parameters, and render. `ParameterError` for an unknown name."""
        self._put(values)
        self.render()

    def go(self, step: int) -> None:
        """The step of the story at this place, from 0, with its own parameters."""
        scenes = links.scenes(self.lab)
        self._keep()
        self._follows = False
        self.step = min(max(int(step), 0), len(scenes) - 1)
        self.values = self.lab.Params(**scenes[self.step].values).model_dump()
        self.at = None
        self.render()

    def apply_preset(self, title: str) -> None:
        """A step of the story by its title or number."""
        self.go(links.step(self.lab, str(title)))

    def reseed(self, seed: int) -> None:
        """The same system, other luck."""
        self._keep()
        self.seed = seed
        self.render()

    def undo(self) -> None:
        """Take the last change back."""
        if self._history:
            self.values, self.step, self.seed, self._follows = self._history.pop()
            self.render()

    def pin(self) -> None:
        """Keep the run shown, to compare the next ones with it."""
        self.pinned = self.result
        self._show()

    def unpin(self) -> None:
        """Compare no more."""
        self.pinned = None
        self._show()

    def scrub(self, t: float) -> None:
        """Show the moment `t` (s)."""
        self.at = min(max(float(t), 0.0), self.result.params.duration)
        self._show()

    def strike(self, part: str, what: str, lasts: float, amount: float, at: float) -> None:
        """A part breaks at `at` s, in the way `what`, for so many s, by so much."""
        row = (part, what, round(at, 3), lasts, amount)
        self.set(faults=as_text([*checked(self.values["faults"]), row]))

    def touch(self, piece: str, at: float) -> None:
        """`piece` fails in the first of its ways from `at` s on, for a part of the run; if it is
        broken then, it is mended."""
        faults = checked(self.values["faults"])
        well = [fault for fault in faults if fault.part != piece or not fault.at <= at < fault.end]
        if len(well) < len(faults):
            self.set(faults=as_text(well))
            return
        if piece not in self.result.breakable:
            raise unknown("part", piece, self.result.breakable)
        what, kind = next(iter(self.result.breakable[piece].items()))
        lasts = float(f"{self.result.params.duration / SHARE:.2g}")
        self.strike(piece, what, lasts, kind.usual, at)

    def mend(self) -> None:
        """Nothing is broken."""
        self.set(faults="")

    def burst(self, box: str, at: float) -> None:
        """The source called `box` sends a burst at `at` s: the parameters that say so change."""
        sources = {one.name: one.burst for one in self.lab.boxes if one.burst}
        if box not in sources:
            raise unknown("source", box, sources)
        self.set(**sources[box](self.result.params, at))

    def bring(self, name: str, raw: bytes) -> None:
        """Run the traffic in a file of one's own, as it is and as much of it as fits; its bytes
        `raw` stay in memory, under its name.

        `LabsimError` for a file that can't be read: nothing changes then. One that leaves a choice,
        such as which of its metrics is meant, is taken; its knob says so.
        """
        start = self.lab.Params().model_dump()
        if "trace" not in start:
            raise LabsimError(f"{self.lab.title} takes no traffic of your own")
        given, name = name, _name(name, raw)
        known = traces.brought(name) is not None
        traces.bring(name, raw)
        base = self.values if self.error is None else self.result.params.model_dump()
        own = {**base, **{knob: start[knob] for knob in knobs.OF_A_FILE if knob in start},
               "workload": "trace", "trace": name}
        try:
            self._fitted(own)
        except ParameterError as error:
            if error.name not in knobs.OF_A_FILE:
                if not known:
                    traces.forget(name)
                raise traces.TraceError(str(error).replace(name, given, 1)) from None
        self._put(own)
        self._follows = True
        self.render()

    # -- what it is, in words ----------------------------------------------------------------------

    @property
    def changed(self) -> bool:
        """Whether the run shown is not the step's own."""
        scene = links.scenes(self.lab)[self.step]
        return self.result.params != self.lab.Params(**scene.values)

    def code(self) -> str:
        """The line of Python that makes the run shown."""
        return as_code(self.lab, self.result)

    def link(self) -> str:
        """The end of the link, "?lab=...", that opens a demo of the run shown."""
        title = links.scenes(self.lab)[self.step].title
        return links.query(self.lab, self.result.params, title, self.result.seed)

    # -- running -----------------------------------------------------------------------------------

    def render(self) -> None:
        """Run the model with the values shown, and show it; on an error say so, keep the last."""
        if self._waiting is not None:
            self._waiting.cancel()      # this is the run that others wait for
            self._waiting = None
        try:
            if self._follows and self.values["workload"] == "trace":
                self.values = self._fitted(self.values)
            self.result = self.lab.run(self.lab.Params(**self.values), self.seed, budget=LIVE)
            self.error, self.notice = None, ""
        except Exception as error:      # shown, and kept in self.error
            self._failed(error)
        self._show()

    def _fitted(self, values: dict) -> dict:
        """These values, for as long as their file is, or as what a slider may start can be."""
        values = {name: value for name, value in values.items() if name != "duration"}
        return self.lab.fitting(self.lab.Params(**values), LIVE).model_dump()

    def _failed(self, error: Exception) -> None:
        self.error = error
        kind = "" if isinstance(error, LabsimError) else f"{type(error).__name__}: "
        known = (isinstance(error, ParameterError) and error.name in self.lab.Params.specs()
                 and knobs.shown(self.lab, error.name))
        self.notice = "" if known else f"{kind}{error}"

    def _keep(self) -> None:
        self._history = [*self._history, (
            self.values, self.step, self.seed, self._follows)][-MOST_BACK:]

    def _put(self, values: dict, fresh: bool = True) -> None:
        """Take other values; what goes with another side of the facts comes along. fresh: they are
        a change of their own, which can be taken back."""
        self.lab.Params.refuse_unknown(values)
        side = values.get("facts", self.values["facts"])
        self.at = None
        if fresh:
            self._keep()
        self._follows = self._follows and "duration" not in values
        self.values = {**self.lab.Params.as_of(side, self.values), **values}

    def _soon(self) -> None:
        """Render once what has been asked for by now is all in."""
        if self._waiting is not None:
            return
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self.render()
        else:
            self._waiting = loop.call_later(DELAY, self.render)

    def _show(self) -> None:
        raise NotImplementedError


def _name(name: str, raw: bytes) -> str:
    """The name for these bytes: another one where other bytes have run under it, so that undo can
    go back to those."""
    name = " ".join(str(name).split()) or "traffic"
    path = PurePath(name)
    others = (f"{path.stem} ({i}){path.suffix}" for i in count(2))
    while traces.brought(name) not in (None, raw):
        name = next(others)
    return name
