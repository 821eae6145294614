"""Exercises and progress, and the notebooks made from their sources."""

from labsim.course.exercises import check, exercise

__all__ = ["check", "exercise"]
