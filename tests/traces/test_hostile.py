"""Files that mean harm: one line, within a second and 200 MB, and nothing is written."""

import gzip
import json
import os
import subprocess
import sys
import zipfile

import pytest

TRIES = """
import json, sys, time
from pathlib import Path
from labsim.traces import TraceError, read_trace
for path in sys.argv[1:]:
    best = 9.0
    for _ in range(3):      # of processor time, the best of three: others use the machine too
        begin = time.process_time()
        try:
            said = read_trace(path).notes[0]
        except TraceError as error:
            said = str(error)
        best = min(best, time.process_time() - begin)
        if best < 0.5:
            break
    status = Path("/proc/self/status")      # getrusage would tell of who started this, too
    peak = status.read_text().split("VmHWM:")[1].split()[0] if status.exists() else 0
    print(json.dumps([said, best, int(peak) / 2**10]))
"""
MB = 2**20


def files():
    """Name, content and what is said of it; one at a time, as they are large."""
    yield "empty.csv", b"", "an empty file"
    yield "blank.csv", b"\n" * 20 * MB, "an empty file"
    yield "noise.csv", os.urandom(8 * MB), "a binary file"
    yield "nul.csv", b"timestamp,value\n2023-05-01,\0" + b"5" * 20 * MB, "a binary file"
    yield "late.csv", b"timestamp,value\n2023-05-01,1\n" + b"#" * 50 * MB + b"\0", "a binary file"
    yield "elf.csv", b"\x7fELF\2\1\1" + b"\0" * 9, "a binary file"
    yield "page.csv", b"<html>" + b"<a>" * 9 * MB, "a web page"
    yield "sheet.csv", b"\xd0\xcf\x11\xe0" + b"\0" * 999, "an old Excel workbook"
    yield "latin.csv", "Zeit;Größe\n".encode("cp1252"), "in another encoding"
    yield "member.gz", gzip.compress(b"0" * MB) * 2_000, "unpacked more than"
    yield "line.gz", gzip.compress(b"1," * (MB // 2)) * 60, "a line of more than"
    yield "cut.gz", gzip.compress(b"timestamp,value\n" * 999)[:-9], "cannot be unpacked"
    yield ("columns.csv",
           b"timestamp" + b",a" * 10**6 + b"\n2023-05-01" + b",1" * 10**6,
           "a line of")
    yield "columns.tsv", b"timestamp" + b"\ta" * 5_000 + b"\n", "columns"
    yield "wide.csv", b"timestamp" + b",a" * 999 + (b"\n2023-05-01" + b",1" * 999) * 9_000, "cells"
    yield "commas.csv", b"," * 60 * MB, "a line of"
    yield "quotes.csv", b'"' * 60 * MB, "a line of"
    yield "quote.csv", b't,v\n"' + b"a\n" * 900_000, "not CSV"
    yield "lines.csv", b"t,v\n" + b"\n" * 60 * MB, "lines, at most"
    yield "digits.csv", b"t,v\n2023-05-01," + b"9" * 10_000, "no number"
    yield "digits2.csv", b"t,v\n2023-05-01,1\n2023-05-02," + b"9" * 10_000, "no number"
    yield "digits3.csv", b"t,v\n2023-05-01," + b"9" * 130_000 + b"x", "no number"
    yield "digits4.csv", b"t,v\n" + b"1." * 60_000 + b",5\n", "no time"
    yield ("digits.json",
           b'{"Datapoints":[{"Timestamp":"2023-05-01","Sum":' + b"9" * 10_000 + b"}]}",
           "digits")
    yield ("digits2.json",
           b'{"Datapoints":[{"Timestamp":"2023-05-01","Sum":' + b"9" * 4_000 + b"}]}",
           "no number")
    yield ("label.csv",
           b"Id,m1\nFull label," + b"a" * 65_000 + b"\nLabel," + b"b/ " * 20_000
           + b"\n2023/05/01 12:00:00,5\n",
           "one time")
    yield "formula.csv", b"timestamp,value\n2023-05-01,=cmd|' /C calc'!A0\n", "no number"
    yield "formula2.csv", b"timestamp,value\n=NOW(),5\n=NOW(),5\n", "no time"
    yield "years.csv", b"t,v\n0001-01-01,1\n9999-12-31,1\n", "expected a year"
    yield "brackets.json", b"[" * 40 * MB, "more JSON"
    yield "deep.json", b"[" * 10**6, "too deeply"
    yield "objects.json", b"[" + b"{}," * 700_000 + b"{}]", "other JSON"
    yield "text.json", b'["' + b"a" * 40 * MB + b'"]', "other JSON"
    yield "printed.txt", b"{'a': [" + b"1," * 20 * MB + b"]}", "more JSON"
    yield "printed2.txt", b"{'a': " + b"-" * MB + b"1}", "what Python has printed"
    yield "log.log", b'1.1.1.1 - - [01/May/2023:12:00:00 +0000] "' + b"\\a" * 25 * MB, "a line of"
    yield ("series.csv",
           b"timestamp,x,value\n" + b"".join( b"2023-05-01,g%d,5\n" % i for i in range(300_000)),
           "yet another")


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """A folder with all of them, and what is said of each."""
    folder = tmp_path_factory.mktemp("hostile")
    said = {"big.csv": "2,147,483,648 bytes", "bomb.zip": "unpacked more", "many.zip": "a zip of",
            "folder.csv": "a folder or a device", "pipe": "a folder or a device"}
    for name, content, words in files():
        (folder / name).write_bytes(content)
        said[name] = words
    with open(folder / "big.csv", "wb") as file:
        file.truncate(2 * 2**30)
    with zipfile.ZipFile(folder / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.csv", b"0" * 150 * MB)
    with zipfile.ZipFile(folder / "many.zip", "w") as archive:
        for i in range(5_000):
            archive.writestr(str(i), "")
    (folder / "folder.csv").mkdir()
    if hasattr(os, "mkfifo"):
        os.mkfifo(folder / "pipe")
    return folder, said


def test_one_line_within_a_second_and_200_mb(hostile):
    """One process reads them all; its memory never has more than 200 MB."""
    hostile, expected = hostile
    before = {path.name: path.stat().st_mtime_ns for path in hostile.iterdir()}
    paths = sorted(hostile.iterdir())
    done = subprocess.run([sys.executable, "-c", TRIES, *map(str, paths)], cwd=hostile, check=True,
                          capture_output=True, text=True, timeout=300,
                          env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)})
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(told) == len(paths) and not done.stderr
    for path, (said, seconds, megabytes) in zip(paths, told):
        assert said.startswith(f"{path.name}:") and "\n" not in said and len(said) < 400
        assert expected[path.name] in said, said
        assert seconds < 1, path.name
        assert megabytes < 200, path.name
    slowest = max(seconds for _, seconds, _ in told)
    print(f"measured: hostile files: {slowest:.2f} s at most, {told[-1][2]:.0f} MB")
    assert before == {path.name: path.stat().st_mtime_ns for path in hostile.iterdir()}
