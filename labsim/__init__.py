"""labsim: interactive labs in which you feel how AWS services behave under load."""

import importlib

__version__ = "0.1.0"

# The public API: name -> where it lives. Loaded when used, so that importing labsim is quick.
# `labsim.facts` and `labsim.labs` are modules that can be called.
_HOMES = {
    "BudgetError": "labsim.errors",
    "LabsimError": "labsim.errors",
    "ParameterError": "labsim.errors",
    "Result": "labsim.kit.result",
    "ResultError": "labsim.errors",
    "compare": "labsim.view",
    "facts": "labsim.facts",
    "lab": "labsim.kit.registry",
    "labs": "labsim.labs",
    "sweep": "labsim.study",
    "theory": "labsim.theory",
}
__all__ = ["__version__", "run", *_HOMES]


def run(slug: str, *, seed: int = 1, **parameters):
    """Run lab `slug` once with these parameters; the rest as the lab's defaults.

    Returns a `Result`. Raises `ParameterError` (name, given, allowed, unit) for bad input and
    `BudgetError` for a run that would be too big.
    """
    declared = importlib.import_module("labsim.kit.registry").lab(slug)
    return declared.run(declared.Params(**parameters), seed)


def __getattr__(name: str):
    if name not in _HOMES:
        raise AttributeError(f"module 'labsim' has no attribute {name!r}")
    home = importlib.import_module(_HOMES[name])
    return home if _HOMES[name] == f"labsim.{name}" else getattr(home, name)


def __dir__():
    return __all__
