"""Labs shown: `labsim open` for a learner at a desk, `labsim demo` for a class with a projector.

Picture a museum guide who knows two doors: one into the reading room, one into the hall. Either
way the course of the folder in which one asks goes along, also into the processes started.
"""

import importlib.util
import os
import sys

from labsim.cli.command import argument, command
from labsim.cli.runs import MAYBE_SLUG
from labsim.cli.terminal import find_notebook, start
from labsim.course import in_effect
from labsim.errors import LabsimError

QUIET = "--no-browser"


# What a learner does not want to come across beside the notebooks, in JupyterLab's file browser.
HIDDEN = [f"--ContentsManager.hide_globs={name}"
          for name in ("solutions", "conftest.py", "__pycache__")]


def take_course_along() -> None:
    """The course in effect is in effect in every process started from now on."""
    if course := in_effect.current():
        os.environ[in_effect.VARIABLE] = course.path


@command("open", MAYBE_SLUG,
         argument(QUIET, action="store_true", help="start the server only; other options, such as "
                  "--port=8899, go to JupyterLab too"),
         of_course=True, hands_on=lambda word: True)
def open_lab(args) -> None:
    """a lab's notebook in JupyterLab; without SLUG, the one to go on with"""
    from labsim.cli.learner import go_on
    if args.slug is not None:
        in_effect.lab(args.slug)       # an unknown name suggests the nearest
    if importlib.util.find_spec("jupyterlab") is None:
        raise LabsimError('JupyterLab is not installed: pip install "labsim[lab]"')
    # In a container one is root, and JupyterLab wants to be told that this is meant.
    root = ["--allow-root"] if os.name == "posix" and os.geteuid() == 0 else []
    notebook = find_notebook(go_on(args.slug))
    take_course_along()
    start([sys.executable, "-m", "jupyterlab", str(notebook), *root, *HIDDEN,
           *([QUIET] if args.no_browser else []), *args.rest])


@command("demo", MAYBE_SLUG,
         argument("--preset", metavar="N", help="open at a preset, by number or title"),
         argument("--port", metavar="N",
                  help="port on this machine (default: the first free one from 8866)"),
         argument("--list", action="store_true", help="the labs with their steps"),
         argument(QUIET, action="store_true", help="only say the address"),
         argument("--dark", action="store_true", help="light on dark"),
         of_course=True,        # options of Voila's have a dot, or are the token
         hands_on=lambda word: "." in word.split("=")[0] or word.startswith("--token"))
def demo(args) -> None:
    """a lab alone, for an instructor with a projector (Voila); --list shows the steps"""
    from labsim.cli import demo_server
    if args.list:
        print(demo_server.listing())
        return
    take_course_along()
    demo_server.demo(args.slug, args.preset, args.port, dark=args.dark,
                     browser=not args.no_browser, more=args.rest)
