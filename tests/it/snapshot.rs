//! Snapshots of a server that several clients write to: each is what the data was when it began, whatever happens to it meanwhile.

use std::sync::atomic::{AtomicBool, Ordering};

use larder::base::rng::Rng;
use larder_proto::resp::Value;

use crate::support::{Connection, Server};

const WRITERS: u64 = 4;
const SNAPSHOTS: usize = if cfg!(debug_assertions) { 12 } else { 60 };
/// Elements of each large collection.
const ELEMENTS: u64 = 20_000;
const STRING_LEN: u64 = 3_000_000;
/// Keys that come and go.
const KEYS: u64 = 300;
const PIPELINE: usize = 16;

fn words(text: String) -> Vec<String> {
    text.split(' ').map(str::to_owned).collect()
}

/// A request on some key. Now and then one that changes much.
pub(crate) fn request(rng: &mut Rng) -> Vec<String> {
    let (n, m, key) = (rng.below(ELEMENTS), rng.below(ELEMENTS), rng.below(KEYS));
    words(match rng.below(1100) {
        0..150 => format!("ZADD zset {m} member:{n}"),
        150..200 => format!("ZREM zset member:{n}"),
        200..205 => format!("ZREMRANGEBYRANK zset {n} {}", n + 200),
        205..350 => format!("HSET hash field:{n} value:{m}"),
        350..400 => format!("HDEL hash field:{n}"),
        400..410 => format!("HPEXPIRE hash {} FIELDS 1 field:{n}", m % 500 + 1),
        410..500 => format!("SADD set member:{n}"),
        500..550 => format!("SREM set member:{n}"),
        550..600 => format!("LSET list {} new:{m}", n / 2),
        600..650 => format!("RPUSH list element:{n} element:{m}"),
        650..700 => "LPOP list 3".into(),
        700..720 => format!("LINSERT list BEFORE element:{} between", n % 50),
        720..800 => format!("SETRANGE string {} {m}", n * (STRING_LEN / ELEMENTS)),
        800..870 => format!("SET key:{key} {n}"),
        870..900 => format!("APPEND key:{key} {n}"),
        900..930 => format!("PEXPIRE key:{key} {}", m % 300 + 1),
        930..950 => format!("DEL key:{key}"),
        950..990 => format!("ZADD key:z:{} {n} {m}", key % 8),
        990..1030 => format!("HSET key:h:{} {n} {m}", key % 8),
        1030..1040 => format!("RENAME key:{key} key:{m}"),
        1040..1045 => format!("MOVE key:{key} 1"),
        1045 => "RENAME zset other".into(),
        1046..1050 => "RENAME other zset".into(),
        1050 => "DEL hash".into(),
        1051 => "UNLINK set".into(),
        1052 => "SPOP set 15000".into(),
        1053 => "SWAPDB 1 2".into(),
        1054 if key == 0 => "FLUSHDB ASYNC".into(),
        1055 => "COPY zset zset:copy REPLACE".into(),
        1056 => "COPY hash zset REPLACE".into(),
        1057 if key == 0 => "FLUSHALL".into(),
        1058 => "SUNIONSTORE set set key:s".into(),
        1059 => "LTRIM list 100 -100".into(),
        1060..1075 => format!("XADD stream * field:{} {m}", n % 3),
        1075 => "XTRIM stream MAXLEN 15000".into(),
        1076..1085 => format!("XREADGROUP GROUP group consumer:{} COUNT 10 STREAMS stream >", n % 3),
        1085..1090 => format!("XACK stream group {n}-0 {m}-0"),
        1090..1095 => format!("XDEL stream {n}-0"),
        1095 => format!("XCLAIM stream group consumer:{} 0 {n}-0 FORCE", m % 3),
        1096 if key == 0 => "XGROUP DESTROY stream group".into(),
        1097 => "RENAME stream stream:other".into(),
        1098 => "RENAME stream:other stream".into(),
        _ => format!("INCR counter:{key}"),
    })
}

/// Makes the large values anew, those that are gone.
pub(crate) fn fill(client: &mut Connection) {
    let mut requests = vec![words(format!("SETRANGE string {STRING_LEN} end"))];
    for n in (0..ELEMENTS).step_by(50) {
        let each = |format: &dyn Fn(u64) -> String| (n..n + 50).map(format).collect::<Vec<_>>().join(" ");
        requests.push(words(format!("ZADD zset {}", each(&|n| format!("{} member:{n}", n % 1000)))));
        requests.push(words(format!("HSET hash {}", each(&|n| format!("field:{n} {n}")))));
        requests.push(words(format!("SADD set {}", each(&|n| format!("member:{n}")))));
        requests.push(words(format!("RPUSH list {}", each(&|n| format!("element:{n}")))));
        requests.extend((n..n + 50).map(|n| words(format!("XADD stream {}-0 field:0 {n}", n + 1))));
    }
    requests.push(words("XGROUP CREATE stream group 0".into()));
    requests.push(words(format!("XREADGROUP GROUP group consumer:0 COUNT {} STREAMS stream >", ELEMENTS / 2)));
    let count = requests.len();
    client.send_all(requests.into_iter());
    (0..count).for_each(|_| drop(client.receive()));
    // They may have another type for a while.
    client.call(&["SET", "string:type", "x"]);
}

#[test]
fn a_snapshot_is_the_data_at_its_beginning_whatever_is_written_meanwhile() {
    for options in
        [&["--io-threads", "2"][..], &["--io-threads", "2", "--list-max-listpack-size", "20", "--hash-max-listpack-entries", "4"]]
    {
        let server = Server::larder(&[options, &["--enable-debug-command", "yes"]].concat());
        let mut client = server.connect();
        fill(&mut client);
        let is_done = AtomicBool::new(false);
        let preimages = std::thread::scope(|scope| {
            for number in 0..WRITERS {
                let (server, is_done) = (&server, &is_done);
                scope.spawn(move || {
                    let mut rng = Rng::new(number);
                    let mut writer = server.connect();
                    while !is_done.load(Ordering::Relaxed) {
                        writer.send_all((0..PIPELINE).map(|_| request(&mut rng)));
                        (0..PIPELINE).for_each(|_| drop(writer.receive()));
                    }
                });
            }
            let mut preimages = 0;
            for _ in 0..SNAPSHOTS {
                let reply = client.call(&["DEBUG", "SNAPSHOT", "CHECK"]);
                let text = match &reply {
                    Value::Bulk(text) | Value::Verbatim { text, .. } => String::from_utf8_lossy(text).into_owned(),
                    other => panic!("{other:?}"),
                };
                let figure = |name: &str| {
                    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
                    line.unwrap_or_else(|| panic!("{name}: {text}")).to_owned()
                };
                assert_eq!(figure("digest"), figure("digest_before"), "{text}");
                preimages += figure("preimages").parse::<u64>().expect("a number");
                fill(&mut client);
            }
            is_done.store(true, Ordering::Relaxed);
            preimages
        });
        assert!(preimages > 0, "the writers came before the snapshots");
        let text = client.call(&["DEBUG", "SNAPSHOT"]);
        let digest = client.call(&["DEBUG", "DIGEST"]);
        assert!(matches!((&text, &digest), (Value::Bulk(text), Value::Simple(_)) if text.starts_with(b"keys:")), "{text:?} {digest:?}");
        assert!(matches!(client.call(&["DEBUG", "SNAPSHOT", "NOW"]), Value::Error(_)));
    }
}

#[test]
fn a_snapshot_is_not_taken_in_a_transaction() {
    let server = Server::larder(&["--enable-debug-command", "yes"]);
    let mut client = server.connect();
    client.call(&["MULTI"]);
    client.call(&["DEBUG", "SNAPSHOT"]);
    let reply = client.call(&["EXEC"]);
    assert!(matches!(&reply, Value::Array(replies) if matches!(&replies[..], [Value::Error(_)])), "{reply:?}");
}
