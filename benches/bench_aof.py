"""The part of scripts/bench that measures what an append only file costs, beside Valkey in the same run: CPU per SET where the file is flushed every
second, and with a flush before each reply the writes per second and how long those wait who only read.

`kit` is scripts/bench itself: servers, connections, tables.
"""

import statistics
import sys

from bench_elements import quantile
from bench_save import Sender

PIPELINE = 16
# Against Valkey: CPU per SET with everysec, writes per second with always.
BUDGET_EVERYSEC, BUDGET_ALWAYS = 0.60, 0.95
# 99 of 100 GETs beside writes that wait for the disk.
BUDGET_GET_US = 2000
# SETs of a measurement with always, GETs a second beside them, and keys that these read and nobody writes.
WRITES, GETS, READ = 60_000, 1000, 1000


def start(kit, binaries, name, policy, number, cores):
    options = ["--port", str(kit.PORT + number), "--bind", "127.0.0.1", "--save", "", "--io-threads", "1", "--auto-aof-rewrite-percentage", "0"]
    options += ["--appendonly", "yes", "--appendfsync", policy] if policy else []
    return kit.Server("%s %s" % (name, policy or "without"), [binaries[name]] + options, kit.PORT + number, cores)


def every_second(kit, binaries, rounds, scale):
    servers = [start(kit, binaries, name, policy, number, kit.SERVER_CORES)
               for number, (name, policy) in enumerate((name, policy) for policy in ("everysec", None) for name in ("larder", "valkey"))]
    for server in servers:
        kit.benchmark(binaries["benchmark"], server, "set", 64, kit.KEYS, kit.LOAD_CORES, sequential=True)
    results = kit.measure(binaries["benchmark"], servers, [PIPELINE], rounds, scale, kit.LOAD_CORES)
    rows, missed = [], []
    for test in ("set", "get"):
        for policy in ("everysec", "without"):
            names = ["%s %s" % (name, policy) for name in ("larder", "valkey")]
            ratios = kit.ratios(results, PIPELINE, test, *names)
            judged = test == "set" and policy == "everysec"
            held = not judged or statistics.median(ratios) <= BUDGET_EVERYSEC
            if not held:
                missed.append("SET with everysec")
            budget = (", budget %.2f%s" % (BUDGET_EVERYSEC, "" if held else " MISSED")) if judged else ""
            rows.append([test.upper(), policy] + [kit.spread([ns / 1000 for ns, _ in results[PIPELINE, test, name]]) for name in names]
                        + [kit.spread(ratios) + budget])
    for server in servers:
        server.stop()
    return ("## Append only file, flushed every second\nServer on core 0, load on core 1, pipeline %d; µs of CPU per operation, all threads;"
            " median [lowest-highest] of %d rounds.\n\n" % (PIPELINE, rounds)
            + kit.table(["", "appendfsync", "Larder", "Valkey", "Larder / Valkey"], rows)), missed


def always(kit, binaries, rounds, scale):
    servers = {name: start(kit, binaries, name, "always", number, kit.ALL_CORES) for number, name in enumerate(("larder", "valkey"))}
    requests = [kit.encode(["GET", "read:%d" % number]) for number in range(READ)]
    per_second, waits = {name: [] for name in servers}, {name: [] for name in servers}
    for server in servers.values():
        with kit.Connection(server.port) as connection:
            for number in range(READ):
                connection.command("SET", "read:%d" % number, "x" * kit.VALUE_LEN)
    for number in range(rounds):
        for name in list(servers)[::-1 if number % 2 else 1]:
            sender = Sender(servers[name].port, requests, 2, GETS)
            per_second[name].append(kit.benchmark(binaries["benchmark"], servers[name], "set", 1, int(WRITES * scale), kit.ALL_CORES))
            sender.stop()
            waits[name].append([wait / 1000 for _, wait in sender.waits])
        print("always: round %d of %d done" % (number + 1, rounds), file=sys.stderr, flush=True)
    for server in servers.values():
        server.stop()
    ratios = [mine / theirs for mine, theirs in zip(per_second["larder"], per_second["valkey"])]
    late = {name: [quantile(one, 0.99) for one in waits[name]] for name in servers}
    held = statistics.median(ratios) >= BUDGET_ALWAYS, statistics.median(late["larder"]) <= BUDGET_GET_US
    mark = lambda is_held: "" if is_held else " MISSED"
    rows = [["SETs per second"] + [kit.spread(per_second[name], "%.0f") for name in servers]
            + ["%s, budget %.2f%s" % (kit.spread(ratios), BUDGET_ALWAYS, mark(held[0]))]]
    for share, title in ((0.5, "p50"), (0.99, "p99"), (0.999, "p99.9")):
        row = [kit.spread([quantile(one, share) for one in waits[name]], "%.0f") for name in servers]
        rows.append(["GETs, %s µs" % title] + row + ["budget %d%s" % (BUDGET_GET_US, mark(held[1])) if share == 0.99 else ""])
    return ("## Append only file, flushed before each reply\n%d connections, a SET at a time each; beside them %d GETs a second of keys that nobody"
            " writes. Server and load on both cores, the files on one disk; median [lowest-highest] of %d rounds.\n\n"
            % (kit.CONNECTIONS, GETS, rounds)
            + kit.table(["", "Larder", "Valkey", "Larder / Valkey"], rows)), [title for title, is_held in zip(("SETs with always", "GETs beside always"), held)
                                                                            if not is_held]
