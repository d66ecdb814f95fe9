"""The part of scripts/bench that measures collections: CPU per operation at pipeline 16, a ping-pong of clients that wait, bytes per item.

`kit` is scripts/bench itself: servers, connections, tables.
"""

import os
import random
import statistics
import subprocess
import sys
import threading
import time

PIPELINE, CONNECTIONS, RANGE = 16, 50, 1_000_000
PAIRS, PINGS = 50, 400


def load(connection, kit, requests, step=2000):
    """Sends requests (lists of words) and reads their replies, which are simple or integers."""
    requests = list(requests)
    for start in range(0, len(requests), step):
        part = requests[start:start + step]
        connection.socket.sendall(b"".join(kit.encode(words) for words in part))
        for _ in part:
            line = connection.file.readline()
            if line[:1] == b"-":
                sys.exit("loading: %r" % line)
            if line[:1] == b"$":
                connection.file.read(int(line[1:]) + 2)


def batches(count, size, words_of):
    """One request per `size` items: what `words_of` gives for each, after the words in front."""
    for start in range(0, count, size):
        yield [word for number in range(start, min(start + size, count)) for word in words_of(number)]


def prepare(connection, kit):
    rng = random.Random(1)
    send = lambda requests: load(connection, kit, requests)
    send(["RPUSH", "feed"] + items for items in batches(10_000, 500, lambda n: ["item:%012d" % n]))
    send(["SADD", "set"] + items for items in batches(RANGE, 500, lambda n: ["m:%012d" % n]))
    send(["HSET", "big"] + items for items in batches(RANGE, 500, lambda n: ["f:%012d" % n, "v%07d" % n]))
    send(["HSET", "user:%012d" % n] + [word for field in range(10) for word in ("field%d" % field, "value%03d" % field)] for n in range(10_000))
    send(["ZADD", "zset"] + items for items in batches(RANGE, 500, lambda n: [str(rng.randrange(RANGE)), "m:%012d" % n]))
    send(["GEOADD", "geo"] + items
         for items in batches(100_000, 500, lambda n: ["%.6f" % rng.uniform(10, 20), "%.6f" % rng.uniform(35, 45), "p:%012d" % n]))
    send(["XADD", "stream", "0-%d" % (n + 1), "name", "value:%010d" % n] for n in range(RANGE))
    send([["XGROUP", "CREATE", "stream", "group", "0"]])


# Name, request, how many at least are sent (in thousands), budget as a ratio to Valkey. In this order, so that RPOP finds what LPUSH added.
SPEED_ROWS = [
    ("LPUSH", "LPUSH list v:__rand_int__", 400, 0.75),
    ("RPOP", "RPOP list", 400, 0.75),
    ("LRANGE 100", "LRANGE feed 0 99", 60, 0.75),
    ("SADD", "SADD set m:__rand_int__", 400, 0.75),
    ("SISMEMBER", "SISMEMBER set m:__rand_int__", 400, 0.75),
    ("SREM", "SREM set m:__rand_int__", 400, 0.85),
    ("HSET", "HSET user:00000000__rand_int__ field3 v:__rand_int__", 400, 0.75),
    ("HSET, 1M fields", "HSET big f:__rand_int__ v:__rand_int__", 400, 0.75),
    ("HGETALL 10", "HGETALL user:000000000042", 200, 0.75),
    ("HDEL", "HDEL big f:__rand_int__", 400, 0.85),
    ("ZADD", "ZADD zset __rand_int__ m:__rand_int__", 300, 0.5),
    ("ZRANK", "ZRANK zset m:__rand_int__", 300, 0.4),
    ("ZRANGE 100", "ZRANGE zset 500000 500099", 60, 0.4),
    ("ZRANGEBYSCORE", "ZRANGEBYSCORE zset __rand_int__ +inf LIMIT 0 10", 200, 0.75),
    ("XADD", "XADD log * name v:__rand_int__", 400, 0.75),
    ("XRANGE 100", "XRANGE stream 0-500000 + COUNT 100", 60, 0.75),
    ("XREADGROUP", "XREADGROUP GROUP group one COUNT 1 STREAMS stream >", 200, 0.75),
    ("XACK", "XACK stream group 0-__rand_int__", 200, 0.75),
    ("PFADD", "PFADD hll e:__rand_int__", 400, 0.75),
    ("GEOSEARCH", "GEOSEARCH geo FROMLONLAT 15 40 BYRADIUS 20 km ASC COUNT 10", 60, 0.75),
]
BUDGET_MEDIAN, BUDGET_PING_PONG = 0.5, 0.8


def run(kit, tool, server, request, operations):
    command = [tool, "-p", str(server.port), "-n", str(operations), "-r", str(RANGE), "-c", str(CONNECTIONS), "-P", str(PIPELINE), "-q"]
    before = server.cpu_ns()
    subprocess.run(command + request.split(), check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                   preexec_fn=lambda: os.sched_setaffinity(0, kit.LOAD_CORES))
    return (server.cpu_ns() - before) / operations


def ping_pong(kit, server):
    """CPU per exchange: one client waits in BLPOP, another pushes, then they change places."""
    def play(pair, first):
        mine, theirs = ("ping:%d" % pair, "pong:%d" % pair) if first else ("pong:%d" % pair, "ping:%d" % pair)
        with kit.Connection(server.port) as connection:
            for _ in range(PINGS):
                if first:
                    connection.command("LPUSH", theirs, "x")
                connection.socket.sendall(kit.encode(["BLPOP", mine, "0"]))
                for _ in range(5):
                    connection.file.readline()
                if not first:
                    connection.command("LPUSH", theirs, "x")
    before = server.cpu_ns()
    players = [threading.Thread(target=play, args=(pair, first)) for pair in range(PAIRS) for first in (True, False)]
    for player in players:
        player.start()
    for player in players:
        player.join()
    return (server.cpu_ns() - before) / (PAIRS * PINGS)


def speed(kit, binaries, rounds, scale):
    plain = ["--bind", "127.0.0.1", "--save", "", "--io-threads", "1"]
    servers = [kit.Server("larder types", [binaries["larder"], "--port", str(kit.PORT)] + plain, kit.PORT, kit.SERVER_CORES),
               kit.Server("valkey types", [binaries["valkey"], "--port", str(kit.PORT + 1)] + plain, kit.PORT + 1, kit.SERVER_CORES)]
    for server in servers:
        with kit.Connection(server.port) as connection:
            prepare(connection, kit)
    seen = {}
    for number in range(rounds):
        for name, request, thousands, _ in SPEED_ROWS:
            for server in servers[number % 2:] + servers[:number % 2]:
                seen.setdefault((name, server), []).append(run(kit, binaries["benchmark"], server, request, int(thousands * 1000 * scale)))
        for server in servers:
            seen.setdefault(("BLPOP woken by LPUSH", server), []).append(ping_pong(kit, server))
        print("types: round %d of %d done" % (number + 1, rounds), file=sys.stderr, flush=True)
    rows, missed, medians = [], [], []
    for name, budget in [(row[0], row[3]) for row in SPEED_ROWS] + [("BLPOP woken by LPUSH", BUDGET_PING_PONG)]:
        mine, theirs = (seen[name, server] for server in servers)
        ratios = [a / b for a, b in zip(mine, theirs)]
        medians.append(statistics.median(ratios))
        held = medians[-1] <= budget
        if not held:
            missed.append(name)
        rows.append([name, kit.spread([ns / 1000 for ns in mine]), kit.spread([ns / 1000 for ns in theirs]),
                     "%s, budget %.2f%s" % (kit.spread(ratios), budget, "" if held else " MISSED")])
    middle = statistics.median(medians)
    if middle > BUDGET_MEDIAN:
        missed.append("median of the types")
    for server in servers:
        server.stop()
    text = ("## Types: CPU per operation\nServer on core 0, load on core 1, pipeline %d, %d connections, collections of 1M elements where nothing else is said; µs per operation,"
            " median [lowest-highest] of %d rounds. Median of the ratios: %.2f, budget %.2f.\n\n" % (PIPELINE, CONNECTIONS, rounds, middle, BUDGET_MEDIAN))
    return text + kit.table(["", "Larder", "Valkey", "Larder / Valkey"], rows), missed


def members(count, size, words, item):
    return lambda: ([*words] + items for items in batches(count, size, item))


# Name, requests that load it, items, budget in bytes per item (None: Valkey's).
MEMORY_ROWS = [
    ("hash of 10 fields", lambda: (["HSET", "user:%010d" % n] + [w for f in range(10) for w in ("name%02d" % f, "v%07d" % ((n + f) % 10_000_000))]
                                   for n in range(RANGE // 10)), RANGE // 10, 212),
    ("sorted set", members(RANGE, 500, ["ZADD", "z"], lambda n: [str((n * 7919) % RANGE), "member:%09d" % n]), RANGE, 44),
    ("set", members(RANGE, 500, ["SADD", "s"], lambda n: ["member:%09d" % n]), RANGE, 28),
    ("set of integers", members(RANGE, 500, ["SADD", "i"], lambda n: [str(n * 1_000_003)]), RANGE, 16),
    ("big hash", members(RANGE, 500, ["HSET", "h"], lambda n: ["member:%09d" % n, "v%07d" % n]), RANGE, 40),
    ("list", members(RANGE, 500, ["RPUSH", "l"], lambda n: ["member:%09d" % n]), RANGE, 18.6),
    ("stream", lambda: (["XADD", "x", "0-%d" % (n + 1), "name", "member:%09d" % n] for n in range(RANGE)), RANGE, None),
    ("sorted sets of 100", lambda: (["ZADD", "z:%d" % n] + [w for m in range(100) for w in (str((m * 37) % 100), "member:%09d" % m)]
                                    for n in range(RANGE // 100)), RANGE, None),
    ("sets of 100", lambda: (["SADD", "s:%d" % n] + ["member:%09d" % m for m in range(100)] for n in range(RANGE // 100)), RANGE, None),
    ("hashes of 100", lambda: (["HSET", "h:%d" % n] + [w for m in range(100) for w in ("member:%09d" % m, "v%07d" % m)]
                               for n in range(RANGE // 100)), RANGE, None),
]


def memory(kit, binaries):
    rows, missed = [], []
    for title, requests, count, budget in MEMORY_ROWS:
        cells = {}
        for number, name in enumerate(("larder", "valkey")):
            port = kit.PORT + 5 + number
            server = kit.Server(name + " memory", [binaries[name], "--port", str(port), "--bind", "127.0.0.1", "--save", ""], port, kit.ALL_CORES)
            with kit.Connection(port) as connection:
                load(connection, kit, [["SET", "warm:%d" % n, "x" * 100] for n in range(2000)])
                before = server.resident(), int(server.info("used_memory"))
                load(connection, kit, requests(), step=200)
            time.sleep(1)
            after = server.resident(), int(server.info("used_memory"))
            cells[name] = [(b - a) / count for a, b in zip(before, after)]
            server.stop()
        most = cells["valkey"][0] if budget is None else budget
        held = cells["larder"][0] <= most
        if not held:
            missed.append(title)
        rows.append([title] + ["%.1f" % value for name in ("larder", "valkey") for value in cells[name]]
                    + ["%.2f" % (cells["larder"][0] / cells["valkey"][0]), "%.1f%s" % (most, "" if held else " MISSED")])
    head = ["", "Larder RSS", "Larder used_memory", "Valkey RSS", "Valkey used_memory", "Larder / Valkey (RSS)", "budget"]
    return "## Types: bytes per item\n1M elements of 16 bytes; differences as above.\n\n" + kit.table(head, rows), missed
