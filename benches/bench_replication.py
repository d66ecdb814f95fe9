"""The part of scripts/bench that measures what a replica costs its primary, what it costs itself, and how far it is behind, beside Valkey in the
same run.

`kit` is scripts/bench itself: servers, connections, tables.
"""

import statistics
import sys
import time

from bench_elements import quantile
from bench_save import Process, info

PIPELINE = 16
# CPU per SET of a primary with one replica against Valkey's, and of a replica per applied write against its own primary's per write.
BUDGET_PRIMARY, BUDGET_REPLICA = 0.60, 0.50
# What the replica lacks when the primary gets so many writes a second, as time: 99 of 100 looks.
PACED, BUDGET_LAG_MS = 100_000, 50
LOOKS, LOOK_SECONDS = 300, 0.01


def offset(connection, field):
    return int(info(connection, "replication")[field])


class Pair:
    """A primary and its replica, each on a core of its own."""

    def __init__(self, kit, binaries, name, number):
        options = ["--bind", "127.0.0.1", "--save", "", "--io-threads", "1", "--repl-backlog-size", "64mb",
                   "--client-output-buffer-limit", "replica 0 0 0", "--port"]
        ports = kit.PORT + 2 * number, kit.PORT + 2 * number + 1
        self.kit, self.name = kit, name
        self.primary = kit.Server(name + " primary", [binaries[name]] + options + [str(ports[0])], ports[0], kit.SERVER_CORES)
        follow = [str(ports[1]), "--replicaof", "127.0.0.1", str(ports[0])]
        self.replica = kit.Server(name + " replica", [binaries[name]] + options + follow, ports[1], kit.LOAD_CORES)
        self.connections = [kit.Connection(port) for port in ports]
        kit.benchmark(binaries["benchmark"], self.primary, "set", 64, kit.KEYS, kit.LOAD_CORES, sequential=True)
        self.catch_up()

    def catch_up(self):
        while info(self.connections[1], "replication")["master_link_status"] != "up" or self.behind() > 0:
            time.sleep(0.05)

    def behind(self):
        """Bytes that the replica lacks of what the primary had a moment ago."""
        end = offset(self.connections[0], "master_repl_offset")
        return max(0, end - offset(self.connections[1], "slave_repl_offset"))

    def measure(self, tool, operations):
        """CPU per operation of both, in microseconds, operations per second, and bytes that the replica lacked at the end."""
        before = self.primary.cpu_ns(), self.replica.cpu_ns()
        per_second = self.kit.benchmark(tool, self.primary, "set", PIPELINE, operations, self.kit.LOAD_CORES)
        primary, behind = self.primary.cpu_ns() - before[0], self.behind()
        self.catch_up()
        return primary / operations / 1000, (self.replica.cpu_ns() - before[1]) / operations / 1000, per_second, behind

    def stop(self):
        for server in (self.replica, self.primary):
            server.stop()


def lags(kit, binaries, pair):
    """How long ago the primary was where the replica is, in milliseconds, under paced writes."""
    command = [binaries["benchmark"], "-p", str(pair.primary.port), "-t", "set", "-n", "2000000000", "-r", str(kit.KEYS), "-d", str(kit.VALUE_LEN),
               "-c", str(kit.CONNECTIONS), "-P", str(PIPELINE), "--rps", str(PACED), "-q"]
    load = Process(kit, command)
    time.sleep(1)
    seen, found = [], []
    for _ in range(LOOKS):
        at = offset(pair.connections[1], "slave_repl_offset")
        now = time.monotonic()
        seen.append((now, offset(pair.connections[0], "master_repl_offset")))
        # The last look at which the primary had no more than this. What came since is what the replica lacks.
        past = [when for when, end in seen if end <= at]
        found.append((now - (past[-1] if past else seen[0][0])) * 1000)
        time.sleep(LOOK_SECONDS)
    load.stop()
    return found


def replication(kit, binaries, rounds, scale):
    pairs = [Pair(kit, binaries, name, number) for number, name in enumerate(("larder", "valkey"))]
    operations, found = int(kit.OPERATIONS[PIPELINE] * scale), {pair.name: [] for pair in pairs}
    for number in range(rounds):
        for pair in pairs[::-1 if number % 2 else 1]:
            found[pair.name].append(pair.measure(binaries["benchmark"], operations))
        print("replication: round %d of %d done" % (number + 1, rounds), file=sys.stderr, flush=True)
    late = {}
    for pair in pairs:
        late[pair.name] = lags(kit, binaries, pair)
        pair.catch_up()
        pair.stop()
    mine, theirs = found["larder"], found["valkey"]
    primary = [a[0] / b[0] for a, b in zip(mine, theirs)]
    replica = [a[1] / a[0] for a in mine]
    held = (statistics.median(primary) <= BUDGET_PRIMARY, statistics.median(replica) <= BUDGET_REPLICA,
            quantile(late["larder"], 0.99) <= BUDGET_LAG_MS)
    mark = lambda is_held: "" if is_held else " MISSED"
    column = lambda one, form="%.2f": [kit.spread([row[one] for row in rows], form) for rows in (mine, theirs)]
    lag = lambda share: ["%.1f" % quantile(late[name], share) for name in ("larder", "valkey")]
    rows = [["CPU of the primary per SET, µs"] + column(0) + ["%s of Valkey's, budget %.2f%s" % (kit.spread(primary), BUDGET_PRIMARY, mark(held[0]))],
            ["CPU of the replica per SET, µs"] + column(1)
            + ["%s of its primary's, budget %.2f%s" % (kit.spread(replica), BUDGET_REPLICA, mark(held[1]))],
            ["SETs per second"] + column(2, "%.0f") + [""],
            ["bytes that the replica lacks at the end"] + column(3, "%.0f") + [""],
            ["ms behind at %d SETs a second, p50" % PACED] + lag(0.5) + [""],
            ["the same, p99"] + lag(0.99) + ["budget %d%s" % (BUDGET_LAG_MS, mark(held[2]))]]
    titles = "CPU of a primary", "CPU of a replica", "lag of a replica"
    return ("## A replica\nThe primary on core 0; the replica and the load share core 1. Pipeline %d; median [lowest-highest] of %d rounds. How far behind the"
            " replica is, is told by looks %d ms apart.\n\n" % (PIPELINE, rounds, LOOK_SECONDS * 1000)
            + kit.table(["", "Larder", "Valkey", ""], rows)), [title for title, is_held in zip(titles, held) if not is_held]
