"""`labsim trace`: what a file of traffic is, before anything is run with it."""

from labsim.cli.command import argument, command
from labsim.cli.runs import PICTURES
from labsim.errors import ParameterError


@command("trace", argument("file", metavar="FILE", help="an export of your own traffic"),
         argument("--metric", "--trace-metric", default="", metavar="NAME",
                  help="which of several series"),
         argument("--as", "--trace-as", dest="kind", default="file", metavar="KIND",
                  help="what its values are: counts, rate (per second) or total (running); by "
                       "default as the file says"),
         argument("--plot", metavar="FILE", help="draw it into FILE (png, svg or pdf)"))
def trace(args) -> None:
    """what a file of your own traffic is: how many periods and requests, drawn"""
    import shlex
    import shutil
    import sys

    from labsim.cli.terminal import save, sees_blocks
    from labsim.traces import read_trace
    from labsim.view.trace_picture import picture, strip, told
    if args.plot and not args.plot.lower().endswith(PICTURES):
        raise ParameterError("plot", args.plot, f"a file name that ends in {', '.join(PICTURES)}")
    found = read_trace(args.file, args.metric, args.kind)
    print(f"{args.file}: {found.name}")
    for line in told(found):
        print(line[:1].upper() + line[1:])
    print(strip(found, shutil.get_terminal_size().columns, plain=not sees_blocks(sys.stdout)))
    if args.plot:
        save(args.plot, picture(found).savefig)
    more = [f"--trace-metric {shlex.quote(args.metric)}"] * bool(args.metric)
    more += [f"--trace-as {args.kind}"] * (args.kind != "file")
    print(" ".join(["labsim run sqs-asg --workload trace --trace", shlex.quote(args.file), *more]))
