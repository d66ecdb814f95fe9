"""The jobs that the workers run."""

from rq import get_current_job


def double(number):
    get_current_job().connection.hincrby("rq:ran", number, 1)
    return 2 * number


def fails(number):
    raise ValueError(f"job {number} fails")
