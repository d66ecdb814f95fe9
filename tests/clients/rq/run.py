"""RQ on one node: run.py <host> <port> <jobs>. Four worker processes; no job may be lost or run twice."""

import os
import subprocess
import sys
import time
from pathlib import Path

import redis
from rq import Queue

import jobs as functions

host, port, jobs = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
WORKERS = 4
WAIT_S = 60 + jobs / 20
logs = Path(os.environ.get("CLIENT_LOGS", "."))

connection = redis.Redis(host=host, port=port)
connection.flushdb()
queue = Queue(connection=connection)
# SimpleWorker runs jobs in its own process: a fork for each job would be most of the time.
command = [sys.executable, "-m", "rq.cli", "worker", "--url", f"redis://{host}:{port}", "--worker-class", "rq.SimpleWorker", "--quiet"]
workers = []
for number in range(WORKERS):
    with open(logs / f"rq-{number}.log", "w") as log:
        workers.append(subprocess.Popen(command, cwd=Path(__file__).parent, stdout=log, stderr=log))


def wait(done, what):
    deadline = time.monotonic() + WAIT_S
    while not done():
        assert time.monotonic() < deadline, what
        assert all(worker.poll() is None for worker in workers), f"a worker ended, see {logs}/rq-*.log"
        time.sleep(0.1)


try:
    start = time.monotonic()
    queued = []
    for first in range(0, jobs, 500):
        queued += queue.enqueue_many([Queue.prepare_data(functions.double, args=(n,), result_ttl=600) for n in range(first, min(first + 500, jobs))])
    wait(lambda: queue.finished_job_registry.get_job_count(cleanup=False) == jobs, "not all jobs finished")
    elapsed = time.monotonic() - start
    ran = {int(number): int(times) for number, times in connection.hgetall("rq:ran").items()}
    assert len(ran) == jobs, f"{jobs - len(ran)} jobs did not run"
    twice = [number for number, times in ran.items() if times != 1]
    assert not twice, f"{len(twice)} jobs ran more than once: {twice[:5]}"
    for job in queued[:: max(1, jobs // 100)]:
        assert job.return_value(refresh=True) == 2 * job.args[0], f"the result of {job.args}"
    # What else a queue does.
    first = queue.enqueue(functions.double, 1, result_ttl=600)
    second = queue.enqueue(functions.double, 2, depends_on=first, result_ttl=600)
    wait(lambda: second.get_status(refresh=True) == "finished", "a job that depends on another")
    failed = queue.enqueue(functions.fails, 3)
    wait(lambda: failed.get_status(refresh=True) == "failed", "a job that fails")
    assert "job 3 fails" in failed.latest_result().exc_string, "a failed job's error"
    assert queue.failed_job_registry.get_job_ids() == [failed.id], "the failed jobs"
    assert queue.count == 0 and queue.started_job_registry.count == 0, "jobs left in the queue"
finally:
    for worker in workers:
        worker.terminate()
    for worker in workers:
        worker.wait(30)
print(f"rq: {jobs} jobs through {WORKERS} workers, none lost, none twice ({elapsed:.0f} s)")
