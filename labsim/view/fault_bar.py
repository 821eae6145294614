"""The fault bar of the explorer: break a part at the moment shown, or mend all.

Picture the red buttons on a training simulator's desk: the trainer picks what fails, for how long
and how badly, and presses when the moment is right. The run is made again with the same dice.
"""

import ipywidgets as w

from labsim.declare.faults import as_text, checked
from labsim.view.controls import fixed, named

SHARE = 10      # a fault lasts such a part of the run, if nothing else is said


class FaultBar:
    """What can be broken in the run shown. `strike(row)` is called with a fault, `mend()` when all
    is to be well again."""

    def __init__(self, strike, mend):
        self._strike, self._known = strike, {}
        self.part = w.Dropdown(options=[], layout=fixed(150), tooltip="What breaks")
        self.what = w.Dropdown(options=[], layout=fixed(90), tooltip="How it breaks")
        self.amount = w.FloatText(1.0, layout=fixed(64))
        self.unit = w.Label()
        self.lasts = w.FloatText(60.0, layout=fixed(64), tooltip="For how long, s")
        self.press = w.Button(description="Break it", layout=fixed(76),
                              tooltip="From the moment shown on; with the same dice")
        self.mended = w.Button(description="Mend all", layout=fixed(76), tooltip="No faults")
        self.part.observe(lambda _: self._parts(), "value")
        self.what.observe(lambda _: self._kinds(), "value")
        self.press.on_click(lambda _: self._strike(self.row))
        self.mended.on_click(lambda _: mend())
        for widget, name in ((self.part, "What breaks"), (self.what, "How it breaks"),
                             (self.amount, "How badly"), (self.lasts, "For how many seconds")):
            named(widget, name)
        self.widget = w.HBox([self.part, self.what, self.amount, self.unit, w.Label("for"),
                              self.lasts, w.Label("s"), self.press, self.mended],
                             layout=w.Layout(flex_flow="row wrap"))

    @property
    def row(self) -> tuple:
        """The fault that is set, but for its moment: part, what, for how long, by how much."""
        kind = self._known[self.part.value][self.what.value]
        return (self.part.value, self.what.value, self.lasts.value,
                self.amount.value if kind.amount else 0.0)

    def show(self, result) -> None:
        """What can be broken in this run; what is chosen stays, where there is such a part."""
        self.mended.disabled = not result.params.faults
        if result.breakable == self._known:
            return
        chosen, self._known = self.part.value, result.breakable
        self.widget.layout.display = "flex" if self._known else "none"
        self.lasts.value = round(result.params.duration / SHARE)
        self.part.options = list(self._known)
        self.part.value = chosen if chosen in self._known else next(iter(self._known), None)
        self._parts()

    def _parts(self) -> None:
        kinds = self._known.get(self.part.value, {})
        chosen = self.what.value
        self.what.options = list(kinds)
        self.what.value = chosen if chosen in kinds else next(iter(kinds), None)
        self._kinds()

    def _kinds(self) -> None:
        kind = self._known.get(self.part.value, {}).get(self.what.value)
        if kind:
            self.amount.layout.visibility = "visible" if kind.amount else "hidden"
            self.amount.value, self.unit.value = kind.usual, kind.amount
            self.what.tooltip = kind.meaning


def struck(faults: str, row: tuple, at: float) -> str:
    """The faults of a text, and one more from `at` s on."""
    part, what, lasts, amount = row
    return as_text([*checked(faults), (part, what, round(at, 3), lasts, amount)])


def touched(result, piece: str, at: float) -> str:
    """The faults of a run with one more: `piece` fails in the first of its ways from `at` s on, for
    a part of the run; if it is broken then, without those that hold."""
    faults = checked(result.params.faults)
    well = [fault for fault in faults if fault.part != piece or not fault.at <= at < fault.end]
    if len(well) < len(faults):
        return as_text(well)
    what, kind = next(iter(result.breakable[piece].items()))
    lasts = float(f"{result.params.duration / SHARE:.2g}")
    return struck(result.params.faults, (piece, what, lasts, kind.usual), at)
