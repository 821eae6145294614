"""Exercises, quiz and progress, and the course made from the notebooks' sources.

Picture the front desk of a school: whatever a learner asks for in a notebook is fetched from the
room where it is kept, and only then, so that the desk is open at once.
"""

__all__ = ["check", "exercise", "hand_in", "quiz", "review", "standing"]


def exercise(slug: str, number: int):
    """Exercise `number` (from 1) of lab `slug`, to be shown."""
    from labsim.course.exercises import exercise
    return exercise(slug, number)


def check(slug: str, number: int, answer) -> None:
    """Print what there is to say about `answer`; a blank (None, "" or ...) is no mistake.

    The first wrong answer gets a hint, the second another, the third the solution.
    """
    from labsim.course.exercises import check
    check(slug, number, answer)


def quiz(slug: str, answers: str | None = None):
    """The quiz of a lab's topics to be shown; or, with `answers` (one letter each), checked."""
    from labsim.course.lab_quiz import quiz
    return quiz(slug, answers)


def review(*topics: str, **options):
    """The quiz questions that are due, of the labs begun; or all of these topics'. Options:
    `labsim.course.spaced_repetition.review`."""
    from labsim.course.spaced_repetition import review
    return review(*topics, **options)


def standing():
    """What is done in each lab, and what is next: a table that shows itself."""
    from labsim.course.progress_report import standing
    return standing()


def hand_in(slug: str, file=None, *, name: str | None = None):
    """Write the answers to a lab into `file` (default: SLUG-NAME.json here) for the instructor;
    returns its path. `LabsimError` if nothing was answered, or another file stands there."""
    from labsim.course.handin import hand_in
    return hand_in(slug, file, name=name)
