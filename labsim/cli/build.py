"""The command `labsim build`: its options, and what it says.

Picture the counter of the printing works: an order is taken, what is ready is called out, and
what can't be printed is handed back with the place marked.
"""

from labsim.cli.terminal import Bar


def add_options(parser) -> None:
    """The options of `labsim build`."""
    parser.usage = ("labsim build [--only N,N] [--parts NAME,NAME] [--course FILE] [--to FOLDER]\n"
                    "                    [--check] [--force] [--progress]")
    parser.add_argument("--only", metavar="N,N", help="only these chapters, such as 00,01, in "
                        "every part that is made")
    parser.add_argument("--parts", metavar="NAME,NAME", help="only these parts, of "
                        f"{', '.join(names())}; the notebooks that they need are made, too")
    parser.add_argument("--course", metavar="FILE", help="a course.toml of your own (default: the "
                        "one in this folder, else the built-in course)")
    parser.add_argument("--to", metavar="FOLDER", help="where to (default: build/ beside the "
                        "notebooks, or beside the course.toml)")
    parser.add_argument("--check", action="store_true", help="only say whether the notebooks are "
                        "what their sources make; exit status 1 if not")
    parser.add_argument("--force", action="store_true", help="make everything, changed or not")


def names() -> list[str]:
    """The names of the parts."""
    from labsim.course.build import PARTS
    return [*PARTS]


def build(args) -> None:
    """the course in all its forms, from its sources (for course builders)"""
    from labsim.course import build as works
    if args.check:
        differ = works.check(args.course, to=args.to)
        print("\n".join(differ) or "the notebooks are what their sources make")
        if differ:
            raise SystemExit(1)
        return
    with Bar(args.progress) as bar:
        works.build(listed(args.only), listed(args.parts), course=args.course, to=args.to,
                    force=args.force, tell=bar.tell, progress=bar.update)


def listed(text: str | None) -> list[str] | None:
    """"01,04" as a list; None for all."""
    return None if text is None else [word.strip() for word in text.split(",") if word.strip()]


build.options = add_options
