"""The left side of the explorer: one row of widgets per parameter.

A row never changes a value by itself. The slider counts steps, so that no rounding of the browser
becomes a value; it has soft ends. A number between its steps or beyond its ends, typed or set by
a preset, stays in the box beside it, and whether it is allowed is for the parameters to say.
"""

from html import escape

import ipywidgets as w


def fixed(width: int) -> w.Layout:
    """A layout of this width in pixels, whatever is around it."""
    return w.Layout(width=f"{width}px", min_width=f"{width}px")


def named(widget, name: str):
    """The widget, with a name for screen readers (see names.js)."""
    return widget.add_class("labsim-is-" + name.replace(" ", "-"))


class Control:
    """The row of one spec. `on_change(name)` is called when the learner changes its value."""

    def __init__(self, spec, value, on_change):
        self.spec, self._on_change, self._quiet = spec, on_change, False
        self.error = w.HTML(layout=w.Layout(display="none"))
        self.error.add_class("labsim-error")
        label = w.Label(spec.label, layout=fixed(146), tooltip=spec.help)
        self.reset = w.Button(description="\u21ba", layout=fixed(28),
                              tooltip=f"{spec.label}: reset to the default")
        self.reset.add_class("labsim-reset")
        self.reset.on_click(lambda _: self.set(spec.default, tell=True))
        self._build(value)
        unit = w.Label(spec.unit, layout=fixed(76))
        self.row = w.VBox([w.HBox([label, *self.parts, unit, self.reset]), self.error])
        self.row.add_class("labsim-row")

    def _build(self, value) -> None:
        spec, tip = self.spec, {"tooltip": self.spec.help}
        self.slider = None
        wide = fixed(176)
        if spec.type is bool:
            self.box = w.Checkbox(value=value, indent=False, layout=wide, **tip)
        elif spec.choices:
            self.box = w.Dropdown(options=spec.choices, value=value, layout=wide, **tip)
        elif spec.options:
            self.box = w.Dropdown(options=self._options(value), value=value, layout=wide, **tip)
        elif spec.type is str:
            self.box = w.Text(value=value, continuous_update=False, layout=wide, **tip)
        else:
            kind = w.IntText if spec.type is int else w.FloatText
            self.box = kind(value=value, step=spec.step, layout=fixed(90), **tip)
            self.slider = w.IntSlider(self._position(value), 0, self._steps, readout=False,
                                      layout=fixed(82), **tip)
            self.slider.observe(self._slid, "value")
        self.box.observe(self._typed, "value")
        self.parts = [self.slider, self.box] if self.slider else [self.box]

    def _options(self, value) -> list:
        return sorted({*self.spec.options, value})

    @property
    def _steps(self) -> int:
        low, high = self.spec.slider
        return round((high - low) / self.spec.step)

    def _position(self, value) -> int:
        """The slider's step that is nearest to `value`."""
        low, high = self.spec.slider
        value = min(max(value, low), high)
        return min(round((value - low) / self.spec.step), self._steps)

    def _at(self, position: int):
        """The value at a step of the slider."""
        low, _ = self.spec.slider
        return self.spec.type(round(low + position * self.spec.step, 9))

    def _slid(self, change) -> None:
        if not self._quiet and change["new"] != self._position(self.value):
            self.set(self._at(change["new"]), slide=False, tell=True)

    def _typed(self, change) -> None:
        if not self._quiet:
            self.set(change["new"], tell=True)

    @property
    def value(self):
        """What the learner sees."""
        return self.box.value

    def set(self, value, *, slide: bool = True, tell: bool = False) -> None:
        """Show `value`; with `tell` as if the learner had done it."""
        self._quiet = True
        try:
            if self.spec.options:
                self.box.options = self._options(value)
            self.box.value = value
            if self.slider and slide:
                self.slider.value = self._position(value)
        finally:
            self._quiet = False
        if tell:
            self._on_change(self.spec.name)

    def complain(self, text: str) -> None:
        """Show one line beside the field; an empty text takes it away."""
        self.error.value = escape(text, quote=False)
        self.error.layout.display = "block" if text else "none"


class Controls:
    """The rows of all specs, in groups; rows that don't matter now are hidden, and `hidden`."""

    def __init__(self, specs, values: dict, on_change, hidden=()):
        self.hidden = hidden
        self.rows = {name: Control(spec, values[name], on_change)
                     for name, spec in specs.items()}
        groups: dict[str, list] = {}
        for name, spec in specs.items():
            groups.setdefault(spec.group, []).append(self.rows[name].row)
        self._groups = [w.VBox([w.HTML(f'<h4 class="labsim-group">{title}</h4>'), *rows])
                        for title, rows in groups.items()]
        for group in self._groups:
            group.add_class("labsim-row")
        self.widget = w.VBox(self._groups)
        self.widget.add_class("labsim-controls")
        self.show()

    @property
    def values(self) -> dict:
        """{name: value} of what the learner sees."""
        return {name: row.value for name, row in self.rows.items()}

    def set(self, values: dict) -> None:
        """Show other values, without telling."""
        for name, value in values.items():
            self.rows[name].set(value)
        self.show()

    def show(self) -> None:
        """Hide the rows whose knob has no effect with the present values."""
        values = self.values
        for row in self.rows.values():
            name, among = row.spec.when or ("", ())
            hidden = bool(name) and values[name] not in among or row.spec.name in self.hidden
            row.row.layout.display = "none" if hidden else "flex"
        for group in self._groups:
            shown = any(row.layout.display != "none" for row in group.children[1:])
            group.layout.display = "flex" if shown else "none"

    def complain(self, name: str, text: str) -> bool:
        """Show a line beside field `name`, and beside no other; False if there is no such field."""
        for row in self.rows.values():
            row.complain(text if row.spec.name == name else "")
        return name in self.rows
