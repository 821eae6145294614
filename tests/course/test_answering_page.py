"""The widget's module in a bare page, as VS Code and Colab have it: every kind of question done
wrong and right by mouse alone and by keyboard alone; light and dark, narrow and enlarged."""

import pytest
from bare_widget import mounted
from browser import chromium, page, violations
from hands import HANDS

import labsim
from labsim.course import exercise, progress, quiz
from labsim.course.exercises import _widgets

pytestmark = [pytest.mark.long, pytest.mark.skipif(not chromium(), reason="no Chromium")]
KINDS = {"predict": 1, "explain": 4, "design": 6, "sketch": 11}
WRONG = [(0, 0), (0.5, 0.9), (1, 0)]
RIGHT = [(0.24, 0.0), (0.36, 0.44), (0.49, 0), (1, 0)]      # of the width of the whole axis


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("LABSIM_HOME", str(tmp_path / "home"))
    _widgets.clear()


@pytest.fixture(scope="module")
def tab():
    with page(1000, 900) as opened:
        opened.failed = []
        opened.on("pageerror", lambda error: opened.failed.append(str(error)))
        opened.on("request", lambda r: opened.failed.append(r.url)
                  if not r.url.startswith(("data:", "blob:", "about:")) else None)
        yield opened


def show(tab, question, **how):
    """The widget of a question, in the page."""
    question._repr_mimebundle_()
    mounted(tab, _widgets[repr(question)], **how)
    return tab.locator(".ask")


def told(ask):
    """What is said below a question, when it is said."""
    ask.locator(".said b").first.wait_for(timeout=20_000)
    ask.page.wait_for_function("node => !node.hasAttribute('aria-busy')",
                               arg=ask.element_handle(), timeout=20_000)
    return ask.locator(".said").inner_text()


def open_part(points):
    """The same points along the part of the axis that is open: a sketch's places begin there."""
    return [((x - 600 / 2_700) / (1 - 600 / 2_700), y) for x, y in points]


def answer(hand, name, kind, ask, right):
    """Give a wrong or the right answer."""
    e = labsim.lab("sqs-asg").exercises[KINDS[kind] - 1]
    if kind == "predict":
        hand.number("4,950" if right else 12, ask)
    elif kind == "explain":
        hand.choose("b" if right else "a", ask)
    elif kind == "design":
        knobs = _widgets[repr(exercise("sqs-asg", KINDS[kind]))].asks[0]["knobs"]
        for place, knob in enumerate(knobs):
            if right and knob["name"] in e.good:
                hand.turn(place, knob["values"].index(e.good[knob["name"]]), ask)
        if not right:
            hand.turn(1, 3, ask)
    else:
        points = RIGHT if right else WRONG
        if name == "keys":
            points = [(0, 0), *open_part(RIGHT)[1:]] if right else WRONG
        elif not right:
            points = [(0.24, 0), (0.5, 0.9), (1, 0.9)]
        hand.press("Clear", ask)
        hand.draw(points, ask)
    hand.press("Check", ask)


@pytest.mark.parametrize("name", HANDS)
@pytest.mark.parametrize("kind", KINDS)
def test_wrong_then_right(kind, name, tab):
    """A hint for the wrong answer, praise for the right one; both are kept; the run is shown."""
    ask = show(tab, exercise("sqs-asg", KINDS[kind]))
    hand = HANDS[name](tab, ask)
    answer(hand, name, kind, ask, right=False)
    words = told(ask)
    assert words.startswith("Not yet.") and "Hint:" in words
    answer(hand, name, kind, ask, right=True)
    ask.get_by_text("Right.").wait_for(timeout=20_000)
    assert [a["right"] for a in progress.answers()] == [False, True]
    assert ask.locator(".solved").is_visible()
    if kind == "design":
        assert ask.locator(".goal.met").count() == ask.locator(".goal").count()
    if kind == "sketch":
        assert ask.locator("path.its").get_attribute("d")
    if kind != "explain":
        hand.press("Show me this run", ask)
        ask.locator("figure img").wait_for(timeout=30_000)
        assert ask.locator("figure img").get_attribute("alt")
        assert told(ask).startswith("Right.")       # what was said stays
    assert not tab.failed


@pytest.mark.parametrize("name", HANDS)
def test_the_quiz(name, tab):
    """Card by card, wrong and right; the count is of the right ones."""
    asked = quiz("s3-prefix")
    asks = show(tab, asked)
    hand = HANDS[name](tab, asks)
    for place, card in enumerate(asked.questions):
        ask = asks.nth(place)
        hand.choose(next(c for c in "abc" if c != card.answer), ask)
        hand.press("Check", ask)
        assert told(ask).startswith("No.")
        hand.choose(card.answer, ask)
        hand.press("Check", ask)
        ask.get_by_text("Right.").wait_for()
        assert tab.locator(".score").inner_text() == f"{place + 1} of {len(asked.questions)} right"
    assert not tab.failed


def test_goals_turn_green_as_knobs_turn_and_escape_takes_a_turn_back(tab):
    """Without an answer given; Esc gives a slider back its value."""
    ask = show(tab, exercise("sqs-asg", 6))
    ask.locator(".goal.missed").wait_for(timeout=20_000)        # as it starts
    for name, value in (("User data takes", "0"), ("Metric period", "0"),
                        ("Target per instance", "0")):
        ask.get_by_label(name).fill(value)
    ask.locator(".goal.met").wait_for(timeout=20_000)
    assert "1 of 1 goal met" in ask.locator(".cost").inner_text()
    slider = ask.get_by_label("Maximum size")
    before = slider.input_value()
    slider.focus()
    tab.keyboard.press("ArrowLeft")
    turned = slider.get_attribute("aria-valuetext")
    assert turned.endswith(" instances") and slider.input_value() != before
    tab.keyboard.press("Escape")
    assert slider.input_value() == before and progress.answers() == []
    ask.get_by_role("button", name="Back to the start").click()
    assert ask.locator(".knob.turned").count() == 0


def test_no_key_leaves_the_widget_and_the_wheel_turns_nothing(tab):
    """The host says so to JupyterLab, and the page hears none; a number under the wheel stays."""
    ask = show(tab, exercise("sqs-asg", 6))
    tab.evaluate("""window.heard = []; for (const kind of ['keydown', 'keypress', 'keyup'])
        document.addEventListener(kind, e => heard.push(e.key))""")
    for place in range(ask.locator("input").count()):
        ask.locator("input").nth(place).focus()
        for key in "xmabcdz":
            tab.keyboard.press(key)
        for key in ("ArrowDown", "Enter", "Escape", "Shift+Enter"):
            tab.keyboard.press(key)
    assert tab.evaluate("heard") == []
    assert tab.evaluate("document.querySelector('.labsim-answer').dataset.lmSuppressShortcuts") \
        == "true"
    slider = ask.locator("input[type=range]").first
    value = slider.input_value()
    slider.hover()
    tab.mouse.wheel(0, 300)
    assert slider.input_value() == value


def test_a_slip_is_told_and_an_empty_answer_too(tab):
    """In the live region, in no colour of right or wrong."""
    ask = show(tab, exercise("sqs-asg", 1))
    ask.get_by_role("button", name="Check").click()
    assert ask.locator(".said").inner_text() == "Not answered yet."
    ask.locator("input").fill("a lot")
    tab.keyboard.press("Enter")
    ask.get_by_text("a number in messages").wait_for()
    assert "wrong" not in ask.get_attribute("class") and progress.answers() == []
    assert ask.locator(".said").get_attribute("aria-live") == "polite"


def test_a_kernel_that_is_gone_is_told(tab):
    """After some seconds, with what to do."""
    question = exercise("sqs-asg", 4)
    ask = show(tab, question)
    _widgets[repr(question)].hear = lambda message: None
    tab.clock.install()
    ask.locator("input").first.check()
    ask.get_by_role("button", name="Check").click()
    tab.clock.run_for(9_000)
    assert "run this cell again" in ask.locator(".said").inner_text()


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("kind", [*KINDS, "quiz"])
def test_axe_finds_nothing_serious_and_nothing_overflows(kind, dark, tab, shots):
    """With a wrong answer given; at 1000 and 800 px, and at 150%; screenshots are kept."""
    question = quiz("s3-prefix") if kind == "quiz" else exercise("sqs-asg", KINDS[kind])
    asks = show(tab, question, dark=dark)
    hand = HANDS["mouse"](tab, asks)
    if kind == "quiz":
        hand.choose("a", asks.first)
        hand.press("Check", asks.first)
    else:
        answer(hand, "mouse", kind, asks.first, right=False)
    told(asks.first)
    assert ("dark" in tab.locator(".all").get_attribute("class")) == dark
    assert violations(tab) == []
    for width, zoom in ((1000, 1), (800, 1), (800, 1.5)):
        tab.set_viewport_size({"width": width, "height": 900})
        tab.evaluate("zoom => document.body.style.zoom = zoom", zoom)
        tab.wait_for_timeout(150)
        wide = tab.evaluate("""() => { const root = document.querySelector('.labsim-answer')
            .shadowRoot; return [...root.querySelectorAll('*')].filter(n =>
            n.getBoundingClientRect().right > innerWidth + 1 && !n.closest('.aloud'))
            .map(n => n.outerHTML.slice(0, 80)); }""")
        assert wide == []
        tab.screenshot(path=str(shots / f"answer-{kind}-{'dark' if dark else 'light'}-{width}-"
                                        f"{zoom}.png"), full_page=True)
    tab.evaluate("document.body.style.zoom = 1")
    tab.set_viewport_size({"width": 1000, "height": 900})
    assert not tab.failed


def test_reduced_motion_draws_the_models_curve_at_once(tab):
    """No animation for who asks for none."""
    question = exercise("sqs-asg", 11)
    tab.emulate_media(reduced_motion="reduce")
    ask = show(tab, question)
    answer(HANDS["keys"](tab, ask), "keys", "sketch", ask, right=True)
    ask.get_by_text("Right.").wait_for(timeout=20_000)
    assert ask.locator("path.its").evaluate("n => getComputedStyle(n).animationName") == "none"
    tab.emulate_media(reduced_motion="no-preference")
