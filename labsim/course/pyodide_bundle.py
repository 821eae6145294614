"""The Python packages that a browser needs, as wheels made from what is installed here.

Picture packing for an island: what the island's shop (Pyodide, Python in the browser) sells stays
at home, and the rest is taken from one's own shelves, folded anew so that the same thing always
makes the same bundle. Nothing is ordered by post: no registry is asked.

What Pyodide carries is `data/pyodide.csv`, made from the `pyodide-lock.json` of its release by
`python -m labsim.course.pyodide_bundle FILE`. A package that runs in the browser is either there,
at a version that fits, or it is pure Python and installed here.
"""

import csv
import hashlib
import io
import json
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from base64 import urlsafe_b64encode
from collections.abc import Iterable
from dataclasses import dataclass, field
from email.parser import HeaderParser
from importlib import metadata, util
from pathlib import Path

from labsim import factbook
from labsim.course.notebooks import BuildError

TABLE = "pyodide.csv"
# The age of all files of the site, so that it is the same whenever it is made: 2020-02-02.
EPOCH = 1_580_601_600
MARKERS = {"sys_platform": "emscripten", "platform_system": "Emscripten", "os_name": "posix",
           "platform_machine": "wasm32", "implementation_name": "cpython",
           "platform_python_implementation": "CPython"}
BUILD = ("import pkgutil, sys; sys.path.insert(0, ''); "
         "print(pkgutil.resolve_name(sys.argv[1]).build_wheel(sys.argv[2]))")


def normal(name: str) -> str:
    """A distribution's name as it is compared: "Jupyterlab_Widgets" is "jupyterlab-widgets"."""
    return re.sub(r"[-_.]+", "-", name).lower()


@dataclass(frozen=True)
class Pyodide:
    """What a release of Pyodide carries: its version, its Python, {package: version}."""

    version: str
    python: str
    packages: dict[str, str]

    def markers(self) -> dict[str, str]:
        """What `packaging` asks about the browser's Python."""
        return {**MARKERS, "python_version": ".".join(self.python.split(".")[:2]),
                "python_full_version": self.python, "implementation_version": self.python,
                "extra": ""}


def pyodide() -> Pyodide:
    """The table of `data/pyodide.csv`."""
    with open(factbook.data_folder() / TABLE, newline="", encoding="utf-8") as file:
        rows = {row["package"]: row["version"] for row in csv.DictReader(file)}
    return Pyodide(rows.pop("(pyodide)"), rows.pop("(python)"), rows)


def table(lock: Path) -> str:
    """`data/pyodide.csv` as the `pyodide-lock.json` of a release makes it."""
    there = json.loads(lock.read_text(encoding="utf-8"))
    release = json.loads((lock.parent / "package.json").read_text())["version"]
    packages = {normal(p["name"]): p["version"] for p in there["packages"].values()
                if p["package_type"] == "package" and not p["name"].endswith("-tests")}
    rows = [("package", "version"), ("(pyodide)", release), ("(python)", there["info"]["python"]),
            *sorted(packages.items())]
    return "".join(f"{name},{version}\n" for name, version in rows)


@dataclass
class Bundle:
    """What the browser needs: `wheels` to carry along ({file name: bytes}), and the names of the
    packages `from_pyodide`."""

    wheels: dict[str, bytes] = field(default_factory=dict)
    from_pyodide: set[str] = field(default_factory=set)


def pack(roots: Iterable[tuple[str, bytes]], also: Iterable[str], given: dict[str, str],
         release: Pyodide) -> Bundle:
    """The wheels `roots` (file name, bytes) and all that they need, and the requirements `also`.

    given: {package: version} of what the site has anyway. Raises `BuildError` for a requirement
    that can't be met in a browser.
    """
    from packaging.requirements import Requirement

    bundle, seen = Bundle(dict(roots)), set()
    asked = [("JupyterLite's kernel", text, "") for text in also]
    for name, data in bundle.wheels.items():
        asked += [(name.split("-")[0], text, "") for text in requirements(data)]
    while asked:
        who, text, extra = asked.pop()
        need = Requirement(text)
        name = normal(need.name)
        if need.marker and not need.marker.evaluate({**release.markers(), "extra": extra}):
            continue
        extras = ["", *sorted(need.extras)]
        if (name, *extras) in seen:
            continue
        seen.add((name, *extras))
        if name in given and need.specifier.contains(given[name], prereleases=True):
            continue
        if name in release.packages and need.specifier.contains(release.packages[name]):
            bundle.from_pyodide.add(name)
            continue
        file, data = installed(need, who, release)
        bundle.wheels[file] = data
        asked += [(need.name, line, extra) for line in requirements(data) for extra in extras]
    return bundle


def installed(need, who: str, release: Pyodide) -> tuple[str, bytes]:
    """The wheel (file name, bytes) of an installed package that fits the requirement `need`."""
    where = f"in the browser {who} needs {need}"
    if normal(need.name) in release.packages:
        where += f"; Pyodide {release.version} has {release.packages[normal(need.name)]}"
    try:
        found = metadata.distribution(need.name)
    except metadata.PackageNotFoundError:
        raise BuildError(f'{where}, and it is not installed here: pip install "{need.name}'
                         f'{need.specifier}"') from None
    if not need.specifier.contains(found.version, prereleases=True):
        raise BuildError(f"{where}, and {found.version} is installed here")
    return from_distribution(found, where)


def requirements(wheel: bytes) -> list[str]:
    """The lines Requires-Dist of a wheel."""
    with zipfile.ZipFile(io.BytesIO(wheel)) as archive:
        name = next(n for n in archive.namelist() if n.endswith(".dist-info/METADATA"))
        text = archive.read(name).decode()
    return HeaderParser().parsestr(text).get_all("Requires-Dist") or []


# -- making wheels --------------------------------------------------------------------------------


def own_wheel(module: str) -> tuple[str, bytes]:
    """The wheel of the project that `module` (such as "labsim") is imported from.

    From a checkout it is built by the project's own build backend, which has to be installed;
    where there is none, it is the installed package. Notebooks are left out: the site has them.
    """
    spec = util.find_spec(module)
    origin = Path(spec.origin or "" if spec else "")    # none: a namespace of several parts
    top = origin.parent.parent if origin.name == "__init__.py" else origin.parent
    for folder in (top, top.parent):        # where the package stands, or above src/
        file = folder / "pyproject.toml"
        if origin.name and file.is_file() and "site-packages" not in folder.parts:
            return from_checkout(folder, tomllib.loads(file.read_text(encoding="utf-8")), module)
    names = metadata.packages_distributions().get(module)
    if not names:
        raise BuildError(f"{module} is neither installed nor in a checkout")
    return from_distribution(metadata.distribution(names[0]), f"the site needs {module}")


def from_checkout(folder: Path, project: dict, module: str) -> tuple[str, bytes]:
    """The wheel that a checkout's build backend makes, without a network."""
    from tempfile import TemporaryDirectory

    backend = project.get("build-system", {}).get("build-backend", "setuptools.build_meta")
    with TemporaryDirectory() as made:
        done = subprocess.run(
            [sys.executable, "-c", BUILD, backend, made], cwd=folder, capture_output=True,
            text=True, env={**os.environ, "SOURCE_DATE_EPOCH": str(EPOCH)})
        if done.returncode:
            last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
            raise BuildError(f"the wheel of {module} can't be built with {backend}: {last}")
        wheel = next(Path(made).glob("*.whl"))
        with zipfile.ZipFile(wheel) as archive:
            files = {name: archive.read(name) for name in archive.namelist()
                     if not name.startswith(f"{module}/notebooks/")}
    return zipped(files, f"the site needs {module}")


def from_distribution(found: metadata.Distribution, where: str) -> tuple[str, bytes]:
    """The wheel of an installed pure-Python package, put together again from its record.

    What was installed beside the modules (scripts, JupyterLab's extensions) is left out.
    """
    if found.files is None:
        raise BuildError(f"{where}, and {found.name} {found.version} is installed without a "
                         "record of its files")
    if '"editable": true' in (found.read_text("direct_url.json") or ""):
        modules = (found.read_text("top_level.txt") or normal(found.name).replace("-", "_"))
        return own_wheel(modules.split()[0])
    top = found.name.replace("-", "_")
    files = {str(path.as_posix()): path.locate().read_bytes() for path in found.files
             if ".." not in path.parts and "__pycache__" not in path.parts
             and path.suffix != ".pyc" and not str(path).startswith(f"{top}/notebooks/")
             and path.locate().is_file()}
    return zipped(files, where)


def zipped(files: dict[str, bytes], where: str) -> tuple[str, bytes]:
    """A wheel (file name, bytes) of these files; the same files make the same bytes."""
    info = next((n.split("/")[0] for n in files if n.endswith(".dist-info/METADATA")), None)
    if info is None or f"{info}/WHEEL" not in files:
        raise BuildError(f"{where}, and it was not installed from a wheel")
    name, version = info.removesuffix(".dist-info").rsplit("-", 1)
    tags = HeaderParser().parsestr(files[f"{info}/WHEEL"].decode()).get_all("Tag") or []
    if not any(tag.endswith("-none-any") and "py3" in tag for tag in tags):
        files = uncompiled(files, f"{info}/WHEEL")
    if files is None:
        raise BuildError(f"{where}: {name} {version} has compiled code, and Pyodide doesn't "
                         "carry it at a version that fits")
    kept = {n: data for n, data in sorted(files.items()) if n.split("/")[-1] not in
            ("RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json")}
    rows = [f"{n},sha256={digest(data)},{len(data)}\n" for n, data in kept.items()]
    kept[f"{info}/RECORD"] = "".join([*rows, f"{info}/RECORD,,\n"]).encode()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for n, data in kept.items():
            entry = zipfile.ZipInfo(n, (1980, 1, 1, 0, 0, 0))
            entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
            archive.writestr(entry, data)
    return f"{name}-{version}-py3-none-any.whl", buffer.getvalue()


def uncompiled(files: dict[str, bytes], wheel: str) -> dict[str, bytes] | None:
    """The files without what was compiled (by mypyc) from modules that stand beside it; None where
    something compiled is all that there is."""
    compiled = {n for n in files if n.endswith((".so", ".pyd", ".dylib"))}
    stems = {n: n.split("/")[-1].split(".")[0] for n in compiled}
    if not compiled or any(f"{n.removesuffix(n.split('/')[-1])}{stem}.py" not in files
                           for n, stem in stems.items() if not stem.endswith("__mypyc")):
        return None
    kept = {n: data for n, data in files.items() if n not in compiled}
    lines = [line for line in kept[wheel].decode().splitlines()
             if not line.startswith(("Tag:", "Root-Is-Purelib:"))]
    told = [line for line in lines if line] + ["Root-Is-Purelib: true", "Tag: py3-none-any", ""]
    return {**kept, wheel: "\n".join(told).encode()}


def digest(data: bytes) -> str:
    """A file's SHA-256, as a RECORD has it."""
    return urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()


if __name__ == "__main__":
    (factbook.data_folder() / TABLE).write_text(table(Path(sys.argv[1])), encoding="utf-8")
