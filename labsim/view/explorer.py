"""The explorer: sliders on the left, the run they stand for on the right.

A change asks for one render; however many changes come before it, the latest values win. The
run and the drawing happen in plain calls, so that an error is never swallowed: it becomes one
line, the last good picture stays, and `error` holds it.
"""

import asyncio
import base64

import ipywidgets as w

from labsim.engine import Budget
from labsim.errors import LabsimError, ParameterError
from labsim.kit.report import csv_text
from labsim.view import panes
from labsim.view.controls import Controls
from labsim.view.figure import LiveFigure
from labsim.view.picture import picture
from labsim.view.style import Style

# What a slider may start: about a second in plain Python. A run by hand may take more.
LIVE = Budget(requests=3e6, events=1e5)
FRAMES = 120    # moments of a run that the play button steps through
DELAY = 0.002   # seconds in which further changes join the same render


class Explorer:
    """The explorer of `lab`, starting at its defaults changed by `values`.

    `result` is the run shown, `pinned` the one compared with, `error` the last failure or None.
    """

    def __init__(self, lab, **values):
        self.lab, self.result, self.pinned, self.error = lab, None, None, None
        self._waiting = None
        self._figures: dict[Style, LiveFigure] = {}
        params = lab.Params(**values)
        self._build(params.model_dump())
        self.render()

    # -- what a learner, a test and a button do alike -----------------------------------------

    def set(self, **values) -> None:
        """Set some parameters, and render."""
        self.lab.Params.refuse_unknown(values)
        self.controls.set(values)
        self.render()

    def apply_preset(self, title: str) -> None:
        """Set the parameters of a preset, by its title or number, and render."""
        preset = self.lab.scene(title)
        self.controls.set(self.lab.preset(title).model_dump())
        self.presets.value = preset.title
        self.say.value = f'<div class="labsim-say">{preset.say}</div>'
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
        """Move the moment shown to `t` seconds."""
        self.frame.value = round(t / self.result.params.duration * FRAMES)

    def code(self) -> str:
        """The line of Python that makes the run shown."""
        params, knobs = self.result.params, self.lab.Params.knobs()
        changed = [f"{name}={getattr(params, name)!r}" for name, knob in knobs.items()
                   if getattr(params, name) != knob.default]
        words = ", ".join([repr(self.lab.slug), f"seed={self.result.seed}", *changed])
        return f"labsim.run({words})"

    def render(self) -> None:
        """Run the model with the values shown, and draw; on an error say so and keep the last."""
        self._waiting = None
        self.controls.show()
        try:
            params = self.lab.Params(**self.controls.values)
            self.result = self.lab.run(params, self.seed.value, budget=LIVE)
            self._show()
            self.error = None
            self.controls.complain("", "")
            self.status.value = ""
        except ParameterError as error:
            self.error = error
            if not self.controls.complain(error.name, str(error)):
                self.status.value = f'<span class="labsim-error">{error}</span>'
        except Exception as error:      # shown, and kept in self.error
            self.error = error
            kind = "" if isinstance(error, LabsimError) else f"{type(error).__name__}: "
            self.status.value = f'<span class="labsim-error">{kind}{error}</span>'

    # -- drawing -------------------------------------------------------------------------------

    @property
    def _t(self) -> float:
        return self.frame.value / FRAMES * self.result.params.duration

    def _show(self) -> None:
        self._draw()
        self.cards.value = panes.cards(self.lab, self.result, self.pinned)
        self.metrics.value = panes.metrics(self.lab, self.result, self.pinned)
        self.line.value = self.code()
        self.unpin_button.disabled = self.pinned is None
        self.files.value = ""

    def _draw(self) -> None:
        """What depends on the moment shown: figure, system picture, log."""
        style = Style(dark=self.dark.value, large=self.large.value)
        if style not in self._figures:
            self._figures[style] = LiveFigure(self.lab, style)
        live = self._figures[style]
        t = self._t if self.frame.value < FRAMES else None
        self.image.value = live.update(self.result, self.pinned, t)
        self.picture.value = picture(self.lab, self.result, self._t, dark=style.dark)
        self.log.value = panes.log(self.result, self._t)
        self.moment.value = panes.clock(self._t)

    def _changed(self, _=None) -> None:
        """A value changed: render soon, once."""
        if self._waiting is not None:
            return
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self.render()
        else:
            self._waiting = loop.call_later(DELAY, self.render)

    def _played(self, change) -> None:
        self.frame.value = change["new"]

    def _moved(self, change) -> None:
        self.play.value = change["new"]     # playing goes on from where the learner scrubbed to
        self._draw()

    def _looks(self, _=None) -> None:
        for name, on in (("labsim-large", self.large.value), ("labsim-dark", self.dark.value)):
            (self.widget.add_class if on else self.widget.remove_class)(name)
        self._show()

    def _export(self, _=None) -> None:
        """Links to the run as CSV, PNG and JSON, made when asked for."""
        def link(name, kind, data):
            text = base64.b64encode(data).decode()
            return (f'<a download="{self.lab.slug}.{name}" '
                    f'href="data:{kind};base64,{text}">{name.upper()}</a>')
        self.files.value = "Save as " + ", ".join((
            link("csv", "text/csv", csv_text(self.result).encode()),
            link("png", "image/png", bytes(self.image.value)),
            link("json", "application/json", self.result.to_json().encode())))

    # -- the widgets ---------------------------------------------------------------------------

    def _build(self, values: dict) -> None:
        def button(text, tip, action, width="76px"):
            made = w.Button(description=text, tooltip=tip, layout=w.Layout(width=width))
            made.on_click(lambda _: action())
            return made
        titles = [p.title for p in self.lab.presets]
        self.presets = w.Dropdown(options=["Presets ...", *titles], layout=w.Layout(width="190px"))
        self.presets.observe(lambda c: c["new"] in titles and self.apply_preset(c["new"]), "value")
        self.seed = w.BoundedIntText(1, 0, 2**31 - 1, layout=w.Layout(width="86px"),
                                     tooltip="Another seed: the same system, other luck")
        self.seed.observe(self._changed, "value")
        self.unpin_button = button("Unpin", "Compare no more", self.unpin)
        self.large = w.ToggleButton(description="Large type", layout=w.Layout(width="92px"))
        self.dark = w.ToggleButton(description="Dark", layout=w.Layout(width="60px"))
        for toggle in (self.large, self.dark):
            toggle.observe(self._looks, "value")
        self.pin_button = button("Pin", "Keep this run to compare with", self.pin)
        self.files, self.status, self.say = w.HTML(), w.HTML(), w.HTML()
        top = w.HBox([self.presets, w.Label("Seed"), self.seed, self.pin_button,
                      self.unpin_button, button("Export", "Links to save this run", self._export),
                      self.large, self.dark, self.files], layout=w.Layout(flex_flow="row wrap"))
        self.controls = Controls(self.lab.Params.knobs(), values, self._changed)
        self.line = w.Text(layout=w.Layout(width="100%"), tooltip="This run as a line of Python")
        width, height = (int(100 * inches) for inches in Style().size)
        self.image = w.Image(format="png", width=width, height=height)
        self.image.add_class("labsim-figure")
        self.cards = w.HTML(layout=w.Layout(min_height="78px"))
        self.picture = w.HTML(layout=w.Layout(max_width=f"{width}px"))
        self.picture.add_class("labsim-picture")
        self.play = w.Play(min=0, max=FRAMES, interval=100, tooltip="Play the run")
        self.frame = w.IntSlider(FRAMES, 0, FRAMES, readout=False,
                                 layout=w.Layout(width="380px"), tooltip="Moment of the run")
        self.play.observe(self._played, "value")
        self.frame.observe(self._moved, "value")
        self.moment = w.Label()
        self.metrics, self.log = w.HTML(), w.HTML()
        self.metrics.add_class("labsim-metrics")
        tables = w.Tab([w.VBox([pane], layout=w.Layout(height="330px", overflow="auto"))
                        for pane in (self.metrics, self.log)], titles=["Metrics", "Event log"])
        right = w.VBox([self.cards, self.image,
                        w.HBox([self.play, self.frame, self.moment]), self.picture, tables],
                       layout=w.Layout(max_width=f"{width + 10}px"))
        left = w.VBox([self.controls.widget, w.Label("This run as code:"), self.line],
                      layout=w.Layout(width="442px", min_width="442px"))
        self.widget = w.VBox([w.HTML(panes.CSS), top, self.say, self.status,
                              w.HBox([left, right])])
        self.widget.add_class("labsim-explorer")

    def __repr__(self) -> str:
        return f"Explorer of {self.lab.slug}"

    def _repr_mimebundle_(self, **options):
        bundle = self.widget._repr_mimebundle_(**options)
        bundle = bundle[0] if isinstance(bundle, tuple) else bundle
        still = base64.b64encode(self.image.value).decode()     # for a page without a kernel
        return {**bundle, "image/png": still, "text/plain": repr(self)}
