// Jedis with RESP3 over all data types: Types <host> <port> standalone|cluster.

import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import redis.clients.jedis.*;
import redis.clients.jedis.args.*;
import redis.clients.jedis.exceptions.JedisDataException;
import redis.clients.jedis.params.*;
import redis.clients.jedis.resps.*;

public class Types {
    static final String NAME = "jedis";
    static int checks = 0;
    static final List<String> wrong = new ArrayList<>();

    // Compares what two values print as: the library's classes for replies have no common equality.
    static synchronized void is(Object found, Object wanted, String what) {
        checks++;
        if (!String.valueOf(found).equals(String.valueOf(wanted))) {
            wrong.add(what + ": " + found + ", not " + wanted);
        }
    }

    static void refused(Runnable call, String text, String what) {
        try {
            call.run();
            is("no error", text, what);
        } catch (JedisDataException error) {
            is(error.getMessage().contains(text), true, what + ": " + error.getMessage());
        }
    }

    // All in one slot: commands of several keys and transactions work in a cluster too.
    static String key(String name) {
        return "{" + NAME + "}:" + name;
    }

    static UnifiedJedis connect(String host, int port, boolean cluster) {
        HostAndPort node = new HostAndPort(host, port);
        JedisClientConfig config = DefaultJedisClientConfig.builder().resp3().socketTimeoutMillis(20000).build();
        return cluster
                ? RedisClusterClient.builder().nodes(Set.of(node)).clientConfig(config).build()
                : RedisClient.builder().hostAndPort(node).clientConfig(config).build();
    }

    // What a call answers that blocks on another connection of the pool, while another call is made.
    static <T> T meanwhile(UnifiedJedis r, Function<UnifiedJedis, T> blocking, Runnable then) throws Exception {
        CompletableFuture<T> blocked = CompletableFuture.supplyAsync(() -> blocking.apply(r));
        Thread.sleep(100);
        then.run();
        return blocked.get(20, TimeUnit.SECONDS);
    }

    static Set<String> scan(UnifiedJedis r, String match, String type) {
        Set<String> found = new TreeSet<>();
        ScanIteration iteration = type == null ? r.scanIteration(500, match) : r.scanIteration(500, match, type);
        iteration.collect(found);
        return found;
    }

    static String ids(List<Map.Entry<String, List<StreamEntry>>> streams) {
        return streams.get(0).getValue().stream().map(entry -> entry.getID().toString()).collect(Collectors.joining(" "));
    }

    static String tuples(Collection<Tuple> tuples) {
        return tuples.stream().map(tuple -> tuple.getElement() + "=" + tuple.getScore()).collect(Collectors.joining(" "));
    }

    static void strings(UnifiedJedis r) {
        is(r.set(key("s"), "1", new SetParams().ex(100)), "OK", "SET EX");
        is(r.incrByFloat(key("s"), 0.5), 1.5, "INCRBYFLOAT");
        is(r.set(key("s"), "2", new SetParams().nx()), null, "SET NX");
        is(r.setGet(key("s"), "2", new SetParams().keepTtl()), "1.5", "SET GET");
        is(r.getEx(key("s"), new GetExParams().persist()), "2", "GETEX");
        is(r.ttl(key("s")), -1, "TTL");
        is(r.bitfield(key("bits"), "SET", "u8", "0", "200", "INCRBY", "u8", "0", "10"), "[0, 210]", "BITFIELD");
        is(r.mset(key("m1"), "1", key("m2"), "2"), "OK", "MSET");
        is(r.mget(key("m1"), key("none"), key("m2")), "[1, null, 2]", "MGET");
        refused(() -> r.lpush(key("s"), "x"), "WRONGTYPE", "LPUSH on a string");
    }

    static void lists(UnifiedJedis r) throws Exception {
        is(r.rpush(key("l"), "a", "b", "c", "a", "b", "c"), 6, "RPUSH");
        is(r.lrange(key("l"), 1, -2), "[b, c, a, b]", "LRANGE");
        is(r.lpos(key("l"), "a", new LPosParams(), 0), "[0, 3]", "LPOS");
        is(r.linsert(key("l"), ListPosition.BEFORE, "b", "x"), 7, "LINSERT");
        is(r.lrem(key("l"), -1, "c"), 1, "LREM");
        is(r.lmove(key("l"), key("l2"), ListDirection.LEFT, ListDirection.RIGHT), "a", "LMOVE");
        var popped = r.lmpop(ListDirection.RIGHT, 2, key("none"), key("l"));
        is(popped.getKey() + popped.getValue(), key("l") + "[b, a]", "LMPOP");
        is(meanwhile(r, c -> c.blpop(10, key("q1"), key("q2")), () -> r.rpush(key("q2"), "job")), List.of(key("q2"), "job"), "BLPOP");
        is(meanwhile(r, c -> c.blmove(key("q1"), key("q3"), ListDirection.LEFT, ListDirection.RIGHT, 10), () -> r.rpush(key("q1"), "job")), "job", "BLMOVE");
        is(meanwhile(r, c -> c.blmpop(10, ListDirection.LEFT, key("q1")), () -> r.lmove(key("q3"), key("q1"), ListDirection.LEFT, ListDirection.LEFT)).getValue(), "[job]", "BLMPOP");
        is(r.brpop(0.05, key("q1")), null, "BRPOP times out");
    }

    static void sets(UnifiedJedis r) {
        is(r.sadd(key("set"), "0123456789".split("")), 10, "SADD");
        is(r.sadd(key("set2"), "5", "6", "x"), 3, "SADD");
        is(r.sismember(key("set"), "5"), true, "SISMEMBER");
        is(r.smismember(key("set"), "1", "x"), "[true, false]", "SMISMEMBER");
        is(new TreeSet<>(r.sinter(key("set"), key("set2"))), "[5, 6]", "SINTER");
        is(r.sintercard(1, key("set"), key("set2")), 1, "SINTERCARD");
        is(r.sunionstore(key("set3"), key("set"), key("set2")), 11, "SUNIONSTORE");
        is(r.smove(key("set2"), key("set"), "x"), 1, "SMOVE");
        is(new TreeSet<>(r.spop(key("set2"), 5)), "[5, 6]", "SPOP");
        is(r.exists(key("set2")), false, "EXISTS of an emptied set");
    }

    static void hashes(UnifiedJedis r) throws Exception {
        is(r.hset(key("h"), Map.of("a", "1", "b", "two", "c", "3")), 3, "HSET");
        is(new TreeMap<>(r.hgetAll(key("h"))), "{a=1, b=two, c=3}", "HGETALL");
        is(r.hincrByFloat(key("h"), "a", 1.5), 2.5, "HINCRBYFLOAT");
        is(r.hmget(key("h"), "a", "z"), "[2.5, null]", "HMGET");
        is(r.hrandfieldWithValues(key("h"), 9).size(), 3, "HRANDFIELD WITHVALUES");
        is(r.hexpire(key("h"), 100, "a", "z"), "[1, -2]", "HEXPIRE");
        is(r.httl(key("h"), "a").stream().allMatch(left -> left > 90 && left <= 100), true, "HTTL");
        is(r.hpersist(key("h"), "a", "b"), "[1, -1]", "HPERSIST");
        is(r.hsetex(key("h"), new HSetExParams().px(50), "d", "4"), 1, "HSETEX");
        is(r.hgetex(key("h"), new HGetExParams().persist(), "b", "d"), "[two, 4]", "HGETEX");
        is(r.hpexpire(key("h"), 1, "b"), "[1]", "HPEXPIRE");
        Thread.sleep(50);
        is(r.hmget(key("h"), "b", "d"), "[null, 4]", "HMGET of an expired field and of one made to stay");
    }

    static void sortedSets(UnifiedJedis r) throws Exception {
        String z = key("z"), lex = key("lex");
        is(r.zadd(z, Map.of("a", 1.0, "b", 2.0, "c", 3.0)), 3, "ZADD");
        is(r.zadd(z, Map.of("a", 0.0, "d", 4.0), new ZAddParams().gt().ch()), 1, "ZADD GT CH");
        is(r.zaddIncr(z, 1.5, "a", new ZAddParams().xx()), 2.5, "ZADD XX INCR");
        is(tuples(r.zrangeWithScores(z, 0, -1)), "b=2.0 a=2.5 c=3.0 d=4.0", "ZRANGE WITHSCORES");
        is(r.zrangeByScore(z, "(2", "+inf", 1, 2), "[c, d]", "ZRANGEBYSCORE LIMIT");
        is(r.zrevrangeByScore(z, "3", "-inf"), "[c, a, b]", "ZREVRANGEBYSCORE");
        var rank = r.zrankWithScore(z, "c");
        is(rank.getKey() + " " + rank.getValue(), "2 3.0", "ZRANK WITHSCORE");
        is(r.zmscore(z, "a", "x"), "[2.5, null]", "ZMSCORE");
        is(r.zadd(lex, Map.of("a", 0.0, "b", 0.0, "c", 0.0, "d", 0.0)), 4, "ZADD");
        is(r.zrangeByLex(lex, "[b", "(d"), "[b, c]", "ZRANGEBYLEX");
        is(tuples(r.zunionWithScores(new ZParams().aggregate(ZParams.Aggregate.MAX), z, lex)), "b=2.0 a=2.5 c=3.0 d=4.0", "ZUNION");
        is(r.zinterstore(key("z2"), new ZParams().weights(2, 1), z, lex), 4, "ZINTERSTORE WEIGHTS");
        is(r.zscore(key("z2"), "c"), 6.0, "ZSCORE");
        is(tuples(List.of(r.zpopmax(key("z2")))), "d=8.0", "ZPOPMAX");
        is(tuples(r.zmpop(SortedSetOption.MIN, key("z2")).getValue()), "b=4.0", "ZMPOP");
        var popped = meanwhile(r, c -> c.bzpopmin(10, key("zq")), () -> r.zadd(key("zq"), Map.of("x", 7.0, "w", 6.0)));
        is(popped.getKey() + " " + tuples(List.of(popped.getValue())), key("zq") + " w=6.0", "BZPOPMIN");
    }

    static void streams(UnifiedJedis r) throws Exception {
        String x = key("x");
        for (int n = 1; n <= 5; n++) {
            is(r.xadd(x, new StreamEntryID(n, 1), Map.of("n", "" + n)), n + "-1", "XADD");
        }
        is(r.xrange(x, "(2-1", "+", 1).get(0).getFields(), "{n=3}", "XRANGE");
        is(r.xgroupCreate(x, "g", new StreamEntryID("0-0"), false), "OK", "XGROUP CREATE");
        refused(() -> r.xgroupCreate(x, "g", new StreamEntryID("0-0"), false), "BUSYGROUP", "a second XGROUP CREATE");
        Map<String, StreamEntryID> fresh = Map.of(x, StreamEntryID.XREADGROUP_UNDELIVERED_ENTRY);
        is(ids(r.xreadGroup("g", "c1", new XReadGroupParams().count(3), fresh)), "1-1 2-1 3-1", "XREADGROUP");
        is(r.xack(x, "g", new StreamEntryID(1, 1)), 1, "XACK");
        StreamPendingSummary pending = r.xpending(x, "g");
        is(pending.getTotal() + " " + pending.getMinId() + " " + pending.getConsumerMessageCount(), "2 2-1 {c1=2}", "XPENDING");
        is(r.xpending(x, "g", new XPendingParams("-", "+", 10)).get(1).getID(), "3-1", "XPENDING range");
        var claimed = r.xautoclaim(x, "g", "c2", 0, new StreamEntryID("0-0"), new XAutoClaimParams().count(1));
        is(claimed.getKey() + " " + claimed.getValue().get(0).getID(), "3-1 2-1", "XAUTOCLAIM");
        is(r.xclaimJustId(x, "g", "c2", 0, new XClaimParams(), new StreamEntryID(3, 1)), "[3-1]", "XCLAIM");
        StreamInfo about = r.xinfoStream(x);
        is(about.getLength() + " " + about.getLastGeneratedId() + " " + about.getGroups() + " " + about.getFirstEntry().getID(), "5 5-1 1 1-1", "XINFO STREAM");
        StreamGroupInfo group = r.xinfoGroups(x).get(0);
        is(group.getName() + " " + group.getConsumers() + " " + group.getPending() + " " + group.getGroupInfo().get("lag"), "g 2 2 2", "XINFO GROUPS");
        is(r.xinfoConsumers2(x, "g").stream().map(c -> c.getName() + c.getPending()).toList(), "[c10, c22]", "XINFO CONSUMERS");
        is(r.xinfoStreamFull(x).getGroups().get(0).getConsumers().size(), 2, "XINFO STREAM FULL");
        is(ids(r.xreadGroup("g", "c1", new XReadGroupParams().noAck(), fresh)), "4-1 5-1", "XREADGROUP NOACK");
        is(ids(meanwhile(r, c -> c.xreadGroup("g", "c3", new XReadGroupParams().block(10000), fresh), () -> r.xadd(x, new StreamEntryID(6, 1), Map.of("n", "6")))), "6-1", "XREADGROUP BLOCK");
        is(ids(meanwhile(r, c -> c.xread(new XReadParams().block(10000), Map.of(x, StreamEntryID.XREAD_NEW_ENTRY)), () -> r.xadd(x, new StreamEntryID(7, 1), Map.of("n", "7")))), "7-1", "XREAD BLOCK");
        is(r.xtrim(x, 2, false), 5, "XTRIM");
    }

    static void places(UnifiedJedis r) {
        is(r.pfadd(key("p"), IntStream.range(0, 100).mapToObj(String::valueOf).toArray(String[]::new)), 1, "PFADD");
        is(r.pfmerge(key("p2"), key("p")), "OK", "PFMERGE");
        is(Math.abs(r.pfcount(key("p2")) - 100) <= 2, true, "PFCOUNT");
        is(r.geoadd(key("geo"), Map.of("Palermo", new GeoCoordinate(13.361389, 38.115556), "Catania", new GeoCoordinate(15.087269, 37.502669))), 2, "GEOADD");
        is(r.geodist(key("geo"), "Palermo", "Catania", GeoUnit.KM), 166.2742, "GEODIST");
        is(r.geohash(key("geo"), "Palermo"), "[sqc8b49rny0]", "GEOHASH");
        GeoSearchParam near = new GeoSearchParam().fromLonLat(15, 37).byRadius(200, GeoUnit.KM).asc();
        is(r.geosearch(key("geo"), near).stream().map(GeoRadiusResponse::getMemberByString).toList(), "[Catania, Palermo]", "GEOSEARCH");
    }

    static void generic(UnifiedJedis r) {
        is(r.rpush(key("sort"), "3", "1", "2"), 3, "RPUSH");
        is(r.sort(key("sort"), new SortingParams().limit(0, 2).desc()), "[3, 2]", "SORT");
        is(r.sort(key("sort"), key("sorted")), 3, "SORT STORE");
        for (String name : new String[] {"s", "l", "set", "h", "z", "x", "p"}) {
            byte[] body = r.dump(key(name));
            is(r.restore(key("copy"), 100000, body, new RestoreParams().replace()), "OK", "RESTORE of " + name);
            is(r.type(key("copy")), r.type(key(name)), "TYPE of restored " + name);
        }
        is(r.copy(key("h"), key("copy"), true), true, "COPY");
        is(new TreeMap<>(r.hgetAll(key("copy"))), new TreeMap<>(r.hgetAll(key("h"))), "HGETALL of a copy");
    }

    // A cluster's nodes do not pass messages on yet: there the channel is a shard's.
    static void channels(UnifiedJedis r) throws Exception {
        CompletableFuture<String> subscribed = new CompletableFuture<>(), message = new CompletableFuture<>();
        Thread listener;
        Runnable stop;
        if (r instanceof RedisClusterClient cluster) {
            JedisShardedPubSub shard = new JedisShardedPubSub() {
                public void onSSubscribe(String channel, int count) { subscribed.complete(channel); }
                public void onSMessage(String channel, String text) { message.complete(channel + " " + text); }
            };
            listener = new Thread(() -> cluster.ssubscribe(shard, key("channel")));
            stop = shard::sunsubscribe;
        } else {
            JedisPubSub all = new JedisPubSub() {
                public void onSubscribe(String channel, int count) { subscribed.complete(channel); }
                public void onMessage(String channel, String text) { message.complete(channel + " " + text); }
            };
            listener = new Thread(() -> r.subscribe(all, key("channel")));
            stop = all::unsubscribe;
        }
        listener.start();
        is(subscribed.get(10, TimeUnit.SECONDS), key("channel"), "SUBSCRIBE");
        long heard = r instanceof RedisClusterClient cluster ? cluster.spublish(key("channel"), "hello") : r.publish(key("channel"), "hello");
        is(heard, 1, "PUBLISH");
        is(message.get(10, TimeUnit.SECONDS), key("channel") + " hello", "a message");
        stop.run();
        listener.join(10000);
    }

    // The library has none in a cluster.
    static void transactions(UnifiedJedis r) {
        try (AbstractTransaction t = r.multi()) {
            t.set(key("t"), "1");
            t.incr(key("t"));
            t.zadd(key("tz"), 1, "m");
            is(t.exec(), "[OK, 2, 1]", "EXEC");
        }
        try (AbstractTransaction t = r.transaction(false)) {
            t.watch(key("t"));
            r.set(key("t"), "10");
            t.multi();
            t.set(key("t"), "3");
            is(t.exec(), null, "EXEC after a change of what was watched");
        }
        is(r.get(key("t")), "10", "GET after an aborted EXEC");
    }

    static void iterators(UnifiedJedis r) {
        List<Response<Long>> added = new ArrayList<>();
        Set<String> numbers = new TreeSet<>();
        Response<String> before;
        Response<Long> failed;
        try (AbstractPipeline pipeline = r.pipelined()) {
            before = pipeline.set(key("t"), "text");
            failed = pipeline.lpush(key("t"), "1");
            for (int n = 0; n < 1000; n++) {
                numbers.add("" + n);
                added.add(pipeline.hset(key("big-h"), "" + n, "" + n));
                added.add(pipeline.sadd(key("big-s"), "" + n));
                added.add(pipeline.zadd(key("big-z"), n, "" + n));
            }
            pipeline.sync();
        }
        is(added.stream().allMatch(response -> response.get() == 1), true, "a pipeline");
        is(before.get(), "OK", "SET in a pipeline");
        refused(failed::get, "WRONGTYPE", "an error within a pipeline");
        Set<String> fields = new TreeSet<>(), members = new TreeSet<>(), scored = new TreeSet<>();
        String cursor = ScanParams.SCAN_POINTER_START;
        do {
            var page = r.hscan(key("big-h"), cursor, new ScanParams().count(50));
            page.getResult().forEach(entry -> fields.add(entry.getKey()));
            cursor = page.getCursor();
        } while (!cursor.equals(ScanParams.SCAN_POINTER_START));
        do {
            var page = r.sscan(key("big-s"), cursor);
            members.addAll(page.getResult());
            cursor = page.getCursor();
        } while (!cursor.equals(ScanParams.SCAN_POINTER_START));
        do {
            var page = r.zscan(key("big-z"), cursor, new ScanParams().match("99?"));
            page.getResult().forEach(entry -> scored.add(entry.getElement()));
            cursor = page.getCursor();
        } while (!cursor.equals(ScanParams.SCAN_POINTER_START));
        is(fields, numbers, "HSCAN");
        is(members, numbers, "SSCAN");
        is(scored, IntStream.range(990, 1000).mapToObj(String::valueOf).toList(), "ZSCAN MATCH");
        Set<String> names = new TreeSet<>();
        for (int n = 0; n < 300; n++) {
            names.add("{" + NAME + n + "}:scan");
        }
        names.forEach(name -> r.set(name, "1"));
        is(scan(r, "{" + NAME + "*}:scan", null), names, "SCAN");
        is(scan(r, "{" + NAME + "}*", "stream"), List.of(key("x")), "SCAN TYPE");
    }

    public static void main(String[] arguments) throws Exception {
        String mode = arguments[2];
        try (UnifiedJedis r = connect(arguments[0], Integer.parseInt(arguments[1]), mode.equals("cluster"))) {
            scan(r, "*{" + NAME + "*}*", null).forEach(r::unlink);
            strings(r);
            lists(r);
            sets(r);
            hashes(r);
            sortedSets(r);
            streams(r);
            places(r);
            generic(r);
            channels(r);
            if (mode.equals("standalone")) {
                transactions(r);
            }
            iterators(r);
        }
        if (!wrong.isEmpty()) {
            wrong.forEach(System.err::println);
            System.err.println(NAME + " types " + mode + ": " + wrong.size() + " of " + checks + " checks failed");
            System.exit(1);
        }
        System.out.println(NAME + " types " + mode + ": " + checks + " checks passed");
        System.exit(0);
    }
}
