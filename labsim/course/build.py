"""Notebooks from their sources: `notebooks/src/NN-slug.py` makes a learner's and a solution.

The sources are percent-format scripts. A code cell tagged `solution` holds both forms: what
stands between `# >>> solution` and `# <<< solution` is the instructor's, the lines that begin
with `# blank: ` are the learner's. A markdown cell tagged `solution` is the instructor's only.
In markdown, {{...}} is filled in:

  {{arrival_rate}}               a parameter's default, with its unit
  {{fact:asg.default_cooldown}}  a fact's value today, with its unit
  {{result:wait_p95}}            a metric of the default run, seed 1
  {{result:2:wait_p95}}          of preset 2
  {{preset:2}}, {{version}}      a preset's title, the version of labsim
"""

import os
import re
import tempfile
from collections.abc import Callable
from pathlib import Path

import labsim
from labsim import facts
from labsim.errors import LabsimError
from labsim.kit.registry import labs
from labsim.kit.text import figure

MOST_LINES = 15
METADATA = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"}}


class BuildError(LabsimError):
    """What is wrong, with the notebook and the cell."""


def build(only: list[str] | None = None, check: bool = False, folder: Path | None = None,
          tell: Callable[[str], None] = lambda text: None) -> None:
    """Make the notebooks in `folder` from folder/src; with `check` only compare them.

    only: numbers ("01") of the notebooks to make. Raises `BuildError` naming notebook and cell.
    """
    folder = folder or Path(labsim.__file__).parent.parent / "notebooks"
    sources = [s for s in sorted((folder / "src").glob("*.py"))
               if not only or s.name.split("-")[0] in only]
    if not sources:
        raise BuildError(f"{folder / 'src'} has no sources"
                         + (f" numbered {', '.join(only)}" if only else ""))
    for source in sources:
        for solution, place in ((False, folder), (True, folder / "solutions")):
            path = place / f"{source.stem}.ipynb"
            notebook = generate(source, solution)
            if check:
                compare(path, notebook)
                tell(f"{path.name}: as its source makes it")
            else:
                execute(notebook, path)
                tell(f"made {path.parent.name}/{path.name}")


def generate(source: Path, solution: bool):
    """The notebook of a source, not executed."""
    import jupytext

    slug = source.stem.split("-", 1)[1]
    lab = labs().get(slug)
    notebook = jupytext.read(source)
    cells = []
    for number, cell in enumerate(notebook.cells, 1):
        where = f"{source.name}, cell {number}"
        tagged = "solution" in cell.metadata.get("tags", ())
        if cell.cell_type == "markdown":
            if tagged and not solution:
                continue
            cell.source = filled(cell.source, lab, where)
        else:
            cell.source = form(cell.source, solution and tagged).strip()
            if cell.source.count("\n") >= MOST_LINES:
                raise BuildError(f"{where}: a code cell of more than {MOST_LINES} lines")
        cell.metadata = {}
        cell.id = f"{slug}-{number:02}"
        cells.append(cell)
    notebook.cells, notebook.metadata = cells, METADATA
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    return notebook


def form(source: str, solution: bool) -> str:
    """The instructor's or the learner's form of a code cell."""
    if solution:
        lines = [line for line in source.splitlines() if not line.startswith("# blank: ")]
        return "\n".join(line for line in lines if line not in ("# >>> solution",
                                                                "# <<< solution"))
    source = re.sub(r"^# >>> solution\n.*?^# <<< solution$", "", source, flags=re.S | re.M)
    return re.sub(r"^# blank: ", "", source, flags=re.M)


def filled(text: str, lab, where: str) -> str:
    """Markdown with its {{...}} filled in."""
    def fill(match) -> str:
        try:
            return _value(match[1].strip(), lab)
        except (LabsimError, ValueError, AttributeError, KeyError, IndexError) as error:
            raise BuildError(f"{where}: {match[0]}: {error}") from None
    return re.sub(r"\{\{(.*?)\}\}", fill, text)


def _value(name: str, lab) -> str:
    if name == "version":
        return labsim.__version__
    if name.startswith("fact:"):
        fact = facts.fact(name[5:])
        return f"{fact.today or fact.notes} {fact.unit}".strip()
    if lab is None:
        raise BuildError("this notebook is no lab's")
    if name.startswith("preset:"):
        return lab.scene(name[7:]).title
    if name.startswith("result:"):
        *preset, metric = name.split(":")[1:]
        params = lab.preset(preset[0]) if preset else lab.Params()
        return figure(lab.run(params).summary[lab.metric(metric).name], lab.metric(metric).unit)
    knobs = lab.Params.knobs()
    if name not in knobs:
        raise BuildError("no such parameter")
    default = knobs[name].default
    return figure(default, knobs[name].unit) if isinstance(default, (int, float)) else default


def execute(notebook, path: Path) -> None:
    """Run the notebook and write it with its outputs, in one step."""
    import nbformat
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError

    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as home:
        client = NotebookClient(notebook, timeout=120, kernel_name="python3",
                                resources={"metadata": {"path": str(path.parent)}},
                                store_widget_state=False)
        try:
            client.execute(env={**os.environ, "LABSIM_HOME": home})
        except CellExecutionError as error:
            raise BuildError(f"{path.name}: {error.ename}: {error.evalue}\n{error}") from None
    for cell in notebook.cells:
        cell.metadata = {}
        for output in cell.get("outputs", ()):
            output.get("data", {}).pop("application/vnd.jupyter.widget-view+json", None)
    notebook.metadata = METADATA
    draft = path.with_suffix(".tmp")
    draft.write_text(nbformat.writes(notebook) + "\n", encoding="utf-8")
    os.replace(draft, path)


def compare(path: Path, made) -> None:
    """Raise `BuildError` unless the notebook at `path` has the cells of `made`, all executed."""
    import nbformat

    if not path.is_file():
        raise BuildError(f"{path.name} is missing; labsim build makes it")
    there = nbformat.read(path, as_version=4)
    if len(there.cells) != len(made.cells):
        raise BuildError(f"{path.name} has {len(there.cells)} cells, its source makes "
                         f"{len(made.cells)}; run labsim build")
    for number, (old, new) in enumerate(zip(there.cells, made.cells), 1):
        if (old.cell_type, old.source) != (new.cell_type, new.source):
            raise BuildError(f"{path.name}, cell {number}: not what its source makes; "
                             "run labsim build")
        if old.cell_type == "code" and old.execution_count is None:
            raise BuildError(f"{path.name}, cell {number}: was never executed; run labsim build")
