//! Clients that write to a primary while something happens to its replicas.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::support::{Connection, Server, wait_until};

/// Between two rounds of a client that writes.
const PAUSE: std::time::Duration = std::time::Duration::from_millis(1);
/// Records of the log in one round of a client that writes.
pub(super) const RECORDS_PER_ROUND: u64 = 6;

/// One round: the requests of client `number`, which change some keys of each kind.
fn round(number: usize, count: u64) -> [Vec<Vec<u8>>; 9] {
    let key = |name: &str| format!("{name}:{number}:{}", count % 100).into_bytes();
    let words = |text: &str| text.split(' ').map(|word| word.as_bytes().to_vec()).collect::<Vec<_>>();
    [
        vec![b"SET".to_vec(), key("string"), count.to_string().into_bytes()],
        vec![b"INCR".to_vec(), key("number")],
        vec![b"RPUSH".to_vec(), key("list"), b"a".to_vec(), b"b".to_vec()],
        vec![b"LPOP".to_vec(), key("list")],
        vec![b"HSET".to_vec(), key("hash"), count.to_string().into_bytes(), b"1".to_vec()],
        words("MULTI"),
        vec![b"SADD".to_vec(), key("set"), count.to_string().into_bytes()],
        vec![b"ZADD".to_vec(), key("zset"), b"1".to_vec(), count.to_string().into_bytes()],
        words("EXEC"),
    ]
}

/// Sets and changes keys until it is told to end, so many rounds at a time, and then with a pause: a replica that is slower has to catch up in the
/// end. Counts the rounds that were acknowledged.
fn load(mut client: Connection, number: usize, at_once: u64, must_end: &AtomicBool, total: &AtomicU64) {
    let mut count = 0;
    while !must_end.load(Ordering::Acquire) {
        let requests: Vec<_> = (count..count + at_once).flat_map(|count| round(number, count)).collect();
        let len = requests.len();
        client.send_all(requests.into_iter());
        for _ in 0..len {
            let reply = client.receive();
            assert!(reply.as_error().is_none(), "{reply:?}");
        }
        count += at_once;
        total.fetch_add(at_once, Ordering::AcqRel);
        std::thread::sleep(PAUSE);
    }
}

/// Calls `meanwhile` while clients write to `primary`.
pub(super) fn under_load(primary: &Server, meanwhile: impl FnOnce(&dyn Fn())) {
    under_load_of(primary, 1, meanwhile);
}

/// Calls `meanwhile` while clients write so many rounds at a time to `primary`. Returns how many rounds were acknowledged.
pub(super) fn under_load_of(primary: &Server, at_once: u64, meanwhile: impl FnOnce(&dyn Fn())) -> u64 {
    let (must_end, total) = (AtomicBool::new(false), AtomicU64::new(0));
    let some_more = || {
        let enough = total.load(Ordering::Acquire) + 200;
        wait_until("more was written", || total.load(Ordering::Acquire) > enough);
    };
    std::thread::scope(|scope| {
        for number in 0..3 {
            let (client, must_end, total) = (primary.connect(), &must_end, &total);
            scope.spawn(move || load(client, number, at_once, must_end, total));
        }
        // Also when an assertion fails here: the scope waits for them.
        let _end = End(&must_end);
        some_more();
        meanwhile(&some_more);
        some_more();
    });
    total.load(Ordering::Acquire)
}

/// Ends those who write when it is dropped.
pub(super) struct End<'e>(pub(super) &'e AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}
