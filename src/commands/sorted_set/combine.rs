//! Unions, intersections and differences: what ZUNION, ZINTER, ZDIFF and their kin share.
//!
//! Invariants:
//! * Scores are combined in the order of the inputs, the smallest first: sums depend on it.
//! * A key that is named again costs no further look for a member. Each naming counts as a look-up of the key.

use std::cmp::Ordering;
use std::collections::HashMap;

use super::access;
use super::source::Source;
use crate::base::float::parse_f64;
use crate::engine::context::{Args, CmdResult, Context, integer, integer_in, is_word};
use crate::engine::error::CmdError;
use crate::keyspace::collection::Collection;
use crate::keyspace::effect::class;
use crate::keyspace::hash::KeyHasher;
use crate::keyspace::key::{self, Key};
use crate::keyspace::value::zset::{Limits, Zset};

/// How sorted sets are combined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operation {
    /// All members.
    Union,
    /// Members of all.
    Inter,
    /// Members of the first and of no other.
    Diff,
}

/// What is done with the result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sink {
    /// It is replied.
    Reply,
    /// It is stored under the first key.
    Store,
    /// Its members are counted.
    Count,
}

#[derive(Debug, Clone, Copy)]
enum Aggregate {
    Sum,
    Min,
    Max,
}

impl Aggregate {
    /// Infinities of both signs add up to 0.
    fn apply(self, one: f64, other: f64) -> f64 {
        match self {
            Aggregate::Sum => nan_as_zero(one + other),
            Aggregate::Min => {
                if other < one {
                    other
                } else {
                    one
                }
            }
            Aggregate::Max => {
                if other > one {
                    other
                } else {
                    one
                }
            }
        }
    }
}

fn nan_as_zero(score: f64) -> f64 {
    if score.is_nan() { 0.0 } else { score }
}

/// Everything lies in a tree while it is combined: in one piece, minus zero would be lost.
const NO_LIMITS: Limits = Limits { members: 0, member_len: 0 };

struct Input<'a> {
    key: Key<'a>,
    weight: f64,
    len: usize,
}

struct Request<'a> {
    inputs: Vec<Input<'a>>,
    aggregate: Aggregate,
    with_scores: bool,
    /// 0: none.
    limit: usize,
}

/// Reads the keys, and then the options behind them: in this order, as Valkey does.
fn parse<'a>(context: &mut Context<'_>, args: &Args<'a>, operation: Operation, sink: Sink) -> Result<Request<'a>, CmdError> {
    let first_key = usize::from(sink == Sink::Store);
    let number_at = 1 + first_key;
    let count = integer(args[number_at])?;
    if count < 1 {
        return Err(CmdError::err(format!("at least 1 input key is needed for '{}' command", context.command_name())));
    }
    let count = usize::try_from(count).ok().filter(|count| *count < args.len() - number_at).ok_or(CmdError::Syntax)?;
    let mut inputs = Vec::with_capacity(count);
    for number in first_key..first_key + count {
        let key = args.key(number)?;
        let len = context.keys.read(key).map(Source::of).transpose()?.map_or(0, Source::len);
        inputs.push(Input { key, weight: 1.0, len });
    }
    let mut request = Request { inputs, aggregate: Aggregate::Sum, with_scores: false, limit: 0 };
    let combines_scores = operation != Operation::Diff && sink != Sink::Count;
    let mut rest = &args[number_at + 1 + count..];
    while let [word, tail @ ..] = rest {
        rest = tail;
        if combines_scores && tail.len() >= count && is_word(word, "weights") {
            for (input, weight) in request.inputs.iter_mut().zip(tail) {
                input.weight = parse_f64(weight).ok_or(CmdError::coded("ERR weight value is not a float"))?;
            }
            rest = &tail[count..];
        } else if let [word_behind, more @ ..] = tail
            && combines_scores
            && is_word(word, "aggregate")
        {
            request.aggregate = match *word_behind {
                name if is_word(name, "sum") => Aggregate::Sum,
                name if is_word(name, "min") => Aggregate::Min,
                name if is_word(name, "max") => Aggregate::Max,
                _ => return Err(CmdError::Syntax),
            };
            rest = more;
        } else if sink == Sink::Reply && is_word(word, "withscores") {
            request.with_scores = true;
        } else if let [limit, more @ ..] = tail
            && sink == Sink::Count
            && is_word(word, "limit")
        {
            request.limit = integer_in(limit, 0..=i64::MAX, "LIMIT can't be negative")? as usize;
            rest = more;
        } else {
            return Err(CmdError::Syntax);
        }
    }
    if operation != Operation::Diff {
        request.inputs.sort_by_key(|input| input.len);
    }
    Ok(request)
}

/// An input, looked up.
struct Operand<'k> {
    source: Option<Source<'k>>,
    weight: f64,
    /// Number of the first one with the same key.
    first: usize,
}

/// Members with their scores.
type Scored = Vec<(Vec<u8>, f64)>;
/// Hashed with keys of its own, since clients choose the members.
type ScoredMap = HashMap<Vec<u8>, f64, foldhash::fast::RandomState>;

/// The members of all operands, smaller ones first.
fn union(operands: &[Operand<'_>], aggregate: Aggregate) -> Scored {
    let mut scores = ScoredMap::default();
    // Where a key comes several times in a row, its members are looked for once.
    for same in operands.chunk_by(|one, other| one.first == other.first) {
        let Some((first, repeated)) = same.split_first() else { continue };
        let Some(source) = first.source else { continue };
        source.visit(|member, score| {
            let add_repeated = |sum| repeated.iter().fold(sum, |sum, operand| aggregate.apply(sum, nan_as_zero(operand.weight * score)));
            let weighted = nan_as_zero(first.weight * score);
            if let Some(sum) = scores.get_mut(member) {
                *sum = add_repeated(aggregate.apply(*sum, weighted));
            } else {
                scores.insert(member.to_vec(), add_repeated(weighted));
            }
            true
        });
    }
    scores.into_iter().collect()
}

/// Calls `visit` with each member of all operands and its score, until it answers false.
fn intersect(operands: &[Operand<'_>], aggregate: Aggregate, hasher: &KeyHasher, mut visit: impl FnMut(&[u8], f64) -> bool) {
    let Some(sources) = operands.iter().map(|operand| operand.source).collect::<Option<Vec<Source<'_>>>>() else { return };
    let Some(smallest) = sources.first() else { return };
    // The score in each of them.
    let mut scores = vec![0.0; operands.len()];
    smallest.visit(|member, score| {
        scores[0] = score;
        let mut sum = nan_as_zero(operands[0].weight * score);
        for (number, operand) in operands.iter().enumerate().skip(1) {
            scores[number] = if operand.first < number {
                scores[operand.first]
            } else {
                let Some(score) = sources[number].score(member, hasher) else { return true };
                score
            };
            sum = aggregate.apply(sum, scores[number] * operand.weight);
        }
        visit(member, sum)
    });
}

/// The members of the first operand and of no other. The others are asked, the larger ones first, for each member of the first one; or, where
/// that is less work, their members are taken out of it.
fn difference(operands: &[Operand<'_>], hasher: &KeyHasher) -> Scored {
    let Some((Some(first), others)) = operands.split_first().map(|(first, others)| (first.source, others)) else { return Vec::new() };
    // Nothing is left of what is taken from itself.
    if others.iter().any(|operand| operand.first == 0) {
        return Vec::new();
    }
    let is_first_of_its_key = |(number, operand): &(usize, &Operand<'_>)| operand.first == number + 1;
    let mut others: Vec<Source<'_>> = others.iter().enumerate().filter(is_first_of_its_key).filter_map(|(_, other)| other.source).collect();
    let asking = first.len() * (1 + others.len()) / 2;
    let taking = first.len() + others.iter().map(|source| source.len()).sum::<usize>();
    if asking <= taking {
        others.sort_by_key(|source| std::cmp::Reverse(source.len()));
        let mut left = Vec::new();
        first.visit(|member, score| {
            if others.iter().all(|source| source.score(member, hasher).is_none()) {
                left.push((member.to_vec(), score));
            }
            true
        });
        return left;
    }
    let mut left = ScoredMap::default();
    first.visit(|member, score| {
        left.insert(member.to_vec(), score);
        true
    });
    for source in others {
        source.visit(|member, _| {
            left.remove(member);
            !left.is_empty()
        });
    }
    left.into_iter().collect()
}

/// Zeros of both signs are equal.
fn by_score(one: f64, other: f64) -> Ordering {
    one.partial_cmp(&other).unwrap_or(Ordering::Equal)
}

/// Looks all inputs up, beside each other.
fn operands<'k>(context: &'k Context<'_>, request: &Request<'_>) -> Result<Vec<Operand<'k>>, CmdError> {
    let mut operands = Vec::new();
    for (first, input) in request.inputs.iter().enumerate() {
        let source = context.keys.beside(input.key).map(Source::of).transpose()?;
        operands.push(Operand { source, weight: input.weight, first });
    }
    let there: Vec<usize> = (0..operands.len()).filter(|number| operands[*number].source.is_some()).collect();
    let named: Vec<Key<'_>> = there.iter().map(|number| request.inputs[*number].key).collect();
    for (at, first) in key::first_of_same_name(&named).into_iter().enumerate() {
        operands[there[at]].first = there[first];
    }
    Ok(operands)
}

/// Runs one of the commands.
pub(super) fn combine(context: &mut Context<'_>, args: &Args<'_>, operation: Operation, sink: Sink) -> CmdResult {
    let request = parse(context, args, operation, sink)?;
    let hasher = context.keys.keyspace().hasher();
    let operands = operands(context, &request)?;
    let mut members = match operation {
        Operation::Union => union(&operands, request.aggregate),
        Operation::Diff => difference(&operands, hasher),
        Operation::Inter if sink == Sink::Count => {
            let mut count = 0;
            let different = operands.into_iter().enumerate().filter(|(number, operand)| operand.first == *number);
            // Each is now the first of its name at another place.
            let different: Vec<Operand<'_>> =
                different.enumerate().map(|(number, (_, operand))| Operand { first: number, ..operand }).collect();
            intersect(&different, request.aggregate, hasher, |_, _| {
                count += 1;
                count != request.limit
            });
            context.reply.integer(count as i64);
            return Ok(());
        }
        Operation::Inter => {
            let mut members = Vec::new();
            intersect(&operands, request.aggregate, hasher, |member, score| {
                members.push((member.to_vec(), score));
                true
            });
            members
        }
    };
    members.sort_unstable_by(|(one, its_score), (other, their_score)| by_score(*its_score, *their_score).then_with(|| one.cmp(other)));
    if sink == Sink::Store {
        let mut result = Zset::new();
        members.iter().for_each(|(member, score)| result.set(member, *score, &NO_LIMITS, hasher));
        result.compact(&access::limits(context.config));
        let event = match operation {
            Operation::Union => "zunionstore",
            Operation::Inter => "zinterstore",
            Operation::Diff => "zdiffstore",
        };
        let len = access::store(&mut context.keys.open(args.key(0)?), result, class::ZSET, event);
        context.reply.integer(len as i64);
        return Ok(());
    }
    access::reply_header(context.reply, members.len(), request.with_scores);
    members.iter().for_each(|(member, score)| access::reply_member(context.reply, member, *score, request.with_scores));
    Ok(())
}
