"""The stage in a real browser, in a bare page: what is seen, touched, played, and read aloud."""

import os
import re

import browser
import numpy as np
import pytest
import stage_page
from over_labs import LABS, each_lab, some_labs

from labsim.view import still

pytestmark = [pytest.mark.long, pytest.mark.skipif(
    browser.chromium() is None and "CI" not in os.environ,
    reason="no Chromium: apt install chromium, or run .ci/run")]

TALLEST = 620       # px, of a laptop's 647 between JupyterLab's bars
# What leaves its place: parts wider than what holds them, and text that is cut off.
OUTSIDE = """() => {
    const root = window.stage.root, out = [], box = root.getBoundingClientRect();
    for (const part of root.querySelectorAll(
        'h2, .say, .cards b, .cards div, .knob, .bar > *, .scene, .curves'))
        if (part.checkVisibility()) {
            const own = part.getBoundingClientRect();
            if (own.right > box.right + 1 || own.left < box.left - 1)
                out.push(part.outerHTML.slice(0, 60));
        }
    for (const part of root.querySelectorAll('.told, .cards b'))
        if (part.scrollWidth > part.clientWidth + 1 && getComputedStyle(part).display !== 'inline')
            out.push('cut: ' + part.textContent);
    return out;
}"""


@pytest.fixture(scope="module")
def tab():
    """One page for all."""
    with stage_page.tin() as tin:
        yield tin


def t(tab):
    return float(tab.page.evaluate("window.stage.player.t"))


def step(tab, number):
    tab.page.evaluate("n => window.stage.go(n - 1)", number)
    tab.page.wait_for_function("n => window.stage.step === n - 1 && window.stage.state.step === "
                               "n - 1 && !window.stage.state.error", arg=number)


@each_lab
def test_every_step_fits_a_laptop(slug, tab):
    """At 1,240 and 980 px at most 620 px high, at most six knobs, sliders at least 160 px wide;
    nothing is cut off; at 800 px the knobs are below the picture."""
    lab, page = LABS[slug], tab.page
    tallest, narrowest, most = 0, 1e9, 0
    tab.show(lab.explore())
    for number, preset in enumerate(lab.presets, 1):
        step(tab, number)
        for width in (1240, 980):
            page.set_viewport_size({"width": width, "height": 640})
            page.wait_for_timeout(60)
            height = page.locator(".stage").bounding_box()["height"]
            sliders = page.locator(".hand [type=range]").evaluate_all(
                "all => all.map(one => one.getBoundingClientRect().width)")
            knobs = page.locator(".hand .knob").count()
            tallest, most = max(tallest, height), max(most, knobs)
            narrowest = min([narrowest, *sliders])
            assert height <= TALLEST and 1 <= knobs <= 6, preset.title
            assert page.evaluate(OUTSIDE) == [], (preset.title, width)
            for part in (".say", ".cards", ".scene", ".curves", ".bar", ".hand .knob >> nth=-1"):
                box = page.locator(part).first.bounding_box()
                assert box["y"] + box["height"] <= TALLEST, (preset.title, part)
    assert narrowest >= 160
    page.set_viewport_size({"width": 800, "height": 640})
    page.wait_for_timeout(100)
    assert page.locator(".hand").bounding_box()["y"] > page.locator(".show").bounding_box()["y"]
    assert page.evaluate(OUTSIDE) == []
    page.set_viewport_size({"width": 1240, "height": 640})
    print(f"measured: {slug}: at most {tallest:.0f} px high, {most} knobs, sliders from "
          f"{narrowest:.0f} px")
    assert tab.problems == []


@some_labs
def test_it_opens_where_something_happens(slug, tab):
    """Each step at a moment inside the run; its words name every box with its numbers."""
    lab = LABS[slug]
    tab.show(lab.explore())
    for number, preset in enumerate(lab.presets, 1):
        step(tab, number)
        assert 0 <= t(tab) <= lab.preset(preset.title).duration
        words = tab.page.evaluate("stage.scene.described(stage.player.t)")
        for box in lab.boxes:
            assert box.name in words
            assert all(label in words for label, _ in box.show)


@some_labs
def test_playing_is_smooth_and_asks_nothing_of_the_kernel(slug, tab):
    """95% of frames within 34 ms over five seconds, no message; the best of three tries."""
    tab.show(LABS[slug].explore())
    page = tab.page
    sent = page.evaluate("model.sent.length")
    for _ in range(3):
        page.evaluate("stage.player.play(false); stage.player.seek(0); stage.player.play(true)")
        page.wait_for_timeout(5_000)
        frames = np.diff(page.evaluate("stage.player.frames"))
        if (frames <= 34).mean() >= 0.95:
            break
    assert 3 < t(tab) / LABS[slug].explore().result.params.duration * 15 < 7
    page.evaluate("stage.player.play(false)")
    print(f"measured: {slug}: {len(frames)} frames in 5 s, "
          f"{(frames <= 34).mean():.1%} within 34 ms, longest {frames.max():.0f} ms")
    assert (frames <= 34).mean() >= 0.95 and len(frames) > 100
    assert page.evaluate("model.sent.length") == sent and tab.problems == []


def test_scrubbing_answers_in_the_next_frame(tab):
    """The moment in the words of the clock, and another picture."""
    tab.show(LABS["sqs-asg"].explore())
    answer = tab.page.evaluate("""async () => {
        const scrub = stage.part('.scrub'), picture = () => stage.part('canvas').toDataURL();
        await new Promise(requestAnimationFrame);
        const before = picture();
        scrub.value = 250;
        scrub.dispatchEvent(new Event('input'));
        await new Promise(requestAnimationFrame);
        return [stage.part('.clock').textContent, picture() !== before];
    }""")
    assert answer == ["15:00 of 1:00:00", True]


def test_a_slider_is_turned_and_let_go_of(tab):
    """Arrow keys turn it, the run follows, a screen reader hears the value; Escape gives it back;
    the wheel changes nothing; what is typed wrongly is told beside its field."""
    lab, page = LABS["sqs-asg"], tab.page
    tab.show(lab.explore())
    slider = page.get_by_label("Arrival rate, slider")
    field = page.get_by_label("Arrival rate", exact=True)
    assert slider.get_attribute("aria-valuetext") == "2 msg/s"
    slider.focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function("stage.run.params.arrival_rate > 2")
    turned = tab.explorer.result.params.arrival_rate
    assert turned in tab.explorer.widget.plan["knobs"]["arrival_rate"]["travel"]
    assert slider.get_attribute("aria-valuetext") == f"{turned:g} msg/s" == field.input_value()
    page.get_by_label("Arrival rate: back to 2 msg/s").wait_for()
    page.keyboard.press("Escape")
    page.wait_for_function("stage.run.params.arrival_rate === 2")
    field.focus()
    page.mouse.move(*[field.bounding_box()[k] + 5 for k in "xy"])
    page.mouse.wheel(0, 300)
    page.wait_for_timeout(100)
    assert tab.explorer.result.params.arrival_rate == 2
    field.fill("-1")
    field.press("Enter")
    page.locator(".hand .error", has_text="given -1").wait_for()
    field.fill("3 msg/s")
    field.press("Enter")
    page.wait_for_function("stage.run.params.arrival_rate === 3")
    assert page.locator(".hand .error:visible").count() == 0 and tab.problems == []


def test_no_key_leaves_the_stage(tab):
    """Neither letters nor arrows nor Tab's neighbours; the host says so to JupyterLab."""
    page = tab.page
    tab.show(LABS["retry-storms"].explore())
    page.evaluate("window.heard = []; document.addEventListener('keydown', e => heard.push(e.key))")
    for part in (".hand [type=range]", ".hand .value", "nav .next", ".scrub", ".play"):
        page.locator(part).first.focus()
        for key in ("x", "m", "a", "d", "ArrowDown", "ArrowUp", "Enter", "Escape"):
            page.keyboard.press(key)
    assert page.evaluate("heard") == []
    assert page.evaluate("document.activeElement.dataset.lmSuppressShortcuts") == "true"


def test_touching_a_box_breaks_it_and_a_key_takes_it_back(tab):
    """At the moment shown; the knob, the shade in the figure and the words say so."""
    page = tab.page
    tab.show(LABS["retry-storms"].explore())
    page.evaluate("stage.player.seek(20)")
    page.get_by_label("Break or mend Database").click()
    page.wait_for_function("stage.run.faults.length === 1")
    part, _, at, _ = page.evaluate("stage.run.faults[0]")
    assert part == "database" and at == pytest.approx(20, abs=0.01)
    assert "database is broken" in page.evaluate("stage.scene.described(21)")
    assert t(tab) == pytest.approx(20, abs=0.01)        # it goes on from there
    page.keyboard.press("z")
    page.wait_for_function("stage.run.faults.length === 0")


def test_the_drawer_has_every_knob_and_finds_it(tab):
    """By its name or help; numbers, log, code and link are there; Escape closes it."""
    lab, page = LABS["sqs-asg"], tab.page
    tab.show(lab.explore())
    page.locator(".more").click()
    shown = page.locator(".drawer .knob:visible")
    idle = tab.explorer.result.params.idle()
    assert shown.count() == len([n for n in tab.explorer.widget.plan["knobs"] if n not in idle])
    page.get_by_label("Find a knob").fill("visibility")
    assert shown.count() == 1
    page.get_by_label("Find a knob").fill("")
    rows = page.locator(".drawer table tr")
    assert rows.count() == len(lab.metrics)
    code = page.get_by_label("This run as a line of Python").input_value()
    assert code == tab.explorer.code()
    page.keyboard.press("Escape")
    assert page.locator(".drawer").is_hidden() and tab.problems == []


def test_who_wants_no_motion_gets_still_pictures(tab):
    """Playing shows chosen moments, one after the other, each for a while."""
    page = tab.page
    page.emulate_media(reduced_motion="reduce")
    tab.show(LABS["sqs-asg"].explore())
    step(tab, 2)
    page.evaluate("stage.player.seek(0); stage.player.play(true)")
    seen = set()
    for _ in range(40):
        seen.add(t(tab))
        page.wait_for_timeout(100)
    page.evaluate("stage.player.play(false)")
    stops = page.evaluate("stage.player.stops")
    page.emulate_media(reduced_motion="no-preference")
    assert 2 <= len(seen) <= 4 and all(min(abs(s - x) for x in stops) < 1e-6 for s in seen)


def test_a_kernel_that_says_nothing_leaves_the_picture_playable(tab):
    """One sentence; steps seen before and the player go on; a word from it, and all is well."""
    page = tab.page
    tab.show(LABS["sqs-asg"].explore())
    step(tab, 2)
    page.evaluate("window.deaf = true")
    page.get_by_label("User data takes, slider").press("ArrowRight")
    page.locator(".notice", has_text="Run this cell to turn the knobs").wait_for(timeout=9_000)
    assert page.locator(".hand [type=range]").count() == 0
    page.evaluate("stage.player.seek(0)")
    page.locator(".play").click()
    page.wait_for_function("stage.player.t > 60")
    page.locator("nav .back").click()
    page.wait_for_function("stage.step === 0")
    page.evaluate("window.deaf = false; model.send({do: 'step', value: 2})")
    page.wait_for_function("stage.step === 2 && stage.part('.notice').hidden")
    assert page.locator(".hand [type=range]").count() > 0 and tab.problems == []


@pytest.mark.parametrize("background, dark", [("#fff", False), ("#111", True)])
def test_nothing_serious_for_axe_in_light_and_dark(background, dark, tab):
    """As what lies behind it; also with the drawer open and a complaint."""
    page = tab.page
    stage = tab.show(LABS["sqs-asg"].explore(), background)
    assert ("dark" in stage.get_attribute("class")) == dark
    assert browser.violations(page) == []
    field = page.get_by_label("Arrival rate", exact=True)
    field.fill("-1")
    field.press("Enter")
    page.locator(".hand .error", has_text="given -1").wait_for()
    page.locator(".more").click()
    assert browser.violations(page) == []


def test_two_views_of_one_explorer(tab):
    """What is turned in one is shown in both; one may go."""
    page = tab.page
    tab.show(LABS["sqs-asg"].explore())
    page.evaluate("document.body.append(window.second = document.createElement('div'))")
    page.evaluate(stage_page.SECOND, stage_page.module())
    page.get_by_label("Arrival rate, slider").first.press("ArrowRight")
    page.wait_for_function("[stage, second.stage].every(s => s.run.params.arrival_rate > 2)")
    page.evaluate("window.leave()")
    page.evaluate("second.stage.turn('arrival_rate', 1)")
    page.wait_for_function("second.stage.run.params.arrival_rate === 1")
    assert page.evaluate("stage.run.params.arrival_rate") > 1 and tab.problems == []


# -- without a kernel -----------------------------------------------------------------------------

@some_labs
def test_a_page_plays_all_steps_without_kernel_and_network(slug, tab, tmp_path):
    """From a file, with the network off: every step, played and scrubbed; the words are there
    before any script runs."""
    lab, page = LABS[slug], tab.page
    html = still.page(lab, lab.run())
    (tmp_path / "p.html").write_text(f"<!DOCTYPE html><meta charset=utf-8><body>{html}")
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto((tmp_path / "p.html").as_uri())
    page.locator(".stage h2").wait_for()
    for number, preset in enumerate(lab.presets, 1):
        page.locator("nav li button").nth(number - 1).click()
        assert page.locator("h2").inner_text() == preset.name
        params = page.evaluate("document.querySelector('.labsim-stage').stage.run.params")
        assert params == lab.preset(preset.title).model_dump()
    page.locator(".play").click()
    before = page.locator(".clock").inner_text()
    page.wait_for_function("text => document.querySelector('.labsim-stage').stage"
                           ".part('.clock').textContent !== text", arg=before)
    assert page.get_by_text("Run this cell to turn the knobs").count() == 1
    assert [url for url in asked if not re.match("file:|data:|blob:|about:", url)] == []
    assert tab.problems == []


def test_where_no_script_runs_the_steps_are_told(tab, tmp_path):
    """Headline numbers and each curve as a row of little bars."""
    lab = LABS["sqs-asg"]
    text = still.in_words(lab, lab.run())
    assert lab.title in text and "\u2588" in text and "<script" not in text
    for panel in lab.panels:
        assert panel.title in text
