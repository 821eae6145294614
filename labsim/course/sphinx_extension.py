"""What a course site needs of Sphinx beyond its own: formulas, docstrings, boxes that scroll.

Picture the bookbinder's small tools. Formulas become MathML, which every browser draws without a
script; *Models:* and *Leaves out:* of a service's docstring become two boxes.
"""

import re

KEPT = r"(``.+?``|`[^`]+`|\*\*\S(?:[^*]*\S)?\*\*|\*[^\s*](?:[^*]*[^\s*])?\*(?!\w))"
BOXES = {"Models": "labsim-models", "Leaves out": "labsim-leaves-out"}


def setup(app) -> dict:
    """Tell Sphinx about the tools."""
    app.add_html_math_renderer("mathml", (_inline, None), (_block, None))
    app.connect("autodoc-process-docstring", _docstring)
    app.connect("html-page-context", _named, priority=900)      # after the theme's own
    return {"parallel_read_safe": True, "parallel_write_safe": True}


# -- formulas ------------------------------------------------------------------------------------


def mathml(formula: str, block: bool = False) -> str:
    """A LaTeX formula as MathML; `ValueError` for one that can't be read."""
    from docutils.utils.math import MathError, latex2mathml

    try:
        return latex2mathml.tex2mathml(formula, as_block=block)
    except MathError as error:
        raise ValueError(f"formula {formula!r}: {error}") from None


def _inline(writer, node) -> None:
    _write(writer, node, False)


def _block(writer, node) -> None:
    _write(writer, node, True)


def _write(writer, node, block: bool) -> None:
    from docutils import nodes
    from sphinx.util import logging

    try:
        writer.body.append(mathml(node.astext(), block))
    except ValueError as error:
        logging.getLogger(__name__).warning(str(error), location=node)
    raise nodes.SkipNode


# -- the sidebar ----------------------------------------------------------------------------------


def _named(app, page, template, context, doctree) -> None:
    """Give the arrows that unfold a section a name, for those who can't see them."""
    made = context.get("generate_toctree_html")
    if made:
        context["generate_toctree_html"] = lambda *args, **options: re.sub(
            r'(>)([^<>]+)(</a><details[^>]*><summary)>', r'\1\2\3 aria-label="Pages of \2">',
            str(made(*args, **options)))


# -- docstrings ----------------------------------------------------------------------------------


def _docstring(app, what, name, obj, options, lines) -> None:
    lines[:] = boxed([plain(line) for line in lines])


def plain(line: str) -> str:
    """A line whose stars, bars, at signs and final underscores are only themselves, unless they are
    a list's, an emphasis or quoted: a docstring may say (ticks, *keys), or Lambda@Edge."""
    bullet = re.match(r"\s*\* ", line)
    start = bullet.end() if bullet else 0
    parts = re.split(KEPT, line[start:])        # every other part is what is kept
    parts[::2] = [re.sub(r"[*|@]|(?<=\w)_(?!\w)", r"\\\g<0>", part) for part in parts[::2]]
    return line[:start] + "".join(parts)


def boxed(lines: list[str]) -> list[str]:
    """A docstring's lines, its paragraphs *Models:* and *Leaves out:* made into boxes."""
    made, inside = [], False
    for line in lines:
        head = re.match(r"\*(Models|Leaves out):\*\s*(.*)", line)
        if head:
            inside = True
            made += ["", f".. admonition:: {head[1]}", f"   :class: {BOXES[head[1]]}", "",
                     f"   {head[2][:1].upper()}{head[2][1:]}"]
        elif inside and line.strip():
            made.append(f"   {line}")
        else:
            inside = False
            made.append(line)
    return made
