"""The learner's and the instructor's notebooks: generated, executed, held to strict nbval.

Picture a dress rehearsal: every piece is played once from beginning to end, then played again,
and only if both evenings are alike does it go on the programme.

Notebooks run side by side, one per core. What has passed is put in its place in one step, also
where another fails; at the end one `BuildError` names every notebook and cell that is wrong.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from labsim.course import kernels
from labsim.course.course_model import PACKAGE, Chapter, Course
from labsim.course.notebooks import BuildError, finish, generate
from labsim.errors import short

CELL_TIMEOUT = 120      # s


@dataclass(frozen=True)
class Edition:
    """A notebook to make: a chapter in one form."""

    chapter: Chapter
    form: str

    @property
    def name(self) -> str:
        """Such as "learner/01-sqs-asg.ipynb": its place in the drafts, and what it is called."""
        return f"{self.form}/{self.chapter.name}.ipynb"


def make(course: Course, editions: list[Edition], drafts: Path, done: Callable[[Edition], None],
         progress: Callable[[], None]) -> None:
    """Make these notebooks by way of `drafts`, an empty folder; `done` is told of each that is
    in its place, `progress` of each step: an execution, and a comparison."""
    failed: dict[Edition, str] = {}
    for form in dict.fromkeys(edition.form for edition in editions):
        _lay_out(course, drafts / form)
    run = {}
    for edition in editions:
        try:
            run[edition] = generate(edition.chapter, edition.form == "instructor")
        except BuildError as error:
            failed[edition] = str(error)
    with ThreadPoolExecutor(cores()) as pool:
        folder = kernels.rooms()
        jobs = {pool.submit(execute, notebook, edition.name, drafts / edition.name, folder): edition
                for edition, notebook in run.items()}
        try:
            for job in as_completed(jobs):
                try:
                    job.result()
                except BuildError as error:
                    failed[jobs[job]] = str(error)
                progress()
        except BaseException:       # such as Ctrl-C: what has not begun is not begun
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    again = [edition for edition, notebook in run.items() if edition not in failed
             and any(cell.cell_type == "code" for cell in notebook.cells)]
    failed |= strict(again, drafts) if again else {}
    for edition in editions:
        progress()
        if edition not in failed:
            put(drafts / edition.name, course.place(edition.chapter, edition.form))
            done(edition)
    if failed:
        raise BuildError("\n".join(dict.fromkeys(failed.values())))


def cores() -> int:
    """How many notebooks run side by side."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, min(count or 1, 8))


def _lay_out(course: Course, folder: Path) -> None:
    """What stands beside the notebooks, and is there when they are executed."""
    folder.mkdir(parents=True)
    for name, source in course.beside.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, folder / name)


def put(draft: Path, path: Path) -> None:
    """Put a file in its place, in one step."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(path.name + ".tmp")
    shutil.copyfile(draft, beside)
    os.replace(beside, path)


def execute(notebook, name: str, path: Path, folder: Path) -> None:
    """Run a notebook in the folder of `path` and write it there with its outputs.

    name: what it is called in a `BuildError`. folder: for its kernel's sockets and home.
    """
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

    at = [0]
    client = NotebookClient(
        notebook, km=kernels.manager(folder), timeout=CELL_TIMEOUT, store_widget_state=False,
        coalesce_streams=True, resources={"metadata": {"path": str(path.parent)}},
        on_cell_start=lambda cell, cell_index: at.__setitem__(0, cell_index))
    client.owns_km = True       # it ends the kernel
    home = folder / f"home-{path.parent.name}-{path.stem}"
    try:
        client.execute(env=kernels.environment(home))
    except CellExecutionError as error:
        raise _wrong(notebook, name, at[0], f"{error.ename}: {error.evalue}") from None
    except CellTimeoutError:
        raise _wrong(notebook, name, at[0], f"took more than {CELL_TIMEOUT} s") from None
    except (DeadKernelError, RuntimeError) as error:
        raise _wrong(notebook, name, at[0], f"its kernel died: {error}") from None
    _look_through(notebook, name, [str(path.parent.parent), str(PACKAGE.parent), str(folder),
                                   str(Path.home())])
    path.write_text(finish(notebook), encoding="utf-8", newline="\n")


def _look_through(notebook, name: str, paths: list[str]) -> None:
    """No output is an error or says where on this machine something is."""
    for index, cell in enumerate(notebook.cells):
        for output in cell.get("outputs", ()):
            if output.output_type == "error":
                raise _wrong(notebook, name, index, f"{output.ename}: {output.evalue}")
            said = str({key: value for key, value in output.items() if key != "data"})
            said += str({kind: value for kind, value in output.get("data", {}).items()
                         if not kind.startswith("image/")})
            if found := [path for path in paths if len(path) > 4 and path in said]:
                raise _wrong(notebook, name, index, f"its output says a path of this machine: "
                                                    f"{found[0]}")


def _wrong(notebook, name: str, index: int, reason: str) -> BuildError:
    first = next(iter(notebook.cells[index].source.splitlines()), "")
    return BuildError(f"{name}, cell {index + 1} ({short(first)}): {' '.join(reason.split())}")


# -- strict nbval --------------------------------------------------------------------------------


def strict(editions: list[Edition], drafts: Path) -> dict[Edition, str]:
    """Run each draft once more, by nbval in strict mode: {notebook: what is not alike}."""
    report, settings = drafts / "nbval.xml", drafts / "pytest.ini"
    settings.write_text("[pytest]\nfilterwarnings = ignore\n")
    workers = min(cores(), len(editions) // 2)    # a worker takes as long to start as a notebook
    side_by_side = ["-n", str(workers), "--dist", "loadfile"] if workers > 1 else []
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-c", settings.name, "--rootdir", ".", "-q",
         "-p", "labsim.course.kernels", "-p", "no:cacheprovider", "--color=no", "--nbval",
         "--nbval-current-env", f"--nbval-cell-timeout={CELL_TIMEOUT}", *side_by_side,
         f"--junitxml={report.name}", *(edition.name for edition in editions)],
        cwd=drafts, env=kernels.environment(drafts / "home"), capture_output=True, text=True)
    if done.returncode not in (0, 1) or not report.is_file():
        raise BuildError(f"nbval could not run: {_last(done.stderr) or _last(done.stdout)}")
    names = {edition.name.replace("/", "."): edition for edition in editions}
    cases = list(ElementTree.parse(report).iter("testcase"))
    if missing := set(names) - {case.get("classname") for case in cases}:
        raise BuildError(f"nbval compared no cell of {', '.join(sorted(missing))}")
    found: dict[Edition, str] = {}
    for case in cases:
        fault = next((child for child in case if child.tag in ("failure", "error")), None)
        edition = names[case.get("classname")]
        if fault is not None and edition not in found:
            found[edition] = _not_alike(edition, drafts, case.get("name"), fault)
    return found


def _not_alike(edition: Edition, drafts: Path, case: str, fault) -> str:
    import nbformat

    notebook = nbformat.read(drafts / edition.name, as_version=4)
    code = [i for i, cell in enumerate(notebook.cells) if cell.cell_type == "code"]
    text = re.sub(r"(\x1b|#x1B)\[[0-9;]*m", "", fault.text or fault.get("message") or "")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    reason = " ".join(lines[-12:])[:400]
    return str(_wrong(notebook, edition.name, code[int(case.split()[-1])],
                      f"not alike when run again (strict nbval): {reason}"))


def _last(text: str) -> str:
    return next((line for line in reversed(text.splitlines()) if line.strip()), "")
