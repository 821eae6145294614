"""The widget in which questions are answered: what it shows, what it hears.

It knows no lab: each of its questions (`labsim.course.answering.asks`) says what it shows, what it
says to an answer, to knobs that are turned, and which run it can show. The script needs nothing
but the widget protocol (`render({model, el})`), so it runs wherever widgets do; all that it makes
is inside an open shadow root, whose host keeps keys from the notebook.
"""

import json
from pathlib import Path
from typing import Any, Protocol

import anywidget
import traitlets as t

from labsim.errors import LabsimError
from labsim.view.stage import read

HERE = Path(__file__).parent
SCRIPTS = ("parts.js", "sketch.js", "knobs.js", "answer.js")


class Ask(Protocol):
    """A question of a widget. What is returned is what the script is told, as JSON."""

    def shown(self) -> dict[str, Any]:
        """What there is to see of it before anything is answered."""

    def answered(self, value: Any) -> dict[str, Any]:
        """What is said to an answer; whatever counts is kept by then."""

    def tried(self, values: dict[str, Any]) -> dict[str, Any]:
        """What knobs that were turned give; nothing is kept."""

    def ran(self, value: Any, dark: bool) -> dict[str, Any]:
        """The run in question: {src, alt, curve}."""


class Answer(anywidget.AnyWidget):
    """Questions, one below the other. A hand sends {do, ask, value, n}; `told`, `tried` and `ran`
    hold the latest reply for each question, with the n that it is a reply to."""

    label = t.Unicode().tag(sync=True)      # what a screen reader calls all of it
    asks = t.List(t.Dict()).tag(sync=True)
    told = t.List(t.Dict()).tag(sync=True)
    tried = t.List(t.Dict()).tag(sync=True)
    ran = t.List(t.Dict()).tag(sync=True)
    live = t.Unicode("").tag(sync=True)     # its name in the page

    def __init__(self, label: str, asks: list[Ask]):
        self._asked = asks
        none: list[dict] = [{} for _ in asks]
        super().__init__(label=label, asks=[ask.shown() for ask in asks], told=none, tried=none,
                         ran=none)
        self.on_msg(lambda _, message, buffers: self.hear(message))

    def hear(self, message: Any) -> None:
        """Do what a hand wants; an error is said where the answer would be."""
        if not isinstance(message, dict):
            return
        do, place, value = message.get("do"), message.get("ask"), message.get("value")
        if do not in ("answer", "try", "run") or place not in range(len(self._asked)):
            return
        ask, name = self._asked[place], {"answer": "told", "try": "tried", "run": "ran"}[do]
        try:
            reply = (ask.answered(value) if do == "answer" else ask.tried(value) if do == "try"
                     else ask.ran(value, bool(message.get("dark"))))
        except LabsimError as error:
            reply = {"error": f"{error}."}
        except Exception as error:      # or nobody would hear of it
            reply = {"error": f"The lab can't work this out: {type(error).__name__}: {error}"}
        replies = list(getattr(self, name))
        replies[place] = {**reply, "n": message.get("n", 0)}
        setattr(self, name, replies)


def script() -> str:
    """The ES module, with its look in it: nothing is loaded from anywhere."""
    look = json.dumps((HERE / "answer.css").read_text(encoding="utf-8"))
    return "\n".join([f"const LOOK = {look};", read("meet.js"),
                      *((HERE / name).read_text(encoding="utf-8") for name in SCRIPTS)])


def place(html: str) -> str:
    """Where in a page the questions stand: as `html`, until their model takes it over."""
    return (f'<div class="labsim-answer" data-live="{{live}}">{html}</div><script>(() => {{\n'
            f"{read('meet.js')}awake('.labsim-answer');\n}})();</script>")


Answer._esm = script()
