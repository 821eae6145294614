"""How a command of `labsim` is declared, and how the words of a command line are read.

Picture the menu of a restaurant and the waiter: a dish is one entry on the menu (a function with
`@command`), and the waiter, who knows every entry but cooks none, takes the order and says at once
what there is not.

A command's docstring is its help. What it needs is imported in the function, so that
`labsim --help` stays quick.
"""

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass

from labsim.errors import LabsimError, short, unknown
from labsim.text import TRUTH

DECLARED: dict[str, "Command"] = {}


@dataclass(frozen=True)
class Command:
    """A command: `act(args)` does it.

    arguments: what `argument` makes. of_lab: a lab's parameters are options, too. of_course: in
    the folder of a course.toml it works for that course. hands_on: which options that are not its
    own go to the program that it starts, as `args.rest`.
    """

    name: str
    act: Callable[[argparse.Namespace], None]
    arguments: tuple
    usage: str | None
    of_lab: bool
    of_course: bool
    hands_on: Callable[[str], bool] | None

    @property
    def help(self) -> str:
        """What it does, in a line."""
        return self.act.__doc__

    def fill(self, parser: argparse.ArgumentParser) -> None:
        """Give the command's parser its arguments."""
        parser.usage = self.usage
        for flags, how in self.arguments:
            text = how.get("help")
            parser.add_argument(*flags, **{**how, "help": text() if callable(text) else text})


def command(name: str, *arguments: tuple, usage: str | None = None, of_lab: bool = False,
            of_course: bool = False, hands_on: Callable[[str], bool] | None = None):
    """The function is the command `name`; see `Command`."""
    def mark(act):
        DECLARED[name] = Command(name, act, arguments, usage, of_lab, of_course, hands_on)
        return act
    return mark


def argument(*flags: str, **how) -> tuple:
    """An argument of a command, as `argparse.add_argument` has it; its help may be a function,
    for what takes long to say."""
    return flags, how


PROGRESS = argument("--progress", action="store_true",
                    help="show progress even where stderr is no terminal")


def whole(text: str | None):
    """`text` ("1000", "1,000", "1k") as a whole number, or as it is: then it is refused by whoever
    wants the number."""
    from labsim.declare.amounts import amount
    try:
        return int(text)    # also one that is too large for a float
    except (TypeError, ValueError):
        try:
            value = amount(text)
            return int(value) if value.is_integer() else text
        except (AttributeError, ValueError):
            return text


def share(text: str | None):
    """`text` ("0.05", "5%") as a number, or as it is."""
    from labsim.declare.amounts import amount
    try:
        return amount(text, share=True)
    except (AttributeError, ValueError):
        return text


# -- reading -------------------------------------------------------------------------------------


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line."""

    def error(self, message):
        raise LabsimError(f"{message} ({self.prog} --help tells more)")

    def exit(self, status=0, message=None):
        sys.stdout.flush()      # the help, as far as anybody reads it
        super().exit(status, message)


def read(words: list[str], commands: dict[str, Command], **about) -> argparse.Namespace:
    """What the words of a command line ask for: `command`, its arguments, and `rest`.

    about: description, epilog and version of the whole program.
    """
    name = next((word for word in words if not word.startswith("-")), None)
    if name is not None and name not in commands:
        raise unknown("command", name, commands)
    top, chosen = _parsers(commands, name, **about)
    if name is None:
        return top.parse_args(words or ["--help"])
    asked = commands[name]
    if asked.of_lab:
        words = _with_lab(chosen, words)
    _refuse_values_of_flags(chosen, words)
    args, rest = top.parse_known_args(words)
    args.command, args.rest = asked, rest
    if rest and not (asked.hands_on and all(map(asked.hands_on, rest))):
        _refuse_values_of_flags(chosen, words, rest)
        if not rest[0].startswith("-"):
            raise LabsimError(f"{rest[0]}: one word too many (labsim {name} --help tells more)")
        raise unknown("option", rest[0].split("=")[0],
                      [o for action in chosen._actions for o in action.option_strings])
    return args


def _refuse_values_of_flags(parser, words: list[str], rest=()) -> None:
    """`--drain yes` and `--drain=yes` are refused. Another word behind an option without a value
    may be an argument of its own, unless it is among the `rest`."""
    flags = {o: action.option_strings for action in parser._actions if action.nargs == 0
             for o in action.option_strings}
    for word, after in zip(words, [*words[1:], ""]):
        flag, sign, value = word.partition("=")
        if flag in flags and (sign or after.casefold() in TRUTH or after in rest[:1]):
            yes, no = flags[flag][0], flags[flag][-1]
            raise LabsimError(f"{flag} takes no value, given {short(value if sign else after)}: "
                              + (f"write {yes} for yes, {no} for no" if no.startswith("--no-")
                                 and no != yes else f"write {flag} alone"))


def _parsers(commands, name: str | None, description: str, epilog: str, version: str):
    """The parser of all words, and that of the command `name`, which alone has its arguments."""
    top = Parser(prog="labsim", epilog=epilog, description=description, allow_abbrev=False,
                 formatter_class=argparse.RawDescriptionHelpFormatter)
    top.add_argument("--version", action="version", version=version)
    parsers, chosen = top.add_subparsers(metavar="COMMAND"), None
    for each in commands.values():
        made = parsers.add_parser(each.name, help=each.help, allow_abbrev=False,
                                  description=f"labsim {each.name}: {each.help}.")
        if each.name == name:
            chosen = made
            each.fill(made)
    return top, chosen


def _with_lab(parser, words: list[str]) -> list[str]:
    """Give a command the options of the lab among its words; returns the words, made tidy."""
    from labsim.cli.options import add_options, tidy
    from labsim.course import in_effect
    name = next(word for word in words if not word.startswith("-"))
    words = words[words.index(name) + 1:]
    first = words[0] if words and not words[0].startswith("-") else None
    slug = next((word for word in words if word in in_effect.labs()), first)
    if slug is None:
        return [name, *words]
    lab = in_effect.lab(slug)
    words.remove(slug)
    valued = [o for action in parser._actions if action.nargs is None and action.const is None
              for o in action.option_strings]
    add_options(parser, lab)
    return [name, slug, *tidy(words, lab, *valued)]
