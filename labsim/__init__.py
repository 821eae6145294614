"""labsim: interactive labs in which you feel how AWS services behave under load.

The public API, on top of everything. What a function needs is imported when it is called, so that
importing labsim is quick.
"""

from labsim import hooks
from labsim.errors import BudgetError, LabsimError, ParameterError, ResultError, require
from labsim.version import __version__

__all__ = [
    "BudgetError", "LabsimError", "ParameterError", "Result", "ResultError", "__version__",
    "ask", "beside", "breaker", "compare", "curve", "exponential", "facts", "fixed", "gamma", "lab",
    "labs", "measured", "ramp", "retry", "run", "simulate", "spike", "steady", "sweep", "theory",
    "trace", "use_course", "users",
]


# -- labs ----------------------------------------------------------------------------------------


def labs() -> dict:
    """{slug: Lab} of every lab, in course order."""
    from labsim.course import in_effect
    return in_effect.labs()


def lab(slug: str):
    """The `Lab` called `slug`; `ParameterError` for an unknown name suggests the nearest."""
    from labsim.course import in_effect
    return in_effect.lab(slug)


def run(slug: str, *, seed: int = 1, **parameters):
    """Run lab `slug` once with these parameters; the rest as the lab's defaults.

    Returns a `Result`. Raises `ParameterError` (name, given, allowed, unit) for bad input and
    `BudgetError` for a run that would be too big.
    """
    declared = lab(slug)
    return declared.run(declared.Params(**parameters), seed)


def sweep(lab, over: dict, **options):
    """Run a lab over a set of points, each with several seeds; returns a tidy DataFrame.

    lab: a lab's name, a `Lab`, or the function that builds a system (see `simulate`). What else
    may be given, and the columns: `labsim.study.sweeps.sweep`.
    """
    from labsim.study.sweeps import sweep
    return sweep(_declared(lab, options, over), over, **options)


def curve(lab, *metrics, over, **options):
    """Metrics over a parameter: means of several runs with their interval, theory and measurements
    beside them where there are any; a figure that shows itself, `frame()` has its numbers.

    lab: a lab's name, a `Lab`, or the function that builds a system (with `duration`). over: a
    parameter, or {parameter: values}. What else may be given: `labsim.study.curves.curve`.
    """
    from labsim.study.curves import curve
    turned = {name: values for one in (over, options.get("by")) if hasattr(one, "items")
              for name, values in one.items()}
    return curve(_declared(lab, options, turned), *metrics, over=over, **options)


def compare(first, second):
    """Two results of one lab side by side: a table and a figure that show themselves."""
    from labsim.view.compare import compare
    return compare(first, second)


def facts(topic: str):
    """Limits, defaults and prices of a topic with their sources: a table that shows itself.

    topic: a service ("S3") or an id's first part ("s3"), any case; `ParameterError` suggests.
    """
    from labsim.course import in_effect
    return in_effect.book().facts(topic)


def measured(topic: str):
    """What people measured on AWS beside what the models give: a table that shows itself.

    topic: a lab ("s3-prefix"), a service ("lambda") or a set of data ("aurora-failover");
    `ParameterError` suggests. It runs the labs, some seconds. `plot()`: both on one axis; of each
    row `name`, `unit`, `figures` (measured, se, model), `error` (a share), `errors` (standard
    errors), `met`, `why`, and `of`: when, where, by whom, the licence.
    """
    from labsim.course import in_effect
    from labsim.study.measured import about
    return about(topic, in_effect.labs().values())


def beside(result, file, series: str | None = None, metric: str = ""):
    """A file of one's own measurements beside a result: a table that shows itself, with `plot()`.

    file: a CSV of "metric,value" or "metric,value,se"; a CSV whose first column is "time" (ISO
    8601, or s or ms since 1970) or "seconds", the others series of the result by name; or an
    export of your own system, see `labsim.study.beside`. series: which one an export is beside,
    where that is not what was offered; metric: which of the export's. `LabsimError` names the file,
    the line, what is there and what is expected.
    """
    from labsim.study.beside import beside
    return beside(result, file, series, metric)


def use_course(file=None) -> None:
    """From now on labs start where the course.toml `file` says, and its notes are the notes.

    Without `file`, labsim as it is. A folder changes nothing by itself: who wants a course says
    so, here or with the environment variable LABSIM_COURSE. `CourseError` for what can't be.
    """
    from labsim.course import in_effect
    in_effect.use(file)


# -- systems of one's own ------------------------------------------------------------------------


def simulate(build, duration: float, seed: int = 1, **parameters):
    """Run a system without a lab: `build(sim, **parameters)` wires its parts, see README.

    duration: s. seed: the same one rolls the same dice. parameters: those of `build`, each of which
    has a default there, and two that every run has: `faults`, what breaks when, a list of (part,
    what, from when on (s), for how long (s; 0: to the end), how badly) or the same as a text, see
    `labsim.declare.faults`; `facts`, "today" or "notes", which says for a lab whose numbers its
    parameters start from, and changes nothing in a system, whose own defaults they are.

    `build` is called twice, so it had better do nothing but wire. Returns a `Result` like a lab's:
    figure, summary ("part.metric"), series, cost, events, report, JSON. `ParameterError` for two
    parts of one name, a parameter that `build` does not take, or one that a run has itself.
    """
    from labsim.declare.system import system
    declared = system(build, duration=duration, **parameters)
    return declared.run(declared.Params(**parameters), seed)


def users(count: int, think):
    """So many users, each of whom thinks (`think`, s, or such as `labsim.exponential(5)`), asks,
    waits for the answer, and thinks again: a load for `sim.send`."""
    from labsim.declare import Users
    if not hasattr(think, "draw"):
        require("think", think, unit="s")
    return Users(count, think if hasattr(think, "draw") else fixed(think))


def ask(to, *, retry=None, pool: float = float("inf"), trip: float = 0.0, optional: bool = False):
    """A call that a part makes to another in the course of each request, for its `calls`.

    retry: what is done when no answer comes (`labsim.retry`); pool: connections, so many calls are
    under way at most; trip: s there and back; optional: the request goes on without an answer.
    """
    from labsim.services.common.crew import Ask
    return Ask(to, retry, pool, trip, optional)


def steady(rate: float):
    """`rate` requests/s, always: what a source sends (`sim.send`)."""
    from labsim.engine import Load
    return Load.steady(rate)


def spike(rate: float, factor: float, *, start: float, length: float):
    """`rate` requests/s, and `factor` times as many for `length` s from `start` s on."""
    from labsim.engine import Load
    return Load.spike(rate, factor, start, length)


def trace(file, *, trace_metric: str = "", trace_as: str = "file", trace_factor: float = 1.0,
          trace_start: float = 0.0):
    """Load of your own: the requests in a file, `trace_factor` times as many, from `trace_start` (s
    into it) on.

    trace_metric: which of several series; trace_as: what they are, "file" (as it says itself),
    "counts", "rate" (1/s) or "total". `labsim trace FILE` in a terminal says what a file is.
    """
    from labsim.declare.traffic import replaying
    return replaying(file, trace_metric=trace_metric, trace_as=trace_as, trace_factor=trace_factor,
                     trace_start=trace_start)


def ramp(rate: float, factor: float, *, start: float, length: float):
    """`rate` requests/s until `start` s, then in `length` s up to `factor` times as many."""
    from labsim.engine import Load
    return Load.ramp(rate, factor, start, length)


def fixed(mean: float):
    """Work that takes `mean` seconds, always."""
    return gamma(mean, cv=0.0)


def exponential(mean: float):
    """Work that takes `mean` seconds on average, exponentially distributed."""
    return gamma(mean, cv=1.0)


def gamma(mean: float, *, cv: float):
    """Work that takes `mean` seconds on average, gamma distributed; `cv`: coefficient of
    variation, 0 fixed, 1 exponential."""
    from labsim.engine import ServiceTimes
    return ServiceTimes(mean, cv)


# -- what is loaded when it is asked for, and who answers for results and labs -------------------


def __getattr__(name: str):
    if name == "Result":
        from labsim.declare.result import Result
        return Result
    if name in ("breaker", "retry"):
        import labsim.declare.retry as declared
        return getattr(declared, name)
    if name == "theory":
        import labsim.theory as theory
        return theory
    raise AttributeError(f"module 'labsim' has no attribute {name!r}")


def __dir__():
    return __all__


def _declared(lab_or_build, options: dict, over=None):
    """The `Lab` that a name, a `Lab` or a building function stands for, in a study `over` some of
    its parameters."""
    if isinstance(lab_or_build, str):
        return lab(lab_or_build)
    if hasattr(lab_or_build, "Params"):
        return lab_or_build
    from labsim.declare.system import swept
    if callable(lab_or_build) and "duration" not in options:
        raise ParameterError("duration", None, "how long a run of the system is, s")
    return swept(lab_or_build, options.pop("duration", None), over or {}, options)


def _of_result(lab_or_build, params: dict):
    """The same for a result that has been written: a system as its parameters wire it."""
    if callable(lab_or_build) and not hasattr(lab_or_build, "Params"):
        from labsim.declare.system import system
        return system(lab_or_build, **params)
    return _declared(lab_or_build, {})


def _plot(result):
    from labsim.view.figure import draw
    return draw(result)


def _picture(result, t: float):
    from labsim.view.system_diagram import Diagram
    return Diagram(result, t)


def _stage(result):
    from labsim.view.still import Still
    return Still(result)


def _report(result, file) -> None:
    from labsim.view.report import save
    save(result, file)


def _curve(lab, *metrics, **options):
    from labsim.study.curves import curve
    return curve(lab, *metrics, **options)


def _curve_figure(curve, style=None):
    from labsim.view.curve import draw
    return draw(curve, style)


def _explore(lab, **values):
    from labsim.view.explorer import Explorer
    return Explorer(lab, values)


def _trust(lab):
    from labsim.study.known_answers import trust
    return trust(lab)


def _measured(table):
    from labsim.view.measured import draw
    return draw(table)


hooks.answers.update(plot=_plot, picture=_picture, stage=_stage, report=_report,
                     explore=_explore, trust=_trust, measured=_measured, lab=_of_result,
                     curve=_curve, curve_figure=_curve_figure)
