//! The messages that others put into a client's output.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

use bytes::Bytes;
use larder_loom::base::sync::block_on;
use larder_loom::clients::outbox::{Message, Outbox};
use loom::thread;

fn message(bytes: &'static [u8]) -> Message {
    Message { bytes: Bytes::from_static(bytes), offset: 0 }
}

/// An outbox that is made in this thread, so that all may use it.
fn outbox() -> Arc<Outbox> {
    let outbox = Arc::new(Outbox::default());
    outbox.set_limit(0);
    assert!(outbox.is_empty() && outbox.waker().is_none() && !outbox.is_over_limit());
    outbox
}

/// What the connection's task does until it has this many messages: it registers, looks, and sleeps.
fn receive(outbox: &Outbox, count: usize) -> Vec<Bytes> {
    let mut taken = Vec::new();
    block_on(poll_fn(|context| {
        outbox.register(context.waker());
        if !outbox.is_empty() {
            taken.extend(outbox.take().into_iter().map(|message| message.bytes));
        }
        if taken.len() < count { Poll::Pending } else { Poll::Ready(()) }
    }));
    taken
}

#[test]
fn a_message_is_seen_though_its_receiver_goes_to_sleep_just_then() {
    loom::model(|| {
        let outbox = outbox();
        let sender = {
            let outbox = Arc::clone(&outbox);
            thread::spawn(move || {
                outbox.enqueue(message(b"one"));
                outbox.enqueue(message(b"three"));
                outbox.wake();
            })
        };
        assert_eq!(receive(&outbox, 2), [Bytes::from_static(b"one"), Bytes::from_static(b"three")]);
        sender.join().expect("it does not panic");
        assert_eq!(outbox.len_bytes(), 0);
    });
}

/// As `Client::enqueue` does it: whoever enqueues asks for the waker while it holds a stripe, and wakes later.
#[test]
fn messages_of_two_senders_are_seen() {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(3);
    model.check(|| {
        let outbox = outbox();
        let senders = [&b"one"[..], b"three"].map(|bytes| {
            let outbox = Arc::clone(&outbox);
            thread::spawn(move || {
                outbox.enqueue(message(bytes));
                outbox.waker().into_iter().for_each(|waker| waker.wake());
            })
        });
        assert_eq!(receive(&outbox, 2).len(), 2);
        senders.into_iter().for_each(|sender| sender.join().expect("it does not panic"));
        assert!(outbox.is_empty());
    });
}

#[test]
fn the_count_of_bytes_is_that_of_the_messages() {
    loom::model(|| {
        const SENT: u64 = 1 + 2 + 3;
        let outbox = outbox();
        outbox.set_limit(SENT);
        let senders = [vec![&b"1"[..], b"22"], vec![b"333"]].map(|messages| {
            let outbox = Arc::clone(&outbox);
            thread::spawn(move || {
                for bytes in messages {
                    outbox.enqueue(message(bytes));
                    assert!(!outbox.is_over_limit(), "{} bytes wait", outbox.len_bytes());
                }
            })
        });
        let taken: usize = outbox.take().iter().map(|message| message.bytes.len()).sum();
        assert!(outbox.len_bytes() + taken <= SENT as usize);
        senders.into_iter().for_each(|sender| sender.join().expect("it does not panic"));
        assert_eq!(outbox.len_bytes() + taken, SENT as usize, "those who are done are counted");
        let left: usize = outbox.take().iter().map(|message| message.bytes.len()).sum();
        assert_eq!((left + taken, outbox.len_bytes(), outbox.is_empty()), (SENT as usize, 0, true));
    });
}
