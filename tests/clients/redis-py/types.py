"""redis-py with RESP3 over all data types: types.py <host> <port> standalone|cluster."""

import sys
import threading
import time

import redis

NAME = "redis-py"
host, port, mode = sys.argv[1], int(sys.argv[2]), sys.argv[3]
cluster = mode == "cluster"
checks = 0
wrong = []


def connect():
    kind = redis.RedisCluster if cluster else redis.Redis
    return kind(host=host, port=port, protocol=3, decode_responses=True, socket_timeout=20)


def check(found, wanted, what):
    global checks
    checks += 1
    if found != wanted:
        wrong.append(f"{what}: {found!r}, not {wanted!r}")


def refused(call, text, what):
    try:
        call()
    except redis.ResponseError as error:
        check(text in str(error), True, f"{what}: {error}")
    else:
        raise AssertionError(f"{what} was not refused")


def key(name):
    # All in one slot: commands of several keys and transactions work in a cluster too.
    return f"{{{NAME}}}:{name}"


def meanwhile(blocking, then):
    """The result of a call that blocks on a connection of its own, and of another that is made while it does."""
    results = []
    other = connect()
    other.ping()
    thread = threading.Thread(target=lambda: results.append(blocking(other)))
    thread.start()
    time.sleep(0.1)
    then()
    thread.join(20)
    other.close()
    return results[0]


r = connect()
for found in list(r.scan_iter(match=f"*{{{NAME}*}}*", count=1000)):
    r.unlink(found)

# Strings.
check(r.set(key("s"), "1", ex=100), True, "SET EX")
check(r.incrbyfloat(key("s"), 0.5), 1.5, "INCRBYFLOAT")
check(r.set(key("s"), "2", nx=True), None, "SET NX")
check(r.set(key("s"), "2", keepttl=True, get=True), "1.5", "SET GET")
check(90 < r.ttl(key("s")) <= 100, True, "TTL")
check(r.getex(key("s"), persist=True), "2", "GETEX")
check(r.ttl(key("s")), -1, "TTL after GETEX PERSIST")
check(r.setbit(key("bits"), 7, 1), 0, "SETBIT")
check(r.bitcount(key("bits")), 1, "BITCOUNT")
check(r.bitfield(key("bits")).set("u8", 0, 200).incrby("u8", 0, 10).execute(), [1, 210], "BITFIELD")
refused(lambda: r.lpush(key("s"), "x"), "WRONGTYPE", "LPUSH on a string")

# Lists.
check(r.rpush(key("l"), *"abcabc"), 6, "RPUSH")
check(r.lrange(key("l"), 1, -2), list("bcab"), "LRANGE")
check(r.lpos(key("l"), "a", rank=1, count=0), [0, 3], "LPOS")
check(r.linsert(key("l"), "BEFORE", "b", "x"), 7, "LINSERT")
check(r.lrem(key("l"), -1, "c"), 1, "LREM")
check(r.lset(key("l"), 0, "A"), True, "LSET")
check(r.ltrim(key("l"), 0, 3), True, "LTRIM")
check(r.lmove(key("l"), key("l2"), "LEFT", "RIGHT"), "A", "LMOVE")
check(r.lmpop(2, key("none"), key("l"), direction="RIGHT", count=2), [key("l"), ["c", "b"]], "LMPOP")
check(meanwhile(lambda c: c.blpop([key("q1"), key("q2")], timeout=10), lambda: r.rpush(key("q2"), "job")), [key("q2"), "job"], "BLPOP")
check(meanwhile(lambda c: c.blmove(key("q1"), key("q3"), 10), lambda: r.rpush(key("q1"), "job")), "job", "BLMOVE")
check(meanwhile(lambda c: c.brpop([key("q1")], timeout=10), lambda: r.lmove(key("q3"), key("q1"))), [key("q1"), "job"], "BRPOP of what LMOVE brought")
check(r.blpop([key("q1")], timeout=0.05), None, "BLPOP times out")

# Sets.
check(r.sadd(key("set"), *range(10)), 10, "SADD")
check(r.sadd(key("set2"), 5, 6, "x"), 3, "SADD")
check(r.sismember(key("set"), 5) == 1, True, "SISMEMBER")
check(r.smismember(key("set"), [1, "x"]), [1, 0], "SMISMEMBER")
check(r.sinter(key("set"), key("set2")), {"5", "6"}, "SINTER")
check(r.sintercard(2, [key("set"), key("set2")], limit=1), 1, "SINTERCARD")
check(r.sunionstore(key("set3"), key("set"), key("set2")), 11, "SUNIONSTORE")
check(r.sdiff(key("set2"), key("set")), {"x"}, "SDIFF")
check(r.smove(key("set2"), key("set"), "x"), True, "SMOVE")
check(set(r.srandmember(key("set2"), 5)), {"5", "6"}, "SRANDMEMBER")
check(set(r.spop(key("set2"), 2)), {"5", "6"}, "SPOP")
check(r.exists(key("set2")), 0, "EXISTS of an emptied set")

# Hashes, with expiries of fields.
check(r.hset(key("h"), mapping={"a": 1, "b": "two", "c": "3"}), 3, "HSET")
check(r.hgetall(key("h")), {"a": "1", "b": "two", "c": "3"}, "HGETALL")
check(r.hincrby(key("h"), "a", 4), 5, "HINCRBY")
check(r.hmget(key("h"), "a", "z"), ["5", None], "HMGET")
check(r.hrandfield(key("h"), -2, withvalues=True) is not None, True, "HRANDFIELD")
check(r.hexpire(key("h"), 100, "a", "z"), [1, -2], "HEXPIRE")
check(all(90 < ttl <= 100 for ttl in r.httl(key("h"), "a")), True, "HTTL")
check(r.hpersist(key("h"), "a", "b"), [1, -1], "HPERSIST")
check(r.hsetex(key("h"), mapping={"d": "4"}, px=50), 1, "HSETEX")
check(r.hgetex(key("h"), "b", "d", persist=True), ["two", "4"], "HGETEX")
check(r.hpexpire(key("h"), 1, "b"), [1], "HPEXPIRE")
time.sleep(0.05)
check(r.hget(key("h"), "b"), None, "HGET of an expired field")
check(r.hget(key("h"), "d"), "4", "HGET of a field made to stay")

# Sorted sets.
check(r.zadd(key("z"), {"a": 1, "b": 2, "c": 3}), 3, "ZADD")
check(r.zadd(key("z"), {"a": 0, "d": 4}, gt=True, ch=True), 1, "ZADD GT CH")
check(r.zadd(key("z"), {"a": 1.5}, xx=True, incr=True), 2.5, "ZADD XX INCR")
check(r.zrange(key("z"), 0, -1, withscores=True), [["b", 2.0], ["a", 2.5], ["c", 3.0], ["d", 4.0]], "ZRANGE WITHSCORES")
check(r.zrange(key("z"), "(2", "+inf", byscore=True, offset=1, num=2), ["c", "d"], "ZRANGE BYSCORE LIMIT")
check(r.zrevrangebyscore(key("z"), 3, "-inf"), ["c", "a", "b"], "ZREVRANGEBYSCORE")
check(r.zrank(key("z"), "c", withscore=True), [2, 3.0], "ZRANK WITHSCORE")
check(r.zmscore(key("z"), ["a", "x"]), [2.5, None], "ZMSCORE")
check(r.zadd(key("lex"), dict.fromkeys("abcd", 0)), 4, "ZADD")
check(r.zrangebylex(key("lex"), "[b", "(d"), ["b", "c"], "ZRANGEBYLEX")
check(r.zunion([key("z"), key("lex")], aggregate="MAX", withscores=True)[-1], ["d", 4.0], "ZUNION")
check(r.zinterstore(key("z2"), {key("z"): 2, key("lex"): 1}), 4, "ZINTERSTORE WEIGHTS")
check(r.zscore(key("z2"), "c"), 6.0, "ZSCORE")
check(r.zrangestore(key("z3"), key("z"), 0, 1), 2, "ZRANGESTORE")
check(r.zpopmax(key("z3")), ["a", 2.5], "ZPOPMAX")
check(r.zmpop(1, [key("z3")], min=True), [key("z3"), [["b", 2.0]]], "ZMPOP")
check(meanwhile(lambda c: c.bzpopmin(key("zq"), 10), lambda: r.zadd(key("zq"), {"x": 7, "w": 6})), [key("zq"), "w", 6.0], "BZPOPMIN")

# Streams with groups.
ids = [r.xadd(key("x"), {"n": n}, id=f"{n}-1") for n in range(1, 6)]
check(ids[-1], "5-1", "XADD")
check(r.xlen(key("x")), 5, "XLEN")
check(r.xrange(key("x"), "(2-1", count=1), [("3-1", {"n": "3"})], "XRANGE")
check(r.xgroup_create(key("x"), "g", "0"), True, "XGROUP CREATE")
refused(lambda: r.xgroup_create(key("x"), "g", "0"), "BUSYGROUP", "a second XGROUP CREATE")
read = r.xreadgroup("g", "c1", {key("x"): ">"}, count=3)
check([entry[0] for entry in read[key("x")][0]], ids[:3], "XREADGROUP")
check(r.xack(key("x"), "g", ids[0]), 1, "XACK")
check(r.xpending(key("x"), "g")["pending"], 2, "XPENDING")
check([p["message_id"] for p in r.xpending_range(key("x"), "g", "-", "+", 10, consumername="c1")], ids[1:3], "XPENDING range")
claimed = r.xautoclaim(key("x"), "g", "c2", 0, count=1)
check([claimed[0], claimed[1][0][0]], [ids[2], ids[1]], "XAUTOCLAIM")
check([m[0] for m in r.xclaim(key("x"), "g", "c2", 0, [ids[2]])], [ids[2]], "XCLAIM")
check(r.xinfo_stream(key("x"))["length"], 5, "XINFO STREAM")
check([(g["name"], g["consumers"], g["pending"], g["lag"]) for g in r.xinfo_groups(key("x"))], [("g", 2, 2, 2)], "XINFO GROUPS")
check([(c["name"], c["pending"]) for c in r.xinfo_consumers(key("x"), "g")], [("c1", 0), ("c2", 2)], "XINFO CONSUMERS")
check(len(r.xreadgroup("g", "c1", {key("x"): ">"})[key("x")][0]), 2, "XREADGROUP of the rest")
read = meanwhile(lambda c: c.xreadgroup("g", "c3", {key("x"): ">"}, block=10000), lambda: r.xadd(key("x"), {"n": 6}, id="6-1"))
check(read, {key("x"): [[("6-1", {"n": "6"})]]}, "XREADGROUP BLOCK")
read = meanwhile(lambda c: c.xread({key("x"): "$"}, block=10000), lambda: r.xadd(key("x"), {"n": 7}, id="7-1"))
check(read, {key("x"): [[("7-1", {"n": "7"})]]}, "XREAD BLOCK")
check(r.xtrim(key("x"), maxlen=2, approximate=False), 5, "XTRIM")
check(r.xgroup_destroy(key("x"), "g"), True, "XGROUP DESTROY")

# HyperLogLogs and geo.
check(r.pfadd(key("p"), *range(100)), 1, "PFADD")
check(abs(r.pfcount(key("p")) - 100) <= 2, True, "PFCOUNT")
check(r.pfmerge(key("p2"), key("p")), True, "PFMERGE")
check(r.geoadd(key("geo"), (13.361389, 38.115556, "Palermo", 15.087269, 37.502669, "Catania")), 2, "GEOADD")
check(r.geodist(key("geo"), "Palermo", "Catania", "km"), 166.2742, "GEODIST")
check(r.geohash(key("geo"), "Palermo"), ["sqc8b49rny0"], "GEOHASH")
check(r.geosearch(key("geo"), longitude=15, latitude=37, radius=100, unit="km"), ["Catania"], "GEOSEARCH")
check([round(n, 3) for n in r.geopos(key("geo"), "Palermo")[0]], [13.361, 38.116], "GEOPOS")

# Generic commands.
check(r.rpush(key("sort"), 3, 1, 2), 3, "RPUSH")
check(r.sort(key("sort"), desc=True), ["3", "2", "1"], "SORT DESC")
check(r.sort(key("sort"), start=0, num=2, store=key("sorted")), 2, "SORT STORE")
raw = (redis.RedisCluster if cluster else redis.Redis)(host=host, port=port, protocol=3)
for name in ("s", "l", "set", "h", "z", "x", "p"):
    body = raw.dump(key(name))
    check(raw.restore(key("copy"), 100000, body, replace=True) in (True, b"OK"), True, f"RESTORE of {name}")
    check(r.type(key("copy")), r.type(key(name)), f"TYPE of restored {name}")
    # A hash that once had expiries of fields keeps its form, which its copy need not have.
    check(name == "h" or raw.dump(key("copy")) == body, True, f"DUMP of restored {name}")
check(r.copy(key("h"), key("copy"), replace=True), True, "COPY")
check(r.hgetall(key("copy")), r.hgetall(key("h")), "HGETALL of a copy")
check(r.rename(key("copy"), key("renamed")), True, "RENAME")
check(r.object("encoding", key("set")), "listpack", "OBJECT ENCODING")

# Pub/sub, in a cluster with shard channels: its nodes do not pass messages on yet.
pubsub = r.pubsub(ignore_subscribe_messages=True)
get_message = pubsub.get_sharded_message if cluster else pubsub.get_message
(pubsub.ssubscribe if cluster else pubsub.subscribe)(key("channel"))
get_message(timeout=5)
check((r.spublish if cluster else r.publish)(key("channel"), "hello"), 1, "PUBLISH")
message, deadline = None, time.monotonic() + 10
while message is None and time.monotonic() < deadline:
    message = get_message(timeout=1)
check(message and message["data"], "hello", "a message")
pubsub.close()

# Transactions.
with r.pipeline(transaction=True) as t:
    t.watch(key("t"))
    t.multi()
    t.set(key("t"), 1)
    t.incr(key("t"))
    t.zadd(key("tz"), {"m": 1})
    check(t.execute()[1:], [2, 1], "EXEC")
    t.watch(key("t"))
    before = int(t.get(key("t")))
    r.set(key("t"), 10)
    t.multi()
    t.set(key("t"), before + 1)
    try:
        t.execute()
        raise AssertionError("EXEC after a change of what was watched")
    except redis.WatchError:
        check(r.get(key("t")), "10", "GET after an aborted EXEC")
with r.pipeline(transaction=not cluster) as t:
    t.set(key("t"), "text").lpush(key("t"), 1).get(key("t"))
    results = t.execute(raise_on_error=False)
    check([type(results[1]).__name__, results[2]], ["ResponseError", "text"], "an error within a pipeline")

# Pipelines and iterators.
with r.pipeline(transaction=False) as pipeline:
    for n in range(1000):
        pipeline.hset(key("big-h"), n, n)
        pipeline.sadd(key("big-s"), n)
        pipeline.zadd(key("big-z"), {n: n})
    check(len(pipeline.execute()), 3000, "a pipeline")
wanted = {str(n) for n in range(1000)}
check({field for field, _ in r.hscan_iter(key("big-h"), count=50)}, wanted, "HSCAN")
check(set(r.sscan_iter(key("big-s"))), wanted, "SSCAN")
check({member for member, _ in r.zscan_iter(key("big-z"))}, wanted, "ZSCAN")
check({n for n, _ in r.zscan_iter(key("big-z"), match="99*")}, {n for n in wanted if n.startswith("99")}, "ZSCAN MATCH")
for n in range(300):
    r.set(f"{{{NAME}{n}}}:scan", n)
check({k for k in r.scan_iter(match=f"{{{NAME}*}}:scan", count=100)}, {f"{{{NAME}{n}}}:scan" for n in range(300)}, "SCAN")
check(list(r.scan_iter(match=f"{{{NAME}}}*", _type="stream")), [key("x")], "SCAN TYPE")

if wrong:
    sys.exit("\n".join([*wrong, f"{NAME} types {mode}: {len(wrong)} of {checks} checks failed"]))
print(f"{NAME} types {mode}: {checks} checks passed")
