//! Up to which size collections are compact: the options that say so, at the ends of what they may be.

use larder::base::rng::Rng;

const NONE: &str = "0";
const ONE: &str = "1";
const MOST: &str = "9223372036854775807";

/// Options, and what they may be, the default first.
const LIMITS: &[(&str, &[&str])] = &[
    ("hash-max-listpack-entries", &["512", NONE, ONE, MOST]),
    ("hash-max-listpack-value", &["64", NONE, ONE, MOST]),
    ("list-max-listpack-size", &["-2", NONE, ONE, "2147483647", "-1", "-5", "-2147483648"]),
    ("set-max-intset-entries", &["512", NONE, ONE, MOST]),
    ("set-max-listpack-entries", &["128", NONE, ONE, MOST]),
    ("set-max-listpack-value", &["64", NONE, ONE, MOST]),
    ("zset-max-listpack-entries", &["128", NONE, ONE, MOST]),
    ("zset-max-listpack-value", &["64", NONE, ONE, MOST]),
    ("stream-node-max-bytes", &["4096", NONE, ONE, MOST]),
    ("stream-node-max-entries", &["100", NONE, ONE, MOST]),
    ("hll-sparse-max-bytes", &["3000", NONE, ONE, MOST]),
];

/// A CONFIG SET of all of them, each by chance.
pub(crate) fn choose(rng: &mut Rng) -> Vec<String> {
    let mut words = vec!["CONFIG".to_owned(), "SET".to_owned()];
    for (name, values) in LIMITS {
        let value = values[rng.below(values.len() as u64) as usize];
        words.extend([(*name).to_owned(), value.to_owned()]);
    }
    words
}
