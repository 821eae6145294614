"""Labs looked at and run: `labsim list`, `show`, `run`, `sweep`, `check`, `facts`.

Picture the test bench of a workshop: what machines there are, what each has to turn, one run of
it, many runs of it, and the calibration sheet beside it.
"""

from labsim.cli.command import PROGRESS, argument, command, share, whole
from labsim.course import in_effect
from labsim.errors import LabsimError, ParameterError

PICTURES, PAGES = (".png", ".svg", ".pdf"), (".html", ".pdf")
SLUG = argument("slug", metavar="SLUG", help="a lab's name")
MAYBE_SLUG = argument("slug", metavar="SLUG", nargs="?", help="a lab's name")
SEED = argument("--seed", default="1", metavar="N",
                help="which luck, or the first of it (default 1)")


def _lab_of(name: str):
    return argument("slug", metavar="SLUG", help=f"a lab's name; `labsim {name} SLUG --help` "
                    "explains its parameters")


def _csv(what: str):
    return argument("--csv", nargs="?", const="-", metavar="FILE",
                    help=f"write {what} as CSV to FILE or standard output")


@command("list")
def list_labs(args) -> None:
    """the labs there are, in course order"""
    for lab in in_effect.labs().values():
        print(f"{lab.slug:18} {lab.title}\n{'':18} {lab.summary}")


@command("show", SLUG)
def show(args) -> None:
    """what a lab asks, its parameters, presets and metrics"""
    from labsim.declare.describe import describe
    print(describe(in_effect.lab(args.slug)))


@command("run", _lab_of("run"), SEED,
         argument("--preset", metavar="N", help="start from a preset, by number or title"),
         argument("--json", nargs="?", const="-", metavar="FILE",
                  help="write the whole result as JSON to FILE or standard output"),
         argument("--plot", metavar="FILE", help="draw the figure into FILE (png, svg or pdf)"),
         argument("--report", metavar="FILE", help="a page about the run into FILE (html, pdf)"),
         _csv("the series"), PROGRESS, of_lab=True,
         usage="labsim run SLUG [--parameter value ...] [--preset N] [--seed N]\n"
               "                       [--json [FILE]] [--csv [FILE]] [--plot FILE] "
               "[--report FILE]")
def run(args) -> None:
    """one run of a lab"""
    from labsim.cli.options import given
    from labsim.cli.terminal import Bar, draw, save, write
    from labsim.declare.describe import csv_text, report
    lab, values = in_effect.lab(args.slug), {}
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


@command("sweep", _lab_of("sweep"), SEED, _csv("the whole table"),
         argument("--over", action="append", default=[], metavar="NAME=V,V,...",
                  help="a parameter and its values; may be given several times"),
         argument("--replications", default="10", metavar="N", help="seeds per point"),
         argument("--design", default="grid", metavar="KIND", help="grid, list or latin"),
         argument("--points", metavar="N", help="points of a latin hypercube"),
         argument("--until", metavar="SHARE", help="stop a point when every interval's half width "
                  "is at most this share of its mean"),
         argument("--file", metavar="FILE", help="a Parquet file to go on with"),
         argument("--metric", action="append", metavar="NAME", help="show this metric; may be "
                  "given several times (default: the lab's headline)"),
         PROGRESS, of_lab=True,
         usage="labsim sweep SLUG [--parameter value ...] --over NAME=V,V,...\n"
               "                         [--replications N] [--until SHARE] [--file FILE] ...")
def sweep(args) -> None:
    """a lab over a set of points, each with several seeds: means with their intervals"""
    from labsim.cli.options import given, listed
    from labsim.cli.terminal import write
    from labsim.study import sweeps
    lab = in_effect.lab(args.slug)
    over = dict(listed(text, lab) for text in args.over)
    table = sweeps.sweep(
        lab, over=over, replications=whole(args.replications), design=args.design.casefold(),
        points=whole(args.points), seed=whole(args.seed), until=share(args.until),
        file=args.file, progress=True if args.progress else None, **given(args, lab))
    if args.csv:
        write(args.csv, table.to_csv(index=False))
    if args.csv != "-":
        names = [lab.metric(name).name for name in args.metric or lab.headline]
        print(table[table.metric.isin([*names, ""])].to_string(index=False))
    if table.error.any():
        raise LabsimError("some points have no result: see the column error")


@command("check", MAYBE_SLUG)
def check(args) -> None:
    """the known answers of a lab, or of all, and what was measured on AWS beside it; exit status 1
    if a known answer differs"""
    from labsim.study.known_answers import TrustTable
    chosen = [in_effect.lab(args.slug)] if args.slug else in_effect.labs().values()
    tables = {lab: lab.trust() for lab in chosen}
    for lab, table in tables.items():
        print(f"{lab.title}\n\n{table}\n")
    together = TrustTable((check for table in tables.values() for check in table),
                          (one for table in tables.values() for one in table.measured))
    wrong = sum(not check.passed for check in together)
    if len(tables) > 1:
        print(f"All labs. {together.told()}")
    print(f"{len(together)} known answers, {wrong} differ")
    if wrong:
        raise SystemExit(1)


@command("facts", argument("topic", metavar="TOPIC", nargs="?", help="a service, such as sqs"),
         argument("--diff", action="store_true", help="only where notes and today differ"))
def facts(args) -> None:
    """limits, defaults and prices of a topic; without one, the topics"""
    from labsim.factbook import FactTable
    book = in_effect.book()
    if args.diff:
        rows = book.facts(args.topic) if args.topic else book.values()
        print(FactTable(fact for fact in rows if fact.differs))
    elif args.topic:
        print(book.facts(args.topic))
    else:
        for topic, count in book.topics().items():
            print(f"{topic:24} {count} facts")
