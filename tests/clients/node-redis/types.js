// node-redis with RESP3 over all data types: types.js <host> <port> standalone|cluster.
"use strict";

const { createClient, createCluster, RESP_TYPES } = require("redis");
const { Checks, sleep, keysOf } = require("../checks.js");

const NAME = "node-redis";
const key = keysOf(NAME);

async function main(host, port, mode) {
  const cluster = mode === "cluster";
  const checks = new Checks(`${NAME} types ${mode}`);
  const is = (found, wanted, what) => checks.equal(found, wanted, what);
  const url = `redis://${host}:${port}`;
  const connect = async () => {
    const client = cluster ? createCluster({ rootNodes: [{ url }], RESP: 3 }) : createClient({ url, RESP: 3 });
    client.on("error", (error) => console.error(error));
    return client.connect();
  };
  const r = await connect();
  const other = await connect();
  await other.ping?.();
  await other.get(key("s"));
  // A call that blocks on a connection of its own, and another that is made while it does.
  const meanwhile = async (blocking, then) => {
    const result = blocking(other);
    await sleep(100);
    await then();
    return result;
  };
  const pages = async (iterator) => {
    const found = [];
    for await (const page of iterator) found.push(...page);
    return found;
  };
  const nodes = async () => (cluster ? Promise.all(r.masters.map((master) => r.nodeClient(master))) : [r]);
  const scan = async (options) => (await Promise.all((await nodes()).map((node) => pages(node.scanIterator(options))))).flat();
  for (const found of await scan({ MATCH: `*{${NAME}*}*`, COUNT: 1000 })) await r.unlink(found);

  // Strings.
  is(await r.set(key("s"), "1", { expiration: { type: "EX", value: 100 } }), "OK", "SET EX");
  is(await r.incrByFloat(key("s"), 0.5), "1.5", "INCRBYFLOAT");
  is(await r.set(key("s"), "2", { condition: "NX" }), null, "SET NX");
  is(await r.set(key("s"), "2", { expiration: "KEEPTTL", GET: true }), "1.5", "SET GET");
  is(await r.getEx(key("s"), { type: "PERSIST" }), "2", "GETEX");
  is(await r.ttl(key("s")), -1, "TTL");
  is(await r.mSet([[key("m1"), "1"], [key("m2"), "2"]]), "OK", "MSET");
  is(await r.mGet([key("m1"), key("none"), key("m2")]), ["1", null, "2"], "MGET");
  await checks.refused(r.lPush(key("s"), "x"), "WRONGTYPE", "LPUSH on a string");

  // Lists.
  is(await r.rPush(key("l"), [..."abcabc"]), 6, "RPUSH");
  is(await r.lRange(key("l"), 1, -2), [..."bcab"], "LRANGE");
  is(await r.lPosCount(key("l"), "a", 0), [0, 3], "LPOS");
  is(await r.lInsert(key("l"), "BEFORE", "b", "x"), 7, "LINSERT");
  is(await r.lRem(key("l"), -1, "c"), 1, "LREM");
  is(await r.lMove(key("l"), key("l2"), "LEFT", "RIGHT"), "a", "LMOVE");
  is(await r.lmPop([key("none"), key("l")], "RIGHT", { COUNT: 2 }), [key("l"), ["b", "a"]], "LMPOP");
  is(await meanwhile((c) => c.blPop([key("q1"), key("q2")], 10), () => r.rPush(key("q2"), "job")), { key: key("q2"), element: "job" }, "BLPOP");
  is(await meanwhile((c) => c.blMove(key("q1"), key("q3"), "LEFT", "RIGHT", 10), () => r.rPush(key("q1"), "job")), "job", "BLMOVE");
  is(await meanwhile((c) => c.blmPop(10, [key("q1")], "LEFT"), () => r.lMove(key("q3"), key("q1"), "LEFT", "LEFT")), [key("q1"), ["job"]], "BLMPOP");
  is(await other.brPop(key("q1"), 0.05), null, "BRPOP times out");

  // Sets.
  is(await r.sAdd(key("set"), [..."0123456789"]), 10, "SADD");
  is(await r.sAdd(key("set2"), ["5", "6", "x"]), 3, "SADD");
  is(await r.sIsMember(key("set"), "5"), 1, "SISMEMBER");
  is(await r.smIsMember(key("set"), ["1", "x"]), [1, 0], "SMISMEMBER");
  checks.sameMembers(await r.sInter([key("set"), key("set2")]), ["5", "6"], "SINTER");
  is(await r.sInterCard([key("set"), key("set2")], { LIMIT: 1 }), 1, "SINTERCARD");
  is(await r.sUnionStore(key("set3"), [key("set"), key("set2")]), 11, "SUNIONSTORE");
  is(await r.sMove(key("set2"), key("set"), "x"), 1, "SMOVE");
  checks.sameMembers(await r.sPopCount(key("set2"), 5), ["5", "6"], "SPOP");
  is(await r.exists(key("set2")), 0, "EXISTS of an emptied set");

  // Hashes, with expiries of fields.
  is(await r.hSet(key("h"), { a: 1, b: "two", c: 3 }), 3, "HSET");
  is(await r.hGetAll(key("h")), { a: "1", b: "two", c: "3" }, "HGETALL");
  is(await r.hIncrByFloat(key("h"), "a", 1.5), "2.5", "HINCRBYFLOAT");
  is(await r.hmGet(key("h"), ["a", "z"]), ["2.5", null], "HMGET");
  is((await r.hRandFieldCountWithValues(key("h"), 9)).length, 3, "HRANDFIELD WITHVALUES");
  is(await r.hExpire(key("h"), ["a", "z"], 100), [1, -2], "HEXPIRE");
  is((await r.hTTL(key("h"), "a")).every((ttl) => ttl > 90 && ttl <= 100), true, "HTTL");
  is(await r.hPersist(key("h"), ["a", "b"]), [1, -1], "HPERSIST");
  is(await r.hSetEx(key("h"), { d: "4" }, { expiration: { type: "PX", value: 50 } }), 1, "HSETEX");
  is(await r.hGetEx(key("h"), ["b", "d"], { expiration: "PERSIST" }), ["two", "4"], "HGETEX");
  is(await r.hpExpire(key("h"), "b", 1), [1], "HPEXPIRE");
  await sleep(50);
  is(await r.hmGet(key("h"), ["b", "d"]), [null, "4"], "HMGET of an expired field and of one made to stay");

  // Sorted sets.
  const scored = (...list) => list.map(([value, score]) => ({ value, score }));
  is(await r.zAdd(key("z"), scored(["a", 1], ["b", 2], ["c", 3])), 3, "ZADD");
  is(await r.zAdd(key("z"), scored(["a", 0], ["d", 4]), { comparison: "GT", CH: true }), 1, "ZADD GT CH");
  is(await r.zAddIncr(key("z"), scored(["a", 1.5])[0], { condition: "XX" }), 2.5, "ZADD XX INCR");
  is(await r.zRangeWithScores(key("z"), 0, -1), scored(["b", 2], ["a", 2.5], ["c", 3], ["d", 4]), "ZRANGE WITHSCORES");
  is(await r.zRange(key("z"), "(2", "+inf", { BY: "SCORE", LIMIT: { offset: 1, count: 2 } }), ["c", "d"], "ZRANGE BYSCORE LIMIT");
  is(await r.zRange(key("z"), 3, "-inf", { BY: "SCORE", REV: true }), ["c", "a", "b"], "ZRANGE REV");
  is(await r.zRankWithScore(key("z"), "c"), { rank: 2, score: 3 }, "ZRANK WITHSCORE");
  is(await r.zmScore(key("z"), ["a", "x"]), [2.5, null], "ZMSCORE");
  is(await r.zAdd(key("lex"), scored(...[..."abcd"].map((member) => [member, 0]))), 4, "ZADD");
  is(await r.zRange(key("lex"), "[b", "(d", { BY: "LEX" }), ["b", "c"], "ZRANGE BYLEX");
  is((await r.zUnionWithScores([key("z"), key("lex")], { AGGREGATE: "MAX" })).at(-1), { value: "d", score: 4 }, "ZUNION");
  is(await r.zInterStore(key("z2"), [{ key: key("z"), weight: 2 }, { key: key("lex"), weight: 1 }]), 4, "ZINTERSTORE");
  is(await r.zScore(key("z2"), "c"), 6, "ZSCORE");
  is(await r.zPopMax(key("z2")), { value: "d", score: 8 }, "ZPOPMAX");
  is(await r.zmPop([key("z2")], "MIN"), { key: key("z2"), members: scored(["b", 4]) }, "ZMPOP");
  is(await meanwhile((c) => c.bzPopMin(key("zq"), 10), () => r.zAdd(key("zq"), scored(["x", 7], ["w", 6]))), { key: key("zq"), value: "w", score: 6 }, "BZPOPMIN");

  // Streams with groups.
  for (let n = 1; n <= 5; n += 1) is(await r.xAdd(key("x"), `${n}-1`, { n: String(n) }), `${n}-1`, "XADD");
  is((await r.xRange(key("x"), "(2-1", "+", { COUNT: 1 })).map((m) => [m.id, m.message]), [["3-1", { n: "3" }]], "XRANGE");
  is(await r.xGroupCreate(key("x"), "g", "0"), "OK", "XGROUP CREATE");
  await checks.refused(r.xGroupCreate(key("x"), "g", "0"), "BUSYGROUP", "a second XGROUP CREATE");
  const ids = (streams) => streams[0].messages.map((message) => message.id);
  is(ids(await r.xReadGroup("g", "c1", { key: key("x"), id: ">" }, { COUNT: 3 })), ["1-1", "2-1", "3-1"], "XREADGROUP");
  is(await r.xAck(key("x"), "g", "1-1"), 1, "XACK");
  const pending = await r.xPending(key("x"), "g");
  is([pending.pending, pending.firstId, pending.lastId], [2, "2-1", "3-1"], "XPENDING");
  is((await r.xPendingRange(key("x"), "g", "-", "+", 10)).map((p) => [p.id, p.consumer]), [["2-1", "c1"], ["3-1", "c1"]], "XPENDING range");
  const claimed = await r.xAutoClaim(key("x"), "g", "c2", 0, "0", { COUNT: 1 });
  is([claimed.nextId, claimed.messages.map((m) => m.id), claimed.deletedMessages], ["3-1", ["2-1"], []], "XAUTOCLAIM");
  is((await r.xClaim(key("x"), "g", "c2", 0, "3-1")).map((m) => m.id), ["3-1"], "XCLAIM");
  const about = await r.xInfoStream(key("x"));
  is([about.length, about["last-generated-id"], about.groups, about["first-entry"].id], [5, "5-1", 1, "1-1"], "XINFO STREAM");
  is((await r.xInfoGroups(key("x"))).map((g) => [g.name, g.consumers, g.pending, g.lag]), [["g", 2, 2, 2]], "XINFO GROUPS");
  is((await r.xInfoConsumers(key("x"), "g")).map((c) => [c.name, c.pending]), [["c1", 0], ["c2", 2]], "XINFO CONSUMERS");
  is(ids(await r.xReadGroup("g", "c1", { key: key("x"), id: ">" }, { NOACK: true })), ["4-1", "5-1"], "XREADGROUP NOACK");
  is(ids(await meanwhile((c) => c.xReadGroup("g", "c3", { key: key("x"), id: ">" }, { BLOCK: 10000 }), () => r.xAdd(key("x"), "6-1", { n: "6" }))), ["6-1"], "XREADGROUP BLOCK");
  is(ids(await meanwhile((c) => c.xRead({ key: key("x"), id: "$" }, { BLOCK: 10000 }), () => r.xAdd(key("x"), "7-1", { n: "7" }))), ["7-1"], "XREAD BLOCK");
  is(await r.xTrim(key("x"), "MAXLEN", 2), 5, "XTRIM");

  // HyperLogLogs and geo.
  is(await r.pfAdd(key("p"), [...Array(100).keys()].map(String)), 1, "PFADD");
  is(await r.pfMerge(key("p2"), [key("p")]), "OK", "PFMERGE");
  is(Math.abs((await r.pfCount(key("p2"))) - 100) <= 2, true, "PFCOUNT");
  const cities = [{ longitude: 13.361389, latitude: 38.115556, member: "Palermo" }, { longitude: 15.087269, latitude: 37.502669, member: "Catania" }];
  is(await r.geoAdd(key("geo"), cities), 2, "GEOADD");
  is(await r.geoDist(key("geo"), "Palermo", "Catania", "km"), 166.2742, "GEODIST");
  is(await r.geoSearch(key("geo"), { longitude: 15, latitude: 37 }, { radius: 200, unit: "km" }, { SORT: "ASC" }), ["Catania", "Palermo"], "GEOSEARCH");
  is((await r.geoPos(key("geo"), "Palermo")).map((p) => Number(p.longitude).toFixed(3)), ["13.361"], "GEOPOS");

  // Generic commands.
  is(await r.rPush(key("sort"), ["3", "1", "2"]), 3, "RPUSH");
  is(await r.sort(key("sort"), { LIMIT: { offset: 0, count: 2 }, DIRECTION: "DESC" }), ["3", "2"], "SORT");
  is(await r.sortStore(key("sort"), key("sorted")), 3, "SORT STORE");
  const bytes = r.withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer });
  for (const name of ["s", "l", "set", "h", "z", "x", "p"]) {
    is(await r.restore(key("copy"), 100000, await bytes.dump(key(name)), { REPLACE: true }), "OK", `RESTORE of ${name}`);
    is(await r.type(key("copy")), await r.type(key(name)), `TYPE of restored ${name}`);
  }
  is(await r.copy(key("h"), key("copy"), { REPLACE: true }), 1, "COPY");
  is(await r.hGetAll(key("copy")), await r.hGetAll(key("h")), "HGETALL of a copy");

  // Pub/sub, in a cluster with shard channels: its nodes do not pass messages on yet.
  const subscriber = await connect();
  const message = new Promise((done) => {
    const listener = (text, channel) => done([channel, text]);
    (cluster ? subscriber.sSubscribe(key("channel"), listener) : subscriber.subscribe(key("channel"), listener))
      .then(() => (cluster ? r.sPublish(key("channel"), "hello") : r.publish(key("channel"), "hello")))
      .then((heard) => is(heard, 1, "PUBLISH"));
  });
  is(await message, [key("channel"), "hello"], "a message");

  // Transactions.
  is(await r.multi().set(key("t"), "1").incr(key("t")).zAdd(key("tz"), scored(["m", 1])).exec(), ["OK", 2, 1], "EXEC");
  if (!cluster) {
    is(await other.watch(key("t")), "OK", "WATCH");
    await r.set(key("t"), "10");
    const outcome = await other.multi().set(key("t"), "3").exec().then(() => "done", (error) => error.constructor.name);
    is([outcome, await r.get(key("t"))], ["WatchError", "10"], "EXEC after a change of what was watched");
  }

  // Pipelines (what is sent in one turn of the event loop) and iterators.
  const numbers = Array.from({ length: 1000 }, (_, n) => String(n));
  const added = await Promise.all(numbers.flatMap((n) => [r.hSet(key("big-h"), n, n), r.sAdd(key("big-s"), n), r.zAdd(key("big-z"), { value: n, score: Number(n) })]));
  is(added.every((count) => count === 1), true, "a pipeline");
  const member = cluster ? await r.nodeClient(r.slots[await (await nodes())[0].clusterKeySlot(key("big-h"))].master) : r;
  checks.sameMembers((await pages(member.hScanIterator(key("big-h"), { COUNT: 50 }))).map((e) => e.field), numbers, "HSCAN");
  checks.sameMembers(await pages(member.sScanIterator(key("big-s"))), numbers, "SSCAN");
  checks.sameMembers((await pages(member.zScanIterator(key("big-z"), { MATCH: "99*" }))).map((e) => e.value), numbers.filter((n) => n.startsWith("99")), "ZSCAN MATCH");
  await Promise.all(numbers.slice(0, 300).map((n) => r.set(`{${NAME}${n}}:scan`, n)));
  checks.sameMembers(await scan({ MATCH: `{${NAME}*}:scan`, COUNT: 100 }), numbers.slice(0, 300).map((n) => `{${NAME}${n}}:scan`), "SCAN");
  is(await scan({ MATCH: `{${NAME}}*`, TYPE: "stream" }), [key("x")], "SCAN TYPE");

  checks.end();
}

main(process.argv[2], Number(process.argv[3]), process.argv[4]).catch((error) => {
  console.error(error);
  process.exit(1);
});
