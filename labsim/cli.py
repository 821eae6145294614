"""The `labsim` command: every lab from a terminal. `labsim --help` shows what it can do."""

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

import labsim
from labsim.errors import LabsimError, ParameterError, unknown
from labsim.kit.text import figure

EXAMPLES = """examples:
  labsim list                                    the labs there are
  labsim show sqs-asg                            parameters, presets and metrics of a lab
  labsim run sqs-asg --arrival-rate 4 --seed 7   one run, its figures as a table
  labsim run sqs-asg --preset 2 --plot spike.png the second preset, as a picture
  labsim run sqs-asg --workload trace --trace requests.csv
  labsim facts sqs                               limits and defaults, with their source
  labsim open sqs-asg                            the lab's notebook in JupyterLab
"""


class Parser(argparse.ArgumentParser):
    """Tells a wrong option in one line, with the nearest right one."""

    def error(self, message):
        if message.startswith("unrecognized arguments: --"):
            given = message.split()[2].split("=")[0]
            message = str(unknown("option", given, self._options()))
        elif "invalid choice" in message:
            given, choices = message.split("'")[1], self._commands()
            message = str(unknown("command", given, choices))
        self.exit(2, f"{self.prog}: {message}\n")

    def _commands(self) -> dict:
        return next((a.choices for a in self._actions if isinstance(a.choices, dict)), {})

    def _options(self) -> list[str]:
        own = [o for a in self._actions for o in a.option_strings if o.startswith("--")]
        return own + [o for sub in self._commands().values() for o in sub._options()]


def list_labs(args) -> None:
    """The labs there are, in course order."""
    for lab in labsim.labs().values():
        print(f"{lab.slug:18} {lab.title}\n{'':18} {lab.summary}")


def show(args) -> None:
    """What a lab asks, its parameters, presets and metrics."""
    lab = labsim.lab(args.slug)
    print(f"{lab.title}\n{lab.summary}")
    group = None
    for name, knob in lab.Params.knobs().items():
        if knob.group != group:
            group = knob.group
            print(f"\n{group}")
        print(f"  {name:20} {knob.help}\n{'':23}{knob.allowed}; default {knob.default}")
    print("\nPresets")
    for preset in lab.presets:
        print(f"  {preset.title:20} {preset.say}")
    print("\nMetrics")
    for metric in lab.metrics:
        unit = f" ({metric.unit})" if metric.unit else ""
        print(f"  {metric.name:20} {metric.meaning}{unit}")


def facts(args) -> None:
    """The facts of a topic; without one, the topics."""
    if args.topic:
        print(labsim.facts(args.topic))
    else:
        for topic in dict.fromkeys(f.service for f in labsim.facts.all_facts().values()):
            print(topic)


def run(args) -> None:
    """One run of a lab."""
    lab = labsim.lab(args.slug)
    given = {name: getattr(args, name) for name in lab.Params.knobs() if hasattr(args, name)}
    if args.preset:
        preset = lab.preset(args.preset)
        given = {**{n: getattr(preset, n) for n in preset.model_fields_set}, **given}
    params = lab.Params(**given)
    with Bar(args.progress) as bar:
        result = lab.run(params, args.seed, progress=bar.update)
    if args.plot:
        save(args.plot, lambda path: result.plot().savefig(path))
    if args.json:
        write(args.json, result.to_json() + "\n")
    if args.csv:
        write(args.csv, csv_text(result))
    if not (args.json or args.csv or args.plot):
        report(lab, result)


def report(lab, result) -> None:
    """The run as a table for a reader."""
    for note in result.notes:
        print(f"note: {note}")
    for metric in lab.metrics:
        value = figure(result.summary[metric.name])
        print(f"{metric.name:18} {value:>12} {metric.unit:10} {metric.meaning}")
    for line, usd in result.cost.items():
        print(f"{'  ' + line:18} {figure(usd):>12} USD")
    for event in result.events[:10]:
        print(f"{event.t:10,.0f} s  {event.text}")
    if len(result.events) > 10:
        print(f"{'':13} ... and {len(result.events) - 10:,} more events (--json has them all)")


def csv_text(result) -> str:
    """The series as CSV: t and one column each."""
    names = list(result.series)
    columns = [result.series[names[0]].t.tolist(),
               *(result.series[name].value.tolist() for name in names)]
    lines = [",".join(["t", *names]), *(",".join(map(repr, row)) for row in zip(*columns))]
    return "\n".join(lines) + "\n"


def write(path: str, text: str) -> None:
    """Write a text to a file, or to the standard output for "-"."""
    if path == "-":
        sys.stdout.write(text)
    else:
        save(path, lambda p: Path(p).write_text(text, encoding="utf-8"))


def save(path: str, action) -> None:
    """Do `action(path)`; what goes wrong with the file is said in one line."""
    try:
        action(path)
    except (OSError, ValueError) as error:
        raise LabsimError(f"{path}: {getattr(error, 'strerror', None) or error}") from None
    print(f"wrote {path}", file=sys.stderr)


class Bar:
    """A progress bar on stderr, for what takes more than a second."""

    def __init__(self, wanted: bool):
        self._bar = None
        if wanted or sys.stderr.isatty():
            try:
                from tqdm import tqdm
            except ImportError:
                return
            self._bar = tqdm(total=100, delay=1, file=sys.stderr, leave=False,
                             bar_format="{desc}{percentage:3.0f}%|{bar:40}| {remaining} left")

    def update(self, share: float) -> None:
        """`share` of the run is done."""
        if self._bar is not None:
            self._bar.update(100 * share - self._bar.n)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self._bar is not None:
            self._bar.close()


def open_lab(args) -> None:
    """JupyterLab with a lab's notebook."""
    notebook = find_notebook(args.slug)
    lab = shutil.which("jupyter-lab", path=os.pathsep.join(
        [str(Path(sys.executable).parent), os.environ.get("PATH", "")]))
    if lab is None:
        raise LabsimError('JupyterLab is not installed: pip install "labsim[lab]"')
    command = [lab, str(notebook), *(["--no-browser"] if args.no_browser else [])]
    raise SystemExit(subprocess.call(command))


def find_notebook(slug: str | None) -> Path:
    """The notebook of a lab: in the checkout, or copied from the package into this folder."""
    if slug is not None:
        labsim.lab(slug)        # an unknown name suggests the nearest
    name = f"*-{slug or 'start-here'}.ipynb"
    package = Path(labsim.__file__).parent
    if found := sorted((package.parent / "notebooks").glob(name)):
        return found[0]
    found = sorted((package / "notebooks").glob(name))
    if not found:
        raise LabsimError(f"there is no notebook {name} in this installation")
    copy = Path.cwd() / found[0].name
    if not copy.exists():
        shutil.copyfile(found[0], copy)
    return copy


def bench(args) -> None:
    """How fast this machine runs a station, against plain SimPy and others."""
    from labsim.bench import main as bench_main
    bench_main(as_json=args.json)


def build(args) -> None:
    """Notebooks from their sources."""
    from labsim.course.build import build as build_notebooks
    only = args.only.split(",") if args.only else None
    build_notebooks(only=only, check=args.check, tell=print)


def add_run_options(parser, slug: str) -> None:
    """One option per parameter of the lab, named and explained by its declaration."""
    lab = labsim.lab(slug)
    groups: dict = {}
    for name, knob in lab.Params.knobs().items():
        if knob.group not in groups:
            groups[knob.group] = parser.add_argument_group(knob.group)
        dashed = "--" + name.replace("_", "-")
        names = [dashed] if dashed == "--" + name else [dashed, "--" + name]
        text = f"{knob.help} {knob.allowed}; default {knob.default}".replace("%", "%%")
        how = {"dest": name, "default": argparse.SUPPRESS, "help": text}
        if knob.type is bool:
            how["action"] = argparse.BooleanOptionalAction
        else:
            how["metavar"] = (knob.unit or knob.type.__name__).split()[0].upper()
            how["type"] = reader(knob)
        groups[knob.group].add_argument(*names, **how)


def reader(knob):
    """Text to the knob's type; a text that is none is a ParameterError in words."""
    def read(text: str):
        try:
            return knob.type(text)
        except ValueError:
            error = ParameterError(knob.name, text, knob.allowed)
            raise argparse.ArgumentTypeError(str(error)) from None
    return read


def parser(argv: list[str]) -> argparse.ArgumentParser:
    """The command line; `run SLUG` brings that lab's options."""
    top = Parser(prog="labsim", epilog=EXAMPLES, description=labsim.__doc__,
                 formatter_class=argparse.RawDescriptionHelpFormatter)
    top.add_argument("--version", action="version", version=f"labsim {labsim.__version__}")
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True,
                                  parser_class=Parser)

    def command(name, action):
        made = commands.add_parser(name, help=action.__doc__, description=action.__doc__,
                                   allow_abbrev=False)
        made.set_defaults(action=action)
        return made
    command("list", list_labs)
    command("show", show).add_argument("slug", metavar="SLUG", help="a lab's name")
    one = command("run", run)
    one.add_argument("slug", metavar="SLUG", help="a lab's name; then --help lists its parameters")
    one.add_argument("--seed", type=int, default=1, help="which luck; default 1")
    one.add_argument("--preset", help="start from a preset, by number or title")
    for name, what in (("json", "the whole result"), ("csv", "the series")):
        one.add_argument(f"--{name}", nargs="?", const="-", metavar="FILE",
                         help=f"write {what} as {name.upper()} to FILE or standard output")
    one.add_argument("--plot", metavar="FILE", help="draw the figure into FILE (png, svg, pdf)")
    one.add_argument("--progress", action="store_true",
                     help="show the progress bar even if this is no terminal")
    slug = next((word for word in argv[1:] if not word.startswith("-")), None)
    if argv[:1] == ["run"] and slug in labsim.labs():
        add_run_options(one, slug)
    command("facts", facts).add_argument("topic", nargs="?", help="a service, such as sqs")
    opened = command("open", open_lab)
    opened.add_argument("slug", nargs="?", metavar="SLUG", help="a lab's name")
    opened.add_argument("--no-browser", action="store_true", help="start the server only")
    command("bench", bench).add_argument("--json", action="store_true", help="as JSON")
    built = command("build", build)
    built.add_argument("--only", help="numbers of notebooks, such as 00,01")
    built.add_argument("--check", action="store_true",
                       help="only say whether the notebooks are what their sources make")
    return top


def main(argv: list[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    argv = sys.argv[1:] if argv is None else argv
    try:
        args = parser(argv).parse_args(argv)
        args.action(args)
        sys.stdout.flush()
    except LabsimError as error:
        print(f"labsim: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
