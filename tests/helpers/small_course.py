"""A course of one's own for the tests: a course.toml with chapters that say little.

Picture a model railway: everything is there, and a train runs in a second.
"""

from labsim.course.build import build

NOTEBOOKS = ["learner", "instructor"]
DEFAULTS = '[defaults.sqs-asg]\narrival_rate = 1.5\n[notes]\n"asg.default_cooldown" = 240\n'
# A chapter; both forms.
SOURCE = """# %% [markdown]
# # Chapter {number}
#
# Of labsim {{{{version}}}}.

# %%
print({number} + 1)

# %% tags=["solution"]
# blank: answer = None
# >>> solution
answer = 7
# <<< solution
"""


def write_course(folder, more="", chapters=2, labs=()):
    """A course.toml with as many chapters of its own, and those of `labs`; returns its path."""
    folder.mkdir(parents=True, exist_ok=True)
    text = 'labsim = 1\ntitle = "Queues, a course"\n'
    for number in range(chapters):
        (folder / f"chapter-{number}.py").write_text(SOURCE.format(number=number))
        text += f'[[chapters]]\nsource = "chapter-{number}.py"\n'
    text += "".join(f'[[chapters]]\nlab = "{lab}"\n' for lab in labs)
    (folder / "course.toml").write_text(text + more)
    return folder / "course.toml"


def made(file, parts=(*NOTEBOOKS, "zip", "fake"), **how):
    """What a build says that it made."""
    told = []
    build(parts=[*parts], course=file, tell=told.append, **how)
    return [line.removeprefix("made ") for line in told if not line.startswith("packed")]
