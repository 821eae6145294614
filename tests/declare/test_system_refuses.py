"""What a system of one's own can't be: each error says what was given and what is allowed."""

import math

import pytest

import labsim as ls
from labsim.declare import Component
from labsim.engine import Simulation
from labsim.errors import LabsimError, ParameterError
from labsim.services import autoscaling, cloudwatch, dynamodb, ebs, ec2, elb, s3, sqs


def shop(sim, boot=120):
    """A queue with workers."""
    orders = sqs.Queue(sim, "orders")
    ec2.Fleet(sim, "workers", consumes=orders, work=ls.fixed(4), boot=boot, size=10)
    sim.send(2, to=orders)


def shops(sim, second=True):
    """One queue, or two."""
    for name in ("books", "shoes") if second else ("books",):
        queue = sqs.Queue(sim, name)
        ec2.Fleet(sim, f"{name} fleet", consumes=queue, work=ls.fixed(1), size=1)
        sim.send(0.5, to=queue, name=f"{name} customers")


# -- what can't be wired ----------------------------------------------------------------------


def test_two_parts_of_one_name():
    """The error names both kinds, and what to do."""
    def twice(sim):
        sqs.Queue(sim, "a")
        ec2.Fleet(sim, "a")
    with pytest.raises(ParameterError, match=(
            'two parts are called "a": a sqs.Queue and a ec2.Fleet; give one of them another')):
        ls.simulate(twice, duration=60)


@pytest.mark.parametrize("name", ["", " ", "a.b", None, 3, b"orders"])
def test_bad_names(name):
    """A name is a text without a dot, for the dot parts it from a metric."""
    with pytest.raises(ParameterError, match="name: given"):
        Component(Simulation(1, 60.0), name)


def test_a_queue_that_nothing_feeds():
    """Said before anything runs, with how to mend it."""
    def idle(sim):
        ec2.Fleet(sim, "workers", consumes=sqs.Queue(sim, "orders"), work=ls.fixed(1))
    with pytest.raises(LabsimError, match=r"nothing comes to orders: sim.send\(load, to="):
        ls.simulate(idle, duration=60)


@pytest.mark.parametrize("part", [
    lambda sim: ec2.Fleet(sim, "part"),
    lambda sim: cloudwatch.Metric(sim, "part", lambda: 1.0)])
def test_a_part_without_a_way_in(part):
    """Who sends to it is told what it is."""
    with pytest.raises(ParameterError, match="to: given 'part', allowed a part that takes"):
        ls.simulate(lambda sim: sim.send(1, to=part(sim)), duration=60)


@pytest.mark.parametrize("load", [-1, math.nan, math.inf, True, "2"])
def test_bad_loads(load):
    """A rate is a number, at least 0."""
    with pytest.raises(ParameterError, match="rate: given"):
        ls.simulate(lambda sim: sim.send(load, to=sqs.Queue(sim, "orders", work=ls.fixed(1))),
                    duration=60)


@pytest.mark.parametrize("make", [
    lambda: ls.spike(1, -1, start=0, length=1), lambda: ls.ramp(1, 2, start=-1, length=1),
    lambda: ls.steady("1"), lambda: ls.gamma(-1, cv=1), lambda: ls.gamma(1, cv=-1),
    lambda: ls.fixed(math.nan), lambda: ls.exponential(math.inf)])
def test_bad_loads_and_bad_work(make):
    """Refused where they are made."""
    with pytest.raises(ParameterError, match="allowed a number, at least 0"):
        make()


def test_nothing_is_wired():
    """A function that makes no part."""
    with pytest.raises(LabsimError, match="wires no part"):
        ls.simulate(lambda sim: None, duration=60)


@pytest.mark.parametrize("part, says", [
    (lambda sim: sqs.Queue(sim, "orders", visibilty_timeout=3),
     "orders: unknown parameter 'visibilty_timeout': did you mean visibility_timeout"),
    (lambda sim: sqs.Queue(sim, "orders", visibility_timeout=-3),
     "orders: visibility_timeout: given -3, allowed a number above 0, at most 43,200 s"),
    (lambda sim: ec2.Fleet(sim, name="workers", size=-2),
     "workers: size: given -2, allowed a number, at least 0"),
    (lambda sim: sim.send(-2, to=sqs.Queue(sim, "orders"), name="buyers"),
     "buyers: rate: given -2, allowed a number, at least 0"),
    (lambda sim: autoscaling.StepScaling(autoscaling.Group(
        sim, "group", ec2.Fleet(sim, "workers"), min_size=0, max_size=1), None, taget=3),
     "autoscaling.StepScaling: unknown parameter 'taget': did you mean target")])
def test_an_error_of_a_part_says_of_which(part, says):
    """A misspelt parameter, or a value that can't be, where several parts are wired."""
    with pytest.raises(ParameterError) as caught:
        ls.simulate(part, duration=60)
    assert str(caught.value).startswith(says)


# -- parameters -------------------------------------------------------------------------------


def test_parameters_are_those_of_the_function():
    """With its defaults and types, and the duration."""
    r = ls.simulate(shop, duration=1_200, boot=30)
    assert r.params.model_dump() == {**r.lab.Params().model_dump(), "boot": 30}
    assert r.params.duration == 1_200 and list(r.lab.Params.specs()) == [
        "duration", "boot", "facts", "faults"]
    assert r.lab.Params.specs()["boot"].default == 120


def test_an_unknown_parameter_suggests_the_nearest():
    """A typing error of one letter."""
    with pytest.raises(ParameterError, match="did you mean boot"):
        ls.simulate(shop, duration=60, bot=1)
    with pytest.raises(ParameterError, match="did you mean seed"):
        ls.simulate(shop, duration=60, sed=1)


@pytest.mark.parametrize("bad", ["120", None, math.nan, [1]])
def test_a_parameter_of_another_type(bad):
    """Its type is its default's."""
    with pytest.raises(ParameterError, match="boot: given"):
        ls.simulate(shop, duration=60, boot=bad)


@pytest.mark.parametrize("duration", [0, -1, math.inf, math.nan, "60", None, 1e9])
def test_bad_durations(duration):
    """From a thousandth of a second to three years."""
    with pytest.raises(ParameterError, match="duration: given"):
        ls.simulate(shop, duration=duration)


def no_default(sim, boot):
    """A parameter without a default."""


def any_number(sim, *boot):
    """Any number of parameters."""


def a_list(sim, boot=(1, 2)):
    """A parameter that is no number, text or flag."""


def any_name(sim, **boot):
    """Whatever parameters."""


@pytest.mark.parametrize("build, says", [
    (no_default, "has no default in no"), (any_number, "is any number of parameters"),
    (any_name, "is any number of parameters"), (a_list, r"has the default \(1, 2\) in a-list")])
def test_parameters_have_defaults(build, says):
    """Each a number, a text, True or False; in words without Python's inside."""
    with pytest.raises(ParameterError, match=f"boot: {says}.*, allowed a default that is a num"):
        ls.simulate(build, duration=60, boot=1)


def duration(sim, duration=10.0):
    """A parameter that every run has."""
    shop(sim)


def seed(sim, seed=1):
    """Another."""
    shop(sim)


def faults(sim, faults=""):
    """And one more."""
    shop(sim)


def check(sim, check=True):
    """What a run does with its parameters."""
    shop(sim)


def inner(sim, _boot=1):
    """A name that Python's habits keep from callers."""
    shop(sim)


@pytest.mark.parametrize("build, says", [
    (duration, "duration: .* a run has a duration of its own; give it another name"),
    (seed, "seed: .* a run has a seed of its own"),
    (faults, "faults: .* a run has a faults of its own"),
    (check, "check: .* a run has a check of its own"), (inner, "_boot: .* names with _ in front")])
def test_a_parameter_of_a_name_that_a_run_has(build, says):
    """It took the place of the run's own, without a word."""
    with pytest.raises(ParameterError, match=says):
        ls.simulate(build, duration=600)


def halves(sim, first=0.6, second=0.7):
    """Shares that are too much as they come."""
    part = ec2.Service(sim, "part", ls.fixed(0.1))
    for name, share in (("a", first), ("b", second)):
        part.then(ec2.Service(sim, name, ls.fixed(0.1)), share)
    sim.send(1, to=part)


def test_defaults_that_can_not_be_are_no_matter_where_others_are_given():
    """In a run, a study of them, one beside them, in a kept result."""
    r = ls.simulate(halves, duration=60, first=0.3, second=0.3)
    assert ls.Result.from_json(r.to_json(), halves).summary == r.summary
    table = ls.sweep(halves, over={"second": [0.7, 0.2, 0.4]}, duration=60, replications=2)
    assert set(table[table.error != ""].second) == {0.7}
    assert set(table[table.metric == "b.offered"].second) == {0.2, 0.4}
    table = ls.sweep(halves, over={"second": [0.7]}, first=0.1, duration=60, replications=2)
    assert set(table.error) == {""}
    with pytest.raises(ParameterError, match="share: given 0.7"):
        ls.simulate(halves, duration=60)


@pytest.mark.parametrize("build", ["sqs", 3, None, sqs])
def test_a_system_is_made_by_a_function(build):
    """Anything else is refused."""
    with pytest.raises(ParameterError, match="build: given"):
        ls.simulate(build, duration=60)


def test_a_seed_is_a_whole_number():
    """As of a lab."""
    with pytest.raises(ParameterError, match="seed: given"):
        ls.simulate(shop, duration=60, seed=1.5)


def test_a_parameter_may_decide_which_parts_there_are():
    """The result declares what was wired in its run."""
    one = ls.simulate(shops, duration=600, second=False)
    assert "shoes.offered" not in one.summary and "books.offered" in one.summary
    assert {m.name for m in one.lab.metrics} == set(one.summary)


def test_what_nobody_works_at_or_hears_of():
    """A fleet without an instance or a group; a policy for which nothing rings."""
    def idle(sim):
        queue = sqs.Queue(sim, "orders")
        ec2.Fleet(sim, "workers", consumes=queue, work=ls.fixed(1))
        sim.send(1, to=queue)

    def deaf(sim):
        shop(sim)
        group = autoscaling.Group(sim, "group", sim.parts["workers"], min_size=1, max_size=20)
        autoscaling.TargetTracking(group, None, target=30)
    with pytest.raises(LabsimError, match="nobody works in workers: give it a size"):
        ls.simulate(idle, duration=60)
    with pytest.raises(LabsimError, match="nothing rings for group policy: give it a metric"):
        ls.simulate(deaf, duration=60)


def test_what_leads_nowhere_is_refused_where_it_is_written():
    """An outlet to what is no part, and to a part that takes nothing."""
    def to_what(other):
        def build(sim):
            shop(sim)
            sim.parts["orders"].done.to(other(sim))
        return build
    for other in (lambda sim: 3, lambda sim: sim.parts["workers"]):
        with pytest.raises(ParameterError, match="to: given"):
            ls.simulate(to_what(other), duration=60)


def test_a_sweep_of_a_system_says_that_it_needs_a_duration():
    """It has no default."""
    with pytest.raises(ParameterError, match="duration: given None"):
        ls.sweep(shop, over={"boot": [60]})


def test_a_figure_that_is_too_small_says_so():
    """Seven queues have more panels than it has room for."""
    def seven(sim):
        for n in range(7):
            queue = sqs.Queue(sim, f"q{n}")
            ec2.Fleet(sim, f"f{n}", consumes=queue, work=ls.fixed(1), size=1)
            sim.send(0.1, to=queue, name=f"p{n}")
    result = ls.simulate(seven, duration=60)
    assert len(result.lab.panels) == 12
    assert result.notes == ("the figure has room for 12 panels: 16 more are not drawn; their "
                            "series are in the result",)


@pytest.mark.parametrize("made, says", [
    (lambda sim: dynamodb.Table(sim, "part"), "to=part.reads or to=part.writes"),
    (lambda sim: s3.Bucket(sim, "part"), "to=part.gets or to=part.puts")])
def test_a_part_with_several_ways_in_names_them(made, says):
    """Whether clients send to it, wait for it, or another part gives out to it."""
    def given(sim):
        shop(sim)
        sim.parts["orders"].done.to(made(sim))
    for build in (lambda sim: sim.send(1, to=made(sim)), given,
                  lambda sim: sim.send(1, to=made(sim), retry=ls.retry()),
                  lambda sim: sim.send(ls.users(3, 1), to=made(sim))):
        with pytest.raises(LabsimError, match=says):
            ls.simulate(build, duration=60)


@pytest.mark.parametrize("made", [lambda sim: ebs.Volume(sim, "part"),
                                  lambda sim: elb.WebTier(sim, "part", 10.0)])
def test_nobody_waits_for_a_part_that_gives_no_answers(made):
    """It says so, whatever its way in."""
    for load, retry in ((1, ls.retry()), (ls.users(3, 1), None)):
        sim = Simulation(1, 60.0)
        with pytest.raises(ParameterError, match="part: .*none that waits for answers, since a"):
            sim.send(load, to=made(sim), retry=retry)
