"""The arrows point one way, and files stay small."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import labsim
import labsim.factbook

PACKAGE = Path(labsim.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))
# The rooms, from the ground up: a file imports from rooms below its own, and within its own.
GROUND = ("errors", "tables", "text", "theory", "version", "hooks", "plugins", "statistics",
          "factbook", "measurements")
ROOMS = (*GROUND, "engine", "traces", "declare", "services", "builtin", "catalogue", "study",
         "view", "course", "cli", "__main__", "__init__")
# Notebooks are read by learners: they use what the labs are used by.
SOURCES = {"notebook.py", "start_here.py", "build_your_own.py"}
# Where modules are found by name: optional packages, and labs and facts of other packages.
BY_NAME = {"errors.py", "course/pyodide_bundle.py"}


def name_of(path):
    """labsim.view.figure for its file; a package for its __init__."""
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(path): path for path in FILES if path.name not in SOURCES}


def room(module):
    """The room of a module: its place in ROOMS."""
    return ROOMS.index(module.split(".")[1] if "." in module else "__init__")


def imported(path):
    """Every module of labsim that a file imports, within functions, too."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            inner = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from (name if name in MODULES else node.module for name in inner)


def arrows(path):
    """The modules of labsim that a file imports."""
    return {name for name in imported(path) if name.split(".")[0] == "labsim"} - {name_of(path)}


@pytest.mark.parametrize("name", MODULES)
def test_arrows_point_down(name):
    """No file imports from a room above its own; there are no exceptions. `from labsim import x`
    of a module is an import of that module; the public API itself is on top of everything."""
    for other in arrows(MODULES[name]):
        if name != "labsim":
            assert other in MODULES, f"{other} is no module"
            assert room(other) <= room(name), f"{name} imports {other}"


def test_no_circle():
    """Of all imports between files, within functions, too, none leads back to where it began."""
    left = {name: {other for other in arrows(path) if other in MODULES}
            for name, path in MODULES.items() if name != "labsim"}
    while free := [name for name, others in left.items() if not others & set(left)]:
        for name in free:
            del left[name]
    assert not left, f"a circle among {sorted(left)}"


def test_modules_are_found_by_name_only_where_others_add_them():
    """`import_module` finds optional packages; labs and facts of other packages are entry points,
    and the built-in labs are found as folders."""
    for path in FILES:
        if "import_module" in path.read_text():
            assert path.relative_to(PACKAGE).as_posix() in BY_NAME, path


def test_a_lab_is_one_folder():
    """No file of the package outside a lab's folder names the lab, its module or its class."""
    labs = {path.parent.name for path in (PACKAGE / "builtin").glob("*/__init__.py")}
    words = re.compile("|".join(rf"\b{lab}\b|\b{lab.replace('_', '')}params\b" for lab in labs),
                       re.I)
    for path in FILES:
        own = path.relative_to(PACKAGE).parts
        code = "\n".join(line.split("#")[0] for line in path.read_text().splitlines())
        code = re.sub(r'"""(?s:.*?)"""', "", code)
        found = {word for word in words.findall(code) if own[:1] != ("builtin",)}
        assert not found, f"{path}: {found}"


def test_view_knows_no_inside():
    """It reads results: nothing of services, and of the engine only what it offers to all."""
    for name, path in MODULES.items():
        if name.startswith("labsim.view"):
            for module in arrows(path):
                assert not module.startswith(("labsim.services", "labsim.engine.")), module


def part(path):
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_nothing_below_view_draws(path):
    """matplotlib and ipywidgets are the view's business; nobody uses pyplot."""
    modules = set(imported(path))
    assert not any(m.startswith("matplotlib.pyplot") for m in modules)
    if part(path) not in ("view", "cli", "course") and path.name not in SOURCES:
        assert not [m for m in modules if m.split(".")[0] in ("matplotlib", "ipywidgets")]


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_a_file_needs_no_tour(path):
    """At most 300 lines, and it says what it is."""
    text = path.read_text()
    assert text.count("\n") <= 300 or path.name in SOURCES
    assert path.name in SOURCES or ast.get_docstring(ast.parse(text))


@pytest.mark.parametrize("path", sorted((PACKAGE / "services").glob("*/[a-z]*.py")),
                         ids=lambda p: f"{p.parent.name}/{p.name}")
def test_a_service_says_what_it_models_and_what_not(path):
    """In its first lines."""
    head = ast.get_docstring(ast.parse(path.read_text()))
    assert "*Models:*" in head and "*Leaves out:*" in head


def test_public_functions_have_docstrings():
    """Every public function, class and method of the package, overrides excepted."""
    missing = []
    for path in MODULES.values():
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
        "ask", "beside", "breaker", "compare", "curve", "exponential", "facts", "fixed", "gamma",
        "lab", "labs", "measured", "ramp", "retry", "run", "simulate", "spike", "steady", "sweep",
        "theory", "trace", "use_course", "users"])
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


@pytest.mark.parametrize("path", [*sorted((PACKAGE / "services").glob("*/*.py")),
                                  *sorted((PACKAGE / "builtin").glob("*/model.py"))],
                         ids=lambda p: str(p.relative_to(PACKAGE)))
def test_a_number_of_aws_comes_from_the_facts(path):
    """No number above ten that is a fact's stands in a service or a model."""
    known = {fact.number(side) for fact in labsim.factbook.book().values()
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
