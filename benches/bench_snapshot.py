"""The part of scripts/bench that measures snapshots: how long writers wait, and by how much the node grows, while one is taken of values that are huge and
written to all the time.

`kit` is scripts/bench itself: servers, connections, tables.
"""

import os
import random
import re
import sys
import threading
import time

from bench_types import batches, load

MEMBERS, FIELDS, MEGABYTES = 10_000_000, 5_000_000, 512
WRITERS, PIPELINE = 6, 4
# What no writer may wait beyond the longest wait without a snapshot, and what the node may grow by: a share of its memory, and so much.
BUDGET_WAIT_MS, BUDGET_SHARE, BUDGET_GROWTH = 5, 0.05, 64 * 1024 * 1024
# Seconds of writes without a snapshot; snapshots in a row.
CONTROL_SECONDS, SNAPSHOTS = 10, 3


def prepare(connection, kit, scale):
    members, fields = int(MEMBERS * scale), int(FIELDS * scale)
    rng = random.Random(1)
    send = lambda requests: load(connection, kit, requests, 20)
    send(["ZADD", "zset"] + items for items in batches(members, 1000, lambda n: [str(rng.randrange(members)), "m:%014d" % n]))
    send(["HSET", "hash"] + items for items in batches(fields, 1000, lambda n: ["f:%014d" % n, "v%07d" % n]))
    chunk = "0123456789abcdef" * (1 << 16)
    send(["APPEND", "string", chunk] for _ in range(int(MEGABYTES * scale)))
    return members, fields, int(MEGABYTES * scale) << 20


class Writer(threading.Thread):
    """Writes to one of the keys, a few requests at a time, and notes how long their replies took."""

    def __init__(self, kit, port, kind, sizes, seed):
        super().__init__(daemon=True)
        self.connection, self.kit, self.kind, self.rng = kit.Connection(port), kit, kind, random.Random(seed)
        self.members, self.fields, self.length = sizes
        self.waits, self.stop = [], False

    def words(self):
        rng = self.rng
        if self.kind == 0:
            return ["ZADD", "zset", str(rng.randrange(self.members)), "m:%014d" % rng.randrange(self.members)]
        if self.kind == 1:
            return ["HSET", "hash", "f:%014d" % rng.randrange(self.fields), "w%07d" % rng.randrange(10_000_000)]
        return ["SETRANGE", "string", str(rng.randrange(self.length - 16)), "changed"]

    def run(self):
        while not self.stop:
            request = b"".join(self.kit.encode(self.words()) for _ in range(PIPELINE))
            begun = time.monotonic()
            self.connection.socket.sendall(request)
            for _ in range(PIPELINE):
                if self.connection.file.readline()[:1] != b":":
                    sys.exit("a writer got no number")
            self.waits.append((begun, time.monotonic() - begun))


def resident_max(server, run):
    """What the process takes at most while `run` runs, and what that returns."""
    seen, done = [server.resident()], threading.Event()

    def look():
        while not done.is_set():
            seen.append(server.resident())
            time.sleep(0.005)
    looker = threading.Thread(target=look)
    looker.start()
    result = run()
    done.set()
    looker.join()
    return max(seen), result


def figures(text):
    return {name: int(value) for name, value in re.findall(r"(\w+):(\d+)\r\n", text)}


def snapshot(kit, binaries, scale):
    server = kit.Server("larder snapshot", [binaries["larder"], "--port", str(kit.PORT + 7), "--bind", "127.0.0.1", "--save", "", "--io-threads", "2",
                                            "--enable-debug-command", "yes"], kit.PORT + 7, kit.ALL_CORES)
    with kit.Connection(server.port) as connection:
        sizes = prepare(connection, kit, scale)
        time.sleep(2)
        writers = [Writer(kit, server.port, number % 3, sizes, number) for number in range(WRITERS)]
        for writer in writers:
            writer.start()
        time.sleep(1)
        periods = []

        def period(name, run):
            begun, before = time.monotonic(), server.resident()
            most, result = resident_max(server, run)
            periods.append((name, begun, time.monotonic(), before, most, result))
            print("snapshot: %s done" % name, file=sys.stderr, flush=True)
        seconds = max(2, CONTROL_SECONDS * scale)
        period("no snapshot", lambda: time.sleep(seconds))
        for number in range(SNAPSHOTS):
            def verbatim(*words):
                return figures(connection.command(*words).decode() + "\r\n")
            period("snapshot %d" % (number + 1), lambda: verbatim("DEBUG", "SNAPSHOT", "COUNT"))
            time.sleep(2)
        period("no snapshot", lambda: time.sleep(seconds))
        for writer in writers:
            writer.stop = True
        for writer in writers:
            writer.join()
    server.stop()
    rows, missed, control = [], [], 0
    for name, begun, ended, before, most, result in periods:
        waits = sorted(wait * 1000 for writer in writers for at, wait in writer.waits if begun <= at and at + wait <= ended)
        if not waits:
            waits = [0.0]
        growth, budget = most - before, before * BUDGET_SHARE + BUDGET_GROWTH
        if result is None:
            control = max(control, waits[-1])
        rows.append((name, ended - begun, waits, before, growth, budget, result or {}))
    lines = []
    for name, seconds, waits, before, growth, budget, result in rows:
        held = not result or waits[-1] <= control + BUDGET_WAIT_MS and growth <= budget
        if not held:
            missed.append("snapshot: " + name)
        lines.append([name, "%.2f" % seconds, "%.0f" % (len(waits) * PIPELINE / seconds / 1000), "%.2f" % waits[int(len(waits) * 0.99)],
                      "%.2f" % waits[int(len(waits) * 0.999)], "%.2f" % waits[-1], "%d" % (before >> 20), "%d" % (growth >> 20),
                      "%d" % (result.get("queued_bytes_max", 0) >> 20), str(result.get("preimages", "")), str(result.get("slice_us_max", "")),
                      str(result.get("begin_us", "")),
                      "" if not result else "%.1f ms, %d MB%s" % (control + BUDGET_WAIT_MS, budget / 2**20, "" if held else " MISSED")])
    head = ["", "seconds", "kops/s", "p99 ms", "p99.9 ms", "longest ms", "RSS MB", "more MB", "queued MB", "handed over", "longest slice µs", "begin µs", "budget"]
    return ("## Snapshots\nA sorted set of %d members, a hash of %d fields and a string of %d MB; %d connections write to just these, %d requests at a time."
            " Waits are those of a client, on a machine that it shares with the server: two workers, load on both cores.\n\n"
            % (sizes[0], sizes[1], sizes[2] >> 20, WRITERS, PIPELINE)) + kit.table(head, lines), missed
