"""The course as a site: pages to read without a kernel and without a network.

Picture a printer's workshop. The pages are set from what is declared and executed (chapters from
the learner's notebooks, the appendix from facts, labs and docstrings), laid in order into a case,
and bound by Sphinx in a process of its own; then what a binder leaves lying about is swept away.
"""

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from labsim.course import markup, played, reference, start_page
from labsim.course.chapter_page import NUMBER, Asked, ChapterPage, topics_of
from labsim.course.course_model import Course
from labsim.course.in_effect import labs
from labsim.course.notebooks import BuildError
from labsim.version import __version__

PACKAGE = Path(__file__).parents[2]
BOOK = Path(__file__).parent / "book"       # settings, style sheet, templates
NEEDED = {"sphinx": "Sphinx", "myst_nb": "MyST-NB", "sphinx_book_theme": "sphinx-book-theme"}
OURS = "course-site"    # a file in a site that says that it may be replaced
LEFT = (".buildinfo", "_sources", "_static/locales", "_static/images",    # never read
        "_static/*webpack-macros.html")
PROCESSES = 2


def make(course: Course, out: Path, tell: Callable[[str], None] = lambda text: None) -> None:
    """Make the site of `course` in the folder `out`; a site that is there is replaced.

    A JupyterLite site in the course's folder `lite` is linked to. Raises `BuildError` naming
    page, cell and reason.
    """
    for module, name in NEEDED.items():
        if importlib.util.find_spec(module) is None:
            raise BuildError(f'the site needs {name}: pip install "labsim[build]"')
    out = Path(out).resolve()
    if out.exists() and not (out.is_dir() and ((out / OURS).is_file() or not any(out.iterdir()))):
        raise BuildError(f"{out} is no course site; a folder that is empty or new is needed")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".site-", dir=out.parent) as folder:
            sources, made = Path(folder, "src"), Path(folder, "made", "html")
            numbers = _write(course, sources, (course.out / "lite" / "index.html").is_file())
            tell(f"site: {len(numbers) + len(list(sources.rglob('*.md')))} pages")
            _bind(sources, made, numbers)
            _sweep(made)
            if out.exists():
                os.replace(out, Path(folder, "old"))
            os.replace(made, out)
    except OSError as error:
        raise BuildError(f"{error.filename or out}: {error.strerror or error}") from None
    tell(f"made {out.name}/index.html")


# -- sources -------------------------------------------------------------------------------------


class Sources:
    """The folder that Sphinx reads."""

    def __init__(self, folder: Path):
        self.folder = folder
        shutil.copytree(BOOK, folder, ignore=shutil.ignore_patterns("__pycache__"))
        (folder / "_static" / "pictures").mkdir()

    def write(self, name: str, text: str) -> None:
        """Write a page, or another file."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")

    def section(self, name: str, title: str, text: str, pages: dict[str, str]) -> None:
        """Write a section: its pages, and one that lists them."""
        for page, content in pages.items():
            self.write(f"{name}/{page}.md", content)
        self.write(f"{name}/index.md", "\n".join(
            [f"# {title}", "", text, "", *markup.toctree("", pages, hidden=False)]))


def _write(course: Course, folder: Path, lite: bool) -> dict[str, list[int]]:
    """Write all sources; returns for each notebook's page the numbers of its cells' origins."""
    sources = Sources(folder)
    sources.write("course.json", json.dumps({"title": course.title,
                                             "version": __version__}))
    sources.write("_static/colours.css", colours())
    sources.write(f"_static/{played.SCRIPT}", played.script_file())
    own = [chapter.lab for chapter in course.chapters if chapter.lab]
    trust = {lab.slug: trusted(lab) for lab in own}
    beside = {slug: start_page.measured_picture(slug, table.measured,
                                                folder / "_static" / "pictures")
              for slug, (table, _) in trust.items()}
    asked = Asked(labs().values(), trust)
    pages = [ChapterPage(course, chapter, asked, f"../../lite/lab/index.html?path="
                         f"{chapter.name}.ipynb" if lite else "") for chapter in course.chapters]
    shown = {page.lab.slug: page.lab for page in pages if page.lab}
    alts = {slug: start_page.lab_pictures(lab, folder / "_static" / "pictures")
            for slug, lab in shown.items()}
    uses = {slug: reference.modules_of(lab) for slug, lab in shown.items()}
    for page in pages:
        if page.lab:
            page.open()
            page.complete(trust[page.lab.slug][1])
        page.add_text(_further(page, uses))
        _write_chapter(sources, page)
    sources.section("labs", "Labs", "What each lab declares: presets, parameters, metrics, laws "
                    "that always hold, known answers.", {
        slug: reference.lab_page(lab, beside[slug] + trust[slug][1],
                                 start_page.picture(slug, alts[slug], "../"))
        + _see(page for page in pages if page.lab is lab) for slug, lab in shown.items()})
    sources.write("measured/index.md", reference.measured_page(
        {lab: trust[slug][0].measured for slug, lab in shown.items()}))
    sources.section("facts", "Facts", "Every limit, default, delay and price that a model uses.", {
        markup.name_of_file(topic): reference.facts_page(topic, rows)
        for topic, rows in reference.topics().items()})
    for part, (title, text) in reference.PARTS.items():
        sources.section(part, title, text, {
            reference.page_of(name).split("/")[1]: reference.module_page(name, docstring, [
                f"* [{markup.plain(lab.title)}](../labs/{slug}.md)" for slug, lab in shown.items()
                if name in uses[slug]])
            for name, docstring in reference.modules(part).items()})
    sources.write("index.md", start_page.start_page(course, pages, alts,
                                                    "../lite/lab/index.html" if lite else ""))
    return {page.chapter.name: [cell.metadata[NUMBER] for cell in page.notebook.cells]
            for page in pages}


def _write_chapter(sources: Sources, page: ChapterPage) -> None:
    import nbformat

    name = f"{page.chapter.name}.ipynb"
    sources.write(f"chapters/{name}", nbformat.writes(page.notebook))
    sources.write(f"downloads/{name}", page.path.read_text(encoding="utf-8"))
    for file in page.files:
        target = sources.folder / "chapters" / os.path.relpath(file, page.path.parent)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, target)


def _further(page: ChapterPage, uses: dict[str, list[str]]) -> str:
    """The end of a chapter: where its things are looked up."""
    lines = ["## Look it up", "",
             f"* {{download}}`This notebook <../downloads/{page.chapter.name}.ipynb>`"]
    if page.lab:
        docstrings = reference.all_modules()
        lines += [f"* [Everything that the lab declares](../labs/{page.lab.slug}.md)",
                  *(f"* [Facts about {markup.plain(name)}](../facts/{markup.name_of_file(name)}.md)"
                    for name in topics_of(page.lab)),
                  *(f"* The model: [{markup.plain(reference.title_of(name, docstrings[name]))}]"
                    f"(../{reference.page_of(name)}.md)" for name in uses[page.lab.slug])]
    return "\n".join(lines)


def _see(pages) -> str:
    return "\n".join(["## In the course", "", *(
        f"* [{page.title}](../chapters/{page.chapter.name}.ipynb)" for page in pages), ""])


def trusted(lab) -> tuple:
    """How far a lab can be trusted, and as HTML; both empty for a lab without known answers."""
    from labsim.study.known_answers import HEADING, TrustTable, answers_file
    if not answers_file(lab).is_file():
        return TrustTable(), ""
    checks = lab.trust()
    beside = checks.measured
    return checks, "".join([
        markup.paragraph(checks.told()), beside.off_html(),
        _evidence(beside, f"Measured on AWS: {lab.title}") if beside else "",
        markup.folded(HEADING, _evidence(checks, f"Known answers of {lab.title}"))])


def _evidence(table, label: str) -> str:
    """A table whose last column is the source, with its addresses as links."""
    rows = ([*map(markup.escape, row[:-1]), markup.linked(row[-1])] for row in table.rows())
    return markup.table([name or "Verdict" for name in table.columns], rows, label)


def colours() -> str:
    """The colours of labsim's figures as variables of a style sheet, light and dark."""
    from labsim.view.style import Style
    rules = []
    for look, style in (("light", Style()), ("dark", Style(dark=True))):
        named = {"ink": style.ink, "faint": style.faint, "grid": style.grid, "paper": style.paper,
                 **{f"line-{i}": colour for i, colour in enumerate(style.lines, 1)}}
        values = "".join(f"  --labsim-{name}: {colour};\n" for name, colour in named.items())
        rules.append(f'html[data-theme="{look}"] {{\n{values}}}\n')
    return "\n".join(rules)


# -- binding -------------------------------------------------------------------------------------


def _bind(sources: Path, made: Path, numbers: dict[str, list[int]]) -> None:
    """Run Sphinx in a process of its own; every warning of it is an error."""
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", "-b", "html", "-j", str(PROCESSES), "-q", "-W",
         "--keep-going", "-d", str(sources.parent / "doctrees"), str(sources), str(made)],
        capture_output=True, text=True, cwd=sources, env={
            **os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
            "PYTHONHASHSEED": "0", "SOURCE_DATE_EPOCH": "0", "NO_COLOR": "1",
            "PYTHONDONTWRITEBYTECODE": "1", "LC_ALL": "C.UTF-8"})
    if done.returncode:
        raise BuildError(told(done.stderr, sources, numbers))


def told(errors: str, sources: Path, numbers: dict[str, list[int]]) -> str:
    """What Sphinx complains of: page, cell and reason, one line each."""
    found = []
    for line in errors.splitlines():
        match = re.match(r"(.*?)(?::(\d+))?: (?:WARNING|ERROR|CRITICAL): (.*)", line)
        if not match:
            continue
        place = match[1].replace(f"{sources}{os.sep}", "").replace(f"{PACKAGE}{os.sep}", "")
        place = place.removeprefix("chapters/")
        name = place.removesuffix(".ipynb")
        if name in numbers and match[2]:
            cell = int(match[2]) // 10_000      # how MyST-NB counts lines: cell by cell
            if 1 <= cell <= len(numbers[name]):
                place += f", cell {numbers[name][cell - 1]}"
        found.append(f"{place}: {match[3]}")
    lines = errors.strip().splitlines() or ["Sphinx failed"]
    return "\n".join(dict.fromkeys(found)) or lines[-1]


def _sweep(made: Path) -> None:
    """Take away what the binder leaves, and say whose folder this is."""
    for path in [path for name in LEFT for path in made.glob(name)]:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
    (made / OURS).write_text("Made by labsim; the next build replaces this folder.\n")
