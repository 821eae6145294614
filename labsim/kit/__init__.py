"""What a lab is declared with: parameters, metrics, panels, presets, exercises, results.

Everything else is generated from the declaration: the sliders, the command line's options,
validation, tables, tests. A lab module imports from here and from `labsim.services`.
"""

from labsim.errors import BudgetError, LabsimError, NotApplicable, ParameterError, ResultError
from labsim.kit.exercises import Choice, Design, Explain, Feedback, Predict, metric, percent
from labsim.kit.lab import (
    MOST_BARS,
    Box,
    Invariant,
    Lab,
    Line,
    Link,
    Metric,
    Panel,
    Preset,
    Run,
    Theory,
    bar_name,
    per_tick,
)
from labsim.kit.laws import COST_ADDS_UP, NOTHING_IS_NEGATIVE, near
from labsim.kit.params import Params, choice, flag, integer, number, path
from labsim.kit.result import Result, Series, Span

__all__ = ["Box", "BudgetError", "COST_ADDS_UP", "Choice", "Design", "Explain", "Feedback",
           "Invariant", "Lab", "LabsimError", "Line", "Link", "MOST_BARS", "Metric",
           "NOTHING_IS_NEGATIVE", "NotApplicable", "Panel", "ParameterError", "Params", "Predict",
           "Preset", "Result", "ResultError", "Run", "Series", "Span", "Theory", "bar_name",
           "choice", "flag", "integer", "metric", "near", "number", "path", "per_tick", "percent"]
