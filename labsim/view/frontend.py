"""What an output is made of, so that it lives where a kernel is and plays where none is.

Picture a letter that can also be a telephone: whoever has a line talks through it, whoever finds it
in a drawer years later can still read it.

A widget's view needs its model, and a saved notebook has none: JupyterLab then shows an error in
its place. So JupyterLab (and what is built on it) gets a page's HTML only. It holds the picture;
where the widget's model is alive in the same page, its module takes the place over (see
`stage/meet.js`). A program that executes notebooks gets the same, and without any name that differs
from run to run. All others get the widget's view, as the protocol has it, and the HTML beside it.
"""

import os
import sys

VIEW = "application/vnd.jupyter.widget-view+json"
_shown: dict[str, list] = {}    # cell -> the widgets that its last execution showed


def bundle(widget, html: str, text: str) -> tuple[dict, dict]:
    """The output for a `widget` with a trait `live` (its name in the page), and its metadata: where
    Colab finds what shows widgets.

    html: what is seen without a kernel, {live} where that name goes; text: for a terminal.
    """
    where, metadata = frontend(), {}
    widget.live = widget.model_id if where == "page" else ""
    found = {"text/plain": text, "text/html": html.replace("{live}", widget.live)}
    if where == "view":
        view = widget._repr_mimebundle_()
        data, metadata = view if isinstance(view, tuple) else (view, {})
        found[VIEW] = data[VIEW]
    _forget(widget)
    return found, metadata


def frontend() -> str:
    """Who will show the output: "page" (JupyterLab, Notebook 7, JupyterLite), "program" (nbclient,
    nbval, nbconvert), or "view": anybody else who shows widgets, such as VS Code, Colab, Voila."""
    if sys.platform == "emscripten":
        return "page"
    if ("voila" in os.environ.get("SERVER_SOFTWARE", "").lower() or "VSCODE_PID" in os.environ
            or "google.colab" in sys.modules):
        return "view"
    asked = _parent()
    if "deletedCells" in asked.get("metadata", {}):
        return "page"
    programs = asked.get("header", {}).get("username", "") and not asked.get("metadata")
    return "program" if programs else "view"


def _parent() -> dict:
    """The message that is being executed; {} outside a kernel."""
    try:
        from IPython import get_ipython
        return get_ipython().kernel.get_parent() or {}
    except (ImportError, AttributeError):
        return {}


def _forget(widget) -> None:
    """A cell that is run again has no use for what it showed before."""
    asked = _parent()
    cell, run = asked.get("metadata", {}).get("cellId"), asked.get("header", {}).get("msg_id")
    if not cell:
        return
    before = _shown.get(cell, [])
    _shown[cell] = [*(pair for pair in before if pair[0] == run), (run, widget)]
    kept = {id(one) for rows in _shown.values() for _, one in rows}
    for _, old in before:
        if id(old) not in kept:
            old.close()
