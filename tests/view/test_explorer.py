"""The explorer without a browser: what a hand asks for is run, shown once, and never swallowed."""

import asyncio
import base64
import dataclasses
import re
import statistics
import time

import pytest
from over_labs import LABS, each_lab, some_labs

import labsim
from labsim.errors import BudgetError, ParameterError
from labsim.view.frontend import VIEW
from labsim.view.recording import decoded


def hear(explorer, **content):
    """What a hand in the browser asks for."""
    explorer._heard(explorer.widget, content, [])
    if explorer._waiting is not None:
        explorer.render()


def shown(explorer):
    return decoded(explorer.widget.run)[0]


@some_labs
def test_every_knob_goes_where_it_is_turned(slug):
    """Each in turn, by a value of its travel and by its text; and back."""
    explorer = LABS[slug].explore()
    start = explorer.values
    for name, plate in explorer.widget.plan["knobs"].items():
        if plate["kind"] != "number" or name == "duration":
            continue
        value = plate["travel"][1]
        hear(explorer, do="set", values={name: value})
        if explorer.error is None:
            assert getattr(explorer.result.params, name) == value
        hear(explorer, do="set", values={name: str(start[name])})
        assert explorer.values == start and explorer.error is None, name


@some_labs
def test_steps_pin_undo_and_code(slug):
    """The buttons' methods: each changes what it says."""
    lab = LABS[slug]
    explorer = lab.explore()
    for place, preset in enumerate(lab.presets):
        explorer.apply_preset(preset.title)
        assert explorer.error is None and explorer.result.params == lab.preset(preset.title)
        assert explorer.widget.state["step"] == place and not explorer.widget.state["changed"]
    explorer.pin()
    assert explorer.pinned is explorer.result
    pinned = explorer.widget.ghost
    explorer.apply_preset("1")
    assert explorer.widget.ghost == pinned != explorer.widget.run
    explorer.unpin()
    assert explorer.pinned is None and explorer.widget.ghost == b""
    explorer.undo()
    assert explorer.result.params == lab.preset(lab.presets[-1].title)
    assert explorer.widget.state["step"] == len(lab.presets) - 1


@some_labs
def test_the_code_makes_the_run_that_is_shown(slug):
    """Copied and run, it gives the same bytes."""
    explorer = LABS[slug].explore()
    explorer.apply_preset("2")
    explorer.reseed(7)
    result = eval(explorer.code(), {"labsim": labsim})
    assert result.to_json() == explorer.result.to_json()


def test_one_gesture_is_one_step_back():
    """However many values a slider passes; another gesture is another step."""
    explorer = labsim.lab("sqs-asg").explore()
    for value in (2.5, 3.0, 3.5):
        hear(explorer, do="set", values={"arrival_rate": value}, fresh=value == 2.5)
    hear(explorer, do="set", values={"service_time": 5.0}, fresh=True)
    hear(explorer, do="undo")
    assert explorer.result.params.arrival_rate == 3.5
    hear(explorer, do="undo")
    assert explorer.result.params.arrival_rate == 2.0 and not explorer.widget.state["undo"]


def test_a_refused_value_leaves_the_picture_and_says_why_beside_its_field():
    """One readable line for its knob; the last good run stays; a good value clears it."""
    explorer = labsim.lab("sqs-asg").explore()
    explorer.apply_preset("2")
    before = explorer.widget.run
    for name, value, kind in [("arrival_rate", -1.0, ParameterError), ("max_size", 5,
                              ParameterError), ("arrival_rate", 1e5, BudgetError)]:
        good = explorer.values[name]
        hear(explorer, do="set", values={name: value})
        assert type(explorer.error) is kind
        error = explorer.widget.state["error"]
        assert error == {"name": explorer.error.name, "text": str(explorer.error)}
        assert "\n" not in error["text"] and explorer.widget.run == before
        hear(explorer, do="set", values={name: good})
        assert explorer.error is None and explorer.widget.state["error"] is None


@pytest.mark.parametrize("text, value", [("5m", 300), ("5 min", 300), ("1,200", 1200)])
def test_a_typed_value_may_have_a_unit(text, value):
    """As on the command line."""
    explorer = labsim.lab("sqs-asg").explore()
    hear(explorer, do="set", values={"cooldown": text})
    assert explorer.result.params.cooldown == value


@pytest.mark.parametrize("text", ["abc", "", "NaN", "1 parsec", "1e999"])
def test_what_is_no_number_is_said_beside_its_field(text):
    """And nothing else changes."""
    explorer = labsim.lab("sqs-asg").explore()
    hear(explorer, do="set", values={"cooldown": text})
    assert explorer.widget.state["error"]["name"] == "cooldown"
    hear(explorer, do="set", values={"cooldown": "60"})
    assert explorer.error is None and explorer.result.params.cooldown == 60


def test_any_other_error_is_shown_and_kept(monkeypatch):
    """Nothing vanishes in a callback."""
    explorer = labsim.lab("sqs-asg").explore()

    def broken(*args, **kwargs):
        raise RuntimeError("the model broke")
    monkeypatch.setattr(type(explorer.lab), "run", broken)
    hear(explorer, do="set", values={"arrival_rate": 9.0})
    assert isinstance(explorer.error, RuntimeError)
    assert explorer.widget.state["notice"] == "RuntimeError: the model broke"


def test_a_message_of_the_stage_never_breaks_it():
    """Unknown or silly messages change nothing or say so; the next one works."""
    explorer = labsim.lab("sqs-asg").explore()
    for content in ({}, {"do": "render"}, {"do": "step"}, {"do": "step", "value": 99},
                    {"do": "__init__"}, {"do": "touch", "value": "nobody", "at": 3},
                    {"do": "strike", "value": ["x", "y", "z", "w"], "at": 1},
                    {"do": "set"}, {"do": "seed", "value": "-1"}, {"do": "burst", "value": 3}):
        hear(explorer, **content)
    assert explorer.step == len(explorer.lab.presets) - 1
    hear(explorer, do="step", value=0)
    assert explorer.error is None and explorer.result.params == explorer.lab.preset("1")


def test_an_unknown_name_suggests_the_nearest():
    """In explore() as in run()."""
    with pytest.raises(ParameterError, match="did you mean arrival_rate"):
        labsim.lab("sqs-asg").explore(arival_rate=3)
    with pytest.raises(ParameterError, match="did you mean cooldown"):
        labsim.lab("sqs-asg").explore().set(cooldwn=3)


def test_many_changes_make_one_render():
    """On a running loop twenty quick changes are one run, of the latest values."""
    explorer = labsim.lab("sqs-asg").explore()
    runs, render = [], explorer.render
    explorer.render = lambda: (runs.append(1), render())

    async def drag():
        for position in range(20):
            explorer._heard(explorer.widget, {"do": "set", "values": {
                "arrival_rate": 1.0 + position / 2}}, [])
        await asyncio.sleep(0.3)
    asyncio.run(drag())
    assert len(runs) == 1 and explorer.result.params.arrival_rate == 10.5


@each_lab
def test_breaking_and_mending_a_piece(slug):
    """A touch breaks it at the moment shown with the same dice; another one mends it."""
    lab = LABS[slug]
    explorer = lab.explore()
    pieces = [box.breaks for box in lab.boxes if box.breaks in explorer.result.breakable]
    whole = explorer.result.to_json()
    for piece in pieces:
        at = explorer.result.params.duration / 3
        hear(explorer, do="touch", value=piece, at=at)
        assert explorer.error is None, piece
        assert [fault[0] for fault in shown(explorer)["faults"]] == [piece]
        assert shown(explorer)["faults"][0][2] == pytest.approx(at, abs=1e-3)
        hear(explorer, do="touch", value=piece, at=at + 1e-3)
        assert explorer.result.to_json() == whole
        hear(explorer, do="undo")
        hear(explorer, do="undo")
    assert explorer.values["faults"] == ""


@each_lab
def test_a_burst_of_a_source_is_a_change_of_parameters(slug):
    """In every step: valid, another run, taken back by undo; the knobs say what it is."""
    lab = LABS[slug]
    for box in lab.boxes:
        if box.burst is None:
            continue
        explorer = lab.explore()
        for preset in lab.presets:
            explorer.apply_preset(preset.title)
            hear(explorer, do="burst", value=box.name, at=explorer.result.params.duration / 2)
            assert explorer.error is None, (preset.title, explorer.error)
            assert explorer.values != lab.preset(preset.title).model_dump()
            hear(explorer, do="undo")
            assert explorer.result.params == lab.preset(preset.title)


def test_the_facts_switch_takes_the_facts_with_it():
    """To the notes' values and back; a value that is no fact stays."""
    explorer = LABS["s3-prefix"].explore(encryption="sse-kms")
    hear(explorer, do="set", values={"facts": "notes"})
    assert explorer.result.params.kms_quota == 5_500 and "facts='notes'" in explorer.code()
    hear(explorer, do="set", values={"facts": "today"})
    assert explorer.result.params.kms_quota == 10_000
    explorer.set(kms_quota=7.0)
    explorer.set(facts="notes")
    assert explorer.result.params.kms_quota == 7 and explorer.error is None


@each_lab
def test_the_facts_switch_is_there_where_facts_differ(slug):
    """And nowhere else."""
    assert ("facts" in LABS[slug].explore().widget.plan["knobs"]) == LABS[slug].facts_differ


def test_a_program_gets_a_fixed_text_and_all_steps():
    """For strict nbval, and for pages without a kernel: the same bytes every time."""
    (first, _), (second, _) = (
        labsim.lab("sqs-asg").explore()._repr_mimebundle_() for _ in range(2))
    assert first["text/plain"] == "Explorer of sqs-asg"
    assert first["text/html"] == second["text/html"]
    assert "data-live" not in first["text/html"] or 'data-live=""' in first["text/html"]
    assert VIEW in first            # outside a kernel nobody says who will show it


def test_saving_offers_the_run():
    """CSV, JSON and a page, made when asked for; the JSON is a result."""
    explorer = labsim.lab("sqs-asg").explore()
    sent = []
    explorer.widget.send = sent.append
    for kind in ("csv", "json", "html", "pdf"):
        hear(explorer, do="save", value=kind)
    assert [message["file"] for message in sent] == [
        f"sqs-asg.{kind}" for kind in ("csv", "json", "html", "pdf")]
    again = labsim.Result.from_json(sent[1]["data"])
    assert again.summary == explorer.result.summary
    assert base64.b64decode(sent[3]["data"]).startswith(b"%PDF")


def test_a_lab_without_presets_has_one_step():
    """Its defaults; a third-party lab may tell no story."""
    explorer = dataclasses.replace(LABS["s3-prefix"], presets=()).explore()
    explorer.go(1)
    assert [step["title"] for step in explorer.widget.plan["steps"]] == [explorer.lab.title]
    assert explorer.step == 0 and explorer.error is None


def test_a_system_of_ones_own_is_explored():
    """Its parameters are knobs, its parts boxes."""
    from labsim.services import ec2, sqs

    def shop(sim, rate=2.0, size=10):
        orders = sqs.Queue(sim, "orders")
        ec2.Fleet(sim, "workers", consumes=orders, work=labsim.gamma(4, cv=1), size=size)
        sim.send(labsim.steady(rate), to=orders)

    explorer = labsim.simulate(shop, duration=600).lab.explore()
    assert {"rate", "size"} <= set(explorer.widget.plan["knobs"])
    explorer.set(rate=3.0)
    assert explorer.error is None and explorer.result.params.rate == 3
    hear(explorer, do="touch", value="workers", at=100.0)
    assert explorer.error is None and re.match("workers", explorer.values["faults"])


@some_labs
@pytest.mark.parametrize("own", [False, True])
def test_the_kernels_part_of_a_slider_is_the_run(slug, own):
    """What comes on top of the run (validate, record, tell) takes less than drawing the lab's
    figure takes, as the explorer did before it had a stage; also with a file of one's own, a day of
    minutes. Medians of 15 in turn; the best of five tries."""
    lab = LABS[slug]
    explorer = lab.explore()
    spec = next(k for k in lab.Params.specs().values() if k.type is float and k.slider)
    if own:
        spec = lab.Params.specs()["trace_factor"]
        explorer.bring("day.csv", b"time,requests\n" + "".join(
            f"{1_772_323_200 + 60 * i},{i % 7}\n" for i in range(1_440)).encode())
    base = explorer.values[spec.name]

    def timed(action):
        begin = time.perf_counter()
        action()
        return time.perf_counter() - begin

    def once():
        turned, runs, drawn = [], [], []
        for i in range(15):
            turned.append(timed(lambda i=i: explorer.set(**{spec.name: base * (1 + i / 1000)})))
            runs.append(timed(lambda: lab.run(explorer.result.params)))
            if i < 3:
                drawn.append(timed(lambda: explorer.result.plot()._repr_png_()))
        return map(statistics.median, (turned, runs, drawn))
    for _ in range(5):
        turned, run, drawn = once()
        if turned - run <= 0.5 * drawn:
            break
    print(f"measured: {slug}{', own traffic' * own}: slider {turned * 1e3:.1f} ms, of it the run "
          f"{run * 1e3:.1f} ms; a figure takes {drawn * 1e3:.1f} ms")
    assert turned - run <= 0.5 * drawn
