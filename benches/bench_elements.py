"""The part of scripts/bench that measures how long GETs take while collections of millions of elements are deleted, expire, are joined or sorted.

`kit` is scripts/bench itself: servers, connections, tables. The reader is a process of its own, so that it waits for nothing but the server. It asks on
two connections by turns, one of each worker, for keys of all stripes but those of the large ones; benches/isolation.rs names them.
"""

import multiprocessing
import os
import random
import socket
import subprocess
import sys
import time

from bench_types import batches, load

ELEMENTS = 10_000_000
# What the longest of a thousand GETs may take, as a ratio to the same without anything beside it.
BUDGET = 1.3
# Seconds of GETs without anything beside, before each time that something happens; loads of each row. The longest of a thousand wants many
# thousands of GETs, and what happens is over in some hundredths of a second, so it happens to each of several collections by turns.
CONTROL_SECONDS, RUNS = 1, 3
COLLECTIONS = 8

NAMES = ["large"] + ["large:%d" % number for number in range(1, COLLECTIONS)]
LARGE = NAMES + ["small", "large:out"]
ITEMS = {
    "zset": (["ZADD"], lambda n: [str(n * 7919 % ELEMENTS), "m:%014d" % n]),
    "set": (["SADD"], lambda n: ["m:%014d" % n]),
    "hash": (["HSET"], lambda n: ["f:%014d" % n, "v%07d" % n]),
    "list": (["RPUSH"], lambda n: ["%d" % (n * 7919 % ELEMENTS)]),
}
# Name, type of the large collection, the collections by name, the request that runs beside the GETs for each.
ROWS = [
    ("DEL of a sorted set", "zset", NAMES, lambda name: ["DEL", name]),
    ("UNLINK of a hash", "hash", NAMES, lambda name: ["UNLINK", name]),
    ("DEL of a list", "list", NAMES, lambda name: ["DEL", name]),
    ("expiry of a set", "set", NAMES, lambda name: ["PEXPIRE", name, "1"]),
    ("FLUSHALL with a sorted set", "zset", NAMES[:1], lambda _: ["FLUSHALL"]),
    ("ZUNIONSTORE of a sorted set", "zset", NAMES[:1], lambda name: ["ZUNIONSTORE", "large:out", "2", name, "small"]),
    ("SORT of a list", "list", NAMES[:1], lambda name: ["SORT", name, "LIMIT", "0", "10"]),
]


def read(port, keys, pipe):
    """Notes when each GET began and how long it took, in nanoseconds, until told to stop."""
    connections = [socket.create_connection(("127.0.0.1", port)) for _ in range(2)]
    for connection in connections:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    requests = [b"*2\r\n$3\r\nGET\r\n$%d\r\n%s\r\n" % (len(key), key.encode()) for key in keys]
    rng, waits, number = random.Random(2), [], 0
    pipe.send(None)
    while not pipe.poll():
        for _ in range(200):
            connection, request = connections[number % 2], requests[rng.randrange(len(requests))]
            number += 1
            begun = time.monotonic_ns()
            connection.sendall(request)
            connection.recv(4096)
            waits.append((begun, time.monotonic_ns() - begun))
    pipe.send(waits)


class Reader:
    def __init__(self, port, keys):
        self.pipe, other = multiprocessing.Pipe()
        self.process = multiprocessing.Process(target=read, args=(port, keys, other), daemon=True)
        self.process.start()
        self.pipe.recv()

    def stop(self):
        self.pipe.send(None)
        waits = self.pipe.recv()
        self.process.join()
        return waits


def is_busy(connection):
    """True while something waits to be freed or is still there that is on its way out."""
    info = connection.command("INFO", "memory").decode()
    waiting = next(int(line.split(":")[1]) for line in info.split("\r\n") if line.startswith("lazyfree_pending_objects:"))
    return waiting > 0


def run(kit, connection, port, keys, names, request):
    """GETs while these requests run and what they left is freed, and between. Returns both, in microseconds, and how long each took, in ms.

    INFO is asked as often without anything beside: GETs of its worker wait for it as well.
    """
    reader = Reader(port, keys)
    spans = []
    for name in names:
        quiet = time.monotonic() + CONTROL_SECONDS
        while is_busy(connection) or time.monotonic() < quiet:
            time.sleep(0.01)
        begun, words = time.monotonic_ns(), request(name)
        connection.socket.sendall(kit.encode(words))
        line = connection.file.readline()
        if line[:1] == b"-":
            sys.exit("%s: %s" % (words[0], line.decode()))
        if line[:1] == b"*":
            for _ in range(2 * int(line[1:])):
                connection.file.readline()
        if words[0] == "PEXPIRE":
            while connection.command("EXISTS", name) != b"0":
                time.sleep(0.01)
        while is_busy(connection):
            time.sleep(0.01)
        spans.append((begun, time.monotonic_ns()))
    beside, control, number = [], [], 0
    for at, wait in reader.stop():
        while number + 1 < len(spans) and at > spans[number][1]:
            number += 1
        begun, ended = spans[number]
        (beside if begun <= at <= ended else control).append(wait / 1000)
    return control, beside, [(ended - begun) / 1e6 for begun, ended in spans]


def quantile(waits, share):
    return sorted(waits)[min(len(waits) - 1, int(len(waits) * share))] if waits else 0.0


def elements(kit, binaries, scale):
    count = int(ELEMENTS * scale)
    server = kit.Server("larder elements", [binaries["larder"], "--port", str(kit.PORT + 8), "--bind", "127.0.0.1", "--save", "", "--io-threads", "2",
                                            "--hash-seed", "isolation"], kit.PORT + 8, kit.ALL_CORES)
    keys = subprocess.run([binaries["isolation"], "keys", *LARGE], check=True, stdout=subprocess.PIPE).stdout.decode().split()
    rows, missed = [], []
    with kit.Connection(server.port) as connection:
        for name, kind, names, request in ROWS:
            control, beside, times = [], [], []
            for _ in range(RUNS):
                words, item = ITEMS[kind]
                connection.command("FLUSHALL")
                load(connection, kit, (words + ["large"] + items for items in batches(count, 1000, item)), 20)
                load(connection, kit, (["COPY", "large", copy] for copy in names[1:]))
                connection.command("ZADD", "small", "1", "one")
                load(connection, kit, (["SET", key, "v" * 64] for key in keys))
                time.sleep(1)
                before, during, ms = run(kit, connection, server.port, keys, names, request)
                control, beside, times = control + before, beside + during, times + ms
            print("elements: %s done" % name, file=sys.stderr, flush=True)
            ratio = quantile(beside, 0.999) / quantile(control, 0.999)
            held = ratio <= BUDGET
            if not held:
                missed.append("elements: " + name)
            rows.append([name, "%.0f" % sorted(times)[len(times) // 2], str(len(beside))]
                        + ["%.0f / %.0f" % (quantile(beside, share), quantile(control, share)) for share in (0.5, 0.99, 0.999)]
                        + ["%.0f / %.0f" % (max(beside, default=0), max(control)), "%.2f, budget %.1f%s" % (ratio, BUDGET, "" if held else " MISSED")])
    server.stop()
    head = ["beside the GETs", "ms until all is freed", "GETs", "p50 µs, and without", "p99", "p99.9", "longest", "p99.9, ratio"]
    return ("## Large collections\nGETs of keys of all stripes but the collections', one at a time, while something happens to %d elements; and without,"
            " for %d s before each time. %d runs of each; where something happens to a collection and is over, it happens to %d of them in each run."
            " Two workers, server and load on both cores.\n\n" % (count, CONTROL_SECONDS, RUNS, COLLECTIONS)) + kit.table(head, rows), missed
