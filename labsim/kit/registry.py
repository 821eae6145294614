"""The labs there are: modules of `labsim.labs`, and what other packages register.

A package of its own adds labs through the entry point group `labsim.labs`; each entry names a
`Lab`. Nothing here knows any lab by name.
"""

import functools
import importlib
import pkgutil
from importlib.metadata import entry_points

from labsim.errors import unknown
from labsim.kit.lab import Lab


@functools.cache
def _found() -> dict[str, Lab]:
    import labsim.labs

    labs = [importlib.import_module(f"labsim.labs.{module.name}").lab
            for module in pkgutil.iter_modules(labsim.labs.__path__)
            if not module.name.startswith("_")]
    labs += [entry.load() for entry in entry_points(group="labsim.labs")]
    return {lab.slug: lab for lab in sorted(labs, key=lambda lab: (lab.order, lab.slug))}


def labs() -> dict[str, Lab]:
    """{slug: Lab} of every lab, in course order."""
    return dict(_found())


def lab(slug: str) -> Lab:
    """The lab called `slug`; an unknown name suggests the nearest."""
    found = _found()
    if slug not in found:
        raise unknown("lab", slug, found)
    return found[slug]
