"""The part of scripts/bench that measures what a BGSAVE to disk costs those who are served meanwhile, beside Valkey's in the same run, and whether
the file holds one moment.

`kit` is scripts/bench itself: servers, connections, tables. Both servers hold the same keys (bench_data). There are three loads, with several saves
each: paced writes and somebody who reads other keys (waits and growth); the writes alone (CPU per write); as many writes as there can be. Before each
save comes a control that lasts as long as a save: then a process of the saver's niceness takes a processor instead, so that what the machine lacks is
not taken for a cost of the save.
"""

import multiprocessing
import os
import random
import re
import shutil
import socket
import statistics
import subprocess
import sys
import time

import bench_data
from bench_elements import quantile

SAVES = 3
# What the node may grow by: a share of its memory, and so much. The rest against the control: the longest of a thousand GETs, the longest wait of a
# writer, CPU per write, writes per second; and how long a save takes against Valkey's.
BUDGET_SHARE, BUDGET_GROWTH = 0.05, 64 << 20
BUDGET_P999, BUDGET_WAIT_MS, BUDGET_CPU, BUDGET_SATURATED, BUDGET_DURATION = 1.3, 5, 1.10, 0.90, 1.2
# Per second: writers' batches, of so many requests; GETs; transactions that count.
WRITES, PIPELINE, GETS, COUNTS = 2000, 4, 2000, 200
# Counters that only change together, by transactions. Many, so that they lie in several stripes.
COUNTERS = ["together:%d" % number for number in range(8)]
PACED, WRITES_ALONE, SATURATED = LOADS = ("paced", "writes alone", "saturated")
# A control lasts no less, and batches that a load sends in turn.
CONTROL_SECONDS_MIN, BATCHES = 1, 20_000
# The control of a save's processor: never waits for anything.
SPIN = "while True: pass"


class Writes:
    """Requests of writers, and of who reads what they do not write: the second half of the strings."""

    def __init__(self, kit, scale):
        self.kit, self.sizes, self.members = kit, bench_data.sizes(scale), bench_data.members(scale)
        self.rng, self.values = random.Random(3), bench_data.values(4)

    def name(self, kind, begin=0.0, end=1.0):
        return "%s:%012d" % (kind, self.rng.randrange(int(self.sizes[kind] * begin), int(self.sizes[kind] * end)))

    def write(self, kind):
        rng = self.rng
        value = rng.choice(self.values)
        if kind == 0:
            return ["SET", self.name("key", 0, 0.5), value]
        if kind == 1:
            return ["HSET", self.name("hash"), "field:%d" % rng.randrange(bench_data.ELEMENTS), value]
        if kind == 2:
            return ["LSET", self.name("list"), str(rng.randrange(bench_data.ELEMENTS)), value]
        return ["ZADD", bench_data.LARGE, str(rng.randrange(self.members)), "m:%014d" % rng.randrange(self.members)]

    def batches(self):
        return [b"".join(self.kit.encode(self.write(number % 4)) for number in range(PIPELINE)) for _ in range(BATCHES)]

    def gets(self):
        return [self.kit.encode(["GET", self.name("key", 0.5, 1)]) for _ in range(BATCHES)]

    def counts(self):
        return [b"".join(self.kit.encode(words) for words in [["MULTI"]] + [["INCR", name] for name in COUNTERS] + [["EXEC"]])]


def send(port, requests, lines, rate, pipe):
    """Sends so many requests a second, each of which is answered by so many lines, and notes when each began and how long it took, in nanoseconds."""
    connection = socket.create_connection(("127.0.0.1", port))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    waits, number, error = [], 0, None
    pipe.send(None)
    due = time.monotonic_ns()
    while not error and not pipe.poll():
        for _ in range(20):
            rest = due - time.monotonic_ns()
            if rest > 0:
                time.sleep(rest / 1e9)
            begun = time.monotonic_ns()
            connection.sendall(requests[number % len(requests)])
            reply = b""
            while reply.count(b"\r\n") < lines:
                part = connection.recv(1 << 16)
                if not part:
                    return
                reply += part
            waits.append((begun, time.monotonic_ns() - begun))
            if reply[:1] == b"-" or b"\r\n-" in reply or b"$-1" in reply:
                error = reply
                break
            number += 1
            # What is late is not sent at once as soon as it can be: that would be another load.
            due = max(due + 1_000_000_000 // rate, begun)
    if not error:
        pipe.recv()
    pipe.send((waits, error))


class Sender:
    def __init__(self, port, requests, lines, rate):
        self.pipe, other = multiprocessing.Pipe()
        self.interval, self.waits = 1_000_000_000 // rate, []
        self.process = multiprocessing.Process(target=send, args=(port, requests, lines, rate, other), daemon=True)
        self.process.start()
        self.pipe.recv()

    def stop(self):
        if not self.pipe.poll():
            self.pipe.send(None)
        self.waits, error = self.pipe.recv()
        self.process.join()
        if error:
            sys.exit("a reply under load: %r" % error[:200])

    def within(self, span):
        """Waits that began in that time, in microseconds. Who waits long asks less often: what would have been asked meanwhile counts as well."""
        found = []
        for begun, wait in self.waits:
            while span[0] <= begun <= span[1] and wait > 0:
                found.append(wait / 1000)
                wait -= self.interval
        return found


class Process:
    """One that is ended with the servers if this one is."""

    def __init__(self, kit, command, niceness=0):
        self.kit = kit
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                        preexec_fn=lambda: os.nice(niceness))
        kit.RUNNING.append(self)

    def stop(self):
        self.kit.RUNNING.remove(self)
        self.process.kill()
        self.process.wait()


def first_field(path):
    with open(path) as file:
        return file.read().split()[0]


def is_saver(path):
    with open(path + "/comm") as file:
        return file.read().startswith("snapshot")


def threads(server):
    """The server's threads by folder: which serve, and which save. The latter for a Valkey is a process."""
    serving, saving = [], []
    tasks = "/proc/%d/task" % server.process.pid
    for task in os.listdir(tasks):
        path = "%s/%s" % (tasks, task)
        try:
            (saving if is_saver(path) else serving).append(path)
        except OSError:
            pass  # It has ended.
    with open("%s/%d/children" % (tasks, server.process.pid)) as file:
        for child in file.read().split():
            try:
                with open("/proc/%s/stat" % child) as stat:
                    if stat.read().rpartition(")")[2].split()[0] != "Z":
                        saving.append("/proc/%s" % child)
            except OSError:
                pass
    return serving, saving


def cpu_ns(paths):
    total = 0
    for path in paths:
        try:
            total += int(first_field(path + "/schedstat"))
        except OSError:
            pass
    return total


def processed(connection):
    return int(info(connection, "stats")["total_commands_processed"])


def info(connection, section):
    return dict(re.findall(r"(\w+):(.*?)\r\n", connection.command("INFO", section).decode() + "\r\n"))


class Seen:
    """What is seen of a server while it saves, or for so many seconds."""

    def __init__(self, server, connection, seconds=None, on_begin=lambda: None):
        self.before = self.most = server.resident()
        self.saver_cpu = self.niceness = self.cow = 0
        self.failed = False
        cpu, commands = cpu_ns(threads(server)[0]), processed(connection)
        begun, ended = time.monotonic_ns(), None
        if seconds is None:
            connection.command("BGSAVE")
        on_begin()
        while True:
            now = time.monotonic_ns()
            if self.look(server):
                ended = now
            elif seconds is not None and now > begun + seconds * 1e9:
                ended = now
                break
            elif seconds is None and info(connection, "persistence")["rdb_bgsave_in_progress"] == "0":
                break
            time.sleep(0.01)
        self.cpu, self.commands = cpu_ns(threads(server)[0]) - cpu, processed(connection) - commands
        self.per_second = self.commands * 1e9 / (time.monotonic_ns() - begun)
        # A Valkey notices late that its child has ended. What it does after that is no part of the save.
        self.span = (begun, ended or now)
        if seconds is None:
            fields = info(connection, "persistence")
            self.failed = fields["rdb_last_bgsave_status"] != "ok"
            if self.failed:
                print("%s could not save, see %s/log" % (server.name, server.dir), file=sys.stderr, flush=True)
            # What a Valkey's child has for itself is what its parent changed meanwhile: copies. There is none without a child.
            self.cow = int(fields["rdb_last_cow_size"])

    def look(self, server):
        """Notes what there is now. Returns whether it saves."""
        self.most = max(self.most, server.resident())
        saving = threads(server)[1]
        for path in saving:
            try:
                with open(path + "/stat") as file:
                    self.niceness = int(file.read().rpartition(")")[2].split()[16])
            except OSError:
                pass
        self.saver_cpu = max(self.saver_cpu, cpu_ns(saving))
        return bool(saving)

    def seconds(self):
        return (self.span[1] - self.span[0]) / 1e9

    def growth(self):
        return self.most - self.before + self.cow

    def per_command(self):
        return self.cpu / max(1, self.commands) / 1000


class Held:
    """A server with the keys, and what was seen of it: for each load the controls, the same with nothing beside, the saves."""

    def __init__(self, kit, name, command, port, path):
        self.folder = bench_data.folder(kit, name + " save")
        self.server, self.connection, _ = bench_data.start(kit, name + " save", command, port, path)
        self.connection.command("MEMORY", "PURGE")
        # The first save makes the file, and tells how long one takes.
        first = Seen(self.server, self.connection)
        self.length, self.niceness = {load: first.seconds() for load in LOADS}, first.niceness
        self.controls, self.quiet, self.saves = ({load: [] for load in LOADS} for _ in range(3))
        self.waits = {}

    def file(self):
        return os.path.join(self.folder, "dump.rdb")


def begin(kit, tool, load, server, writes):
    """What makes this load, begun. The first of the senders writes."""
    if load == SATURATED:
        return [Process(kit, [tool, "-p", str(server.port), "-t", "set", "-n", "2000000000", "-r", str(writes.sizes["key"]), "-d", str(kit.VALUE_LEN),
                              "-c", str(kit.CONNECTIONS), "-P", "16", "-q"])]
    senders = [Sender(server.port, writes.batches(), PIPELINE, WRITES)]
    if load == PACED:
        # MULTI, the counters' QUEUED, EXEC's array.
        senders += [Sender(server.port, writes.gets(), 2, GETS), Sender(server.port, writes.counts(), 2 + 2 * len(COUNTERS), COUNTS)]
    return senders


def measure(kit, tool, held, load, writes):
    """A control and a save under this load."""
    load_of, seconds = begin(kit, tool, load, held.server, writes), max(CONTROL_SECONDS_MIN, held.length[load])
    time.sleep(1)
    if load == SATURATED:
        held.quiet[load].append(Seen(held.server, held.connection, seconds))
    spinner = Process(kit, [sys.executable, "-c", SPIN], held.niceness)
    control = Seen(held.server, held.connection, seconds)
    spinner.stop()
    save = Seen(held.server, held.connection)
    for one in load_of:
        one.stop()
    if not save.failed:
        held.length[load] = save.seconds()
    held.controls[load].append(control)
    held.saves[load].append(save)
    if load == PACED:
        for who, sender in zip(("write", "get"), load_of):
            for when, seen in (("control", control), ("save", save)):
                held.waits.setdefault((who, when), []).extend(sender.within(seen.span))


def median(values):
    return statistics.median(list(values))


def moment(kit, binaries, held, writes, counted):
    """Whether files hold one moment: counters that only change together, and the digest of what there was when a save began, written to since."""
    def read(path, *words):
        server, connection, _ = bench_data.start(kit, "larder read", [binaries["larder"], "--enable-debug-command", "yes"], kit.PORT + 2, path)
        reply = connection.command(*words) if words else [int(connection.command("GET", name) or 0) for name in COUNTERS]
        connection.socket.close()
        bench_data.stop(kit, server)
        return reply
    counters = read(counted)
    equal = len(set(counters)) == 1 and counters[0] > 0
    digest, senders = held.connection.command("DEBUG", "DIGEST"), []
    save = Seen(held.server, held.connection, on_begin=lambda: senders.extend(begin(kit, None, WRITES_ALONE, held.server, writes)))
    senders[0].stop()
    changed = len(senders[0].within(save.span)) * PIPELINE
    same = not save.failed and read(held.file(), "DEBUG", "DIGEST") == digest
    lines = ["%d counters that change together, %d transactions a second: %s in the file of a save in between%s"
             % (len(COUNTERS), COUNTS, "all %d" % counters[0] if equal else str(counters), "" if equal else " MISSED"),
             "DEBUG DIGEST when a save begins, and of its file when another node has loaded it, with %d writes meanwhile: %s"
             % (changed, "equal" if same else "different MISSED")]
    return "\n".join("- " + line for line in lines), ([] if equal else ["counters of one moment"]) + ([] if same else ["digest of a save's file"])


def save(kit, binaries, scale):
    path, writes, tool = bench_data.file(kit, binaries, scale), Writes(kit, scale), binaries["benchmark"]
    larder = Held(kit, "larder", [binaries["larder"], "--io-threads", "2", "--enable-debug-command", "yes"], kit.PORT, path)
    valkey = Held(kit, "valkey", [binaries["valkey"]], kit.PORT + 1, path)
    counted = os.path.join(os.path.dirname(path), "counted.rdb")
    for number in range(SAVES):
        for load in LOADS:
            # Another one begins each time: what else the machine does hits both.
            for held in (larder, valkey)[::-1 if number % 2 else 1]:
                measure(kit, tool, held, load, writes)
                if held is larder and load == PACED:
                    shutil.copy(larder.file(), counted)
            print("saves: %s, %d of %d done" % (load, number + 1, SAVES), file=sys.stderr, flush=True)
    size = [os.path.getsize(held.file()) for held in (larder, valkey)]
    valkey.connection.socket.close()
    bench_data.stop(kit, valkey.server)
    checks, missed = moment(kit, binaries, larder, writes, counted)
    bench_data.stop(kit, larder.server)
    os.remove(counted)
    rows, bad = judge(kit, larder, valkey, size)
    head = ["", "Larder", "its control", "", "Valkey", "its control", "", "budget"]
    return ("## Saves to disk\nBGSAVE of %d keys of all types and a sorted set of %d members, %d saves under each load; two workers of Larder, one"
            " thread of Valkey, load on both cores. Paced: %d writes a second, %d at a time, to strings, hashes, lists and the large set, %d GETs of"
            " other keys. The control lasts as long as a save, with a process that takes a processor as a save does. Waits are those of a client, and"
            " of those who would have come while it waited. CPU is that of the server without who saves.\n\n"
            % (bench_data.total(scale) - 1, bench_data.members(scale), SAVES, WRITES * PIPELINE, PIPELINE, GETS)
            + kit.table(head, rows) + "\n\n" + checks), bad + missed


def judge(kit, larder, valkey, size):
    rows, missed = [], []

    def row(title, of, form, against=None, budget="", held=True):
        """`of` gives the save's figure and the control's, which may be none; `against` what the last column of a server says of both."""
        cells = []
        for one in (larder, valkey):
            mine, control = of(one)
            cells += [form % mine, "" if control is None else form % control, "" if against is None else against(one)]
        if not held:
            missed.append("saves: " + title)
        rows.append([title] + cells + [budget + ("" if held else " MISSED")])

    # One that ends early costs less: what else is said of it stands beside this.
    failures = {load: [sum(seen.failed for seen in one.saves[load]) for one in (larder, valkey)] for load in LOADS}
    for load in LOADS:
        row("saves that failed, " + load, lambda one: (failures[load][0 if one is larder else 1], None), "%d", None, "0", failures[load][0] == 0)
    mb = lambda value: value / 2**20
    most = lambda seen: mb(max(one.growth() for one in seen))
    before = median(one.before for one in larder.saves[PACED])
    allowed = mb(before * BUDGET_SHARE + BUDGET_GROWTH)
    row("RSS before, MB", lambda one: (mb(median(seen.before for seen in one.saves[PACED])), None), "%.0f")
    for load in (PACED, SATURATED):
        row("growth, MB, " + load, lambda one: (most(one.saves[load]), most(one.controls[load])), "%.0f", None, "%.0f" % allowed,
            most(larder.saves[load]) <= allowed)

    waits = lambda one, who, share: [quantile(one.waits[who, when], share) for when in ("save", "control")]
    ratio = lambda pair: pair[0] / max(pair[1], 1e-9)
    for share, title in ((0.5, "p50"), (0.99, "p99"), (0.999, "p99.9")):
        judged = share == 0.999
        row("GETs, %s µs" % title, lambda one: waits(one, "get", share), "%.0f", lambda one: "%.2f" % ratio(waits(one, "get", share)),
            "%.1f" % BUDGET_P999 if judged else "", not judged or ratio(waits(larder, "get", share)) <= BUDGET_P999)
    longest = lambda one, who: [value / 1000 for value in waits(one, who, 1)]
    row("longest GET, ms", lambda one: longest(one, "get"), "%.2f")
    mine, control = longest(larder, "write")
    row("longest wait of a writer, ms", lambda one: longest(one, "write"), "%.2f", None, "%.2f" % (control + BUDGET_WAIT_MS),
        mine <= control + BUDGET_WAIT_MS)

    def each(of, load, others):
        """Saves against controls of the same round."""
        return lambda one: [of(save) / of(other) for save, other in zip(one.saves[load], others(one)[load])]

    def compared(title, of, load, others, form, budget="", is_held=lambda _: True):
        ratios = each(of, load, others)
        row(title, lambda one: (median(map(of, one.saves[load])), median(map(of, others(one)[load]))), form, lambda one: kit.spread(ratios(one)),
            budget, is_held(median(ratios(larder))))
    compared("CPU per write, µs, %s" % WRITES_ALONE, Seen.per_command, WRITES_ALONE, lambda one: one.controls, "%.2f", "%.2f" % BUDGET_CPU,
             lambda found: found <= BUDGET_CPU)
    thousands = lambda seen: seen.per_second / 1000
    compared("thousand writes/s, saturated", thousands, SATURATED, lambda one: one.controls, "%.0f", "%.2f" % BUDGET_SATURATED,
             lambda found: found >= BUDGET_SATURATED)
    compared("the same, nothing beside the control", thousands, SATURATED, lambda one: one.quiet, "%.0f")

    for load in LOADS:
        times = [[seen.seconds() for seen in one.saves[load]] for one in (larder, valkey)]
        ratios = [mine / max(theirs, 1e-9) for mine, theirs in zip(*times)]
        note = " (until it failed: %d of %d)" % (failures[load][0], SAVES) if failures[load][0] else ""
        judged = load == PACED
        row("seconds of a save, " + load, lambda one: (median(seen.seconds() for seen in one.saves[load]), None), "%.2f", None,
            "%s of Valkey's%s%s" % (kit.spread(ratios), note, ", budget %.1f" % BUDGET_DURATION if judged else ""),
            not judged or median(ratios) <= BUDGET_DURATION)
    row("seconds of CPU of a save, " + PACED, lambda one: (median(seen.saver_cpu for seen in one.saves[PACED]) / 1e9, None), "%.2f")
    row("file, MB", lambda one: (mb(size[0 if one is larder else 1]), None), "%.0f")
    return rows, missed
