"""Exercises, quiz and progress, and the notebooks made from their sources."""

import importlib

# name -> where it lives; loaded when used, so that `labsim --help` is quick.
_HOMES = {
    "check": "labsim.course.exercises",
    "exercise": "labsim.course.exercises",
    "hand_in": "labsim.course.handin",
    "quiz": "labsim.course.quiz",       # a module that can be called
    "review": "labsim.course.spaced_repetition",   # likewise
    "standing": "labsim.course.progress_report",
}
__all__ = [*_HOMES]


def __getattr__(name: str):
    if name not in _HOMES:
        raise AttributeError(f"module 'labsim.course' has no attribute {name!r}")
    home = importlib.import_module(_HOMES[name])
    return home if _HOMES[name] == f"labsim.course.{name}" else getattr(home, name)
