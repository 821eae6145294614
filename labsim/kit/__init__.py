"""What a lab is declared with: parameters, metrics, panels, presets, exercises, results.

Everything else is generated from the declaration: the sliders, the command line's options,
validation, tables, tests. A lab module imports from here and from `labsim.services`.
"""

from labsim.errors import BudgetError, LabsimError, ParameterError, ResultError
from labsim.kit.exercises import Choice, Design, Explain, Feedback, Predict
from labsim.kit.lab import Box, Invariant, Lab, Line, Link, Metric, Panel, Preset, Run
from labsim.kit.params import Params, choice, flag, integer, number, path
from labsim.kit.result import Result, Series

__all__ = ["Box", "BudgetError", "Choice", "Design", "Explain", "Feedback", "Invariant",
           "Lab", "LabsimError", "Line", "Link", "Metric", "Panel", "ParameterError", "Params",
           "Predict", "Preset", "Result", "ResultError", "Run", "Series", "choice", "flag",
           "integer", "number", "path"]
