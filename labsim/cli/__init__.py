"""The `labsim` command: every lab from a terminal. `labsim --help` shows what it can do.

A command is a function of `COMMANDS`; its docstring is its help. `run SLUG` takes an option for
every parameter that the lab declares. An error is one line on stderr and exit status 2.
"""

import argparse
import importlib.util
import os
import sys

import labsim
from labsim.cli import build as command
from labsim.cli import learner as desk
from labsim.cli.terminal import Bar, draw, save, start, write
from labsim.errors import LabsimError, ParameterError, unknown

EXAMPLES = """examples:
  labsim list                                     the labs there are
  labsim show sqs-asg                             parameters, presets and metrics of a lab
  labsim run sqs-asg --arrival-rate 4 --seed 7    one run, its figures as a table
  labsim run sqs-asg --preset 2 --plot spike.png  the second preset, as a picture
  labsim run sqs-asg --workload trace --trace requests.csv
                                                  a CloudWatch export, replayed
  labsim sweep sqs-asg --over cooldown=60,300 --policy simple
                                                  a study: means with their intervals
  labsim check sqs-asg                            its known answers
  labsim facts sqs                                limits and defaults
  labsim open sqs-asg                             the lab's notebook in JupyterLab
  labsim progress                                 what is done and what is next
  labsim quiz                                     the questions that are due today
  labsim demo sqs-asg --preset 2                  the lab alone, for a projector
"""
PICTURES, PAGES = (".png", ".svg", ".pdf"), (".html", ".pdf")


# -- commands ------------------------------------------------------------------------------------


def list_labs(args) -> None:
    """the labs there are, in course order"""
    for lab in labsim.labs().values():
        print(f"{lab.slug:18} {lab.title}\n{'':18} {lab.summary}")


def show(args) -> None:
    """what a lab asks, its parameters, presets and metrics"""
    from labsim.declare.describe import describe
    print(describe(labsim.lab(args.slug)))


def facts(args) -> None:
    """limits, defaults and prices of a topic; without one, the topics"""
    if args.diff:
        rows = labsim.facts(args.topic) if args.topic else labsim.factbook.book().values()
        print(labsim.factbook.FactTable(fact for fact in rows if fact.differs))
        return
    if args.topic:
        print(labsim.facts(args.topic))
        return
    topics = [fact.service for fact in labsim.factbook.book().values()]
    for topic in dict.fromkeys(topics):
        print(f"{topic:24} {topics.count(topic)} facts")


def run(args) -> None:
    """one run of a lab"""
    from labsim.cli.options import given
    from labsim.declare.describe import csv_text, report
    lab, values = labsim.lab(args.slug), {}
    if args.preset:
        values = lab.scene(args.preset).values
    for name, ends in (("plot", PICTURES), ("report", PAGES)):
        if (file := getattr(args, name)) and not file.lower().endswith(ends):
            raise ParameterError(name, file, f"a file name that ends in {', '.join(ends)}")
    if args.json == args.csv == "-":
        raise LabsimError("--json and --csv both on standard output: give one of them a FILE")
    params = lab.Params(**{**values, **given(args, lab)})
    with Bar(args.progress) as bar:
        result = lab.run(params, whole(args.seed), progress=bar.update)
    if args.plot:
        save(args.plot, lambda path: draw(result, path))
    if args.report:
        save(args.report, result.report)
    if args.json:
        write(args.json, result.to_json() + "\n")
    if args.csv:
        write(args.csv, csv_text(result))
    if "-" not in (args.json, args.csv):
        print(report(lab, result))


def sweep(args) -> None:
    """a lab over a set of points, each with several seeds: means with their intervals"""
    from labsim.cli.options import given, listed
    lab = labsim.lab(args.slug)
    over = dict(listed(text, lab) for text in args.over)
    table = labsim.sweep(
        args.slug, over=over, replications=whole(args.replications), design=args.design,
        points=whole(args.points), seed=whole(args.seed), until=args.until and float(args.until),
        file=args.file, progress=True if args.progress else None, **given(args, lab))
    if args.csv:
        write(args.csv, table.to_csv(index=False))
    if args.csv != "-":
        shown = table[table.metric.isin([*(args.metric or lab.headline), ""])]
        print(shown.to_string(index=False))
    if table.error.any():
        raise LabsimError("some points have no result: see the column error")


def check(args) -> None:
    """the known answers of a lab, or of all; exit status 1 if any differs"""
    chosen = [labsim.lab(args.slug)] if args.slug else labsim.labs().values()
    tables = {lab: lab.trust() for lab in chosen}
    for lab, table in tables.items():
        print(f"{lab.title}\n\n{table}\n")
    wrong = sum(not c.passed for table in tables.values() for c in table)
    print(f"{sum(map(len, tables.values()))} known answers, {wrong} differ")
    if wrong:
        raise SystemExit(1)


def whole(text: str):
    """`text` as a whole number, or as it is: then it is refused by whoever wants the number."""
    try:
        return int(text)
    except (TypeError, ValueError):
        return text


def open_lab(args) -> None:
    """a lab's notebook in JupyterLab; without SLUG, the one to go on with"""
    if args.slug is not None:
        labsim.lab(args.slug)       # an unknown name suggests the nearest
    if importlib.util.find_spec("jupyterlab") is None:
        raise LabsimError('JupyterLab is not installed: pip install "labsim[lab]"')
    # In a container one is root, and JupyterLab wants to be told that this is meant.
    root = ["--allow-root"] if os.name == "posix" and os.geteuid() == 0 else []
    notebook = desk.welcome(args.slug)
    start([sys.executable, "-m", "jupyterlab", str(notebook), *root, *args.rest])


def demo(args) -> None:
    """a lab alone, for an instructor with a projector (Voila); --list shows the steps"""
    from labsim.cli.demo_server import command as show_demo
    show_demo(args)


def bench(args) -> None:
    """how fast this machine runs a station, beside plain SimPy and others"""
    from labsim.cli import bench as race
    with Bar(args.progress) as bar:
        times = race.race(whole(args.customers), progress=bar.update)
        pictures = race.run_and_draw()
    print((race.as_json if args.json else race.report)(times, pictures, whole(args.customers)))


# A command of another module may have an attribute `options`, which is given its parser.
COMMANDS = {"list": list_labs, "show": show, "run": run, "sweep": sweep, "check": check,
            "facts": facts, "open": open_lab, "demo": demo, **desk.COMMANDS, "bench": bench,
            "build": command.build}


# -- the command line ----------------------------------------------------------------------------


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line."""

    def error(self, message):
        raise LabsimError(f"{message} ({self.prog} --help tells more)")

    def exit(self, status=0, message=None):
        sys.stdout.flush()      # the help, as far as anybody reads it
        super().exit(status, message)


def read(words: list[str]) -> argparse.Namespace:
    """What the words of a command line ask for; `run SLUG` has that lab's options."""
    top = Parser(prog="labsim", epilog=EXAMPLES, description=labsim.__doc__, allow_abbrev=False,
                 formatter_class=argparse.RawDescriptionHelpFormatter)
    top.add_argument("--version", action="version", version=f"labsim {labsim.__version__}")
    commands = top.add_subparsers(metavar="COMMAND")
    made = {}
    for name, action in COMMANDS.items():
        made[name] = commands.add_parser(name, help=action.__doc__, allow_abbrev=False,
                                         description=f"labsim {name}: {action.__doc__}.")
        made[name].set_defaults(action=action)
        if hasattr(action, "options") and name in words:
            action.options(made[name])
    made["show"].add_argument("slug", metavar="SLUG", help="a lab's name")
    made["facts"].add_argument("topic", metavar="TOPIC", nargs="?", help="a service, such as sqs")
    made["facts"].add_argument("--diff", action="store_true",
                               help="only where notes and today differ")
    for name in ("open", "check", "demo"):
        made[name].add_argument("slug", metavar="SLUG", nargs="?", help="a lab's name")
    made["open"].add_argument("--no-browser", action="store_true", help="start the server only; "
                              "other options, such as --port=8899, go to JupyterLab too")
    for option, word, text in (
            ("--preset", "N", "open at a preset, by number or title"),
            ("--port", "N", "port on this machine (default: the first free one from 8866)")):
        made["demo"].add_argument(option, metavar=word, help=text)
    for option, text in (("--list", "the labs with their steps"),
                         ("--no-browser", "only say the address"), ("--dark", "light on dark")):
        made["demo"].add_argument(option, action="store_true", help=text)
    made["bench"].add_argument("--customers", default="200_000", metavar="N",
                               help="how many are served in a race (default 200,000)")
    made["bench"].add_argument("--json", action="store_true", help="as JSON")
    for name, text in (("run", "[--preset N] [--seed N]\n                       "
                               "[--json [FILE]] [--csv [FILE]] [--plot FILE] [--report FILE]"),
                       ("sweep", "--over NAME=V,V,...\n                         "
                                 "[--replications N] [--until SHARE] [--file FILE] ...")):
        made[name].usage = f"labsim {name} SLUG [--parameter value ...] {text}"
        made[name].add_argument("slug", metavar="SLUG", help="a lab's name; `labsim "
                                f"{name} SLUG --help` explains its parameters")
        made[name].add_argument("--seed", default="1", metavar="N",
                                help="which luck, or the first of it (default 1)")
    one, many = made["run"], made["sweep"]
    one.add_argument("--preset", metavar="N", help="start from a preset, by number or title")
    one.add_argument("--json", nargs="?", const="-", metavar="FILE",
                     help="write the whole result as JSON to FILE or standard output")
    one.add_argument("--plot", metavar="FILE", help="draw the figure into FILE (png, svg or pdf)")
    one.add_argument("--report", metavar="FILE", help="a page about the run into FILE (html, pdf)")
    for name, what in (("run", "the series"), ("sweep", "the whole table")):
        made[name].add_argument("--csv", nargs="?", const="-", metavar="FILE",
                                help=f"write {what} as CSV to FILE or standard output")
    many.add_argument("--over", action="append", default=[], metavar="NAME=V,V,...",
                      help="a parameter and its values; may be given several times")
    many.add_argument("--replications", default="10", metavar="N", help="seeds per point")
    many.add_argument("--design", default="grid", metavar="KIND", help="grid, list or latin")
    many.add_argument("--points", metavar="N", help="points of a latin hypercube")
    many.add_argument("--until", metavar="SHARE", help="stop a point when every interval's half "
                      "width is at most this share of its mean")
    many.add_argument("--file", metavar="FILE", help="a Parquet file to go on with")
    many.add_argument("--metric", action="append", metavar="NAME", help="show this metric; may "
                      "be given several times (default: the lab's headline)")
    for name in ("run", "sweep", "bench", "build"):
        made[name].add_argument("--progress", action="store_true",
                                help="show progress even where stderr is no terminal")
    name = next((word for word in words if not word.startswith("-")), None)
    if name is None:
        return top.parse_args(words or ["--help"])
    if name not in COMMANDS:
        raise unknown("command", name, COMMANDS)
    if name in ("run", "sweep"):
        words = add_lab(made[name], words)
    args, rest = top.parse_known_args(words)
    if name == "open":
        args.rest = [*(["--no-browser"] if args.no_browser else []), *rest]
    elif name == "demo" and all("." in w.split("=")[0] or w[:7] == "--token" for w in rest):
        args.rest = rest        # options of Voila's
    elif rest and not rest[0].startswith("-"):
        raise LabsimError(f"{rest[0]}: one word too many (labsim {name} --help tells more)")
    elif rest:
        raise unknown("option", rest[0].split("=")[0],
                      [o for action in made[name]._actions for o in action.option_strings])
    return args


def add_lab(parser, words: list[str]) -> list[str]:
    """Give a command the options of the lab among its words; returns the words, made tidy."""
    from labsim.cli.options import add_options, tidy
    command = next(word for word in words if not word.startswith("-"))
    words = words[words.index(command) + 1:]
    first = words[0] if words and not words[0].startswith("-") else None
    slug = next((word for word in words if word in labsim.labs()), first)
    if slug is None:
        return [command, *words]
    lab = labsim.lab(slug)
    words.remove(slug)
    valued = [o for action in parser._actions if action.nargs is None and action.const is None
              for o in action.option_strings]
    add_options(parser, lab)
    return [command, slug, *tidy(words, lab, *valued)]


def main(words: list[str] | None = None) -> int:
    """Run a command; returns its exit status: 0, 2 for an error that a user can mend, 130."""
    try:
        args = read(sys.argv[1:] if words is None else words)
        args.action(args)
        sys.stdout.flush()
        return 0
    except LabsimError as error:
        print(f"labsim: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    except OSError as error:        # standard output is closed (| head), or its disk is full
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):
            return 0
        print(f"labsim: standard output: {error.strerror}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
