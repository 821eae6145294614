"""The learner's and the instructor's commands: `labsim progress`, `quiz`, `hand-in`, `grade`.

Picture the desk at the door of a classroom: here one sees how far one is, is asked a few
questions on the way out, and leaves an envelope; behind it the envelopes are opened.
"""

import contextlib
import sys
import warnings

from labsim.cli.command import argument, command, whole
from labsim.cli.runs import SLUG
from labsim.cli.terminal import Bar, find_notebook, write
from labsim.errors import LabsimError


@contextlib.contextmanager
def plainly():
    """What is wrong with the journal is a line on stderr, not a warning with a path in it."""
    from labsim.course.append_log import Damaged
    with warnings.catch_warnings():
        warnings.simplefilter("always", Damaged)
        warnings.showwarning = lambda message, *_: print(f"labsim: {message}", file=sys.stderr)
        yield


@command("progress",
         argument("--export", metavar="FILE", help="write all answers to FILE, or - for standard "
                  "output"),
         argument("--import", metavar="FILE", dest="merge", help="add the answers of such a FILE "
                  "that are not here yet"),
         of_course=True)
def progress(args) -> None:
    """what is done and what is next, in every lab"""
    from labsim.course import progress as answers
    from labsim.course.progress_report import standing
    with plainly():
        if args.merge is not None:
            new, known = answers.merge(args.merge)
            print(f"{new} answers added, {known} were here already", file=sys.stderr)
        if args.export is not None:
            write(args.export, answers.exported())
        if args.merge is None and args.export is None:
            print(standing())
            print(f"\nKept in {answers.journal()}")


@command("quiz",
         argument("topics", metavar="TOPIC", nargs="*", help="a service, such as SQS: ask its "
                  "questions even if they are not due"),
         argument("--number", metavar="N", default="10", help="the most questions (default 10)"),
         of_course=True)
def quiz(args) -> None:
    """quiz questions of the labs begun, again before they are forgotten"""
    from labsim.course.spaced_repetition import review
    with plainly():
        asked = review(*args.topics, most=whole(args.number))
        if not asked.cards:
            print(asked.nothing())
        right, said = 0, 0
        for number, card in enumerate(asked.cards, 1):
            print("\n".join([f"{number}. {card.question.question}",
                             *(f"   {line}" for line in card.lines())]))
            letter = _letter(card.letters)
            if letter is None:
                break
            if letter:
                good, lines = card.check(letter)
                print("\n   ".join(lines) + "\n")
                right, said = right + good, said + 1
        if said:
            left = review().due
            print(f"{right} of {said} right. " + (f"{left} more are due." if left else
                                                  "Nothing more is due today."))


@command("hand-in",
         SLUG,
         argument("file", metavar="FILE", nargs="?", help="the file to write, or - for standard "
                  "output (default SLUG-NAME.json)"),
         argument("--name", metavar="NAME", help="your name (default: the name you are logged in "
                  "with)"),
         of_course=True)
def hand_in(args) -> None:
    """your answers to a lab as a file for the instructor"""
    from labsim.course import handin
    with plainly():
        if args.file == "-":
            write("-", handin.as_text(handin.collected(args.slug, args.name)))
        else:
            handin.hand_in(args.slug, args.file, name=args.name)


@command("grade",
         argument("folder", metavar="FOLDER", help="a folder of hand-ins"),
         argument("--csv", metavar="FILE", help="also write a line per exercise to FILE, or - for "
                  "standard output"),
         of_course=True)
def grade(args) -> None:
    """hand-ins graded by running what was answered; exit status 1 if a file was refused"""
    from labsim.course import grading
    with Bar(False) as bar:
        grades = grading.grade(args.folder, bar.update)
    if args.csv:
        write(args.csv, grades.csv_text())
    if args.csv != "-":
        print(grades)
        print(f"\n{grades.totals()}")
    for line in grading.lines(grades.refusals):
        print(line, file=sys.stderr)
    if grades.refusals:
        raise SystemExit(1)


def go_on(slug: str | None) -> str | None:
    """The lab to open, given the one asked for: by default the one to go on with, None for the
    page to start with. Says what is done and what is next."""
    from labsim.course.progress_report import standing
    with plainly():
        now = standing()
    if now.begun:
        print("\n".join(now.lines()))
        if slug is None and now.next:
            with contextlib.suppress(LabsimError):      # a lab of somebody's, without a notebook
                find_notebook(now.next.lab.slug)
                return now.next.lab.slug
    return slug


def _letter(allowed: str) -> str | None:
    """The learner's letter; "" to leave the question out, None to end."""
    while True:
        try:
            word = input(f"{', '.join(allowed)}, or Enter to leave it out: ").strip().casefold()
            if not sys.stdin.isatty():      # a pipe's words don't show themselves
                print(word if word.isprintable() else "?")
        except EOFError:
            print()
            return None
        if word in ("q", "quit", "exit"):
            return None
        if word == "" or len(word) == 1 and word in allowed:
            return word
