"""The command `labsim build`: its options, and what it says.

Picture the counter of the printing works: an order is taken, what is ready is called out, and
what can't be printed is handed back with the place marked.
"""

from labsim.cli.command import PROGRESS, argument, command


def _parts() -> str:
    from labsim.course.build import PARTS
    return (f"only these parts, of {', '.join(PARTS)}; the notebooks that they need are made, "
            "too")


@command("build",
         argument("--only", metavar="N,N", help="only these chapters, such as 00,01, in every "
                  "part that is made"),
         argument("--parts", metavar="NAME,NAME", help=_parts),
         argument("--course", metavar="FILE", help="a course.toml of your own (default: the one "
                  "in this folder, else the built-in course)"),
         argument("--to", metavar="FOLDER", help="where to (default: build/ beside the "
                  "notebooks, or beside the course.toml)"),
         argument("--check", action="store_true", help="only say whether the notebooks are what "
                  "their sources make; exit status 1 if not"),
         argument("--force", action="store_true", help="make everything, changed or not"),
         PROGRESS, of_course=True,
         usage="labsim build [--only N,N] [--parts NAME,NAME] [--course FILE] [--to FOLDER]\n"
               "                    [--check] [--force] [--progress]")
def build(args) -> None:
    """the course in all its forms, from its sources (for course builders)"""
    from labsim.cli.terminal import Bar
    from labsim.course import build as work
    if args.check:
        differ = work.check(args.course, to=args.to)
        print("\n".join(differ) or "the notebooks are what their sources make")
        if differ:
            raise SystemExit(1)
        return
    with Bar(args.progress) as bar:
        work.build(listed(args.only), listed(args.parts), course=args.course, to=args.to,
                   force=args.force, tell=bar.tell, progress=bar.update)


def listed(text: str | None) -> list[str] | None:
    """"01,04" as a list; None for all."""
    return None if text is None else [word.strip() for word in text.split(",") if word.strip()]
