"""`labsim bench`: what the race of `labsim.cli.race` gives, as a table or as JSON.

Picture the board at the finish on which the times are put up.
"""

from labsim.cli.command import PROGRESS, argument, command, whole


@command("bench",
         argument("--customers", default="200_000", metavar="N",
                  help="how many are served in a race (default 200,000)"),
         argument("--json", action="store_true", help="as JSON"), PROGRESS)
def bench(args) -> None:
    """how fast this machine runs a station, beside plain SimPy and others"""
    from labsim.cli import race
    from labsim.cli.terminal import Bar
    customers = whole(args.customers)
    with Bar(args.progress) as bar:
        times = race.race(customers, progress=bar.update)
        pictures = race.run_and_draw()
    print((race.as_json if args.json else race.report)(times, pictures, customers))
