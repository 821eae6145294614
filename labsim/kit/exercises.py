"""Exercises: predict, explain, design. The right answer is computed by the model, never typed in.

Picture a teacher who never says "wrong" twice in the same way: a first wrong answer gets a hint,
a second another one, a third the worked solution.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from labsim.errors import LabsimError
from labsim.kit.result import Result

BLANK = "Not answered yet."


@dataclass(frozen=True)
class Feedback:
    """What an answer gets: `right` is None for a blank, and `text` says what comes next."""

    right: bool | None
    text: str


@dataclass(frozen=True, kw_only=True)
class Exercise:
    """What all kinds share. `hints` lead on, in order; `solution` closes the case.

    `solution` may hold {answer} and the names of the summary of the run it speaks of.
    """

    id: str
    question: str
    hints: tuple[str, str]
    solution: str

    def check(self, lab, answer: Any, wrong_before: int = 0) -> Feedback:
        """Feedback for `answer`; `wrong_before` counts earlier wrong answers."""
        if answer is None or answer == "" or answer is ...:
            return Feedback(None, BLANK)
        right, text = self._judge(lab, answer)
        if right:
            return Feedback(True, f"Right. {text} {self._worked(lab)}".strip())
        more = (*self.hints, "Solution: " + self._worked(lab))[min(wrong_before, 2)]
        return Feedback(False, f"Not yet. {text} {more}".replace("  ", " "))

    def _judge(self, lab, answer) -> tuple[bool, str]:
        raise NotImplementedError

    def _worked(self, lab) -> str:
        return self.solution


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
        if isinstance(answer, bool) or not isinstance(answer, (int, float)):
            return False, f"The answer is a number in {self.unit or 'no unit'}."
        truth = self.answer(lab)
        if math.isfinite(answer) and abs(answer - truth) <= self.within * abs(truth) + 1e-9:
            return True, f"The model gives {truth:,.3g} {self.unit}.".replace(" .", ".")
        return False, f"{answer:g} is too {'high' if answer > truth else 'low'}."

    def _worked(self, lab) -> str:
        return self.solution.format(answer=f"{self.answer(lab):,.3g} {self.unit}".strip())


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
    notes: Mapping[str, str] = field(default_factory=dict)

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
                    unit = lab.metric(name).unit
                    missed.append(f"{name} is {summary[name]:,.3g} {unit} with seed {seed}, "
                                  f"goal {sign} {goal:g} {unit}.")
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
            return False, (f"All goals are met, for {cost:,.3g} {unit}; "
                           f"it can be done for {best:,.3g} {unit}.")
        return True, f"All goals are met, for {cost:,.3g} {unit} (a good design: {best:,.3g})."


def _run(lab, values: Mapping[str, Any], seed: int = 1) -> Result:
    return lab.run(lab.Params(**values), seed)
