"""A run as a link into a JupyterLite site: whoever opens it sees the lab in the same state.

Picture a bookmark that remembers not only the page, but where every slider stood.
"""

import sys
from urllib.parse import quote

from labsim.declare.describe import to_say


def lite_link(base: str, lab, params, seed: int = 1) -> str:
    """The address that opens `lab` in the JupyterLite site at `base`, in a console.

    The browser runs three lines of Python there, `lite_code`; nothing else has to be installed.
    """
    return (f"{base.rstrip('/')}/repl/index.html?kernel=python&toolbar=1"
            f"&code={quote(lite_code(lab, params, seed), safe='')}")


def lite_code(lab, params, seed: int = 1) -> str:
    """Python that shows the explorer of `lab` in this state."""
    words = "".join(f"{name}={value!r}, " for name, value in to_say(lab, params).items())
    lines = [f"explorer = labsim.lab({lab.slug!r}).explore({words.removesuffix(', ')})"]
    if seed != 1:
        lines.append(f"explorer.reseed({seed:d})")
    return "\n".join(["import labsim", *lines, "explorer"])


def lite_base() -> str | None:
    """The address of the JupyterLite site that this Python runs in; None outside a browser."""
    if sys.platform != "emscripten":
        return None
    import js  # Pyodide's

    # Where the kernel's worker is, which is a file of a JupyterLab extension.
    return str(js.location.href).split("/extensions/")[0]
