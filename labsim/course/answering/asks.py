"""What the widget is told of an exercise and of a card of the quiz.

Picture the two scripts of a radio play: one side speaks of parameters and metrics, the other of
what is on the desk; here is written who says what when.
"""

import base64
import functools
from collections.abc import Callable
from typing import Any

from labsim.course.answering import axes, knobs
from labsim.declare.design import SIGNS
from labsim.declare.exercises import LETTERS
from labsim.errors import ParameterError
from labsim.text import format_value

NAMED = "Hint", "Another hint", "Solution"
RUNS = 24           # results that are kept for the next question about them


class Remembering:
    """A lab whose last runs are kept: a question asks about the same ones again and again."""

    def __init__(self, lab):
        self._lab, self._runs = lab, {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._lab, name)

    def run(self, params=None, seed: int = 1, **how):
        """The lab's run."""
        key = params if params is not None else self._lab.Params(), seed
        if key not in self._runs:
            while len(self._runs) >= RUNS:
                self._runs.pop(next(iter(self._runs)))
            self._runs[key] = self._lab.run(*key, **how)
        return self._runs[key]


class ExerciseAsk:
    """An exercise. `question` is a `labsim.course.exercises.Question`."""

    def __init__(self, question, solved: bool):
        self.question, self.asked, self.solved = question, question.exercise, solved
        self.lab = question.remembering

    def shown(self) -> dict[str, Any]:
        """Its text, and what it is answered with."""
        asked = self.asked
        shown = {"kind": asked.kind, "title": self.question.title, "text": self.question.text,
                 "notes": self.question.not_the_courses(), "solved": self.solved,
                 "runs": asked.shown_run(self.lab) is not None}
        return {**shown, **getattr(self, f"_{asked.kind}", dict)()}

    def answered(self, value: Any) -> dict[str, Any]:
        """Judged, kept, and only then said."""
        feedback, trouble = self.question.judged(value)
        goals = self.asked.kind == "design" and feedback.right is not None
        head = {True: "Right.", False: "Not yet.", None: "" if feedback.slip else feedback.text}
        return {"right": feedback.right, "slip": feedback.slip, "head": head[feedback.right],
                "reason": feedback.reason, "more": feedback.more,
                "named": "" if feedback.right or feedback.level is None else NAMED[feedback.level],
                "trouble": trouble, "curve": self._curve() if feedback.level == 2 else [],
                **(self.tried(value) if goals else {})}

    def tried(self, values: Any) -> dict[str, Any]:
        """The goals of a design beside what it gives, and its cost."""
        cost, goals = self.asked.scored(self.lab, values or {})
        unit = self.lab.metric(self.asked.cost).unit
        return {"cost": format_value(cost, unit), "goals": [
            {"met": goal.met, "now": format_value(goal.value, self.lab.metric(goal.name).unit)}
            for goal in goals]}

    def ran(self, value: Any, dark: bool) -> dict[str, Any]:
        """The figure of the run in question."""
        from labsim.view.figure import draw
        from labsim.view.style import Style

        given = value if self.asked.kind == "design" else None
        result = self.lab.run(self.asked.shown_run(self.lab, given))
        figure = draw(result, style=Style(dark=dark))
        png = base64.b64encode(figure._repr_png_()).decode()
        return {"src": f"data:image/png;base64,{png}", "alt": figure.alt or "Figure of the run",
                "curve": self._curve()}

    def _curve(self) -> list:
        return self.asked.answer(self.lab) if self.asked.kind == "sketch" else []

    # -- what each kind is answered with ---------------------------------------------------------

    def _predict(self) -> dict[str, Any]:
        return {"unit": self.asked.unit, "within": self.asked.tolerance}

    def _explain(self) -> dict[str, Any]:
        return {"choices": [choice.text for choice in self.asked.choices]}

    def _design(self) -> dict[str, Any]:
        lab, asked, specs = self.lab, self.asked, self.lab.Params.specs()
        start = asked.params(lab)
        goals = []
        for name, sign, wanted in asked.goals:
            metric = lab.metric(name)
            goals.append(f"{metric.label[:1].upper()}{metric.label[1:]}: {SIGNS[sign]} "
                         f"{format_value(wanted, metric.unit)}")
        return {"goals": goals, "aim": lab.metric(asked.cost).label, "knobs": [
            knobs.knob(specs[name], getattr(start, name),
                       (asked.good[name],) if name in asked.good else (),
                       functools.partial(self._allowed, name)) for name in asked.free]}

    def _allowed(self, name: str, value: Any) -> bool:
        """Whether a parameter may have a value, beside the start's or the known solution's."""
        for others in ({}, self.asked.good):
            try:
                self.asked.shown_run(self.lab, {**others, name: value})
                return True
            except ParameterError:
                pass
        return False

    def _sketch(self) -> dict[str, Any]:
        return {"axes": axes.axes(self.asked, self.lab)}


class CardAsk:
    """A question of the quiz. `judge(letter)` keeps an answer, and returns whether it is right,
    why, and why it could not be kept."""

    def __init__(self, number: int, text: str, choices: list[str],
                 judge: Callable[[str], tuple[bool, str, str]], solved: bool = False):
        self.number, self.text, self.choices = number, text, choices
        self.judge, self.solved = judge, solved

    def shown(self) -> dict[str, Any]:
        """Its text and choices."""
        return {"kind": "explain", "title": f"{self.number}.", "text": self.text, "notes": [],
                "solved": self.solved, "runs": False, "choices": self.choices}

    def answered(self, value: Any) -> dict[str, Any]:
        """Kept, and only then said."""
        if value not in tuple(LETTERS[:len(self.choices)]):
            return {"right": None, "slip": True, "head": "Not answered yet."}
        right, why, trouble = self.judge(value)
        return {"right": right, "head": "Right." if right else "No.", "reason": why,
                "trouble": trouble}

    def tried(self, values: Any) -> dict[str, Any]:
        """A card has no knobs."""
        return {}

    def ran(self, value: Any, dark: bool) -> dict[str, Any]:
        """A card has no run."""
        return {}
