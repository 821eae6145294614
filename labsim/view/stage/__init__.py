"""The stage: one picture that moves, the same in a notebook, on a wall and in a page.

Picture a theatre with a record of the play: the kernel plays it once (`labsim.view.recording`),
and whoever sits in front of the stage turns the clock back and forth by hand. Everything that
moves is the browser's business; the kernel hears of it when a knob is turned.

The script is these files, one after the other: how a recording is read, the system, the figure,
the knobs, the player, files of one's own, and what holds them together. Nothing in them knows any
lab.
"""

import functools
import json
from importlib.resources import files

from labsim.text import RULE

SCRIPTS = ("said", "text", "recording", "scene", "boxes", "curves", "knobs", "drawer", "player",
           "own", "app", "hands", "meet", "main")


def read(name: str) -> str:
    """A file of this folder."""
    return files(__name__).joinpath(name).read_text(encoding="utf-8")


@functools.cache
def script() -> str:
    """All of it, as the text of a module that exports nothing yet."""
    css = read("stage.css").replace("\\", "\\\\").replace("`", "\\`")
    parts = [read(f"{name}.js").replace("export ", "") for name in SCRIPTS]
    return "\n".join([f"const CSS = `{css}`, RULE = {json.dumps(RULE)};", *parts])


def module() -> str:
    """The module of a widget."""
    return f"{script()}\nexport default {{initialize, render}};\n"
