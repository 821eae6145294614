"""Small pieces of a page: tables that scroll in their own box, folded parts, raw HTML.

Picture a type case. Everything that comes from a declaration is escaped here, once.
"""

import re
from collections.abc import Iterable, Sequence
from html import escape

ADDRESS = re.compile(r"https?://[^\s<>\"')]*[^\s<>\"').,;]")
REPOSITORY = re.compile(r"(?<![\w./-])(?:awsdocs|awslabs|aws|boto)/[\w.-]*\w")


def raw(html: str) -> str:
    """HTML as a piece of a MyST page."""
    return fenced("{raw} html", html)


def fenced(kind: str, text: str) -> str:
    """A block of a MyST page, with a fence that nothing in `text` can close."""
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", text)), default=0))
    return f"{fence}{kind}\n{text}\n{fence}\n"


def plain(text: str) -> str:
    """Text that is only itself on a MyST page, whatever signs are in it."""
    return re.sub(r"[!-/:-@\[-`{-~]", r"\\\g<0>", text)


def table(columns: Sequence[str], rows: Iterable[Sequence[str]], label: str,
          kind: str = "") -> str:
    """A table of cells that are HTML, in a box that scrolls; `label` says what it holds."""
    head = "".join(f'<th scope="col">{escape(column)}</th>' for column in columns)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>\n"
                   for row in rows)
    return scrolling(f'<table class="labsim-table {kind}"><thead><tr>{head}</tr></thead>\n'
                     f"<tbody>\n{body}</tbody></table>", label)


def scrolling(html: str, label: str) -> str:
    """A wide piece in a box of its own, which the keyboard can scroll, too."""
    return (f'<div class="labsim-scroll" role="group" tabindex="0" '
            f'aria-label="{escape(label)}">{html}</div>')


def folded(summary: str, html: str) -> str:
    """A part that opens when asked for."""
    return f"<details><summary>{escape(summary)}</summary>\n<div>{html}</div>\n</details>"


def paragraph(text: str) -> str:
    """Plain text as a paragraph."""
    return f"<p>{escape(text)}</p>"


def linked(text: str) -> str:
    """Plain text; an address in it is a link, and so is the name of a public repository."""
    def link(match) -> str:
        words = match[0]
        address = words if "://" in words else f"https://github.com/{words}"
        return f'<a class="reference external" href="{escape(address)}">{escape(words)}</a>'
    parts, end = [], 0
    for match in re.finditer(f"{ADDRESS.pattern}|{REPOSITORY.pattern}", text):
        parts += [escape(text[end:match.start()]), link(match)]
        end = match.end()
    return "".join([*parts, escape(text[end:])])


def code(text: object) -> str:
    """Something typed."""
    return f"<code>{escape(str(text))}</code>"


def name_of_file(title: str) -> str:
    """A title as the name of a page: lower case, words joined by hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", title.casefold()).strip("-") or "page"


def toctree(caption: str, entries: Iterable[str], hidden: bool = True) -> list[str]:
    """A table of contents of a MyST page, line by line."""
    return ["```{toctree}", *([f":caption: {caption}"] if caption else []),
            *([":hidden:"] if hidden else []), ":maxdepth: 1", "", *entries, "```", ""]
