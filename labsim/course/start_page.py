"""The first page of a course site: what it is, the labs as cards, and where to go.

Picture the shop window: each lab with a picture of its second scene, its title and a sentence.
"""

import dataclasses
from html import escape
from pathlib import Path

from labsim.course import markup, played
from labsim.course.markup import code, raw

SHARPNESS = 160     # dots per inch: sharp on a good screen


def lab_pictures(lab, folder: Path) -> str:
    """Draw a lab's second preset into `folder`, light and dark; returns its description."""
    from labsim.view import figure

    scenes = [preset.values for preset in lab.presets[:2]]
    result = lab.run(lab.Params(**scenes[-1])) if scenes else lab.run()
    drawn = _both_looks(folder, lab.slug, lambda style: figure.draw(result, style=style))
    title = f"{lab.presets[min(1, len(lab.presets) - 1)].title}. " if scenes else ""
    return title + drawn.alt


def measured_picture(slug: str, table, folder: Path) -> str:
    """Draw a lab beside what was measured on AWS into `folder`, light and dark; returns the picture
    as HTML, for a page one folder down. Nothing where nothing was measured."""
    from labsim.view.measured import draw

    if not table:
        return ""
    name = f"{slug}-measured"
    figure = _both_looks(folder, name, lambda style: draw(table, style))
    width, height = 100 * figure.get_size_inches()
    return picture(name, figure.alt, "../", (round(width), round(height)))


def _both_looks(folder: Path, name: str, drawn):
    """Save the figure that `drawn` makes in a style, light and dark; returns the last."""
    from labsim.view.style import Style

    for look, dark in (("light", False), ("dark", True)):
        figure = drawn(dataclasses.replace(Style(dark=dark), dpi=SHARPNESS))
        figure.savefig(folder / f"{name}-{look}.png", dpi=SHARPNESS,
                       facecolor=figure.get_facecolor())
    return figure


def picture(slug: str, alt: str, up: str = "", size: tuple[int, int] = (780, 540)) -> str:
    """The picture of a lab as HTML: the one that fits the page's look."""
    return "".join(
        f'<img class="labsim-figure only-{look}" src="{up}_static/pictures/{escape(slug)}-{look}'
        f'.png" alt="{escape(alt)}" width="{size[0]}" height="{size[1]}" loading="lazy">'
        for look in ("light", "dark"))


def card(page, alt: str) -> str:
    """A lab as a card that leads to its chapter."""
    address, lab = f"chapters/{page.chapter.name}.html", page.lab
    minutes = f'<p class="labsim-minutes">About {escape(page.minutes)}</p>' if page.minutes else ""
    return (f'<article class="labsim-card">{picture(lab.slug, alt)}\n<div>'
            f'<h3><a href="{escape(address)}">{escape(lab.title)}</a></h3>'
            f"<p>{escape(lab.summary)}</p>{minutes}"
            f'<p><a href="labs/{escape(lab.slug)}.html">Parameters, presets and metrics</a> '
            f"{code(lab.slug)}</p></div></article>")


def start_page(course, pages, alts: dict[str, str], lite: str) -> str:
    """The page: `pages` in course order, `alts` the descriptions of the labs' pictures."""
    shown = [page for page in pages if page.lab]
    others = [page for page in pages if not page.lab]
    cards = "\n".join(card(page, alts[page.lab.slug]) for page in shown)
    return "\n".join([
        "---", "html_theme.sidebar_secondary.remove: true", "---",
        f"# {markup.plain(course.title)}", "",
        raw('<p class="labsim-lead">Labs in which you feel how AWS services behave under load. '
            "You move a slider, and a small simulation answers at once. Under every picture is a "
            "model that you can read, change and trust.</p>"),
        raw(played.lever(_first(shown))) if shown else "",
        raw('<p class="labsim-begin">' + "".join(
            f'<a href="chapters/{escape(page.chapter.name)}.html">{escape(page.title)}</a>'
            for page in others) + "</p>") if others else "",
        *(["## The labs", "", raw(f'<div class="labsim-cards">{cards}</div>')] if shown else []),
        "## Where to go", "", raw(ways(pages, lite)), *contents(pages)])


def _first(pages):
    """The lab to begin with: one for which a lever was chosen, or the first."""
    labs = [page.lab for page in pages]
    return next((lab for lab in labs if lab.slug in played.LEVERS), labs[0])


def ways(pages, lite: str) -> str:
    """Where a learner, an instructor and a builder go."""
    first = next((page for page in pages), None)
    begin = (f'<a href="chapters/{escape(first.chapter.name)}.html">Begin with '
             f"<i>{escape(first.title)}</i></a>. " if first else "")
    browser = f' <a href="{escape(lite)}">Or run the labs in the browser.</a>' if lite else ""
    slug = next((page.lab.slug for page in pages if page.lab), "SLUG")
    parts = (
        ("To learn", f"{begin}Read a chapter here; to move the sliders, open it in Jupyter: "
                     f"{code('labsim open')}.{browser} Exercises have hints, folded away; the "
                     "solutions are computed by the models."),
        ("To teach", "The presets of a lab are numbered scenes, each with a sentence to say: see "
                     f'<a href="labs/index.html">the labs</a>. {code("labsim demo " + slug)} '
                     "shows one on a projector, without code."),
        ("To build a course", "Every number has <a href=\"facts/index.html\">a fact with its "
                     'source</a>, every lab stands <a href="measured/index.html">beside what '
                     'was measured on AWS</a>, every model <a href="services/index.html">says what '
                     f'it leaves out</a>. {code("labsim build")} makes the notebooks and this '
                     "site."),
    )
    return '<div class="labsim-ways">' + "".join(
        f"<section><h3>{name}</h3><p>{text}</p></section>" for name, text in parts) + "</div>"


def contents(pages) -> list[str]:
    """The tables of contents, for the sidebar."""
    return ["", *markup.toctree("Chapters", [f"chapters/{page.chapter.name}" for page in pages]),
            *markup.toctree("To look things up",
                            ["labs/index", "measured/index", "facts/index", "services/index",
                             "engine/index"])]
