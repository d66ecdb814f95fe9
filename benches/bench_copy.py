"""The part of scripts/bench that measures a full copy for a slow replica under writes, beside Valkey in the same run: how many copies it takes, what
the writers notice of it, and what it costs in memory.

`kit` is scripts/bench itself: servers, connections, tables. A proxy between the two nodes lets so many bytes a second pass to the replica. All
limits are as they are by default. The writes go to keys of their own, beside the data that is copied.
"""

import socket
import subprocess
import threading
import time

from bench_save import Process, info

# What is copied, bytes per value; what the proxy lets pass a second; writes a second and the length of their values.
DATA, VALUE_LEN, PASSED, WRITES, WRITTEN_LEN = 3 << 30, 3000, 20 << 20, 50_000, 64
# Writes per second during the copy against those before; growth of the primary, as a share of its memory and so much.
BUDGET_WRITES, BUDGET_SHARE, BUDGET_GROWTH = 0.80, 0.05, 64 << 20
BEFORE_SECONDS = 5
# How often the primary is looked at, and how long what it takes to copy everything may take at most, in times of what the bytes alone take.
LOOK_SECONDS, GIVE_UP = 0.25, 4


class Proxy:
    """Lets PASSED bytes a second through to who connects; what comes from there at any rate."""

    def __init__(self, port, to):
        self.to, self.connections = to, 0
        self.socket = socket.create_server(("127.0.0.1", port))
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                replica, _ = self.socket.accept()
            except OSError:
                return
            self.connections += 1
            primary = socket.create_connection(("127.0.0.1", self.to))
            # What waits in buffers of the system is no copy yet.
            primary.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 256 << 10)
            for source, sink, rate in ((primary, replica, PASSED), (replica, primary, None)):
                threading.Thread(target=self.pass_on, args=(source, sink, rate), daemon=True).start()

    def pass_on(self, source, sink, rate):
        due = time.monotonic()
        try:
            while data := source.recv(128 << 10):
                sink.sendall(data)
                if rate:
                    due = max(due + len(data) / rate, time.monotonic() - 0.05)
                    time.sleep(max(0, due - time.monotonic()))
        except OSError:
            pass
        for one in (source, sink):
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def stop(self):
        self.socket.close()


def number(connection, section, field):
    return int(info(connection, section).get(field, 0))


def copy(kit, binaries, name, index, scale):
    port, proxy_port, replica_port = (kit.PORT + 3 * index + one for one in range(3))
    options = ["--bind", "127.0.0.1", "--save", "", "--enable-debug-command", "yes", "--port"]
    primary = kit.Server(name + " primary", [binaries[name]] + options + [str(port)], port, kit.ALL_CORES)
    connection, keys = kit.Connection(port, 600), int(DATA * scale) // VALUE_LEN
    load = [binaries["benchmark"], "-p", str(port), "-t", "set", "--sequential", "-n", str(keys), "-r", str(keys), "-d", str(VALUE_LEN), "-P", "16", "-q"]
    subprocess.run(load, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    writes = Process(kit, [binaries["benchmark"], "-p", str(port), "-c", "50", "-P", "16", "--rps", str(WRITES), "-n", "2000000000", "-r", "100000", "-q",
                           "SET", "written:__rand_int__", "x" * WRITTEN_LEN])
    commands = lambda: number(connection, "stats", "total_commands_processed")
    time.sleep(2)
    start, before = time.monotonic(), commands()
    time.sleep(BEFORE_SECONDS)
    usual = (commands() - before) / (time.monotonic() - start)
    memory = primary.resident()
    proxy = Proxy(proxy_port, port)
    start, before = time.monotonic(), commands()
    replica = kit.Server(name + " replica", [binaries[name]] + options + [str(replica_port), "--replicaof", "127.0.0.1", str(proxy_port)], replica_port,
                         kit.ALL_CORES)
    follower, peak, slowest, last = kit.Connection(replica_port, 600), memory, usual, (start, before)
    deadline = start + GIVE_UP * (DATA * scale / PASSED + 30)
    is_done = False
    while not is_done and time.monotonic() < deadline:
        time.sleep(LOOK_SECONDS)
        peak, now = max(peak, primary.resident()), time.monotonic()
        if now - last[0] >= 1:
            counted = commands()
            slowest, last = min(slowest, (counted - last[1]) / (now - last[0])), (now, counted)
        state = info(follower, "replication")
        # It has all that was there a second ago, say: the copy and what came meanwhile.
        is_done = state["master_link_status"] == "up" and int(state["slave_repl_offset"]) + 2 * WRITES * WRITTEN_LEN > number(
            connection, "replication", "master_repl_offset")
    seconds = time.monotonic() - start
    during = (commands() - before) / seconds
    writes.stop()
    is_equal = False
    if is_done:
        while number(follower, "replication", "slave_repl_offset") != number(connection, "replication", "master_repl_offset"):
            time.sleep(LOOK_SECONDS)
        is_equal = connection.command("DEBUG", "DIGEST") == follower.command("DEBUG", "DIGEST")
    copies = number(connection, "stats", "sync_full")
    proxy.stop()
    replica.stop()
    primary.stop()
    return {"seconds": seconds if is_done else None, "copies": copies, "usual": usual, "during": during, "slowest": slowest, "memory": memory,
            "growth": peak - memory, "equal": is_equal}


def slow_copy(kit, binaries, scale):
    found = {name: copy(kit, binaries, name, index, scale) for index, name in enumerate(("larder", "valkey"))}
    mine, theirs = found["larder"], found["valkey"]
    bound = BUDGET_SHARE * mine["memory"] + BUDGET_GROWTH
    held = {"a slow copy: one copy": mine["copies"] == 1 and mine["seconds"] is not None, "a slow copy: equal data": mine["equal"],
            "a slow copy: writes": mine["during"] >= BUDGET_WRITES * mine["usual"], "a slow copy: growth": mine["growth"] <= bound}
    mark = lambda name: "" if held["a slow copy: " + name] else " MISSED"
    row = lambda title, cell, judged: [title, cell(mine), cell(theirs), judged]
    rows = [row("full copies begun", lambda one: str(one["copies"]), "budget 1" + mark("one copy")),
            row("seconds until the replica follows", lambda one: "%.0f" % one["seconds"] if one["seconds"] else "given up", ""),
            row("data equal in the end", lambda one: "yes" if one["equal"] else "no", mark("equal data").strip()),
            row("writes per second before", lambda one: "%.0f" % one["usual"], ""),
            row("during the copy", lambda one: "%.0f" % one["during"], "budget %.2f of before%s" % (BUDGET_WRITES, mark("writes"))),
            row("in the slowest second", lambda one: "%.0f" % one["slowest"], ""),
            row("growth of the primary, MB", lambda one: "%.0f" % (one["growth"] / 1e6), "budget %.0f%s" % (bound / 1e6, mark("growth")))]
    return ("## A full copy for a slow replica\n%.1f GB, of which %d MB a second pass to the replica, under %d writes a second of %d bytes; all limits as they are by"
            " default.\n\n" % (DATA * scale / 1e9, PASSED >> 20, WRITES, WRITTEN_LEN) + kit.table(["", "Larder", "Valkey", ""], rows)), [
                title for title, is_held in held.items() if not is_held]
