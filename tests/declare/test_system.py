"""A system of one's own: parts that are wired in a function, and everything that a lab has."""

import dataclasses
import math
from html import escape

import numpy as np
import plain_simpy
import pytest

import labsim as ls
from labsim.engine import Simulation
from labsim.errors import ResultError
from labsim.services import autoscaling, cloudwatch, ec2, sqs
from labsim.view.system_diagram import picture


def shop(sim, boot=120):
    """A spike hits a queue."""
    orders = sqs.Queue(sim, "orders", visibility_timeout=30)
    workers = ec2.Fleet(sim, "workers", consumes=orders, work=ls.gamma(4, cv=1), boot=boot)
    group = autoscaling.Group(sim, "group", workers, min_size=10, max_size=60)
    autoscaling.TargetTracking(group, orders.backlog_per(workers), target=30)
    sim.send(ls.spike(2, 4, start=600, length=900), to=orders)


@pytest.fixture(scope="module")
def run():
    """The ten lines, run."""
    return ls.simulate(shop, duration=5_400, seed=1)


# -- the ten lines ----------------------------------------------------------------------------


def test_it_is_the_lab_with_other_dice():
    """Ten lines say what sqs-asg says, but for the names of its streams: within its spread."""
    lab = ls.lab("sqs-asg")
    p = lab.Params(boot_time=120, user_data_time=0, max_size=60)
    theirs = [lab.run(p, seed).summary["queue_max"] for seed in range(10)]
    ours = [ls.simulate(shop, duration=5_400, seed=seed).summary["orders.queue_max"]
            for seed in range(10)]
    gap = np.mean(ours) - np.mean(theirs)
    assert abs(gap) <= 2.861 * math.sqrt((np.var(ours, ddof=1) + np.var(theirs, ddof=1)) / 10)


def test_every_part_has_metrics_series_and_a_box(run):
    """Named after it (a policy's alarms are in its own); and the whole has one cost."""
    parts = {"orders", "workers", "group", "producers", "orders per instance", "group policy",
             "group policy high", "group policy low"}
    assert {name.split(".")[0] for name in run.series} == parts
    assert {box.name for box in run.lab.boxes} == parts - {"group policy high", "group policy low"}
    assert run.summary["orders.offered"] == run.summary["producers.offered"] > 10_000
    assert run.summary["cost_usd"] == pytest.approx(sum(run.cost.values()))
    assert set(run.cost) == {"orders: SQS requests", "workers: EC2 instances"}


def test_all_laws_of_all_parts_hold(run):
    """Those of its parts, and those that always hold."""
    assert {law.name.split(":")[0] for law in run.lab.invariants} >= {"orders"}
    assert all(law.holds(run) for law in run.lab.invariants)


def test_the_log_says_whose_it_is(run):
    """Each event names its part."""
    assert all(any(part in event.text for part in ("group", "orders")) for event in run.events)
    assert any(event.text.startswith("group: +") for event in run.events)


def test_the_same_seed_gives_the_same_bytes(run):
    """And another seed others."""
    again = ls.simulate(shop, duration=5_400, seed=1)
    assert again.to_json() == run.to_json()
    assert ls.simulate(shop, duration=5_400, seed=2).to_json() != run.to_json()


# -- everything that a lab has ----------------------------------------------------------------


def copy():
    """A lab that is registered nowhere."""
    lab = dataclasses.replace(ls.lab("sqs-asg"), slug="copy")
    return lab, lab.run(lab.Params(duration=1_200)), lab.run(lab.Params(duration=1_200), seed=2)


def system():
    """A system of one's own."""
    return shop, *(ls.simulate(shop, duration=1_200, seed=seed) for seed in (1, 2))


@pytest.mark.parametrize("made", [copy, system])
def test_shown_and_kept_without_a_registered_lab(made, tmp_path):
    """Figure, system picture, report on paper and on a page, table, JSON there and back."""
    lab, first, second = made()
    assert first.plot().axes
    assert len(first.to_frame().columns) == len(first.series)
    for name in ("report.html", "report.pdf"):
        first.report(tmp_path / name)
        assert (tmp_path / name).stat().st_size > 10_000
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert all(panel.title in page for panel in first.lab.panels)
    drawn = picture(first.lab, first, 600.0)
    assert all(escape(box.name) in drawn for box in first.lab.boxes)
    text = first.to_json()
    assert ls.Result.from_json(text, lab).to_json() == text
    assert ls.Result.from_json(text, lab).summary == first.summary
    assert ls.compare(first, second)._repr_html_()


def test_a_copy_and_a_system_are_swept():
    """By the lab, and by the function; on other processes, too."""
    lab, *_ = copy()
    swept = ls.sweep(lab, over={"instances": [10, 12]}, replications=2, duration=1_200)
    assert set(swept["instances"]) == {10, 12} and "wait_p95" in set(swept["metric"])
    swept = ls.sweep(shop, over={"boot": [30, 60]}, replications=2, duration=1_200)
    means = swept[swept["metric"] == "orders.offered"].set_index("boot")["mean"]
    assert means[30] == means[60] > 2_000      # common random numbers


def test_a_text_of_another_system_is_refused():
    """JSON says which lab or system it is of."""
    def other(sim):
        shop(sim)
    text = ls.simulate(shop, duration=600).to_json()
    with pytest.raises(ResultError):
        ls.Result.from_json(text, other)
    with pytest.raises(ResultError):
        ls.Result.from_json(text)


# -- two of a kind ----------------------------------------------------------------------------


def shops(sim, first=True, second=True):
    """Two queues with a group each."""
    for name, rate, size, there in (("books", 0.11, 3, first), ("shoes", 0.5, 7, second)):
        if there:
            queue = sqs.Queue(sim, name)
            fleet = ec2.Fleet(sim, f"{name} fleet", consumes=queue, work=ls.gamma(8, cv=1))
            group = autoscaling.Group(sim, f"{name} group", fleet, min_size=size, max_size=size)
            autoscaling.TargetTracking(group, queue.backlog_per(fleet), target=30)
            sim.send(rate, to=queue, name=f"{name} customers")


def test_two_queues_with_a_group_each_do_not_mix():
    """In one simulation, what each counts is what it counts alone; looked at in one figure."""
    both = ls.simulate(shops, duration=6_000)
    alone = {**ls.simulate(shops, duration=6_000, second=False).summary,
             **ls.simulate(shops, duration=6_000, first=False).summary}
    s = both.summary
    assert all(s[name] == value for name, value in alone.items() if name != "cost_usd")
    assert 590 < s["books.offered"] < 730 and 2_850 < s["shoes.offered"] < 3_150
    assert s["books.offered"] == s["books customers.offered"] != s["shoes.offered"]
    assert (s["books fleet.instances_max"], s["shoes fleet.instances_max"]) == (3, 7)
    assert (s["books group.desired_mean"], s["shoes group.desired_mean"]) == (3, 7)
    titles = [axes.get_title(loc="left") or axes.get_title() for axes in both.plot().axes]
    assert {title.split(":")[0] for title in titles} >= {"books", "shoes"}


def test_two_sources_of_one_queue_add_up():
    """One queue, two who send: it counts both, they count their own."""
    def both(sim):
        queue = sqs.Queue(sim, "orders")
        ec2.Fleet(sim, "workers", consumes=queue, work=ls.fixed(1), size=5)
        sim.send(0.11, to=queue)
        sim.send(0.5, to=queue)
    s = ls.simulate(both, duration=6_000).summary
    assert s["orders.offered"] == s["producers.offered"] + s["producers of orders.offered"]
    assert min(s["producers.offered"], s["producers of orders.offered"]) > 590


@pytest.mark.parametrize("looked_at", [False, True])
@pytest.mark.parametrize("servers, cv", [((1, 1), 1.0), ((3, 2), 0.5), ((4, 4), 0.0)])
def test_a_tandem_is_two_plain_stations(servers, cv, looked_at):
    """What leaves one queue comes to the next: the same waits, bit for bit, as two plain SimPy
    stations with the same draws, however often somebody looks meanwhile."""
    works = ls.gamma(2.0, cv=cv), ls.gamma(1.5, cv=cv)
    duration = 2_000.0

    def tandem(sim):
        first, second = queues = [sqs.Queue(sim, name) for name in ("first", "second")]
        for queue, work, size in zip(queues, works, servers):
            ec2.Fleet(sim, f"{queue.name} fleet", consumes=queue, work=work, size=size)
        first.done.to(second)
        sim.send(0.45 * min(servers), to=first)
        if looked_at:
            for queue in queues:
                cloudwatch.Metric(sim, f"{queue.name} length", lambda queue=queue: queue.visible)
        seen.append(queues)
    seen = []
    ls.simulate(tandem, duration=duration, seed=7)
    queues = seen[-1]

    dice = Simulation(7, duration)
    curve = ls.steady(0.45 * min(servers)).curve(duration)
    arrivals = np.concatenate(list(curve.arrivals(dice.stream("producers arrivals"))))
    for queue, work, size in zip(queues, works, servers):
        services = work.draw(len(arrivals), dice.stream(f"{queue.name} work"))
        starts = np.array(plain_simpy.starts(arrivals.tolist(), services.tolist(), size))
        begun = starts <= duration
        assert (np.sort(queue.waits) == np.sort((starts - arrivals)[begun])).all()
        assert len(queue.waits) == begun.sum() > 500
        ends = starts + services
        arrivals = np.sort(ends[ends <= duration])
        assert queue.record.total("completed") == len(arrivals)
