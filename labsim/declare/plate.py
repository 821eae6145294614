"""How parts are made: what they take is checked by name, and an error says of which part it is.

Picture the plate riveted to a machine: what it is called, and what may be plugged in where.
"""

import inspect
from inspect import Parameter

from labsim.declare import arguments
from labsim.errors import ParameterError, unknown


def kind(part: object) -> str:
    """What a part, or a class of parts, is, such as "sqs.Queue"."""
    made = part if isinstance(part, type) else type(part)
    room = made.__module__.split(".")[-2:-1]
    return ".".join([*room, made.__name__])


class Plated(type):
    """How parts are made: an error of their parameters says of which part it is."""

    def __call__(cls, *args, **values):
        part = values.get("name") or (args[1] if len(args) > 1 else "")
        if not isinstance(part, str) or not part:       # it has one by default
            part = kind(cls)
        takes = cls.takes()
        try:
            for name in values:
                if name not in takes:
                    raise unknown("parameter", name, takes)
            given = {**dict(zip(cls._places, args)), **values}
            arguments.check(given.items(), takes)
            arguments.complete(given, cls._needs, takes)
            return super().__call__(*args, **values)
        except ParameterError as error:
            if error.name == "name":
                raise
            raise error.of(part) from None

    def takes(cls) -> dict[str, arguments.Test | None]:
        """The parameters that it takes, also those that it hands on to the class above, each with
        a test of what it may be."""
        if "_takes" not in vars(cls):       # parts are made in every run
            takes, cls._places, cls._needs = {}, None, []
            for made in (c for c in cls.__mro__ if "__init__" in vars(c)):
                own = made.__signature__.parameters.values()
                kinds = {p.kind for p in own}
                new = [p for p in own if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)
                       and p.name not in takes and p.name not in cls.sets]
                takes.update((p.name, arguments.test_of(p, kind)) for p in new)
                cls._needs += [p.name for p in new if p.default is p.empty and (
                    cls._places is None or p.kind is p.KEYWORD_ONLY)]   # others it hands on itself
                if cls._places is None and Parameter.VAR_POSITIONAL not in kinds:
                    cls._places = [p.name for p in own]
                if Parameter.VAR_KEYWORD not in kinds:
                    break
            cls._takes = takes
        return cls._takes

    @property
    def __signature__(cls) -> inspect.Signature:
        """What help and editors show: as the class is called."""
        signature = inspect.signature(cls.__init__, eval_str=True)
        return signature.replace(parameters=list(signature.parameters.values())[1:])
