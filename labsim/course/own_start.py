"""The page to start with, for a course of one's own: its notebook source, as text.

Picture the blackboard beside the door on the first day: what the course is called, what comes
when, and one example to try at once.
"""


def start_page(file, chapters) -> str:
    """The percent-format source of the page, for a course.toml and the chapters it names."""
    title, intro = file.read["title"].strip(), file.read["intro"].strip()
    if any(line.lstrip().startswith("%%") for line in intro.splitlines()):
        raise file.wrong("intro", intro, "text in which no line begins with %%")
    cells = [_prose(f"# {title}", "*labsim {{version}}*", "{{run}}", intro,
                    "## The chapters", "\n".join(map(_line, chapters)))]
    shown = [chapter.lab for chapter in chapters if chapter.lab]
    cells += _example(shown[0]) if shown else []
    if file.read["defaults"] or file.read["notes"]:
        cells += _own(file)
    return "\n\n".join(cells) + "\n"


def _prose(*paragraphs: str) -> str:
    text = "\n\n".join(filter(None, paragraphs))
    return "# %% [markdown]\n" + "\n".join(f"# {line}".rstrip() for line in text.splitlines())


def _code(*lines: str) -> str:
    return "\n".join(["# %%", *lines])


def _line(chapter) -> str:
    summary = f"\n   {chapter.lab.summary}" if chapter.lab else ""
    return f"{int(chapter.number)}. [{chapter.title}]({chapter.name}.ipynb){summary}"


def _example(lab) -> list[str]:
    name = next(name for name in lab.Params.specs() if name != "facts")
    return [
        _prose("## Turn a knob", f"{lab.title}. Go through its steps, turn a knob, press play."),
        _code("import labsim", "", f'labsim.lab("{lab.slug}").explore()'),
        _code(f'lab = labsim.lab("{lab.slug}")'),
        _prose("## One run", "Every parameter has a default, a unit and a range. You change only "
               "what you ask about; the same seed gives the same run, on every machine."),
        _code("r = lab.run(seed=7)", "for name in lab.headline or r.summary:",
              '    print(f"{name:18} {r.summary[name]:10.2f} {lab.metric(name).unit}")'),
        _code("r.plot()"),
        _prose("## A typing error is answered, not ignored"),
        _code("try:", f'    lab.Params({name + "x"}=1)', "except labsim.ParameterError as error:",
              "    print(error)"),
        *([_prose("## Where a number comes from",
                  "Limits, defaults, delays and prices are facts with a source: what the course "
                  "notes say, what AWS says today, and how sure we are."),
           _code("lab.fact_table()")] if lab.facts else []),
    ]


def _own(file) -> list[str]:
    shown = [_prose("## What is different in this course")]
    if file.read["defaults"]:
        shown += [_prose("Parameters that start elsewhere than in labsim as it is:"),
                  _code("import labsim", "", "for slug, lab in labsim.labs().items():",
                        "    for name, value in lab.Params.own.items():",
                        '        print(f"{slug}: {name} = {value}")')]
    if file.read["notes"]:
        shown += [_prose("Facts of which the notes of this course say something else:"),
                  _code("from labsim.course import in_effect", "",
                        'in_effect.book().table(in_effect.current().read["notes"])')]
    return shown
