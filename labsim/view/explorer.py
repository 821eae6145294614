"""The explorer: a stage with a kernel behind it, in a notebook or on a wall.

Picture a conductor with a telephone to the hall: what a hand there asks for is played here, and
the record of it goes back. The demo is the same, as large as its window.
"""

import asyncio
import base64
import os
from math import isnan

import anywidget
import traitlets as t

from labsim.declare.amounts import amount
from labsim.declare.describe import csv_text
from labsim.errors import LabsimError, ParameterError
from labsim.text import format_value
from labsim.view import links
from labsim.view.compare import compare
from labsim.view.frontend import bundle
from labsim.view.lite_links import lite_base, lite_link
from labsim.view.recording import recording
from labsim.view.replications import Replications
from labsim.view.report import html, pdf
from labsim.view.session import LIVE, Session
from labsim.view.stage import module
from labsim.view.still import page
from labsim.view.told import told

REPLICATIONS = 30
PAUSE = 0.4     # seconds without a change before they begin, and between two looks at them
NO_FILE = "No traffic of your own yet: drop a file on the picture, or choose one (Own traffic)"
BREATH = 0.02   # seconds for the sliders between two runs, where there are no threads


class Stage(anywidget.AnyWidget):
    """What is shown, as traits; what a hand does, as messages {"do": ...} to `on_msg`."""

    _esm = module()

    plan = t.Dict().tag(sync=True)      # see `labsim.view.told`
    run = t.Bytes().tag(sync=True)      # see `labsim.view.recording`
    ghost = t.Bytes().tag(sync=True)    # the pinned run
    state = t.Dict().tag(sync=True)     # values, step, what went wrong
    wall = t.Bool(False).tag(sync=True)
    dark = t.Bool(None, allow_none=True).tag(sync=True)     # None: as what is behind it
    live = t.Unicode("").tag(sync=True)                     # its name in the page

    def close(self) -> None:
        """It goes, with the layout that every widget has."""
        self.layout.close()
        super().close()


class Explorer(Session):
    """The explorer of `lab`, starting at its defaults (its first step) changed by `values`."""

    def __init__(self, lab, values: dict | None = None, *, step: int = 0, seed: int = 1,
                 wall: bool = False, dark: bool | None = None, notice: str = ""):
        start = lab.Params(**(values or links.scenes(lab)[step].values))
        super().__init__(lab, start.model_dump(), step, seed)
        self.widget = Stage(plan=told(lab), wall=wall, dark=dark)
        self.widget.on_msg(self._heard)
        self.replications = self._looking = None
        self._repeat, self._shown, self._plan_of, self._ghost_of = False, 0, lab, None
        self._pieces = []
        self.render()
        if notice:
            self.notice = notice
            self._show()

    def replicate(self, wanted: int = REPLICATIONS) -> Replications:
        """Begin to repeat the run shown with other seeds, in the background."""
        self.stop_replicating()
        self.replications = Replications(self.lab, self.result.params, self.result.seed, wanted,
                                         LIVE, lambda: None)
        self.replications.start()
        return self.replications

    def stop_replicating(self) -> None:
        """Stop that, and forget what it gave."""
        if self.replications:
            self.replications.cancel()
        self.replications = None

    def many(self, on: bool = True) -> None:
        """Whether each run shown is repeated with other seeds, once nothing changes any more."""
        self._repeat = bool(on)
        if not on:
            self.stop_replicating()
        self._show()
        self._look_again()

    def render(self) -> None:
        """Run the model with the values shown, and show it; on an error say so, keep the last."""
        self.stop_replicating()
        super().render()
        if self.error is None:
            self._look_again()

    def close(self) -> None:
        """The stage goes, in the browser and here."""
        self.stop_replicating()
        self.widget.close()

    # -- showing -----------------------------------------------------------------------------------

    def _show(self) -> None:
        """All that belongs together in one message."""
        stage = self.widget
        self._shown += 1
        with stage.hold_sync():
            if self.result is not None:
                if self.result.lab is not self._plan_of:    # of a system: other parts are wired
                    self._plan_of = self.result.lab
                    stage.plan = told(self._plan_of)
                bands = self.replications.bands() if self.replications else None
                stage.run = recording(self.result, bands)
            if self.pinned is not self._ghost_of:       # not with every turn of a knob
                self._ghost_of = self.pinned
                stage.ghost = recording(self.pinned) if self.pinned else b""
            stage.state = self._state()

    def _state(self) -> dict:
        state = {"shown": self._shown, "step": self.step, "seed": self.seed, "at": self.at,
                 "values": self.values, "notice": self.notice, "pinned": self.pinned is not None,
                 "undo": bool(self._history), "error": None}
        if isinstance(self.error, ParameterError) and not self.notice:
            state["error"] = {"name": self.error.name, "text": str(self.error)}
        if self.result is not None:
            state |= {"changed": self.changed, "code": self.code(), "link": self._address()}
        if self._repeat:
            many = self.replications
            state |= {"many": self._spreads(), "told": "" if many is None else many.error or (
                f"{many.runs} of {many.wanted} runs"
                + (f"; no intervals: {many.note}" if many.note else ""))}
        return state

    def _address(self) -> str:
        base = lite_base()
        return self.link() if base is None else lite_link(
            base, self.lab, self.result.params, self.result.seed)

    def _spreads(self) -> dict[str, str]:
        """{metric: its mean over the replications, with the 95% interval}."""
        found = {}
        for name in self.result.summary if self.replications else ():
            if known := self.replications.interval(name):
                mean, half = known
                found[name] = f"mean {format_value(mean)}" + (
                    "" if isnan(half) else f" \u00b1 {format_value(half)}")
        return found

    def _look_again(self) -> None:
        """While it is to be repeated: begin once nothing changes any more, then show how far
        that is, until all runs are made."""
        if self._looking is not None:
            self._looking.cancel()
            self._looking = None
        if self._repeat:
            try:
                loop = asyncio.get_running_loop()
            except RuntimeError:
                return
            stepwise = self.replications and self.replications.stepwise
            self._looking = loop.call_later(BREATH if stepwise else PAUSE, self._look)

    def _look(self) -> None:
        self._looking = None
        many = self.replications or self.replicate()
        many.step()
        made = many.runs        # more may be made while these are drawn
        self._show()
        if made < many.wanted and not many.error:
            self._look_again()

    # -- what a hand asks for ----------------------------------------------------------------------

    def _heard(self, _, content, buffers) -> None:
        """A message of the stage; whatever goes wrong is said on it."""
        value, at = content.get("value"), content.get("at")
        acts = {
            "set": lambda: self._turned(content["values"], content.get("fresh", True)),
            "step": lambda: self.go(value), "seed": lambda: self.reseed(links.seed_of(str(value))),
            "undo": self.undo, "pin": self.pin, "unpin": self.unpin,
            "touch": lambda: self.touch(value, at), "mend": self.mend,
            "strike": lambda: self._struck(*value, at), "burst": lambda: self.burst(value, at),
            "file": lambda: self._came(value, buffers, *content.get("part", (0, 1)),
                                       content.get("files", 1)),
            "many": lambda: self.many(value), "save": lambda: self._saved(value)}
        try:
            if content.get("do") in acts:
                acts[content["do"]]()
        except Exception as error:
            self._failed(error)
            self._show()

    def _turned(self, values: dict, fresh: bool) -> None:
        """A text is for the parameter to read: "5m" is 300 s."""
        specs = self.lab.Params.specs()
        self._put({name: specs[name].parse(value) if isinstance(value, str) and name in specs
                   else value for name, value in values.items()}, fresh)
        self._soon()

    def _struck(self, part: str, what: str, lasts, badly, at: float) -> None:
        self.strike(part, what, _number("for how long", lasts, "s"),
                    _number("how badly", badly, ""), at)

    def _came(self, name: str, buffers, place: int, pieces: int, files: int) -> None:
        """A piece of a file of one's own, for no message may be as long as a file; with the last
        one it is run. files: how many were given at once."""
        self._pieces = [*self._pieces[:place], *map(bytes, buffers)]
        if place + 1 < pieces:
            return
        got, self._pieces = self._pieces, []
        if len(got) != pieces:
            raise LabsimError(f"{name}: a part of it got lost on its way; drop it once more")
        self.bring(name, b"".join(got))
        if files > 1:
            self.notice = self.notice or f"Of {files} files one is used: {name}"
            self._show()

    def _failed(self, error: Exception) -> None:
        super()._failed(error)
        if getattr(error, "name", "") == "trace" and error.given == "":
            self.notice = NO_FILE

    def _saved(self, kind: str) -> None:
        """The run as a file of a kind, for the browser to keep."""
        shown = compare(self.pinned, self.result) if self.pinned else self.result
        makers = {"csv": ("text/csv", lambda: csv_text(self.result)),
                  "json": ("text/json", self.result.to_json),
                  "html": ("text/html", lambda: html(shown)),
                  "pdf": ("application/pdf", lambda: base64.b64encode(pdf(shown)).decode())}
        media, make = makers[kind]
        self.widget.send({"file": f"{self.lab.slug}.{kind}", "type": media, "data": make()})

    def __repr__(self) -> str:
        return f"Explorer of {self.lab.slug}"

    def _repr_mimebundle_(self, **options):
        return bundle(self.widget, page(self.lab, self.result, live="{live}"), repr(self))


def _number(name: str, text, unit: str) -> float:
    try:
        return amount(str(text), unit)
    except ValueError:
        raise ParameterError(name, text, "a number", unit) from None


def opened(labs: dict, slug: str, query: str | None = None) -> Explorer:
    """The demo that a link asks for: of its lab, or of `slug` if it names none of `labs`.

    query: as in a link; by default what the server says was asked for.
    """
    query = os.environ.get("QUERY_STRING", "") if query is None else query
    lab, problem = links.lab_of(query, labs, slug)
    asked = links.state(lab, query, LIVE)
    notice = "; ".join(filter(None, (problem, asked.problem)))
    return Explorer(lab, asked.params.model_dump(), step=links.scenes(lab).index(asked.preset),
                    seed=asked.seed, wall=True, notice=notice,
                    dark={"dark": True, "light": False}.get(asked.theme))
