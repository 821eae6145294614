"""Notebooks from their sources: notebook.py in a lab's folder makes a learner's and a solution.

Picture a play's script with stage directions for two casts: what only the one says is marked, and
the other never sees it.

The sources are percent-format scripts. A code cell tagged `solution` holds both forms: what
stands between `# >>> solution` and `# <<< solution` is the instructor's, the lines that begin
with `# blank: ` are for those who type their answers. A learner answers where he is asked, in the
widget that `exercise(...)` or `quiz(...)` shows; so a cell to type the answer of a question shown
above is left out, except for nbgrader. A markdown cell tagged `solution` is the instructor's only.
The course's title for a chapter, if it has one, takes the place of the first heading; a chapter of
a course of one's own puts its course.toml into effect, in a cell after the first.
In markdown, {{...}} is filled in:

  {{arrival_rate}}               a parameter's default, with its unit
  {{fact:asg.default_cooldown}}  a fact's value today, with its unit
  {{notes:asg.default_cooldown}} as the course notes have it
  {{result:wait_p95}}            a metric of the default run, seed 1
  {{result:2:wait_p95}}          of preset 2
  {{preset:2}}, {{version}}      a preset's name and step, the version of labsim
  {{run}}                        how to run a notebook, in one line
  {{labs}}                       the built-in labs, each a link to its notebook
"""

import ast
import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path

from labsim.course import in_effect
from labsim.course.course_model import Chapter, built_in
from labsim.course.coursefile import NAME
from labsim.errors import LabsimError
from labsim.text import CLOSE, format_value, in_full, without
from labsim.version import __version__

MOST_LINES = 15
TIMES = "ms|s|min|h|days?|seconds?|minutes?|hours?"
BEGIN, END, BLANK = "# >>> solution", "# <<< solution", "# blank: "
RUN = ("In Jupyter: **Run > Run All Cells**, then turn a knob (in Colab *Runtime > Run all*, in VS "
       "Code *Run All*).")
COURSE = re.compile(r"^from labsim\.course import (.+)$", re.M)
IN_EFFECT = f'import labsim\n\nlabsim.use_course("{NAME}")'
METADATA = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"}}


class BuildError(LabsimError):
    """What is wrong, with the notebook and the cell."""


def generate(chapter: Chapter | Path, solution: bool, typed: bool = False):
    """The notebook of a chapter (or of a source), not executed; `typed`: with cells to type the
    answers that can be given in a widget, too."""
    import jupytext
    import nbformat

    chapter = chapter if isinstance(chapter, Chapter) else Chapter(chapter)
    try:
        notebook = jupytext.reads(chapter.text, fmt="py:percent")
    except (OSError, ValueError) as error:
        raise BuildError(f"{chapter.origin}: cannot be read: {error}") from None
    cells, shown = [], set()
    for number, cell in enumerate(notebook.cells, 1):
        where = f"{chapter.origin}, cell {number}"
        tagged = "solution" in cell.metadata.get("tags", ())
        if cell.cell_type == "markdown":
            if tagged and not solution:
                continue
            cell.source = filled(cell.source, chapter.lab, where)
            if chapter.own_title and not cells:
                cell.source = re.sub(r"^# .*$", lambda _: f"# {chapter.own_title}", cell.source,
                                     count=1, flags=re.M)
        else:
            _check_marks(cell.source, tagged, where)
            shown |= {*calls(cell.source, "exercise"), *calls(cell.source, "quiz")}
            if tagged and not solution and not typed and to_type(cell.source, shown):
                continue
            cell.source = form(cell.source, solution and tagged).strip()
            if cell.source.count("\n") >= MOST_LINES:
                raise BuildError(f"{where}: a code cell of more than {MOST_LINES} lines")
        cell.metadata = {}
        cell.id = f"{chapter.slug[:50]}-{number:02}"
        cells.append(cell)
    if not cells:
        raise BuildError(f"{chapter.origin}: has no cells")
    _import_what_is_called(cells)
    if chapter.own:
        cell = nbformat.v4.new_code_cell(IN_EFFECT, id=f"{chapter.slug[:50]}-course")
        cells.insert(cells[0].cell_type == "markdown", cell)
    notebook.cells, notebook.metadata = cells, METADATA
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    return notebook


def _import_what_is_called(cells: list) -> None:
    """Of labsim.course: who answers in widgets types no `check`."""
    code = [cell for cell in cells if cell.cell_type == "code"]

    def called(found) -> str:
        names = [name for name in found[1].split(", ")
                 if any(f"{name}(" in cell.source for cell in code)]
        return f"from labsim.course import {', '.join(names)}" if names else found[0]
    for cell in code:
        cell.source = COURSE.sub(called, cell.source)


def _check_marks(source: str, tagged: bool, where: str) -> None:
    """A cell with a solution is tagged and says where it begins and ends: or it would be shown."""
    lines = source.splitlines()
    marks = [line for line in lines if line in (BEGIN, END)]
    if tagged and (not marks or marks != [BEGIN, END] * (len(marks) // 2)):
        raise BuildError(f"{where}: tagged `solution`, but `{BEGIN}` and `{END}` don't enclose one")
    if not tagged and (marks or any(line.startswith(BLANK) for line in lines)):
        raise BuildError(f"{where}: has marks of a solution but is not tagged `solution`")


def to_type(source: str, shown: set) -> bool:
    """Whether a cell is there only to type the answer to a question that was `shown`."""
    blank = form(source, solution=False).strip()
    if all(line.startswith("#") for line in blank.splitlines()):
        typed = {*calls(form(source, solution=True), "quiz")}
    else:
        typed = {*calls(blank, "check")}
    return bool(typed) and typed <= shown


def calls(source: str, function: str) -> Iterator[tuple]:
    """(slug, number) of each call such as check("s3-prefix", 3, answer) in a cell; (slug,) of
    quiz("s3-prefix")."""
    try:
        tree = ast.parse(source)
    except SyntaxError:     # a magic: no call of labsim's stands in it
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == function:
            slug, number, *_ = [getattr(arg, "value", None) for arg in node.args] + [None, None]
            if isinstance(slug, str):
                yield (slug, number) if isinstance(number, int) else (slug,)


def form(source: str, solution: bool) -> str:
    """The instructor's or the learner's form of a code cell."""
    if solution:
        lines = [line for line in source.splitlines() if not line.startswith(BLANK)]
        return "\n".join(line for line in lines if line not in (BEGIN, END))
    source = re.sub(rf"^{BEGIN}\n.*?^{END}$", "", source, flags=re.S | re.M)
    return re.sub(f"^{BLANK}", "", source, flags=re.M)


def filled(text: str, lab, where: str) -> str:
    """Markdown with its {{...}} filled in."""
    def fill(match) -> str:
        try:
            value = _value(match[1].strip(), lab)
        except (LabsimError, ValueError, AttributeError, KeyError, IndexError) as error:
            raise BuildError(f"{where}: {match[0]}: {error}") from None
        last = value.rpartition(" ")[2]
        own = TIMES if re.fullmatch(TIMES, last) else re.escape(last[-1:] if last[-1:] in CLOSE
                                                                else last)
        if last and (said := re.match(rf"\s*({own})(?!\w)", text[match.end():])):
            raise BuildError(f"{where}: {match[0]} {said[1]}: {value!r} has its unit already")
        return value
    text = re.sub(r"\{\{(.*?)\}\}", fill, text)
    if mark := re.search(r".*(\{\{|\}\}).*", text):
        raise BuildError(f"{where}: {mark[1]} is not filled in: {mark[0].strip()}")
    return text


def _value(name: str, lab) -> str:
    if name == "version":
        return __version__
    if name == "run":
        return RUN
    if name == "labs":
        return "\n".join(f"* [{chapter.title}]({chapter.name}.ipynb): {chapter.lab.summary}"
                         for chapter in built_in().chapters if chapter.lab and not chapter.added)
    if name.startswith(("fact:", "notes:")):
        side, id = name.split(":", 1)
        fact = in_effect.book().fact(id)
        sides = ("notes", "today") if side == "notes" else ("today", "notes")
        return fact.told(next((side for side in sides if getattr(fact, side)), "today"))
    if lab is None:
        raise BuildError("this notebook is no lab's")
    if name.startswith("preset:"):
        scene = lab.scene(name[7:])
        number = scene.title.removesuffix(scene.name).strip()
        return f"*{scene.name}*" + (f" (step {number})" if number else "")
    if name.startswith("result:"):
        *preset, metric = name.split(":")[1:]
        metric, params = lab.metric(metric), lab.preset(preset[0]) if preset else lab.Params()
        return format_value(lab.run(params).summary[metric.name], without(metric.unit))
    specs = lab.Params.specs()
    if name not in specs:
        raise BuildError("no such parameter")
    default, unit = specs[name].default, without(specs[name].unit)
    return in_full(default, unit) if isinstance(default, (int, float)) else default


def finish(notebook) -> str:
    """The text of an executed notebook, without what differs from run to run, and sealed."""
    import nbformat

    for cell in notebook.cells:
        cell.metadata = {}
        for output in cell.get("outputs", ()):
            output.get("data", {}).pop("application/vnd.jupyter.widget-view+json", None)
    notebook.metadata = METADATA
    notebook = nbformat.reads(nbformat.writes(notebook), as_version=4)
    notebook.metadata = {**METADATA, "labsim": {"seal": seal(notebook)}}
    return nbformat.writes(notebook) + "\n"


def seal(notebook) -> str:
    """A digest of the cells and their outputs: whether they are as the build has written them."""
    cells = [(cell.cell_type, cell.source, cell.get("execution_count"), cell.get("outputs"))
             for cell in notebook.cells]
    return hashlib.sha256(json.dumps(cells, sort_keys=True).encode()).hexdigest()


def compare(path: Path, made) -> None:
    """Raise `BuildError` unless the notebook at `path` has the cells of `made`, all executed,
    with the outputs that the build wrote."""
    import nbformat

    if not path.is_file():
        raise BuildError(f"{path.name} is missing; labsim build makes it")
    try:
        there = nbformat.read(path, as_version=4)
    except Exception as error:      # whatever nbformat says of a file that is no notebook
        raise BuildError(f"{path.name} is no notebook: {type(error).__name__}; "
                         "run labsim build") from None
    if len(there.cells) != len(made.cells):
        raise BuildError(f"{path.name} has {len(there.cells)} cells, its source makes "
                         f"{len(made.cells)}; run labsim build")
    for number, (old, new) in enumerate(zip(there.cells, made.cells), 1):
        if (old.cell_type, old.source) != (new.cell_type, new.source):
            raise BuildError(f"{path.name}, cell {number}: not what its source makes; "
                             "run labsim build")
        if old.cell_type == "code" and old.execution_count is None:
            raise BuildError(f"{path.name}, cell {number}: was never executed; run labsim build")
    if there.metadata.get("labsim", {}).get("seal") != seal(there):
        raise BuildError(f"{path.name}: its outputs are not those that labsim build wrote; "
                         "run labsim build")
