"""What is installed is what is promised, from a checkout and from a wheel."""

import json
import re
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

import labsim
from labsim.catalogue import is_builtin

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
README = (ROOT / "README.md").read_text()


def requirements(lines):
    return {(r.name, str(r.specifier)) for r in map(Requirement, lines) if r.name != "labsim"}


def test_environment_yml_has_the_dependencies_of_pyproject():
    """Core, lab, build and fast: the same names, the same ranges, nothing more."""
    extras = PROJECT["optional-dependencies"]
    declared = requirements(PROJECT["dependencies"] + extras["lab"] + extras["build"]
                            + extras["fast"])
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    conda = [line for line in environment if isinstance(line, str)]
    assert f"python{PROJECT['requires-python']}" in conda
    assert requirements(c for c in conda if not re.match(r"(python|pip)([^\w-]|$)", c)) == declared
    assert {"pip": ["-e ."]} in environment


def test_every_dependency_has_a_reason():
    """A comment on its line."""
    text = (ROOT / "pyproject.toml").read_text()
    for line in text[text.index("\ndependencies"):text.index("[project.scripts]")].splitlines():
        if re.match(r'\s+"(?!labsim)', line):
            assert "#" in line, line


def test_the_readme_names_every_lab():
    """The table holds what comes with labsim, in course order."""
    rows = dict(re.findall(r"^\| `([\w-]+)` \| (.+?) \|$", README, re.M))
    labs = [lab for lab in labsim.labs().values() if is_builtin(lab)]
    assert [*rows.items()] == [(lab.slug, lab.summary) for lab in labs]


def test_ci_runs_the_readmes_test_command():
    """The script takes the line out of the README."""
    script = (ROOT / ".ci" / "run").read_text()
    found = subprocess.run(["bash", "-c", next(
        line for line in script.splitlines() if line.startswith("command=")) + "; echo $command"],
        cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert found.strip().endswith(".venv/bin/pytest") and found.strip() in README


def test_the_readmes_commands_are_one_line_each():
    """The first opens the labs, the second runs all tests; plain venv and pip."""
    lines = re.findall(r"^```sh\n(.*?)\n?```", README, re.M | re.S)
    start = "python3 -m venv .venv && .venv/bin/pip install -e "
    assert lines == [f'{start}".[lab]" && .venv/bin/labsim open',
                     f'{start}".[test]" && .venv/bin/pytest']


def test_the_readmes_python_runs():
    """As it stands, each block in a new process."""
    blocks = re.findall(r"^```python\n(.*?)```", README, re.M | re.S)
    assert len(blocks) == 3
    for code in blocks:
        subprocess.run([sys.executable, "-c", code], check=True)


def test_the_files_that_the_readme_names_are_there():
    """Tests, data, folders and pictures."""
    names = re.findall(r"`((?:tests|data|labsim|notebooks)/[a-z0-9_/.]*)`", README)
    assert len(names) > 5
    assert not [name for name in names if not (ROOT / name).exists()]


def test_the_picture_of_the_readme_is_there():
    """And it is a picture."""
    name = re.search(r"!\[.*?\]\((.+?)\)", README)[1]
    assert (ROOT / name).read_bytes().startswith(b"\x89PNG")


def test_the_version_is_said_once_more_only_here():
    """pyproject.toml and the package agree."""
    assert PROJECT["version"] == labsim.__version__


def test_the_top_level_stays_small():
    """Nothing but the layout of the design, and dotfiles."""
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    if tracked.returncode:
        pytest.skip("not a git checkout")
    tops = {line.split("/")[0] for line in tracked.stdout.splitlines()}
    assert {t for t in tops if not t.startswith(".")} <= {
        "environment.yml", "README.md", "pyproject.toml", "LICENSE", "notebooks", "labsim",
        "data", "tests"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel of this checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run([sys.executable, "-m", "build", "--wheel", "--no-isolation", "-o",
                    str(folder), str(ROOT)], check=True, capture_output=True)
    return next(folder.glob("*.whl"))


def test_the_wheel_carries_data_and_notebooks(wheel):
    """All of data/ and every notebook, inside the package, and the package's own files."""
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    carried = {f"labsim/{path.relative_to(ROOT).as_posix()}" for path in [
        *(p for p in (ROOT / "data").rglob("*") if p.is_file()),
        *(ROOT / "notebooks").glob("*.ipynb"), *(ROOT / "notebooks/solutions").glob("*.ipynb")]}
    carried |= {path.relative_to(ROOT).as_posix()       # questions, style sheets, templates
                for path in (ROOT / "labsim").rglob("*")
                if path.is_file() and path.suffix not in (".py", ".pyc")}
    assert {name for name in names if not name.endswith(".py")} == carried
    assert {name.split("/")[0] for name in names} == {"labsim"}
    for lab in filter(is_builtin, labsim.labs().values()):
        home = lab.home.relative_to(ROOT).as_posix()
        assert {f"{home}/notebook.py", f"{home}/known_answers.yaml"} <= names


def test_an_editable_install_is_a_pointer(tmp_path):
    """No copy of data or notebooks, which would grow old."""
    subprocess.run([sys.executable, "-c", "import sys; from hatchling.build import "
                    "build_editable; build_editable(sys.argv[1])", tmp_path], cwd=ROOT,
                   check=True, capture_output=True)
    names = zipfile.ZipFile(next(tmp_path.glob("*.whl"))).namelist()
    assert [n for n in names if ".dist-info/" not in n] == ["_labsim.pth"]


def test_the_wheel_works_from_an_empty_folder(wheel, tmp_path):
    """Installed by pip beside the dependencies that are here; run where there is no checkout."""
    venv.create(tmp_path / "env", with_pip=False)
    scripts = tmp_path / "env" / ("Scripts" if sys.platform == "win32" else "bin")
    subprocess.run([sys.executable, "-m", "pip", "--python", scripts / "python", "install", "-q",
                    "--no-index", "--no-deps", wheel], check=True)
    site = Path(subprocess.run([scripts / "python", "-c",
                                "import sysconfig; print(sysconfig.get_path('purelib'))"],
                               capture_output=True, text=True, check=True).stdout.strip())
    (site / "others.pth").write_text(sysconfig.get_path("purelib"))
    empty = tmp_path / "empty"
    empty.mkdir()

    def run(*command):
        return subprocess.run(command, cwd=empty, capture_output=True, text=True,
                              check=True).stdout
    where = run(scripts / "python", "-c", "import labsim; print(labsim.__file__)").strip()
    assert Path(where).is_relative_to(site)
    assert [line.split()[0] for line in run(scripts / "labsim", "list").splitlines()[::2]] == [
        *labsim.labs()]
    assert "Default visibility timeout" in run(scripts / "labsim", "facts", "sqs")
    assert "0 differ" in run(scripts / "labsim", "check", "s3-prefix")
    count = "from labsim.course.questions import all_questions as q; print(len(q()))"
    assert int(run(scripts / "python", "-c", count)) > 50
    for slug, lab in labsim.labs().items():
        told = run(scripts / "labsim", "run", slug, "--json", "-")
        assert json.loads(told)["lab"] == lab.slug
    assert not list(empty.iterdir())
