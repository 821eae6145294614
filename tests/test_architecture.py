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
# Which part may import which; `errors` and `_callable` know nothing and serve all.
BELOW = {
    "errors": set(), "_callable": set(), "engine": {"errors"}, "theory": set(),
    "facts": {"errors", "_callable"},
    "kit": {"engine", "errors"},
    "services": {"engine", "errors", "facts"},
    "labs": {"engine", "errors", "facts", "kit", "services", "_callable"},
    "view": {"engine", "errors", "kit", "theory"},
    "course": {"errors", "facts", "kit", "view"},
    "bench": {"engine", "errors", "kit", "view"},
    "cli": {"errors", "kit", "view", "course", "bench", "facts"},
}
# Doorways: text that is imported late, against the arrows, because a user expects the method.
DOORWAYS = {("kit", "labsim.view"), ("kit", "labsim.view.explorer"), ("kit", "labsim.labs")}


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


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_arrows_point_one_way(path):
    """Each part imports only what is below it, but for the doorways listed here."""
    own = part(path)
    if own == "__init__":
        return
    for module in imported(path):
        names = module.split(".")
        if names[0] == "labsim" and len(names) > 1 and names[1] in BELOW and names[1] != own:
            assert names[1] in BELOW[own] or (own, module) in DOORWAYS, module


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_nothing_below_view_draws(path):
    """matplotlib and ipywidgets are the view's business; nobody uses pyplot."""
    modules = set(imported(path))
    assert not any(m.startswith("matplotlib.pyplot") for m in modules)
    if part(path) not in ("view", "bench", "cli", "course"):
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
    assert not [m for m in missing if not m.startswith("style.py")]


def test_the_public_names():
    """What users import, and nothing by accident; each resolves."""
    assert sorted(labsim.__all__) == sorted([
        "BudgetError", "LabsimError", "ParameterError", "Result", "ResultError", "__version__",
        "compare", "facts", "lab", "labs", "run", "theory"])
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
    """In no file of the project."""
    bad = re.compile(r"/(?:root|home|work|opt)/\w|https?://[^\s\"]*/simple\b")
    root = PACKAGE.parent
    for path in [*root.glob("*.*"), *PACKAGE.rglob("*.py"), *(root / "notebooks").rglob("*.*"),
                 *(root / "tests").rglob("*.py"), *(root / "data").rglob("*.csv")]:
        if path.is_file() and path.suffix != ".pyc" and path.name != "test_architecture.py":
            assert not bad.search(path.read_text(errors="ignore")), path


def test_ruff_is_content():
    """Lint, with the rules of pyproject.toml."""
    done = subprocess.run([sys.executable, "-m", "ruff", "check", "--no-cache", PACKAGE.parent],
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
