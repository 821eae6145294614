"""The stage of a demo: title and sentence, cards, figure, system picture, log, play and scrub.

Picture the stage of a theatre: what is behind the curtain is put up first, then the curtain goes
up on all of it. One message brings everything that belongs to a moment, and the browser shows it
at once, when the figure is decoded: no part is ever of another moment than the rest.

The script (stage.js) asks for one moment at a time and for the next when that is on the screen,
so that playing never lags behind: moments that cannot be shown in time are left out.
"""

from pathlib import Path

import anywidget
import traitlets as t

HERE = Path(__file__).parent


class Stage(anywidget.AnyWidget):
    """What is shown, as traits; what a hand does, as messages {"do": ...} to `on_msg`."""

    _esm = HERE / "stage.js"
    _css = HERE / "stage.css"

    title = t.Unicode().tag(sync=True)      # of the step
    say = t.Unicode().tag(sync=True)        # the sentence to say
    lab = t.Unicode().tag(sync=True)        # title of the lab
    steps = t.List(t.Unicode()).tag(sync=True)
    step = t.Int(0).tag(sync=True)          # from 0
    words = t.Unicode().tag(sync=True)      # the figure, for those who do not see it
    png = t.Bytes().tag(sync=True)
    svg = t.Unicode().tag(sync=True)
    cards = t.Unicode().tag(sync=True)      # HTML
    log = t.Unicode().tag(sync=True)        # HTML
    clock = t.Unicode().tag(sync=True)      # the moment shown, in words
    share = t.Float(1.0).tag(sync=True)     # of the run that has passed
    pinned = t.Unicode().tag(sync=True)     # what the run is compared with; empty: nothing
    notice = t.Unicode().tag(sync=True)     # an error or a hint, as plain text
    link = t.Unicode().tag(sync=True)       # the query of a link to what is shown
    dark = t.Bool(False).tag(sync=True)
    folded = t.Bool(True).tag(sync=True)    # whether the other parameters are folded away
    seen = t.Int(0).tag(sync=True)          # the request for a moment that was answered last
    halted = t.Int(0).tag(sync=True)        # grows whenever playing is to stop
    shown = t.Int(0).tag(sync=True)         # grows with every message
