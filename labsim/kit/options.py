"""A lab's parameters as options of a command line: `--arrival-rate 4`, `--drain`, `--no-drain`."""

import argparse

from labsim.errors import ParameterError
from labsim.kit.report import condition, in_full

NUMBERS = {float: "NUMBER", int: "N"}


def add_options(parser: argparse.ArgumentParser, lab) -> None:
    """One option per parameter of the lab, named and explained by its declaration."""
    groups: dict = {}
    for name, knob in lab.Params.knobs().items():
        if knob.group not in groups:
            groups[knob.group] = parser.add_argument_group(knob.group)
        text = f"{knob.help}{condition(knob)} Default {in_full(knob, knob.default)}"
        if knob.type is bool:
            how = {"action": argparse.BooleanOptionalAction}
        else:
            how = {"metavar": NUMBERS.get(knob.type, "TEXT")}
            text += f"; {knob.allowed}"
        groups[knob.group].add_argument(
            option(name), dest=name, default=argparse.SUPPRESS,
            help=f"{text}.".replace("%", "%%"), **how)


def given(args: argparse.Namespace, lab) -> dict:
    """{parameter: value} of the options that were given, and only those."""
    return {name: plain(getattr(args, name), knob)
            for name, knob in lab.Params.knobs().items() if hasattr(args, name)}


def plain(text, knob):
    """The value that a text on the command line means; bounds are checked by the lab."""
    if knob.type not in NUMBERS:
        return text
    try:
        value = float(text)
    except ValueError:
        raise ParameterError(knob.name, text, knob.allowed) from None
    return int(value) if knob.type is int and value.is_integer() else value


def listed(text: str, lab) -> tuple[str, list]:
    """A parameter's name and values: "cooldown=60,300"."""
    name, sign, values = text.partition("=")
    name = name.replace("-", "_")
    lab.Params.refuse_unknown([name])
    if not sign or not values:
        raise ParameterError("over", text, f"{name}=VALUE,VALUE,...")
    knob = lab.Params.knobs()[name]
    if knob.type is bool:
        words = {"true": True, "false": False}
        return name, [words.get(v.casefold(), v) for v in values.split(",")]
    return name, [plain(v, knob) for v in values.split(",")]


def tidy(words: list[str], lab, *others: str) -> list[str]:
    """`--arrival_rate -1e5` as `--arrival-rate=-1e5`, and so on for every option with a value.

    others: options that are not the lab's and take a value too.
    """
    valued = {*others, *(option(name) for name, knob in lab.Params.knobs().items()
                         if knob.type is not bool)}
    tidied: list[str] = []
    for word in words:
        name, sign, value = word.partition("=")
        if tidied and tidied[-1] in valued and not word.startswith("--"):
            tidied[-1] += f"={word}"
        else:
            tidied.append(option(name[2:]) + sign + value if word.startswith("--") else word)
    return tidied


def option(name: str) -> str:
    """--arrival-rate for "arrival_rate"."""
    return "--" + name.replace("_", "-")
