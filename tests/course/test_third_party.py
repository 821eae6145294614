"""A lab of another package has everything that the built-in ones have; a broken one breaks none."""

import json
import re

import pytest
from third_party import ROOT, coffee, install, python

import labsim
from labsim.catalogue import is_builtin
from labsim.course.course_model import built_in

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A folder on the path with the coffee bar."""
    return coffee(tmp_path_factory.mktemp("site"))


def run(site, *words, **how):
    """The `labsim` command; must succeed."""
    done = python(site, "-m", "labsim.cli", *words, **how)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_command_line_knows_it(site, tmp_path):
    """list, show, run, sweep, check, facts; a typing error suggests it."""
    assert [line.split()[0] for line in run(site, "list").splitlines()[::2]] == [
        *(slug for slug, lab in labsim.labs().items() if is_builtin(lab)), "coffee-bar"]
    assert "brew_time" in run(site, "show", "coffee-bar")
    told = json.loads(run(site, "run", "coffee-bar", "--baristas", "3", "--json"))
    assert told["lab"] == "coffee-bar" and told["summary"]["cost_usd"] == 120
    table = run(site, "sweep", "coffee-bar", "--over", "baristas=2,3", "--replications", "3")
    assert "wait_mean" in table
    assert "5 known answers, 0 differ" in run(site, "check", "coffee-bar")
    assert "Pay of a barista" in run(site, "facts", "coffee")
    typo = python(site, "-m", "labsim.cli", "run", "cofee-bar")
    assert typo.returncode == 2 and "did you mean coffee-bar" in typo.stderr


EVERYTHING = """
import labsim
from labsim.course import exercise, quiz
lab = labsim.lab("coffee-bar")
explorer = lab.explore()
for preset in lab.presets:
    explorer.apply_preset(preset.title)
    assert explorer.error is None and explorer.result.params == lab.preset(preset.title)
assert lab.trust().passed and len(lab.trust()) == 5
assert len(quiz("coffee-bar").questions) == 3
assert "4 baristas for 2 h" in exercise("coffee-bar", 1).text
assert labsim.run("coffee-bar", facts="notes").params.brew_time == 30
lab.run().plot()
labsim.compare(lab.run(), lab.run(lab.preset("2")))
"""


def test_explorer_trust_quiz_exercises_and_pictures(site):
    """Each as for a built-in lab."""
    done = python(site, "-c", EVERYTHING)
    assert done.returncode == 0, done.stderr


def test_the_contract_holds_for_it(site):
    """labsim's own contract tests run on it as they stand."""
    contract = ROOT / "tests" / "builtin" / "test_contract.py"
    done = python(site, "-m", "pytest", "-n0", "-p", "no:cacheprovider", contract, "-k",
                  "coffee-bar", cwd=ROOT)
    assert done.returncode == 0, done.stdout
    passed = re.search(r"(\d+) passed, (?!.*skipped)", done.stdout)
    mine = contract.read_text().count("@each_lab")
    assert passed and int(passed[1]) >= mine > 10


def test_the_build_makes_its_notebooks(site, tmp_path):
    """After the built-in chapters; what is committed stays as it is."""
    number = f"{max(int(c.number) for c in built_in().chapters if c.lab) + 1:02}"
    out = run(site, "build", "--only", number, "--parts", "learner,instructor,zip",
              "--to", tmp_path)
    assert f"made learner/{number}-coffee-bar.ipynb" in out
    text = (tmp_path / "instructor" / f"{number}-coffee-bar.ipynb").read_text()
    assert "2 baristas and 0.05 guests/s; a coffee takes 25 s" in text
    assert "Right. The model gives 160 USD." in text
    assert "what their sources make" in run(site, "build", "--check")
    assert not list((ROOT / "notebooks").glob("*coffee*"))


FACTS = "id,service,quantity,unit,notes,today,kind,confidence,source,comment\n"
LAB = """
import dataclasses, labsim.builtin.sqs_asg
lab = dataclasses.replace(labsim.builtin.sqs_asg.lab, slug={slug!r}, order={order}, Params={params})
"""
LAB_ENTRY, FACTS_ENTRY = "[labsim.labs]\nbad = bad:lab\n", "[labsim.facts]\nbad = bad\n"
P = "labsim.builtin.sqs_asg.lab.Params"


@pytest.mark.parametrize("entry, files, told", [
    (LAB_ENTRY, {"bad.py": "import no_such_module"}, "ModuleNotFoundError"),
    (LAB_ENTRY, {"bad.py": "raise SystemExit(3)"}, "SystemExit: 3"),
    (LAB_ENTRY, {"bad.py": "x ="}, "SyntaxError"),
    (LAB_ENTRY, {"bad.py": "other = 1"}, "AttributeError"),
    (LAB_ENTRY, {"bad.py": "lab = 'coffee'"}, "bad:lab is no Lab but a str"),
    (LAB_ENTRY, {"bad.py": LAB.format(slug="sqs-asg", order=1, params=P)},
     "there is another lab sqs-asg"),
    (LAB_ENTRY, {"bad.py": LAB.format(slug="../x", order=1, params=P)}, "has the name '../x'"),
    (LAB_ENTRY, {"bad.py": LAB.format(slug="x", order="'a'", params=P)}, "order is no number"),
    (LAB_ENTRY, {"bad.py": LAB.format(slug="x", order=1, params="dict")}, "no Params"),
    ("[labsim.labs]\nbad = bad\n", {"bad.py": ""}, "bad is no Lab but a module"),
    ("[labsim.labs]\nbad = ?!\n", {}, "AttributeError"),
    ("[labsim.facts]\nbad = ?!\n", {}, "AttributeError"),
    (FACTS_ENTRY, {"bad/__init__.py": ""}, "no facts"),
    (FACTS_ENTRY, {}, "no package bad"),
    (FACTS_ENTRY, {"bad/__init__.py": "", "bad/facts.csv": "a,b\n1,2\n"}, "its columns are not"),
    (FACTS_ENTRY, {"bad/__init__.py": "", "bad/facts.csv": FACTS + "x.y,X\n"}, "is short"),
    (FACTS_ENTRY, {"bad/__init__.py": "", "bad/facts.csv":
                   FACTS + "kms.rate_default,KMS,q,u,1,1,limit,verified,s,\n"},
     "another package has the facts kms.rate_default"),
])
def test_a_broken_package_is_told_of_and_the_rest_works(entry, files, told, tmp_path):
    """One line on stderr that names it; every built-in lab and fact is there."""
    install(tmp_path, "bad-lab", entry, files)
    lists = python(tmp_path, "-c", "import labsim; labsim.facts('SQS'); print(*labsim.labs())")
    assert lists.returncode == 0, lists.stderr
    assert lists.stdout.split() == [slug for slug, lab in labsim.labs().items() if is_builtin(lab)]
    (line,) = lists.stderr.splitlines()
    assert line.startswith("labsim: package bad-lab 1.0 is left out: ") and told in line


def test_questions_that_are_broken_are_told_of(tmp_path):
    """The other questions are there."""
    coffee(tmp_path)
    (tmp_path / "coffee_lab" / "questions.yaml").write_text("- id: x\n")
    done = python(tmp_path, "-c", "from labsim.course.questions import all_questions; "
                                  "print(len(all_questions()))")
    from labsim.course.questions import all_questions
    assert int(done.stdout) == len([q for q in all_questions() if q.topic != "Coffee"])
    assert "coffee-bar: questions.yaml" in done.stderr and done.stderr.count("\n") == 1


def test_two_packages_with_one_lab(tmp_path):
    """The first by name has it; the other is told of."""
    coffee(tmp_path)
    install(tmp_path, "tea-lab", "[labsim.labs]\ntea = coffee_lab:lab\n", {})
    done = python(tmp_path, "-m", "labsim.cli", "list")
    assert done.stdout.count("coffee-bar") == 1
    assert done.stderr == ("labsim: package tea-lab 1.0 is left out: there is another lab "
                           "coffee-bar\n")
