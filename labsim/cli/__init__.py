"""The `labsim` command: every lab from a terminal. `labsim --help` shows what it can do.

Picture a counter with a bell: whoever rings says what is wanted; each of the modules beside this
one serves a group of wishes, and whatever goes wrong is said in one line on stderr, with exit
status 2.
"""

import os
import sys

from labsim.cli import bench, build, learner, present, runs, traces
from labsim.cli import command as declared
from labsim.course import in_effect
from labsim.errors import LabsimError
from labsim.version import __version__

ABOUT = "labsim: interactive labs in which you feel how AWS services behave under load."
EXAMPLES = """examples:
  labsim list                                     the labs there are
  labsim show sqs-asg                             parameters, presets and metrics of a lab
  labsim run sqs-asg --arrival-rate 4 --seed 7    one run, its figures as a table
  labsim run sqs-asg --preset 2 --plot spike.png  the second preset, as a picture
  labsim trace requests.csv                       what a file of your own traffic is
  labsim run sqs-asg --workload trace --trace requests.csv
                                                  your own traffic, replayed
  labsim sweep sqs-asg --over cooldown=60,300 --policy simple
                                                  a study: means with their intervals
  labsim check sqs-asg                            its known answers
  labsim facts sqs                                limits and defaults
  labsim open sqs-asg                             the lab's notebook in JupyterLab
  labsim progress                                 what is done and what is next
  labsim quiz                                     the questions that are due today
  labsim demo sqs-asg --preset 2                  the lab alone, for a projector
"""
GROUPS = (runs, traces, present, learner, bench, build)     # as they stand in the help
COMMANDS = {name: one for group in GROUPS for name, one in declared.DECLARED.items()
            if one.act.__module__ == group.__name__}


def read(words: list[str]):
    """What the words of a command line ask for; `run SLUG` has that lab's options."""
    return declared.read(words, COMMANDS, description=ABOUT, epilog=EXAMPLES,
                         version=f"labsim {__version__}")


def main(words: list[str] | None = None) -> int:
    """Run a command; returns its exit status: 0, 2 for an error that a user can mend, 130."""
    try:
        args = read(sys.argv[1:] if words is None else words)
        course = in_effect.current()
        if args.command.of_course:
            course = course or in_effect.of_folder()
        elif course:        # nothing on the screen shows that numbers are a course's own
            print(f"labsim: as in the course {course.path}", file=sys.stderr)
        with in_effect.using(course):
            args.command.act(args)
        sys.stdout.flush()
        return 0
    except LabsimError as error:
        print(f"labsim: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    except OSError as error:        # standard output is closed (| head), or its disk is full
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):
            return 0
        print(f"labsim: standard output: {error.strerror}", file=sys.stderr)
        return 2
