"""Exercises: predict, explain, design. The right answer is computed by the model, never typed in.

Picture a teacher who never says "wrong" twice in the same way: a first wrong answer gets a hint,
a second another one, a third the worked solution.
"""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from labsim.declare.result import Result
from labsim.errors import LabsimError
from labsim.text import FAMILIES, format_value, in_full, without

AT = {"<=": "at most", ">=": "at least"}        # a goal in words
BLANK = "Not answered yet."


@dataclass(frozen=True)
class Feedback:
    """What an answer gets: `right` is None for a blank, `text` says all there is to say, and
    `reason` what the model says of this answer alone, without hint or solution."""

    right: bool | None
    text: str
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class Exercise:
    """What all kinds share. `hints` lead on, in order; `solution` closes the case.

    No text says a number twice: {name} in a text stands for that parameter of the run in
    question, with its unit, or for an entry of `numbers(params)`; {answer} for the answer.
    """

    id: str
    question: str
    hints: tuple[str, str]
    solution: str
    numbers: Callable[[Any], Mapping[str, str]] = lambda params: {}

    def told(self, lab, text: str) -> str:
        """`text` with its numbers filled in."""
        params = self.params(lab)
        words = {name: in_full(value, without(spec.unit))
                 if isinstance(value, (int, float)) else value
                 for name, spec in lab.Params.specs().items()
                 for value in [getattr(params, name)]}
        answer = self._answer_text(lab) if "{answer}" in text else ""
        return text.format(**{**words, **self.numbers(params), "answer": answer})

    def params(self, lab):
        """The parameters of the run in question."""
        return lab.Params(**self._values())

    def _values(self) -> Mapping[str, Any]:
        return {}

    def _answer_text(self, lab) -> str:
        return str(self.answer(lab))

    def check(self, lab, answer: Any, wrong_before: int = 0) -> Feedback:
        """Feedback for `answer`; `wrong_before` counts earlier wrong answers."""
        if answer is None or answer == "" or answer is ...:
            return Feedback(None, BLANK)
        right, text = self._judge(lab, answer)
        if right:
            return Feedback(True, f"Right. {text} {self.told(lab, self.solution)}", text)
        more = (*self.hints, f"Solution: {self.solution}")[min(wrong_before, 2)]
        return Feedback(False, f"Not yet. {text} {self.told(lab, more)}", text)

    def answer(self, lab) -> Any:
        """A right answer, from the model."""
        raise NotImplementedError

    def _judge(self, lab, answer) -> tuple[bool, str]:
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class Predict(Exercise):
    """Commit to a number before the run. `ask(*results)` computes it from runs of `runs`.

    runs: parameter sets, run with seed 1. within: the share of the answer that counts as right.
    """

    kind = "predict"
    runs: tuple[Mapping[str, Any], ...]
    ask: Callable[..., float]
    unit: str
    within: float = 0.2

    def answer(self, lab) -> float:
        """The number, from the model."""
        return float(self.ask(*(_run(lab, values) for values in self.runs)))

    def _judge(self, lab, answer):
        number = isinstance(answer, (int, float)) and not isinstance(answer, bool)
        if not number or not abs(answer) <= sys.float_info.max:     # nor infinite, nor NaN
            return False, f"The answer is {self.asked}."
        truth = self.answer(lab)
        if abs(answer - truth) <= self.within * abs(truth) + 1e-9:
            return True, f"The model gives {self._answer_text(lab)}."
        return False, f"{answer:,.10g} is too {'high' if answer > truth else 'low'}."

    def _values(self):
        return self.runs[0]

    @property
    def asked(self) -> str:
        """What is to be answered, in words: "a number in s"."""
        return {"": "a number", "%": "a number in percent", "x": "a number of times"}.get(
            self.unit, f"a number in {self.unit}")

    @property
    def tolerance(self) -> str:
        """How near is right, in words."""
        return f"right within {format_value(self.within, 'share')}" if self.within else (
            "to be met exactly")

    def _answer_text(self, lab) -> str:
        """In the unit that is asked for, and as people say it."""
        value = self.answer(lab)
        plain, told = f"{format_value(value)} {self.unit}", format_value(value, self.unit)
        return f"{plain} ({told})" if self.unit in FAMILIES and plain != told else told


@dataclass(frozen=True)
class Choice:
    """One choice of an `Explain`, and why it is right or wrong."""

    text: str
    why: str
    right: bool = False


@dataclass(frozen=True, kw_only=True)
class Explain(Exercise):
    """Choose the cause. The answer is a letter; each wrong choice has its reason."""

    kind = "explain"
    choices: tuple[Choice, ...]

    def answer(self, lab=None) -> str:
        """The right letter."""
        return "abcdefgh"[[c.right for c in self.choices].index(True)]

    def _judge(self, lab, answer):
        letters = "abcdefgh"[:len(self.choices)]
        letter = str(answer).strip().lower()
        if len(letter) != 1 or letter not in letters:
            return False, f"The answer is one of the letters {', '.join(letters)}."
        choice = self.choices[letters.index(letter)]
        return choice.right, choice.why


@dataclass(frozen=True, kw_only=True)
class Design(Exercise):
    """Find parameters that meet `goals` at the least `cost`; scored by running the model.

    start: the parameters given; free: those that the learner may change; goals: (metric, "<=" or
    ">=", value); good: a known good design, changes to `start`; seeds: every one must meet the
    goals. A design counts that costs at most `slack` times the good one.
    """

    kind = "design"
    start: Mapping[str, Any]
    free: tuple[str, ...]
    goals: tuple[tuple[str, str, float], ...]
    good: Mapping[str, Any]
    cost: str = "cost_usd"
    seeds: tuple[int, ...] = (1, 2, 3)
    slack: float = 1.1

    def answer(self, lab=None) -> dict[str, Any]:
        """The known good design."""
        return dict(self.good)

    def score(self, lab, values: Mapping[str, Any]) -> tuple[float, list[str]]:
        """Mean cost of a design, and the goals that it misses, in words."""
        missed, costs = [], []
        for seed in self.seeds:
            summary = _run(lab, {**self.start, **values}, seed).summary
            costs.append(summary[self.cost])
            for name, sign, goal in self.goals:
                met = summary[name] <= goal if sign == "<=" else summary[name] >= goal
                if not met:
                    told, unit = lab.metric(name).label, lab.metric(name).unit
                    missed.append(f"{told}: {format_value(summary[name], unit)} with seed {seed}, "
                                  f"goal {AT[sign]} {in_full(goal, unit)}.")
        return sum(costs) / len(costs), missed

    def _judge(self, lab, answer):
        if not isinstance(answer, Mapping):
            return False, "The answer is a dict of parameters."
        if other := sorted(set(answer) - set(self.free)):
            return False, f"Only {', '.join(self.free)} may change, not {', '.join(other)}."
        try:
            cost, missed = self.score(lab, answer)
        except LabsimError as error:
            return False, f"{error}."
        best, _ = self.score(lab, self.good)
        unit = lab.metric(self.cost).unit
        if missed:
            return False, missed[0]
        if cost > self.slack * best:
            return False, (f"All goals are met, for {format_value(cost, unit)}; "
                           f"it can be done for {format_value(best, unit)}.")
        return True, (f"All goals are met, for {format_value(cost, unit)} "
                      f"(a good design: {format_value(best, unit)}).")

    def _values(self):
        return self.start


def _run(lab, values: Mapping[str, Any], seed: int = 1) -> Result:
    return lab.run(lab.Params(**values), seed)


def metric(name: str) -> Callable[[Result], float]:
    """What a `Predict` asks for: a metric as it is."""
    return lambda result: result.summary[name]


def percent(name: str) -> Callable[[Result], float]:
    """What a `Predict` asks for: a metric that is a part, in per cent."""
    return lambda result: 100 * result.summary[name]
