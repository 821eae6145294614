"""Many runs behind the one that is shown: counted, cancelled, and never in the way."""

import asyncio
import threading
import time

import numpy as np
import pytest
from over_labs import LABS, each_lab, some_labs

import labsim
from labsim.engine import Budget, Cancelled
from labsim.study.sweeps import half_width
from labsim.view.recording import decoded
from labsim.view.replications import Replications


def made(slug, wanted, **values):
    lab = LABS[slug]
    many = Replications(lab, lab.Params(**values), 3, wanted, Budget(), lambda: None)
    many.start()
    many.wait()
    return many


@each_lab
def test_the_interval_is_that_of_the_runs(slug):
    """Mean and half width over seeds 3, 4, 5, 6; the band holds nine of ten curves."""
    lab, many = LABS[slug], made(slug, 4)
    runs = [lab.run(seed=seed) for seed in range(3, 7)]
    assert many.runs == 4 and not many.error
    for metric in lab.metrics:
        values = [run.summary[metric.name] for run in runs]
        mean, half = many.interval(metric.name)
        assert mean == pytest.approx(np.mean(values))
        assert half == pytest.approx(half_width(values, 0.95))
    for name, (low, high) in many.bands().items():
        curves = np.array([run.series[name].value for run in runs])
        assert np.allclose(low, np.percentile(curves, 5, axis=0)) and (low <= high).all()


def test_one_run_has_no_interval():
    """Nor a band."""
    many = made("sqs-asg", 1)
    assert many.interval("wait_p95") is None and many.bands() == {}


def test_what_is_refused_is_told():
    """A run beyond the budget is an error, not a silence."""
    lab = LABS["sqs-asg"]
    many = Replications(lab, lab.Params(), 1, 3, Budget(requests=1), lambda: None)
    many.start()
    many.wait()
    assert many.runs == 0 and "lower" in many.error


@some_labs
def test_the_explorer_shows_intervals_and_bands(slug):
    """Beside each metric, and as a shade; a change of the parameters takes them away."""
    explorer = LABS[slug].explore()
    before = explorer.widget.run
    explorer.many()
    explorer.replicate(6).wait()
    explorer._show()
    assert explorer.widget.state["told"].startswith("6 of 6 runs")
    spreads = explorer.widget.state["many"]
    assert set(spreads) == {m.name for m in explorer.lab.metrics}
    assert all(text.startswith("mean ") for text in spreads.values())
    assert any(name.endswith("|high") for name in decoded(explorer.widget.run)[1])
    explorer.render()
    assert explorer.replications is None and not explorer.widget.state["many"]
    assert explorer.widget.run == before
    explorer.many(False)
    assert "many" not in explorer.widget.state


def test_thirty_runs_are_counted_while_sliders_move():
    """In an event loop, as in a kernel: the toggle begins them, a slider stops and renews them,
    the toggle ends them."""
    explorer = LABS["sqs-asg"].explore(duration=600)

    async def learner():
        async def until(condition):
            for _ in range(600):
                if condition():
                    return
                await asyncio.sleep(0.02)
            raise AssertionError(explorer.widget.state)
        explorer.many()
        await until(lambda: explorer.replications and explorer.replications.runs > 2)
        old = explorer.replications
        explorer._heard(explorer.widget, {"do": "set", "values": {"arrival_rate": 3.0}}, [])
        await until(lambda: explorer.result.params.arrival_rate == 3)
        assert explorer.replications is not old and not old._thread.is_alive()
        await until(lambda: explorer.widget.state["told"] == "30 of 30 runs")
        assert "\u00b1" in explorer.widget.state["many"]["wait_mean"]
        explorer.many(False)
        assert explorer.replications is None and "told" not in explorer.widget.state
    asyncio.run(learner())


def long_run(lab):
    """Parameters of a run that takes a while, of those that the budget allows."""
    params = lab.Params()
    for factor in (2, 4, 8, 16, 32, 64, 128, 256, 512):
        try:
            longer = lab.Params(duration=params.duration * factor)
            if Budget().excess(lab.estimate(longer)):
                break
            params = longer
        except labsim.ParameterError:
            break
    return params


@some_labs
def test_a_run_is_cancelled_within_a_tenth_of_a_second(slug):
    """From another thread, leaving nothing behind; the middle one of five moments (compiling the
    inner loop, once per process, can't be interrupted)."""
    lab, slow = LABS[slug], []
    params, threads = long_run(lab), threading.active_count()
    for n in range(5):
        stop, ended = threading.Event(), []

        def work(stop=stop, ended=ended):
            try:
                lab.run(params, stop=stop)
            except Cancelled:
                ended.append("cancelled")
        thread = threading.Thread(target=work)
        thread.start()
        time.sleep(0.01 * (n + 1))
        begin = time.perf_counter()
        stop.set()
        thread.join()
        slow.append(time.perf_counter() - begin)
    print(f"measured: {slug}: cancelled within {', '.join(f'{1e3 * s:.0f}' for s in slow)} ms")
    assert sorted(slow)[2] < 0.1 and threading.active_count() == threads


@each_lab
def test_a_run_beyond_the_budget_is_refused_at_once(slug):
    """In under 10 ms, the best of five."""
    lab, took = LABS[slug], []
    for _ in range(5):
        begin = time.perf_counter()
        with pytest.raises(labsim.BudgetError):
            lab.run(budget=Budget(requests=0, events=0, cells=0))
        took.append(time.perf_counter() - begin)
    assert min(took) < 0.01


def test_runs_made_while_they_are_drawn_are_shown_in_the_end(monkeypatch):
    """The last look is after the last run, however long the one before it took to draw."""
    explorer = LABS["sqs-asg"].explore(duration=600)
    show = explorer._show

    def slow():
        if explorer.replications:
            explorer.replications.wait()
        show()
    monkeypatch.setattr(explorer, "_show", slow)

    async def learner():
        explorer.many()
        for _ in range(600):
            if explorer.widget.state["told"] == "30 of 30 runs":
                return
            await asyncio.sleep(0.02)
        raise AssertionError(explorer.widget.state["told"])
    asyncio.run(learner())
    explorer.many(False)


@pytest.mark.parametrize("load", [1.0, 2.0, 2.4])
def test_more_servers_never_raise_the_mean_wait(load):
    """Under common random numbers, run by run: the same messages, one instance more."""
    lab = LABS["sqs-asg"]
    for seed in range(10):
        waits = [lab.run(lab.Params(workload="steady", policy="none", arrival_rate=load,
                                    instances=n, duration=3_600), seed).summary["wait_mean"]
                 for n in range(10, 16)]
        assert waits == sorted(waits, reverse=True)
