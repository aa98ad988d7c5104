"""The one error of the benchmark: it cannot go on, or its result must not be believed. Ends with exit status 1."""


class BenchError(Exception):
    """What went wrong and what to do about it, for the person at the terminal."""
