"""A real JupyterLab in a real browser, for the browser tests and for the README's picture.

`python tests/helpers/browser.py .github/explorer.png` makes the picture again.
"""

import contextlib
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import labsim

FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync"]
RUN_ALL = """async () => {
    const app = window.jupyterapp; await app.restored;
    const panel = app.shell.currentWidget; await panel.context.ready;
    await panel.sessionContext.ready; await panel.sessionContext.session.kernel.info;
    await app.commands.execute('notebook:run-all-cells');
}"""
FOCUS = """async () => {
    const app = window.jupyterapp;
    for (const side of ['left', 'right'])
        if (!app.shell[side + 'Collapsed']) await app.commands.execute(
            `application:toggle-${side}-area`);
}"""


def chromium() -> str | None:
    """The path of a Chromium, if there is one."""
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser",
                                                "google-chrome"))), None)


def notebook(path: Path, *cells: str) -> None:
    """Write a notebook of code cells."""
    path.write_text(json.dumps({
        "nbformat": 4, "nbformat_minor": 5,
        "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3",
                                    "language": "python"}},
        "cells": [{"id": f"c{i}", "cell_type": "code", "metadata": {}, "outputs": [],
                   "execution_count": None, "source": source}
                  for i, source in enumerate(cells)]}))


@contextlib.contextmanager
def jupyter(folder: Path, program: str = "jupyterlab"):
    """JupyterLab on `folder`, or Notebook 7 (`program` notebook); yields a function from a
    notebook's name to its address."""
    app, tree = {"jupyterlab": ("LabApp", "lab/tree"),
                 "notebook": ("JupyterNotebookApp", "notebooks")}[program]
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    token = secrets.token_hex(16)
    config = folder / "config"
    (config / "labconfig").mkdir(parents=True)
    (config / "labconfig" / "page_config.json").write_text(json.dumps(
        {"disabledExtensions": {"@jupyterlab/apputils-extension:announcements": True}}))
    (config / "jupyter_server_config.json").write_text("{}")
    root = ["--allow-root"] if os.name == "posix" and os.getuid() == 0 else []
    server = subprocess.Popen(
        [sys.executable, "-m", program, "--no-browser", f"--port={port}", *root,
         f"--IdentityProvider.token={token}", f"--ServerApp.root_dir={folder}",
         "--ServerApp.port_retries=0", f"--{app}.expose_app_in_browser=True",
         "--LabApp.news_url=", "--LabApp.check_for_updates_class="
         "jupyterlab.handlers.announcements.NeverCheckForUpdate"],
        env={**os.environ, "JUPYTER_CONFIG_DIR": str(config), "LABSIM_HOME": str(config),
             "JUPYTER_RUNTIME_DIR": str(config / "runtime"),
             "JUPYTERLAB_SETTINGS_DIR": str(config / "settings"),
             "JUPYTERLAB_WORKSPACES_DIR": str(config / "workspaces")},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    base = f"http://127.0.0.1:{port}"
    try:
        for _ in range(300):
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"{base}/api?token={token}", timeout=2).close()
                break
            time.sleep(0.1)
        yield lambda name: f"{base}/{tree}/{name}?token={token}&reset"
    finally:
        server.terminate()
        server.wait(20)


@contextlib.contextmanager
def demo(slug: str, *options: str, home: Path):
    """`labsim demo`; yields its address without the query, and the process."""
    server = subprocess.Popen(
        [sys.executable, "-m", "labsim.cli", "demo", slug, "--no-browser", "--port=0", *options],
        env=_own(home), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        yield server.stdout.readline().split("?")[0], server
    finally:
        server.terminate()
        server.wait(20)
        server.stdout.close()


@contextlib.contextmanager
def voila(path: Path, home: Path):
    """Plain Voila on a notebook; yields its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-m", "voila", str(path), "--no-browser", f"--port={port}"],
        env=_own(home), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(300):
            with contextlib.suppress(OSError), socket.create_connection(("localhost", port), 1):
                break
            time.sleep(0.1)
        yield f"http://localhost:{port}/"
    finally:
        server.terminate()
        server.wait(20)


def _own(home: Path) -> dict:
    """The environment of a server that leaves the user's own files alone."""
    return {**os.environ, "JUPYTER_CONFIG_DIR": str(home), "LABSIM_HOME": str(home),
            "JUPYTER_RUNTIME_DIR": str(home / "runtime"), "PYTHONPATH": os.pathsep.join(
                filter(None, [str(Path(labsim.__file__).parents[1]),
                              os.environ.get("PYTHONPATH")]))}


@contextlib.contextmanager
def page(width: int = 1440, height: int = 1500):
    """A page of a fresh Chromium."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium(), args=FLAGS)
        try:
            yield browser.new_page(viewport={"width": width, "height": height})
        finally:
            browser.close()


def run_all(page, address: str) -> None:
    """Open a notebook and run all its cells."""
    page.goto(address)
    page.wait_for_function("window.jupyterapp && window.jupyterapp.shell.currentWidget",
                           timeout=60_000)
    page.evaluate(FOCUS)
    page.evaluate(RUN_ALL)


def violations(page, part: str | None = None) -> list:
    """What axe-core finds in a page, or a part of it, that is serious or critical."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page, context=part).response["violations"]
    return [(v["id"], [node["html"][:150] for node in v["nodes"]]) for v in found
            if v["impact"] in ("serious", "critical")]


def main(target: str) -> None:
    """The picture of the README: the explorer with a pinned run, half-way through a spike."""
    import tempfile

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        notebook(folder / "picture.ipynb",
                 "import labsim\ne = labsim.lab('sqs-asg').explore()\ne.apply_preset('2')\n"
                 "e.pin()\ne.apply_preset('4')\ne.scrub(900)\ne")
        with jupyter(folder) as address, page(1366, 900) as tab:
            run_all(tab, address("picture.ipynb"))
            explorer = tab.locator(".labsim-stage")
            explorer.locator(".knob").first.wait_for(timeout=60_000)
            tab.wait_for_timeout(1_500)
            explorer.screenshot(path=target)


if __name__ == "__main__":
    main(sys.argv[1])
