"""Python as it is in a browser: without threads, processes and what the site doesn't carry.

`python tests/helpers/as_in_browser.py FILE` runs a file so. What Pyodide lacks raises here what it
raises there; `installed` names the packages that the site has, all others are missing.
"""

import os
import subprocess
import sys
import threading
import types
from importlib import metadata

from labsim.course.pyodide_bundle import normal, pyodide


class Without:
    """A finder of modules that doesn't find those of packages which are not in the site."""

    def __init__(self, finder, missing: set[str]):
        self.finder, self.missing = finder, missing

    def find_spec(self, name, path=None, target=None):
        """Nothing, for what is missing."""
        if name.split(".")[0] not in self.missing:
            return self.finder.find_spec(name, path, target)

    def find_distributions(self, *context):
        """What is installed, with its version."""
        return getattr(self.finder, "find_distributions", lambda *context: ())(*context)


def no_thread(self):
    """What Pyodide says."""
    raise RuntimeError("can't start new thread")


def no_process(*args, **kwargs):
    """What Pyodide says."""
    raise OSError(138, "emscripten does not support processes.")


def be_a_browser() -> None:
    """From now on this process is as poor as a browser."""
    from labsim.course import course_model, lite

    carried = lite.packed(course_model.built_in(), lite.found_extensions()[lite.KERNEL])
    sold = pyodide().packages
    allowed = {normal(name.split("-")[0]) for name in carried.wheels}
    todo = {*carried.from_pyodide}
    while todo:     # what Pyodide loads with them
        name = todo.pop()
        allowed.add(name)
        todo |= {normal(n) for n in needs(name) if normal(n) in sold} - allowed
    missing = {module for module, names in metadata.packages_distributions().items()
               if not {normal(name) for name in names} & allowed}
    for name in [n for n in sys.modules if n.split(".")[0] in missing]:
        del sys.modules[name]
    sys.meta_path[:] = [Without(finder, missing) for finder in sys.meta_path]
    for name in ("fcntl", "termios", "resource"):       # JupyterLite's kernel has them, but empty
        sys.modules[name] = types.ModuleType(name)
    threading.Thread.start = no_thread
    subprocess.Popen.__init__ = no_process
    os.fork = os.posix_spawn = no_process


def needs(name: str) -> list[str]:
    """The packages that an installed package needs, extras apart."""
    from packaging.requirements import Requirement

    try:
        lines = metadata.requires(name) or []
    except metadata.PackageNotFoundError:
        return []
    return [r.name for r in map(Requirement, lines) if "extra" not in str(r.marker)]


if __name__ == "__main__":
    be_a_browser()
    exec(compile(open(sys.argv[1]).read(), sys.argv[1], "exec"), {"__name__": "__main__"})
