"""Questions in a real JupyterLab: each kind done wrong and right by mouse alone and by keyboard
alone, no key reaches the notebook, and what is on the disk is what was said."""

import json

import pytest
from browser import chromium, jupyter, notebook, page, run_all, violations
from hands import HANDS
from test_answering_page import KINDS, answer, told

from labsim.course import quiz
from labsim.course.exercises import _widgets, exercise

pytestmark = [pytest.mark.long, pytest.mark.skipif(not chromium(), reason="no Chromium")]
SETUP = "from labsim.course import exercise, quiz"
CELLS = [SETUP, *(f'exercise("sqs-asg", {n})' for n in KINDS.values()), 'quiz("s3-prefix")',
         "import ipywidgets; len(ipywidgets.Widget._instances if hasattr(ipywidgets.Widget, "
         "'_instances') else ipywidgets.widgets.widget._instances)"]
STATE = """() => { const n = window.jupyterapp.shell.currentWidget.content;
    return [n.widgets.length, n.mode, n.widgets.map(c => c.model.type).join(),
            n.widgets.map(c => c.model.sharedModel.source).join('|')]; }"""
RUN = """async () => { await window.jupyterapp.commands.execute('notebook:run-all-cells'); }"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lab")
    for name in HANDS:
        notebook(folder / f"{name}.ipynb", *CELLS)
    with jupyter(folder) as address:
        yield folder, address


def opened(tab, address, name):
    """The notebook, run; a locator of its questions."""
    run_all(tab, address(f"{name}.ipynb"))
    asks = tab.locator(".labsim-answer .ask")
    asks.nth(len(KINDS)).wait_for(timeout=90_000)
    tab.wait_for_timeout(500)
    return asks


def journal(folder):
    path = folder / "config" / "progress.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


@pytest.mark.parametrize("name", HANDS)
def test_every_kind_wrong_and_right_and_the_quiz(name, lab, shots):
    """One notebook for each pair of hands; nothing of it changes but what is answered."""
    folder, address = lab
    for question in [exercise("sqs-asg", n) for n in KINDS.values()]:
        question._repr_mimebundle_()        # the knobs, to know their values
    kept = len(journal(folder))
    with page(1366, 768) as tab:
        asks = opened(tab, address, name)
        before = tab.evaluate(STATE)
        for place, kind in enumerate(KINDS):
            ask = asks.nth(place)
            ask.scroll_into_view_if_needed()
            hand = HANDS[name](tab, ask)
            answer(hand, name, kind, ask, right=False)
            assert told(ask).startswith("Not yet."), kind
            answer(hand, name, kind, ask, right=True)
            ask.get_by_text("Right.").wait_for(timeout=30_000)
            if kind != "explain":
                hand.press("Show me this run", ask)
                ask.locator("figure img").wait_for(timeout=60_000)
        card, ask = quiz("s3-prefix").questions[0], asks.nth(len(KINDS))
        hand = HANDS[name](tab, ask)
        hand.choose(next(c for c in "abc" if c != card.answer), ask)
        hand.press("Check", ask)
        assert told(ask).startswith("No.")
        hand.choose(card.answer, ask)
        hand.press("Check", ask)
        ask.get_by_text("Right.").wait_for()
        assert tab.evaluate(STATE) == before
        assert [a["right"] for a in journal(folder)[kept:]] == [False, True] * (len(KINDS) + 1)
        tab.screenshot(path=str(shots / f"answers-in-lab-{name}.png"))
    _widgets.clear()


def test_no_key_reaches_the_notebook_and_a_rerun_leaves_nothing_behind(lab):
    """Keys that would cut, split, retype or run cells; then all cells are run ten times."""
    folder, address = lab
    notebook(folder / "again.ipynb", *CELLS)
    with page(1366, 768) as tab:
        asks = opened(tab, address, "again")
        before = tab.evaluate(STATE)
        for place in range(len(KINDS) + 1):
            for control in asks.nth(place).locator("input, select, .board, button").all()[:3]:
                if not control.is_visible():
                    continue
                control.focus()
                for key in ("x", "m", "a", "b", "d", "d", "z", "y", "c", "v", "0", "0",
                            "Shift+m", "Escape", "ArrowDown", "ArrowUp"):
                    tab.keyboard.press(key)
        assert tab.evaluate(STATE) == before

        def widgets():
            return tab.locator(".jp-OutputArea-output pre").last.inner_text()
        once = widgets()
        for _ in range(10):
            tab.evaluate(RUN)
        tab.wait_for_timeout(1_500)
        assert widgets() == once and asks.count() == len(KINDS) + len(quiz("s3-prefix").questions)


def test_the_dark_theme(lab, shots):
    """JupyterLab's; axe finds nothing serious in the questions."""
    folder, address = lab
    notebook(folder / "dark.ipynb", *CELLS)
    with page(1366, 900) as tab:
        asks = opened(tab, address, "dark")
        for theme in ("JupyterLab Dark", "JupyterLab Light"):
            tab.evaluate("""async theme => { await window.jupyterapp.commands.execute(
                'apputils:change-theme', {theme}); }""", theme)
            tab.wait_for_function(
                "dark => [...document.querySelectorAll('.labsim-answer')]"
                ".find(node => node.shadowRoot).shadowRoot"
                ".querySelector('.all').classList.contains('dark') === dark",
                arg="Dark" in theme)
            asks.nth(3).scroll_into_view_if_needed()
            tab.wait_for_timeout(400)
            tab.screenshot(path=str(shots / f"{theme.replace(' ', '-')}.png"))
            assert violations(tab, ".labsim-answer") == []
