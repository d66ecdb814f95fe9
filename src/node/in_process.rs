//! Nodes without sockets on files in memory, started with their append only files as a node is: for the tests of power cuts and for the fuzz
//! target `aof_folder`.

use std::sync::Arc;

use super::aof;
use crate::commands::server::apply;
use crate::engine::shared::Shared;
use crate::persist::files::faulty::FaultyFiles;
use crate::server::in_process::{Peer, plain_node};

/// A node without data, which flushes its append only file when it is told to.
pub fn node(files: &FaultyFiles, options: &[&str]) -> Arc<Shared> {
    let mut shared =
        plain_node(&[&["--enable-debug-command", "yes", "--keyspace-stripes", "16", "--loglevel", "nothing"], options].concat());
    Arc::get_mut(&mut shared).expect("nobody else has it").saving.files = Arc::new(files.clone());
    apply::adopt(&shared, &shared.config.load());
    // Who has the node says when it is flushed.
    assert!(shared.rewriting.claim_flusher());
    shared
}

/// Loads the append only file, and has every change written from then on.
///
/// # Errors
/// Those that end a node at its start.
pub fn start(shared: &Arc<Shared>) -> anyhow::Result<()> {
    let (parts, _) = aof::find(shared, &shared.config.load())?;
    aof::start(shared, parts)
}

/// The digest of all data. `None` while somebody else holds a stripe: a rewrite that runs does so now and then.
pub fn digest(shared: &Arc<Shared>) -> Option<String> {
    let mut peer = Peer::new(shared);
    // In a transaction, so that it runs on this thread however much there is.
    peer.call(&[b"MULTI"]);
    peer.call(&[b"DEBUG", b"DIGEST"]);
    let reply = peer.call(&[b"EXEC"]);
    reply.map(|reply| String::from_utf8(reply).expect("a digest is a text"))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::base::requests::{push_header, push_word};
    use crate::persist::aof::header::PartHeader;
    use crate::persist::files::Files as _;

    fn request(words: &[&[u8]]) -> Vec<u8> {
        let mut bytes = Vec::new();
        push_header(&mut bytes, words.len());
        words.iter().for_each(|word| push_word(&mut bytes, word));
        bytes
    }

    /// Counts up once on what is there, and ends.
    fn count_up(files: &FaultyFiles) -> Result<Vec<u8>, String> {
        let node = node(files, &["--appendonly", "yes"]);
        start(&node).map_err(|error| format!("{error:#}"))?;
        let reply = Peer::new(&node).call(&[b"INCR", b"number"]).unwrap_or_default();
        node.aof.write_and_flush();
        Ok(reply)
    }

    /// A folder with one file beside its manifest.
    fn folder(manifest: &str, name: &str, content: &[u8]) -> FaultyFiles {
        let (files, dir) = (FaultyFiles::default(), Path::new("appendonlydir"));
        files.create_dir(dir).expect("no fault is planned");
        files.put(dir.join("appendonly.aof.manifest"), manifest.as_bytes());
        files.put(dir.join(name), content);
        files
    }

    #[test]
    fn what_is_odd_in_a_folder_costs_nothing_that_is_in_it() {
        let plain = request(&[b"SET", b"number", b"7"]);
        let header = |offset| PartHeader { history: "0123456789".repeat(4), epoch: 0, offset, database: 0, is_copy: false }.record();
        for (manifest, name, content) in [
            // The number beside a name is another one than in it.
            ("file appendonly.aof.2.incr.aof seq 1 type i\n", "appendonly.aof.2.incr.aof", plain.clone()),
            ("file a seq 1 type h\nfile a seq 2 type i\n", "a", [header(0), plain.clone()].concat()),
            ("file a seq 2 type i\nfile a seq 1 type h\n", "a", plain.clone()),
            ("file a seq 1 type i\n", "a", [header(u64::MAX), plain].concat()),
        ] {
            let files = folder(manifest, name, &content);
            for expected in [":8\r\n", ":9\r\n", ":10\r\n"] {
                assert_eq!(count_up(&files).as_deref(), Ok(expected.as_bytes()), "{manifest}");
            }
        }
    }

    #[test]
    fn a_folder_that_would_lose_something_is_refused_and_stays_as_it_is() {
        let content = request(&[b"INCR", b"number"]);
        for (manifest, name, expected) in [
            ("file a seq 1 type i\nfile a seq 2 type i\n", "a", "listed twice (line 2)"),
            ("file temp-appendonly.aof.manifest seq 1 type i\n", "temp-appendonly.aof.manifest", "can't be a part"),
            ("file a seq 9223372036854775807 type i\n", "a", "Invalid AOF manifest file format (line 1)"),
        ] {
            let files = folder(manifest, name, &content);
            let error = count_up(&files).expect_err(manifest);
            assert!(error.contains("appendonlydir/appendonly.aof.manifest") && error.contains(expected), "{error}");
            let now = files.content(Path::new("appendonlydir").join(name));
            assert_eq!(now.as_ref(), Some(&content), "{manifest}");
        }
    }
}
