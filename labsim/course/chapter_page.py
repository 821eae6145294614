"""A chapter's page, from its executed notebook.

Picture a workbook set as a book: it opens with its stage, which plays; the story, the code and the
figures stay, the blanks go, and in the place of each exercise stands the exercise with its hints
and solution folded. What a lab has
and its notebook leaves out (exercises, quiz, known answers) is added at the end.

A cell's output is recognised by what it shows: an exercise by its text, a blank by what `check`
says to it, the explorer by its name. So a notebook may write its calls in any way.
"""

import base64
import re
from html import escape
from pathlib import Path

from labsim.course import collapsible, markup, played
from labsim.course.exercises import Question
from labsim.course.lab_quiz import Quiz
from labsim.course.notebooks import BuildError
from labsim.declare.exercises import BLANK
from labsim.factbook import FactTable
from labsim.study.known_answers import TrustTable

NUMBER = "labsim_cell"      # in a page's cell: the number of the notebook's cell it comes from


class Asked:
    """Every exercise and quiz of some labs, to be found by its text."""

    def __init__(self, labs, trust=None):
        labs = tuple(labs)
        self.labs = {lab.slug: lab for lab in labs}
        self.trust = {repr(table): html for table, html in (trust or {}).values()
                      if table}
        self.exercises = {repr(question): question for lab in labs
                          for number in range(1, len(lab.exercises) + 1)
                          for question in [Question(lab.slug, number)]}
        self.quizzes = {repr(quiz): quiz for lab in labs for quiz in [Quiz(lab.slug)]
                        if quiz.questions}

    def html(self, text: str, where: str) -> str | None:
        """The collapsible form of the exercise or quiz that shows `text`; None for another text."""
        if text in self.exercises:
            return collapsible.exercise(self.exercises[text])
        if text in self.quizzes:
            return collapsible.quiz(self.quizzes[text])
        if re.match(r"Exercise \d+ \(\w+\)\. ", text):
            raise BuildError(f"{where}: no lab asks this exercise (any more); run labsim build")
        return None


class ChapterPage:
    """The page of `chapter`: `notebook` is what Sphinx gets."""

    def __init__(self, course, chapter, asked: Asked, lite: str = ""):
        self.chapter, self.path = chapter, course.learner(chapter)
        self.lab, self.asked, self.lite = chapter.lab, asked, lite
        self.chapters = {f"{chapter.name}.ipynb" for chapter in course.chapters}
        self.heading, self.number, self.seen = "", 0, set()
        self.files: set[Path] = set()       # pictures and the like that the text refers to
        self.notebook = self._read()
        cells, self.notebook.cells = self.notebook.cells, []
        for self.number, cell in enumerate(cells, 1):
            (self._told if cell.cell_type != "code" else self._code)(cell)
        self._first = next((cell.source for cell in self.notebook.cells
                            if cell.cell_type == "markdown"), "")

    @property
    def title(self) -> str:
        """The heading that its first cell of text begins with."""
        found = re.search(r"^# +(.+)$", self._first, re.M)
        if not found:
            raise BuildError(f"{self.path.name}: its first cell of text has no title (# ...)")
        return found[1].strip()

    @property
    def minutes(self) -> str:
        """How long it takes, in words ("forty-five minutes"), if its first cell says so."""
        found = re.search(r"\babout\s+([\w-]+\s+(?:minutes?|hours?))\b", self._first, re.I)
        return " ".join(found[1].split()) if found else ""

    def _read(self):
        import nbformat

        try:
            return nbformat.read(self.path, as_version=4)
        except FileNotFoundError:
            raise BuildError(f"{self.path.name} is missing; labsim build makes it") from None
        except Exception as error:      # nbformat says in many ways that it is no notebook
            raise BuildError(f"{self.path.name}: {str(error).splitlines()[0]}") from None

    @property
    def where(self) -> str:
        """The cell at hand, for a message."""
        return f"{self.path.name}, cell {self.number}"

    # -- cells ---------------------------------------------------------------------------------

    def _told(self, cell) -> None:
        for line in cell.source.splitlines():
            if heading := re.match(r"#+\s+(.*)", line):
                self.heading = heading[1].strip()
        cell.source = re.sub(r"\[([^]]*)\]\(([\w.-]+\.ipynb)\)", self._linked, cell.source)
        for name in re.findall(r"\]\(([^)\s#:]+)", cell.source):
            file = self.path.parent / name
            if file.is_file() and file.suffix != ".ipynb":
                self.files.add(file)
        self._add(cell)

    def _linked(self, link) -> str:
        """A link to a notebook; only its words where that one is there, but not in this course."""
        away = link[2] not in self.chapters and (self.path.parent / link[2]).is_file()
        return link[1] if away else link[0]

    def _code(self, cell) -> None:
        if not cell.source.strip():
            return
        if cell.execution_count is None:
            raise BuildError(f"{self.where}: was never executed; run labsim build")
        if all(line.lstrip().startswith("#") or not line.strip()
               for line in cell.source.splitlines()):
            return                          # a place to type: a page has none
        texts = [_plain(output) for output in cell.outputs]
        for output in cell.outputs:
            if output.output_type == "error":
                raise BuildError(f"{self.where}: {output.ename}: {output.evalue}")
        if texts and all(text.strip() == BLANK for text in texts):
            return                          # a blank exercise
        for text in texts:
            if html := self.asked.html(text, self.where):
                self.seen.add(text)
                self.add_html(html)
                return
        self._shown(cell, texts)

    def _shown(self, cell, texts) -> None:
        """A code cell; every picture after the first in a cell of its own, for its own words."""
        import nbformat

        groups, explored = [[]], self._explored(texts)
        for output in cell.outputs:
            output = self._output(output)
            if explored and explored[0] == _plain(output):
                continue
            if groups[-1] and _png(output) and any(map(_png, groups[-1])):
                groups.append([])
            groups[-1].append(output)
        for i, outputs in enumerate(groups):
            made = cell if i == 0 else nbformat.v4.new_code_cell(
                id=f"{cell.id}-{i}"[:64], execution_count=cell.execution_count)
            made.outputs, made.metadata = outputs, {"tags": ["remove-input"]} if i else {}
            if picture := next(filter(_png, outputs), None):
                made.metadata["mystnb"] = {"image": {"alt": self._words(picture),
                                                     "classes": "labsim-figure"}}
            self._add(made)
        if explored:
            self.add_html(self._live(explored[1]))
        for text in texts:
            if _is_table(text, TrustTable.columns):
                self.seen.add("trust")
            if self.lab and _is_table(text, FactTable.columns):
                self.add_text("Each with its source: " + ", ".join(
                    f"[{markup.plain(name)}](../facts/{markup.name_of_file(name)}.md)"
                    for name in topics_of(self.lab)) + ".")

    def _output(self, output):
        html = output.get("data", {}).get("text/html")
        if html and 'class="labsim-stage"' in html:
            output.data["text/html"] = html = played.output(html, "../")
        if html and (ours := self.asked.trust.get(_plain(output))):
            output.data["text/html"] = ours     # with its sources as links
        elif html and "<table" in html:
            label = f"Table: {self.heading or self.path.stem}"
            output.data["text/html"] = re.sub(
                r"<table.*?</table>", lambda found: markup.scrolling(found[0], label), html,
                flags=re.S)
        return output

    def _words(self, output) -> str:
        """What a picture shows."""
        from labsim.view.alt import description

        told = description(base64.b64decode(output.data["image/png"]))
        return told or f"Figure: {self.heading or self.path.stem}"

    def _explored(self, texts) -> re.Match | None:
        """The explorer among a cell's outputs, by its name."""
        found = (re.fullmatch(r"Explorer of ([\w-]+)", text) for text in texts)
        return next((match for match in found if match and match[1] in self.asked.labs), None)

    def _live(self, slug: str) -> str:
        """What stands for an explorer: the stage, if it is not the one that the page opens with,
        and where its knobs turn."""
        here = (f' <a class="reference external" href="{escape(self.lite)}">Try it in the '
                "browser.</a>" if self.lite else "")
        above = self.lab is not None and self.lab.slug == slug
        shown = "" if above else played.stage(self.asked.labs[slug], "../")
        plays = ('<a href="#labsim-opening">Above</a> it plays' if above else "Here it plays")
        return (f'{shown}<p class="labsim-note">{plays}; in Jupyter its knobs turn, too: '
                f"<code>labsim open {escape(slug)}</code>.{here}</p>")

    # -- what is added ---------------------------------------------------------------------------

    def _add(self, cell) -> None:
        cell.metadata = {**cell.metadata, NUMBER: self.number}
        self.notebook.cells.append(cell)

    def add_text(self, text: str) -> None:
        """Append a piece of MyST."""
        import nbformat

        self._add(nbformat.v4.new_markdown_cell(
            text, id=f"page-{len(self.notebook.cells):03}"))

    def add_html(self, html: str) -> None:
        """Append a piece of HTML."""
        self.add_text(markup.raw(html))

    def open(self) -> None:
        """Set the lab's stage below the title."""
        cell = next(cell for cell in self.notebook.cells if cell.cell_type == "markdown")
        stage = f'<div id="labsim-opening">{played.stage(self.lab, "../")}</div>'
        cell.source = re.sub(r"^# .+$", lambda found: f"{found[0]}\n\n{markup.raw(stage)}",
                             cell.source, count=1, flags=re.M)

    def complete(self, trust: str) -> None:
        """Add what the lab has and the notebook leaves out; `trust` is its table as HTML."""
        missing = [question for text, question in self.asked.exercises.items()
                   if question.lab is self.lab and text not in self.seen]
        if missing:
            self.add_text("## Exercises" if len(missing) == len(self.lab.exercises)
                          else "## More exercises")
        for question in missing:
            self.add_html(collapsible.exercise(question))
        for text, quiz in self.asked.quizzes.items():
            if quiz.lab is self.lab and text not in self.seen:
                self.add_text("## Quiz")
                self.add_html(collapsible.quiz(quiz))
        if trust and "trust" not in self.seen:
            self.add_text("## How far can you trust this lab?\n\nNumbers in, numbers out, and "
                          "where they come from:")
            self.add_html(trust)


def topics_of(lab) -> list[str]:
    """The topics of the facts that a lab shows or whose parameters it has."""
    ids = [*lab.facts, *(spec.fact for spec in lab.Params.specs().values() if spec.fact)]
    return list(dict.fromkeys(lab.Params.book().fact(id).service for id in ids))


def _png(output) -> bool:
    return "image/png" in output.get("data", {})


def _plain(output) -> str:
    """What an output shows as text."""
    return output.get("text", "") or output.get("data", {}).get("text/plain", "")


def _is_table(text: str, columns) -> bool:
    """Whether a text is a table with these columns."""
    return any(all(column in line for column in columns) for line in text.splitlines())
