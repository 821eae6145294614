"""The facts: one row each, in the right file, used, and read as either side has them."""

import csv
import re

import pytest

import labsim
from labsim.course.markup import name_of_file
from labsim.factbook import KINDS, book, data_folder, fact, value

FILES = [path for kind in KINDS for path in sorted((data_folder() / kind).glob("*.csv"))]


def rows(path):
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_ids_are_one_fact_each():
    """In all files together; prices are in the files of prices."""
    ids = [row["id"] for path in FILES for row in rows(path)]
    assert len(set(ids)) == len(ids) == len(book())
    for path in FILES:
        assert all((row["kind"] == "price") == (path.parent.name == "prices")
                   for row in rows(path)), path


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_a_file_is_one_services(path):
    """And is named after it."""
    (service,) = {row["service"] for row in rows(path)}
    assert path.stem == name_of_file(service)


@pytest.mark.parametrize("row", book().values(), ids=lambda row: row.id)
def test_a_fact_says_where_it_comes_from(row):
    """A source, a confidence that is one of four, and something to say."""
    assert row.source and row.confidence in ("verified", "measured", "unverified", "notes-only")
    assert row.notes or row.today
    assert not re.search(r"find_string|mirrored (copy|file)|id \d{6}", row.source)


def test_every_fact_is_used():
    """By a model, a notebook, a question or a known answer: none is there for its own sake."""
    top = data_folder().parent
    files = [path for kind in ("py", "yaml") for path in top.glob(f"labsim/**/*.{kind}")]
    used = set(re.findall(r"[a-z0-9_]+\.[a-z0-9_]+", "".join(f.read_text() for f in files)))
    assert not [row["id"] for path in FILES for row in rows(path) if row["id"] not in used]


def test_both_sides_of_a_fact():
    """The notes' value, today's; where one says nothing, the other's."""
    assert (value("kms.rate_default", "notes"), value("kms.rate_default")) == (5_500, 10_000)
    assert fact("kms.rate_default").numbers_differ
    assert value("kinesis.reshard_s", "notes") == value("kinesis.reshard_s") == 30
    assert not fact("kinesis.reshard_s").numbers_differ
    with pytest.raises(ValueError, match="not a number"):
        value("s3.prefix_rule")


def test_a_topic_is_a_service_or_the_start_of_its_ids():
    """In any case of letters."""
    assert labsim.facts("kinesis") == labsim.facts("Kinesis Data Streams")
    assert {f.id.split(".")[0] for f in labsim.facts("S3")} == {"s3"}


def test_what_a_side_does_not_say_is_a_dash():
    """And not a unit without a number: of every fact, in every table."""
    for one in book().values():
        for side in ("notes", "today"):
            assert (one.told(side) == "-") == (not getattr(one, side)), one.id
