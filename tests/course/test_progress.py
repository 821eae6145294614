"""Progress: nothing that was confirmed is ever lost, and nothing that is damaged goes unsaid."""

import json
import os
import random
import stat
import subprocess
import sys
import threading
import time
import warnings

import pytest

import labsim
from labsim import cli
from labsim.cli import present
from labsim.course import check, progress, quiz
from labsim.course.append_log import Damaged
from labsim.course.progress_report import ProgressReport, standing
from labsim.errors import LabsimError


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """Progress in a folder of its own."""
    monkeypatch.setenv("LABSIM_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def damage(data: bytes):
    """Write bytes at the end of the journal."""
    with open(progress.journal(), "ab") as file:
        file.write(data)


def names():
    """The exercises in the journal, in order, in silence."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Damaged)
        return [a["exercise"] for a in progress.answers()]


# -- killed, full, many at once ---------------------------------------------------------------

WRITER = """
import sys
from labsim.course import progress
for i in range(100_000):
    assert progress.record("lab", f"{sys.argv[1]}-{i}", True, {"x": i})
    print(f"{sys.argv[1]}-{i}", flush=True)     # confirmed
"""


def test_two_hundred_kills_lose_no_confirmed_answer(home):
    """kill -9 at 200 random moments while two notebooks write: all that was confirmed is there,
    whole and once. A line is torn in the rarest case alone, where a kill meets the kernel between
    two pages of the file; it was never confirmed, and spoils no other."""
    luck, confirmed = random.Random(1), []
    for kill in range(100):
        writers = [subprocess.Popen([sys.executable, "-c", WRITER, f"{kill}{side}"], text=True,
                                    stdout=subprocess.PIPE) for side in "ab"]
        confirmed.append(writers[0].stdout.readline().strip())
        for writer in writers:
            time.sleep(luck.uniform(0, 0.02))
            writer.kill()
        for writer in writers:
            confirmed += writer.communicate()[0].split("\n")[:-1]       # the last may be cut
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Damaged)
        kept = [a["exercise"] for a in progress.answers()]
    torn = progress.journal().with_suffix(".damaged")
    assert not torn.exists() or len(torn.read_bytes().splitlines()) <= 3
    assert len(confirmed) > 500 and len({name.split("-")[0] for name in confirmed}) > 150
    assert len(set(kept)) == len(kept) and set(confirmed) <= set(kept)
    assert len(kept) - len(confirmed) <= 200    # one a kill: on the disk, not yet confirmed


def test_right_is_said_only_when_it_is_on_the_disk(capsys, monkeypatch):
    """The answer is in the file, and the file synced, before the first word is printed."""
    progress.record("lab", "a", True)
    synced, sync = [], os.fsync

    def watch(file):
        sync(file)
        synced.append((os.fstat(file).st_size, capsys.readouterr().out))
    monkeypatch.setattr(os, "fsync", watch)
    check("sqs-asg", 4, "b")
    assert synced == [(progress.journal().stat().st_size, "")]
    assert capsys.readouterr().out.startswith("Right.")


@pytest.mark.parametrize("room", [0, 1, 40, 150, 151])
def test_a_full_disk_tells_and_tears_no_line(room, home):
    """However much of a line still fits: it is taken back, and the next ones are whole."""
    progress.record("lab", "before", True)
    size = progress.journal().stat().st_size
    code = ("from labsim.course import progress\n"
            "print([progress.noted('lab', f'full{i}', True, 'x' * 200) for i in range(3)])")
    resource = pytest.importorskip("resource")
    limit = (size + room, resource.RLIM_INFINITY)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True,
                          preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limit))
    assert done.stdout.count("could not be saved") == 3
    assert progress.journal().stat().st_size == size
    progress.record("lab", "after", True)
    assert [a["exercise"] for a in progress.answers()] == ["before", "after"]


@pytest.mark.parametrize("where", ["folder is a file", "no leave"])
def test_a_disk_that_cannot_be_written_breaks_nothing(where, monkeypatch, capsys, tmp_path):
    """The answer is checked, and one line says why it was not saved."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("LABSIM_HOME", str(tmp_path / "file"))
    if where == "no leave":
        def refuse(path, flags, mode=0o777):
            raise PermissionError(13, "Permission denied")
        monkeypatch.setenv("LABSIM_HOME", str(tmp_path))
        progress.journal().write_text("")
        monkeypatch.setattr(os, "open", refuse)
        with pytest.warns(Damaged, match="can't be read: Permission denied; it is left as it is"):
            check("sqs-asg", 4, "b")
    else:
        with pytest.warns(Damaged, match="Not a directory"):
            check("sqs-asg", 4, "b")
    out = capsys.readouterr().out
    assert out.startswith("Right.") and out.count("could not be saved") == 1


def test_many_threads_write_whole_lines():
    """Eight at once, fifty answers each."""
    def write(k):
        assert all(progress.record("lab", f"{k}-{i}", True) for i in range(50))
    threads = [threading.Thread(target=write, args=(k,)) for k in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(names()) == sorted(f"{k}-{i}" for k in range(8) for i in range(50))


def test_a_notebook_that_stands_still_stops_no_other(monkeypatch):
    """Who holds the lock and does not go on is waited for a while; then the answer is written."""
    fcntl = pytest.importorskip("fcntl")
    monkeypatch.setattr("labsim.course.append_log.PATIENCE", 0.05)
    progress.record("lab", "a", True)
    with open(progress.journal(), "rb+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert progress.record("lab", "b", True) and names() == ["a", "b"]


# -- damaged by hand --------------------------------------------------------------------------

BAD = {
    "torn": b'{"lab": "lab", "exer',
    "not an object": b"[1, 2]\n",
    "nested": b"[" * 100_000 + b"]" * 100_000 + b"\n",
    "nested in an answer": b'{"lab":"l","exercise":"e","right":true,"answer":'
                           + b"[" * 900 + b"]" * 900 + b"}\n",
    "not UTF-8": b'{"lab": "\xff\xfe", "exercise": "e", "right": true}\n',
    "other types": b'{"lab": 1, "exercise": ["e"], "right": "yes"}\n',
    "a terminal's language": b'{"lab":"\\u001b[2J","exercise":"e","right":true}\n',
    "half a character": b'{"lab":"\\ud800","exercise":"e","right":true}\n',
    "NaN": b'{"lab":"l","exercise":"e","right":true,"answer":1e999}\n',
    "no time": b'{"lab":"l","exercise":"e","right":true,"at":"9999-99-99"}\n',
    "zeros": b"\0" * 4096,
    "long": b'{"lab":"l","exercise":"e","right":true,"answer":"' + b"x" * 10**6 + b'"}\n',
}


@pytest.mark.parametrize("kind", BAD)
def test_what_cannot_be_read_is_kept_and_told_once_each_time(kind, home):
    """All other lines count; a second damage is kept and told too, and the file stays."""
    progress.record("lab", "a", True)
    damage(BAD[kind])
    progress.record("lab", "b", True)
    with pytest.warns(Damaged, match=r"1 line of progress.jsonl can't be read: kept as "
                                     r"progress.damaged beside it; all others count"):
        assert progress.solved("lab") == {"a", "b"}
    assert BAD[kind].strip() in (home / "progress.damaged").read_bytes()
    assert progress.solved("lab") == {"a", "b"}     # no second warning
    damage(b"and again\n")
    with pytest.warns(Damaged, match="1 line of"):
        assert progress.solved("lab") == {"a", "b"}
    aside = (home / "progress.damaged").read_bytes()
    assert BAD[kind].strip() in aside and b"and again" in aside
    assert BAD[kind].strip() in progress.journal().read_bytes()


def test_saved_by_an_editor():
    """A byte order mark and Windows' line ends are no damage; nor is a line without its end."""
    old = b'{"lab": "lab", "exercise": "a", "right": true}'
    progress.record("lab", "b", True)
    new = progress.journal().read_bytes().strip()
    progress.journal().write_bytes(b"\xef\xbb\xbf" + old + b"\r\n\r\n" + new)
    progress.record("lab", "c", False)
    assert [a["exercise"] for a in progress.answers()] == ["a", "b", "c"]


@pytest.mark.parametrize("kind", ["folder", "pipe", "link to a device"])
def test_what_is_no_file_is_put_aside_and_told(kind, home):
    """With what is in it; the answer is saved in a new file. A second time as well."""
    for name in ("progress.aside", "progress.aside-2"):
        home.mkdir(exist_ok=True)
        path = progress.journal()
        path.unlink(missing_ok=True)
        if kind == "folder":
            path.mkdir()
            (path / "mine").write_text("precious")
        elif kind == "pipe":
            os.mkfifo(path)
        else:
            path.symlink_to("/dev/null")
        with pytest.warns(Damaged, match=f"was no file: it is now {name} beside it"):
            check("sqs-asg", 4, "b")
        assert len(names()) == 1 and os.path.lexists(home / name)
    if kind == "folder":
        assert (home / "progress.aside" / "mine").read_text() == "precious"


def test_a_link_is_followed_and_a_dead_one_told(home, tmp_path):
    """Some keep their files elsewhere."""
    home.mkdir()
    (tmp_path / "real").mkdir()
    progress.journal().symlink_to(tmp_path / "real" / "mine.jsonl")
    with pytest.warns(Damaged, match="a link to a file that is not there"):
        assert progress.answers() == []
    assert progress.record("lab", "a", True) and progress.journal().is_symlink()
    assert names() == ["a"] and (tmp_path / "real" / "mine.jsonl").is_file()


def test_a_hundred_megabytes(home):
    """Of noise: kept, told, and the answer before it and after it count."""
    progress.record("lab", "a", True)
    noise = random.Random(1).randbytes(1_000_000)
    for _ in range(100):
        damage(noise)
    progress.record("lab", "b", True)
    with pytest.warns(Damaged, match="lines of progress.jsonl can't be read"):
        assert progress.solved("lab") == {"a", "b"}


def test_the_file_is_the_learners_own(home):
    """Nobody else reads it."""
    progress.record("lab", "a", True)
    assert stat.S_IMODE(progress.journal().stat().st_mode) == 0o600


@pytest.mark.parametrize("answer, kept", [
    (4.5, 4.5), ("b", "b"), ({"x": 1, 2: [True]}, {"x": 1, "2": [True]}),
    (float("nan"), "nan"), ({1, 2}, "{1, 2}"), (10**400, 10**400)])
def test_an_answer_is_kept_as_it_was_given(answer, kept):
    """As JSON has it; what it has not as a text. An old line without an answer is still read."""
    progress.record("lab", "a", True, answer)
    assert progress.answers()[0]["answer"] == kept
    damage(b'{"lab": "lab", "exercise": "old", "right": true}\n')
    assert "answer" not in progress.answers()[1] and progress.solved("lab") == {"a", "old"}


def test_numpy_numbers_are_numbers(capsys):
    """Also in a dict; and what holds itself is no danger."""
    import numpy as np
    assert progress.plain({"a": np.int64(3), "b": np.float64(0.5)}) == {"a": 3, "b": 0.5}
    loop: dict = {}
    loop["loop"] = loop
    assert isinstance(progress.plain(loop), str)
    check("sqs-asg", 1, np.int64(4950))
    assert capsys.readouterr().out.startswith("Right.")


# -- from one machine to another --------------------------------------------------------------

def test_export_and_import_bring_two_machines_together(home, tmp_path, monkeypatch, capsys):
    """Nothing twice, nothing lost, however often; two alike stay two."""
    for name in ("a", "b"):
        progress.record("lab", name, True, 1)
    old = b'{"lab": "lab", "exercise": "old", "right": false}\n'
    damage(old + old)
    file = tmp_path / "mine.jsonl"
    assert cli.main(["progress", "--export", str(file)]) == 0
    monkeypatch.setenv("LABSIM_HOME", str(tmp_path / "other"))
    progress.record("lab", "c", True)
    damage(old)
    for added, known in ((3, 1), (0, 4)):
        assert progress.merge(file) == (added, known)
    assert sorted(names()) == ["a", "b", "c", "old", "old"]
    assert cli.main(["progress", "--import", str(file)]) == 0
    assert capsys.readouterr().err.endswith("0 answers added, 4 were here already\n")


@pytest.mark.parametrize("data, message", [
    (b"", "there are no answers in it"), (b"\n\n", "there are no answers in it"),
    (b"hello\n", "line 1 is no answer"), (b"\x89PNG\r\n\x1a\n", "line 1 is no answer"),
    (b"[" * 10**6, "line 1 is no answer"), (b"x" * (17 * 2**20), "too large for a journal"),
    *((b'{"lab":"l","exercise":"e","right":true}\n' + bad, "line 2 is no answer")
      for kind, bad in BAD.items() if kind != "zeros")])
def test_an_import_that_is_none_adds_nothing(data, message, tmp_path, capsys):
    """One line that says which line; what is here stays as it is."""
    progress.record("lab", "a", True)
    (tmp_path / "file").write_bytes(data)
    assert cli.main(["progress", "--import", str(tmp_path / "file")]) == 2
    out, err = capsys.readouterr()
    assert message in err and err.count("\n") == 1 and out == ""
    assert err[:-1].isprintable() and names() == ["a"]


@pytest.mark.parametrize("kind", ["folder", "pipe", "none"])
def test_an_import_of_what_is_no_file(kind, tmp_path):
    """Does not wait for a pipe."""
    path = tmp_path / "x"
    {"folder": path.mkdir, "pipe": lambda: os.mkfifo(path), "none": lambda: None}[kind]()
    with pytest.raises(LabsimError, match="can't be read"):
        progress.merge(path)


# -- what is done and what is next ------------------------------------------------------------

def solve(slug, number=None):
    """Answer exercises of a lab rightly, or all, and the quiz."""
    for e in labsim.lab(slug).exercises[:number]:
        progress.record(slug, e.id, True, 1)
    for q in quiz(slug).questions if number is None else ():
        progress.record(slug, f"quiz:{q.id}", True, q.answer)


def test_what_is_next():
    """The lab one is in, until it is done; then the one after it, round to what was left out."""
    slugs = list(labsim.labs())
    assert standing().next.lab.slug == slugs[0] and not standing().begun
    solve(slugs[1], 2)
    assert (standing().next.lab.slug, standing().next.open) == (slugs[1], 3)
    for slug in slugs[1:]:
        solve(slug)
    assert standing().next.lab.slug == slugs[0]
    solve(slugs[0])
    assert standing().next is None
    assert standing().next_step() == "Every exercise is solved, and every quiz."


def test_a_lab_is_done_when_exercises_and_quiz_are():
    """Exercises alone leave the quiz, the quiz alone leaves exercises."""
    slug, lab = next(iter(labsim.labs().items()))
    solve(slug, len(lab.exercises))
    assert standing().next_step() == f"Next: {slug}, quiz."
    assert standing().table()[0][3] == "quiz"
    for q in quiz(slug).questions:
        assert standing().rows[0].next == "quiz"
        progress.record(slug, f"quiz:{q.id}", True, q.answer)
    assert standing().table()[0][3] == "done" and standing().next.lab.slug != slug


def test_a_lab_or_an_exercise_that_is_no_more_is_kept(capsys):
    """And counts nowhere."""
    progress.record("lab-of-old", "a", True)
    progress.record("sqs-asg", "exercise-of-old", True)
    assert "1 answers are kept that are of labs not installed here" in repr(standing())
    assert standing().rows[0].solved == frozenset()


def test_progress_shows_every_lab(capsys):
    """Exercises and quiz; a right card counts in every lab of its topic."""
    solve("sqs-asg", 2)
    assert cli.main(["progress"]) == 0
    out = capsys.readouterr().out
    for slug, lab in labsim.labs().items():
        assert f"\n{slug} " in out and f"of {len(lab.exercises)} " in out
    count = len(labsim.lab("sqs-asg").exercises)
    assert f"2 of {count}" in out and "Next: sqs-asg, exercise 3" in out
    shared = ProgressReport([{"lab": "quiz", "exercise": "quiz:kms-quota", "right": True}])
    assert isinstance(shared._repr_html_(), str)


def test_a_warning_is_one_line_in_a_terminal(capsys):
    """Not Python's, with a path."""
    progress.record("lab", "a", True)
    damage(b"x\n")
    assert cli.main(["progress"]) == 0
    err = capsys.readouterr().err
    assert err.startswith("labsim: 1 line of progress.jsonl") and err.count("\n") == 1


def test_open_goes_on_where_one_was(monkeypatch, capsys):
    """It says what is done and next, and opens that lab; the first time the page to start with."""
    pytest.importorskip("jupyterlab")
    opened = []
    monkeypatch.setattr(present, "start", lambda command: opened.append(command[3]))
    assert cli.main(["open"]) == 0 and capsys.readouterr().out == ""
    solve("sqs-asg")
    solve("kinesis-shards", 1)
    assert cli.main(["open"]) == 0
    out = capsys.readouterr().out
    assert out.count("\n") == 3 and "Next: kinesis-shards, exercise 2" in out
    assert cli.main(["open", "s3-prefix"]) == 0
    assert [path.split("/")[-1][3:] for path in opened] == [
        "start-here.ipynb", "kinesis-shards.ipynb", "s3-prefix.ipynb"]


def test_lines_are_json_objects():
    """So that anybody can read them: lab, exercise, right, answer, at."""
    progress.record("lab", "a", True, 5)
    (line,) = progress.journal().read_text().splitlines()
    entry = json.loads(line)
    assert list(entry) == ["lab", "exercise", "right", "answer", "at"] and entry["answer"] == 5
