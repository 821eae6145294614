"""The `labsim` command: every lab from a terminal. `labsim --help` shows what it can do.

A command is a function of `COMMANDS`; its docstring is its help. `run SLUG` takes an option for
every parameter that the lab declares. An error is one line on stderr and exit status 2.
"""

import argparse
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import labsim
from labsim.errors import LabsimError, ParameterError, unknown

EXAMPLES = """examples:
  labsim list                                     the labs there are
  labsim show sqs-asg                             parameters, presets and metrics of a lab
  labsim run sqs-asg --arrival-rate 4 --seed 7    one run, its figures as a table
  labsim run sqs-asg --preset 2 --plot spike.png  the second preset, as a picture
  labsim run sqs-asg --workload trace --trace requests.csv
                                                  a CloudWatch export, replayed
  labsim facts sqs                                limits and defaults
  labsim open sqs-asg                             the lab's notebook in JupyterLab
"""
PICTURES = (".png", ".svg", ".pdf")


# -- commands ------------------------------------------------------------------------------------


def list_labs(args) -> None:
    """the labs there are, in course order"""
    for lab in labsim.labs().values():
        print(f"{lab.slug:18} {lab.title}\n{'':18} {lab.summary}")


def show(args) -> None:
    """what a lab asks, its parameters, presets and metrics"""
    from labsim.kit.report import describe
    print(describe(labsim.lab(args.slug)))


def facts(args) -> None:
    """limits, defaults and prices of a topic; without one, the topics"""
    if args.topic:
        print(labsim.facts(args.topic))
        return
    topics = [fact.service for fact in labsim.facts.all_facts().values()]
    for topic in dict.fromkeys(topics):
        print(f"{topic:18} {topics.count(topic)} facts")


def run(args) -> None:
    """one run of a lab"""
    from labsim.kit.options import given
    from labsim.kit.report import csv_text, report
    lab, values = labsim.lab(args.slug), {}
    if args.preset:
        values = lab.scene(args.preset).values
    if args.plot and not args.plot.lower().endswith(PICTURES):
        raise ParameterError("plot", args.plot, f"a file name that ends in {', '.join(PICTURES)}")
    if args.json == args.csv == "-":
        raise LabsimError("--json and --csv both on standard output: give one of them a FILE")
    params = lab.Params(**{**values, **given(args, lab)})
    with Bar(args.progress) as bar:
        result = lab.run(params, whole(args.seed), progress=bar.update)
    if args.plot:
        save(args.plot, lambda path: draw(result, path))
    if args.json:
        write(args.json, result.to_json() + "\n")
    if args.csv:
        write(args.csv, csv_text(result))
    if "-" not in (args.json, args.csv):
        print(report(lab, result))


def whole(text: str):
    """`text` as a whole number, or as it is: then it is refused by whoever wants the number."""
    try:
        return int(text)
    except ValueError:
        return text


def open_lab(args) -> None:
    """a lab's notebook in JupyterLab; without SLUG, the page to start with"""
    if args.slug is not None:
        labsim.lab(args.slug)       # an unknown name suggests the nearest
    if importlib.util.find_spec("jupyterlab") is None:
        raise LabsimError('JupyterLab is not installed: pip install "labsim[lab]"')
    # In a container one is root, and JupyterLab wants to be told that this is meant.
    root = ["--allow-root"] if os.name == "posix" and os.geteuid() == 0 else []
    start([sys.executable, "-m", "jupyterlab", str(find_notebook(args.slug)), *root, *args.rest])


def bench(args) -> None:
    """how fast this machine runs a station, beside plain SimPy and others"""
    from labsim import bench as race
    with Bar(args.progress) as bar:
        times = race.race(whole(args.customers), progress=bar.update)
        pictures = race.run_and_draw()
    print((race.as_json if args.json else race.report)(times, pictures, whole(args.customers)))


def build(args) -> None:
    """the notebooks, from their sources (for course builders)"""
    from labsim.course.build import build as build_notebooks
    only = args.only.split(",") if args.only else None
    build_notebooks(only=only, check=args.check, tell=print)


COMMANDS = {"list": list_labs, "show": show, "run": run, "facts": facts, "open": open_lab,
            "bench": bench, "build": build}


# -- files and progress -------------------------------------------------------------------------


def draw(result, path: str) -> None:
    """The figure of a run, the same bytes for the same run."""
    import matplotlib
    date = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}.get(path[-4:].lower())
    with matplotlib.rc_context({"svg.hashsalt": "labsim"}):
        result.plot().savefig(path, metadata=date)


def write(path: str, text: str) -> None:
    """Write a text to a file, or to standard output for "-"."""
    if path == "-":
        sys.stdout.write(text)
    else:
        save(path, lambda p: Path(p).write_text(text, encoding="utf-8"))


def save(path: str, action) -> None:
    """Do `action(path)`; what goes wrong with the file is said in one line."""
    try:
        action(path)
    except OSError as error:
        raise LabsimError(f"{path}: cannot be written: {error.strerror}") from None
    print(f"wrote {path}", file=sys.stderr)


class Bar:
    """A progress bar on stderr for what takes more than a second, by tqdm where installed."""

    def __init__(self, wanted: bool):
        self._bar = None
        if (wanted or sys.stderr.isatty()) and importlib.util.find_spec("tqdm"):
            from tqdm import tqdm
            self._bar = tqdm(total=100, delay=1, file=sys.stderr, leave=False,
                             bar_format="{percentage:3.0f}%|{bar:40}| {remaining} left")

    def update(self, share: float) -> None:
        """`share` of the work is done."""
        if self._bar is not None:
            self._bar.update(100 * share - self._bar.n)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self._bar is not None:
            self._bar.close()


# -- JupyterLab ----------------------------------------------------------------------------------


def find_notebook(slug: str | None, package: Path | None = None) -> Path:
    """The notebook of a lab: where it stands in a checkout, or copied from the installed package
    into this folder, where a file that is there already is kept."""
    package = package or Path(labsim.__file__).parent
    name = f"[0-9][0-9]-{slug or 'start-here'}.ipynb"
    if found := sorted((package / "notebooks").glob(name)):
        copy = Path.cwd() / found[0].name
        if not copy.exists():
            shutil.copyfile(found[0], copy)
        return copy
    if found := sorted((package.parent / "notebooks").glob(name)):
        return found[0]
    raise LabsimError(f"there is no notebook NN-{slug or 'start-here'}.ipynb here")


def start(command: list[str]) -> None:
    """Become this command, so that signals reach it; on Windows, wait for it."""
    if os.name == "posix":
        sys.stdout.flush()
        os.execv(command[0], command)
    raise SystemExit(subprocess.call(command))


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
    made["show"].add_argument("slug", metavar="SLUG", help="a lab's name")
    made["facts"].add_argument("topic", metavar="TOPIC", nargs="?", help="a service, such as sqs")
    made["open"].add_argument("slug", metavar="SLUG", nargs="?", help="a lab's name")
    made["open"].add_argument("--no-browser", action="store_true", help="start the server only; "
                              "other options, such as --port=8899, go to JupyterLab too")
    made["bench"].add_argument("--customers", default="200_000", metavar="N",
                               help="how many are served in a race (default 200,000)")
    made["bench"].add_argument("--json", action="store_true", help="as JSON")
    made["build"].add_argument("--only", help="numbers of notebooks, such as 00,01")
    made["build"].add_argument("--check", action="store_true", help="only say whether the "
                               "notebooks are what their sources make")
    one = made["run"]
    one.usage = ("labsim run SLUG [--parameter value ...] [--preset N] [--seed N]\n"
                 "                       [--json [FILE]] [--csv [FILE]] [--plot FILE]")
    one.add_argument("slug", metavar="SLUG", help="a lab's name; `labsim run SLUG --help` "
                     "explains its parameters")
    one.add_argument("--preset", metavar="N", help="start from a preset, by number or title")
    one.add_argument("--seed", default="1", metavar="N", help="which luck (default 1)")
    for name, what in (("json", "the whole result"), ("csv", "the series")):
        one.add_argument(f"--{name}", nargs="?", const="-", metavar="FILE",
                         help=f"write {what} as {name.upper()} to FILE or standard output")
    one.add_argument("--plot", metavar="FILE", help="draw the figure into FILE (png, svg or pdf)")
    for name in ("run", "bench"):
        made[name].add_argument("--progress", action="store_true",
                                help="show progress even where stderr is no terminal")
    name = next((word for word in words if not word.startswith("-")), None)
    if name is None:
        return top.parse_args(words or ["--help"])
    if name not in COMMANDS:
        raise unknown("command", name, COMMANDS)
    if name == "run":
        words = add_lab(one, words)
    args, rest = top.parse_known_args(words)
    if name == "open":
        args.rest = [*(["--no-browser"] if args.no_browser else []), *rest]
    elif rest and not rest[0].startswith("-"):
        raise LabsimError(f"{rest[0]}: one word too many (labsim {name} --help tells more)")
    elif rest:
        raise unknown("option", rest[0].split("=")[0],
                      [o for action in made[name]._actions for o in action.option_strings])
    return args


def add_lab(parser, words: list[str]) -> list[str]:
    """Give `run` the options of the lab among the words; returns the words, made tidy."""
    from labsim.kit.options import add_options, tidy
    words = words[words.index("run") + 1:]
    first = words[0] if words and not words[0].startswith("-") else None
    slug = next((word for word in words if word in labsim.labs()), first)
    if slug is None:
        return ["run", *words]
    lab = labsim.lab(slug)
    words.remove(slug)
    add_options(parser, lab)
    return ["run", slug, *tidy(words, lab, "--preset", "--seed", "--plot")]


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
