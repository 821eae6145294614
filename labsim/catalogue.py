"""The labs there are: folders of `labsim/builtin/`, and what other packages register.

Picture the card index of a library: a card per lab, whoever wrote it. The index itself knows no
lab by name.

A package of its own adds labs through the entry point group `labsim.labs`; each entry names a
`Lab`. A package that is broken is told of in one line, and the others go on.
"""

import functools
import math
import pkgutil
import re

from labsim import builtin, plugins
from labsim.declare.lab import Lab
from labsim.declare.params import Params
from labsim.errors import unknown


def labs() -> dict[str, Lab]:
    """{slug: Lab} of every lab as it is, in course order."""
    return dict(_found())


def lab(slug: str) -> Lab:
    """The lab called `slug`; an unknown name suggests the nearest."""
    if slug not in _found():
        raise unknown("lab", slug, _found())
    return _found()[slug]


def is_builtin(lab: Lab) -> bool:
    """Whether a lab comes with labsim, and not from another package."""
    return (lab.original or lab) in _built_in()


@functools.cache
def _built_in() -> tuple[Lab, ...]:
    return tuple(pkgutil.resolve_name(f"{builtin.__name__}.{module.name}:lab")
                 for module in pkgutil.iter_modules(builtin.__path__)
                 if not module.name.startswith("_"))


@functools.cache
def _found() -> dict[str, Lab]:
    found = {lab.slug: lab for lab in _built_in()}
    for package, entry in plugins.entries(plugins.LABS):
        try:
            lab = entry.load()
        except (Exception, SystemExit) as error:    # whatever a package does when it is imported
            plugins.tell(package, error)
            continue
        if fault := _fault(lab, entry.value, found):
            plugins.tell(package, fault)
        else:
            found[lab.slug] = lab
    return {lab.slug: lab for lab in sorted(found.values(), key=lambda lab: (lab.order, lab.slug))}


def _fault(lab, value: str, found: dict) -> str:
    """What is wrong with what a package gives as its lab; empty for nothing."""
    if not isinstance(lab, Lab):
        return f"{value} is no Lab but a {type(lab).__name__}"
    if not isinstance(lab.slug, str) or not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", lab.slug):
        return f"{value} has the name {lab.slug!r}; allowed are small letters, digits and hyphens"
    if lab.slug in found:
        return f"there is another lab {lab.slug}"
    if isinstance(lab.order, bool) or not isinstance(lab.order, (int, float)) or (
            math.isnan(lab.order)):
        return f"{lab.slug}: its order is no number"
    if not isinstance(lab.Params, type) or not issubclass(lab.Params, Params):
        return f"{lab.slug}: its Params are no Params"
    return ""
