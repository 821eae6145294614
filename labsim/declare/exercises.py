"""Exercises: predict and explain. The right answer is computed by the model, never typed in.

Picture a teacher who never says "wrong" twice in the same way: a first wrong answer gets a hint,
a second another one, a third the worked solution. Who answers "5,000" instead of 5000 is
understood; who answers in a form that means nothing is told the form, and has lost no hint.

Design and Sketch, the kinds that are drawn or turned rather than written, are next door.
"""

import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from labsim.declare.amounts import Unclear, amount
from labsim.declare.result import Result
from labsim.errors import LabsimError
from labsim.text import FAMILIES, format_value, in_full, without

BLANK = "Not answered yet."
LETTERS = "abcdefgh"
ABOUT = re.compile(r"^(about|circa|ca\.|approx\.|[~\u2248=])\s*", re.I)


class Slip(LabsimError):
    """An answer that means nothing in this form; the message says which form is meant."""


@dataclass(frozen=True)
class Feedback:
    """What an answer gets: `right` is None for a blank and for a slip of form, `text` says all
    there is to say, `reason` what the model says of this answer alone, and `more` the hint or the
    solution: that of `level` (0, 1: a hint, 2: the solution; None: neither)."""

    right: bool | None
    text: str
    reason: str = ""
    more: str = ""
    level: int | None = None
    slip: bool = False


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

    def understood(self, lab, answer: Any) -> Any:
        """What `answer` means, in the form in which it is judged and kept; None for a blank, a
        `Slip` for what means nothing."""
        if answer is None or answer is ... or isinstance(answer, str) and not answer.strip():
            return None
        return self._understood(lab, answer)

    def check(self, lab, answer: Any, wrong_before: int = 0) -> Feedback:
        """Feedback for `answer`; `wrong_before` counts earlier wrong answers."""
        try:
            answer = self.understood(lab, answer)
            if answer is None:
                return Feedback(None, BLANK)
            right, text = self._judge(lab, answer)
        except Slip as slip:
            return Feedback(None, str(slip), str(slip), slip=True)
        level = 2 if right else min(wrong_before, 2)
        more = self.told(lab, (*self.hints, self.solution)[level])
        if right:
            return Feedback(True, f"Right. {text} {more}", text, more, level)
        named = f"Solution: {more}" if level == 2 else more
        return Feedback(False, f"Not yet. {text} {named}", text, more, level)

    def answer(self, lab) -> Any:
        """A right answer, from the model."""
        raise NotImplementedError

    def shown_run(self, lab, answer: Any = None):
        """The parameters of the run that shows what the answer is about; None if no run does."""
        return self.params(lab)

    def _understood(self, lab, answer) -> Any:
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
        return float(self.ask(*(run_of(lab, values) for values in self.runs)))

    def _understood(self, lab, answer):
        """A number; or as people write one, such as "5,000", "about 5 min" or "90%"."""
        form = f"The answer is {self.asked}"
        if isinstance(answer, str):
            try:
                answer = amount(ABOUT.sub("", answer.strip()), self.unit)
            except Unclear as unclear:
                raise Slip(f"{form}; {unclear}.") from None
            except ValueError:
                raise Slip(f"{form}.") from None
        if getattr(answer, "ndim", None) == 0:      # one of numpy's
            answer = answer.item()
        number = isinstance(answer, (int, float)) and not isinstance(answer, bool)
        if not number or not abs(answer) <= sys.float_info.max:     # nor infinite, nor NaN
            raise Slip(f"{form}.")
        return answer

    def _judge(self, lab, answer):
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
    """Choose the cause. The answer is a letter; each wrong choice has its reason.

    run: the parameters of a run in which it can be seen, if there is one.
    """

    kind = "explain"
    choices: tuple[Choice, ...]
    run: Mapping[str, Any] | None = None

    def answer(self, lab=None) -> str:
        """The right letter."""
        return LETTERS[[c.right for c in self.choices].index(True)]

    def shown_run(self, lab, answer=None):
        """A run in which the cause can be seen."""
        return None if self.run is None else self.params(lab)

    def _understood(self, lab, answer):
        """A letter; or as people write one, such as " B)", or the words of the choice."""
        return letter(answer, self.choices)

    def _judge(self, lab, answer):
        choice = self.choices[LETTERS.index(answer)]
        return choice.right, choice.why

    def _values(self):
        return self.run or {}


def letter(answer: Any, choices: tuple[Choice, ...]) -> str:
    """The letter that an answer means; `Slip` for none of the choices."""
    letters = LETTERS[:len(choices)]
    text = str(answer).strip().casefold()
    for mine, choice in zip(letters, choices):
        if text == choice.text.casefold():
            return mine
    bare = text.removeprefix("answer").strip(" \t\"'().:,;[]")
    if len(bare) != 1 or bare not in letters:
        raise Slip(f"The answer is one of the letters {', '.join(letters)}.")
    return bare


def run_of(lab, values: Mapping[str, Any], seed: int = 1) -> Result:
    """A run of `lab` with these values; the others are its defaults."""
    return lab.run(lab.Params(**values), seed)


def metric(name: str) -> Callable[[Result], float]:
    """What a `Predict` asks for: a metric as it is."""
    return lambda result: result.summary[name]


def percent(name: str) -> Callable[[Result], float]:
    """What a `Predict` asks for: a metric that is a part, in per cent."""
    return lambda result: 100 * result.summary[name]
