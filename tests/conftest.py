"""Settings that all tests share."""

import os
import sys
from pathlib import Path

import hypothesis
import pytest

# These machines are noisy: how long one example takes is no finding.
hypothesis.settings.register_profile("labsim", deadline=None, print_blob=True)
hypothesis.settings.load_profile("labsim")


DEAR = {"tab", "wheel"}     # fixtures that take long: a browser with a demo, an installed wheel


def pytest_addoption(parser):
    """`--long`: also what takes long; the README's test command leaves that to .ci/run."""
    parser.addoption("--long", action="store_true",
                     help="run the long tests too: browsers, whole courses, long fuzz")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config, items):
    """Without --long, the long tests are left out."""
    for item in items:
        if DEAR & {*getattr(item, "fixturenames", ())} or item.path.parent.name == "solutions":
            item.add_marker("long")
    if not config.getoption("--long"):
        left = [item for item in items if item.get_closest_marker("long")]
        config.hook.pytest_deselected(items=left)
        items[:] = [item for item in items if not item.get_closest_marker("long")]


@pytest.fixture(autouse=True)
def widgets_go():
    """ipywidgets keeps every widget until it is closed; of each explorer there is a figure."""
    yield
    if ipywidgets := sys.modules.get("ipywidgets"):
        ipywidgets.Widget.close_all()


@pytest.fixture(scope="module")
def shots(tmp_path_factory):
    """A folder for screenshots; its name is printed."""
    folder = Path(os.environ.get("LABSIM_SHOTS") or tmp_path_factory.mktemp("shots"))
    folder.mkdir(exist_ok=True)
    print(f"screenshots in {folder}")
    return folder


def pytest_terminal_summary(terminalreporter):
    """What passing tests have measured: their lines that begin with "measured: "."""
    told = [(report.nodeid, line.removeprefix("measured: "))
            for report in terminalreporter.stats.get("passed", ())
            for line in report.capstdout.splitlines() if line.startswith("measured: ")]
    if told:
        terminalreporter.section("measured")
        for _, line in sorted(told):
            terminalreporter.write_line(line)
