"""Kernels for the build: they don't race for ports, and each starts as on a new machine.

Picture separate examination rooms: nobody hears the neighbour, and nothing is left on the board
from the exam before.

IPC instead of TCP: two kernels that start at once never take the same port. Each has an empty
home for progress and for IPython's settings. As a plugin of pytest (`-p labsim.course.kernels`)
this holds for the kernels of nbval, too.
"""

import atexit
import itertools
import os
import shutil
import sys
import tempfile
from pathlib import Path

# What a terminal, a user's settings or a course in effect would change in an output.
LEFT_OUT = ("COLUMNS", "LINES", "MPLBACKEND", "LABSIM_COURSE", "PYTHONHASHSEED", "PYTHONSTARTUP")
_number = itertools.count()


def rooms() -> Path:
    """A folder for the kernels of this process, removed at its end. Its path is short: that of a
    socket has at most about a hundred characters."""
    folder = Path(tempfile.mkdtemp(prefix="labsim-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def environment(home: Path) -> dict[str, str]:
    """The environment of a kernel whose progress and settings are in `home`."""
    (home / "ipython").mkdir(parents=True, exist_ok=True)
    kept = {name: value for name, value in os.environ.items()
            if name not in LEFT_OUT and not name.startswith("PYTEST_")}
    paths = [os.path.abspath(path) for path in kept.pop("PYTHONPATH", "").split(os.pathsep) if path]
    more = {"PYTHONPATH": os.pathsep.join(paths)} if paths else {}
    return {**kept, **more, "LABSIM_HOME": str(home), "IPYTHONDIR": str(home / "ipython")}


def settings(folder: Path) -> dict[str, str]:
    """How a new kernel and its client talk to each other."""
    if os.name != "posix":
        return {}
    return {"transport": "ipc", "ip": f"{folder}/k{next(_number)}"}


def manager(folder: Path):
    """A manager of a kernel of this Python, whatever kernels are installed."""
    from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
    from jupyter_client.manager import AsyncKernelManager

    class ThisPython(KernelSpecManager):
        def get_kernel_spec(self, kernel_name):
            return KernelSpec(argv=[sys.executable, "-m", "ipykernel_launcher", "-f",
                                    "{connection_file}"], display_name="Python 3",
                              language="python")

    return AsyncKernelManager(kernel_spec_manager=ThisPython(), **settings(folder))


def pytest_configure(config) -> None:
    """Give nbval kernels of this kind."""
    import nbval.kernel

    folder, standard = rooms(), nbval.kernel.KernelManager

    class Manager(standard):
        def start_kernel(self, **how):
            return super().start_kernel(**{"env": environment(folder / f"home{next(_number)}"),
                                           **how})

    nbval.kernel.KernelManager = lambda **how: Manager(**settings(folder), **how)
