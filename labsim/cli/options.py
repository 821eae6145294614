"""A lab's parameters as options of a command line: `--arrival-rate 4`, `--drain`, `--no-drain`."""

import argparse
import re

from labsim.declare.describe import condition, in_full
from labsim.errors import ParameterError

NUMBERS = {float: "NUMBER", int: "N"}


def add_options(parser: argparse.ArgumentParser, lab) -> None:
    """One option per parameter of the lab, named and explained by its declaration."""
    parser.epilog = ("A number may have a suffix that fits its unit: 5m, 1h, 250ms; 2MB, 1TiB; "
                     "10k, 1.5M; and thousands as in 1,000.")
    groups: dict = {}
    for name, spec in lab.Params.specs().items():
        if spec.group not in groups:
            groups[spec.group] = parser.add_argument_group(spec.group)
        text = f"{spec.help}{condition(spec)} Default {in_full(spec, spec.default)}"
        if spec.type is bool:
            how = {"action": argparse.BooleanOptionalAction}
        else:
            how = {"metavar": NUMBERS.get(spec.type, "TEXT")}
            text += f"; {spec.allowed}"
        groups[spec.group].add_argument(
            option(name), dest=name, default=argparse.SUPPRESS,
            help=f"{text}.".replace("%", "%%"), **how)


def given(args: argparse.Namespace, lab) -> dict:
    """{parameter: value} of the options that were given, and only those."""
    return {name: said if isinstance(said := getattr(args, name), bool) else spec.parse(said)
            for name, spec in lab.Params.specs().items() if hasattr(args, name)}


def listed(text: str, lab) -> tuple[str, list]:
    """A parameter's name and values: "cooldown=60,300", or "cooldown=1m,5m"."""
    name, sign, values = text.partition("=")
    name = name.replace("-", "_")
    lab.Params.refuse_unknown([name])
    if not sign or not values:
        raise ParameterError("over", text, f"{name}=VALUE,VALUE,...")
    spec, each = lab.Params.specs()[name], values.split(",")
    if spec.type in (int, float) and any(re.match(r"0[0-9]{2}\b", v) for v in each[1:]):
        raise ParameterError("over", text, "plain numbers: a comma separates values here, so that "
                             "1,000 is to be written 1000")
    return name, [spec.parse(v) for v in each]


def tidy(words: list[str], lab, *others: str) -> list[str]:
    """`--arrival_rate -1e5` as `--arrival-rate=-1e5`, and so on for every option with a value.

    others: options that are not the lab's and take a value too.
    """
    valued = {*others, *(option(name) for name, spec in lab.Params.specs().items()
                         if spec.type is not bool)}
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
