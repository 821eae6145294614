"""Modules that can be called: `labsim.facts("s3")` beside `labsim.factbook.value(id)`."""

import sys
import types


def make_callable(name: str, function) -> None:
    """Calling module `name` calls `function` (Python data model, module `__class__`)."""
    kind = type("CallableModule", (types.ModuleType,),
                {"__call__": staticmethod(function), "__doc__": function.__doc__})
    sys.modules[name].__class__ = kind
