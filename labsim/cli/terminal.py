"""What the `labsim` command does with files, a progress bar, and JupyterLab."""

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

from labsim.errors import LabsimError

# -- files and progress -------------------------------------------------------------------------


def draw(result, path: str) -> None:
    """The figure of a run, the same bytes for the same run."""
    import matplotlib
    date = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}.get(path[-4:].lower())
    with matplotlib.rc_context({"svg.hashsalt": "labsim"}):
        result.plot().savefig(path, metadata=date)


def write(path: str, text: str) -> None:
    """Write a text to a file, or to standard output for "-"."""
    if path == "-":
        sys.stdout.write(text)
    else:
        save(path, lambda p: Path(p).write_text(text, encoding="utf-8"))


def save(path: str, action) -> None:
    """Do `action(path)`; what goes wrong with the file is said in one line."""
    try:
        action(path)
    except OSError as error:
        raise LabsimError(f"{path}: cannot be written: {error.strerror}") from None
    print(f"wrote {path}", file=sys.stderr)


def sees_blocks(stream) -> bool:
    """Whether a terminal or file takes characters beyond ASCII."""
    try:
        return bool("\u2581".encode(stream.encoding or "ascii"))
    except UnicodeEncodeError:
        return False


class Bar:
    """A progress bar on stderr for what takes more than a second, by tqdm where installed."""

    def __init__(self, wanted: bool):
        self._bar = None
        if (wanted or sys.stderr.isatty()) and importlib.util.find_spec("tqdm"):
            from tqdm import tqdm
            self._bar = tqdm(total=100, delay=1, file=sys.stderr, leave=False,
                             bar_format="{percentage:3.0f}%|{bar:40}| {remaining} left")

    def update(self, share: float) -> None:
        """`share` of the work is done."""
        if self._bar is not None:
            self._bar.update(100 * share - self._bar.n)

    def tell(self, text: str) -> None:
        """A line on standard output, above the bar."""
        if self._bar is None:
            print(text, flush=True)
        else:
            self._bar.write(text, file=sys.stdout)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self._bar is not None:
            self._bar.close()


# -- JupyterLab ----------------------------------------------------------------------------------


def find_notebook(slug: str | None, package: Path | None = None) -> Path:
    """The notebook of a lab: the one in this folder, such as a course's; else where it stands in
    a checkout, or copied from the installed package into this folder."""
    package = package or Path(__file__).parents[1]
    name = f"[0-9][0-9]-{slug or 'start-here'}.ipynb"
    if here := sorted(Path.cwd().glob(name)):
        return here[0]
    if found := sorted((package / "notebooks").glob(name)):
        shutil.copyfile(found[0], copy := Path.cwd() / found[0].name)
        return copy
    if found := sorted((package.parent / "notebooks").glob(name)):
        return found[0]
    raise LabsimError(f"there is no notebook NN-{slug or 'start-here'}.ipynb here")


def start(command: list[str]) -> None:
    """Become this command, so that signals reach it; on Windows, wait for it."""
    if os.name == "posix":
        sys.stdout.flush()
        os.execv(command[0], command)
    raise SystemExit(subprocess.call(command))
