"""`labsim demo`: Voila with one page, the demo of a lab, for as long as the terminal is open.

Picture a slide projector that is carried in, shows its slides, and leaves nothing behind: the
notebook that Voila runs and the kernel's description are made in a folder that is removed again.
"""

import contextlib
import importlib.util
import json
import logging
import os
import socket
import sys
import tempfile
import threading
import webbrowser
from pathlib import Path
from urllib.parse import urlencode

from labsim.course import in_effect
from labsim.errors import LabsimError, ParameterError
from labsim.view import links

HOST, PORT, TRIES = "localhost", 8866, 20
IDLE = 240      # seconds after which a kernel without a page is stopped
NEEDED = ("voila", "anywidget")
CELL = ("import os\nos.chdir({cwd!r})\nimport labsim\n"
        "from labsim.view.explorer import opened\nopened(labsim.labs(), {slug!r})")
EXTENSIONS = ["@jupyter-widgets/jupyterlab-manager", "@voila-dashboards/widgets-manager8",
              "anywidget"]      # all that the page uses


def listing() -> str:
    """The labs with the steps of their demos, as text."""
    out = []
    for lab in in_effect.labs().values():
        out.append(f"{lab.slug:18} {lab.title}")
        for number, scene in enumerate(links.scenes(lab), 1):
            words = scene.title.split(" ", 1)
            title = words[-1] if words[0].isdigit() else scene.title
            out.append(f"{number:>20} {title}")
    return "\n".join(out)


def demo(slug: str | None, preset: str | None = None, port: str | None = None, *,
         dark: bool = False, browser: bool = True, more: list[str] | None = None) -> None:
    """Serve the demo of a lab until Ctrl-C; `more` are further options of Voila.

    LabsimError for an unknown lab or preset, a port in use, or without Voila.
    """
    if slug is None:
        raise LabsimError("which lab? labsim demo --list shows them all")
    lab, words = in_effect.lab(slug), {"lab": slug}
    if preset is not None:
        words["preset"] = str(links.step(lab, preset) + 1)
    if dark:
        words["theme"] = "dark"
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise LabsimError(f'{" and ".join(missing)} not installed: pip install "labsim[lab]"')
    port = free_port(port)
    with tempfile.TemporaryDirectory(prefix="labsim-demo-") as name:
        notebook = prepare(Path(name), slug)
        _serve(notebook, port, "?" + urlencode(words), browser, more or [])


def free_port(port: str | None) -> int:
    """The port asked for, if it is free; by default the first free one from 8866 on."""
    wanted = range(PORT, PORT + TRIES) if port is None else [_number(port)]
    for number in wanted:
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, os.name == "posix")
            probe.bind(("127.0.0.1", number))
            return probe.getsockname()[1]
    raise LabsimError(f"port {wanted[0]}{f' to {wanted[-1]}' if len(wanted) > 1 else ''} "
                      "in use or not allowed: choose another with --port N")


def _number(port: str) -> int:
    if not (port.isascii() and port.isdigit() and int(port[:6]) < 2**16):
        raise ParameterError("port", port, "a whole number from 0 to 65535 (0: any free one)")
    return int(port)


def prepare(folder: Path, slug: str) -> Path:
    """Make what Voila needs in a folder; returns the notebook. Its kernel is this very Python."""
    kernel = folder / "kernels" / "labsim"
    kernel.mkdir(parents=True)
    (kernel / "kernel.json").write_text(json.dumps({
        "argv": [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}",
                 "--log-level=ERROR"],
        "display_name": "labsim", "language": "python"}), encoding="utf-8")
    code = CELL.format(cwd=os.getcwd(), slug=slug)
    notebook = folder / "demo" / f"{slug}.ipynb"
    notebook.parent.mkdir()
    notebook.write_text(json.dumps({
        "nbformat": 4, "nbformat_minor": 5, "metadata": {
            "title": in_effect.lab(slug).title,
            "kernelspec": {"name": "labsim", "display_name": "labsim", "language": "python"}},
        "cells": [{"id": "demo", "cell_type": "code", "metadata": {}, "outputs": [],
                   "execution_count": None, "source": code}]}), encoding="utf-8")
    return notebook


def _serve(notebook: Path, port: int, query: str, browser: bool, more: list[str]) -> None:
    """Run Voila in this process until it is told to stop."""
    from traitlets.config import Config
    from voila.app import Voila
    from voila.shutdown_kernel_handler import VoilaShutdownKernelHandler

    page = Path(__file__).parents[1] / "view" / "page"
    own = [str(notebook.parents[1]), str(page), os.environ.get("JUPYTER_PATH")]
    os.environ["JUPYTER_PATH"] = os.pathsep.join(filter(None, own))

    for name in ("access", "general"):      # a missing icon is no news on a projector
        logging.getLogger(f"tornado.{name}").setLevel(logging.CRITICAL)

    settings = Config()
    settings.Voila.update(ip=HOST, port=port, port_retries=0, log_level="ERROR")
    settings.VoilaConfiguration.update(
        template="labsim", allow_template_override="NO", allow_theme_override="NO",
        extension_allowlist=EXTENSIONS)
    settings.MappingKernelManager.update(     # of pages that did not say good-bye
        cull_idle_timeout=IDLE, cull_interval=IDLE // 4, cull_connected=False)

    class Shutdown(VoilaShutdownKernelHandler):
        """A page that closes cannot bring the token; that kernel's name is secret enough."""

        def check_xsrf_cookie(self):
            pass

    class Server(Voila):
        """Says where it is, once it listens."""

        def load_config_file(self, *args, **kwargs):    # a file of the user's does not outdo
            super().load_config_file(*args, **kwargs)   # what a demo needs; an option does
            self.update_config(settings)
            self.update_config(self.cli_config)

        def init_handlers(self):
            return [(handler[0], Shutdown) if handler[1] is VoilaShutdownKernelHandler
                    else handler for handler in super().init_handlers()]

        def launch_browser(self):
            token = getattr(self.identity_provider, "token", "")
            address = self.connection_url + query + (f"&token={token}" if token else "")
            print(f"{address}    (Ctrl-C stops it)", flush=True)
            if browser:
                threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()

    server = Server(config=settings)
    server.initialize([str(notebook), *more])
    server.start()
