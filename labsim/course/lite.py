"""The course in the browser alone: a JupyterLite site, in which the labs run with no install.

Picture a travelling laboratory: the benches (JupyterLab), the instruments (labsim and the pure
Python that it needs, as wheels) and the sheets (the learner's notebooks) are packed into one
folder of files, which any web server may show. Python itself, numpy and matplotlib are Pyodide's;
the browser fetches them from its CDN when a notebook is opened, and nothing else from anywhere.

No network is needed to build it, see `labsim.course.pyodide_bundle`. The same sources and the same
installed versions make the same bytes.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

from labsim.course import pyodide_bundle
from labsim.course.course_model import Course
from labsim.course.execute import put
from labsim.course.notebooks import BuildError

KERNEL = "@jupyterlite/pyodide-kernel-extension"
WIDGETS = "@jupyter-widgets/jupyterlab-manager", "anywidget"
# What JupyterLite's kernel installs when it starts (`initKernel` in its worker.js).
STARTS_WITH = "ipykernel", "comm", "pyodide-kernel", "jedi", "ipython"
# From a kernel's worker, which is a file of its extension, to the site's own wheels.
TO_WHEELS = "../../../../pypi/"


def make(course: Course, out: Path, tell: Callable[[str], None] = lambda text: None) -> None:
    """Make the site of `course` in the folder `out`, in the place of what was there.

    The learner's notebooks have to be there, executed. Raises `BuildError` where something that
    the site needs is missing or can't run in a browser; `out` is then as it was.
    """
    extensions = found_extensions()
    bundle = packed(course, extensions[KERNEL])
    tell(f"in the site: {', '.join(sorted(bundle.wheels))}")
    tell(f"from Pyodide {pyodide_bundle.pyodide().version}: "
         f"{', '.join(sorted(bundle.from_pyodide))}")
    with TemporaryDirectory() as name:
        folder = Path(name)
        lay_out(course, bundle, folder)
        tell("JupyterLite puts the site together")
        run_jupyterlite(folder, extensions.values())
        replace(folder / "site", out)
    files = [path for path in out.rglob("*") if path.is_file()]
    size = sum(path.stat().st_size for path in files) / 1e6
    tell(f"made {out.name}: {len(files)} files, {size:.0f} MB; open it through a web server")


def found_extensions() -> dict[str, Path]:
    """{name: folder} of the extensions of JupyterLab that the site has, and no others."""
    from jupyter_core.paths import jupyter_path

    if find_spec("jupyterlite_core") is None or find_spec("jupyterlite_pyodide_kernel") is None:
        raise BuildError('JupyterLite is not installed: pip install "labsim[build]"')
    found = {}
    for extension in (KERNEL, *WIDGETS):
        folders = [Path(path) / extension for path in jupyter_path("labextensions")]
        found[extension] = next((f for f in folders if (f / "package.json").is_file()), None)
        if found[extension] is None:
            raise BuildError(f"JupyterLab's extension {extension} is not installed: "
                             'pip install "labsim[build]"')
    return found


def packed(course: Course, kernel: Path) -> pyodide_bundle.Bundle:
    """The wheels of labsim, of the packages that the course's labs come from, and their needs."""
    from jupyterlite_pyodide_kernel.constants import PYODIDE_VERSION

    release = pyodide_bundle.pyodide()
    if release.version != PYODIDE_VERSION:
        raise BuildError(
            f"the installed jupyterlite-pyodide-kernel runs Pyodide {PYODIDE_VERSION}, and "
            f"{pyodide_bundle.TABLE} is Pyodide {release.version}'s; make it anew from the npm "
            "package pyodide: python -m labsim.course.pyodide_bundle package/pyodide-lock.json")
    modules = {chapter.lab.Params.__module__.split(".")[0]
               for chapter in course.chapters if chapter.lab}
    roots = [pyodide_bundle.own_wheel(module) for module in sorted({"labsim"} | modules)]
    bundled = sorted((kernel / "static" / "pypi").glob("*.whl"))
    given = {pyodide_bundle.normal(path.name.split("-")[0]): path.name.split("-")[1]
             for path in bundled}
    also = [line for path in bundled for line in pyodide_bundle.requirements(path.read_bytes())]
    return pyodide_bundle.pack(roots, [*STARTS_WITH, *also], given, release)


def lay_out(course: Course, bundle: pyodide_bundle.Bundle, folder: Path) -> None:
    """What `jupyter lite build` finds: notebooks in files/, wheels in pypi/, the settings."""
    (folder / "files").mkdir()
    (folder / "pypi").mkdir()
    for chapter in course.chapters:
        path = course.learner(chapter)
        if not path.is_file():
            raise BuildError(f"{path.name} is missing; labsim build --parts learner makes it")
        shutil.copyfile(path, folder / "files" / path.name)
    for name, path in course.beside.items():
        put(path, folder / "files" / name)
    for name, data in bundle.wheels.items():
        (folder / "pypi" / name).write_bytes(data)
    settings = {
        # labsim is there when the kernel is: `import labsim` is all that a notebook says.
        "loadPyodideOptions": {"packages": [*sorted(bundle.from_pyodide), *(
            TO_WHEELS + name for name in sorted(bundle.wheels))],
            # Progress goes where the notebooks are, which outlive the tab.
            "env": {"LABSIM_HOME": "/drive/progress"}},
        "disablePyPIFallback": True,        # what is not in the site is not asked for elsewhere
    }
    (folder / "jupyter-lite.json").write_text(json.dumps({
        "jupyter-lite-schema-version": 0,
        "jupyter-config-data": {"appName": course.title,
                                "litePluginSettings": {f"{KERNEL}:kernel": settings}}}))
    for path in folder.rglob("*"):
        os.utime(path, (pyodide_bundle.EPOCH, pyodide_bundle.EPOCH))


def run_jupyterlite(folder: Path, extensions: Iterable[Path]) -> None:
    """`jupyter lite build` in `folder`, into its folder site/.

    The machine's own settings and other extensions of JupyterLab stay out.
    """
    words = [sys.executable, "-m", "jupyterlite_core", "build", f"--lite-dir={folder}",
             f"--output-dir={folder / 'site'}", f"--contents={folder / 'files'}",
             f"--source-date-epoch={pyodide_bundle.EPOCH}", "--no-sourcemaps", "--no-libarchive",
             "--ignore-sys-prefix", *(f"--LiteBuildConfig.federated_extensions={path}"
                                      for path in extensions)]
    empty = {"JUPYTER_CONFIG_DIR": str(folder), "JUPYTER_NO_CONFIG": "1", "JUPYTERLITE_DIR": ""}
    env = {name: value for name, value in {**os.environ, **empty}.items()
           if not name.startswith("JUPYTERLITE_")}
    done = subprocess.run(words, cwd=folder, env=env, capture_output=True, text=True)
    if done.returncode or not (folder / "site" / "jupyter-lite.json").is_file():
        lines = (done.stdout + done.stderr).strip().splitlines() or ["no reason given"]
        raise BuildError(f"jupyter lite build failed: {lines[-1]}\n" + "\n".join(lines[-20:]))


def replace(made: Path, out: Path) -> None:
    """Put the folder `made` where `out` is, in one step as far as file systems allow."""
    out.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=out.parent, prefix=f".{out.name}-") as beside:
        shutil.copytree(made, Path(beside) / "new")
        if out.exists():
            os.replace(out, Path(beside) / "old")
        os.replace(Path(beside) / "new", out)
