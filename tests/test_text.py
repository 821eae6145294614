"""How a value is told: the cases are data, for whoever says the same in another language."""

import json
import math
import random
import shutil
import subprocess
from pathlib import Path

import pytest

from labsim.text import RULE, format_value, in_full, is_share, labelled, said, two

CASES = json.loads((Path(__file__).parent / "said.json").read_text())


@pytest.mark.parametrize("value, unit, text", CASES)
def test_a_value_is_told_as_people_say_it(value, unit, text):
    """Times, sizes, shares, counts and prices, in units that people use."""
    assert format_value(value, unit) == text


def test_number_and_unit_come_apart():
    """A large number with a small unit behind it; a percent sign stays at its number."""
    assert said(300, "s") == ("5", "min")
    assert said(0.68, "of requests") == ("68%", "of requests")
    assert said(0.68, "share") == ("68%", "")
    assert said(4, "x") == ("4x", "")
    assert said(math.inf, "s") == ("never", "")


def test_what_is_no_number_is_said_to_be_unknown():
    """Nobody reads nan."""
    assert format_value(math.nan, "s") == "unknown"


@pytest.mark.parametrize("value, unit, text", [
    (1234.5678, "req/s", "1,234.5678 req/s"), (4000, "s", "4,000 s"), (3660, "s", "61 min"),
    (7200.5, "s", "7,200.5 s"), (0.0045678, "s", "4.5678 ms"), (0.07, "of reads", "7% of reads"),
    (0.12345, "share", "12.345%"), (123456789, "keys", "123,456,789 keys"),
    (1, "keys", "1 key"), (2500000000, "bytes", "2.5 GB"), (1536, "bytes", "1,536 bytes")])
def test_what_was_set_is_told_in_full(value, unit, text):
    """A parameter's value is not rounded."""
    assert in_full(value, unit) == text


@pytest.mark.parametrize("value, unit, label, text", [
    (1200, "messages", "visible", "1,200 visible"), (0.805, "of reads", "hits", "80.5% hits"),
    (0.69, "of capacity", "of capacity", "69% of capacity"), (52.3, "%", "CPU", "52.3% CPU"),
    (0.045, "s", "to an answer", "45 ms to an answer"), (12.9, "USD", "USD", "12.9 USD"),
    (100, "req/s", "req/s", "100 req/s")])
def test_a_label_says_what_a_value_is(value, unit, label, text):
    """In a box of the system's picture no unit stands twice, and none is missing."""
    assert labelled(value, unit, label) == text


def test_two_values_say_their_unit_once():
    """A range, and a value with what is to be added and taken away."""
    assert two(240, "to", 420, "s") == "4 to 7 min"
    assert two(0.0123, "\u00b1", 0.0003, "s") == "12.3 \u00b1 0.3 ms"
    assert two(0.6, "to", 0.68, "of requests") == "60% to 68% of requests"
    assert two(1, "to", 5, "messages") == "1 to 5 messages"


def test_only_parts_of_something_are_shares():
    """A number without a unit is a number."""
    assert is_share("share") and is_share("of limit")
    assert not is_share("") and not is_share("offers") and not is_share("%")


@pytest.mark.skipif(not shutil.which("node"), reason="node runs the page's own version")
def test_the_page_says_the_same(tmp_path):
    """A number changes in the browser, without the kernel: its rule gives the same text."""
    rng = random.Random(1)
    units = [*RULE["families"], *RULE["close"], "share", "of reads", "", "batches", "req/s", "USD"]
    cases = [(-value if rng.random() < 0.2 else value, rng.choice(units)) for _ in range(2000)
             for value in (10 ** rng.uniform(-9, 14), rng.randrange(10 ** rng.randrange(1, 12)),
                           rng.randrange(1, 4000) / 8)]
    cases += [case[:2] for case in CASES if math.isfinite(case[0])]
    module = Path(__file__).parents[1] / "labsim" / "view" / "stage" / "said.js"
    (tmp_path / "all.mjs").write_text(f"""{module.read_text()}
        const [rule, cases] = {json.dumps([RULE, cases])};
        console.log(JSON.stringify(cases.map(([value, unit]) => format(value, unit, rule))));""")
    told = json.loads(subprocess.check_output(["node", tmp_path / "all.mjs"], text=True))
    assert told == [format_value(*case) for case in cases]
