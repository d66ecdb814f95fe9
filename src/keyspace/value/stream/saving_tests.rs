//! Streams that are saved in parts while they are changed: what the snapshot has is what a copy has that was made when it began.

use std::ops::ControlFlow;
use std::sync::Arc;

use proptest::prelude::*;
use proptest::sample::Index;

use super::group::{Group, Pending};
use super::{NodeLimits, Stream, StreamId, Threshold, Trim};
use crate::keyspace::value::Value;
use crate::keyspace::value::chunk::{Chunk, Taker, Turn};
use crate::keyspace::value::pieces;
use crate::keyspace::value::saving_tests::{Kept, Step, steps, walk};

#[derive(Debug, Clone)]
pub(in crate::keyspace) enum Change {
    Append(u8),
    Delete(Index),
    Trim(Index),
    SetId,
    Create(u8),
    Destroy(u8),
    Deliver(u8, u8, usize),
    Acknowledge(u8, Index),
    DeliverAgain(u8, Index),
    Claim(u8, u8, Index),
    DeleteConsumer(u8, u8),
}

fn change() -> impl Strategy<Value = Change> {
    let (group, consumer, index) = (|| 0..4u8, || 0..3u8, any::<Index>);
    prop_oneof![
        30 => any::<u8>().prop_map(Change::Append),
        30 => index().prop_map(Change::Delete),
        1 => index().prop_map(Change::Trim),
        2 => Just(Change::SetId),
        3 => group().prop_map(Change::Create),
        1 => group().prop_map(Change::Destroy),
        20 => (group(), consumer(), 1..20usize).prop_map(|(group, consumer, count)| Change::Deliver(group, consumer, count)),
        20 => (group(), index()).prop_map(|(group, at)| Change::Acknowledge(group, at)),
        10 => (group(), index()).prop_map(|(group, at)| Change::DeliverAgain(group, at)),
        10 => (group(), consumer(), index()).prop_map(|(group, consumer, at)| Change::Claim(group, consumer, at)),
        1 => (group(), consumer()).prop_map(|(group, consumer)| Change::DeleteConsumer(group, consumer)),
    ]
}

/// Short nodes, so that there are many.
const LIMITS: NodeLimits = NodeLimits { bytes: 4096, entries: 4 };
const AT_START: usize = 400;

pub(in crate::keyspace) fn append(stream: &mut Stream, text: u8) {
    let id = stream.figures().last_id.next().expect("there are greater ones");
    stream.append(id, &[b"field", &[text]], LIMITS);
}

/// The ID of an entry, or one that was an entry's.
fn id(stream: &Stream, at: &Index) -> StreamId {
    StreamId::new(0, at.index(stream.figures().last_id.seq as usize + 1) as u64)
}

pub(in crate::keyspace) fn apply(stream: &mut Stream, change: Change) {
    match change {
        Change::Append(text) => append(stream, text),
        Change::Delete(at) => _ = stream.delete(&[id(stream, &at)]),
        Change::Trim(at) => {
            let threshold = Threshold::Len(at.index(stream.figures().len as usize + 1) as u64);
            stream.trim_to(Trim { threshold, is_approximate: false, limit: 0 }, drop);
        }
        Change::SetId => {
            let last = stream.figures().last_id;
            stream.set_figures(last.next().expect("there are greater ones"), Some(7), None);
        }
        Change::Create(group) => _ = stream.add_group(Group::new(&[group], StreamId::MIN, None)),
        Change::Destroy(group) => _ = stream.remove_group(&[group]),
        Change::Deliver(group, consumer, count) => {
            let Some((entries, figures, group)) = stream.split(&[group]) else { return };
            let (consumer, _) = group.add_consumer(&[consumer], 5);
            let mut left = count;
            let first = group.last_id.next().expect("there are greater ones");
            entries.walk(first, StreamId::MAX, |entry| {
                group.advance(entry.id, figures);
                group.deliver(entry.id, consumer, 7);
                left -= 1;
                if left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            });
        }
        Change::Acknowledge(group, at) => {
            let id = id(stream, &at);
            stream.group_mut(&[group]).map(|group| group.acknowledge(id));
        }
        Change::DeliverAgain(group, at) => {
            let id = id(stream, &at);
            stream.group_mut(&[group]).into_iter().for_each(|group| group.deliver_again(id, 8));
        }
        Change::Claim(group, consumer, at) => {
            let id = id(stream, &at);
            let Some(group) = stream.group_mut(&[group]) else { return };
            let (consumer, _) = group.add_consumer(&[consumer], 5);
            group.assign(id, Pending { delivered_ms: 9, deliveries: 2, consumer });
        }
        Change::DeleteConsumer(group, consumer) => {
            stream.group_mut(&[group]).map(|group| group.remove_consumer(&[consumer]));
        }
    }
}

/// The parts in the order in which a sink gets them.
fn delivered(chunks: Vec<Chunk>) -> Vec<Chunk> {
    let mut early: Vec<(StreamId, Chunk)> = Vec::new();
    let mut all = Vec::new();
    for chunk in chunks {
        match chunk {
            Chunk::Entries(Turn::Early, id, node) => early.push((id, Chunk::Entries(Turn::Early, id, node))),
            Chunk::Entries(Turn::Own, id, node) => {
                early.sort_by_key(|(id, _)| *id);
                let later = early.partition_point(|(other, _)| *other < id);
                all.extend(early.drain(..later).map(|(_, chunk)| chunk));
                all.push(Chunk::Entries(Turn::Own, id, node));
            }
            other => all.push(other),
        }
    }
    early.sort_by_key(|(id, _)| *id);
    all.extend(early.into_iter().map(|(_, chunk)| chunk));
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]
    #[test]
    fn a_stream_is_saved_as_it_was(steps in steps(change()), before in prop::collection::vec(change(), 0..100)) {
        let mut stream = Stream::default();
        (0..AT_START).for_each(|text| append(&mut stream, text as u8));
        for group in 0..3 {
            stream.add_group(Group::new(&[group], StreamId::MIN, Some(0)));
            (0..3).for_each(|consumer| apply(&mut stream, Change::Deliver(group, consumer, 120)));
        }
        before.into_iter().for_each(|change| apply(&mut stream, change));
        let kept = Arc::new(Kept::default());
        let mut expected = None;
        let mut value = Value::Stream(Box::new(stream));
        for step in steps {
            let Value::Stream(stream) = &mut value else { unreachable!("it is one") };
            match step {
                Step::Change(change) => apply(stream, change),
                Step::Begin if expected.is_none() => {
                    expected = Some(Value::Stream(stream.clone()));
                    value.chunked_mut().expect("it has parts").begin_saving(Arc::clone(&kept) as Arc<dyn Taker>, 7);
                }
                Step::Begin => {}
                Step::Walk(parts) => walk(Some(&mut value), parts, &kept),
            }
        }
        let Some(expected) = expected else { return Ok(()) };
        walk(Some(&mut value), usize::MAX, &kept);
        let Value::Stream(stream) = &value else { unreachable!("it is one") };
        prop_assert!(value.saving_tag().is_none() && stream.groups().all(|group| !group.is_being_saved()), "nothing remembers it");
        drop(value);
        prop_assert!(!kept.has_lost());
        let chunks = delivered(kept.take_all());
        prop_assert!(matches!(chunks.first(), Some(Chunk::Heads(_))), "the heads come first");
        let (mut found, mut there) = (Vec::new(), Vec::new());
        chunks.into_iter().for_each(|chunk| pieces::of_chunk(chunk, |piece| pieces::own(piece, &mut found)));
        pieces::of_value(&expected, |piece| pieces::own(piece, &mut there));
        // Entries come in order, what is pending in any.
        let order = |piece: &pieces::Owned| if piece.0.starts_with(b"pending") { Some(piece.clone()) } else { None };
        found.sort_by_key(order);
        there.sort_by_key(order);
        prop_assert!(found == there, "{} pieces, not {}", found.len(), there.len());
    }
}
