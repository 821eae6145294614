"""The arrows point one way, and files stay small."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import labsim

PACKAGE = Path(labsim.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))
# Which part may import which; `errors`, `tables` and `_callable` serve all.
BELOW = {
    "errors": set(), "_callable": set(), "tables": set(), "theory": set(),
    "engine": {"errors"},
    "coursefile": {"errors"}, "packages": set(),
    "facts": {"errors", "_callable", "tables", "coursefile", "packages"},
    "kit": {"engine", "errors", "facts", "tables", "coursefile", "packages"},
    "services": {"engine", "errors", "facts"},
    "labs": {"engine", "errors", "facts", "kit", "services", "theory", "_callable"},
    "view": {"engine", "errors", "facts", "kit", "study", "tables", "theory"},
    "course": {"engine", "errors", "facts", "kit", "tables", "terminal", "view", "_callable",
               "coursefile", "packages"},
    "bench": {"engine", "errors", "kit", "view"},
    "store": {"errors"}, "study": {"errors", "kit", "store", "coursefile"},
    "terminal": {"errors"}, "demos": {"errors", "kit"},
    "cli": {"errors", "kit", "view", "course", "bench", "facts", "study", "terminal",
            "demos"},
}
# Doorways: imported late and against the arrows, because users expect the method there.
DOORWAYS = {
    ("kit/result.py", "labsim.view"),           # Result.plot
    ("kit/result.py", "labsim.view.report"),    # Result.report
    ("kit/lab.py", "labsim.view.explorer"),     # Lab.explore
    ("kit/registry.py", "labsim.labs"),         # where the registry looks
}
INSIDE_ENGINE = {path.stem for path in (PACKAGE / "engine").glob("[a-z]*.py")}


def part(path):
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(path):
    """Every module that a file imports, function-level and by name in import_module too."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif (isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "import_module"
              and isinstance(node.args[0], ast.Constant)):
            yield node.args[0].value


def crossings(path):
    """Imports of other parts of labsim: (name of the file, module imported)."""
    for module in imported(path):
        names = module.split(".")
        if names[0] == "labsim" and len(names) > 1 and names[1] in {*BELOW} - {part(path)}:
            yield path.relative_to(PACKAGE).as_posix(), module


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_arrows_point_one_way(path):
    """Each part imports only what is below it, but for the doorways listed here."""
    if path != PACKAGE / "__init__.py":
        below = BELOW[part(path)]
        assert not [module for _, module in {*crossings(path)} - DOORWAYS
                    if module.split(".")[1] not in below]


def test_every_doorway_is_used():
    """The list of exceptions grows no moss."""
    assert {crossing for path in FILES for crossing in crossings(path)} >= DOORWAYS


def test_view_knows_no_inside():
    """It reads results: nothing of services, and of the engine only what it offers to all."""
    inside = {("labsim", "engine", name) for name in INSIDE_ENGINE} | {("labsim", "services")}
    for path in (PACKAGE / "view").glob("*.py"):
        for module in imported(path):
            names = tuple(module.split("."))
            assert names[:3] not in inside and names[:2] not in inside, module


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_nothing_below_view_draws(path):
    """matplotlib and ipywidgets are the view's business; nobody uses pyplot."""
    modules = set(imported(path))
    assert not any(m.startswith("matplotlib.pyplot") for m in modules)
    if part(path) not in ("view", "bench", "terminal", "course"):
        assert not [m for m in modules if m.split(".")[0] in ("matplotlib", "ipywidgets")]


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_a_file_needs_no_tour(path):
    """At most 300 lines, and it says what it is."""
    text = path.read_text()
    assert text.count("\n") <= 300
    assert ast.get_docstring(ast.parse(text))


@pytest.mark.parametrize("path", sorted((PACKAGE / "services").glob("[a-z]*.py")),
                         ids=lambda p: p.name)
def test_a_service_says_what_it_models_and_what_not(path):
    """In its first lines."""
    head = ast.get_docstring(ast.parse(path.read_text()))
    assert "*Models:*" in head and "*Leaves out:*" in head


def test_public_functions_have_docstrings():
    """Every public function, class and method of the package, overrides excepted."""
    missing = []
    for path in FILES:
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                bases = node.bases
                for inner in [node, *(n for n in node.body if isinstance(n, ast.FunctionDef))]:
                    if not inner.name.startswith("_") and not ast.get_docstring(inner) and not (
                            bases and inner is not node):
                        missing.append(f"{path.name}: {node.name}.{inner.name}")
    assert not missing


def test_the_public_names():
    """What users import, and nothing by accident; each resolves."""
    assert sorted(labsim.__all__) == sorted([
        "BudgetError", "LabsimError", "ParameterError", "Result", "ResultError", "__version__",
        "compare", "facts", "lab", "labs", "run", "sweep", "theory"])
    for name in labsim.__all__:
        assert getattr(labsim, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'lap'"):
        _ = labsim.lap


def seconds(code):
    """CPU seconds that a new process takes for `code`, the best of five, start-up taken off."""
    def once(text):
        before = os.times()
        subprocess.run([sys.executable, "-c", text], check=True)
        after = os.times()
        return sum(after[2:4]) - sum(before[2:4])
    return min(once(code) for _ in range(5)) - min(once("pass") for _ in range(5))


def test_importing_labsim_is_quick():
    """Under a third of pyplot; neither numpy nor matplotlib is loaded."""
    code = ("import sys, labsim; "
            "assert not {'numpy', 'matplotlib', 'simpy', 'pydantic'} & set(sys.modules)")
    subprocess.run([sys.executable, "-c", code], check=True)
    assert seconds("import labsim") < seconds("import matplotlib.pyplot") / 3


def test_no_path_of_a_machine_and_no_address_of_a_registry():
    """In no file of the project but this one, nor a lock file, which would hold addresses."""
    bad = re.compile(r"/(?:root|home|work|opt)/\w|https?://[^\s\"]*/simple\b|pypi\.org"
                     r"|pythonhosted\.org|registry\.npmjs|deb\.debian\.org")
    root = PACKAGE.parent
    files = [*root.glob("*.*"), *root.glob(".ci/*"), *root.glob(".git[ai]*"),
             *(path for folder in ("labsim", "data", "notebooks", "tests")
               for path in (root / folder).rglob("*"))]
    for path in files:
        if path.is_file() and path.suffix != ".pyc" and path.name != "test_architecture.py":
            assert not bad.search(path.read_text(errors="ignore")), path
            assert "lock" not in path.name, path


def numbers_in(path):
    """(line, number) of the numbers written in a file, save those of constants in capitals (they
    are named and explained) and powers (units)."""
    tree = ast.parse(path.read_text())
    named = {inner for node in tree.body if isinstance(node, ast.Assign)
             for inner in ast.walk(node)}
    powers = {node.right for node in ast.walk(tree)
              if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and type(node.value) in (int, float) and (
                node not in named | powers):
            yield node.lineno, node.value


# Numbers that are no facts: conversions of units, percentiles, sizes of windows and of samples.
PLAIN = {10, 60, 100, 1_000, 1_024, 3_600, 86_400, 50, 95, 99, 1_000_000, 10_000, 64, 20}


@pytest.mark.parametrize("path", [*sorted((PACKAGE / "services").glob("*.py")),
                                  *sorted((PACKAGE / "labs").glob("*/model.py"))],
                         ids=lambda p: str(p.relative_to(PACKAGE)))
def test_a_number_of_aws_comes_from_the_facts(path):
    """No number above ten that is a fact's stands in a service or a model."""
    known = {fact.number(side) for fact in labsim.factbook.all_facts().values()
             for side in ("today", "notes") if is_number(fact, side)}
    assert not [(line, number) for line, number in numbers_in(path)
                if number >= 10 and number in known - PLAIN]


def is_number(fact, side):
    try:
        return fact.number(side) is not None
    except ValueError:
        return False


def test_ruff_is_content():
    """Lint, with the rules of pyproject.toml."""
    done = subprocess.run([sys.executable, "-m", "ruff", "check", "--no-cache", PACKAGE.parent],
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
