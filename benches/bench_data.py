"""What --snapshot and --load save and load: keys of all types, and one sorted set as large as all of them. A Valkey makes it once for each run of
scripts/bench and saves it, so that both servers begin with the same file.

`kit` is scripts/bench itself: servers, connections, tables.
"""

import itertools
import os
import random
import shutil
import sys
import time

from bench_types import batches, load

KEYS, MEMBERS = 5_000_000, 5_000_000
# Elements of each small collection.
ELEMENTS = 5
# One of so many keys expires, much later than any of this is over; of so many hashes, a field.
TTL_EVERY, FIELD_TTL_EVERY, TTL = 7, 20, "1000000"
# Names of keys, and how many of a hundred keys are of this type.
SHARES = {"key": 60, "hash": 14, "list": 10, "set": 5, "integers": 5, "zset": 5, "stream": 1}
LARGE = "large"
# Values differ by length and by how far they can be compressed.
VALUES_KEPT = 4096
# Seconds until a SAVE, a DEBUG DIGEST or a load is given up.
LONG = 600


def sizes(scale):
    """How many keys of each name there are."""
    return {name: int(KEYS * scale) * share // 100 for name, share in SHARES.items()}


def members(scale):
    return int(MEMBERS * scale)


def total(scale):
    return sum(sizes(scale).values()) + 1


def values(seed):
    rng = random.Random(seed)
    return [(("%0*x" % (length, rng.getrandbits(4 * length)))[:length // 2] + "larder " * length)[:length]
            for length in (rng.randrange(16, 129) for _ in range(VALUES_KEPT))]


def requests(scale):
    """The requests that make it, one after the other."""
    text = values(1)
    value = lambda number: text[number * 7919 % VALUES_KEPT]
    makers = {
        "key": lambda key, n: ["SET", key, str(n) if n % 50 == 0 else value(n)],
        "hash": lambda key, n: ["HSET", key] + [word for at in range(ELEMENTS) for word in ("field:%d" % at, value(n + at))],
        "list": lambda key, n: ["RPUSH", key] + [value(n + at) for at in range(ELEMENTS)],
        "set": lambda key, n: ["SADD", key] + ["member:%d" % (n + at) for at in range(ELEMENTS)],
        "integers": lambda key, n: ["SADD", key] + [str(n + at) for at in range(ELEMENTS)],
        "zset": lambda key, n: ["ZADD", key] + [word for at in range(ELEMENTS) for word in (str((n * 31 + at) % 1000), "member:%d" % at)],
        "stream": lambda key, n: ["XADD", key, "%d-1" % (n + 1), "field", value(n)],
    }
    for name, count in sizes(scale).items():
        for number in range(count):
            key = "%s:%012d" % (name, number)
            yield makers[name](key, number)
            if number % TTL_EVERY == 0:
                yield ["EXPIRE", key, TTL]
            elif name == "hash" and number % FIELD_TTL_EVERY == 1:
                yield ["HSETEX", key, "EX", TTL, "FIELDS", "1", "field:0", value(number)]
    rng, count = random.Random(2), members(scale)
    for items in batches(count, 1000, lambda n: [str(rng.randrange(count)), "m:%014d" % n]):
        yield ["ZADD", LARGE] + items


FILES = {}


def file(kit, binaries, scale):
    """Path of the file, which a Valkey saves at the first time that it is asked for."""
    if scale not in FILES:
        server = kit.Server("data", [binaries["valkey"], "--port", str(kit.PORT), "--bind", "127.0.0.1", "--save", ""], kit.PORT, kit.ALL_CORES)
        begun, made = time.monotonic(), requests(scale)
        with kit.Connection(server.port, LONG) as connection:
            while part := list(itertools.islice(made, 20_000)):
                # The large one's requests have a thousand items each.
                load(connection, kit, part, 2000 if len(part[-1]) < 100 else 20)
            connection.command("SAVE")
        print("data: %d keys made in %.0f s" % (total(scale), time.monotonic() - begun), file=sys.stderr, flush=True)
        server.stop()
        FILES[scale] = os.path.join(server.dir, "dump.rdb")
    return FILES[scale]


def folder(kit, name):
    """Where the server of this name keeps its file: the folder of its log is emptied when it starts."""
    return os.path.join(kit.TARGET, "bench", name.replace(" ", "-") + "-data")


def start(kit, name, command, port, path):
    """A server of both cores that loads this file, a connection to it, and the seconds from its start until it has loaded it."""
    own = folder(kit, name)
    shutil.rmtree(own, ignore_errors=True)
    os.makedirs(own)
    # A save gives the name to another file, and leaves this one as it is.
    os.link(path, os.path.join(own, "dump.rdb"))
    begun = time.monotonic()
    server = kit.Server(name, command + ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", own], port, kit.ALL_CORES)
    connection = kit.Connection(port, LONG)
    while "\r\nloading:0\r\n" not in connection.command("INFO", "persistence").decode():
        time.sleep(0.02)
    return server, connection, time.monotonic() - begun


def stop(kit, server):
    server.stop()
    shutil.rmtree(folder(kit, server.name), ignore_errors=True)
