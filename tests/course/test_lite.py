"""The labs in the browser alone: what is in the site, what it asks for, and how it runs there."""

import contextlib
import filecmp
import functools
import hashlib
import http.server
import json
import os
import shutil
import subprocess
import sys
import tarfile
import threading
import zipfile
from importlib import metadata
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

import browser
import pytest
from over_labs import some_labs
from packaging.requirements import Requirement

import labsim
from labsim.catalogue import labs
from labsim.course import course_model, lite, notebooks, pyodide_bundle
from labsim.view.lite_links import lite_link

pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[2]
CI = "CI" in os.environ
CDN = f"https://cdn.jsdelivr.net/pyodide/v{pyodide_bundle.pyodide().version}/full/"
KINDS = {".mjs": "text/javascript", ".wasm": "application/wasm", ".json": "application/json"}
# What a learner does, in a process or a browser that has only what the site has.
LEARNER = """
import asyncio
import labsim
from labsim.course import check, exercise, quiz

async def thirty(explorer):
    explorer.many()
    for _ in range(3000):
        if explorer.widget.state["told"].startswith("30 of 30 runs"):
            break
        await asyncio.sleep(0.01)
    print(explorer.widget.state["told"])
    assert explorer.widget.state["many"]["wait_p95"].startswith("mean ")
    explorer.many(False)

for slug, lab in labsim.labs().items():
    explorer = lab.explore()
    for preset in lab.presets:
        explorer.apply_preset(preset.title)
        assert explorer.error is None, explorer.error
    explorer.pin(); explorer.scrub(10); lab.run().plot()
    labsim.compare(lab.run(), lab.run(seed=2))._repr_html_()
    assert all(case.passed for case in lab.trust()), slug
    for number, asked in enumerate(lab.exercises, 1):
        repr(exercise(slug, number)); check(slug, number, asked.answer(lab))
    quiz(slug)._repr_html_()
asyncio.run(thirty(labsim.lab("sqs-asg").explore(duration=600)))
for ask in (labsim.run("sqs-asg").to_frame,
            lambda: labsim.sweep("sqs-asg", over={"cooldown": [60, 300]})):
    try:
        ask()
    except labsim.LabsimError as error:
        print("in words:", error)
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The site of the built-in course."""
    folder = tmp_path_factory.mktemp("lite") / "site"
    lite.make(course_model.built_in(), folder, print)
    return folder


@pytest.fixture(scope="module")
def core(tmp_path_factory):
    """The npm package `pyodide` of the version that the kernel runs."""
    if shutil.which("npm") is None and not CI:
        pytest.skip("npm is missing: it brings Pyodide's core and list of packages")
    folder = tmp_path_factory.mktemp("pyodide")
    release = f"pyodide@{pyodide_bundle.pyodide().version}"
    done = subprocess.run(["npm", "pack", release], cwd=folder, capture_output=True, text=True)
    if done.returncode and not CI:
        pytest.skip("npm can't fetch the package pyodide: no network?")
    with tarfile.open(next(folder.glob("*.tgz"))) as archive:
        archive.extractall(folder)
    return folder / "package"


def names(wheel):
    return {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}


def test_the_site_has_labsim_its_data_and_the_notebooks(site):
    """labsim's wheel with all its files; each learner's notebook, and no solution."""
    course = course_model.built_in()
    wheel = site / "pypi" / f"labsim-{labsim.__version__}-py3-none-any.whl"
    modules = {path.relative_to(ROOT).as_posix() for kind in ("py", "js", "css", "yaml")
               for path in (ROOT / "labsim").rglob(f"*.{kind}")}
    data = {f"labsim/{path.relative_to(ROOT).as_posix()}" for path in (ROOT / "data").rglob("*")
            if path.is_file()}
    assert names(wheel) >= modules | data
    assert not [name for name in names(wheel) if name.endswith(".ipynb")]
    for chapter in course.chapters:
        made = site / "files" / f"{chapter.name}.ipynb"
        assert made.read_bytes() == course.learner(chapter).read_bytes()
    listed = {entry["name"] for entry in json.loads(
        (site / "api/contents/all.json").read_text())["content"]}
    assert listed == {path.name for path in (site / "files").iterdir()}


def test_the_same_bytes_twice(site, tmp_path):
    """Made again, in another folder and in the place of something else."""
    (tmp_path / "again").mkdir()
    (tmp_path / "again" / "old.txt").write_text("old")
    lite.make(course_model.built_in(), tmp_path / "again")
    files = {p.relative_to(site) for p in site.rglob("*") if p.is_file()}
    assert files == {p.relative_to(tmp_path / "again")
                     for p in (tmp_path / "again").rglob("*") if p.is_file()}
    assert filecmp.cmpfiles(site, tmp_path / "again", files, shallow=False)[1:] == ([], [])
    assert [path.name for path in tmp_path.iterdir()] == ["again"]


def test_nothing_of_this_machine_is_in_the_site(site):
    """No path of it, and no time."""
    for path in site.rglob("*"):
        if path.suffix in (".json", ".ipynb", ".html") and path.is_file():
            for place in {str(ROOT), str(Path.home())} - {"/"}:
                assert place not in path.read_text(errors="ignore"), path


def test_the_table_is_what_pyodide_carries(core):
    """`data/pyodide.csv` is made from the lock file of the release that the kernel runs."""
    from jupyterlite_pyodide_kernel.constants import PYODIDE_VERSION

    assert pyodide_bundle.pyodide().version == PYODIDE_VERSION
    assert pyodide_bundle.table(core / "pyodide-lock.json") == (
        ROOT / "data" / pyodide_bundle.TABLE).read_text()


def test_every_dependency_runs_in_the_browser(site, core):
    """From labsim's wheel on: a pure wheel of the site, or Pyodide's at a version that fits."""
    lock = json.loads((core / "pyodide-lock.json").read_text())
    sold = {pyodide_bundle.normal(p["name"]): p["version"] for p in lock["packages"].values()}
    carried = {}
    for wheel in [*site.glob("pypi/*.whl"), *site.glob("extensions/**/pypi/*.whl")]:
        name, version, *tags = wheel.name.removesuffix(".whl").split("-")
        assert tags == ["py3", "none", "any"]
        assert not [n for n in names(wheel) if n.endswith((".so", ".pyd", ".dylib"))]
        carried.setdefault(pyodide_bundle.normal(name), []).append((version, wheel))
    python = {"python_version": "3.14", "sys_platform": "emscripten", "extra": "",
              "platform_system": "Emscripten"}
    todo, seen = ["labsim", *lite.STARTS_WITH], set()
    while todo:
        line = todo.pop()
        need = Requirement(line)
        name = pyodide_bundle.normal(need.name)
        if name in seen or need.marker and not need.marker.evaluate(python):
            continue
        if name in sold and need.specifier.contains(sold[name]):
            continue
        fits = [wheel for version, wheel in carried.get(name, ())
                if need.specifier.contains(version)]
        assert fits, f"{line}: neither in the site nor, fitting, in Pyodide"
        seen.add(name)
        todo += pyodide_bundle.requirements(fits[0].read_bytes())
    assert {"labsim", "simpy", "anywidget", "ipywidgets", "jupyterlab-widgets"} <= seen
    for extension in lite.found_extensions():
        assert (site / "extensions" / extension / "package.json").is_file()


# -- what can't run in a browser is told ---------------------------------------------------------


def made_up(name="madeup", version="1.0", needs=(), tag="py3-none-any"):
    """A wheel of a package that needs others."""
    info = f"{name}-{version}.dist-info"
    lines = "".join(f"Requires-Dist: {need}\n" for need in needs)
    return {f"{name}/__init__.py": b"", f"{info}/WHEEL": f"Tag: {tag}\n".encode(),
            f"{info}/METADATA": f"Name: {name}\nVersion: {version}\n{lines}".encode()}


@pytest.mark.parametrize("need, told", [
    ("no-such-package>=2", 'not installed here: pip install "no-such-package>=2"'),
    ("numba", "has compiled code"),
    ("numpy>=99", "Pyodide .* has 2.* installed here"),
    ("simpy>=99", "is installed here"),
])
def test_what_no_browser_can_run_is_told(need, told):
    """The package that needs it, what it needs, and what there is."""
    root = pyodide_bundle.zipped(made_up(needs=[need]), "here")
    with pytest.raises(notebooks.BuildError, match=f"madeup needs {need}.*{told}"):
        pyodide_bundle.pack([root], [], {}, pyodide_bundle.pyodide())


def test_what_a_third_partys_lab_needs_is_packed(tmp_path, monkeypatch):
    """Its package, what that needs and Pyodide lacks; what only others need stays at home."""
    root = pyodide_bundle.zipped(made_up(needs=[
        "simpy", "pandas", "extra-part[more]; python_version >= '3.14'",
        "pywin32; sys_platform == 'win32'", "pytest; extra == 'test'"]), "here")
    for name, needs in (("extra_part", ["deeper; extra == 'more'"]), ("deeper", [])):
        for path, data in made_up(name, needs=needs).items():
            (tmp_path / path).parent.mkdir(exist_ok=True)
            (tmp_path / path).write_bytes(data)
        (tmp_path / f"{name}-1.0.dist-info/RECORD").write_text("".join(
            f"{path},,\n" for path in made_up(name)))
    monkeypatch.syspath_prepend(tmp_path)
    bundle = pyodide_bundle.pack([root], [], {}, pyodide_bundle.pyodide())
    assert {name.split("-")[0] for name in bundle.wheels} == {
        "madeup", "simpy", "extra_part", "deeper"}
    assert bundle.from_pyodide == {"pandas"}


def test_an_installed_labsim_makes_the_wheel_too(tmp_path, monkeypatch):
    """Where there is no checkout: put together from its record, the same files."""
    name, data = pyodide_bundle.own_wheel("labsim")
    wheel = tmp_path / name
    wheel.write_bytes(data)
    subprocess.run([sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-index",
                    "--target", tmp_path / "site-packages", wheel], check=True)
    found = next(iter(metadata.distributions(path=[str(tmp_path / "site-packages")])))
    again = pyodide_bundle.from_distribution(found, "here")
    assert again == (name, data)


def test_what_is_compiled_from_its_own_python_goes_as_python(tmp_path):
    """As mypyc does it, and as psygnal is on most machines: it works the same without."""
    files = made_up(tag="cp311-cp311-linux") | {
        "madeup/part.py": b"X = 1", "madeup/part.cpython-311.so": b"", "ab12__mypyc.so": b""}
    name, data = pyodide_bundle.zipped(files, "here")
    assert name == "madeup-1.0-py3-none-any.whl"
    (tmp_path / name).write_bytes(data)
    assert names(tmp_path / name) == {"madeup/__init__.py", "madeup/part.py"}
    with pytest.raises(notebooks.BuildError, match="compiled"):
        pyodide_bundle.zipped({**files, "madeup/other.so": b""}, "here")


def test_another_pyodide_than_the_tables_is_told(monkeypatch, tmp_path):
    """And how to make the table anew; nothing is written."""
    monkeypatch.setattr("jupyterlite_pyodide_kernel.constants.PYODIDE_VERSION", "999.0")
    with pytest.raises(notebooks.BuildError, match="999.0, and pyodide.csv .* make it anew"):
        lite.make(course_model.built_in(), tmp_path / "site")
    assert not list(tmp_path.iterdir())


def test_a_missing_notebook_is_told_and_the_old_site_stays(tmp_path):
    """Named, with the command that makes it."""
    course = course_model.built_in()
    old = tmp_path / "site" / "old.txt"
    old.parent.mkdir()
    old.write_text("old")
    lost = course_model.Course("lost", course.chapters, tmp_path / "nowhere", tmp_path,
                          committed=True)
    with pytest.raises(notebooks.BuildError, match="00-start-here.ipynb is missing"):
        lite.make(lost, old.parent)
    assert old.read_text() == "old" and [p.name for p in tmp_path.iterdir()] == ["site"]


def test_a_learner_gets_along_without_threads_and_processes(tmp_path):
    """Every lab, preset, exercise and quiz, and thirty runs, with only the site's packages."""
    (tmp_path / "learner.py").write_text(LEARNER)
    as_in_browser = ROOT / "tests" / "helpers" / "as_in_browser.py"
    done = subprocess.run([sys.executable, as_in_browser, tmp_path / "learner.py"],
                          capture_output=True, text=True,
                          env={**os.environ, "LABSIM_HOME": str(tmp_path)})
    assert done.returncode == 0, done.stderr
    last = done.stdout.splitlines()[-3:]
    assert last[0].startswith("30 of 30 runs") and "no intervals" not in last[0]
    assert [line.split()[2] for line in last[1:]] == ["pandas", "joblib"]
    assert "Not yet" not in done.stdout


# -- a real browser ------------------------------------------------------------------------------


@contextlib.contextmanager
def opened(site, cdn=None):
    """A page, the address of the served site, and the list of what was asked from outside.

    Outside is cut off; the files of the folder `cdn` stand for Pyodide's CDN.
    """
    class Quiet(http.server.SimpleHTTPRequestHandler):
        extensions_map = {**http.server.SimpleHTTPRequestHandler.extensions_map, **KINDS}

        def log_message(self, *args):
            pass
    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Quiet, directory=str(site)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    base, outside = f"http://127.0.0.1:{server.server_port}/", []

    def route(asked):
        url = asked.request.url
        if url.startswith(base) or not url.startswith("http"):
            return asked.continue_()
        outside.append(url)
        file = cdn and cdn / url.rsplit("/", 1)[1]
        if not file or not url.startswith(CDN) or not file.is_file():
            return asked.abort()
        return asked.fulfill(body=file.read_bytes(), headers={"Access-Control-Allow-Origin": "*"},
                             content_type=KINDS.get(file.suffix, "application/octet-stream"))
    try:
        with browser.page(1280, 900) as page:
            page.context.route("**/*", route)
            yield page, base, outside
    finally:
        server.shutdown()


needs_chromium = pytest.mark.skipif(browser.chromium() is None and not CI,
                                    reason="no Chromium: apt install chromium")


@needs_chromium
@pytest.mark.parametrize("address", [
    "lab/index.html?path=01-sqs-asg.ipynb", "notebooks/index.html?path=01-sqs-asg.ipynb",
    "tree/index.html", "repl/index.html?kernel=python&code=import%20labsim"])
def test_only_pyodides_cdn_is_asked(site, core, address):
    """With all outside cut off but Pyodide's core: every page opens, nothing else is asked."""
    with opened(site, core) as (page, base, outside):
        page.goto(base + address)
        if "tree" in address:
            page.get_by_text("01-sqs-asg.ipynb").first.wait_for(timeout=30_000)
        else:
            for _ in range(600):        # until the kernel asks for the last package
                if any("/numpy-" in url for url in outside):
                    break
                page.wait_for_timeout(100)
            page.wait_for_timeout(1_000)
            assert any("/numpy-" in url for url in outside)
        assert not [url for url in outside if not url.startswith(CDN)]


@pytest.fixture(scope="module")
def cdn(core, tmp_path_factory):
    """A stand-in for Pyodide's CDN: its real core; pure packages as installed here; the compiled
    ones, which no registry has, are empty."""
    folder = tmp_path_factory.mktemp("cdn")
    for path in core.iterdir():
        shutil.copy(path, folder)
    lock = json.loads((core / "pyodide-lock.json").read_text())
    packages = lock["packages"]
    got = subprocess.run(
        [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary=:all:",
         "--python-version=3.14", f"micropip=={packages['micropip']['version']}", "-d", folder],
        capture_output=True)
    if got.returncode and not CI:
        pytest.skip("micropip can't be fetched: no network?")
    for package in packages.values():
        try:
            found = metadata.distribution(package["name"])
            file, data = pyodide_bundle.from_distribution(found, "here")
        except (metadata.PackageNotFoundError, notebooks.BuildError):
            file = package["file_name"]
            if not (folder / file).is_file():
                name = package["name"].replace("-", "_").replace(".", "_")
                file, data = pyodide_bundle.zipped(made_up(name, package["version"]), "here")
            else:
                data = (folder / file).read_bytes()
        (folder / file).write_bytes(data)
        package.update(file_name=file, version=file.split("-")[1],
                       sha256=hashlib.sha256(data).hexdigest())
    (folder / "pyodide-lock.json").write_text(json.dumps(lock))
    return folder


# What needs no numpy: the facts, the journal of progress, widgets, and what is lacking.
IN_CONSOLE = '''
import asyncio, os, sys, threading, types
import anywidget, labsim, labsim.errors, simpy, ipywidgets
package = sys.modules["labsim.declare"] = types.ModuleType("labsim.declare")
package.__path__ = [f"{labsim.__path__[0]}/declare"]    # without its __init__, which wants numpy
from labsim.course import progress
from labsim.view import lite_links
progress.record("sqs-asg", "x", False)
progress.record("sqs-asg", "y", True)
print(progress.journal(), len(progress.answers()), sorted(os.listdir("/drive"))[-1])
print(len(labsim.facts("SQS")), "facts")
def said(action):
    try: action()
    except Exception as error: print(type(error).__name__, error)
said(threading.Thread(target=print).start)
said(lambda: labsim.errors.optional("scipy.stats"))
print(lite_links.lite_base())
label = ipywidgets.Label("before")
button = ipywidgets.Button(description="Later")
def later(_):
    asyncio.get_running_loop().call_later(0.01, lambda: setattr(label, "value", "after"))
button.on_click(later)
class Scripted(anywidget.AnyWidget):
    _esm = """export default {render({model, el}) {
        el.textContent = 'of its own script';
        model.send({}, undefined, [new Uint8Array([1, 2, 3]).buffer]);
    }}"""
bytes_of = ipywidgets.Label("")
scripted = Scripted()
scripted.on_msg(lambda _, __, buffers: setattr(
    bytes_of, "value", f"came: {[*map(bytes, buffers)]}"))
ipywidgets.VBox([button, label, scripted, bytes_of])
'''


@needs_chromium
def test_labsim_is_there_when_the_kernel_is(site, cdn):
    """In the real Pyodide, with no install: facts, progress beside the notebooks, widgets, also
    such as the stage is, with bytes that a page sends; and what Python lacks there is what
    `as_in_browser.py` takes away."""
    with opened(site, cdn) as (page, base, outside):
        page.goto(f"{base}repl/index.html?kernel=python&toolbar=1&code={quote(IN_CONSOLE)}")
        button = page.get_by_role("button", name="Later")
        raised = page.locator("[data-mime-type='application/vnd.jupyter.stderr']")
        button.or_(raised).first.wait_for(timeout=180_000)
        assert not raised.count(), raised.first.inner_text()
        printed = page.locator(".jp-OutputArea-output pre").first.inner_text().split("\n")
        button.click()
        page.get_by_text("after", exact=True).wait_for(timeout=10_000)
        page.get_by_text("of its own script", exact=True).wait_for(timeout=10_000)
        page.get_by_text("came: [b'\\x01\\x02\\x03']", exact=True).wait_for(timeout=10_000)
        assert not [url for url in outside if not url.startswith(CDN)]
    assert printed[:5] == [
        "/drive/progress/progress.jsonl 2 progress",
        f"{len(labsim.facts('SQS'))} facts", "RuntimeError can't start new thread",
        "LabsimError scipy is not loaded: run a cell `import scipy` first", base.rstrip("/")]


# -- links ---------------------------------------------------------------------------------------


@some_labs
def test_a_link_opens_the_lab_as_it_was(slug):
    """The Python in it makes the same run, from every preset and for any seed."""
    lab = labs()[slug]
    for number, _ in enumerate(lab.presets, 1):
        params = lab.preset(str(number))
        address = urlsplit(lite_link("https://example.org/course/", lab, params, 100 + number))
        assert address.path == "/course/repl/index.html"
        assert parse_qs(address.query)["kernel"] == ["python"]
        space = {}
        exec(parse_qs(address.query)["code"][0], space)
        result = space["explorer"].result
        assert (result.params, result.seed) == (params, 100 + number)


def test_in_a_browser_the_link_leads_to_this_site(monkeypatch):
    """Elsewhere it is the end of a link of the demo."""
    explorer = labs()["sqs-asg"].explore(arrival_rate=3)
    assert explorer.widget.state["link"] == explorer.link()
    monkeypatch.setattr("labsim.view.explorer.lite_base", lambda: "https://example.org/lite")
    explorer.render()
    link = lite_link("https://example.org/lite", explorer.lab, explorer.result.params)
    assert explorer.widget.state["link"] == link
