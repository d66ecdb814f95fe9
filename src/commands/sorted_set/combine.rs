//! Unions, intersections and differences: what ZUNION, ZINTER, ZDIFF and their kin share.
//!
//! The sources are read one after another, so that no more than one is borrowed at a time; each is looked up (and counted) once.

use super::access;
use super::source::Source;
use crate::base::float::parse_f64;
use crate::engine::context::{Args, CmdResult, Context, integer, integer_in, is_word};
use crate::engine::error::CmdError;
use crate::keyspace::collection::Collection;
use crate::keyspace::effect::class;
use crate::keyspace::key::Key;
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

/// Calls `with` with a source that was looked up before.
fn with_source<R>(context: &mut Context<'_>, key: Key<'_>, with: impl FnOnce(Source<'_>) -> R) -> Result<Option<R>, CmdError> {
    Ok(context.keys.peek(key).map(Source::of).transpose()?.map(with))
}

fn union(context: &mut Context<'_>, request: &Request<'_>) -> Result<Zset, CmdError> {
    let hasher = context.keys.keyspace().hasher();
    let mut result = Zset::new();
    for input in &request.inputs {
        with_source(context, input.key, |source| {
            source.visit(|member, score| {
                let score = nan_as_zero(input.weight * score);
                let Ok(()) = result.update(member, &NO_LIMITS, hasher, |old| {
                    Ok::<_, std::convert::Infallible>(Some(old.map_or(score, |old| request.aggregate.apply(old, score))))
                });
                true
            });
        })?;
    }
    Ok(result)
}

/// The members of all inputs with their scores.
fn intersection(context: &mut Context<'_>, request: &Request<'_>) -> Result<Vec<(Vec<u8>, f64)>, CmdError> {
    let hasher = context.keys.keyspace().hasher();
    let mut members: Vec<(Vec<u8>, f64)> = Vec::new();
    let Some((first, others)) = request.inputs.split_first().filter(|(first, _)| first.len > 0) else { return Ok(members) };
    with_source(context, first.key, |source| {
        source.visit(|member, score| {
            members.push((member.to_vec(), nan_as_zero(first.weight * score)));
            true
        });
    })?;
    for input in others {
        with_source(context, input.key, |source| {
            members.retain_mut(|(member, score)| {
                let Some(other) = source.score(member, hasher) else { return false };
                *score = request.aggregate.apply(*score, other * input.weight);
                true
            });
        })?;
    }
    Ok(members)
}

fn difference(context: &mut Context<'_>, request: &Request<'_>) -> Result<Zset, CmdError> {
    let hasher = context.keys.keyspace().hasher();
    let mut result = Zset::new();
    let Some((first, others)) = request.inputs.split_first() else { return Ok(result) };
    with_source(context, first.key, |source| {
        source.visit(|member, score| {
            result.set(member, score, &NO_LIMITS, hasher);
            true
        });
    })?;
    for input in others {
        if result.is_empty() {
            break;
        }
        if input.len < result.view().len() {
            with_source(context, input.key, |source| {
                source.visit(|member, _| {
                    result.remove(member, hasher);
                    !result.is_empty()
                });
            })?;
        } else {
            let mut gone = Vec::new();
            with_source(context, input.key, |source| {
                for element in result.view().iter() {
                    element.member().with_text(|member| {
                        if source.score(member, hasher).is_some() {
                            gone.push(member.to_vec());
                        }
                    });
                }
            })?;
            gone.iter().for_each(|member| {
                result.remove(member, hasher);
            });
        }
    }
    Ok(result)
}

/// Runs one of the commands.
pub(super) fn combine(context: &mut Context<'_>, args: &Args<'_>, operation: Operation, sink: Sink) -> CmdResult {
    let request = parse(context, args, operation, sink)?;
    let hasher = context.keys.keyspace().hasher();
    let mut result = match operation {
        Operation::Union => union(context, &request)?,
        Operation::Diff => difference(context, &request)?,
        Operation::Inter => {
            let members = intersection(context, &request)?;
            if sink == Sink::Count {
                let count = if request.limit > 0 { members.len().min(request.limit) } else { members.len() };
                context.reply.integer(count as i64);
                return Ok(());
            }
            let mut result = Zset::new();
            members.iter().for_each(|(member, score)| result.set(member, *score, &NO_LIMITS, hasher));
            result
        }
    };
    if sink == Sink::Store {
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
    let view = result.view();
    access::reply_header(context.reply, view.len(), request.with_scores);
    view.iter().for_each(|element| access::reply_element(context.reply, element, request.with_scores));
    Ok(())
}
