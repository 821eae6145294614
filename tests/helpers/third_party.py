"""Packages from outside labsim, as a test finds them on the path: written by hand, no pip."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import labsim

ROOT = Path(labsim.__file__).parents[1]
COFFEE = Path(__file__).parent / "coffee_lab"


def install(site: Path, name: str, entry_points: str, files: dict[str, str] | Path) -> None:
    """Put a package into the folder `site`: {file: text}, or a copy of a folder."""
    if isinstance(files, Path):
        shutil.copytree(files, site / files.name, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        for path, text in files.items():
            (site / path).parent.mkdir(parents=True, exist_ok=True)
            (site / path).write_text(text)
    info = site / f"{name.replace('-', '_')}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(entry_points)


def coffee(site: Path) -> Path:
    """The coffee bar, a complete lab, in the folder `site`."""
    install(site, "coffee-lab", "[labsim.labs]\ncoffee = coffee_lab:lab\n\n"
            "[labsim.facts]\ncoffee = coffee_lab\n", COFFEE)
    return site


def python(site: Path, *words, **how) -> subprocess.CompletedProcess:
    """Run this Python with `site` on its path; its output as text."""
    path = os.pathsep.join([str(site), str(ROOT)])
    kept = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
    return subprocess.run([sys.executable, *map(str, words)], text=True, capture_output=True,
                          env={**kept, "PYTHONPATH": path, **how.pop("env", {})}, **how)
