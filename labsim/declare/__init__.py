"""What a lab is declared with: parameters, metrics, panels, presets, exercises, results.

Everything else is generated from the declaration: the sliders, the command line's options,
validation, tables, tests. A lab imports this room as a whole, and `labsim.services`:

    from labsim import declare as kit
"""

from labsim.declare.asked import Asked
from labsim.declare.asked_inlet import AskedInlet, single
from labsim.declare.client import Client
from labsim.declare.client_knobs import ClientParams
from labsim.declare.component import Component, Outlet
from labsim.declare.counted import CountedOutlet, CountedProducers, Inlet
from labsim.declare.counted_part import CLIENT_METRICS, CountedPart, Room
from labsim.declare.design import Design
from labsim.declare.drawing import (
    MOST_BARS,
    Box,
    Line,
    Link,
    Panel,
    Preset,
    Theory,
    bar_name,
    bars,
    per_tick,
)
from labsim.declare.exercises import Choice, Explain, Feedback, Predict, metric, percent
from labsim.declare.invariants import (
    ALWAYS,
    COST_ADDS_UP,
    NOTHING_IS_NEGATIVE,
    Invariant,
    adds_up,
    conserved,
    near,
)
from labsim.declare.lab import Lab
from labsim.declare.metrics import VOCABULARY, Count, Metric, Summary, of_part, with_theory
from labsim.declare.outcome import Outcome, mean, quantile, quantiles, share, whole
from labsim.declare.params import Params, choice, flag, integer, number, path, text
from labsim.declare.result import Result, Series, Span
from labsim.declare.retry import Breaker, Retry
from labsim.declare.sketch import Back, Close, Level, Peak, Sketch
from labsim.declare.spike import burst, check_spikes, every_knob, spike_knobs, spiked, spikes
from labsim.declare.traffic import (
    BY_RATE,
    TraceParams,
    changes,
    load,
    replayed,
    traced,
    whole_file,
)
from labsim.declare.users import Users
from labsim.errors import BudgetError, LabsimError, NotApplicable, ParameterError, ResultError

__all__ = [
    "ALWAYS", "Asked", "AskedInlet", "BY_RATE", "Back", "Box", "Breaker", "BudgetError",
    "CLIENT_METRICS", "COST_ADDS_UP", "Choice", "Client", "ClientParams", "Close", "Component",
    "Count", "CountedOutlet", "CountedPart", "CountedProducers", "Design", "Explain",
    "Feedback", "Inlet", "Invariant", "Lab", "LabsimError", "Level", "Line", "Link",
    "MOST_BARS", "Metric", "NOTHING_IS_NEGATIVE", "NotApplicable", "Outcome", "Outlet", "Panel",
    "ParameterError", "Params", "Peak", "Predict", "Preset", "Result", "ResultError", "Retry",
    "Room", "Series", "Sketch", "Span", "Summary", "Theory", "TraceParams", "Users",
    "VOCABULARY", "adds_up", "bar_name", "bars", "burst", "changes", "check_spikes", "choice",
    "conserved", "every_knob", "flag", "integer", "load", "mean", "metric", "near", "number",
    "of_part", "path", "per_tick", "percent", "quantile", "quantiles", "replayed", "share",
    "single", "spike_knobs", "spiked", "spikes", "text", "traced", "whole", "whole_file",
    "with_theory"]
