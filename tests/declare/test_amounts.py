"""What people type for a number: in the parameter's unit, or refused with the plain number."""

import pytest
from over_labs import LABS, each_lab

from labsim.declare.amounts import Unclear, amount
from labsim.errors import ParameterError


@pytest.mark.parametrize(("text", "unit", "value"), [
    ("5m", "s", 300), ("5 min", "s", 300), ("1h", "s", 3_600), ("1H", "s", 3_600),
    ("2d", "s", 172_800), ("1w", "s", 604_800), ("1.5h", "s", 5_400), ("1h30m", "s", 5_400),
    ("1d 2h 3m 4s", "s", 93_784), ("250ms", "s", 0.25), ("20us", "s", 2e-5), ("90s", "s", 90),
    ("90 seconds", "s", 90), ("5m", "ms", 300_000), ("0.3s", "ms", 300), ("2d", "days", 2),
    ("1w", "days", 7), ("48h", "days", 2), ("-5m", "s", -300), (".5h", "s", 1_800),
    ("2MB", "bytes", 2_000_000), ("2mb", "bytes", 2_000_000), ("512KiB", "bytes", 524_288),
    ("1TiB", "GiB", 1_024), ("1.5TiB", "GiB", 1_536), ("1GiB", "KiB", 1_048_576),
    ("100 MiB/s", "MiB/s", 100), ("1GiB/s", "MiB/s", 1_024), ("1GiB", "MiB/s", 1_024),
    ("10MBps", "bytes/s", 10_000_000), ("7 B", "bytes", 7), ("3 GiB", "GiB", 3),
    ("512MiB", "MB", 512), ("512 MB", "MB", 512),
    ("10k", "req/s", 10_000), ("10K", "req/s", 10_000), ("1.5M", "req/s", 1_500_000),
    ("10M", "IOPS", 10_000_000), ("2G", "items", 2e9), ("1.001k", "items", 1_001),
    ("10k/s", "req/s", 10_000), ("10k req/s", "req/s", 10_000), ("10/s", "req/s", 10),
    ("5 instances", "instances", 5), ("1 instance", "instances", 1), ("2x", "x", 2),
    ("1,000", "s", 1_000), ("1,000,000.5", "req/s", 1_000_000.5), ("12,500", "", 12_500),
    ("-1,000", "", -1_000), ("1,000k", "req/s", 1_000_000), ("1,200ms", "s", 1.2),
    ("50%", "%", 50), ("7.5 %", "%", 7.5),
    ("1e3", "s", 1_000), ("-1.5E-3", "x", -0.0015), ("1e3k", "", 1e6), ("1_000", "", 1_000),
    (" 4 ", "s", 4), ("0", "s", 0)])
def test_an_amount_is_a_number_of_its_unit(text, unit, value):
    """Exactly: a thousand and one is no thousand and one and a bit."""
    assert amount(text, unit) == value


@pytest.mark.parametrize(("text", "unit", "told"), [
    ("5m", "req/s", "m does not go with req/s: type 5 or 5000000 (5 million)"),
    ("10M", "s", "M does not go with s: type 600 (10 minutes) or 10000000 (10 million)"),
    ("10k", "s", "k does not go with s: type 10000 (10 thousand)"),
    ("1.5G", "days", "type 1500000000 (1.5 thousand million)"),
    ("10K", "bytes", "type 10000 (10 KB) or 10240 (10 KiB)"),
    ("1T", "GiB", "type 931.3225746 (1 TB) or 1024 (1 TiB)"),
    ("1Mb", "bytes", "type 1000000 (1 MB) or 1048576 (1 MiB)"),
    ("2GB", "MB", "type 2000 (2 GB) or 2048 (2 GiB)"),
    ("2GiB", "MB", "type 2000 (2 GB) or 2048 (2 GiB)"),
    ("5m", "bytes", "type 5000000 (5 MB) or 5242880 (5 MiB)"), ("100MB/s", "bytes", "type 100"),
    ("3h", "instances", "h does not go with instances: type 3"),
    ("7KB", "req/s", "KB does not go with req/s: type 7"),
    ("50%", "req/s", "% does not go with req/s: type 50"),
    ("50%", "", "% does not go with a number without a unit: type 50"),
    ("5 parsecs", "s", "parsecs does not go with s: type 5"),
    ("1,5", "s", "a comma separates thousands, as in 1,000, and a point the fraction"),
    ("1,0000", "s", "a comma separates thousands"), ("0,500", "s", "a comma separates thousands")])
def test_a_suffix_that_does_not_fit_is_answered_with_the_plain_number(text, unit, told):
    """No guess where two things could be meant."""
    with pytest.raises(Unclear) as refused:
        amount(text, unit)
    assert told in str(refused.value)


@pytest.mark.parametrize("text", ["", " ", "x", "k", "m", "--5", "5-", "1.2.3", "1,,000", ",5",
                                  "5m,3", "1e", "e3", "+", "0x10", "1 000 x 3"])
def test_what_is_no_number_is_refused(text):
    """Without a proposal, or with one that is a number; never read as something."""
    with pytest.raises(ValueError):
        amount(text, "s")


def test_a_share_may_be_a_percentage():
    """Only where the parameter ends at 1."""
    assert amount("50%", "of TTL", share=True) == 0.5
    assert amount("0.5", "", share=True) == 0.5


@each_lab
def test_every_plain_number_is_read_as_it_is(slug):
    """The bounds of every parameter, plain and as the tables print them; with its unit, too."""
    for spec in LABS[slug].Params.specs().values():
        for value in spec.bounds or ():
            for text in (repr(value), f"{value:,}", f"{value:,} {spec.unit}"):
                assert spec.parse(text) == value


@each_lab
def test_every_choice_is_read_in_any_case(slug):
    """`_`, `-` and blanks alike; a word cut short suggests the nearest."""
    lab = LABS[slug]
    for name, spec in lab.Params.specs().items():
        for choice in spec.choices:
            for text in (choice.upper(), choice.title().replace("-", "_"),
                         f" {choice.replace('-', ' ')} "):
                assert spec.parse(text) == choice
        if spec.choices:
            with pytest.raises(ParameterError, match=f"did you mean {spec.choices[-1]}\\?"):
                lab.Params(**{name: f"{spec.choices[-1]}q"})


@pytest.mark.parametrize(("text", "value"), [("Yes", True), ("TRUE", True), ("on", True),
                                             ("1", True), ("No", False), ("false", False),
                                             ("OFF", False), ("0", False), ("maybe", "maybe")])
def test_yes_and_no_in_any_case(text, value):
    """Another word stays as it is, and is refused as no truth value."""
    spec = LABS["sqs-asg"].Params.specs()["drain"]
    assert spec.parse(text) == value and type(spec.parse(text)) is type(value)
