"""The course site: read without a kernel and without a network.

Browser tests need a Chromium; without one they are skipped, except where CI is set. Set
LABSIM_SHOTS to a folder to keep the screenshots.
"""

import contextlib
import dataclasses
import functools
import http.server
import os
import re
import subprocess
import sys
import threading
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urljoin

import browser
import nbformat
import pytest
from over_labs import EVERY, SAMPLE

import labsim
from labsim.course import site
from labsim.course.course_model import Chapter, Course, built_in
from labsim.course.exercises import Question
from labsim.course.notebooks import BuildError

pytestmark = pytest.mark.long

SEARCHED = {"sawtooth": "01-sqs-asg", "enhanced fan-out": "03-kinesis-shards",
            "bucket keys": "04-s3-prefix"}
# With a few of the labs; where nothing is built: no JupyterLite site is beside this one.
COURSE = dataclasses.replace(
    built_in(), out=Path(__file__).parent / "nowhere", chapters=tuple(
        c for c in built_in().chapters
        if not c.lab or c.lab.slug in SAMPLE or c.name in SEARCHED.values()))
LABS = [chapter for chapter in COURSE.chapters if chapter.lab]
WIDTHS = 1280, 375
AXE = "axe.run(document, {preload: false, resultTypes: ['violations']})"
a_browser = pytest.mark.skipif(browser.chromium() is None and not os.environ.get("CI"),
                               reason="no Chromium (Debian: apt-get install chromium)")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The site of the built-in course, with a few of its labs."""
    out = tmp_path_factory.mktemp("course") / "site"
    site.make(COURSE, out)
    return out


@pytest.fixture(scope="module")
def served(made):
    """The address of a server that has the site and nothing else."""
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *words):
            pass
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(
            Quiet, directory=made)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@contextlib.contextmanager
def reader(base, **looks):
    """A page of a fresh Chromium, and a list of what went wrong: requests to anywhere but `base`
    (stopped), requests that failed, errors in scripts and on the console."""
    from playwright.sync_api import sync_playwright

    wrong = []

    def local(route):
        if route.request.url.startswith((base, "data:")):
            return route.continue_()
        wrong.append(f"asked for {route.request.url}")
        return route.abort()
    with sync_playwright() as play:
        chromium = play.chromium.launch(executable_path=browser.chromium(), args=browser.FLAGS)
        try:
            page = chromium.new_context(viewport={"width": WIDTHS[0], "height": 800},
                                        **looks).new_page()
            page.route("**/*", local)
            # What was still on its way when the next page was opened did not fail.
            page.on("requestfailed", lambda request: request.failure == "net::ERR_ABORTED"
                    or wrong.append(f"failed: {request.url}, {request.failure}"))
            page.on("response", lambda r: r.status >= 400 and wrong.append(f"{r.status}: {r.url}"))
            page.on("pageerror", lambda error: wrong.append(str(error)))
            page.on("console", lambda m: m.type == "error" and wrong.append(m.text))
            yield page, wrong
        finally:
            chromium.close()


def pages(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.html"))


def kinds(folder):
    """A page of each kind, and of chapters all."""
    found = {}
    for name in pages(folder):
        kind = name if name.startswith("chapters/") or "/" not in name else (
            name.split("/")[0] + ("/index" if name.endswith("index.html") else ""))
        found.setdefault(kind, name)
    return [*found.values(), "search.html?q=cooldown"]


def text_of(folder, name):
    return (folder / name).read_text(encoding="utf-8")


# -- read as files -------------------------------------------------------------------------------


def test_every_part_of_a_course_has_its_page(made):
    """A start page, a page per chapter, lab, topic of facts, service and engine module."""
    there = set(pages(made))
    assert "/lite/" not in text_of(made, "index.html")
    topics = {f.service for f in labsim.factbook.book().values()}
    package = Path(labsim.__file__).parent
    modules = {f"{part}/{'-'.join(path.relative_to(package / part).with_suffix('').parts)}.html"
               for part in ("services", "engine")
               for path in (package / part).rglob("[a-z]*.py")}
    assert there >= {"index.html", "search.html", "engine/theory-queues.html"} | modules
    assert there >= {f"chapters/{chapter.name}.html" for chapter in COURSE.chapters}
    assert there >= {f"labs/{chapter.lab.slug}.html" for chapter in LABS}
    assert len([name for name in there if re.match(r"facts/(?!index)", name)]) == len(topics)


def test_every_fact_parameter_metric_and_preset_is_told(made):
    """With notes, today, source and confidence; with default, range and help."""
    everything = {name: " ".join(Words.of(text_of(made, name)).split()) for name in pages(made)}
    facts = " ".join(text for name, text in everything.items() if name.startswith("facts/"))
    for fact in labsim.factbook.book().values():
        for said in (fact.id, fact.quantity, fact.source, fact.confidence, fact.comment):
            assert " ".join(said.split()) in facts, fact.id
    for chapter in LABS:
        text, lab = everything[f"labs/{chapter.lab.slug}.html"], chapter.lab
        for spec in lab.Params.specs().values():
            assert spec.name in text and " ".join(spec.help.split()) in text
            if spec.bounds:
                assert f"{spec.bounds[1]:,.10g} {spec.unit}".strip() in text
        for thing in (*lab.metrics, *lab.invariants):
            assert thing.name in text
        assert all(preset.say in text for preset in lab.presets)
        trust = lab.trust()
        assert all(check.name in text and check.source in text for check in trust)
        assert trust.told() in text and all(
            one.name in text and one.how_far() in text and one.why in text
            for one in trust.measured)


def test_the_site_says_which_numbers_may_be_relied_on(made):
    """Lab by lab what is near what was measured and what is off, and who measured it; a lab's page
    shows both on one axis, light and dark."""
    page = Words.of(text_of(made, "measured/index.html"))
    shown = " ".join(page.split())
    for chapter in LABS:
        if not (chapter.lab.home / "measured.yaml").is_file():
            continue
        beside = labsim.measured(chapter.lab.slug)
        assert all(f"{one.name} ({one.how_far()})" in shown for one in beside)
        assert all(said in shown for one in beside
                   for said in (one.of.measured, one.of.source, one.of.licence_as_seen))
        pictures = Words.read(text_of(made, f"labs/{chapter.lab.slug}.html")).pictures
        ours = [p for p in pictures if p["src"].endswith(("-measured-light.png",
                                                          "-measured-dark.png"))]
        assert len(ours) == 2 and all(p["alt"].startswith("Measurements on AWS") for p in ours)
        assert all((made / "labs" / p["src"]).is_file() for p in ours)


class Words(HTMLParser):
    """The text of a page, its ids, addresses and pictures."""

    def __init__(self):
        super().__init__()
        self.text, self.ids, self.addresses, self.pictures = [], set(), [], []

    def handle_starttag(self, tag, attributes):
        named = dict(attributes)
        self.ids.add(named.get("id"))
        if tag in ("br", "td", "p"):
            self.text.append(" ")
        if tag == "img":
            self.pictures.append(named)
        if tag in ("a", "img", "script", "link"):
            self.addresses += [(tag, named[key]) for key in ("href", "src") if named.get(key)]

    def handle_data(self, data):
        self.text.append(data)

    @classmethod
    def read(cls, html):
        parser = cls()
        parser.feed(html)
        return parser

    @classmethod
    def of(cls, html):
        return "".join(cls.read(html).text)


def test_every_link_leads_somewhere(made):
    """Page and place on it; what is outside is a link to click, never something to load."""
    read = {name: Words.read(text_of(made, name)) for name in pages(made)}
    for name, words in read.items():
        for tag, address in words.addresses:
            if re.match(r"https?://", address):
                assert tag == "a", (name, address)
                continue
            target, place = urldefrag(urljoin(f"/{name}", address.split("?")[0]))
            target = unquote(target).lstrip("/") or "index.html"
            assert (made / target).is_file(), (name, address)
            if place and target in read:
                assert unquote(place) in read[target].ids, (name, address)


def test_style_sheets_and_scripts_ask_for_nothing_that_is_not_there(made):
    """Fonts, pictures, imported sheets and source maps are in the site."""
    for path in (*made.rglob("*.css"), *made.rglob("*.js")):
        text = path.read_text(encoding="utf-8", errors="replace")
        asked = re.findall(r"sourceMappingURL=(\S+?)(?:\s|\*/|$)", text[-300:])
        if path.suffix == ".css":
            asked += re.findall(r"url\(\s*['\"]?([^)'\"]+)", text)
            asked += re.findall(r"@import\s+['\"]([^'\"]+)", text)
        for address in asked:
            if not address.startswith(("data:", "#")):
                assert (path.parent / address.split("?")[0].split("#")[0]).is_file(), (
                    path.name, address)


@pytest.mark.parametrize("chapter", LABS, ids=lambda c: c.name)
def test_exercises_have_folded_hints_and_a_computed_solution(chapter, made):
    """Each exercise and quiz question once, hints and answer folded, no blank left."""
    html = text_of(made, f"chapters/{chapter.name}.html")
    folds = re.findall(r"<details><summary>([^<]*)</summary>\n?<div>(.*?)</div>", html, re.S)
    folded = [(summary, " ".join(Words.of(inside).split())) for summary, inside in folds]
    lab = chapter.lab
    for number in range(1, len(lab.exercises) + 1):
        question = Question(lab.slug, number)
        e = question.exercise
        assert html.count(f'id="{lab.slug}-exercise-{number}"') == 1
        for hint in e.hints:
            assert any(s.startswith("Hint") and " ".join(e.told(lab, hint).split()) == told
                       for s, told in folded)
        told = " ".join(e.told(lab, e.solution).split())
        solution = next(t for s, t in folded if s == "Solution" and told in t)
        if e.kind in ("predict", "sketch"):
            assert e.told(lab, "{answer}") in solution
        elif e.kind == "explain":
            assert f"The answer is {e.answer()}." in solution
            assert all(" ".join(c.why.split()) in solution for c in e.choices)
        else:
            assert repr(e.answer()) in solution
    quiz = labsim.course.quiz(lab.slug)
    assert sum(summary == "Answer" for summary, _ in folded) == len(quiz.questions)
    for question in quiz.questions:
        assert any(all(" ".join(c.why.split()) in told for c in question.choices)
                   and f"The answer is {question.answer}." in told for _, told in folded)
    assert "Not answered yet." not in html and "blank:" not in html
    shown = " ".join(Words.of(html).split())
    assert all(" ".join(check.source.split()) in shown for check in lab.trust())


def test_every_picture_says_what_it_shows(made):
    """A lab's figures name their panels; only an ornament has an empty text."""
    for name in pages(made):
        for picture in Words.read(text_of(made, name)).pictures:
            if "favicon" not in picture["src"]:
                assert len(picture["alt"]) > 20 and ".png" not in picture["alt"], name
    for chapter in LABS:
        figures = [p["alt"] for p in Words.read(text_of(
            made, f"chapters/{chapter.name}.html")).pictures
            if p["alt"].startswith(f"{chapter.lab.title}, over")]   # of a run; curves say theirs
        assert figures     # and the stage, which says its own words
        assert all(panel.title in alt for panel in chapter.lab.panels for alt in figures)


def test_the_same_bytes_twice(made, tmp_path):
    """By another process, with other hashes, from another folder; no path of this machine."""
    again = tmp_path / "elsewhere" / "book"
    here = Path(__file__).parent
    paths = Path(labsim.__file__).parents[1], here, here.parent / "helpers"
    subprocess.run([sys.executable, "-c", "import sys, pathlib, test_site; "
                    "test_site.site.make(test_site.COURSE, pathlib.Path(sys.argv[1]))", again],
                   check=True, cwd=tmp_path, env={
                       **os.environ, "PYTHONHASHSEED": "77", "TZ": "Asia/Tokyo",
                       "PYTHONPATH": os.pathsep.join(map(str, paths))})
    first = {p.relative_to(made): p.read_bytes() for p in made.rglob("*") if p.is_file()}
    second = {p.relative_to(again): p.read_bytes() for p in again.rglob("*") if p.is_file()}
    assert first.keys() == second.keys()
    assert not [str(name) for name in first if first[name] != second[name]]
    root = str(Path(labsim.__file__).parents[1]).encode()
    assert not [name for name, data in first.items() if root in data]


# -- read in a browser -----------------------------------------------------------------------------


@a_browser
def test_every_page_opens_without_a_network_and_fits(made, served):
    """No failed request, none to anywhere else; nothing to scroll sideways, wide or narrow. Where
    not all is looked at, every chapter, and a page of each other kind."""
    with reader(served) as (page, wrong):
        for name in [*(pages(made) if EVERY else ()), *kinds(made)]:
            page.set_viewport_size({"width": WIDTHS[0], "height": 800})
            page.goto(served + name)
            for width in WIDTHS:
                page.set_viewport_size({"width": width, "height": 800})
                page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
                assert page.evaluate("document.documentElement.scrollWidth") <= width, name
            loaded = "[...document.images].filter(i => i.complete && !i.naturalWidth).length"
            assert page.evaluate(loaded) == 0, name
        assert not wrong


@a_browser
def test_search_finds_the_chapter(made, served):
    """Typed into the box of the start page: the results lead to the right pages."""
    for word, chapter in SEARCHED.items():
        with reader(served) as (page, wrong):
            page.goto(served + "index.html")
            page.locator(".bd-sidebar-primary .search-button__button").click()
            page.locator("#pst-search-dialog input[type=search]").fill(word)
            page.keyboard.press("Enter")
            found = page.locator(f"#search-results a[href*='chapters/{chapter}.html']").first
            found.wait_for()
            found.click()
            page.wait_for_url(f"**/chapters/{chapter}.html*")
            assert not wrong


@a_browser
def test_the_site_opens_from_a_folder(made):
    """By file://, search included: no failed request."""
    base = made.as_uri() + "/"
    with reader(base) as (page, wrong):
        for name in ("index.html", f"chapters/{LABS[0].name}.html"):
            page.goto(base + name, wait_until="networkidle")
            page.locator(".labsim-stage canvas").first.wait_for()
        page.goto(base + "search.html?q=cooldown", wait_until="networkidle")
        page.locator(f"#search-results a[href*='{LABS[0].name}']").first.wait_for()
        page.wait_for_timeout(300)
        assert not wrong


@a_browser
@pytest.mark.parametrize("look, width", [("light", 1280), ("dark", 375)])
def test_axe_finds_nothing_serious(look, width, made, served, tmp_path_factory):
    """On a page of every kind, all folds open, wide and narrow, in light and in dark."""
    import axe_playwright_python

    axe = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text("utf-8")
    shots = Path(os.environ.get("LABSIM_SHOTS") or tmp_path_factory.mktemp("shots"))
    found = []
    with reader(served, color_scheme=look) as (page, wrong):
        page.set_viewport_size({"width": width, "height": 800})
        for name in kinds(made):
            page.goto(served + name, wait_until="networkidle")
            page.screenshot(path=shots / f"{re.sub(r'[^a-z0-9]+', '-', name)}-{width}-{look}.png")
            page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
            page.evaluate("dispatchEvent(new Event('resize'))")     # what is folded was not wide
            page.wait_for_timeout(500)
            page.evaluate(axe)
            found += [(name, v["id"], v["nodes"][0]["html"][:200])
                      for v in page.evaluate(AXE)["violations"]
                      if v["impact"] in ("serious", "critical")]
    assert not found and not wrong


@a_browser
def test_dark_is_dark(served):
    """The reader's setting counts, and the switch changes it; the labs' pictures change, too."""
    paper = "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).slice(0, 3).map(Number)"
    seen = ("[...document.querySelectorAll('.labsim-card img')]"
            ".filter(i => i.offsetParent).map(i => i.getAttribute('src').match(/(\\w+).png/)[1])")
    with reader(served, color_scheme="dark") as (page, wrong):
        page.goto(served + "index.html")
        assert max(page.evaluate(paper)) < 60
        assert page.evaluate(seen) == ["dark"] * len(LABS)
        page.locator(".theme-switch-button:visible").first.click()
        page.locator("button.theme-change-button[data-mode=light]:visible").click()
        page.wait_for_function(f"Math.min(...{paper}) > 200")
        assert page.evaluate(seen) == ["light"] * len(LABS)
        assert not wrong


# -- it plays ------------------------------------------------------------------------------------


SHOWN = "document.querySelector('.labsim-stage').stage"
ROOM = {"index.html": 250_000, "chapters/": 800_000}     # bytes of a page, its recordings included


def test_pages_stay_small(made):
    """The player is one file for all pages; what a page holds of its own are recordings."""
    assert (made / "_static" / "labsim-stage.js").stat().st_size < 120_000
    for start, most in ROOM.items():
        for name in pages(made):
            if name.startswith(start):
                text = text_of(made, name)
                assert len(text) < most and "class Stage" not in text, (name, len(text))


@a_browser
@pytest.mark.parametrize("chapter", LABS, ids=lambda c: c.name)
def test_a_chapter_opens_with_its_stage_which_plays(chapter, made, served):
    """Below the title, at the second step; steps, scrubbing and playing ask for nothing."""
    lab = chapter.lab
    with reader(served) as (page, wrong):
        page.goto(served + f"chapters/{chapter.name}.html")
        stage = page.locator(".labsim-stage").first
        assert stage.bounding_box()["y"] < 300
        assert stage.locator("ol button").count() == len(lab.presets)
        heading = stage.locator("h2")
        assert heading.inner_text() == lab.presets[min(1, len(lab.presets) - 1)].name
        asked = []
        page.on("request", lambda request: asked.append(request.url))
        stage.get_by_role("button", name=f"1 {lab.presets[0].name}").click()
        assert heading.inner_text() == lab.presets[0].name
        assert stage.locator(".say").inner_text().split() == lab.presets[0].say.split()
        stage.get_by_label("Moment of the run").fill("500")
        page.wait_for_function(f"Math.abs({SHOWN}.player.t / {SHOWN}.run.duration - .5) < .01")
        stage.get_by_label("Play", exact=True).click()
        page.wait_for_function(f"{SHOWN}.player.t / {SHOWN}.run.duration > .52")
        assert not asked and not wrong
        words = page.locator("body").inner_text()
        assert "Run this cell" not in words and "Above it plays" in words


@a_browser
@pytest.mark.parametrize("look, width", [("light", 1280), ("dark", 375)])
def test_the_start_page_has_a_slider_that_changes_what_is_shown(look, width, served):
    """Without a kernel: numbers, curves and the sentence follow; the moment shown stays; by mouse
    and by keys; a screen reader hears the value."""
    with reader(served, color_scheme=look) as (page, wrong):
        page.set_viewport_size({"width": width, "height": 800})
        page.goto(served + "index.html")
        lever = page.get_by_role("slider", name="Spike factor")
        seen, moment = set(), page.evaluate(f"{SHOWN}.player.t")
        lever.focus()
        page.keyboard.press("Home")
        for _ in range(int(lever.get_attribute("max")) + 1):
            told = lever.get_attribute("aria-valuetext")
            assert page.locator("output[for=labsim-lever]").inner_text() == told
            stage = page.locator(".labsim-stage")
            assert stage.locator("h2").inner_text() == f"Spike factor: {told}"
            seen.add(stage.locator(".cards").inner_text())
            page.keyboard.press("ArrowRight")
        assert len(seen) > 5 and page.evaluate(f"{SHOWN}.player.t") == moment
        assert page.evaluate(f"{SHOWN}.root.classList.contains('dark')") == (look == "dark")
        assert not stage.locator("nav").is_visible()
        hrefs = [a.get_attribute("href") for a in page.locator(".labsim-card h3 a").all()]
        assert hrefs == [f"chapters/{chapter.name}.html" for chapter in LABS] and not wrong


@a_browser
def test_printed_it_is_black_on_white(served):
    """Also for who reads in the dark; the stage's still is on the sheet, its buttons are not."""
    with reader(served, color_scheme="dark") as (page, wrong):
        page.goto(served + f"chapters/{LABS[0].name}.html")
        page.emulate_media(media="print")
        page.evaluate("dispatchEvent(new Event('beforeprint'))")
        page.wait_for_function(f"!{SHOWN}.root.classList.contains('dark')")
        stage = page.locator(".labsim-stage")
        assert stage.locator("canvas").first.is_visible()
        assert not stage.get_by_label("Play", exact=True).is_visible()
        page.evaluate("dispatchEvent(new Event('afterprint'))")
        page.wait_for_function(f"{SHOWN}.root.classList.contains('dark')")
        assert not wrong


@a_browser
def test_without_scripts_it_says_the_same_in_words(served):
    """Title, headline numbers, each curve as a row of little bars; no slider that does nothing."""
    lab = LABS[0].lab
    with reader(served, java_script_enabled=False) as (page, _):
        page.goto(served + f"chapters/{LABS[0].name}.html")
        words = page.locator(".labsim-stage").first.inner_text()
        assert lab.title in words and "\u2588" in words
        assert all(lab.metric(name).label in words for name in lab.headline)
        page.goto(served + "index.html")
        assert not page.locator(".labsim-try input").is_visible()


# -- a course of one's own -------------------------------------------------------------------------


def write(folder, name, *cells, counted=True):
    """A notebook: texts are markdown, pairs (source, output) are code cells."""
    made = nbformat.v4.new_notebook(metadata={"kernelspec": {
        "name": "python3", "display_name": "Python 3", "language": "python"}})
    for i, cell in enumerate(cells):
        if isinstance(cell, str):
            made.cells.append(nbformat.v4.new_markdown_cell(cell, id=f"c{i}"))
        else:
            outputs = [nbformat.v4.new_output("stream", text=cell[1])] if cell[1] else []
            made.cells.append(nbformat.v4.new_code_cell(
                cell[0], id=f"c{i}", outputs=outputs, execution_count=i if counted else None))
    (folder / "src").mkdir(parents=True, exist_ok=True)
    (folder / "src" / f"{name}.py").write_text("# %% [markdown]\n# # made up\n")
    nbformat.write(made, folder / f"{name}.ipynb")
    return Chapter(folder / "src" / f"{name}.py")


@pytest.fixture
def bakery(monkeypatch):
    """A lab from elsewhere, with two exercises, one preset and no known answers."""
    from labsim import catalogue as registry
    base = labsim.lab("sqs-asg")
    lab = dataclasses.replace(
        base, slug="bakery", title="A <bakery> & its line", topics=("Ovens",), home=None,
        exercises=base.exercises[:2], presets=base.presets[:1], order=77)
    there = {**registry.labs(), "bakery": lab}
    monkeypatch.setattr(registry, "_found", lambda: there)
    return lab


def test_a_course_of_ones_own(bakery, tmp_path):
    """Own title, own lab, formulas without a script, a picture beside the notebook, a JupyterLite
    site beside the course's; what the notebook leaves out is added."""
    first = write(tmp_path / "nb", "01-welcome", "# Welcome\n\nLittle: $L = \\lambda W$, and\n\n"
                  "$$\\rho = \\frac{\\lambda}{c \\mu}$$\n\n![A loaf of bread](loaf.png)\n\n"
                  "See [the next](02-bakery.ipynb).", ("# a place to type", ""))
    second = write(tmp_path / "nb", "02-bakery", "# Bake\n\n*About twenty minutes.*",
                   ("lab.explore()", "Explorer of bakery"))
    (tmp_path / "nb" / "loaf.png").write_bytes(bakery.run().plot()._repr_png_())
    out = tmp_path / "build" / "site"
    (out.parent / "lite").mkdir(parents=True)
    (out.parent / "lite" / "index.html").write_text("the labs in the browser")
    told = []
    site.make(Course("Bread & <queues>", (first, second), tmp_path / "nb", out.parent,
                     committed=True), out, told.append)
    assert told
    start = text_of(out, "index.html")
    assert "Bread &amp; &lt;queues&gt;" in start and "A &lt;bakery&gt; &amp; its line" in start
    lab_page = Words.of(text_of(out, "labs/bakery.html"))
    assert "bakery: A <bakery> & its line" in lab_page
    assert re.search(r"<h1>Bread &amp; &lt;queues&gt;", start)
    assert "About twenty minutes" in start and "sqs-asg" not in {
        p.stem for p in (out / "labs").glob("*.html")}
    welcome, bake = (text_of(out, f"chapters/{c.name}.html") for c in (first, second))
    assert welcome.count("<math") == 2 and not re.search(r'src="[^"]*mathjax', welcome, re.I)
    assert 'alt="A loaf of bread"' in welcome and 'href="02-bakery.html"' in welcome
    assert "a place to type" not in welcome
    assert bake.count("<summary>Solution</summary>") == 2 and "How far can you trust" not in bake
    assert 'href="../../lite/lab/index.html?path=02-bakery.ipynb"' in bake
    assert 'href="../lite/lab/index.html"' in start and not list(out.rglob("*.py"))
    for name in pages(out):
        for _, address in Words.read(text_of(out, name)).addresses:
            if not re.match(r"https?://|.*lite/", address):
                target = urldefrag(urljoin(f"/{name}", address.split("?")[0]))[0]
                assert (out / (unquote(target).lstrip("/") or "index.html")).is_file(), address


def broken(kind, folder):
    """A course with one thing wrong, and what the message must name."""
    title = "# A title\n\nText."
    if kind == "unexecuted":
        return write(folder, "05-x", title, ("1 + 1", ""), counted=False), r"05-x.*cell 2.*executed"
    if kind == "reference":
        return (write(folder, "05-x", title, "See [this](nowhere.ipynb).", "A $\\nosuch{x}$."),
                r"(?s)05-x\.ipynb, cell 2: [^\n]*nowhere.*05-x\.ipynb[^\n]*nosuch")
    if kind == "heading":
        return write(folder, "05-x", "No heading."), r"05-x.*title"
    if kind == "stale":
        return (write(folder, "05-x", title, ("exercise('sqs-asg', 1)",
                                              "Exercise 1 (predict). How old is it?")),
                r"05-x.*cell 2.*exercise")
    if kind == "missing":
        chapter = write(folder, "05-x", title)
        (folder / "05-x.ipynb").unlink()
        return chapter, "05-x.ipynb is missing"
    chapter = write(folder, "05-x", title)
    (folder / "05-x.ipynb").write_text("{}" if kind == "empty" else "not JSON")
    return chapter, "05-x.ipynb"


@pytest.mark.parametrize("kind", ["unexecuted", "reference", "heading", "stale", "missing",
                                  "empty", "spoiled"])
def test_what_is_wrong_fails_loudly(kind, tmp_path):
    """The page, the cell and the reason are named; a site that was there is left alone."""
    chapter, message = broken(kind, tmp_path / "nb")
    out = tmp_path / "site"
    out.mkdir()
    (out / site.OURS).write_text("")
    with pytest.raises(BuildError, match=message) as caught:
        site.make(Course("x", (chapter,), tmp_path / "nb", out.parent, committed=True), out)
    assert str(tmp_path) not in str(caught.value)
    assert [p.name for p in out.iterdir()] == [site.OURS]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["nb", "site"]


def test_a_folder_that_is_no_site_is_never_replaced(tmp_path):
    """Nor a file; and what a site needs is named where it is missing."""
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "1.jpg").write_text("x")
    for name in ("photos", "photos/1.jpg"):
        with pytest.raises(BuildError, match="no course site"):
            site.make(COURSE, tmp_path / name)
    assert (tmp_path / "photos" / "1.jpg").read_text() == "x"


def test_without_sphinx_it_says_what_to_install(monkeypatch, tmp_path):
    """One line."""
    monkeypatch.setattr(site.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(BuildError, match=r'pip install "labsim\[build\]"'):
        site.make(COURSE, tmp_path / "site")


@pytest.mark.parametrize("line, shown", [
    ("counts (ticks, *keys) and (*keys)", r"counts (ticks, \*keys) and (\*keys)"),
    ("*emphasis* and **strong** and `a*b`", "*emphasis* and **strong** and `a*b`"),
    ("* an item of 2 * 3", r"* an item of 2 \* 3"), ("name_ and |x|", r"name\_ and \|x\|"),
    ("a_b stays", "a_b stays"), ("Lambda@Edge", r"Lambda\@Edge")])
def test_a_docstring_is_plain_text(line, shown):
    """Stars, bars and underscores mean themselves, unless they are an emphasis."""
    from labsim.course.sphinx_extension import plain
    assert plain(line) == shown
