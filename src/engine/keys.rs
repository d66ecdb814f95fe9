//! Where a request's keys stand, from its command's key specs: for locking, routing, COMMAND GETKEYS.

use smallvec::SmallVec;

use super::grammar::{BeginSearch, FindKeys, KeySpec};

/// Positions of keys among the arguments.
pub type KeyPositions = SmallVec<[usize; 8]>;

/// Key specs, prepared for the common shapes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyShape {
    /// No keys.
    None,
    /// One key, at 1.
    First,
    /// From `first` on, every `step`th, up to `last` (negative: from the end).
    Range {
        /// Position of the first key.
        first: usize,
        /// Position of the last; negative: from the end.
        last: i32,
        /// From one key to the next.
        step: usize,
    },
    /// Anything else: see [`positions`].
    General,
}

impl KeyShape {
    /// The shape of a command.
    pub fn of(keys: &[KeySpec]) -> KeyShape {
        match keys {
            [] => KeyShape::None,
            [KeySpec { begin: BeginSearch::Index(1), find: FindKeys::Range { last: 0, .. }, .. }] => KeyShape::First,
            [KeySpec { begin: BeginSearch::Index(first), find: FindKeys::Range { last, step, limit: 0 }, .. }] => {
                KeyShape::Range { first: *first, last: if *last >= 0 { *first as i32 + last } else { *last }, step: *step }
            }
            _ => KeyShape::General,
        }
    }

    /// Positions of the keys of a request with this shape. For [`KeyShape::General`] the specs are walked; a request whose count of
    /// keys makes no sense has none (its command will refuse it).
    pub fn positions(self, keys: &[KeySpec], args: &[&[u8]]) -> KeyPositions {
        match self {
            KeyShape::None => KeyPositions::new(),
            KeyShape::First => (1..args.len().min(2)).collect(),
            KeyShape::Range { first, last, step } => range(first, last, step, args.len()).collect(),
            KeyShape::General => keys.iter().filter_map(|keys| positions(keys, args)).flatten().collect(),
        }
    }
}

fn range(first: usize, last: i32, step: usize, len: usize) -> impl Iterator<Item = usize> {
    let last = if last < 0 { len as i32 + last } else { last };
    let end = ((last + 1).max(0) as usize).min(len);
    (first..end.max(first)).step_by(step.max(1))
}

/// True if these specs do not tell where all keys stand.
pub fn are_unknown(keys: &[KeySpec]) -> bool {
    keys.iter().any(|keys| matches!(keys.find, FindKeys::Unknown))
}

/// Positions of one key spec's keys; `None` if the arguments do not fit it.
pub fn positions(spec: &KeySpec, args: &[&[u8]]) -> Option<KeyPositions> {
    let first = match spec.begin {
        BeginSearch::Index(at) => at,
        BeginSearch::Keyword(word, from) => {
            let is_it = |at: &usize| args[*at].eq_ignore_ascii_case(word.as_bytes());
            let found = if from >= 0 {
                (from as usize..args.len()).find(is_it)
            } else {
                (1..=args.len().checked_sub(from.unsigned_abs() as usize)?).rev().find(is_it)
            };
            found? + 1
        }
        BeginSearch::Unknown => return None,
    };
    if first >= args.len() {
        return None;
    }
    match spec.find {
        FindKeys::Range { last, step, limit } => {
            let end = match last {
                0.. => first as i32 + last,
                _ if limit > 1 => first as i32 + (args.len() - first) as i32 / limit as i32 + last,
                _ => args.len() as i32 + last,
            };
            Some(range(first, end.max(0), step, args.len()).collect())
        }
        FindKeys::Count { number_at, first: offset, step } => {
            let count = args.get(first + number_at).and_then(|arg| crate::base::number::parse_i64(arg))?;
            let count = usize::try_from(count).ok()?;
            let start = first + offset;
            let step = step.max(1);
            let last = start.checked_add(count.checked_sub(1)?.checked_mul(step)?)?;
            (last < args.len()).then(|| (start..=last).step_by(step).collect())
        }
        FindKeys::Unknown => None,
    }
}
