"""Celery with broker and results on one node: run.py <host> <port> <jobs>. Four worker processes; no job may be lost or run twice."""

import os
import subprocess
import sys
import time
from pathlib import Path

host, port, jobs = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
os.environ["LARDER_URL"] = f"redis://{host}:{port}"

import redis  # noqa: E402
from celery import chain, chord, group  # noqa: E402

from jobs import LUA, add, app, double, fails, later  # noqa: E402

WORKERS = 4
WAIT_S = 60 + jobs / 20
logs = Path(os.environ.get("CLIENT_LOGS", "."))

for database in range(3):
    redis.Redis(host=host, port=port, db=database).flushdb()
workers = []
for number in range(WORKERS):
    # --pool solo: each of these processes is a consumer of its own.
    command = [sys.executable, "-m", "celery", "-A", "jobs", "worker", "--pool", "solo", "--hostname", f"w{number}@%h", "--loglevel", "WARNING"]
    with open(logs / f"celery-{number}.log", "w") as log:
        workers.append(subprocess.Popen(command, cwd=Path(__file__).parent, stdout=log, stderr=log))
try:
    start = time.monotonic()
    results = group(double.s(number) for number in range(jobs)).apply_async()
    values = results.get(timeout=WAIT_S)
    elapsed = time.monotonic() - start
    assert values == [2 * number for number in range(jobs)], "results differ"
    ran = redis.Redis(host=host, port=port, db=2, decode_responses=True).hgetall("celery:ran")
    assert len(ran) == jobs, f"{jobs - len(ran)} jobs did not run"
    twice = [number for number, times in ran.items() if times != "1"]
    assert not twice, f"{len(twice)} jobs ran more than once: {twice[:5]}"
    # What else a queue does.
    assert chain(double.s(5), double.s(), double.s()).apply_async().get(timeout=60) == 40
    assert later.delay(7).get(timeout=60) == 9, "a job that is tried three times"
    assert double.apply_async((8,), countdown=1).get(timeout=60) == 16, "a job for later"
    assert "job 3 fails" in str(fails.delay(3).get(timeout=60, propagate=False)), "a failed job's error"
    assert chord([double.s(1), double.s(2)])(add.s()).get(timeout=60) == 6, "a chord"
    revoked = double.apply_async((9,), countdown=2)
    revoked.revoke()
    assert isinstance(revoked.get(timeout=60, propagate=False), Exception), "a revoked job"
    assert {worker["ok"] for answer in app.control.ping(timeout=5) for worker in answer.values()} == {"pong"}, "the workers' remote control"
    assert len(app.control.inspect(timeout=5).stats()) == WORKERS, "the workers' statistics"
    broker = redis.Redis(host=host, port=port, decode_responses=True)
    deadline = time.monotonic() + 20
    while (left := broker.llen("celery") + broker.hlen("unacked") + broker.zcard("unacked_index")) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert left == 0, f"{left} messages left with the broker"
finally:
    for worker in workers:
        worker.terminate()
    for worker in workers:
        worker.wait(30)
if not LUA:
    print("celery: its broker needs Lua, which the server has not: its lock was released with WATCH and MULTI instead")
print(f"celery: {jobs} jobs through {WORKERS} workers, none lost, none twice ({elapsed:.0f} s)", flush=True)
# The library's connections complain when the interpreter takes itself apart under them.
os._exit(0)
