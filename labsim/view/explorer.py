"""The explorer: sliders on the left, the run they stand for on the right.

`shown` holds what it has in common with the demo: running, drawing, pinning, errors in one line.
"""

import asyncio
import base64
from html import escape

import ipywidgets as w

from labsim.declare.describe import as_code, csv_text
from labsim.view import html_tables, links
from labsim.view.alt import alt, described
from labsim.view.compare import compare
from labsim.view.controls import named
from labsim.view.fault_bar import FaultBar, struck
from labsim.view.lite_links import anchor
from labsim.view.replications import Replications
from labsim.view.report import html, pdf
from labsim.view.session import LIVE, Session
from labsim.view.style import Style

FRAMES = 120    # moments of a run that the play button steps through
REPLICATIONS = 30
PAUSE = 0.4     # seconds without a change before they begin, and between two looks at them
BREATH = 0.02   # seconds for the sliders between two runs, where there are no threads


class Explorer(Session):
    """The explorer of `lab`, starting at its defaults changed by `values`."""

    def __init__(self, lab, **values):
        super().__init__(lab, lab.Params(**values).model_dump())
        self._looking = self.replications = None
        self._build()
        self.render()

    # -- what a learner, a test and a button do alike -----------------------------------------

    def apply_preset(self, title: str) -> None:
        """Set the parameters of a preset, by its title or number, and render."""
        preset = self.lab.scene(title)
        self.controls.set(self.lab.preset(title).model_dump())
        self.presets.value = preset.title
        self.say.value = f'<div class="labsim-say">{preset.say}</div>'
        self.render()

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
        self.many_runs.value = ""

    def scrub(self, t: float) -> None:
        """Move the moment shown to `t` seconds."""
        self.frame.value = round(t / self.result.params.duration * FRAMES)

    def strike(self, row: tuple) -> None:
        """Something breaks at the moment shown (at the end: after a third of the run); `row` says
        what, how, for how long (s) and how badly."""
        at = self.t if self.share < 1 else self.t / 3
        self.set(faults=struck(self.controls.values["faults"], row, at))

    def mend(self) -> None:
        """Nothing is broken."""
        self.set(faults="")

    def code(self) -> str:
        """The line of Python that makes the run shown."""
        return as_code(self.lab, self.result)

    def link(self) -> str:
        """The end of the link, "?lab=...", that opens a demo of the run shown."""
        preset = self.presets.value if self.presets.index else ""
        return links.query(self.lab, self.result.params, preset, self.result.seed)

    def render(self) -> None:
        """Run the model with the values shown, and draw; on an error say so and keep the last."""
        self.stop_replicating()
        super().render()
        if self.error is None:
            self._look_again()

    # -- drawing -------------------------------------------------------------------------------

    @property
    def share(self) -> float:
        """The part of the run that has passed at the moment shown."""
        return self.frame.value / FRAMES

    def _say(self, text: str) -> None:
        line = escape(text, quote=False)
        self.status.value = f'<span class="labsim-error">{line}</span>' if line else ""

    def _show(self) -> None:
        self._draw()
        self._tables()
        self.line.value, self.address.value = self.code(), self.link()
        self.theory.value = html_tables.theory(self.lab, self.result)
        self.unpin_button.disabled = self.pinned is None
        self.faults.show(self.result)
        self.files.value = ""

    def _tables(self) -> None:
        shown = self.lab, self.result, self.pinned, self.replications
        self.cards.value = html_tables.cards(*shown)
        self.metrics.value = html_tables.metrics(*shown)

    def _draw(self) -> None:
        """What depends on the moment shown: figure, system picture, log."""
        style = Style(dark=self.dark.value, large=self.large.value)
        bands = self.replications and self.replications.bands()
        self.image.value, self.picture.value = self.draw(style, bands)
        self.log.value = html_tables.log(self.result, self.t)
        self.moment.value = html_tables.clock(self.t)

    def _look_again(self) -> None:
        """While "30 runs" is on: begin them once nothing changes any more, then show how far
        they are, until all are made."""
        if self._looking is not None:
            self._looking.cancel()
            self._looking = None
        if self.many.value:
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
        self._tables()
        self._draw()
        note = f"; no intervals: {many.note}" if many.note else ""
        self.many_runs.value = many.error or f"{made} of {many.wanted} runs{note}"
        if made < many.wanted and not many.error:
            self._look_again()

    def _many(self, change) -> None:
        if not change["new"]:
            self.stop_replicating()
            self._show()
        self._look_again()

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
        """Links to the run as CSV, PNG and JSON, and to a page about it (and about the pinned
        one), made when asked for."""
        def link(name, kind, data):
            text = base64.b64encode(data).decode()
            return (f'<a download="{self.lab.slug}.{name}" '
                    f'href="data:{kind};base64,{text}">{name.upper()}</a>')
        shown = compare(self.pinned, self.result) if self.pinned else self.result
        self.files.value = "Save as " + ", ".join((
            link("csv", "text/csv", csv_text(self.result).encode()),
            link("png", "image/png", bytes(self.image.value)),
            link("json", "application/json", self.result.to_json().encode()),
            link("html", "text/html", html(shown).encode()),
            link("pdf", "application/pdf", pdf(shown)))) + anchor(
                self.lab, self.result.params, self.result.seed)

    # -- the widgets ---------------------------------------------------------------------------

    def _build(self) -> None:
        def button(text, tip, action, width="76px"):
            made = w.Button(description=text, tooltip=tip, layout=w.Layout(width=width))
            made.on_click(lambda _: action())
            return made
        titles = [p.title for p in self.lab.presets]
        self.presets = w.Dropdown(options=["Presets ...", *titles], layout=w.Layout(width="190px"))
        self.presets.observe(lambda c: c["new"] in titles and self.apply_preset(c["new"]), "value")
        self.unpin_button = button("Unpin", "Compare no more", self.unpin)
        self.large = w.ToggleButton(description="Large type", layout=w.Layout(width="92px"))
        self.dark = w.ToggleButton(description="Dark", layout=w.Layout(width="60px"))
        for toggle in (self.large, self.dark):
            toggle.observe(self._looks, "value")
        self.many = w.ToggleButton(description=f"{REPLICATIONS} runs",
                                   layout=w.Layout(width="76px"), tooltip=(
                                   "Is that luck? Repeat it with other seeds; again to cancel"))
        self.many.observe(self._many, "value")
        self.many_runs = w.Label()
        self.pin_button = button("Pin", "Keep this run to compare with", self.pin)
        self.files, self.status, self.say, self.theory = (w.HTML() for _ in range(4))
        top = w.HBox([self.presets, w.Label("Seed"), self.seed, self.pin_button,
                      self.unpin_button, self.many, self.many_runs,
                      button("Export", "Links to save this run", self._export),
                      self.large, self.dark, self.files], layout=w.Layout(flex_flow="row wrap"))
        named(self.presets, "Presets")
        wide = w.Layout(width="100%")
        self.line = w.Text(layout=wide, tooltip="This run as a line of Python")
        self.address = w.Text(layout=wide, tooltip="The end of a link that opens this run")
        named(self.line, "This run as code")
        named(self.address, "This run as a link")
        width, height = (int(100 * inches) for inches in Style().size)
        self.image = w.Image(format="png", width=width, height=height)
        named(self.image, html_tables.figure_in_words(self.lab))
        self.image.add_class("labsim-figure")
        self.cards = w.HTML(layout=w.Layout(min_height="78px"))
        self.picture = w.HTML(layout=w.Layout(max_width=f"{width}px"))
        self.picture.add_class("labsim-picture")
        self.play = w.Play(min=0, max=FRAMES, interval=100, tooltip="Play the run")
        self.frame = w.IntSlider(FRAMES, 0, FRAMES, readout=False,
                                 layout=w.Layout(width="380px"), tooltip="Moment of the run")
        self.play.observe(self._played, "value")
        self.frame.observe(self._moved, "value")
        named(self.play, "The run")
        named(self.frame, "Moment of the run")
        self.moment = w.Label()
        self.faults = FaultBar(self.strike, self.mend)
        self.metrics, self.log = w.HTML(), w.HTML()
        self.metrics.add_class("labsim-metrics")
        tabs = ["Metrics", "Event log"]
        tables = w.Tab([
            named(w.VBox([pane], layout=w.Layout(height="330px", overflow="auto")), title)
            for pane, title in zip((self.metrics, self.log), tabs)], titles=tabs)
        right = w.VBox([self.cards, self.image, self.theory,
                        w.HBox([self.play, self.frame, self.moment]), self.faults.widget,
                        self.picture, tables],
                       layout=w.Layout(max_width=f"{width + 10}px"))
        left = w.VBox([self.controls.widget, w.Label("This run as code:"), self.line,
                       w.Label("As a link, after the address of a demo:"), self.address],
                      layout=w.Layout(width="442px", min_width="442px"))
        self.widget = w.VBox([w.HTML(html_tables.HEAD), top, self.say, self.status,
                              w.HBox([left, right])])
        self.widget.add_class("labsim-explorer")

    def __repr__(self) -> str:
        return f"Explorer of {self.lab.slug}"

    def _repr_mimebundle_(self, **options):
        bundle = self.widget._repr_mimebundle_(**options)
        bundle = bundle[0] if isinstance(bundle, tuple) else bundle
        told = alt(self.lab, self.result, self.pinned)
        still = base64.b64encode(described(self.image.value, told)).decode()    # without a kernel
        return {**bundle, "image/png": still, "text/plain": repr(self)}
