// ioredis over all data types: types.js <host> <port> standalone|cluster.
"use strict";

const Redis = require("ioredis");
const { Checks, sleep, keysOf } = require("../checks.js");

const NAME = "ioredis";
const key = keysOf(NAME);

async function main(host, port, mode) {
  const cluster = mode === "cluster";
  const checks = new Checks(`${NAME} types ${mode}`);
  const is = (found, wanted, what) => checks.equal(found, wanted, what);
  const connect = () => (cluster ? new Redis.Cluster([{ host, port }], { shardedSubscribers: true }) : new Redis({ host, port }));
  const r = connect();
  const other = connect();
  // A call that blocks on a connection of its own, and another that is made while it does.
  const meanwhile = async (blocking, then) => {
    const result = blocking(other);
    await sleep(100);
    await then();
    return result;
  };
  const nodes = () => (cluster ? r.nodes("master") : [r]);
  const collect = async (stream) => {
    const found = [];
    for await (const page of stream) found.push(...page);
    return found;
  };
  const scan = async (options) => (await Promise.all(nodes().map((node) => collect(node.scanStream(options))))).flat();
  if (cluster) await r.set(key("s"), "a cluster's nodes are known after its first command");
  for (const found of await scan({ match: `*{${NAME}*}*`, count: 1000 })) await r.unlink(found);

  // Strings.
  is(await r.set(key("s"), "1", "EX", 100), "OK", "SET EX");
  is(await r.incrbyfloat(key("s"), 0.5), "1.5", "INCRBYFLOAT");
  is(await r.set(key("s"), "2", "NX"), null, "SET NX");
  is(await r.set(key("s"), "2", "KEEPTTL", "GET"), "1.5", "SET GET");
  is(await r.getex(key("s"), "PERSIST"), "2", "GETEX");
  is(await r.ttl(key("s")), -1, "TTL");
  is(await r.bitfield(key("bits"), "SET", "u8", 0, 200, "INCRBY", "u8", 0, 10), [0, 210], "BITFIELD");
  is(await r.setBuffer(key("bytes"), Buffer.from([0, 255, 13, 10])).then(String), "OK", "SET of bytes");
  is(await r.getBuffer(key("bytes")), Buffer.from([0, 255, 13, 10]), "GET of bytes");
  await checks.refused(r.lpush(key("s"), "x"), "WRONGTYPE", "LPUSH on a string");

  // Lists.
  is(await r.rpush(key("l"), ..."abcabc"), 6, "RPUSH");
  is(await r.lrange(key("l"), 1, -2), [..."bcab"], "LRANGE");
  is(await r.lpos(key("l"), "a", "COUNT", 0), [0, 3], "LPOS");
  is(await r.linsert(key("l"), "BEFORE", "b", "x"), 7, "LINSERT");
  is(await r.lrem(key("l"), -1, "c"), 1, "LREM");
  is(await r.lmove(key("l"), key("l2"), "LEFT", "RIGHT"), "a", "LMOVE");
  is(await r.lmpop(2, key("none"), key("l"), "RIGHT", "COUNT", 2), [key("l"), ["b", "a"]], "LMPOP");
  is(await meanwhile((c) => c.blpop(key("q1"), key("q2"), 10), () => r.rpush(key("q2"), "job")), [key("q2"), "job"], "BLPOP");
  is(await meanwhile((c) => c.blmove(key("q1"), key("q3"), "LEFT", "RIGHT", 10), () => r.rpush(key("q1"), "job")), "job", "BLMOVE");
  is(await meanwhile((c) => c.blmpop(10, 1, key("q1"), "LEFT"), () => r.lmove(key("q3"), key("q1"), "LEFT", "LEFT")), [key("q1"), ["job"]], "BLMPOP");
  is(await other.brpop(key("q1"), 0.05), null, "BRPOP times out");

  // Sets.
  is(await r.sadd(key("set"), ...Array(10).keys()), 10, "SADD");
  is(await r.sadd(key("set2"), 5, 6, "x"), 3, "SADD");
  is(await r.sismember(key("set"), 5), 1, "SISMEMBER");
  is(await r.smismember(key("set"), 1, "x"), [1, 0], "SMISMEMBER");
  checks.sameMembers(await r.sinter(key("set"), key("set2")), ["5", "6"], "SINTER");
  is(await r.sintercard(2, key("set"), key("set2"), "LIMIT", 1), 1, "SINTERCARD");
  is(await r.sunionstore(key("set3"), key("set"), key("set2")), 11, "SUNIONSTORE");
  is(await r.smove(key("set2"), key("set"), "x"), 1, "SMOVE");
  checks.sameMembers(await r.spop(key("set2"), 5), ["5", "6"], "SPOP");
  is(await r.exists(key("set2")), 0, "EXISTS of an emptied set");

  // Hashes, with expiries of fields.
  is(await r.hset(key("h"), { a: 1, b: "two", c: 3 }), 3, "HSET");
  is(await r.hgetall(key("h")), { a: "1", b: "two", c: "3" }, "HGETALL");
  is(await r.hincrbyfloat(key("h"), "a", 1.5), "2.5", "HINCRBYFLOAT");
  is(await r.hmget(key("h"), "a", "z"), ["2.5", null], "HMGET");
  is(await r.hexpire(key("h"), 100, "FIELDS", 2, "a", "z"), [1, -2], "HEXPIRE");
  is((await r.httl(key("h"), "FIELDS", 1, "a")).every((ttl) => ttl > 90 && ttl <= 100), true, "HTTL");
  is(await r.hpersist(key("h"), "FIELDS", 2, "a", "b"), [1, -1], "HPERSIST");
  is(await r.hsetex(key("h"), "PX", 50, "FIELDS", 1, "d", 4), 1, "HSETEX");
  is(await r.hgetex(key("h"), "PERSIST", "FIELDS", 2, "b", "d"), ["two", "4"], "HGETEX");
  is(await r.hpexpire(key("h"), 1, "FIELDS", 1, "b"), [1], "HPEXPIRE");
  await sleep(50);
  is(await r.hmget(key("h"), "b", "d"), [null, "4"], "HMGET of an expired field and of one made to stay");

  // Sorted sets.
  is(await r.zadd(key("z"), 1, "a", 2, "b", 3, "c"), 3, "ZADD");
  is(await r.zadd(key("z"), "GT", "CH", 0, "a", 4, "d"), 1, "ZADD GT CH");
  is(await r.zadd(key("z"), "XX", "INCR", 1.5, "a"), "2.5", "ZADD XX INCR");
  is(await r.zrange(key("z"), 0, -1, "WITHSCORES"), ["b", "2", "a", "2.5", "c", "3", "d", "4"], "ZRANGE WITHSCORES");
  is(await r.zrange(key("z"), "(2", "+inf", "BYSCORE", "LIMIT", 1, 2), ["c", "d"], "ZRANGE BYSCORE LIMIT");
  is(await r.zrevrangebyscore(key("z"), 3, "-inf"), ["c", "a", "b"], "ZREVRANGEBYSCORE");
  is(await r.zrank(key("z"), "c", "WITHSCORE"), [2, "3"], "ZRANK WITHSCORE");
  is(await r.zmscore(key("z"), "a", "x"), ["2.5", null], "ZMSCORE");
  is(await r.zadd(key("lex"), 0, "a", 0, "b", 0, "c", 0, "d"), 4, "ZADD");
  is(await r.zrangebylex(key("lex"), "[b", "(d"), ["b", "c"], "ZRANGEBYLEX");
  is(await r.zunion(2, key("z"), key("lex"), "AGGREGATE", "MAX"), ["b", "a", "c", "d"], "ZUNION");
  is(await r.zinterstore(key("z2"), 2, key("z"), key("lex"), "WEIGHTS", 2, 1), 4, "ZINTERSTORE");
  is(await r.zscore(key("z2"), "c"), "6", "ZSCORE");
  is(await r.zpopmax(key("z2")), ["d", "8"], "ZPOPMAX");
  is(await r.zmpop(1, key("z2"), "MIN", "COUNT", 1), [key("z2"), [["b", "4"]]], "ZMPOP");
  is(await meanwhile((c) => c.bzpopmin(key("zq"), 10), () => r.zadd(key("zq"), 7, "x", 6, "w")), [key("zq"), "w", "6"], "BZPOPMIN");

  // Streams with groups.
  for (let n = 1; n <= 5; n += 1) is(await r.xadd(key("x"), `${n}-1`, "n", n), `${n}-1`, "XADD");
  is(await r.xrange(key("x"), "(2-1", "+", "COUNT", 1), [["3-1", ["n", "3"]]], "XRANGE");
  is(await r.xgroup("CREATE", key("x"), "g", "0"), "OK", "XGROUP CREATE");
  await checks.refused(r.xgroup("CREATE", key("x"), "g", "0"), "BUSYGROUP", "a second XGROUP CREATE");
  const read = await r.xreadgroup("GROUP", "g", "c1", "COUNT", 3, "STREAMS", key("x"), ">");
  is(read, [[key("x"), [1, 2, 3].map((n) => [`${n}-1`, ["n", String(n)]])]], "XREADGROUP");
  is(await r.xack(key("x"), "g", "1-1"), 1, "XACK");
  is(await r.xpending(key("x"), "g"), [2, "2-1", "3-1", [["c1", "2"]]], "XPENDING");
  is(await r.xautoclaim(key("x"), "g", "c2", 0, "0", "COUNT", 1), ["3-1", [["2-1", ["n", "2"]]], []], "XAUTOCLAIM");
  is(await r.xclaim(key("x"), "g", "c2", 0, "3-1", "JUSTID"), ["3-1"], "XCLAIM");
  const pairs = (list) => Object.fromEntries(Array.from({ length: list.length / 2 }, (_, n) => [list[2 * n], list[2 * n + 1]]));
  const about = pairs(await r.xinfo("STREAM", key("x")));
  is([about.length, about["last-generated-id"], about.groups], [5, "5-1", 1], "XINFO STREAM");
  const group = pairs((await r.xinfo("GROUPS", key("x")))[0]);
  is([group.name, group.consumers, group.pending, group.lag], ["g", 2, 2, 2], "XINFO GROUPS");
  is((await r.xinfo("CONSUMERS", key("x"), "g")).map((c) => pairs(c)).map((c) => [c.name, c.pending]), [["c1", 0], ["c2", 2]], "XINFO CONSUMERS");
  is((await r.xreadgroup("GROUP", "g", "c1", "NOACK", "STREAMS", key("x"), ">"))[0][1].length, 2, "XREADGROUP NOACK");
  const woken = await meanwhile((c) => c.xreadgroup("GROUP", "g", "c3", "BLOCK", 10000, "STREAMS", key("x"), ">"), () => r.xadd(key("x"), "6-1", "n", 6));
  is(woken, [[key("x"), [["6-1", ["n", "6"]]]]], "XREADGROUP BLOCK");
  is(await meanwhile((c) => c.xread("BLOCK", 10000, "STREAMS", key("x"), "$"), () => r.xadd(key("x"), "7-1", "n", 7)), [[key("x"), [["7-1", ["n", "7"]]]]], "XREAD BLOCK");
  is(await r.xtrim(key("x"), "MAXLEN", 2), 5, "XTRIM");

  // HyperLogLogs and geo.
  is(await r.pfadd(key("p"), ...Array(100).keys()), 1, "PFADD");
  is(await r.pfmerge(key("p2"), key("p")), "OK", "PFMERGE");
  is(Math.abs((await r.pfcount(key("p2"))) - 100) <= 2, true, "PFCOUNT");
  is(await r.geoadd(key("geo"), 13.361389, 38.115556, "Palermo", 15.087269, 37.502669, "Catania"), 2, "GEOADD");
  is(await r.geodist(key("geo"), "Palermo", "Catania", "km"), "166.2742", "GEODIST");
  is(await r.geosearch(key("geo"), "FROMLONLAT", 15, 37, "BYRADIUS", 200, "km", "ASC"), ["Catania", "Palermo"], "GEOSEARCH");
  is((await r.geopos(key("geo"), "Palermo"))[0].map((n) => Number(n).toFixed(3)), ["13.361", "38.116"], "GEOPOS");

  // Generic commands.
  is(await r.rpush(key("sort"), 3, 1, 2), 3, "RPUSH");
  is(await r.sort(key("sort"), "LIMIT", 0, 2, "DESC"), ["3", "2"], "SORT");
  is(await r.sort(key("sort"), "STORE", key("sorted")), 3, "SORT STORE");
  for (const name of ["s", "l", "set", "h", "z", "x", "p"]) {
    const body = await r.dumpBuffer(key(name));
    is(await r.restore(key("copy"), 100000, body, "REPLACE"), "OK", `RESTORE of ${name}`);
    is(await r.type(key("copy")), await r.type(key(name)), `TYPE of restored ${name}`);
  }
  is(await r.copy(key("h"), key("copy"), "REPLACE"), 1, "COPY");
  is(await r.hgetall(key("copy")), await r.hgetall(key("h")), "HGETALL of a copy");

  // Pub/sub, in a cluster with shard channels: its nodes do not pass messages on yet.
  const subscriber = connect();
  const [event, subscribe, publish] = cluster ? ["smessage", "ssubscribe", "spublish"] : ["message", "subscribe", "publish"];
  const message = new Promise((done) => subscriber.on(event, (channel, text) => done([channel, text])));
  is(await subscriber[subscribe](key("channel")), 1, "SUBSCRIBE");
  is(await r[publish](key("channel"), "hello"), 1, "PUBLISH");
  is(await message, [key("channel"), "hello"], "a message");
  subscriber.disconnect();

  // Transactions.
  is(await r.multi().set(key("t"), 1).incr(key("t")).zadd(key("tz"), 1, "m").exec(), [[null, "OK"], [null, 2], [null, 1]], "EXEC");
  if (!cluster) {
    is(await other.watch(key("t")), "OK", "WATCH");
    await r.set(key("t"), 10);
    is(await other.multi().set(key("t"), 3).exec(), null, "EXEC after a change of what was watched");
    is(await r.get(key("t")), "10", "GET after an aborted EXEC");
  }
  const mixed = await r.pipeline().set(key("t"), "text").lpush(key("t"), 1).get(key("t")).exec();
  is([mixed[0][1], mixed[1][0].message.startsWith("WRONGTYPE"), mixed[2][1]], ["OK", true, "text"], "an error within a pipeline");

  // Pipelines and iterators.
  const pipeline = r.pipeline();
  const numbers = Array.from({ length: 1000 }, (_, n) => String(n));
  for (const n of numbers) pipeline.hset(key("big-h"), n, n).sadd(key("big-s"), n).zadd(key("big-z"), n, n);
  is((await pipeline.exec()).every(([error, added]) => error === null && added === 1), true, "a pipeline");
  const firsts = (list) => list.filter((_, n) => n % 2 === 0);
  checks.sameMembers(firsts(await collect(r.hscanStream(key("big-h"), { count: 50 }))), numbers, "HSCAN");
  checks.sameMembers(await collect(r.sscanStream(key("big-s"))), numbers, "SSCAN");
  checks.sameMembers(firsts(await collect(r.zscanStream(key("big-z"), { match: "99*" }))), numbers.filter((n) => n.startsWith("99")), "ZSCAN MATCH");
  await Promise.all(numbers.slice(0, 300).map((n) => r.set(`{${NAME}${n}}:scan`, n)));
  checks.sameMembers(await scan({ match: `{${NAME}*}:scan`, count: 100 }), numbers.slice(0, 300).map((n) => `{${NAME}${n}}:scan`), "SCAN");
  is(await scan({ match: `{${NAME}}*`, type: "stream" }), [key("x")], "SCAN TYPE");

  checks.end();
}

main(process.argv[2], Number(process.argv[3]), process.argv[4]).catch((error) => {
  console.error(error);
  process.exit(1);
});
