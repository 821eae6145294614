"""Design exercises: knobs to turn until every goal is met, at the least cost.

Picture a bench test: the machine is built as you say and run three times, and beside each dial
hangs a card with what it has to show. The bill comes with it, next to that of a machine which is
known to be good; who builds a cheaper one is congratulated.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from labsim.declare.exercises import Exercise, Slip, run_of
from labsim.errors import LabsimError, ParameterError, nearest
from labsim.text import format_value

SIGNS = {"<=": "at most", ">=": "at least"}
ALIKE = 0.005       # share of the cost within which two designs cost the same


@dataclass(frozen=True)
class Goal:
    """A goal beside what a design gives: the `value` of the seed that is farthest from it."""

    name: str
    sign: str
    wanted: float
    value: float
    seed: int

    @property
    def met(self) -> bool:
        """By every seed."""
        return self.value <= self.wanted if self.sign == "<=" else self.value >= self.wanted


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

    def scored(self, lab, values: Mapping[str, Any]) -> tuple[float, list[Goal]]:
        """Mean cost of a design, and its goals beside what it gives."""
        summaries = {seed: run_of(lab, {**self.start, **values}, seed).summary
                     for seed in self.seeds}
        goals = []
        for name, sign, wanted in self.goals:
            worst = (max if sign == "<=" else min)(
                self.seeds, key=lambda seed: summaries[seed][name])     # noqa: B023
            goals.append(Goal(name, sign, wanted, summaries[worst][name], worst))
        return sum(s[self.cost] for s in summaries.values()) / len(self.seeds), goals

    def score(self, lab, values: Mapping[str, Any]) -> tuple[float, list[str]]:
        """Mean cost of a design, and the goals that it misses, in words."""
        cost, goals = self.scored(lab, values)
        return cost, [self._missed(lab, goal) for goal in goals if not goal.met]

    def shown_run(self, lab, answer=None):
        """The run of the answer, or of the start."""
        return lab.Params(**{**self.start, **(answer or {})})

    def _missed(self, lab, goal: Goal) -> str:
        metric = lab.metric(goal.name)
        value, wanted = (format_value(x, metric.unit) for x in (goal.value, goal.wanted))
        return (f"{metric.label[:1].upper()}{metric.label[1:]}: {value} with seed {goal.seed}; "
                f"wanted is {SIGNS[goal.sign]} {wanted}.")

    def _understood(self, lab, answer):
        """What is changed of the start, each value perhaps as people write it ("5m"); what can't be
        run is a slip."""
        if not isinstance(answer, Mapping):
            raise Slip("The answer is a dict of parameters.")
        if other := sorted(str(name) for name in set(answer) - set(self.free)):
            near = nearest(other[0], self.free)
            more = f" {near[0].upper()}{near[1:]}" if near.startswith("did") else ""
            raise Slip(f"Only {', '.join(self.free)} may change, not {', '.join(other)}.{more}")
        specs = lab.Params.specs()
        try:
            values = {name: specs[name].parse(value) if isinstance(value, str) else value
                      for name, value in answer.items()}
            start, wanted = self.params(lab), self.shown_run(lab, values)
        except ParameterError as error:
            raise Slip(f"{error}.") from None
        return {name: value for name, value in values.items()
                if getattr(wanted, name) != getattr(start, name)}

    def _judge(self, lab, answer):
        try:
            cost, goals = self.scored(lab, answer)
        except LabsimError as error:
            raise Slip(f"{error}.") from None
        if missed := [goal for goal in goals if not goal.met]:
            return False, self._missed(lab, missed[0])
        best, unit = self.scored(lab, self.good)[0], lab.metric(self.cost).unit
        paid, known = format_value(cost, unit), format_value(best, unit)
        if cost > self.slack * best:
            return False, f"All goals are met, for {paid}; it can be done for {known}."
        if cost < (1 - ALIKE) * best:
            return True, (f"All goals are met, for {paid}: cheaper than the solution that we know "
                          f"({known}). Well done!")
        if cost <= (1 + ALIKE) * best:
            return True, f"All goals are met, for {paid}: as good as the solution that we know."
        return True, (f"All goals are met, for {paid}: nearly as good as the solution that we know "
                      f"({known}).")

    def _values(self):
        return self.start
