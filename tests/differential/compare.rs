//! When two replies are the same: byte for byte, but for the commands that are listed here, each with the reason.

use larder_proto::resp::Value;

use super::catalog::Command;

/// False for a request whose answer nothing defines: a range by name, as for the commands that know no other; an ID of the clock; the order
/// of what is equal to who sorts, or is to Valkey, which compares texts up to their first zero byte. Nor is several elements' adding to a
/// HyperLogLog that a string's command has broken: Valkey adds those before the one that it cannot.
pub(crate) fn is_defined(name: &str, words: &[Vec<u8>]) -> bool {
    let has = |wanted: &[u8]| words.iter().any(|word| word.eq_ignore_ascii_case(wanted));
    match name {
        "zrange" | "zrangestore" => !has(b"BYLEX"),
        "xadd" => !words.iter().any(|word| word == b"*" || word.starts_with(b"*\0")),
        "sort" | "sort_ro" => !has(b"BY") && !has(b"ALPHA"),
        "pfadd" => words.len() <= 3,
        _ => true,
    }
}

/// How replies of a command are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rule {
    /// They are the same.
    Same,
    /// They have the same elements, in any order and however deep.
    Unordered,
    /// Numbers may differ by as much as the servers are apart, in units of so many milliseconds.
    Near(u64),
    /// Times may: those that a name comes before, those of pending entries, and moments.
    Times,
    /// Both are errors or neither is.
    Shape,
    /// The command is never sent.
    Never,
}

/// How far apart the two servers may at least execute the same request: the pair adds what it saw. What takes a wrong unit, or forgets a time, is
/// further away.
pub(crate) const CLOCKS_APART_MS: u64 = 2000;

/// What differs from the rule that a command's tips give, by full name or its beginning, and why.
const COUNTS: &str = "how a number of keys like `+1` is read there differs from command to command";
const ENDLESS: &str = "with a large negative count Valkey replies until memory is gone";
const POSITIONS: &str = "a score that is no position has none; tests/it/differential_sorted_sets.rs compares those of positions";
const BY_NAME: &str = "members of different scores have no order by name; tests/it/differential_sorted_sets.rs compares those of one score";

const RULES: &[(&str, Rule, &str)] = &[
    ("ttl", Rule::Near(1000), "time passes between the servers"),
    ("pttl", Rule::Near(1), "time passes between the servers"),
    ("expiretime", Rule::Near(1000), "an expiry that was relative rests on the server's clock"),
    ("pexpiretime", Rule::Near(1), "an expiry that was relative rests on the server's clock"),
    ("httl", Rule::Near(1000), "time passes between the servers"),
    ("hpttl", Rule::Near(1), "time passes between the servers"),
    ("hexpiretime", Rule::Near(1000), "an expiry that was relative rests on the server's clock"),
    ("hpexpiretime", Rule::Near(1), "an expiry that was relative rests on the server's clock"),
    ("object|idletime", Rule::Near(1000), "time passes between the servers"),
    ("object|refcount", Rule::Shape, "nothing is shared between keys in Larder"),
    ("object|freq", Rule::Same, "without LFU it is an error"),
    ("dbsize", Rule::Shape, "expired keys count until somebody finds them"),
    ("dump", Rule::Shape, "the payload may have another version"),
    ("hello", Rule::Shape, "ids and versions"),
    ("client|id", Rule::Shape, "ids"),
    ("client|getredir", Rule::Shape, "ids"),
    ("client|trackinginfo", Rule::Shape, "ids"),
    ("info", Rule::Shape, "figures of the server"),
    ("time", Rule::Shape, "the clock"),
    ("lastsave", Rule::Shape, "the clock"),
    ("geodist", Rule::Never, POSITIONS),
    ("geohash", Rule::Never, POSITIONS),
    ("geopos", Rule::Never, POSITIONS),
    ("georadius", Rule::Never, POSITIONS),
    ("georadius_ro", Rule::Never, POSITIONS),
    ("georadiusbymember", Rule::Never, POSITIONS),
    ("georadiusbymember_ro", Rule::Never, POSITIONS),
    ("geosearch", Rule::Never, POSITIONS),
    ("geosearchstore", Rule::Never, POSITIONS),
    ("zlexcount", Rule::Never, BY_NAME),
    ("zrangebylex", Rule::Never, BY_NAME),
    ("zrevrangebylex", Rule::Never, BY_NAME),
    ("zremrangebylex", Rule::Never, BY_NAME),
    ("lolwut", Rule::Never, "a picture of our own"),
    ("role", Rule::Shape, "offsets"),
    ("memory", Rule::Shape, "figures of the allocator"),
    ("latency", Rule::Shape, "times that were measured"),
    ("commandlog", Rule::Shape, "times that were measured"),
    ("slowlog", Rule::Shape, "times that were measured"),
    ("config|get", Rule::Shape, "options that only one of them has"),
    ("config|resetstat", Rule::Same, ""),
    ("module|list", Rule::Shape, "Valkey counts its script engine among the modules"),
    ("scan", Rule::Shape, "cursors; the whole keyspace is compared every now and then"),
    ("xadd", Rule::Same, "ids are given"),
    ("xtrim", Rule::Same, "whole nodes go, and they end where Valkey's do"),
    ("xclaim", Rule::Same, "idle times that are asked for are nothing or more than a run lasts"),
    ("xautoclaim", Rule::Same, "likewise"),
    ("xinfo|stream", Rule::Times, "time passes between the servers, and there is no radix tree"),
    ("xinfo|consumers", Rule::Times, "time passes between the servers"),
    ("xpending", Rule::Times, "time passes between the servers"),
    ("command|getkeysandflags", Rule::Never, COUNTS),
    ("command|getkeys", Rule::Never, COUNTS),
    ("hrandfield", Rule::Never, ENDLESS),
    ("object|encoding", Rule::Same, "encodings follow from values"),
    ("pfselftest", Rule::Never, "it takes seconds"),
    ("zrandmember", Rule::Never, ENDLESS),
    ("command|count", Rule::Shape, "commands that are not there yet"),
    ("command|list", Rule::Never, "all commands: tests/it/command_table.rs compares them"),
    ("command|info", Rule::Never, "tests/it/command_table.rs compares it"),
    ("command|docs", Rule::Never, "tests/it/command_table.rs compares it"),
    ("command", Rule::Never, "tests/it/command_table.rs compares it"),
    ("cluster", Rule::Same, "there is no cluster, which is the same error"),
    ("function", Rule::Never, "to come"),
    ("bgsave", Rule::Never, "files"),
    ("save", Rule::Never, "files"),
    ("bgrewriteaof", Rule::Never, "files"),
    ("shutdown", Rule::Never, "it ends the server"),
    ("failover", Rule::Never, "it changes the server's role"),
    ("replicaof", Rule::Never, "it changes the server's role"),
    ("slaveof", Rule::Never, "it changes the server's role"),
    ("wait", Rule::Never, "it waits for replicas that there are not"),
    ("sync", Rule::Never, "it makes the connection a replica's"),
    ("psync", Rule::Never, "it makes the connection a replica's"),
    ("replconf", Rule::Never, "it makes the connection a replica's"),
    ("debug", Rule::Never, "it crashes and stalls servers on purpose"),
    ("config|set", Rule::Never, "it changes what other commands reply"),
    ("config|rewrite", Rule::Never, "files"),
    ("module|load", Rule::Never, "it loads code"),
    ("acl", Rule::Never, "users who may not go on"),
    ("auth", Rule::Shape, "there are no users"),
    ("quit", Rule::Never, "it ends the connection"),
    ("monitor", Rule::Never, "more than one reply"),
    ("subscribe", Rule::Never, "more than one reply"),
    ("psubscribe", Rule::Never, "more than one reply"),
    ("ssubscribe", Rule::Never, "more than one reply"),
    ("unsubscribe", Rule::Never, "more than one reply"),
    ("punsubscribe", Rule::Never, "more than one reply"),
    ("sunsubscribe", Rule::Never, "more than one reply"),
    ("client|reply", Rule::Never, "less than one reply"),
    ("client|kill", Rule::Never, "it ends connections"),
    ("client|pause", Rule::Never, "it stalls the server"),
    ("client|unblock", Rule::Shape, "ids"),
    ("client|tracking", Rule::Never, "messages beside the replies"),
    ("client|list", Rule::Shape, "addresses and ids"),
    ("client|info", Rule::Shape, "addresses and ids"),
];

/// Commands that get no zero bytes: Valkey looks no further than the first, and takes names that break lines in CLIENT LIST.
const WITHOUT_ZEROS: &[&str] = &["client|list", "client|setinfo", "client|setname", "hello"];

/// True if a command's arguments may hold zero bytes.
pub(crate) fn may_have_zeros(name: &str) -> bool {
    !WITHOUT_ZEROS.contains(&name)
}

/// How replies of a command are compared.
pub(crate) fn rule(command: &Command) -> Rule {
    let tips = command.spec.docs.tips;
    listed(&command.name).unwrap_or_else(|| match () {
        () if tips.contains(&"nondeterministic_output") => Rule::Shape,
        () if tips.contains(&"nondeterministic_output_order") => Rule::Unordered,
        () => Rule::Same,
    })
}

/// True if a command of this full name is sent.
pub(crate) fn is_sent(name: &str) -> bool {
    listed(name) != Some(Rule::Never)
}

/// By the full name, else by its container's.
fn listed(name: &str) -> Option<Rule> {
    // What the subcommands do is said in words of our own.
    if name.ends_with("|help") {
        return Some(Rule::Shape);
    }
    let of = |name: &str| RULES.iter().find(|(listed, ..)| *listed == name).map(|(_, rule, _)| *rule);
    of(name).or_else(|| of(name.split_once('|')?.0))
}

/// True if two replies to a command are the same by its rule. `apart_ms`: how far apart the servers executed it, or what it rests on.
pub(crate) fn agree_on(command: &Command, apart_ms: u64, ours: &Value, theirs: &Value) -> bool {
    agree(rule(command), apart_ms, ours, theirs)
}

/// True if two replies are the same by a rule. Errors always are the same texts.
pub(crate) fn agree(rule: Rule, apart_ms: u64, ours: &Value, theirs: &Value) -> bool {
    if matches!((ours, theirs), (Value::Error(_), Value::Error(_))) {
        return ours == theirs;
    }
    match rule {
        Rule::Same | Rule::Never => is_same(ours, theirs),
        Rule::Unordered => is_same(&sorted(ours), &sorted(theirs)),
        Rule::Near(unit_ms) => match (ours, theirs) {
            // -1 and -2 are words, not times.
            (Value::Integer(ours), Value::Integer(theirs)) if *ours >= 0 && *theirs >= 0 => {
                ours.abs_diff(*theirs) <= apart_ms.div_ceil(unit_ms)
            }
            (Value::Array(ours), Value::Array(theirs)) if ours.len() == theirs.len() => {
                ours.iter().zip(theirs).all(|(ours, theirs)| agree(rule, apart_ms, ours, theirs))
            }
            _ => ours == theirs,
        },
        Rule::Times => are_near(apart_ms, ours, theirs),
        Rule::Shape => ours.as_error().is_some() == theirs.as_error().is_some(),
    }
}

/// What the names before times are, and before what only one of the servers has.
const TIMES: &[&[u8]] = &[b"idle", b"inactive", b"seen-time", b"active-time"];
const OF_ONE: &[&[u8]] = &[b"radix-tree-keys", b"radix-tree-nodes"];
/// Numbers from here on are moments in unix milliseconds.
const MOMENT_MIN: i64 = 1_000_000_000_000;

/// As [`Rule::Times`] says.
fn are_near(apart_ms: u64, ours: &Value, theirs: &Value) -> bool {
    let near = |ours: &Value, theirs: &Value| agree(Rule::Near(1), apart_ms, ours, theirs);
    let named = |name: Option<&[u8]>, ours: &Value, theirs: &Value| match name {
        Some(name) if TIMES.contains(&name) => near(ours, theirs),
        Some(name) if OF_ONE.contains(&name) => true,
        _ => are_near(apart_ms, ours, theirs),
    };
    match (ours, theirs) {
        (Value::Integer(our), Value::Integer(their)) if our.min(their) >= &MOMENT_MIN => near(ours, theirs),
        (Value::Map(ours), Value::Map(theirs)) if ours.len() == theirs.len() => {
            ours.iter().zip(theirs).all(|(ours, theirs)| ours.0 == theirs.0 && named(theirs.0.as_bytes(), &ours.1, &theirs.1))
        }
        (Value::Array(ours), Value::Array(theirs)) if ours.len() == theirs.len() => {
            // XPENDING's: ID, consumer, idle time, count.
            let is_pending = matches!(theirs.as_slice(), [Value::Bulk(_), Value::Bulk(_), Value::Integer(_), Value::Integer(_)]);
            ours.iter().zip(theirs).enumerate().all(|(at, (ours, their))| match at {
                2 if is_pending => near(ours, their),
                0 => are_near(apart_ms, ours, their),
                _ => named(theirs[at - 1].as_bytes(), ours, their),
            })
        }
        _ => is_same(ours, theirs),
    }
}

/// Commands that tell the same in seconds and in milliseconds, and whether of fields.
pub(crate) const SAME_TIMES: &[(&str, &str, bool)] =
    &[("TTL", "PTTL", false), ("EXPIRETIME", "PEXPIRETIME", false), ("HTTL", "HPTTL", true), ("HEXPIRETIME", "HPEXPIRETIME", true)];

/// True if seconds are nearest to milliseconds that were told before or after them, or between.
pub(crate) fn is_rounded(before: &Value, seconds: &Value, after: &Value) -> bool {
    match (before, seconds, after) {
        (Value::Integer(before), Value::Integer(seconds), Value::Integer(after)) => {
            // -1 and -2 are words, not times; and at the end of all numbers Valkey's addition overflows.
            let nearest = |ms: i64| if ms < 0 { ms } else { ms / 1000 + i64::from(ms % 1000 >= 500) };
            if *before > i64::MAX - 500 {
                return true;
            }
            let (one, other) = (nearest(*before), nearest(*after));
            (one.min(other)..=one.max(other)).contains(seconds)
        }
        (Value::Array(before), Value::Array(seconds), Value::Array(after)) => {
            before.len() == seconds.len()
                && seconds.len() == after.len()
                && before.iter().zip(seconds).zip(after).all(|((before, seconds), after)| is_rounded(before, seconds, after))
        }
        _ => before == seconds,
    }
}

/// Equality that takes NaN for itself.
fn is_same(ours: &Value, theirs: &Value) -> bool {
    ours == theirs || format!("{ours:?}") == format!("{theirs:?}")
}

/// A reply with the elements of all its arrays in order.
pub(crate) fn sorted(value: &Value) -> Value {
    let sort = |items: &[Value]| {
        let mut items: Vec<Value> = items.iter().map(sorted).collect();
        items.sort_by_cached_key(|item| format!("{item:?}"));
        items
    };
    match value {
        Value::Array(items) => Value::Array(sort(items)),
        Value::Set(items) => Value::Set(sort(items)),
        Value::Push(items) => Value::Push(sort(items)),
        Value::Map(pairs) => {
            let mut pairs = pairs.clone();
            pairs.sort_by_cached_key(|pair| format!("{pair:?}"));
            Value::Map(pairs)
        }
        other => other.clone(),
    }
}

/// How a type's value is read whole, and whether the reply's order means something. `{}` stands for the key.
pub(crate) const READERS: &[(&str, &[&str], bool)] = &[
    ("string", &["GET", "{}"], true),
    ("list", &["LRANGE", "{}", "0", "-1"], true),
    ("set", &["SMEMBERS", "{}"], false),
    ("zset", &["ZRANGE", "{}", "0", "-1", "WITHSCORES"], true),
    ("hash", &["HGETALL", "{}"], false),
    ("stream", &["XRANGE", "{}", "-", "+"], true),
];

/// What is asked of a key after a command that may have changed it, and when the keyspaces are compared, with the rule.
pub(crate) const LOOKS: &[(&[&str], Rule)] =
    &[(&["TYPE", "{}"], Rule::Same), (&["OBJECT", "ENCODING", "{}"], Rule::Same), (&["PEXPIRETIME", "{}"], Rule::Near(1))];

/// What else is asked where a key of a type is read whole.
const LOOKS_AT: &[(&str, (&[&str], Rule))] = &[
    ("stream", (&["XINFO", "GROUPS", "{}"], Rule::Same)),
    ("stream", (&["XINFO", "STREAM", "{}", "FULL", "COUNT", "0"], Rule::Times)),
    ("stream", (&["XPENDING", "{}", "g1", "-", "+", "100"], Rule::Times)),
    ("stream", (&["XINFO", "CONSUMERS", "{}", "g1"], Rule::Times)),
];

/// See [`LOOKS_AT`].
pub(crate) fn looks_at(key_type: &str) -> impl Iterator<Item = &'static (&'static [&'static str], Rule)> {
    LOOKS_AT.iter().filter(move |(of, _)| *of == key_type).map(|(_, look)| look)
}
