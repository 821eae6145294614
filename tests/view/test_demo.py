"""An instructor's hands: a demo under Voila, in a real browser; and the links that open it."""

import contextlib
import os
import re
import signal
import subprocess
import urllib.request

import alone
import browser
import pytest
from dragged import Drag
from over_labs import LABS, each_lab, some_labs
from test_browser import USUAL, presses

from labsim.cli import demo_server as demos
from labsim.cli import main
from labsim.errors import LabsimError
from labsim.factbook import data_folder
from labsim.view import links
from labsim.view.explorer import opened
from labsim.view.session import LIVE

in_browser = pytest.mark.skipif(
    browser.chromium() is None and "CI" not in os.environ,
    reason="no Chromium: apt install chromium, or run .ci/run")
HOSTILE = {
    "arival_rate=3": "did you mean arrival_rate",
    "arrival_rate=nan": "arrival_rate: given nan, allowed a number",
    "arrival_rate=-1": "arrival_rate: given -1.0, allowed a number",
    "arrival_rate=1e400": "arrival_rate: given inf",
    "arrival_rate=99999": "a run of this link would take about",
    "max_size=2": "min_size: given 10, allowed at most max_size",
    "instances=2.5": "instances: given 2.5, allowed a whole number",
    "policy=%3Cb%3Ebold%3C/b%3E": "policy: given '<b>bold</b>', allowed one of",
    "drain=maybe": "drain: given 'maybe', allowed True or False",
    "trace=/etc/hostname": "trace: a link cannot name a file",
    "seed=%2D1": "seed: given '-1', allowed a whole number",
    "theme=pink": "theme: given 'pink', allowed one of light, dark",
    "__class__=1": "'__class__' is no parameter of sqs-asg",
    "x=" + "9" * 10_000: "the link has 10,011 characters: only 4,000 are read",
    "%ff=%00&" + "a=1&" * 900: "is no parameter of sqs-asg",
    "lab=nope": "unknown lab 'nope'",
}


# -- links ------------------------------------------------------------------------------------


@each_lab
def test_a_link_opens_the_state_it_was_made_of(slug):
    """From every preset, with every parameter changed in turn, and with the notes' facts."""
    lab = LABS[slug]
    for preset in lab.presets:
        here = lab.preset(preset.title)
        states = [here]
        for spec in lab.Params.specs().values():
            others = spec.choices or ((True, False) if spec.type is bool else (
                spec.slider and (spec.type(spec.slider[0] + 3 * spec.step),)) or ())
            for value in others:
                try:
                    states.append(here.changed(**{spec.name: value}))
                except LabsimError:
                    continue        # not allowed beside the others
        for params in states:
            text = links.query(lab, params, preset.title, 7)
            state = links.state(lab, text)
            assert (state.params, state.seed, state.preset) == (params, 7, preset), text
            assert not state.problems
        assert links.query(lab, here, preset.title) == (
            f"?lab={slug}&preset={lab.presets.index(preset) + 1}")


@pytest.mark.parametrize("query, told", HOSTILE.items(), ids=[q[:20] for q in HOSTILE])
def test_a_bad_link_is_told_in_a_line_and_opens_at_its_preset(query, told):
    """Unknown names, values out of bounds, NaN, HTML, 10 kB: the rest of the link is used."""
    demo = opened(LABS, "sqs-asg", f"preset=2&{query}")
    notice = demo.widget.state["notice"]
    assert told in notice and "\n" not in notice and len(notice) < 600
    assert demo.result.params == demo.lab.preset("2") and demo.step == 1 and demo.widget.wall


def test_a_link_names_no_file_and_a_good_part_is_used():
    """Of a link with one bad value the good ones stay; a path is never written into one."""
    lab = LABS["sqs-asg"]
    state = links.state(lab, "preset=3&arrival_rate=4&cooldwn=3&drain=true")
    assert state.params == lab.preset("3").changed(arrival_rate=4.0, drain=True)
    assert len(state.problems) == 1
    path = data_folder() / "traces" / "shop-day.csv"
    params = lab.Params(workload="trace", trace=str(path))
    assert "shop" not in links.query(lab, params)


# -- the command --------------------------------------------------------------------------------


def test_the_list_has_every_step(capsys):
    """Labs with their steps, numbered."""
    assert main(["demo", "--list"]) == 0
    told = capsys.readouterr().out
    for lab in LABS.values():
        assert lab.slug in told
        for preset in lab.presets:
            assert re.search(rf"^ +{re.escape(preset.title)}$", told, re.MULTILINE)


@pytest.mark.parametrize("words, told", [
    (["sqs-sag"], "did you mean sqs-asg"), ([], "which lab"),
    (["sqs-asg", "--preset", "77"], "unknown preset '77'"),
    (["sqs-asg", "--port", "x"], "port: given 'x', allowed a whole number"),
    (["sqs-asg", "--port", "99999999"], "port: given"),
    (["sqs-asg", "more"], "one word too many")])
def test_a_wrong_word_is_told_in_a_line(words, told, capsys):
    """And exit status 2."""
    assert main(["demo", *words]) == 2
    error = capsys.readouterr().err
    assert told in error and error.count("\n") == 1


def test_without_voila_it_says_what_to_install(monkeypatch, capsys):
    """One line."""
    monkeypatch.setattr(demos, "NEEDED", ("voila", "no_such_module"))
    assert main(["demo", "sqs-asg"]) == 2
    assert capsys.readouterr().err == (
        'labsim: no_such_module not installed: pip install "labsim[lab]"\n')


def test_a_port_in_use_is_told():
    """Not another one silently, when one was asked for."""
    import socket
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(LabsimError, match="in use.*--port"):
            demos.free_port(str(taken.getsockname()[1]))


def test_ctrl_c_stops_it_and_leaves_nothing(tmp_path):
    """One line with an address that answers; after an interrupt no file and no process."""
    server = subprocess.Popen(
        [*alone.INTERRUPTIBLE, "demo", "sqs-asg", "--no-browser", "--port=0"],
        env={**browser._own(tmp_path / "home"), "TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    line = server.stdout.readline()
    address = line.split()[0]
    assert re.fullmatch(r"http://localhost:\d+/\?lab=sqs-asg", address)
    with urllib.request.urlopen(address, timeout=60) as page:   # the kernel has run
        assert b"labsimPage" in page.read()
    server.send_signal(signal.SIGINT)
    out, error = server.communicate(timeout=30)
    assert (out, error, server.returncode) == ("", "", 0)
    assert not list(tmp_path.glob("labsim-demo-*")) and not list(tmp_path.glob("voila_*"))


# -- in a browser ---------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A demo's address."""
    with browser.demo("sqs-asg", home=tmp_path_factory.mktemp("home")) as (address, _):
        yield address


@pytest.fixture(scope="module")
def tab(server):
    """One tab for all, with what went wrong in `tab.problems`."""
    with browser.page(1280, 720) as page:
        page.set_default_timeout(30_000)
        page.problems = []
        page.on("pageerror", lambda error: page.problems.append(str(error)))
        page.on("request", lambda asked: asked.url.startswith((server, "data:", "blob:"))
                or page.problems.append(asked.url))
        yield page


def visit(tab, address):
    """Open a demo, and wait until it is on the stage."""
    tab.goto(address)
    tab.locator(".hand .knob").first.wait_for()
    return tab.locator(".stage")


def shows(tab, text):
    """Wait until the step with this title is shown."""
    tab.locator("h2", has_text=re.compile(f"^{re.escape(text)}$")).wait_for()


def fits(tab):
    """Whether all that matters is in the window, and nothing has to be scrolled."""
    for part in ("h2", ".say", ".cards", ".scene", ".curves", ".play", ".next", ".pin",
                 ".hand .knob >> nth=-1"):
        box = tab.locator(part).first.bounding_box()
        assert box["x"] >= 0 and box["y"] >= 0, part
        assert box["x"] + box["width"] <= 1280 and box["y"] + box["height"] <= 720, part
    size = tab.evaluate("[document.documentElement.scrollWidth, "
                        "document.documentElement.scrollHeight]")
    assert size[0] <= 1280 and size[1] <= 720, size


@in_browser
@some_labs
def test_a_demo_of_every_lab(slug, server, tab, shots):
    """Opens, next, back by key; fits a projector; nothing from outside, no error, accessible."""
    lab, dark = LABS[slug], slug == list(LABS)[-1]
    visit(tab, f"{server}?lab={slug}{'&theme=dark' if dark else ''}")
    shows(tab, lab.presets[0].name)
    tab.keyboard.press("PageDown")
    shows(tab, lab.presets[1].name)
    tab.get_by_text(lab.presets[1].say).first.wait_for()
    fits(tab)
    tab.screenshot(path=shots / f"demo-{slug}.png")
    face = "document.querySelector('[data-lm-suppress-shortcuts]').stage.look.face"
    assert "system-ui" in tab.evaluate(face)        # of the canvases, as of the rest
    tab.keyboard.press("PageUp")
    shows(tab, lab.presets[0].name)
    fits(tab)
    assert browser.violations(tab) == [] and tab.problems == []


@in_browser
def test_an_instructor_gives_a_demo(server, tab, shots):
    """Next, back, pin, play, slider, bad value, dark: keys and hands alike."""
    lab = LABS["sqs-asg"]
    stage = visit(tab, f"{server}?lab=sqs-asg")
    stage.locator(".next").click()
    shows(tab, lab.presets[1].name)
    tab.keyboard.press("ArrowRight")
    shows(tab, lab.presets[2].name)
    tab.keyboard.press("ArrowLeft")
    shows(tab, lab.presets[1].name)
    stage.get_by_role("button", name="Pin", exact=True).click()
    stage.get_by_role("button", name="Unpin").wait_for()
    tab.keyboard.press("PageDown")
    shows(tab, lab.presets[2].name)
    stage.locator(".cards", has_text=", better").wait_for()

    # Playing keeps up with the wall.
    stage.locator(".speed").select_option("2")
    stage.locator(".scrub").evaluate("node => { node.value = 0;"
                                     " node.dispatchEvent(new Event('input')); }")
    tab.evaluate("document.activeElement?.shadowRoot?.activeElement?.blur()")
    tab.keyboard.press(" ")
    tab.wait_for_timeout(3_000)
    tab.keyboard.press(" ")
    played = int(stage.locator(".scrub").input_value()) / 1000
    assert 0.33 < played < 0.55         # 3 s at twice the speed of 15 s

    # A slider by keys; a bad value; the picture stays.
    slider = stage.get_by_label("Arrival rate, slider")
    slider.focus()
    for _ in range(3):
        tab.keyboard.press("ArrowRight")
    stage.locator(".hand .changed", has_text="Arrival rate").wait_for()
    shows(tab, lab.presets[2].name)         # the key was the slider's
    field = stage.get_by_label("Arrival rate", exact=True)
    field.fill("-1")
    field.press("Enter")
    stage.locator(".hand .error", has_text="given -1").wait_for()
    field.fill("3")
    field.press("Enter")
    stage.locator(".hand .error", has_text="given -1").wait_for(state="detached")

    stage.get_by_title("Dark or light").click()
    tab.wait_for_function("document.body.classList.contains('labsim-night')")
    assert browser.violations(tab) == []
    fits(tab)
    tab.screenshot(path=shots / "demo-dark.png")
    stage.get_by_role("button", name="All knobs").click()
    stage.locator(".drawer .knob:visible").first.wait_for()
    assert browser.violations(tab) == []
    tab.keyboard.press("Escape")
    stage.locator(".drawer").wait_for(state="hidden")
    assert tab.problems == []


@in_browser
def test_traffic_of_ones_own_on_a_wall(server, tab, tmp_path, shots):
    """Dropped anywhere on the page; everything is in the window as before; the page's address,
    which comes back to its state, names no file."""
    rows = "\n".join(f"2026-03-02 {i // 12:02}:{i % 12 * 5:02}:00,100" for i in range(24))
    (tmp_path / "orders.csv").write_text(f"timestamp,value\n{rows}\n")
    visit(tab, f"{server}?lab=sqs-asg")
    Drag(tab, tmp_path / "orders.csv", at=(2, 700)).drop()
    shows(tab, "Own traffic: orders.csv")
    fits(tab)
    tab.screenshot(path=shots / "demo-own-traffic.png")
    tab.wait_for_timeout(700)
    assert "trace" not in tab.url
    assert browser.violations(tab) == []
    tab.keyboard.press("z")
    shows(tab, LABS["sqs-asg"].presets[0].name)
    assert tab.problems == []


@in_browser
def test_next_pressed_ten_times_quickly(server, tab):
    """And two clicks at once: it ends where it should, with that step's run."""
    lab = LABS["kinesis-shards"]
    stage = visit(tab, f"{server}?lab=kinesis-shards")
    for _ in range(10):
        tab.keyboard.press("PageDown")
    shows(tab, lab.presets[10].name)
    stage.locator(".back").evaluate("node => { node.click(); node.click(); }")
    shows(tab, lab.presets[8].name)
    tab.wait_for_timeout(1_000)             # what comes late changes nothing
    shows(tab, lab.presets[8].name)
    tab.get_by_text(lab.presets[8].say).first.wait_for()
    assert tab.problems == [] and stage.is_visible()


@in_browser
def test_a_link_opens_its_state_in_the_browser(server, tab):
    """Preset, seed, parameter and theme; a hostile one is a line of text; a reload comes back."""
    lab = LABS["sqs-asg"]
    stage = visit(tab, f"{server}?lab=sqs-asg&preset=2&seed=7&arrival_rate=4&theme=dark")
    shows(tab, lab.presets[1].name)
    assert tab.evaluate("document.body.classList.contains('labsim-night')")
    summary = lab.run(lab.preset("2").changed(arrival_rate=4.0), 7).summary
    shown = stage.locator(".cards").evaluate("node => node.getRootNode().host.stage.run.summary")
    assert shown == pytest.approx(summary)
    tab.keyboard.press("PageDown")
    shows(tab, lab.presets[2].name)
    tab.wait_for_url("**preset=3&seed=7&theme=dark")
    tab.reload()
    shows(tab, lab.presets[2].name)

    mark = "%3Cimg src=x onerror=%22document.title=%27hit%27%22%3E"
    stage = visit(tab, f"{server}?lab=sqs-asg&preset=2&policy={mark}&{mark}=1&arrival_rate=nan")
    shows(tab, lab.presets[1].name)
    notice = stage.locator(".notice")
    assert "<img src=x" in notice.inner_text() and notice.locator("img").count() == 0
    assert tab.title() != "hit" and "given nan" in notice.inner_text()
    assert browser.violations(tab) == [] and tab.problems == []


@in_browser
def test_two_tabs_have_a_kernel_each_and_a_dead_one_is_told(server, tab, tmp_path):
    """The first goes on where it was; when a kernel dies, its page says so as soon as a hand asks
    for something, and what to do; it still plays."""
    lab = LABS["s3-prefix"]
    with browser.demo("s3-prefix", home=tmp_path) as (address, process):
        visit(tab, address)
        other = tab.context.browser.new_page(viewport={"width": 1280, "height": 720})
        visit(other, address)
        other.keyboard.press("PageDown")
        shows(other, lab.presets[1].name)
        shows(tab, lab.presets[0].name)
        kernels = subprocess.run(["ps", "-o", "pid=", "--ppid", str(process.pid)],
                                 capture_output=True, text=True).stdout.split()
        assert len(kernels) == 2
        other.goto("about:blank")     # takes its kernel with it
        for _ in range(100):
            left = subprocess.run(["ps", "-o", "pid=", "--ppid", str(process.pid)],
                                  capture_output=True, text=True).stdout.split()
            if len(left) == 1:
                break
            tab.wait_for_timeout(100)
        assert len(left) == 1
        os.kill(int(left[0]), signal.SIGKILL)
        tab.keyboard.press("PageDown")
        tab.locator(".notice", has_text="Reload this page").wait_for()
        before = tab.locator(".clock").inner_text()
        tab.locator(".play").click()
        tab.wait_for_timeout(1_500)
        assert tab.locator(".clock").inner_text() != before
        tab.reload()
        shows(tab, lab.presets[0].name)
    tab.problems.clear()


@in_browser
def test_at_most_half_the_usual_time(server, tab, tmp_path):
    """Key press to changed picture, against Output + clear_output + plt.show under Voila."""
    from playwright.sync_api import TimeoutError

    path = tmp_path / "usual.ipynb"
    browser.notebook(path, USUAL)
    page = tab.context.browser.new_page(viewport={"width": 1280, "height": 720})
    page.set_default_timeout(60_000)
    page.route("**/*", lambda route: route.continue_() if "localhost" in route.request.url
               else route.abort())

    def measure(address, picture, handle):
        page.goto(address)
        page.locator(picture or ".stage canvas").first.wait_for()
        page.locator(handle or ".hand .knob").first.wait_for()
        page.wait_for_timeout(1_000)
        presses(page, picture, handle, 2)
        return presses(page, picture, handle, 7)

    def usual():
        """In a new server each time: with an `Output`, Voila now and then waits for ever."""
        for _ in range(5):
            with browser.voila(path, tmp_path) as address, contextlib.suppress(TimeoutError):
                return measure(address, ".usual-output img", ".usual-slider .noUi-handle")
        pytest.fail("plain Voila showed no page in five tries")

    for _ in range(3):      # a noisy machine gets three tries
        theirs = usual()
        ours = measure(f"{server}?lab=sqs-asg", "", "")
        print(f"measured: key press to picture: ours {ours:.0f} ms, usual {theirs:.0f} ms")
        if ours <= theirs / 2:
            break
    page.close()
    assert ours <= theirs / 2


def test_what_a_demo_may_start_is_what_a_slider_may():
    """A link that asks for more opens at its preset, so that no projector waits."""
    state = links.state(LABS["sqs-asg"], "arrival_rate=100000&preset=1", LIVE)
    assert "would take" in state.problem and state.params == LABS["sqs-asg"].preset("1")
