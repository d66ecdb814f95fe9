"""The part of scripts/bench that measures how long a node takes to load its snapshot when it starts: the same file, which a Valkey saved, by turns
with Valkey.

`kit` is scripts/bench itself: servers, connections, tables.
"""

import statistics
import sys

import bench_data

ROUNDS = 3
# Valkey's seconds divided by Larder's, with two cores.
BUDGET = 1.6


def load(kit, binaries, scale):
    path = bench_data.file(kit, binaries, scale)
    commands = {"larder": [binaries["larder"], "--io-threads", "2"], "valkey": [binaries["valkey"]]}
    seconds, resident = {name: [] for name in commands}, {}
    for number in range(ROUNDS):
        for at, name in enumerate(list(commands) if number % 2 == 0 else list(commands)[::-1]):
            server, connection, took = bench_data.start(kit, name + " load", commands[name], kit.PORT + at, path)
            found = int(connection.command("DBSIZE")), int(connection.command("ZCARD", bench_data.LARGE))
            expected = bench_data.total(scale), bench_data.members(scale)
            if found != expected:
                sys.exit("%s has loaded %d keys and %d members of %d and %d" % ((name,) + found + expected))
            seconds[name].append(took)
            resident[name] = server.resident()
            connection.socket.close()
            bench_data.stop(kit, server)
        print("load: round %d of %d done" % (number + 1, ROUNDS), file=sys.stderr, flush=True)
    ratios = [theirs / mine for mine, theirs in zip(seconds["larder"], seconds["valkey"])]
    held = statistics.median(ratios) >= BUDGET
    row = [kit.spread(seconds["larder"]), kit.spread(seconds["valkey"]),
           "%s, budget %.1f%s" % (kit.spread(ratios), BUDGET, "" if held else " MISSED"),
           "%d / %d" % tuple(resident[name] >> 20 for name in commands)]
    head = ["Larder, s", "Valkey, s", "Valkey / Larder", "RSS MB after it, Larder / Valkey"]
    return ("## Loading a snapshot\nSeconds from the start of the process until INFO says `loading:0`, of the same file: %d keys of all types and a"
            " sorted set of %d members. Both cores; median [lowest-highest] of %d rounds.\n\n"
            % (bench_data.total(scale) - 1, bench_data.members(scale), ROUNDS)
            + kit.table(head, [row])), [] if held else ["loading"]
