//! Files of snapshots: no panic, no memory for lengths that are only announced, and an error that says where.
//!
//! The input is a file without its header; its first byte chooses the version. The checksum is not looked at, lest it keep everything out.

#![no_main]

use std::path::Path;

use larder::config::Config;
use larder::keyspace::Keyspace;
use larder::keyspace::clock24::AccessClock;
use larder::persist::files::Files;
use larder::persist::files::faulty::FaultyFiles;
use larder::persist::rdb::file_source::FileSource;
use larder::persist::rdb::into_keyspace::{IntoKeyspace, Progress, Queue, Settings};
use larder::persist::rdb::load::Limits;
use larder::persist::rdb::load_file::{self, Checks};
use libfuzzer_sys::fuzz_target;

const MAGICS: [&[u8]; 4] = [b"REDIS0006", b"REDIS0011", b"REDIS0012", b"VALKEY080"];
const NOW_MS: i64 = 1_700_000_000_000;

fuzz_target!(|data: &[u8]| {
    let Some((&control, content)) = data.split_first() else { return };
    let file = [MAGICS[usize::from(control & 3)], content].concat();
    let keyspace = Keyspace::new(16, 2, control & 4 != 0, 1);
    let settings = Settings {
        limits: Limits::of(&Config::default()),
        clock: AccessClock::at(NOW_MS, false, 10, 1),
        now_ms: NOW_MS,
        replaces: control & 8 != 0,
        keeps_ended: false,
        hides_names: false,
        key_delay_us: 0,
    };
    let (progress, queue) = (Progress::default(), Queue::default());
    let files = FaultyFiles::default();
    files.put("dump.rdb", &file);
    let Ok(opened) = files.open(Path::new("dump.rdb")) else { unreachable!("it was put there") };
    let mut on_read = |_| ();
    let mut source = FileSource::new(&opened, true, &mut on_read);
    let mut receiver = IntoKeyspace::new(&keyspace, settings, &progress, None, &queue);
    let result = load_file::read(&mut source, &mut receiver, Checks { version: true, checksum: false, databases: 2 });
    receiver.finish();
    receiver.helper().run(&queue);
    for error in result.err().into_iter().chain(receiver.conclude()) {
        assert!(error.offset <= file.len() as u64 && !error.to_string().is_empty());
    }
});
