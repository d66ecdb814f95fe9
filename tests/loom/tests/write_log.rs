//! Those who append to the write log, and those who read it.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Poll, Waker};

use larder_loom::base::sync::block_on;
use larder_loom::persist::write_log::{Addition, Body, LogReader, WriteLog};
use loom::thread;

/// Bytes of SELECT, which comes once.
const SELECT_LEN: u64 = 23;

fn log() -> (Arc<WriteLog>, LogReader) {
    let log = Arc::new(WriteLog::default());
    assert_eq!(log.end(), 0);
    let (reader, _) = log.read_from_end(true);
    (log, reader)
}

/// What a command does when it commits: it wakes nobody before it has released its stripes.
fn append(log: &WriteLog, bytes: &[u8]) -> u64 {
    let mut woken: Vec<Waker> = Vec::new();
    let addition = Addition { body: Body::Short(bytes), databases: (0, 0), is_transaction: false };
    let end = log.append(addition, |waker| woken.push(waker));
    assert!(log.end() >= end, "whoever sees an offset finds it in the log");
    woken.into_iter().for_each(Waker::wake);
    end
}

fn read(log: &WriteLog, reader: &LogReader) -> (Vec<u8>, u64) {
    let mut pieces = Vec::new();
    let end = log.read(reader, &mut pieces);
    (pieces.concat(), end)
}

/// Records are whole, each stands where its writer was told, and what is read is contiguous.
#[test]
fn what_is_read_is_whole_and_contiguous() {
    loom::model(|| {
        let (log, reader) = log();
        let writers = [&b"aa"[..], b"bb"].map(|bytes| {
            let log = Arc::clone(&log);
            thread::spawn(move || (append(&log, bytes), bytes))
        });
        let (mut all, end) = read(&log, &reader);
        assert_eq!(end, all.len() as u64);
        log.release(&reader, end);
        let told = writers.map(|writer| writer.join().expect("it does not panic"));
        let (rest, end) = read(&log, &reader);
        all.extend(rest);
        assert_eq!((all.len() as u64, end), (SELECT_LEN + 4, SELECT_LEN + 4));
        for (end, bytes) in told {
            assert_eq!(&all[end as usize - 2..end as usize], bytes);
        }
    });
}

/// What a reader does that waits for more.
#[test]
fn nobody_sleeps_through_a_record() {
    loom::model(|| {
        let (log, reader) = log();
        let writer = {
            let log = Arc::clone(&log);
            thread::spawn(move || [b"aa", b"bb"].map(|bytes| append(&log, bytes)))
        };
        let mut read_len = 0;
        while read_len < SELECT_LEN + 4 {
            block_on(poll_fn(|context| {
                if log.wake_at_more(&reader, context.waker().clone()) { Poll::Pending } else { Poll::Ready(()) }
            }));
            let (bytes, end) = read(&log, &reader);
            assert!(!bytes.is_empty(), "it is woken when there is something");
            read_len += bytes.len() as u64;
            assert_eq!(read_len, end);
            log.release(&reader, end);
        }
        writer.join().expect("it does not panic");
    });
}
