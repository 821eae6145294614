"""The pages to look things up: facts by topic, labs, and the models under them.

Picture the appendix of a book. Nothing in it is written by hand: a fact's page comes from its
row, a lab's from its declaration, a model's from its docstrings.
"""

import ast
import inspect
import re
import sys
from html import escape
from pathlib import Path

from labsim.course import in_effect, markup
from labsim.course.markup import code, fenced, linked, plain, raw, table
from labsim.declare.describe import condition, in_full
from labsim.study.comparison import MeasuredTable

PARTS = {       # folders of models, and what their pages are called together
    "services": ("Services", "The parts of each AWS service: what a part models, what it leaves "
                 "out, and its source."),
    "engine": ("Engine", "The simulation under the services, and closed forms to hold it against; "
               "it knows nothing of AWS."),
}


# -- facts -----------------------------------------------------------------------------------------


def topics() -> dict[str, list]:
    """{topic: its facts}, in the order of the facts."""
    found: dict[str, list] = {}
    for fact in in_effect.book().values():
        found.setdefault(fact.service, []).append(fact)
    return found


def facts_page(topic: str, rows: list) -> str:
    """Every fact of a topic, with its source."""
    def row(fact):
        said = f"<b>{escape(fact.quantity)}</b><br>{code(fact.id)}"
        if fact.comment:
            said += f'<br><span class="labsim-comment">{linked(fact.comment)}</span>'
        return (f'<span id="{escape(fact.id)}">{said}</span>', _value(fact, "notes"),
                _value(fact, "today") + (
                    '<br><span class="labsim-differs">differs</span>' if fact.differs else ""),
                escape(fact.confidence), linked(fact.source))
    columns = "Fact", "In the notes", "Today", "Confidence", "Source"
    return "\n".join([
        f"# Facts about {plain(topic)}", "",
        "What the course notes say, what AWS says today, and how sure we are.", "",
        raw(table(columns, map(row, rows), f"Facts about {topic}", "labsim-facts"))])


def _value(fact, side: str) -> str:
    if not getattr(fact, side):
        return '<span class="labsim-none">not said</span>'
    return escape(fact.told(side))


def fact_link(id: str, up: str = "../") -> str:
    """A link to a fact's row."""
    page = markup.name_of_file(in_effect.book().fact(id).service)
    return f'<a href="{up}facts/{page}.html#{escape(id)}">{escape(id)}</a>'


# -- measurements ----------------------------------------------------------------------------------


def measured_page(labs: dict) -> str:
    """Which of these labs' numbers may be relied on, {lab: its `MeasuredTable`}: what is near what
    was measured on AWS and what is off, and where each set of data comes from."""
    whole = MeasuredTable(one for table in labs.values() for one in table)
    used: dict[str, list] = {}
    for lab, beside in labs.items():
        for one in beside:
            used.setdefault(one.of.id, []).append((lab, one))
    return "\n".join([
        "# Beside AWS", "", plain(whole.told()), "",
        "## Lab by lab", "", raw(table(("Lab", "Near", "Off"), (
            (f'<a href="../labs/{lab.slug}.html">{escape(lab.title)}</a>', _names(beside, True),
             _names(beside, False)) for lab, beside in labs.items() if beside), "Lab by lab")),
        "## Who measured what", "", raw(table(
            ("Measured", "When and where", "How often", "By whom", "Licence", "Beside it"),
            (_set(pairs[0][1].of, pairs) for pairs in used.values()), "Who measured what")),
        ""])


def _names(beside, met: bool) -> str:
    found = [f"{one.name} ({one.how_far()}){', fitted' if one.fitted and met else ''}"
             for one in beside if one.met is met]
    return "<br>".join(map(escape, found)) or '<span class="labsim-none">nothing</span>'


def _set(of, pairs) -> tuple[str, ...]:
    labs = dict.fromkeys(lab.slug for lab, _ in pairs)
    return (f'<span id="{escape(of.id)}">{escape(of.measured)}<br>{code(of.id)}</span>',
            escape(f"{of.when}; {of.where}"), escape(of.n), linked(of.source),
            escape(of.licence_as_seen),
            ", ".join(f'<a href="../labs/{slug}.html">{slug}</a>' for slug in labs))


# -- labs ------------------------------------------------------------------------------------------


def lab_page(lab, trust: str, picture: str) -> str:
    """Everything that a lab declares. `trust` and `picture` are HTML."""
    return "\n".join([
        f"# {plain(lab.slug)}: {plain(lab.title)}", "", _said(lab.summary), "",
        f"`labsim run {lab.slug}` runs it, `labsim open {lab.slug}` opens its notebook.", "",
        raw(picture),
        "## Presets", "", raw(_presets(lab)), "## Parameters", "", *_parameters(lab),
        "## Metrics", "",
        raw(table(("Metric", "Unit", "Meaning", "Better"), (
            (code(m.name), escape(m.unit), escape(m.meaning), escape(m.better))
            for m in lab.metrics), "Metrics")),
        "## Laws that always hold", "",
        raw("<ul>" + "".join(f"<li>{escape(law.name)}</li>" for law in lab.invariants) + "</ul>"),
        *(["## How far can you trust it?", "", raw(trust)] if trust else []),
        "## The model", "", *_source(lab), ""])


def _said(text: str) -> str:
    return raw(f'<p class="labsim-lead">{escape(text)}</p>')


def _presets(lab) -> str:
    specs, items = lab.Params.specs(), []
    for preset in lab.presets:
        changed = ", ".join(f"{code(name)} {escape(in_full(specs[name], value))}"
                            for name, value in preset.values.items())
        items.append(f"<dt>{escape(preset.title)}</dt><dd><p>{escape(preset.say)}</p>"
                     f"<p>{changed or 'Everything as default.'}</p></dd>")
    return f'<dl class="labsim-presets">{"".join(items)}</dl>'


def _parameters(lab) -> list[str]:
    pieces, groups = [], {}
    for spec in lab.Params.specs().values():
        groups.setdefault(spec.group, []).append(spec)
    for group, specs in groups.items():
        rows = ((f"{code(k.name)}<br>{escape(k.label)}", escape(_allowed(k)),
                 escape(in_full(k, k.default)), escape(k.help + condition(k)) + (
                     f"<br>Fact: {fact_link(k.fact)}" if k.fact else "")) for k in specs)
        pieces += [f"### {plain(group)}", "", raw(table(
            ("Parameter", "Allowed", "Default", "What it is"), rows, f"Parameters: {group}"))]
    return pieces


def _allowed(spec) -> str:
    return re.sub(r"^one of ", "", spec.allowed)


def _source(lab) -> list[str]:
    """The function that runs the model, folded."""
    try:
        text = inspect.getsource(lab.simulate)
    except (OSError, TypeError):
        return ["Its source can't be shown here."]
    return [f"What runs is `{lab.simulate.__module__}.{lab.simulate.__qualname__}`:", "",
            raw("<details class=\"labsim-source\"><summary>Its source</summary>"),
            fenced("python", text), raw("</details>")]


def modules_of(lab) -> list[str]:
    """The models that a lab is made of, such as "services.sqs.queue", by name."""
    package = lab.simulate.__module__.rpartition(".")[0] or lab.simulate.__module__
    names = set()
    for name, module in sorted(sys.modules.items()):
        if module and (name == lab.simulate.__module__ or name.startswith(package + ".")):
            for value in vars(module).values():
                home = value.__name__ if inspect.ismodule(value) else getattr(
                    value, "__module__", None)
                names.add(str(home).removeprefix("labsim."))
    return sorted(names & set(all_modules()))


# -- models ----------------------------------------------------------------------------------------


def modules(part: str) -> dict[str, str]:
    """{name: docstring} of the modules of a part, such as "services.sqs.queue"."""
    package = Path(__file__).parents[1]
    files = [*sorted((package / part).rglob("[a-z]*.py")), *(
        sorted((package / "theory").glob("[a-z]*.py")) if part == "engine" else [])]
    return {".".join(path.relative_to(package).with_suffix("").parts):
            ast.get_docstring(ast.parse(path.read_text("utf-8"))) or "" for path in files}


def all_modules() -> dict[str, str]:
    """{name: docstring} of the modules of all parts."""
    return {name: text for part in PARTS for name, text in modules(part).items()}


def page_of(name: str) -> str:
    """Where a module's page is, such as "services/sqs-queue"."""
    part, dot, inside = name.partition(".")
    if part == "theory":        # told beside the engine
        return f"engine/{name.replace('.', '-')}"
    return f"{part}/{inside.replace('.', '-')}" if dot else f"engine/{name}"


def title_of(name: str, docstring: str) -> str:
    """What a module calls itself in the first words of its docstring."""
    first = docstring.split("\n", 1)[0]
    return re.split(r"[,:.]|\s\(", first)[0].strip().replace("`", "") or name


def module_page(name: str, docstring: str, labs: list[str]) -> str:
    """A model: its docstrings, its source, and links to the `labs` that use it."""
    used = ["## Labs that use it", "", *labs, ""] if labs else []
    return "\n".join([f"# {plain(title_of(name, docstring))}", "", f"`labsim.{name}`", "",
                      "```{eval-rst}", f".. automodule:: labsim.{name}", "   :members:", "```", "",
                      *used])
