"""A run on show: what the explorer and the demo have in common.

Picture a stage hand who is told what to set, runs it, and puts up the figure, the system picture
and the log of one moment. A change asks for one run; however many changes come before it, the
latest values win. Run and drawing happen in plain calls, so that an error is never swallowed: it
becomes one line, the last good picture stays, and `error` holds it.
"""

import asyncio

import ipywidgets as w

from labsim.engine import Budget
from labsim.errors import LabsimError, ParameterError
from labsim.view.controls import Controls, named
from labsim.view.figure import LiveFigure
from labsim.view.style import Style
from labsim.view.system_diagram import PAGE, Plan, picture

LIVE = Budget(seconds=1.5)  # what a slider may start; a run by hand may take more
DELAY = 0.002       # seconds in which further changes join the same render
MOST_FIGURES = 4    # looks whose printed forms are kept


class Session:
    """A run of `lab` on show; `values` are what the controls begin with.

    `result` is the run shown, `pinned` the one compared with, `error` the last failure or None.
    A subclass has `share`, the part of the run that has passed at the moment shown (0 to 1), and
    says how to show a run (`_show`) and a line of text (`_say`).
    """

    def __init__(self, lab, values: dict):
        self.lab, self.result, self.pinned, self.error = lab, None, None, None
        self._waiting = None
        self._figures: dict[Style, LiveFigure] = {}
        self.seed = w.BoundedIntText(1, 0, 2**31 - 1, layout=w.Layout(width="86px"),
                                     tooltip="Another seed: the same system, other luck")
        named(self.seed, "Seed").observe(self._changed, "value")
        self.controls = Controls(lab.Params.specs(), values, self._changed,
                                 hidden=() if lab.facts_differ else ("facts",))

    @property
    def t(self) -> float:
        """The moment shown, in seconds from the start of the run."""
        return self.share * self.result.params.duration

    def set(self, **values) -> None:
        """Set some parameters, and render."""
        self.lab.Params.refuse_unknown(values)
        shown = self.controls.values
        side = values.get("facts", shown["facts"])
        self.controls.set({**self.lab.Params.as_of(side, shown), **values})
        self.render()

    def pin(self) -> None:
        """Keep the run shown, to compare the next ones with it."""
        self.pinned = self.result
        self._show()

    def unpin(self) -> None:
        """Compare no more."""
        self.pinned = None
        self._show()

    def render(self) -> None:
        """Run the model with the values shown, and draw; on an error say so and keep the last."""
        if self._waiting is not None:
            self._waiting.cancel()      # this is the render that others wait for
            self._waiting = None
        self.controls.show()
        try:
            params = self.lab.Params(**self.controls.values)
            self.result = self.lab.run(params, self.seed.value, budget=LIVE)
            self.error = None
            self.controls.complain("", "")
            self._say("")
            self._show()
        except ParameterError as error:
            self.error = error
            if not self.controls.complain(error.name, str(error)):
                self._say(str(error))
        except Exception as error:      # shown, and kept in self.error
            self.error = error
            kind = "" if isinstance(error, LabsimError) else f"{type(error).__name__}: "
            self._say(f"{kind}{error}")

    def draw(self, style: Style, bands=None, plan: Plan = PAGE) -> tuple[bytes, str]:
        """Figure (PNG) and system picture (SVG) of the moment shown, in this style.

        The figure has a cursor at the moment, but none at the end of the run.
        """
        if style not in self._figures:
            if len(self._figures) >= MOST_FIGURES:
                self._figures.pop(next(iter(self._figures)))
            self._figures[style] = LiveFigure(self.lab, style)
        t = self.t if self.share < 1 else None
        return (self._figures[style].update(self.result, self.pinned, t, bands),
                picture(self.lab, self.result, self.t, dark=style.dark, plan=plan))

    def _show(self) -> None:
        raise NotImplementedError

    def _say(self, text: str) -> None:
        raise NotImplementedError

    def _changed(self, name=None) -> None:
        """A value changed: render soon, once. The facts switch takes the facts' knobs with it."""
        if name == "facts":
            side = self.controls.values["facts"]
            self.controls.set(self.lab.Params.as_of(side, {
                **self.controls.values, "facts": self.result.params.facts}))
        self._soon()

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
