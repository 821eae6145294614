"""The page about a run, or about two: complete, on one sheet, the same bytes every time."""

import ast
import base64
import dataclasses
import html as htmllib
import json
import re
import zlib
from html.parser import HTMLParser

import pytest
from over_labs import LABS, each_lab, some_labs

import labsim
from labsim import cli
from labsim.declare.describe import as_code
from labsim.errors import ParameterError
from labsim.services import ec2, sqs
from labsim.text import format_value
from labsim.view import still
from labsim.view.page import FACTS, page
from labsim.view.pdf_layout import HEIGHT, MARGIN, PdfLayout, fit, measured, wrapped
from labsim.view.recording import decoded
from labsim.view.report import POLICY, html, pdf

HOSTILE = '<script>alert(1)</script> $x^{ "a" & \\ \u6f22\u5b57 '


def everything_changed(lab):
    """A run with every number a step off its default."""
    values = {}
    for name, spec in lab.Params.specs().items():
        if spec.type in (int, float) and name != "duration":
            step = spec.step or 1
            up = spec.default + step <= spec.bounds[1]
            new = {**values, name: spec.type(spec.default + (step if up else -step))}
            try:
                lab.Params(**new)
            except ParameterError:
                continue
            values = new
    return lab.run(lab.Params(**values), seed=2**62)


def hostile(run):
    """The same with long notes that no page is prepared for."""
    return dataclasses.replace(run, notes=tuple(f"{HOSTILE} {i} " * 12 for i in range(9)))


def text(source: str) -> str:
    """What a reader reads of an HTML page in which no script runs."""
    return htmllib.unescape(re.sub(r"<style>.*?</style>|<script.*?</script>|<[^>]*>", " ", source,
                                   flags=re.S))


@pytest.fixture(scope="module")
def pairs():
    """{slug: (the default run, one with everything changed)}"""
    return {slug: (lab.run(), everything_changed(lab)) for slug, lab in LABS.items()}


@some_labs
@pytest.mark.parametrize("two", [False, True], ids=["run", "comparison"])
def test_the_page_says_all_there_is_to_know(slug, two, pairs):
    """Title, version, seed, every headline and metric, every change, every fact with its source."""
    lab, (first, second) = LABS[slug], pairs[slug]
    source = html(labsim.compare(first, second) if two else second)
    said = text(source)
    for word in (lab.title, f"labsim {labsim.__version__}", str(second.seed), lab.slug,
                 *(m.label for m in lab.metrics)):
        assert word in said
    turned = source.split("All metrics")[0]     # a line of the bill may be called the same
    for name in lab.Params.specs():
        assert (f"<dt>{name}</dt>" in turned) == (getattr(second.params, name)
                                                  != getattr(first.params, name))
    for id in lab.facts:
        fact = lab.Params.book().fact(id)
        assert fact.quantity in said and fact.source in said


@each_lab
def test_the_line_of_code_makes_the_run_again(slug, pairs):
    """Also with the notes' facts, and with a value put back to today's."""
    lab = LABS[slug]
    runs = [*pairs[slug], lab.run(lab.Params(facts="notes"))]
    noted = lab.Params.in_notes()
    if noted:
        back = {name: lab.Params.specs()[name].default for name in noted}
        runs.append(lab.run(lab.Params(facts="notes", **back)))
    for run in runs:
        call = ast.parse(as_code(lab, run)).body[0].value
        given = {k.arg: ast.literal_eval(k.value) for k in call.keywords}
        assert labsim.run(*map(ast.literal_eval, call.args), **given).to_json() == run.to_json()


@some_labs
@pytest.mark.parametrize("two", [False, True], ids=["run", "comparison"])
def test_it_fits_on_one_sheet(slug, two, pairs):
    """Also with everything changed and long notes: nothing below the margin, nothing left out."""
    first, second = pairs[slug]
    shown = labsim.compare(first, hostile(second)) if two else hostile(second)
    p = page(shown)
    scale, sources = fit(p)
    assert PdfLayout(p, scale, sources).bottom <= HEIGHT - MARGIN and sources == list(p.sources)
    made = pdf(shown)
    assert made.startswith(b"%PDF") and len(re.findall(rb"/Type /Page\b", made)) == 1


def test_what_can_never_fit_is_left_out_and_said(pairs):
    """Sources from the end; the page says how many."""
    first, second = pairs["sqs-asg"]
    p = dataclasses.replace(page(second), sources={
        f"source {i}": [f"fact {i} of this source: {i} s"] * 9 for i in range(120)})
    scale, sources = fit(p)
    assert 0 < len(sources) < 120 and PdfLayout(p, scale, sources).bottom <= HEIGHT - MARGIN


@pytest.mark.parametrize("two", [False, True], ids=["run", "comparison"])
def test_the_same_run_gives_the_same_bytes(two, tmp_path, pairs):
    """HTML and PDF; no date is in them."""
    first, second = pairs["s3-prefix"]
    for name in ("a.html", "a.pdf"):
        made = []
        for _ in range(2):
            shown = labsim.compare(first, second) if two else labsim.run("s3-prefix")
            shown.report(tmp_path / name)
            made.append((tmp_path / name).read_bytes())
        assert made[0] == made[1] and b"CreationDate" not in made[0]


class Reader(HTMLParser):
    """Collects tags, addresses and scripts, and checks that tags close."""

    def __init__(self):
        super().__init__()
        self.tags, self.addresses, self.open, self.scripts = [], [], [], []

    def handle_data(self, data):
        if self.open and self.open[-1] == "script":
            self.scripts.append(data)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.addresses += [v for k, v in attributes if k in ("src", "srcset", "href")]
        if tag not in ("meta", "img", "source", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_nothing_in_a_page_is_anybody_elses(pairs, tmp_path):
    """The only script is the stage's: none comes of a note or of a trace's name; nothing is
    fetched."""
    trace = tmp_path / f"{HOSTILE.strip().replace('/', '_')}.csv"
    trace.write_text("".join(f"2026-01-01T00:{5 * i:02}:00Z,{90 * i}\n" for i in range(4)))
    traced = labsim.run("sqs-asg", workload="trace", trace=str(trace))
    first = pairs["sqs-asg"][0]
    for shown in (hostile(traced), labsim.compare(first, hostile(traced))):
        reader = Reader()
        reader.feed(html(shown))
        assert not reader.open and "link" not in reader.tags
        data, script = reader.scripts
        assert script in still.alone() and json.loads(data)["runs"]
        assert "connect-src" not in POLICY and POLICY.startswith("default-src 'none'")
        assert all(a.startswith("data:image/png;base64,") for a in reader.addresses)
        assert repr(str(trace)) in text(html(shown)) and len(pdf(shown)) > 10_000


def test_text_of_a_pdf_can_be_copied(pairs):
    """Fonts are embedded as such, with the characters they stand for."""
    made = pdf(pairs["sqs-asg"][0])
    streams = [zlib.decompress(s) for s in re.findall(rb"stream\n(.*?)\nendstream", made,
                                                      re.S) if s[:1] == b"x"]
    assert b"/ToUnicode" in made and any(b"beginbfchar" in s or b"beginbfrange" in s
                                         for s in streams)


def test_lines_are_broken_where_they_must(tmp_path):
    """None is wider than its column; a word that is too long is cut, and nothing is lost."""
    said = "one two " + "x" * 300 + " three"
    lines = wrapped(said, 7, 120)
    assert all(measured(line, 7) <= 120 for line in lines)
    assert "".join(lines).replace(" ", "") == said.replace(" ", "")
    assert wrapped("", 7, 120) == [] and wrapped("\u6f22\0", 7, 120) == ["??"]


@pytest.mark.parametrize("name", ["a.png", "a", "a.html.txt", ""])
def test_another_kind_of_file_is_refused(name, pairs):
    """By its name, before anything is made."""
    with pytest.raises(ParameterError, match=r"report: given .* ends in .html or .pdf"):
        pairs["sqs-asg"][0].report(name)


def test_a_report_from_the_command_line(tmp_path, capsys):
    """The bytes that Python gives; a folder that is not there is one line."""
    for name in ("a.html", "a.PDF"):     # capitals are fine
        assert cli.main(["run", "s3-prefix", "--report", str(tmp_path / name)]) == 0
        labsim.run("s3-prefix").report(tmp_path / f"b{name[1:]}")
        assert (tmp_path / name).read_bytes() == (tmp_path / f"b{name[1:]}").read_bytes()
    capsys.readouterr()
    assert cli.main(["run", "s3-prefix", "--report", str(tmp_path / "no" / "a.pdf")]) == 2
    assert capsys.readouterr().err.endswith("cannot be written: No such file or directory\n")
    assert cli.main(["run", "s3-prefix", "--report", "a.doc"]) == 2


def test_the_explorer_offers_the_page():
    """Of the run, and of both where one is pinned."""
    explorer = LABS["s3-prefix"].explore()
    sent = []
    explorer.widget.send = sent.append
    for runs in range(2):
        explorer._heard(None, {"do": "save", "value": "html"}, None)
        assert sent[-1]["file"] == "s3-prefix.html"
        assert ("two runs compared" in sent[-1]["data"]) == bool(runs)
        explorer.pin()
        explorer.apply_preset("2")


@some_labs
def test_the_stage_of_a_report_has_the_run_and_the_steps_there_is_room_for(slug, pairs):
    """Of two runs the first stands behind the second; the page stays small enough to mail."""
    lab, (first, second) = LABS[slug], pairs[slug]
    for shown, own in ((second, [second]), (labsim.compare(first, second), [first, second])):
        source = html(shown)
        assert len(source) < 400_000
        plan = json.loads(re.search(r'json">(.*?)</script>', source)[1])
        assert (f'data-step="{len(own) - 1}"' in source) == (len(own) > 1)
        assert len(plan["steps"]) == len(plan["runs"]) > len(own)
        for run, text_of_it in zip(own, plan["runs"]):
            header, series = decoded(base64.b64decode(text_of_it))
            assert header["seed"] == run.seed and header["params"] == run.params.model_dump()
        titles = [step["title"] for step in plan["steps"][len(own):]]
        assert titles == [preset.name for preset in lab.presets][:len(titles)]


def test_a_run_shows_itself_as_a_stage():
    """Of a lab, of a system of one's own; a step of the story under its own title. In a terminal
    it is a line, without a script words and little bars."""
    lab = LABS["sqs-asg"]
    for run, title in ((lab.run(seed=3), lab.presets[0].name if lab.Params() == lab.Params(
            **lab.presets[0].values) else lab.title), (labsim.simulate(shop, 600), "Shop"),
            (lab.run(lab.preset("2")), lab.scene("2").name),
            (labsim.Result.from_json(lab.run(seed=3).to_json()), None)):
        shown = run.stage()
        assert repr(shown) == f"Stage of {run.slug}, seed {run.seed}"
        source = shown._repr_html_()
        plan = json.loads(re.search(r'json">(.*?)</script>', source)[1])
        (step,) = plan["steps"]
        assert title in (None, step["title"]) and step["say"] and step["headline"]
        assert run.lab.title in text(source) and "\u2588" in text(source)
        assert source == run.stage()._repr_html_()


@pytest.mark.long
def test_a_report_plays_and_scrubs_in_a_browser(tmp_path, pairs):
    """Without anything but the file: its policy lets the script run; of two runs the second is
    shown, the first behind it. axe finds nothing serious."""
    browser = pytest.importorskip("browser")
    if not browser.chromium():
        pytest.skip("no Chromium")
    first, second = pairs["sqs-asg"]
    system = labsim.simulate(shop, 600)
    other = labsim.simulate(shop, 600, seed=2)
    for shown in (second, labsim.compare(first, second), system, labsim.compare(system, other)):
        with browser.page(1280, 900) as tab:
            failed = []
            tab.on("console", lambda message, failed=failed: failed.append(message.text))
            tab.on("pageerror", lambda error, failed=failed: failed.append(str(error)))
            shown.report(tmp_path / "a.html")
            tab.goto((tmp_path / "a.html").as_uri())
            stage = tab.locator(".labsim-stage")
            two = hasattr(shown, "second")
            heading = stage.locator("h2").inner_text()
            assert heading == ("The second run, the first behind it" if two else "This run")
            ghost = "document.querySelector('.labsim-stage').stage.ghost?.seed ?? null"
            assert tab.evaluate(ghost) == (shown.first.seed if two else None)
            before = stage.locator(".clock").inner_text()
            stage.get_by_label("Play", exact=True).click()
            tab.wait_for_timeout(500)
            assert stage.locator(".clock").inner_text() != before
            stage.get_by_label("Moment of the run").fill("0")
            stage.locator(".clock", has_text=re.compile("^0:00 of")).wait_for(timeout=5_000)
            assert not browser.violations(tab) and not failed
            tab.emulate_media(media="print")
            assert not stage.is_visible()


@pytest.mark.long
@pytest.mark.parametrize("two", [False, True], ids=["run", "comparison"])
def test_a_browser_prints_one_sheet(two, tmp_path, pairs):
    """In light and dark, with everything changed; and at 375 px nothing is wider than the page."""
    browser = pytest.importorskip("browser")
    pytest.importorskip("playwright")
    if not browser.chromium():
        pytest.skip("no Chromium")
    with browser.page(375, 800) as tab:
        for slug, (first, second) in pairs.items():
            shown = labsim.compare(first, hostile(second)) if two else second
            shown.report(tmp_path / "a.html")
            failed = []
            tab.on("console", lambda message, failed=failed: failed.append(message.text))
            tab.goto((tmp_path / "a.html").as_uri())
            assert tab.evaluate("document.documentElement.scrollWidth") == 375, slug
            tab.emulate_media(color_scheme="dark")
            printed = tab.pdf(prefer_css_page_size=True, print_background=True)
            assert len(re.findall(rb"/Type /Page\b", printed)) == 1, slug
            assert failed == []


def shop(sim):
    """Orders, and those who work on them."""
    orders = sqs.Queue(sim, "orders")
    ec2.Fleet(sim, "workers", consumes=orders, work=labsim.fixed(1), size=3)
    sim.send(2, to=orders)


def test_a_report_of_a_system():
    """What each part has to tell leads, the bill stands line by line; no heading over nothing."""
    r = labsim.simulate(shop, 600)
    assert r.lab.headline == ("orders.wait_p95", "workers.utilization", "orders.completed",
                              "cost_usd")
    p = page(r)
    assert p.grids["The bill"] == [
        (line, format_value(usd, "USD"), "") for line, usd in r.cost.items()]
    assert not p.sources and FACTS not in text(html(r)) and FACTS in text(html(
        labsim.run("sqs-asg", duration=600)))


def test_a_picture_is_saved(tmp_path):
    """As it is shown in a notebook; into an SVG only."""
    picture = labsim.simulate(shop, 600).picture(300)
    picture.save(tmp_path / "a.SVG")
    assert (tmp_path / "a.SVG").read_text() == picture._repr_html_()
    with pytest.raises(ParameterError, match="picture: given .* ends in .svg"):
        picture.save(tmp_path / "a.png")
