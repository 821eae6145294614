"""Exercises and quiz answered where they stand: one widget, its script, its look.

Picture a pupil's desk with the question printed on it: an answer is ticked, written, turned or
drawn right there, and the teacher who walks by says what is to be said and enters the mark in the
book first.
"""
