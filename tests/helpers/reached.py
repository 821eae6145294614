"""Which functions a lab's run calls, as far as reading its code can say.

Picture somebody who follows the wires from a lamp's switch through the house, room by room, and
notes every lamp on the way. Read are the names in the compiled code of `simulate`, of the metrics'
values and of the parameters' rules, then in the code of whatever these names stand for, and so on.
A method counts as called where a class that was met has it and a code that was met says its name.
"""

import functools
import inspect
from types import CodeType, FunctionType, MethodType, ModuleType


def reached(lab) -> set[str]:
    """{"module:qualified name"} of labsim's functions that a run of `lab` may call."""
    walk = _Walk()
    walk.todo += [lab.simulate, type(lab).run, type(lab).result, lab.Params,
                  lab.Params.complete, lab.Params.check]
    walk.todo += [value for metric in lab.metrics for value in vars(metric).values()]
    return walk.found()


def reached_by(function) -> set[str]:
    """The same for a function."""
    walk = _Walk()
    walk.todo.append(function)
    return walk.found()


def name_of(function) -> str:
    """What a function is called here."""
    function = inspect.unwrap(function)
    return f"{function.__module__}:{function.__qualname__}"


class _Walk:
    """From what is `todo` to all that it leads to."""

    def __init__(self):
        self.functions: dict[int, FunctionType] = {}
        self.classes: set[type] = set()
        self.said: set[str] = set()         # every name in a code that was met
        self.todo: list = []                # what names stand for: functions, classes, tables

    def found(self) -> set[str]:
        before = -1
        while before != len(self.functions) + len(self.classes):
            before = len(self.functions) + len(self.classes)
            self._follow()
            for kind in [*self.classes]:
                for name, value in vars(kind).items():
                    if name in self.said or name.startswith("__"):
                        self.todo.append(value)
        return {name_of(function) for function in self.functions.values()}

    def _follow(self) -> None:
        while self.todo:
            value = self.todo.pop()
            if isinstance(value, (staticmethod, classmethod, MethodType)):
                value = value.__func__
            if isinstance(value, property):
                self.todo += [value.fget]
            elif isinstance(value, functools.partial):
                self.todo += [value.func, value.args, value.keywords]
            elif isinstance(value, functools.cached_property):
                self.todo += [value.func]
            elif isinstance(value, FunctionType) or hasattr(value, "__wrapped__"):
                self._function(inspect.unwrap(value))
            elif isinstance(value, type) and value.__module__.startswith("labsim."):
                if value not in self.classes:
                    self.classes.add(value)
                    self.todo += value.__mro__[1:]
            elif isinstance(value, dict):
                self.todo += value.values()
            elif isinstance(value, (tuple, list, set, frozenset, type({}.values()))):
                self.todo += value
            elif type(value).__module__.startswith("labsim.") and not callable(value):
                self.todo += getattr(value, "__dict__", {}).values()

    def _function(self, function) -> None:
        if not getattr(function, "__module__", "").startswith("labsim.") or (
                id(function) in self.functions):
            return
        self.functions[id(function)] = function
        self.todo += [cell.cell_contents for cell in function.__closure__ or () if _filled(cell)]
        self.todo += function.__defaults__ or ()
        for code in _all_code(function.__code__):
            self.said |= {*code.co_names}
            modules = [function.__globals__.get(name) for name in code.co_names]
            self.todo += [m for m in modules if not isinstance(m, ModuleType)]
            self.todo += [vars(m)[name] for m in modules if isinstance(m, ModuleType)
                          and m.__name__.startswith("labsim.")
                          for name in code.co_names if name in vars(m)]


def _filled(cell) -> bool:
    try:
        return cell.cell_contents is not None
    except ValueError:
        return False


def _all_code(code: CodeType):
    yield code
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield from _all_code(inner)
