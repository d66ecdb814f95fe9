//! redis-rs with RESP3 over all data types: `larder-client-redis-rs <host> <port> standalone|cluster`.

use std::collections::{BTreeSet, HashMap};
use std::fmt::Debug;
use std::thread;
use std::time::{Duration, Instant};

use redis::cluster::{ClusterClientBuilder, cluster_pipe};
use redis::geo::{RadiusOptions, RadiusOrder, RadiusSearchResult, Unit};
use redis::streams::{
    StreamAutoClaimOptions, StreamAutoClaimReply, StreamInfoConsumersReply, StreamInfoGroupsReply, StreamInfoStreamReply, StreamMaxlen,
    StreamPendingReply, StreamRangeReply, StreamReadOptions, StreamReadReply,
};
use redis::{
    Client, Cmd, Commands, ConnectionLike, Direction, ExistenceCheck, ExpireOption, FromRedisValue, HashFieldExpirationOptions,
    ProtocolVersion, RedisResult, SetExpiry, SetOptions, Value, cmd, pipe,
};

/// What was compared, and what was wrong.
#[derive(Default)]
struct Checks {
    count: usize,
    wrong: Vec<String>,
}

impl Checks {
    fn is<T: PartialEq + Debug>(&mut self, found: RedisResult<T>, wanted: T, what: &str) {
        self.count += 1;
        match found {
            Ok(found) if found == wanted => {}
            Ok(found) => self.wrong.push(format!("{what}: {:.300}, not {:.300}", format!("{found:?}"), format!("{wanted:?}"))),
            Err(error) => self.wrong.push(format!("{what}: {error}")),
        }
    }

    fn refused(&mut self, result: RedisResult<Value>, code: &str, what: &str) {
        let found = result.err().map(|error| error.to_string()).unwrap_or_default();
        self.is(Ok(found.contains(code)), true, &format!("{what}: {found}"));
    }
}

/// All keys are in one slot: commands of several keys and transactions work in a cluster too.
fn key(name: &str) -> String {
    format!("{{redis-rs}}:{name}")
}

fn texts(list: &[&str]) -> Vec<String> {
    list.iter().map(|text| text.to_string()).collect()
}

/// How long something may take that must happen.
const DEADLINE: Duration = Duration::from_secs(10);

/// Asks until the answer is yes.
fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let started = Instant::now();
    while !condition() {
        assert!(started.elapsed() < DEADLINE, "waited in vain until {what}");
        thread::yield_now();
    }
}

/// True if a client waits for a key, on any node: a cluster's connection answers INFO with a text for each.
fn is_anybody_blocked(r: &mut impl ConnectionLike) -> bool {
    let text = cmd("INFO").arg("clients").query::<Value>(r).map(|texts| format!("{texts:?}")).unwrap_or_default();
    text.split("blocked_clients:").skip(1).any(|count| !count.starts_with('0'))
}

/// What a call answers that blocks on a connection of its own, while another call is made once it waits.
fn meanwhile<C: ConnectionLike + Send, T: Send>(
    r: &mut C,
    other: &mut C,
    blocking: impl FnOnce(&mut C) -> T + Send,
    then: impl FnOnce(&mut C),
) -> T {
    thread::scope(|scope| {
        let blocked = scope.spawn(move || blocking(other));
        wait_until("the other client is blocked", || is_anybody_blocked(r));
        then(r);
        blocked.join().expect("the blocked thread ends")
    })
}

fn lists<C: ConnectionLike + Send>(c: &mut Checks, r: &mut C, other: &mut C) -> RedisResult<()> {
    c.is(r.rpush(key("l"), &["a", "b", "c", "a", "b", "c"]), 6, "RPUSH");
    c.is(r.lrange(key("l"), 1, -2), texts(&["b", "c", "a", "b"]), "LRANGE");
    c.is(r.lpos(key("l"), "a", redis::LposOptions::default().count(0)), vec![0, 3], "LPOS");
    c.is(r.linsert_before(key("l"), "b", "x"), 7, "LINSERT");
    c.is(r.lrem(key("l"), -1, "c"), 1, "LREM");
    c.is(r.lmove(key("l"), key("l2"), Direction::Left, Direction::Right), Some("a".to_string()), "LMOVE");
    let popped = cmd("LMPOP").arg(2).arg(&[key("none"), key("l")]).arg("RIGHT").arg("COUNT").arg(2).query(r);
    c.is(popped, (key("l"), texts(&["b", "a"])), "LMPOP");
    let woken = meanwhile(r, other, |o| o.blpop(vec![key("q1"), key("q2")], 10.0), |r| drop(r.rpush::<_, _, i64>(key("q2"), "job")));
    c.is(woken, Some((key("q2"), "job".to_string())), "BLPOP");
    let woken = meanwhile(
        r,
        other,
        |o| o.blmove(key("q1"), key("q3"), Direction::Left, Direction::Right, 10.0),
        |r| drop(r.rpush::<_, _, i64>(key("q1"), "job")),
    );
    c.is(woken, Some("job".to_string()), "BLMOVE");
    c.is(other.brpop(key("q1"), 0.05), None::<(String, String)>, "BRPOP times out");
    Ok(())
}

fn strings<C: ConnectionLike>(c: &mut Checks, r: &mut C) {
    let options = SetOptions::default;
    c.is(r.set_options(key("s"), 1, options().with_expiration(SetExpiry::EX(100))), Some("OK".to_string()), "SET EX");
    c.is(cmd("INCRBYFLOAT").arg(key("s")).arg(0.5).query(r), 1.5, "INCRBYFLOAT");
    c.is(r.set_options(key("s"), 2, options().conditional_set(ExistenceCheck::NX)), None::<String>, "SET NX");
    c.is(r.set_options(key("s"), 2, options().get(true).with_expiration(SetExpiry::KEEPTTL)), Some("1.5".to_string()), "SET GET");
    c.is(r.get_ex(key("s"), redis::Expiry::PERSIST), Some("2".to_string()), "GETEX");
    c.is(cmd("TTL").arg(key("s")).query(r), -1, "TTL");
    c.is(cmd("BITFIELD").arg(key("bits")).arg(&["SET", "u8", "0", "200", "INCRBY", "u8", "0", "10"]).query(r), vec![0, 210], "BITFIELD");
    c.is(r.mset(&[(key("m1"), 1), (key("m2"), 2)]), "OK".to_string(), "MSET");
    c.is(cmd("MGET").arg(&[key("m1"), key("none"), key("m2")]).query(r), vec![Some(1), None, Some(2)], "MGET");
    let pushed = cmd("LPUSH").arg(key("s")).arg("x").query(r);
    c.refused(pushed, "WRONGTYPE", "LPUSH on a string");
}

fn sets<C: ConnectionLike>(c: &mut Checks, r: &mut C) {
    let both = || [key("set"), key("set2")];
    c.is(r.sadd(key("set"), (0..10).collect::<Vec<_>>()), 10, "SADD");
    c.is(r.sadd(key("set2"), &["5", "6", "x"]), 3, "SADD");
    c.is(r.sismember(key("set"), 5), true, "SISMEMBER");
    c.is(r.smismember(key("set"), &["1", "x"]), vec![true, false], "SMISMEMBER");
    c.is(cmd("SINTER").arg(&both()).query(r), BTreeSet::from([5, 6]), "SINTER");
    c.is(cmd("SINTERCARD").arg(2).arg(&both()).arg("LIMIT").arg(1).query(r), 1, "SINTERCARD");
    c.is(r.sunionstore(key("set3"), &both()), 11, "SUNIONSTORE");
    c.is(r.smove(key("set2"), key("set"), "x"), true, "SMOVE");
    c.is(cmd("SPOP").arg(key("set2")).arg(5).query(r), BTreeSet::from([5, 6]), "SPOP");
    c.is(r.exists(key("set2")), false, "EXISTS of an emptied set");
}

fn hashes<C: ConnectionLike>(c: &mut Checks, r: &mut C) {
    c.is(r.hset_multiple(key("h"), &[("a", "1"), ("b", "two"), ("c", "3")]), "OK".to_string(), "HMSET");
    let all = [("a", "1"), ("b", "two"), ("c", "3")].map(|(field, value)| (field.to_string(), value.to_string()));
    c.is(cmd("HGETALL").arg(key("h")).query(r), HashMap::from(all), "HGETALL");
    c.is(r.hincr(key("h"), "a", 1.5), 2.5, "HINCRBYFLOAT");
    c.is(cmd("HMGET").arg(key("h")).arg(&["a", "z"]).query(r), vec![Some("2.5".to_string()), None], "HMGET");
    c.is(
        cmd("HRANDFIELD").arg(key("h")).arg(9).arg("WITHVALUES").query(r).map(|pairs: Vec<(String, String)>| pairs.len()),
        3,
        "HRANDFIELD WITHVALUES",
    );
    c.is(r.hexpire(key("h"), 100, ExpireOption::NONE, &["a", "z"]), vec![1, -2], "HEXPIRE");
    c.is(r.httl(key("h"), &["a"]).map(|left: Vec<i64>| left.len() == 1 && left[0] > 90 && left[0] <= 100), true, "HTTL");
    c.is(r.hpersist(key("h"), &["a", "b"]), vec![1, -1], "HPERSIST");
    let soon = HashFieldExpirationOptions::default().set_expiration(SetExpiry::PX(50));
    c.is(r.hset_ex(key("h"), &soon, &[("d", "4")]), true, "HSETEX");
    c.is(r.hget_ex(key("h"), &["b", "d"], redis::Expiry::PERSIST), texts(&["two", "4"]), "HGETEX");
    c.is(r.hpexpire(key("h"), 1, ExpireOption::NONE, &["b"]), vec![1], "HPEXPIRE");
    // It got the same time as the one made to stay, after that one.
    c.is(r.hset_ex(key("h"), &soon, &[("e", "5")]), true, "HSETEX");
    wait_until("a field has expired", || r.hget(key("h"), "e").is_ok_and(|field: Option<String>| field.is_none()));
    c.is(cmd("HMGET").arg(key("h")).arg(&["b", "d"]).query(r), vec![None, Some(4)], "HMGET of an expired field and of one made to stay");
}

fn sorted_sets<C: ConnectionLike + Send>(c: &mut Checks, r: &mut C, other: &mut C) {
    let scored = |list: &[(&str, f64)]| list.iter().map(|&(member, score)| (member.to_string(), score)).collect::<Vec<_>>();
    let z = key("z");
    c.is(r.zadd_multiple(&z, &[(1, "a"), (2, "b"), (3, "c")]), 3, "ZADD");
    c.is(cmd("ZADD").arg(&z).arg(&["GT", "CH", "0", "a", "4", "d"]).query(r), 1, "ZADD GT CH");
    c.is(cmd("ZADD").arg(&z).arg(&["XX", "INCR", "1.5", "a"]).query(r), Some(2.5), "ZADD XX INCR");
    c.is(r.zrange_withscores(&z, 0, -1), scored(&[("b", 2.0), ("a", 2.5), ("c", 3.0), ("d", 4.0)]), "ZRANGE WITHSCORES");
    c.is(r.zrangebyscore_limit(&z, "(2", "+inf", 1, 2), texts(&["c", "d"]), "ZRANGEBYSCORE LIMIT");
    c.is(r.zrevrangebyscore(&z, 3, "-inf"), texts(&["c", "a", "b"]), "ZREVRANGEBYSCORE");
    c.is(cmd("ZRANK").arg(&z).arg("c").arg("WITHSCORE").query(r), (2, 3.0), "ZRANK WITHSCORE");
    c.is(cmd("ZMSCORE").arg(&z).arg(&["a", "x"]).query(r), vec![Some(2.5), None], "ZMSCORE");
    c.is(r.zadd_multiple(key("lex"), &[(0, "a"), (0, "b"), (0, "c"), (0, "d")]), 4, "ZADD");
    c.is(r.zrangebylex(key("lex"), "[b", "(d"), texts(&["b", "c"]), "ZRANGEBYLEX");
    c.is(r.zinterstore_weights(key("z2"), &[(&z, 2), (&key("lex"), 1)]), 4, "ZINTERSTORE WEIGHTS");
    c.is(r.zscore(key("z2"), "c"), Some(6.0), "ZSCORE");
    c.is(r.zpopmax(key("z2"), 1), scored(&[("d", 8.0)]), "ZPOPMAX");
    c.is(r.zmpop_min([key("z2")].as_slice(), 1), (key("z2"), scored(&[("b", 4.0)])), "ZMPOP");
    let both = [(7, "x"), (6, "w")];
    let woken = meanwhile(r, other, |o| o.bzpopmin(key("zq"), 10.0), |r| drop(r.zadd_multiple::<_, _, _, i64>(key("zq"), &both)));
    c.is(woken, Some((key("zq"), "w".to_string(), 6.0)), "BZPOPMIN");
}

fn ids(reply: RedisResult<StreamReadReply>) -> RedisResult<Vec<String>> {
    reply.map(|reply| reply.keys.into_iter().flat_map(|key| key.ids).map(|entry| entry.id).collect())
}

fn streams<C: ConnectionLike + Send>(c: &mut Checks, r: &mut C, other: &mut C) -> RedisResult<()> {
    let x = key("x");
    for n in 1..6 {
        c.is(r.xadd(&x, format!("{n}-1"), &[("n", n)]), format!("{n}-1"), "XADD");
    }
    let range: StreamRangeReply = cmd("XRANGE").arg(&x).arg("(2-1").arg("+").arg("COUNT").arg(1).query(r)?;
    c.is(
        Ok(range.ids.iter().map(|entry| (entry.id.clone(), entry.get::<i64>("n"))).collect()),
        vec![("3-1".to_string(), Some(3))],
        "XRANGE",
    );
    c.is(r.xgroup_create(&x, "g", "0"), "OK".to_string(), "XGROUP CREATE");
    let second = r.xgroup_create(&x, "g", "0");
    c.refused(second, "BUSYGROUP", "a second XGROUP CREATE");
    let group = |consumer: &str| StreamReadOptions::default().group("g", consumer);
    c.is(
        ids(r.xread_options(&[&x], &[">"], &group("c1").count(3)).map(Option::unwrap_or_default)),
        texts(&["1-1", "2-1", "3-1"]),
        "XREADGROUP",
    );
    c.is(r.xack(&x, "g", &["1-1"]), 1, "XACK");
    let pending = r.xpending(&x, "g").map(|reply: StreamPendingReply| match reply {
        StreamPendingReply::Data(data) => (data.count, data.start_id, data.end_id),
        _ => (0, String::new(), String::new()),
    });
    c.is(pending, (2, "2-1".to_string(), "3-1".to_string()), "XPENDING");
    let claimed: StreamAutoClaimReply = r.xautoclaim_options(&x, "g", "c2", 0, "0", StreamAutoClaimOptions::default().count(1))?;
    c.is(
        Ok((claimed.next_stream_id, claimed.claimed.iter().map(|entry| entry.id.clone()).collect())),
        ("3-1".to_string(), texts(&["2-1"])),
        "XAUTOCLAIM",
    );
    c.is(r.xclaim(&x, "g", "c2", 0, &["3-1"]).map(|reply: StreamRangeReply| reply.ids.len()), 1, "XCLAIM");
    let about: StreamInfoStreamReply = r.xinfo_stream(&x)?;
    c.is(
        Ok((about.length, about.last_generated_id, about.groups, about.first_entry.id)),
        (5, "5-1".to_string(), 1, "1-1".to_string()),
        "XINFO STREAM",
    );
    let groups: StreamInfoGroupsReply = r.xinfo_groups(&x)?;
    let groups = groups.groups.iter().map(|g| (g.name.clone(), g.consumers, g.pending, g.lag)).collect::<Vec<_>>();
    c.is(Ok(groups), vec![("g".to_string(), 2, 2, Some(2))], "XINFO GROUPS");
    let consumers: StreamInfoConsumersReply = r.xinfo_consumers(&x, "g")?;
    c.is(
        Ok(consumers.consumers.iter().map(|one| (one.name.clone(), one.pending)).collect()),
        vec![("c1".to_string(), 0), ("c2".to_string(), 2)],
        "XINFO CONSUMERS",
    );
    c.is(
        ids(r.xread_options(&[&x], &[">"], &group("c1").noack()).map(Option::unwrap_or_default)),
        texts(&["4-1", "5-1"]),
        "XREADGROUP NOACK",
    );
    let add = |r: &mut C, id: &str| drop(r.xadd::<_, _, _, _, String>(key("x"), id, &[("n", 1)]));
    let woken = meanwhile(r, other, |o| o.xread_options(&[key("x")], &[">"], &group("c3").block(10_000)), |r| add(r, "6-1"));
    c.is(ids(woken.map(Option::unwrap_or_default)), texts(&["6-1"]), "XREADGROUP BLOCK");
    let next = StreamReadOptions::default().block(10_000);
    let woken = meanwhile(r, other, |o| o.xread_options(&[key("x")], &["$"], &next), |r| add(r, "7-1"));
    c.is(ids(woken.map(Option::unwrap_or_default)), texts(&["7-1"]), "XREAD BLOCK");
    c.is(r.xtrim(&x, StreamMaxlen::Equals(2)), 5, "XTRIM");
    Ok(())
}

fn places<C: ConnectionLike>(c: &mut Checks, r: &mut C) {
    c.is(r.pfadd(key("p"), (0..100).collect::<Vec<_>>()), true, "PFADD");
    c.is(r.pfmerge(key("p2"), key("p")), (), "PFMERGE");
    c.is(r.pfcount(key("p2")).map(|count: i64| (98..=102).contains(&count)), true, "PFCOUNT");
    let cities = [("13.361389", "38.115556", "Palermo"), ("15.087269", "37.502669", "Catania")];
    c.is(r.geo_add(key("geo"), &cities), 2, "GEOADD");
    c.is(r.geo_dist(key("geo"), "Palermo", "Catania", Unit::Kilometers), Some(166.2742), "GEODIST");
    c.is(r.geo_hash(key("geo"), "Palermo"), texts(&["sqc8b49rny0"]), "GEOHASH");
    let order = RadiusOptions::default().order(RadiusOrder::Asc).with_dist();
    let near = r.geo_radius(key("geo"), 15.0, 37.0, 200.0, Unit::Kilometers, order);
    let near = near.map(|list: Vec<RadiusSearchResult>| list.into_iter().map(|place| (place.name, place.dist)).collect());
    c.is(near, vec![("Catania".to_string(), Some(56.4413)), ("Palermo".to_string(), Some(190.4424))], "GEORADIUS");
}

fn generic<C: ConnectionLike>(c: &mut Checks, r: &mut C) -> RedisResult<()> {
    c.is(r.rpush(key("sort"), &[3, 1, 2]), 3, "RPUSH");
    c.is(cmd("SORT").arg(key("sort")).arg(&["LIMIT", "0", "2", "DESC"]).query(r), vec![3, 2], "SORT");
    c.is(cmd("SORT").arg(key("sort")).arg("STORE").arg(key("sorted")).query(r), 3, "SORT STORE");
    for name in ["s", "l", "set", "h", "z", "x", "p"] {
        let body: Vec<u8> = cmd("DUMP").arg(key(name)).query(r)?;
        let restored = cmd("RESTORE").arg(key("copy")).arg(100_000).arg(body).arg("REPLACE").query(r);
        c.is(restored, "OK".to_string(), &format!("RESTORE of {name}"));
        let wanted: String = cmd("TYPE").arg(key(name)).query(r)?;
        c.is(cmd("TYPE").arg(key("copy")).query(r), wanted, &format!("TYPE of restored {name}"));
    }
    c.is(cmd("COPY").arg(key("h")).arg(key("copy")).arg("REPLACE").query(r), true, "COPY");
    let original: HashMap<String, String> = r.hgetall(key("h"))?;
    c.is(cmd("HGETALL").arg(key("copy")).query(r), original, "HGETALL of a copy");
    Ok(())
}

fn pages<T: FromRedisValue + Ord>(iterator: RedisResult<redis::Iter<'_, T>>) -> RedisResult<BTreeSet<T>> {
    iterator?.collect()
}

fn iterators<C: ConnectionLike>(c: &mut Checks, r: &mut C, pipeline: Pipeline<C>) {
    let commands = (0..1000).flat_map(|n| [Cmd::hset(key("big-h"), n, n), Cmd::sadd(key("big-s"), n), Cmd::zadd(key("big-z"), n, n)]);
    c.is(pipeline(r, commands.collect()), vec![1; 3000], "a pipeline");
    let pairs: BTreeSet<(i64, i64)> = (0..1000).map(|n| (n, n)).collect();
    c.is(pages(r.hscan(key("big-h"))), pairs.clone(), "HSCAN");
    c.is(pages(r.sscan(key("big-s"))), (0..1000).collect(), "SSCAN");
    c.is(pages(r.zscan(key("big-z"))), pairs, "ZSCAN");
    c.is(pages(r.zscan_match(key("big-z"), "99?")), (990..1000).map(|n| (n, n)).collect(), "ZSCAN MATCH");
}

/// What the library's synchronous cluster connection has not: transactions, pub/sub and SCAN.
fn one_node(c: &mut Checks, client: &Client) -> RedisResult<()> {
    let mut r = client.get_connection()?;
    let mut other = client.get_connection()?;
    c.is(pipe().atomic().set(key("t"), 1).incr(key("t"), 1).zadd(key("tz"), "m", 1).query(&mut r), ("OK".to_string(), 2, 1), "EXEC");
    let wrong = pipe().set(key("t"), "text").lpush(key("t"), 1).get(key("t")).query(&mut r);
    c.refused(wrong, "WRONGTYPE", "an error within a pipeline");
    c.is(r.get(key("t")), Some("text".to_string()), "GET after it");
    let _: () = r.set(key("t"), 2)?;
    let mut tries = 0;
    let sum = redis::transaction(&mut r, &[key("t")], |r, t| {
        let before: i64 = r.get(key("t"))?;
        // The first try fails: somebody else changes what is watched.
        if tries == 0 {
            let _: () = other.set(key("t"), 10)?;
        }
        tries += 1;
        t.set(key("t"), before + 1).ignore().get(key("t")).query(r)
    });
    c.is(sum, vec![11], "a transaction with WATCH");
    c.is(Ok(tries), 2, "tries");
    let mut listening = client.get_connection()?;
    let mut channel = listening.as_pubsub();
    channel.subscribe(key("channel"))?;
    c.is(r.publish(key("channel"), "hello"), 1, "PUBLISH");
    c.is(channel.get_message()?.get_payload(), "hello".to_string(), "a message");
    let names: BTreeSet<String> = (0..300).map(|n| format!("{{redis-rs{n}}}:scan")).collect();
    for name in &names {
        let _: () = r.set(name, 1)?;
    }
    c.is(pages(r.scan_match("{redis-rs*}:scan")), names, "SCAN");
    Ok(())
}

/// How a connection of this kind sends several commands at once.
type Pipeline<C> = fn(&mut C, Vec<Cmd>) -> RedisResult<Vec<i64>>;

fn all<C: ConnectionLike + Send>(r: &mut C, other: &mut C, pipeline: Pipeline<C>) -> RedisResult<Checks> {
    let mut c = Checks::default();
    let names = "s bits m1 m2 l l2 q1 q2 q3 set set2 set3 h z lex z2 zq x p p2 geo sort sorted copy big-h big-s big-z t tz";
    let _: i64 = cmd("UNLINK").arg(names.split(' ').map(key).collect::<Vec<_>>()).query(r)?;
    let _: Value = cmd("EXISTS").arg(key("s")).query(other)?;
    strings(&mut c, r);
    lists(&mut c, r, other)?;
    sets(&mut c, r);
    hashes(&mut c, r);
    sorted_sets(&mut c, r, other);
    streams(&mut c, r, other)?;
    places(&mut c, r);
    generic(&mut c, r)?;
    iterators(&mut c, r, pipeline);
    Ok(c)
}

fn run(host: &str, port: &str, mode: &str) -> RedisResult<Checks> {
    let url = format!("redis://{host}:{port}/?protocol=resp3");
    if mode == "cluster" {
        let client = ClusterClientBuilder::new([url]).use_protocol(ProtocolVersion::RESP3).build()?;
        return all(&mut client.get_connection()?, &mut client.get_connection()?, |r, commands| {
            let mut batch = cluster_pipe();
            for command in commands {
                batch.add_command(command);
            }
            batch.query(r)
        });
    }
    let client = Client::open(url)?;
    let mut checks = all(&mut client.get_connection()?, &mut client.get_connection()?, |r, commands| {
        let mut batch = pipe();
        for command in commands {
            batch.add_command(command);
        }
        batch.query(r)
    })?;
    one_node(&mut checks, &client)?;
    Ok(checks)
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [host, port, mode] = arguments.as_slice() else { panic!("<host> <port> standalone|cluster") };
    let checks = run(host, port, mode).unwrap_or_else(|error| {
        eprintln!("redis-rs types {mode}: {error}");
        std::process::exit(1);
    });
    if !checks.wrong.is_empty() {
        eprintln!("{}\nredis-rs types {mode}: {} of {} checks failed", checks.wrong.join("\n"), checks.wrong.len(), checks.count);
        std::process::exit(1);
    }
    println!("redis-rs types {mode}: {} checks passed", checks.count);
}
