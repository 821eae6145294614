"""The demo: one lab for an instructor with ninety seconds, a projector and a question.

Picture a flip chart with a model beside it: every sheet is a step of the story with a sentence to
say, and the few knobs that matter at this step are at hand.
"""

import os

import ipywidgets as w

from labsim.view import html_tables, links
from labsim.view.fault_bar import touched
from labsim.view.session import LIVE, Session
from labsim.view.stage import Stage
from labsim.view.style import Style
from labsim.view.system_diagram import WALL

DPI = 84            # of the figure where the window is 1280 pixels wide
SCALES = (0.4, 3)   # smallest and largest window, in widths of 1280 pixels
MOST_KNOBS = 4      # at hand at one time
LAST = ("duration", "facts")    # they change what is seen, hardly what happens
EVENTS = 2          # of the log, before the moment shown


def at_hand(lab, step: int, values: dict) -> list[str]:
    """The parameters to have at hand at a step (from 0): what it sets, above all what it sets
    anew and what the next one will change, and how much comes in; the rest in the lab's order.

    values: the present ones, which decide what has any effect.
    """
    specs, scenes = lab.Params.specs(), links.scenes(lab)
    around = [lab.Params(**scene.values).model_dump()
              for scene in scenes[max(step - 1, 0):step + 2]]
    here, before, after = around[min(step, 1)], around[0], around[-1]

    def weight(name):
        return (name not in LAST, 2 * (name in scenes[step].values)
                + 2 * (here[name] != before[name]) + (here[name] != after[name]))

    def matters(name):
        on, among = specs[name].when or ("", ())
        return not links.is_text(specs[name]) and (not on or values[on] in among) and (
            name != "facts" or lab.facts_differ)
    ranked = sorted(filter(matters, specs), key=weight, reverse=True)
    load = next((n for n in specs if specs[n].slider and matters(n) and n not in LAST), None)
    chosen = ranked[:MOST_KNOBS]
    return chosen if load is None or load in chosen else [*chosen[:-1], load]


class Demo(Session):
    """The demo of `lab`, opened by the `query` of a link (see `labsim.view.links`).

    `step` is the place in the story, from 0; `share` the part of the run that has passed.
    """

    def __init__(self, lab, query: str = "", notice: str = ""):
        asked = links.state(lab, query, LIVE)
        super().__init__(lab, asked.params.model_dump())
        self.share, self.step = 1.0, links.scenes(lab).index(asked.preset)
        self._scale = 1.0
        self._build()
        self.stage.dark = asked.theme == "dark"
        self.seed.value = asked.seed
        self.render()
        if self.result is None:     # not even that could be run
            self.go(self.step)
        self._say("; ".join(filter(None, [notice, asked.problem])) or self.stage.notice)

    # -- what a hand, a key, a remote control and a test do alike -------------------------------

    def go(self, step: int) -> None:
        """Show a step of the story (from 0; one beyond an end is that end), as a whole run."""
        scenes = links.scenes(self.lab)
        self.step, self.share = min(max(step, 0), len(scenes) - 1), 1.0
        self.controls.set(self.lab.Params(**scenes[self.step].values).model_dump())
        self.stage.halted += 1
        self._soon()

    def next(self) -> None:
        """The next step; at the last one nothing changes but what was turned since."""
        self.go(self.step + 1)

    def back(self) -> None:
        """The step before."""
        self.go(self.step - 1)

    def seek(self, share: float) -> None:
        """Show the moment at which this share of the run has passed."""
        self.share = min(max(float(share), 0.0), 1.0)
        if self._waiting is None:       # else it is drawn in a moment anyway
            self._show()

    def touch(self, piece: str) -> None:
        """Break a piece of the system at the moment shown, in the first of its ways; or mend it."""
        at = self.t if self.share < 1 else self.t / 3
        self.set(faults=touched(self.result, piece, at))

    def dark(self, on: bool = True) -> None:
        """Light or dark."""
        self.stage.dark = on
        self._show()

    def resize(self, scale: float) -> None:
        """Draw for a window of `scale` times 1280 pixels, so that type is sharp."""
        self._scale = min(max(float(scale), SCALES[0]), SCALES[1])
        self._figures.clear()
        self._show()

    def link(self) -> str:
        """The query of a link that opens what is shown."""
        query = links.query(self.lab, self.result.params, links.scenes(self.lab)[self.step].title,
                            self.result.seed)
        return query + ("&theme=dark" if self.stage.dark else "")

    # -- drawing --------------------------------------------------------------------------------

    def _show(self) -> None:
        """All that belongs to the moment shown, in one message."""
        stage, scene = self.stage, links.scenes(self.lab)[self.step]
        png, svg = self.draw(Style(stage.dark, large=True, dpi=round(DPI * self._scale)),
                             plan=WALL)
        self._put_at_hand()
        self.metrics.value = html_tables.metrics(self.lab, self.result, self.pinned)
        with stage.hold_sync():
            stage.png, stage.svg = png, svg
            stage.cards = html_tables.cards(self.lab, self.result, self.pinned)
            stage.log = html_tables.log(self.result, self.t, before=EVENTS)
            stage.clock = " of ".join(map(html_tables.clock,
                                          (self.t, self.result.params.duration)))
            stage.share, stage.step = self.share, self.step
            stage.title, stage.say = _heading(scene.title), scene.say
            stage.link = self.link()
            stage.shown += 1
        for widget in (self.hand, self.drawer):
            (widget.add_class if stage.dark else widget.remove_class)("labsim-dark")

    def _say(self, text: str) -> None:
        self.stage.notice = text

    def pin(self) -> None:
        """Keep the run shown, to compare the next ones with it."""
        title = _heading(links.scenes(self.lab)[self.step].title)
        changed = "" if self._as_told() else ", changed"
        self.stage.pinned = f"{self.step + 1} {title}{changed}"
        super().pin()

    def unpin(self) -> None:
        """Compare no more."""
        self.stage.pinned = ""
        super().unpin()

    def fold(self, folded: bool) -> None:
        """Fold the other parameters away, or show them."""
        self.stage.folded = folded
        self.drawer.layout.display = "none" if folded else "flex"

    def _as_told(self) -> bool:
        """Whether the parameters shown are the step's own."""
        scene = links.scenes(self.lab)[self.step]
        return self.result.params == self.lab.Params(**scene.values)

    def _put_at_hand(self) -> None:
        names = at_hand(self.lab, self.step, self.result.params.model_dump())
        rows = tuple(self.controls.rows[name].row for name in names)
        if rows != self.hand.children:
            self.hand.children = rows

    # -- the widgets ----------------------------------------------------------------------------

    def _told(self, _, content, __) -> None:
        """A message of the stage; whatever goes wrong is said on the stage."""
        try:
            self._do(content)
        except Exception as error:
            self.error = error
            self._say(f"{type(error).__name__}: {error}")

    def _do(self, content: dict) -> None:
        what, value = content.get("do"), content.get("value")
        if what == "ping":
            self.stage.send({"pong": value})
        elif what in ("next", "back", "pin", "unpin"):
            getattr(self, what)()
        elif what in ("go", "dark", "resize", "fold", "touch"):
            getattr(self, what)(value)
        elif what == "seek":
            with self.stage.hold_sync():
                self.stage.seen = int(content["id"])
                self.seek(value)

    def _build(self) -> None:
        scenes = links.scenes(self.lab)
        self.stage = Stage(lab=self.lab.title, steps=[_heading(s.title) for s in scenes],
                           words=html_tables.figure_in_words(self.lab))
        self.stage.on_msg(self._told)
        self.hand = w.HBox()
        self.hand.add_class("labsim-hand")
        self.metrics = w.HTML()
        title = w.HTML('<h3 class="labsim-group">All parameters and metrics</h3>')
        seed = w.HBox([w.Label("Seed"), self.seed])
        self.drawer = w.VBox([title, seed, self.controls.widget, self.metrics],
                             layout=w.Layout(display="none"))
        self.drawer.add_class("labsim-drawer")
        self.widget = w.VBox([w.HTML(html_tables.HEAD), self.stage, self.hand, self.drawer])
        self.widget.add_class("labsim-demo")

    def __repr__(self) -> str:
        return f"Demo of {self.lab.slug}"

    def _repr_mimebundle_(self, **options):
        bundle = self.widget._repr_mimebundle_(**options)
        bundle = bundle[0] if isinstance(bundle, tuple) else bundle
        return {**bundle, "text/plain": repr(self)}


def _heading(title: str) -> str:
    """A preset's title without its number."""
    first, _, rest = title.partition(" ")
    return rest if first.isdigit() and rest else title


def opened(labs: dict, slug: str, query: str | None = None) -> Demo:
    """The demo that a link asks for: of its lab, or of `slug` if it names none of `labs`.

    query: as in a link; by default what the server says was asked for.
    """
    query = os.environ.get("QUERY_STRING", "") if query is None else query
    lab, problem = links.lab_of(query, labs, slug)
    return Demo(lab, query, problem)
