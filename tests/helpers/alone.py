"""Code in a process of its own: what it prints, the most memory that it held, its interruption."""

import subprocess
import sys

# The kernel's own mark where there is one: `ru_maxrss` begins with what the parent held.
PEAK = """
import os, resource
if os.path.exists("/proc/self/status"):
    print(next(int(x.split()[1]) for x in open("/proc/self/status") if x.startswith("VmHWM")))
else:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""

# Whoever started the tests may have told them, and so all their children, to ignore interrupts, as
# a shell does for what runs in its background.
INTERRUPTIBLE = [sys.executable, "-c", """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from labsim.cli import main
sys.exit(main())
"""]


def run(code: str) -> tuple[list[float], float]:
    """The numbers that `code` prints, and its peak memory in bytes."""
    done = subprocess.run([sys.executable, "-c", code + PEAK], capture_output=True, text=True,
                          check=True)
    *numbers, kilobytes = map(float, done.stdout.split())
    return numbers, kilobytes * 1024
