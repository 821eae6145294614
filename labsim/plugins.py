"""What other packages add to labsim: their labs, and the folders of their facts.

Picture a fair: every stall announces itself at the gate. A stall that has broken down is told of
in one line, and the fair goes on.

A package announces itself by entry points: in the group `labsim.labs` each names a `Lab`
("coffee_lab:lab"), in the group `labsim.facts` a package whose folder holds facts.csv or
prices.csv ("coffee_lab").
"""

import functools
import importlib.util
import logging
from importlib.metadata import EntryPoint, distributions
from pathlib import Path

LABS, FACTS = "labsim.labs", "labsim.facts"


@functools.cache
def entries(group: str) -> tuple[tuple[str, EntryPoint], ...]:
    """(package and version, entry point) of a group, by name of the package."""
    return tuple((f"{name} {version}", entry) for name, version, entry in _all()
                 if entry.group == group)


@functools.cache
def added() -> dict[str, str]:
    """{package: version} of those that add labs or facts."""
    return {name: version for name, version, _ in _all()}


@functools.cache
def _all() -> tuple[tuple[str, str, EntryPoint], ...]:
    found: dict[str, tuple] = {}
    for distribution in distributions():
        name = version = "?"
        try:
            text = distribution.read_text("entry_points.txt")
            if not text or "labsim." not in text:
                continue
            name, version = distribution.metadata["Name"], distribution.version
            mine = [e for e in distribution.entry_points if e.group in (LABS, FACTS)]
            found.setdefault(name, tuple((name, version, e) for e in mine))
        except Exception as error:      # its list of entry points can't be read
            tell(f"{name} {version}", error)
    return tuple(entry for name in sorted(found) for entry in found[name])


def tell(package: str, fault: object) -> None:
    """Say in one line on stderr what is wrong with a package; labsim goes on without it."""
    if isinstance(fault, BaseException):
        fault = f"{type(fault).__name__}: {fault}"
    logging.getLogger("labsim").warning("labsim: package %s is left out: %s", package,
                                        " ".join(str(fault).split()))


def folder(entry: EntryPoint) -> Path:
    """The folder of the package that an entry names; nothing of it is imported."""
    top, *below = entry.module.split(".")
    spec = importlib.util.find_spec(top)
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(f"no package {top}")
    return Path(spec.submodule_search_locations[0], *below)
