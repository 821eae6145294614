"""What is installed is what is promised, from a checkout and from a wheel."""

import json
import re
import subprocess
import sys
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

import labsim

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
    assert requirements(c for c in conda if not re.match(r"(python|pip)\b", c)) == declared
    assert {"pip": ["-e ."]} in environment


def test_every_dependency_has_a_reason():
    """A comment on its line."""
    text = (ROOT / "pyproject.toml").read_text()
    for line in text[text.index("\ndependencies"):text.index("[project.scripts]")].splitlines():
        if re.match(r'\s+"(?!labsim)', line):
            assert "#" in line, line


def test_the_readme_names_every_lab():
    """The table holds what the registry holds."""
    rows = dict(re.findall(r"^\| `([\w-]+)` \| (.+?) \|$", README, re.M))
    assert rows == {lab.slug: lab.summary for lab in labsim.labs().values()}


def test_ci_runs_the_readmes_test_command():
    """The script takes the line out of the README."""
    script = (ROOT / ".ci" / "run").read_text()
    found = subprocess.run(["bash", "-c", next(
        line for line in script.splitlines() if line.startswith("command=")) + "; echo $command"],
        cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert found.strip().endswith(".venv/bin/pytest") and found.strip() in README


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
    """Facts, traces, the learner's notebooks; no tests."""
    names = zipfile.ZipFile(wheel).namelist()
    assert "labsim/data/facts.csv" in names and "labsim/notebooks/01-sqs-asg.ipynb" in names
    assert "labsim/data/traces/shop-day.csv" in names
    assert not [n for n in names if n.startswith("tests")]


def test_the_wheel_works_from_an_empty_folder(wheel, tmp_path):
    """Installed beside the dependencies that are here; run where there is no checkout."""
    venv.create(tmp_path / "env", system_site_packages=False, with_pip=False)
    python = tmp_path / "env" / "bin" / "python"
    site = next((tmp_path / "env" / "lib").glob("python3*/site-packages"))
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    others = next(p for p in sys.path if p.endswith("site-packages"))
    (site / "others.pth").write_text(f"{others}\n")
    empty = tmp_path / "empty"
    empty.mkdir()
    code = ("import labsim, sys; from labsim.cli import main; "
            "assert labsim.__file__.startswith(sys.prefix), labsim.__file__; "
            "sys.exit(main(sys.argv[1:]))")

    def run(*args):
        return subprocess.run([python, "-c", code, *args], cwd=empty, capture_output=True,
                              text=True, check=True).stdout
    assert "sqs-asg" in run("list")
    assert "Default visibility timeout" in run("facts", "sqs")
    assert json.loads(run("run", "sqs-asg", "--duration", "600", "--json"))["lab"] == "sqs-asg"
