//! What keys hold, as far as replies told: so that arguments meet it. Equal members and scores, the first and the last position and the one
//! beyond, the ID of an entry: there comparisons go wrong by one, and chance alone hardly ever gets there.

use larder::engine::spec::ArgKind;
use larder_proto::resp::Value;

use super::values::{Choices, Meaning};

/// Elements remembered of a key; the first and the last are always among them.
const REMEMBERED_MAX: usize = 12;
/// Longest element that is remembered.
const ELEMENT_LEN_MAX: usize = 100;
/// From this moment on no relative expiry reaches: what goes later was told so as a point in time, which is the same on every server.
const ABSOLUTE_MS_MIN: i64 = 4_102_444_800_000;

/// What a key holds.
#[derive(Debug, Default)]
pub(crate) struct Content {
    /// Elements, or bytes of a string.
    len: u64,
    /// Elements, members, fields, IDs of entries; a string as a whole.
    elements: Vec<Vec<u8>>,
    /// What belongs to the elements: scores, values.
    seconds: Vec<Vec<u8>>,
    is_stream: bool,
    /// When it goes, in unix milliseconds.
    expiry_ms: Option<i64>,
}

impl Content {
    /// From the reply to its type's reader (`compare::READERS`) in RESP2.
    pub(crate) fn of(key_type: &str, reply: &Value) -> Content {
        let mut content = Content { is_stream: key_type == "stream", ..Content::default() };
        if let Some(bytes) = reply.as_bytes() {
            content.len = bytes.len() as u64;
            content.remember(bytes, None);
            return content;
        }
        let items = reply.as_items().unwrap_or_default();
        let width = if matches!(key_type, "zset" | "hash") { 2 } else { 1 };
        let count = items.len() / width;
        content.len = count as u64;
        let step = count.div_ceil(REMEMBERED_MAX - 1).max(1);
        for at in (0..count).filter(|at| at % step == 0 || at + 1 == count) {
            let item = &items[at * width];
            // A stream's entry is its ID and its fields.
            let entry = item.as_items().unwrap_or_default();
            let element = item.as_bytes().or_else(|| entry.first()?.as_bytes());
            let second = if width == 2 {
                items[at * 2 + 1].as_bytes()
            } else {
                entry.get(1).and_then(|fields| fields.as_items()?.first()?.as_bytes())
            };
            content.remember(element.unwrap_or_default(), second);
        }
        content
    }

    fn remember(&mut self, element: &[u8], second: Option<&[u8]>) {
        if element.len() <= ELEMENT_LEN_MAX {
            self.elements.push(element.to_vec());
        }
        if let Some(second) = second.filter(|second| second.len() <= ELEMENT_LEN_MAX) {
            self.seconds.push(second.to_vec());
        }
    }

    /// Notes what PEXPIRETIME says.
    pub(crate) fn set_expiry(&mut self, expiry_ms: i64) {
        self.expiry_ms = Some(expiry_ms).filter(|expiry_ms| *expiry_ms >= ABSOLUTE_MS_MIN);
    }

    /// An argument that meets what is there. `None` if there is nothing of its kind.
    pub(crate) fn meet(&self, choose: &mut impl Choices, kind: ArgKind, meaning: Meaning) -> Option<Vec<u8>> {
        match meaning {
            Meaning::Member => one_of(choose, &self.elements),
            Meaning::Kind if matches!(kind, ArgKind::Double) => one_of(choose, &self.seconds),
            Meaning::Kind if matches!(kind, ArgKind::String) => match choose.below(2) {
                0 => one_of(choose, &self.seconds),
                _ => one_of(choose, &self.elements),
            },
            Meaning::Position | Meaning::Index => Some(self.position(choose)),
            Meaning::Count => Some(choose.one_of(&[self.len.saturating_sub(1), self.len, self.len + 1]).to_string().into()),
            Meaning::Bound | Meaning::IdBound(_) => {
                let elements = if self.is_stream { &self.elements } else { &self.seconds };
                match one_of(choose, elements) {
                    Some(bound) if choose.chance(70) => Some(if choose.chance(50) { [b"(", &*bound].concat() } else { bound }),
                    _ => Some(self.position(choose)),
                }
            }
            Meaning::StreamId | Meaning::NewStreamId if self.is_stream => {
                let id = one_of(choose, &self.elements)?;
                Some(if choose.chance(70) { id } else { next_id(&id)? })
            }
            Meaning::UnixMilliseconds => self.expiry_ms.map(|expiry_ms| expiry_ms.to_string().into()),
            Meaning::UnixSeconds => self.expiry_ms.map(|expiry_ms| (expiry_ms / 1000).to_string().into()),
            _ => None,
        }
    }

    /// The first position, the last, the one beyond it, and those that count from the end; sometimes those of bits.
    fn position(&self, choose: &mut impl Choices) -> Vec<u8> {
        let len = if choose.chance(15) { self.len * 8 } else { self.len } as i64;
        choose.one_of(&[0, len - 1, len, len + 1, len - 2, -1, -len, -len - 1, 1 - len]).to_string().into()
    }
}

/// One of the elements, rather the first or the last.
fn one_of(choose: &mut impl Choices, elements: &[Vec<u8>]) -> Option<Vec<u8>> {
    match choose.below(4) {
        0 => elements.first().cloned(),
        1 => elements.last().cloned(),
        _ if elements.is_empty() => None,
        _ => Some(elements[choose.below(elements.len() as u64) as usize].clone()),
    }
}

/// The ID that follows.
fn next_id(id: &[u8]) -> Option<Vec<u8>> {
    let (ms, sequence) = std::str::from_utf8(id).ok()?.split_once('-')?;
    Some(format!("{ms}-{}", sequence.parse::<u64>().ok()?.checked_add(1)?).into())
}
