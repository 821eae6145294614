"""Traffic of one's own on the stage: brought, run, refused, taken back; dropped and chosen."""

import os
import re

import browser
import numpy as np
import pytest
import stage_page
from dragged import Drag
from over_labs import LABS

import labsim
from labsim import traces
from labsim.errors import LabsimError
from labsim.services import ec2, sqs
from labsim.traces import TraceError, text_file
from labsim.view import knobs, still

TAKES = [slug for slug, lab in LABS.items() if "trace" in lab.Params.specs()]


def takes_none():
    """The explorer of a system, whose load is what wires it says."""
    def counter(sim):
        orders = sqs.Queue(sim, "orders")
        ec2.Fleet(sim, "workers", consumes=orders, work=labsim.exponential(1), size=2)
        sim.send(1, to=orders)
    return labsim.simulate(counter, duration=600).lab.explore()


def export(counts=(120, 180, 60, 240, 90, 30) * 4, day="2026-03-02"):
    """A CSV of these counts per five minutes."""
    rows = [f"{day} {i // 12:02}:{i % 12 * 5:02}:00,{count}" for i, count in enumerate(counts)]
    return "\n".join(["timestamp,value", *rows, ""]).encode()


def hear(explorer, *buffers, **content):
    """What a hand in the browser asks for."""
    explorer._heard(explorer.widget, content, [*map(memoryview, buffers)])


@pytest.mark.parametrize("slug", TAKES)
def test_a_file_is_run_as_it_is_and_taken_back(slug):
    """As a whole, with nothing set about it; what the hand had set of the system stays. One change
    is one step back, and the same bytes again are no other file."""
    explorer = LABS[slug].explore()
    explorer.apply_preset("2")
    explorer.set(trace_factor=7.0)
    before = explorer.values
    hear(explorer, export(), do="file", value="orders.csv")
    assert explorer.error is None and not explorer.notice
    p = explorer.result.params
    assert (p.workload, p.trace, p.trace_factor) == ("trace", "orders.csv", 1)
    assert p.duration == pytest.approx(24 * 300)
    assert re.match(r"24 periods of 300 s from .*2,880 requests in all", explorer.result.notes[0])
    own = {"workload", "trace", "duration", *knobs.OF_A_FILE}
    kept = {name: value for name, value in before.items() if name not in own}
    assert kept.items() <= explorer.values.items()
    explorer.bring("orders.csv", export())
    assert explorer.values["trace"] == "orders.csv"
    explorer.undo()
    explorer.undo()
    assert explorer.values == before and explorer.error is None


def test_undo_goes_back_to_another_file_of_the_same_name():
    """Two exports are called alike: the second does not take the place of the first."""
    explorer = labsim.lab("sqs-asg").explore()
    explorer.bring("export.csv", export((60,) * 24))
    first = explorer.result
    explorer.bring("export.csv", export((600,) * 24))
    assert explorer.values["trace"] == "export (2).csv"
    assert explorer.result.notes[0] != first.notes[0]
    explorer.undo()
    assert explorer.result.summary == first.summary and explorer.values["trace"] == "export.csv"


@pytest.mark.parametrize("raw, told", [
    (b"", "nothing.csv:1: "), (b"\x89PNG\0", "nothing.csv:1: a picture, expected text"),
    (b"a,b,c\n1,2,3\n", "nothing.csv:2: ")])
def test_a_refused_file_is_one_line_and_the_last_run_stays(raw, told):
    """As the reader says it, by the name that it has, though others had it before; nothing is to
    be taken back. The next good one works."""
    explorer = labsim.lab("sqs-asg").explore()
    explorer.bring("nothing.csv", export((1,) * 12))
    explorer.bring("nothing.csv", export((2,) * 12))
    run, values, undo = explorer.widget.run, explorer.values, len(explorer._history)
    hear(explorer, raw, do="file", value="nothing.csv")
    assert explorer.notice.startswith(told) and "\n" not in explorer.notice
    assert explorer.widget.run == run and explorer.values == values
    assert len(explorer._history) == undo
    with pytest.raises(TraceError, match=told):
        explorer.bring("nothing.csv", raw)
    hear(explorer, export(), do="file", value="nothing.csv")
    assert explorer.values["workload"] == "trace" and not explorer.notice


def test_a_file_that_leaves_a_choice_is_taken_and_its_knob_asks():
    """Which metric is meant: said beside the knob; with an answer the whole file is run."""
    two = export().decode().replace("value", "orders,payments").replace(":00,", ":00,7,").encode()
    explorer = labsim.lab("sqs-asg").explore()
    run = explorer.widget.run
    hear(explorer, two, do="file", value="two-metrics.csv")
    assert explorer.widget.state["error"]["name"] == "trace_metric" and not explorer.notice
    assert explorer.widget.state["values"]["workload"] == "trace" and explorer.widget.run == run
    hear(explorer, do="set", values={"trace_metric": "orders"})
    assert explorer.error is None and explorer.result.params.duration == 24 * 300
    explorer.undo()
    explorer.undo()
    assert explorer.values["workload"] != "trace" and explorer.error is None


def test_a_rate_is_taken_and_its_knob_asks_what_it_is():
    """Said beside the knob, in sight; with an answer its requests are run."""
    explorer = labsim.lab("sqs-asg").explore()
    rate = export().replace(b"value", b"requests/s")
    hear(explorer, rate, do="file", value="grafana.csv")
    error = explorer.widget.state["error"]
    assert error["name"] == "trace_as" and "trace_as=rate multiplies it" in error["text"]
    assert "trace_as" in explorer.widget.plan["own"]["knobs"]
    hear(explorer, do="set", values={"trace_as": "rate"})
    assert explorer.error is None and "864,000 requests in all" in explorer.result.notes[0]


def test_a_long_trace_is_run_as_far_as_it_fits():
    """As much as a slider may start."""
    explorer = labsim.lab("sqs-asg").explore()
    explorer.bring("busy.csv", export(np.full(288, 2_000_000)))
    assert explorer.error is None and 0 < explorer.result.params.duration < 288 * 300


def test_how_long_a_run_is_follows_from_the_file_until_a_hand_says_it():
    """Turned up, less of it fits, and down again more; what a hand says stays, and is undone."""
    explorer = labsim.lab("sqs-asg").explore()
    explorer.bring("day.csv", export(np.full(288, 2_000)))
    assert explorer.result.params.duration == 86_400
    explorer.set(trace_factor=1_000.0)
    assert explorer.error is None and explorer.result.params.duration < 86_400
    explorer.set(trace_factor=2.0)
    assert explorer.result.params.duration == 86_400
    explorer.set(duration=600.0)
    explorer.set(trace_factor=3.0)
    assert explorer.result.params.duration == 600
    explorer.undo()
    explorer.undo()
    explorer.set(trace_factor=1_000.0)
    assert explorer.error is None and 600 < explorer.result.params.duration < 86_400
    explorer.set(workload="steady")
    assert explorer.error is None and explorer.result.params.workload == "steady"


def test_a_lab_that_takes_none_says_so():
    """In a line; and a run with a trace but no file asks for one."""
    explorer = takes_none()
    assert explorer.widget.plan["own"] is None
    hear(explorer, export(), do="file", value="a.csv")
    assert explorer.notice == f"{explorer.lab.title} takes no traffic of your own"
    with pytest.raises(LabsimError):
        explorer.bring("a.csv", export())
    explorer = labsim.lab("sqs-asg").explore()
    hear(explorer, do="set", values={"workload": "trace"})
    explorer.render()
    assert explorer.notice.startswith("No traffic of your own yet") and "Own" in explorer.notice


def test_a_file_in_pieces_is_whole_again(monkeypatch):
    """In order; with one lost nothing is run. One that is too large is refused here, too."""
    explorer, raw = labsim.lab("sqs-asg").explore(), export()
    assert explorer.widget.plan["own"]["most"] == traces.MAX_BYTES
    parts = [raw[:100], raw[100:200], raw[200:]]
    for i in (0, 2):
        hear(explorer, parts[i], do="file", value="parts.csv", part=[i, 3])
    assert "got lost" in explorer.notice
    for i, piece in enumerate(parts):
        hear(explorer, piece, do="file", value="parts.csv", part=[i, 3])
    assert explorer.error is None and explorer.result.params.trace == "parts.csv"
    monkeypatch.setattr(text_file, "MAX_BYTES", 1000)
    hear(explorer, bytes(1001), do="file", value="large.csv")
    assert explorer.notice.startswith("large.csv:1: ") and "at most" in explorer.notice


# -- in a browser ---------------------------------------------------------------------------------

def in_browser(test):
    """Long, and only where there is one."""
    return pytest.mark.long(pytest.mark.skipif(
        browser.chromium() is None and "CI" not in os.environ,
        reason="no Chromium: apt install chromium, or run .ci/run")(test))


@pytest.fixture(scope="module")
def tab():
    """One page for all."""
    with stage_page.tin(1366, 768) as tin:
        yield tin


@pytest.fixture
def files(tmp_path):
    """A good one, another, and one that is none."""
    for name, raw in (("orders.csv", export()), ("other.csv", export((9,) * 12)),
                      ("bad.csv", b"a,b,c\n1,2,3\n")):
        (tmp_path / name).write_bytes(raw)
    return tmp_path


@in_browser
@pytest.mark.parametrize("background", ["#fff", "#111"])
def test_a_file_is_dropped_and_taken_back(background, tab, files):
    """While it is held above the stage a line says what for; then its run is shown, told in words,
    its knobs first; Z brings back what was before. The stage keeps its height."""
    page, lab = tab.page, labsim.lab("sqs-asg")
    stage = tab.show(lab.explore(), background)
    height, title = stage.bounding_box()["height"], page.locator("h2").inner_text()
    drag = Drag(page, files / "orders.csv")
    page.locator(".drop", has_text="Drop it here: your own traffic (CloudWatch").wait_for()
    drag.drop()
    page.wait_for_function("stage.brought === 'orders.csv'")
    assert page.locator(".drop").is_hidden() and page.locator(".notice").is_hidden()
    assert page.locator("h2").inner_text() == "Own traffic: orders.csv"
    assert "24 periods of 300 s" in page.locator(".say").inner_text()
    assert page.locator(".hand .knob").count() <= 6
    own = [name for name in knobs.OWN if name in tab.explorer.widget.plan["knobs"]]
    assert page.evaluate("Object.keys(stage.rows)")[:len(own)] == own
    assert stage.bounding_box()["height"] == height
    assert browser.violations(page) == []
    page.keyboard.press("Tab")
    page.locator(".play").focus()
    page.keyboard.press("z")
    page.wait_for_function("!stage.brought")
    assert page.locator("h2").inner_text() == title
    assert stage.bounding_box()["height"] == height and tab.problems == []


@in_browser
def test_a_file_is_chosen(tab, files):
    """The button is reached by Tab and has a name; a key presses it. (In a bare page Chromium opens
    no chooser for a key at times; JupyterLab's test has one.) The same file may be chosen again."""
    page = tab.page
    tab.show(labsim.lab("sqs-asg").explore())
    button = page.get_by_role("button", name="Own traffic\u2026")
    page.evaluate("""window.asked = 0;
        stage.part('[type=file]').addEventListener('click', () => { asked += 1; })""")
    page.locator(".night").focus()
    page.keyboard.press("Tab")
    assert button.evaluate("node => node.getRootNode().activeElement === node")
    for key in ("Enter", "Space"):
        page.keyboard.press(key)
    assert page.evaluate("asked") == 2 and page.evaluate("stage.player.playing") is False
    for _ in range(2):
        with page.expect_file_chooser() as chosen:
            button.click()
        chosen.value.set_files(files / "orders.csv")
        page.wait_for_function("stage.brought === 'orders.csv'")
        page.evaluate("stage.tell('undo')")
        page.wait_for_function("!stage.brought")
    assert tab.problems == []


@in_browser
def test_what_is_wrong_is_one_line_and_the_run_stays(tab, files):
    """A bad file, a folder, one that is too large (never sent), two at once; what is asked for
    next takes the line away."""
    page, notice = tab.page, tab.page.locator(".notice")
    tab.show(labsim.lab("sqs-asg").explore())
    Drag(page, files / "bad.csv").drop()
    page.locator(".notice", has_text="bad.csv:2: ").wait_for()
    sent = page.evaluate("model.sent.length")
    Drag(page, files).drop()
    page.locator(".notice", has_text=f"{files.name} is a folder").wait_for()
    page.evaluate("stage.own.take([{name: 'a.log', size: 1e8}])")
    assert re.match(r"a\.log has .*: at most 64 MiB", notice.inner_text())
    assert page.evaluate("model.sent.length") == sent
    page.keyboard.press("Escape")
    Drag(page, files / "orders.csv", files / "other.csv").drop()
    page.wait_for_function("stage.brought === 'orders.csv'")
    assert notice.inner_text() == "Of 2 files one is used: orders.csv"
    page.locator("nav .next").click()
    page.wait_for_function("stage.step === 1 && stage.part('.notice').hidden")
    assert page.url == "about:blank" and tab.problems == []


@in_browser
def test_what_is_said_has_two_lines_and_a_button_for_the_rest(tab, monkeypatch):
    """Notes that do not fit come over the picture; nothing is pushed."""
    page, lab = tab.page, labsim.lab("sqs-asg")
    stage, run = tab.show(lab.explore()), type(lab).run

    def noted(self, *args, **options):
        result = run(self, *args, **options)
        object.__setattr__(result, "notes", (*result.notes, *["a treatment in many words"] * 20))
        return result
    monkeypatch.setattr(type(lab), "run", noted)
    top = page.locator(".cards").bounding_box()["y"]
    page.evaluate("([name, text]) => stage.own.take([new File([text], name)])",
                  ["x" * 200 + ".csv", export().decode()])
    more = page.get_by_role("button", name="All notes")
    more.click()
    assert page.get_by_role("button", name="Less").get_attribute("aria-expanded") == "true"
    text = page.locator(".told > div").bounding_box()
    assert text["height"] > 80 and page.locator(".cards").bounding_box()["y"] == top
    assert stage.bounding_box()["height"] <= 620 and browser.violations(page) == []
    page.keyboard.press("Escape")
    more.wait_for()
    monkeypatch.undo()
    page.evaluate("stage.tell('undo')")
    more.wait_for(state="hidden")


@in_browser
def test_where_none_is_taken_the_browser_stays_too(tab, files):
    """Another lab; a kernel that is gone; a saved notebook; a report: a line says what to do."""
    page = tab.page
    tab.show(takes_none())
    assert page.locator(".own").is_hidden()
    drag = Drag(page, files / "orders.csv")
    page.locator(".drop", has_text="takes no traffic of your own").wait_for()
    drag.drop()
    page.locator(".drop").wait_for(state="hidden")
    tab.show(labsim.lab("sqs-asg").explore())
    page.evaluate("stage.die(true)")
    drag = Drag(page, files / "orders.csv")
    page.locator(".drop", has_text="Run this cell to use your own traffic").wait_for()
    drag.drop()
    lab = labsim.lab("sqs-asg")
    for html, told in ((still.page(lab, lab.run()), "Run this cell to use your own traffic."),
                       (still.Still(lab.run())._repr_html_(), "This is a recording. Run")):
        page.goto("about:blank")
        page.set_content(f"<!DOCTYPE html><title>saved</title>{html}")
        page.wait_for_function("document.querySelector('.labsim-stage')?.stage?.run")
        page.locator(".stage").scroll_into_view_if_needed()
        drag = Drag(page, files / "orders.csv")
        page.locator(".drop", has_text=told).wait_for()
        drag.drop()
        page.evaluate("document.querySelector('.labsim-stage').stage.own.take([new File([], 'a')])")
        page.locator(".notice", has_text=told).wait_for()
    page.wait_for_timeout(200)
    assert page.url == "about:blank" and tab.problems == []
