"""For `pytest --nbval notebooks/`: kernels that don't race, and progress in a folder of its own."""

import atexit
import itertools
import os
import shutil
import tempfile

import nbval.kernel

_folder = tempfile.mkdtemp(prefix="nbval-")
atexit.register(shutil.rmtree, _folder, ignore_errors=True)
os.environ["LABSIM_HOME"] = _folder
_Manager, _number = nbval.kernel.KernelManager, itertools.count()
nbval.kernel.KernelManager = lambda **kw: _Manager(
    transport="ipc", ip=f"{_folder}/k{next(_number)}", **kw)
