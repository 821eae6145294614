"""A state of a lab as the query of a link, and back: `?lab=sqs-asg&preset=2&seed=7&cooldown=60`.

Picture a slip of paper passed along a row: it names the scene, and only what was changed in it.
Whatever is scribbled on it, nothing on it is ever executed: a name that is no parameter, a number
out of bounds or a text that is no number becomes one line that says so, and the rest is used.

A link never names a file: free text, such as the path of a trace, is neither written nor read;
faults are, for they are rows of names and numbers.
"""

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode

from labsim.declare.drawing import Preset
from labsim.declare.faults import as_text
from labsim.declare.lab import Lab
from labsim.declare.params import ParameterSpec, Params
from labsim.engine import Budget
from labsim.errors import LabsimError, ParameterError, short, unknown

OWN = ("lab", "preset", "seed", "theme", "token")   # names in a query that are no parameters
THEMES = ("light", "dark")
MOST = 4_000        # characters of a query that are read
MOST_LINES = 3      # problems that are told one by one


@dataclass(frozen=True)
class State:
    """What a link asks for: a preset and its `params` with the link's changes, `seed`, `theme`.

    `problems` says in one line each what of the link was left out, and why.
    """

    preset: Preset
    params: Params
    seed: int = 1
    theme: str = ""
    problems: tuple[str, ...] = field(default=())

    @property
    def problem(self) -> str:
        """All problems in one line; empty if there is none."""
        more = len(self.problems) - MOST_LINES
        return "; ".join(self.problems[:MOST_LINES]) + (f"; and {more} more" if more > 0 else "")


def scenes(lab: Lab) -> tuple[Preset, ...]:
    """The steps of the lab's story: its presets, or its defaults if it has none."""
    return lab.presets or (Preset(lab.title, lab.summary),)


def lab_of(query: str, labs: dict[str, Lab], default: str) -> tuple[Lab, str]:
    """The lab that a query names, and ""; the default and why, if it names one there is not."""
    slug = _words(query)[0].get("lab", default)
    if slug in labs:
        return labs[slug], ""
    return labs[default], f"{unknown('lab', slug, labs)}; this is {default}"


def step(lab: Lab, preset: str) -> int:
    """The place of a preset in the lab's story, from 0; by its title, its number or its place."""
    story = scenes(lab)
    if not lab.presets and preset in (story[0].title, "1"):
        return 0
    return story.index(lab.scene(preset))


def is_text(spec: ParameterSpec) -> bool:
    """Whether a parameter is free text, such as the path of a file."""
    return spec.type is str and not (spec.choices or spec.faults)


def query(lab: Lab, params: Params, preset: str = "", seed: int = 1) -> str:
    """The query, "?lab=...", of a link to this state: only what differs from the preset.

    preset: its title or number; the lab's defaults if there is none. ParameterError for an
    unknown one.
    """
    words: dict[str, str] = {"lab": lab.slug}
    values: dict[str, Any] = {}
    if preset:
        place = step(lab, preset)
        words["preset"], values = str(place + 1), scenes(lab)[place].values
    if seed != 1:
        words["seed"] = str(seed)
    base = lab.Params(**{**values, "facts": params.facts})
    if params.facts != lab.Params(**values).facts:
        words["facts"] = params.facts
    for name, spec in lab.Params.specs().items():
        value = getattr(params, name)
        if value != getattr(base, name) and not is_text(spec):
            words[name] = _written(value)
    return "?" + urlencode(words)


def state(lab: Lab, query: str, budget: Budget | None = None) -> State:
    """What the query of a link asks `lab` for; never raises, whatever is in it.

    budget: what a run may take; a link that asks for more opens at the preset.
    """
    words, problems = _words(query)

    def read(name, action, default):
        try:
            return action(words[name]) if name in words else default
        except LabsimError as error:
            problems.append(" ".join(str(error).split()))
            return default
    preset = scenes(lab)[read("preset", lambda text: step(lab, text), 0)]
    seed, theme = read("seed", seed_of, 1), read("theme", _theme, "")
    values = {}
    for name in words:
        if name not in OWN:
            value = read(name, lambda text, name=name: _read(lab, name, text), None)
            if value is not None:
                values[name] = value
    try:
        params = lab.Params(**{**preset.values, **values})
        if excess := (budget or Budget()).excess(lab.estimate(params)):
            raise LabsimError(f"a run of this link would take {excess}")
    except LabsimError as error:
        problems.append(f"{error}; the link's parameters are left out")
        params = lab.Params(**preset.values)
    return State(preset, params, seed, theme, tuple(problems))


def _words(query: str) -> tuple[dict[str, str], list[str]]:
    """The names and values of a query, and what is wrong with it as a whole."""
    query, problems = query.removeprefix("?"), []
    if len(query) > MOST:
        problems.append(f"the link has {len(query):,} characters: only {MOST:,} are read")
        query = query[:MOST].rpartition("&")[0]
    return dict(parse_qsl(query, keep_blank_values=True, errors="replace")), problems


def _written(value) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return repr(value).removesuffix(".0") if isinstance(value, float) else str(value)


def _read(lab: Lab, name: str, text: str):
    """The value of one parameter, checked as far as it can be alone."""
    if name not in lab.Params.specs():
        error = unknown("parameter", name, lab.Params.specs())
        raise error if "did you mean" in str(error) else LabsimError(
            f"{short(name)} is no parameter of {lab.slug}")
    spec = lab.Params.specs()[name]
    if is_text(spec):
        raise LabsimError(f"{name}: a link cannot name a file")
    value = spec.parse(text)
    if spec.faults:
        return as_text(value)
    inside = (value in spec.choices if spec.choices else isinstance(value, bool)
              if spec.type is bool else spec.bounds[0] <= value <= spec.bounds[1])
    if not inside or (spec.type is int and not isinstance(value, int)):
        raise spec.refusal(value)
    return value


def seed_of(text: str) -> int:
    """The seed that a text means; `ParameterError` for none."""
    if not (text.isascii() and text.isdigit() and len(text) <= 10 and int(text) < 2**31):
        raise ParameterError("seed", text, f"a whole number from 0 to {2**31 - 1}")
    return int(text)


def _theme(text: str) -> str:
    if text not in THEMES:
        raise ParameterError("theme", text, f"one of {', '.join(THEMES)}")
    return text
