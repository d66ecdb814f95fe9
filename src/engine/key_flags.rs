//! The keys of a request with what the command does with each: for COMMAND GETKEYS and for access rules.
//!
//! Most commands say it in their key specs. A few do different things depending on their arguments, or have keys that the specs
//! cannot express; those are read here by hand, as leniently as Valkey reads them.

use smallvec::SmallVec;

use super::context::is_word;
use super::keys;
use super::spec::key_flag::{ACCESS, DELETE, INCOMPLETE, NOT_KEY, OW, RO, RW, UPDATE, VARIABLE_FLAGS};
use super::table::Row;

/// Positions among the arguments, each with bits of [`super::spec::key_flag`].
pub type KeysAndFlags = SmallVec<[(usize, u32); 8]>;

/// The keys of a request; `None` if its arguments do not fit the command.
pub fn find(row: &Row, args: &[&[u8]]) -> Option<KeysAndFlags> {
    let spec = row.spec;
    if spec.keys.iter().any(|keys| keys.flags & (INCOMPLETE | VARIABLE_FLAGS) != 0)
        && let Some(keys) = by_hand(&row.full_name, args)
    {
        return Some(keys);
    }
    let mut found = KeysAndFlags::new();
    for keys in spec.keys.iter().filter(|keys| keys.flags & NOT_KEY == 0) {
        found.extend(keys::positions(keys, args)?.into_iter().map(|at| (at, keys.flags)));
    }
    Some(found)
}

fn by_hand(name: &str, args: &[&[u8]]) -> Option<KeysAndFlags> {
    match name {
        "set" => Some(set(args)),
        "bitfield" => Some(bitfield(args)),
        "sort" => Some(with_destination(last_store_of_sort(args))),
        "sort_ro" => Some(with_destination(None)),
        "georadius" | "georadiusbymember" => Some(with_destination(last_store_of_georadius(args))),
        "migrate" => Some(migrate(args)),
        _ => None,
    }
}

/// SET reads the key only with GET.
fn set(args: &[&[u8]]) -> KeysAndFlags {
    let reads = args.iter().skip(3).any(|arg| is_word(arg, "GET"));
    smallvec::smallvec![(1, if reads { RW | ACCESS | UPDATE } else { OW | UPDATE })]
}

/// BITFIELD writes unless all its operations are GET.
fn bitfield(args: &[&[u8]]) -> KeysAndFlags {
    let mut at = 2;
    let mut writes = false;
    while at < args.len() && !writes {
        let left = args.len() - at - 1;
        match args[at] {
            word if is_word(word, "GET") && left >= 2 => at += 3,
            word if is_word(word, "OVERFLOW") && left >= 1 => at += 2,
            // SET, INCRBY, or an error, for which the stricter reading is the safe one.
            _ => writes = true,
        }
    }
    smallvec::smallvec![(1, if writes { RW | UPDATE | ACCESS } else { RO | ACCESS })]
}

fn with_destination(destination: Option<usize>) -> KeysAndFlags {
    let mut keys: KeysAndFlags = smallvec::smallvec![(1, RO | ACCESS)];
    keys.extend(destination.map(|at| (at, OW | UPDATE)));
    keys
}

/// The destination behind the last STORE of SORT.
fn last_store_of_sort(args: &[&[u8]]) -> Option<usize> {
    let mut found = None;
    let mut at = 2;
    while at < args.len() {
        match args[at] {
            word if is_word(word, "LIMIT") => at += 2,
            word if is_word(word, "GET") || is_word(word, "BY") => at += 1,
            word if is_word(word, "STORE") && at + 1 < args.len() => found = Some(at + 1),
            _ => {}
        }
        at += 1;
    }
    found
}

/// The destination behind the last STORE or STOREDIST of GEORADIUS.
fn last_store_of_georadius(args: &[&[u8]]) -> Option<usize> {
    let mut found = None;
    let mut at = 5;
    while at + 1 < args.len() {
        if is_word(args[at], "STORE") || is_word(args[at], "STOREDIST") {
            found = Some(at + 1);
            at += 1;
        }
        at += 1;
    }
    found
}

/// MIGRATE's one key, or those behind KEYS.
fn migrate(args: &[&[u8]]) -> KeysAndFlags {
    let mut range = 3..4.min(args.len());
    let mut at = 6;
    while at < args.len() {
        match args[at] {
            word if is_word(word, "KEYS") => {
                range = if args[3].is_empty() { at + 1..args.len() } else { 0..0 };
                break;
            }
            word if is_word(word, "AUTH") => at += 1,
            word if is_word(word, "AUTH2") => at += 2,
            _ => {}
        }
        at += 1;
    }
    range.map(|at| (at, RW | ACCESS | DELETE)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_read_by_hand() {
        let cases: &[(&str, &str, &[(usize, u32)])] = &[
            ("set", "set k v", &[(1, OW | UPDATE)]),
            ("set", "set k v xx get", &[(1, RW | ACCESS | UPDATE)]),
            ("set", "set k get", &[(1, OW | UPDATE)]),
            ("bitfield", "bitfield k get u8 0 overflow sat get u8 1", &[(1, RO | ACCESS)]),
            ("bitfield", "bitfield k get u8 0 set u8 0 1", &[(1, RW | UPDATE | ACCESS)]),
            ("sort", "sort k limit store store by store", &[(1, RO | ACCESS)]),
            ("sort", "sort k store a store b", &[(1, RO | ACCESS), (5, OW | UPDATE)]),
            ("sort_ro", "sort_ro k get store", &[(1, RO | ACCESS)]),
            ("georadius", "georadius k 0 0 1 m store a storedist b", &[(1, RO | ACCESS), (9, OW | UPDATE)]),
            ("migrate", "migrate h p k 0 1 copy", &[(3, RW | ACCESS | DELETE)]),
        ];
        for (name, request, expected) in cases {
            let args: Vec<&[u8]> = request.split(' ').map(str::as_bytes).collect();
            assert_eq!(by_hand(name, &args).expect("is read by hand").as_slice(), *expected, "{request}");
        }
        let args: Vec<&[u8]> = vec![b"migrate", b"h", b"p", b"", b"0", b"1", b"auth", b"keys", b"keys", b"a", b"b"];
        assert_eq!(migrate(&args).iter().map(|(at, _)| *at).collect::<Vec<_>>(), [9, 10]);
    }
}
