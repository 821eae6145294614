"""What people measured on AWS: one row of the index per set, one file, its licence."""

import csv

import pytest

from labsim.catalogue import labs
from labsim.errors import LabsimError, ParameterError
from labsim.factbook import book, data_folder
from labsim.measurements import INDEX, measurement, measurements


def test_every_file_is_a_set_and_every_set_a_file():
    """None lies there without a row that says where it comes from; all are numbers with names."""
    folder = data_folder() / "measurements"
    files = {path.name for path in folder.glob("*.csv")} - {INDEX}
    assert files == {one.file for one in measurements().values()}
    for one in measurements().values():
        assert one.file == f"{one.id}.csv" and one.rows()
        assert all(None not in (*row, *row.values()) for row in one.rows()), one.id


@pytest.mark.parametrize("one", measurements().values(), ids=lambda one: one.id)
def test_a_set_says_what_when_where_and_by_whom(one):
    """And under which licence; its topics are labs or services that labsim has."""
    assert all((one.measured, one.when, one.where, one.n, one.source, one.licence_as_seen))
    assert any(topic in labs() or topic in book().topics() or " " in topic
               for topic in one.topics), one.topics


def test_rows_are_chosen_by_what_stands_in_them():
    """By one value or several; a column or a value that is not there is named."""
    latency = measurement("storage-latency")
    assert [row["op"] for row in latency.rows(system="EFS")] == ["read", "write"]
    assert len(latency.rows(system=["EFS", "DynamoDB"], op="read")) == 2
    with pytest.raises(LabsimError, match="storage-latency: unknown column 'sytem': .* system"):
        latency.rows(sytem="EFS")
    with pytest.raises(LabsimError, match="no row where"):
        latency.rows(system="EFX")


def test_an_unknown_set_suggests_the_nearest():
    """As every other name."""
    with pytest.raises(ParameterError, match="did you mean s3-warming"):
        measurement("s3-warning")


def test_the_files_are_as_git_keeps_them():
    """Lines end in a line feed, the last one, too."""
    for path in (data_folder() / "measurements").glob("*.csv"):
        raw = path.read_bytes()
        assert b"\r" not in raw and raw.endswith(b"\n")
        assert len({len(row) for row in csv.reader(raw.decode().splitlines())}) == 1, path
