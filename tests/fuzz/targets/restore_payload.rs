//! Payloads of RESTORE: no panic, no memory for lengths that are only announced, and a value that was read is written and read again as it
//! was.
//!
//! The input is the payload without its footer, so that a checksum does not keep everything out; its first byte chooses the version and the
//! limits.

#![no_main]

use larder::keyspace::hash::KeyHasher;
use larder::keyspace::liveness::Liveness;
use larder::keyspace::value::hash::{FieldAccess, SmallLimits};
use larder::keyspace::value::list::NodeLimit;
use larder::keyspace::value::set::SetLimits;
use larder::keyspace::value::zset;
use larder::persist::dump::{self, Checks};
use larder::persist::rdb::load::{Access, Limits};
use larder::persist::rdb::style::Style;
use larder::persist::rdb::version;
use libfuzzer_sys::fuzz_target;

const CHECKS: Checks = Checks { version: true, checksum: true };
const VERSIONS: [u16; 4] = [6, 11, 12, 80];

fn limits(small: bool) -> Limits {
    let (entries, value_len) = if small { (3, 5) } else { (128, 64) };
    let limits = SmallLimits { entries, value_len };
    Limits {
        list: NodeLimit(if small { 3 } else { -2 }),
        set: SetLimits { integers: entries, small: limits },
        hash: limits,
        zset: zset::Limits { members: entries as usize, member_len: value_len as usize },
    }
}

fuzz_target!(|data: &[u8]| {
    let Some((&control, content)) = data.split_first() else { return };
    let hasher = KeyHasher::new(1);
    let fields = FieldAccess { hasher: &hasher, liveness: Liveness::EVERYTHING };
    let access = Access { fields, limits: limits(control & 4 != 0) };
    let payload = dump::seal(content.to_vec(), VERSIONS[usize::from(control & 3)]);
    let Ok(object) = dump::read(&payload, &access, CHECKS) else { return };
    let style = Style {
        compresses: control & 8 != 0,
        list: access.limits.list,
        forms_max: version::SET_LISTPACKS,
        content_max: version::MAX,
    };
    // A table that is small enough is written as one, and read as a value in one piece, which it then stays.
    let mut written = dump::of_entry(object.into_entry(b"key", None, 0).borrow(), style);
    let mut lengths = Vec::new();
    for _ in 0..3 {
        lengths.push(written.len());
        let again = dump::read(&written, &access, CHECKS).expect("what was written is read");
        written = dump::of_entry(again.into_entry(b"key", None, 0).borrow(), style);
    }
    assert_eq!(written.len(), lengths[2]);
});
