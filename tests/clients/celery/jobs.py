"""The tasks that the workers run, as `celery -A jobs worker` finds them. LARDER_URL names the server."""

import os

import celery
import redis

URL = os.environ["LARDER_URL"]


def has_lua():
    try:
        return redis.Redis.from_url(URL).eval("return 1", 0) == 1
    except redis.ResponseError:
        return False


def release(lock, expected_token):
    """What redis-py's script for the release of a lock does, as a transaction."""
    with lock.redis.pipeline() as transaction:
        transaction.watch(lock.name)
        if transaction.get(lock.name) != expected_token:
            raise redis.exceptions.LockNotOwnedError("Cannot release a lock that's no longer owned", lock_name=lock.name)
        transaction.multi()
        transaction.delete(lock.name)
        transaction.execute()


# The broker gives a lock back each time it has looked for messages that no worker acknowledged: without EVALSHA a worker ends at its start.
LUA = has_lua()
if not LUA:
    redis.lock.Lock.do_release = release
app = celery.Celery("jobs", broker=f"{URL}/0", backend=f"{URL}/1")
# A job counts as done after it ran, and a worker takes few at a time: so all of them compete to the end.
app.conf.update(task_acks_late=True, worker_prefetch_multiplier=4, broker_connection_retry_on_startup=False, result_expires=600)
ran = redis.Redis.from_url(f"{URL}/2")


@app.task
def double(number):
    ran.hincrby("celery:ran", number, 1)
    return 2 * number


@app.task
def add(numbers):
    return sum(numbers)


@app.task
def fails(number):
    raise ValueError(f"job {number} fails")


@app.task(bind=True, max_retries=3)
def later(self, number):
    if self.request.retries < 2:
        raise self.retry(countdown=0.2)
    return self.request.retries + number
