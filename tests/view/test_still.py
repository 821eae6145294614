"""What a notebook shows where no kernel is: it plays, in nbconvert's page, too."""

import json
import re

import browser
import nbformat
import pytest

import labsim
from labsim.view import still

LAB = labsim.lab("sqs-asg")


def plan(source):
    """What the stage in a piece of HTML is told."""
    return json.loads(re.search(r'<script type="application/json">(.*?)</script>', source)[1])


def test_a_saved_explorer_has_all_steps_and_the_run_in_words():
    """And says how the knobs turn; nothing in its data can end the script that holds it."""
    shown = still.page(LAB, LAB.run(), live="abc")
    told = plan(shown)
    assert [step["title"] for step in told["steps"]] == [p.name for p in LAB.presets]
    assert len(told["runs"]) == len(LAB.presets) and told["gone"] == still.RUN
    assert 'data-live="abc"' in shown and still.RUN in shown
    assert shown.count("</script>") == 2 and len(shown) < 400_000


def test_a_step_that_takes_too_long_is_left_out(monkeypatch):
    """So that every number on the stage leads somewhere."""
    monkeypatch.setattr(still, "steps", lambda lab: ["", *still._made[lab][1:]])
    still._made.setdefault(LAB, ["x"] * len(LAB.presets))
    told = still.story(LAB, "")
    assert [step["title"] for step in told["steps"]] == [p.name for p in LAB.presets[1:]]
    assert "" not in told["runs"]


@pytest.mark.long
def test_nbconverts_page_plays_without_a_network(tmp_path):
    """Of a notebook with an explorer and a run's stage: play, scrub, other steps; no kernel is
    missed. Its own scripts (requirejs, MathJax) come from a network, and are missing here."""
    if not browser.chromium():
        pytest.skip("no Chromium")
    from nbclient import NotebookClient
    from nbconvert import HTMLExporter
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in (
        "import labsim\nlabsim.lab('sqs-asg').explore()",
        "labsim.run('sqs-asg', seed=3).stage()")])
    NotebookClient(made, kernel_name="python3").execute()
    (tmp_path / "a.html").write_text(HTMLExporter().from_notebook_node(made)[0])
    with browser.page(1280, 900) as tab:
        tab.context.set_offline(True)
        wrong = []
        tab.on("pageerror", lambda error: wrong.append(str(error)))
        tab.goto((tmp_path / "a.html").as_uri())
        first, second = tab.locator(".labsim-stage").all()
        first.locator("h2").wait_for()
        first.get_by_role("button", name="The next step").or_(first.locator(".next")).first.click()
        assert first.locator("h2").inner_text() == LAB.presets[1].name
        for stage in (first, second):
            stage.get_by_label("Moment of the run").fill("0")
            stage.locator(".clock", has_text=re.compile("^0:00 of")).wait_for(timeout=5_000)
            stage.get_by_label("Play", exact=True).click()
            stage.locator(".clock", has_text=re.compile("^[1-9]")).wait_for(timeout=9_000)
        assert "model not found" not in tab.locator("body").inner_text().lower()
        assert not [said for said in wrong if "require" not in said and "MathJax" not in said]
