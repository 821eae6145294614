"""The `labsim` command: what it prints, what it writes, and how it refuses."""

import csv
import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import alone
import pytest
from over_labs import LABS, each_lab, some_labs

import labsim
from labsim import cli
from labsim.cli import present
from labsim.cli.terminal import find_notebook

SLUG = next(iter(LABS))
CHECKOUT = Path(labsim.__file__).parent.parent


@pytest.fixture
def says(capsys):
    """Runs a command that must succeed, in silence on stderr; returns its standard output."""
    def run(*words):
        assert cli.main(list(words)) == 0
        out, err = capsys.readouterr()
        assert err == ""
        return out
    return run


@pytest.fixture
def refuses(capsys):
    """Runs a command that must fail with status 2 and one line; returns the line."""
    def run(*words):
        assert cli.main(list(words)) == 2
        out, err = capsys.readouterr()
        assert out == "" and err.startswith("labsim: ") and err.count("\n") == 1
        return err.removeprefix("labsim: ").rstrip("\n")
    return run


def elsewhere(*words, **how):
    """The command in a process of its own."""
    return subprocess.Popen([sys.executable, "-m", "labsim.cli", *words], text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, **how)


# -- looking around ------------------------------------------------------------------------------


def test_it_is_also_a_module_to_run(says):
    """`python -m labsim`, where the script is not on the path; `labsim.cli`, as before."""
    for module in ("labsim", "labsim.cli"):
        told = subprocess.run([sys.executable, "-m", module, "list"], capture_output=True,
                              text=True, check=True)
        assert told.stdout == says("list")


def test_list_names_every_lab(says):
    """In course order, each with its title."""
    first_words = [line.split()[0] for line in says("list").splitlines() if line[0] != " "]
    assert first_words == list(LABS)


@each_lab
def test_show_says_all_that_is_declared(says, slug):
    """Every parameter with its range, every preset, every metric."""
    lab, text = LABS[slug], says("show", slug)
    for spec in lab.Params.specs().values():
        assert f"{spec.name} = " in text and f"({spec.allowed})" in text
    for name in [*(p.title for p in lab.presets), *(m.name for m in lab.metrics)]:
        assert f"\n  {name}" in text


def test_facts_lists_topics_and_tells_one(says):
    """`facts` names every service, `facts sqs` prints the table that Python prints."""
    topics = {fact.service for fact in labsim.factbook.book().values()}
    assert {line.split("  ")[0] for line in says("facts").splitlines()} == topics
    assert says("facts", "sqs") == f"{labsim.facts('SQS')}\n"


def test_help_names_every_command_and_ends_with_examples(says, capsys):
    """`labsim` alone is `labsim --help`; it leaves through SystemExit 0."""
    for words in ([], ["--help"]):
        with pytest.raises(SystemExit) as end:
            cli.main(words)
        assert end.value.code == 0
        text = capsys.readouterr().out
        assert all(f"\n    {name} " in text for name in cli.COMMANDS)
        assert text.endswith(cli.EXAMPLES)


def test_every_example_of_the_help_is_understood():
    """Each line that starts with labsim parses."""
    examples = [line for line in cli.EXAMPLES.splitlines() if line.startswith("  labsim ")]
    for line in examples:
        words = line.strip().split("  ")[0].split()[1:]
        assert cli.read(words).command is cli.COMMANDS[words[0]]
    assert len(examples) == 13


@each_lab
def test_help_of_run_explains_every_parameter(slug, capsys, monkeypatch):
    """Its option, help, default with unit, and what is allowed."""
    monkeypatch.setenv("COLUMNS", "10000")      # no line breaks
    with pytest.raises(SystemExit):
        cli.main(["run", slug, "--help"])
    text = capsys.readouterr().out
    for name, spec in LABS[slug].Params.specs().items():
        line = next(ln for ln in text.splitlines() if f"--{name.replace('_', '-')}" in ln)
        assert spec.help in line or spec.help in text
        assert spec.type is bool or spec.allowed in text
        assert not spec.unit or f" {spec.unit}" in text


def test_version(capsys):
    """`labsim --version` prints the package's."""
    with pytest.raises(SystemExit):
        cli.main(["--version"])
    assert capsys.readouterr().out == f"labsim {labsim.__version__}\n"


def test_help_is_there_at_once():
    """Under 0.3 s of processor time, the best of five; nothing big is loaded."""
    code = ("import sys; from labsim.cli import main\n"
            "try: main(['--help'])\n"
            "except SystemExit: assert not {'numpy', 'pydantic', 'simpy'} & set(sys.modules)")

    def seconds():
        before = os.times()
        subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)
        after = os.times()
        return sum(after[2:4]) - sum(before[2:4])
    assert min(seconds() for _ in range(5)) < 0.3


# -- running -------------------------------------------------------------------------------------


@each_lab
def test_json_is_the_result(says, slug):
    """`--json` writes what `Result.to_json` does."""
    assert says("run", slug, "--seed", "7", "--json") == labsim.run(slug, seed=7).to_json() + "\n"


@each_lab
def test_csv_is_the_frame(says, slug):
    """`--csv` writes the numbers of `Result.to_frame`, in full."""
    header, *rows = csv.reader(io.StringIO(says("run", slug, "--csv")))
    frame = labsim.run(slug).to_frame()
    assert header == ["t", *frame.columns]
    assert [[float(x) for x in row] for row in rows] == frame.reset_index().values.tolist()


def test_dashes_underscores_and_order_do_not_matter(says):
    """The same run, however it is written."""
    expected = labsim.run(SLUG, seed=3, arrival_rate=3.0, drain=True, instances=12).to_json() + "\n"
    for words in (["run", SLUG, "--arrival-rate", "3", "--drain", "--instances=12", "--seed", "3"],
                  ["run", "--seed=3", SLUG, "--arrival_rate=3.0", "--drain", "--instances", "12"],
                  ["run", "--drain", "--arrival_rate", "3e0", "--instances", "12", "--seed", "3",
                   SLUG, "--no-drain", "--drain"]):
        assert says(*words, "--json") == expected


@some_labs
def test_a_preset_is_where_the_run_starts(says, slug):
    """By number or by title; parameters that are given come on top."""
    lab = LABS[slug]
    for preset in lab.presets:
        expected = lab.run(lab.Params(**preset.values)).to_json() + "\n"
        for name in (preset.title, preset.name, preset.title.split()[0]):
            assert says("run", slug, "--preset", name, "--json") == expected


def test_only_what_is_given_is_passed(says, tmp_path):
    """So a trace is run whole unless `--duration` says less."""
    trace = tmp_path / "trace.csv"
    trace.write_text("".join(f"2026-01-01T00:{5 * i:02}:00Z,{i}\n" for i in range(4)))
    words = ["run", SLUG, "--workload", "trace", "--trace", str(trace), "--json"]
    assert json.loads(says(*words))["params"]["duration"] == 4 * 300
    assert json.loads(says(*words, "--duration", "600"))["params"]["duration"] == 600


@each_lab
def test_the_report_has_every_metric_the_cost_and_the_first_events(says, slug):
    """And says that everything was left at its default."""
    text, result = says("run", slug), labsim.run(slug)
    lines = text.splitlines()
    assert "Seed 1; everything else as default." in " ".join(lines[:3])
    for metric in LABS[slug].metrics:
        assert any(ln.startswith(f"{metric.name} ") and metric.meaning in ln for ln in lines)
    assert all(f"\n  {item} " in text for item in result.cost)
    assert all(event.text in text for event in result.events[:10])


def test_the_report_says_what_was_changed_and_done_to_the_input(says, tmp_path):
    """The parameter with its unit; a trace's notes."""
    trace = tmp_path / "trace.csv"
    trace.write_text("2026-01-01T00:00:00Z,9\n2026-01-01T00:05:00Z,9\n2026-01-01T00:15:00Z,9\n")
    text = says("run", SLUG, "--workload", "trace", "--trace", str(trace), "--boot-time", "90")
    told = " ".join(text.split())
    assert f"trace {trace}; " in told and "boot_time 90 s" in told
    assert "\nNote: " in text


@pytest.mark.parametrize(("name", "start"), [("a.png", b"\x89PNG"), ("a.svg", b"<?xml"),
                                             ("a.PDF", b"%PDF")])
def test_a_plot_is_written_the_same_every_time(tmp_path, capsys, name, start):
    """In the format of the file's name; the report is printed too."""
    files = [tmp_path / "1" / name, tmp_path / "2" / name]
    for file in files:
        file.parent.mkdir()
        assert cli.main(["run", SLUG, "--plot", str(file)]) == 0
    assert files[0].read_bytes().startswith(start)
    assert files[0].read_bytes() == files[1].read_bytes()
    out, err = capsys.readouterr()
    assert LABS[SLUG].title in out and err == "".join(f"wrote {file}\n" for file in files)


def test_files_beside_the_report(tmp_path, capsys):
    """`--json FILE --csv FILE` write both; the JSON can be read back."""
    one, other = tmp_path / "a.json", tmp_path / "a.csv"
    assert cli.main(["run", SLUG, "--json", str(one), "--csv", str(other)]) == 0
    assert labsim.Result.from_json(one.read_text()).seed == 1
    assert other.read_text().startswith("t,") and LABS[SLUG].title in capsys.readouterr().out


def test_progress_is_for_terminals_and_for_more_than_a_second(monkeypatch, capsys):
    """tqdm on stderr, told to wait a second; nothing where stderr is no terminal."""
    tqdm = pytest.importorskip("tqdm")
    bars = []

    class Fake:
        def __init__(self, **how):
            bars.append(how)
            self.n = 0

        def update(self, more):
            self.n += more

        def close(self):
            bars.append(round(self.n))
    monkeypatch.setattr(tqdm, "tqdm", Fake)
    cli.main(["run", SLUG])
    assert bars == []
    cli.main(["run", SLUG, "--progress"])
    assert bars[0]["delay"] == 1 and bars[0]["file"] is sys.stderr and bars[1] == 100
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    cli.main(["run", SLUG])
    assert len(bars) == 4
    capsys.readouterr()


@pytest.mark.parametrize(("slug", "words", "values"), [
    (SLUG, "--duration 10m --spike-start 1m30s --boot-time 1,500ms --arrival-rate 1.5k/s "
     "--policy SIMPLE", {"duration": 600, "spike_start": 90, "boot_time": 1.5,
                         "arrival_rate": 1_500, "policy": "simple"}),
    (SLUG, "--duration 1,200 --low-ratio 50% --policy Target_Tracking",
     {"duration": 1_200, "low_ratio": 0.5, "policy": "target-tracking"}),
    ("s3-prefix", "--object-size 2MB --get-rate 10k --duration 1h",
     {"object_size": 2_000_000, "get_rate": 10_000, "duration": 3_600}),
    ("ebs-iops", "--size 1TiB --io-size=64KiB --storage GP3 --provisioned-throughput 500MiB/s",
     {"size": 1_024, "io_size": 64, "storage": "gp3", "provisioned_throughput": 500}),
    ("lambda-concurrency", "--caller SQS --memory 512MB --threads --max-concurrency 10",
     {"caller": "sqs", "memory": 512, "threads": True}),
    ("dynamodb-capacity", "--mode on_demand --item-size 2KiB",
     {"mode": "on-demand", "item_size": 2_048})])
def test_amounts_and_choices_as_people_type_them(says, slug, words, values):
    """Suffixes that fit the unit, thousands, choices in any case."""
    params = json.loads(says("run", slug, *words.split(), "--json"))["params"]
    assert {name: params[name] for name in values} == values


def test_counts_of_other_options_and_of_studies_are_amounts_too(says):
    """Seeds, replications, a share in percent, the values of --over."""
    assert json.loads(says("run", SLUG, "--duration=10m", "--seed", "1,000", "--json"))[
        "seed"] == 1_000
    words = ("sweep", SLUG, "--duration", "5m", "--replications", "2", "--csv")
    assert says(*words, "--over", "boot_time=1m,1.5m", "--until", "5%") == says(
        *words, "--over", "boot_time=60,90", "--until", "0.05")
    assert says(*words, "--over", "drain=YES,no") == says(*words, "--over", "drain=true,false")
    assert says(*words, "--over", "policy=None,STEP", "--design", "List") == says(
        *words, "--over", "policy=none,step", "--design", "list")


def test_a_parameter_without_effect_is_in_a_note_and_not_among_what_was_changed(says):
    """It is named with the parameter that switches it off."""
    told = " ".join(says("run", SLUG, "--policy", "none", "--cooldown", "1h").split())
    assert "cooldown 1 h" not in told and "policy none" in told
    assert "Note: cooldown has no effect while policy is none" in told
    told = says("run", SLUG, "--policy", "simple", "--cooldown", "10m")
    assert "cooldown 10 min" in " ".join(told.split()) and "no effect" not in told


def test_the_json_says_the_unit_of_each_number(says):
    """Of the summary and of the series; the table has the same numbers and units."""
    data = json.loads(says("run", SLUG, "--json"))
    assert data["units"] == {m.name: m.unit for m in LABS[SLUG].metrics}
    rows = {line.split()[0]: line.split() for line in says("run", SLUG).splitlines() if line}
    assert rows["wait_p95"][2] == data["units"]["wait_p95"] == data["series"]["wait"]["unit"] == "s"
    assert float(rows["wait_p95"][1]) == pytest.approx(data["summary"]["wait_p95"], rel=0.005)


# -- refusing ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("words", "line"), [
    ("--arrival-rate -3", "arrival_rate: given -3.0, allowed a number from 0 to 100,000 msg/s"),
    ("--arrival_rate -1e6",
     "arrival_rate: given -1000000.0, allowed a number from 0 to 100,000 msg/s"),
    ("--arrival-rate=-inf", "arrival_rate: given -inf, allowed a number from 0 to 100,000 msg/s"),
    ("--arrival-rate nan", "arrival_rate: given nan, allowed a number from 0 to 100,000 msg/s"),
    ("--arrival-rate x", "arrival_rate: given 'x', allowed a number from 0 to 100,000 msg/s"),
    ("--instances 1.5",
     "instances: given 1.5, allowed a whole number from 0 to 1,000 instances"),
    ("--policy best", "policy: given 'best', allowed one of none, target-tracking, simple, step"),
    ("--arival-rate 3", "unknown option '--arival-rate': did you mean --arrival-rate?"),
    ("--seed -1", "seed: given -1, allowed a whole number from 0 to 2**63 - 1"),
    ("--seed x", "seed: given 'x', allowed a whole number from 0 to 2**63 - 1"),
    ("--plot a.bmp", "plot: given 'a.bmp', allowed a file name that ends in .png, .svg, .pdf"),
    ("more", "more: one word too many (labsim run --help tells more)"),
    ("--boot-time --drain",
     "argument --boot-time: expected one argument (labsim run --help tells more)"),
    ("--arrival-rate 5m", "arrival_rate: given '5m'; m does not go with msg/s: type 5 or 5000000 "
     "(5 million)"),
    ("--duration=10M",
     "duration: given '10M'; M does not go with s: type 600 (10 minutes) or 10000000 (10 million)"),
    ("--instances 10KB", "instances: given '10KB'; KB does not go with instances: type 10"),
    ("--duration 1,5", "duration: given '1,5'; a comma separates thousands, as in 1,000, and a "
     "point the fraction, as in 1.5"),
    ("--policy Target", "policy: given 'Target', allowed one of none, target-tracking, simple, "
     "step; did you mean target-tracking?"),
    ("--drain yes",
     "--drain takes no value, given 'yes': write --drain for yes, --no-drain for no"),
    ("--drain=FALSE",
     "--drain takes no value, given 'FALSE': write --drain for yes, --no-drain for no"),
    ("--no-drain 4",
     "--no-drain takes no value, given '4': write --drain for yes, --no-drain for no"),
    ("--drain -1", "--drain takes no value, given '-1': write --drain for yes, --no-drain for no"),
    ("--progress yes", "--progress takes no value, given 'yes': write --progress alone"),
    ("--json --csv", "--json and --csv both on standard output: give one of them a FILE"),
])
def test_a_wrong_word_gets_one_line(refuses, words, line):
    """With the name, what was given, what is allowed, or the nearest name."""
    assert refuses("run", "sqs-asg", *words.split()) == line


def test_a_misspelt_preset_suggests_the_nearest(refuses):
    """By its whole title."""
    title = LABS["sqs-asg"].presets[1].title
    assert refuses("run", "sqs-asg", "--preset", f"{title}x") == (
        f"unknown preset {title + 'x'!r}: did you mean {title}?")


@pytest.mark.parametrize(("words", "line"), [
    ("run sqs-asq", "unknown lab 'sqs-asq': did you mean sqs-asg?"),
    ("show sqs-ag", "unknown lab 'sqs-ag': did you mean sqs-asg?"),
    ("open sqs_asg", "unknown lab 'sqs_asg': did you mean sqs-asg?"),
    ("rum", "unknown command 'rum': did you mean run?"),
    ("facts EC3", "unknown topic 'EC3': did you mean EC2?"),
    ("run", "the following arguments are required: SLUG (labsim run --help tells more)"),
    ("bench --customers 5",
     "customers: given 5, allowed a whole number from 1,000 to 5,000,000"),
])
def test_a_wrong_name_suggests_the_nearest(refuses, words, line):
    """Labs, commands, topics."""
    assert refuses(*words.split()) == line


@each_lab
def test_every_option_misspelt_suggests_itself(refuses, slug):
    """A letter at the end that does not belong there."""
    for name in LABS[slug].Params.specs():
        option = f"--{name.replace('_', '-')}"
        assert refuses("run", slug, f"{option}q=1").endswith(f"did you mean {option}?")


@pytest.mark.parametrize("option", ["--json", "--csv", "--plot"])
def test_a_file_that_cannot_be_written_gets_one_line(refuses, tmp_path, option):
    """A folder that is not there."""
    path = str(tmp_path / "none" / "a.png")
    assert refuses("run", SLUG, option, path) == (
        f"{path}: cannot be written: No such file or directory")


@pytest.mark.parametrize("words", [["--help"], ["show", SLUG], ["run", SLUG, "--csv"]])
def test_a_closed_pipe_is_quiet(words):
    """As in `labsim show sqs-asg | head -1`."""
    reading, writing = os.pipe()
    os.close(reading)
    process = subprocess.run([sys.executable, "-m", "labsim.cli", *words], stdout=writing,
                             stderr=subprocess.PIPE)
    os.close(writing)
    assert (process.returncode, process.stderr) == (0, b"")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="a Linux device")
def test_a_full_disk_gets_one_line():
    """On standard output."""
    with open("/dev/full", "w") as full:
        process = subprocess.run([sys.executable, "-m", "labsim.cli", "list"], stdout=full,
                                 stderr=subprocess.PIPE, text=True)
    assert process.returncode == 2
    assert process.stderr == "labsim: standard output: No space left on device\n"


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_ctrl_c_is_quiet():
    """Exit status 130."""
    process = subprocess.Popen([*alone.INTERRUPTIBLE, "bench", "--customers", "150000",
                                "--progress"], text=True, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE)
    try:
        process.stderr.read(1)      # the progress bar: it has begun
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130 and out == "" and "Traceback" not in err


# -- opening -------------------------------------------------------------------------------------


@pytest.fixture
def started(monkeypatch, tmp_path):
    """The commands that would have been started."""
    commands = []
    monkeypatch.setattr(present, "start", commands.append)
    monkeypatch.setenv("LABSIM_HOME", str(tmp_path / "home"))
    return commands


@each_lab
def test_open_starts_jupyterlab_on_the_notebook(says, started, slug):
    """In a checkout the notebook that stands there; options of JupyterLab are handed on."""
    pytest.importorskip("jupyterlab")
    says("open", slug, "--no-browser", "--ServerApp.token=x_y")
    python, m, module, path, *rest = started[0]
    assert [python, m, module] == [sys.executable, "-m", "jupyterlab"]
    assert Path(path).parent == CHECKOUT / "notebooks" and path.endswith(f"-{slug}.ipynb")
    root = ["--allow-root"] if os.geteuid() == 0 else []
    hidden = [f"--ContentsManager.hide_globs={name}"
              for name in ("solutions", "conftest.py", "__pycache__")]
    assert rest == [*root, *hidden, "--no-browser", "--ServerApp.token=x_y"]


def test_solutions_are_out_of_a_learners_sight(tmp_path):
    """JupyterLab's file browser, as it is opened, has the notebooks and nothing with answers."""
    contents = pytest.importorskip("jupyter_server.services.contents.filemanager")
    from labsim.cli.present import HIDDEN
    shown = contents.FileContentsManager(root_dir=str(CHECKOUT / "notebooks"), parent=None)
    shown.hide_globs = [option.partition("=")[2] for option in HIDDEN]
    names = {entry["name"] for entry in shown.get("")["content"]}
    assert names == {path.name for path in (CHECKOUT / "notebooks").glob("*.ipynb")}


def test_open_alone_starts_at_the_beginning(says, started):
    """00-start-here."""
    pytest.importorskip("jupyterlab")
    says("open")
    assert started[0][3] == str(CHECKOUT / "notebooks" / "00-start-here.ipynb")


def test_an_installed_notebook_is_copied_and_nothing_is_overwritten(tmp_path, monkeypatch):
    """The learner's own copy stays as it is."""
    package, here = tmp_path / "labsim", tmp_path / "here"
    (package / "notebooks").mkdir(parents=True)
    here.mkdir()
    (package / "notebooks" / "01-x.ipynb").write_text("new")
    monkeypatch.chdir(here)
    assert find_notebook("x", package) == here / "01-x.ipynb"
    assert (here / "01-x.ipynb").read_text() == "new"
    (here / "01-x.ipynb").write_text("my answers")
    assert find_notebook("x", package).read_text() == "my answers"


def test_without_jupyterlab_open_says_what_to_install(refuses, started, monkeypatch):
    """One line, and nothing is started or copied."""
    monkeypatch.setattr(present.importlib.util, "find_spec", lambda name: None)
    assert refuses("open") == 'JupyterLab is not installed: pip install "labsim[lab]"'
    assert started == []


def test_a_study_from_the_command_line(says, tmp_path):
    """The table that Python gives; as CSV all of it, and a file to go on with."""
    words = ("sweep", "sqs-asg", "--over", "cooldown=60,300", "--policy", "simple",
             "--duration=600", "--replications", "2", "--file", str(tmp_path / "a.parquet"))
    shown = says(*words)
    assert shown.count("wait_p95") == 2 and (tmp_path / "a.parquet").exists()
    table = labsim.sweep("sqs-asg", over={"cooldown": [60.0, 300.0]}, policy="simple",
                         duration=600.0, replications=2)
    assert says(*words, "--csv") == table.to_csv(index=False)
    assert "wait_p50" in says(*words, "--metric", "wait_p50")


@pytest.mark.parametrize("words, told", [
    (("--over", "cooldwn=1"), "did you mean cooldown"), (("--over", "cooldown"), "over"),
    (("--over", "cooldown=x"), "cooldown"), (("--over", "cooldown=1,000"), "to be written 1000"),
    (("--over", "cooldown=60", "--until", "soon"), "until: given 'soon'"),
    (("--replications", "many"), "replications")])
def test_a_study_that_makes_no_sense(refuses, words, told):
    """One line that says what is wrong."""
    assert told in refuses("sweep", "sqs-asg", "--duration", "600", *words)


@some_labs
def test_known_answers_from_the_command_line(slug, says):
    """The table, and how many agree."""
    assert says("check", slug).endswith(" known answers, 0 differ\n")


def test_a_known_answer_that_differs_is_exit_status_1(monkeypatch, capsys):
    """For a check in CI."""
    from labsim.study import known_answers as trust
    wrong = trust.TrustTable([trust.Check("rule", "x", "y", 1, 2, 0.0, False)])
    monkeypatch.setattr(type(labsim.lab(SLUG)), "trust", lambda self: wrong)
    with pytest.raises(SystemExit) as end:
        cli.main(["check", SLUG])
    assert end.value.code == 1 and "1 known answers, 1 differ" in capsys.readouterr().out


def test_facts_that_differ(says):
    """Where the notes say one thing and AWS another today."""
    text = says("facts", "--diff", "kms")
    assert "5,500" in text and "10,000" in text and "0.03" not in text


def test_a_file_of_traffic_is_told_and_drawn(says, refuses, tmp_path, capsys):
    """What it is, as wide as the terminal, and the command that runs it; refused in one line."""
    path, png = tmp_path / "my shop.csv", tmp_path / "shop.png"
    path.write_text("time,requests/s\n2026-03-01 00:00,0.5\n2026-03-01 00:05,2\n")
    out = says("trace", str(path), "--as", "rate")
    assert "2 periods of 300 s" in out and "750 requests in all" in out
    assert f"--trace '{path}' --trace-as rate" in out
    assert cli.main(["trace", str(path), "--as", "rate", "--plot", str(png)]) == 0
    assert png.read_bytes().startswith(b"\x89PNG") and capsys.readouterr().out == out
    assert "trace_as=rate" in refuses("trace", str(path))
    assert "file name that ends in" in refuses("trace", str(path), "--plot", "shop.txt")
