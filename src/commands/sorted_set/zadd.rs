//! ZADD and ZINCRBY: add members with their scores, or change the scores of those that are there.

use super::access;
use crate::base::float::parse_f64;
use crate::engine::context::{Args, CmdResult, Context, is_word};
use crate::engine::error::CmdError;
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, KeySpec, Locks, Run, SPEC, acl, flag, key_flag};
use crate::keyspace::effect::class;
use crate::keyspace::key::Key;
use crate::keyspace::value::zset::Zset;

pub(crate) static ZADD: CommandSpec = CommandSpec {
    name: "zadd",
    arity: -4,
    flags: flag::WRITE | flag::DENYOOM | flag::FAST | flag::CONSTANT_TIME,
    acl: acl::FAST | acl::SORTEDSET | acl::WRITE,
    keys: &[KeySpec::one(1, key_flag::RW | key_flag::UPDATE)],
    args: &[
        Arg { name: "key", kind: ArgKind::Key(0), ..ARG },
        Arg {
            name: "condition",
            kind: ArgKind::OneOf(&[
                Arg { name: "nx", kind: ArgKind::PureToken, token: "NX", ..ARG },
                Arg { name: "xx", kind: ArgKind::PureToken, token: "XX", ..ARG },
            ]),
            optional: true,
            since: "3.0.2",
            ..ARG
        },
        Arg {
            name: "comparison",
            kind: ArgKind::OneOf(&[
                Arg { name: "gt", kind: ArgKind::PureToken, token: "GT", ..ARG },
                Arg { name: "lt", kind: ArgKind::PureToken, token: "LT", ..ARG },
            ]),
            optional: true,
            since: "6.2.0",
            ..ARG
        },
        Arg { name: "change", kind: ArgKind::PureToken, token: "CH", optional: true, since: "3.0.2", ..ARG },
        Arg { name: "increment", kind: ArgKind::PureToken, token: "INCR", optional: true, since: "3.0.2", ..ARG },
        Arg {
            name: "data",
            kind: ArgKind::Block(&[Arg { name: "score", kind: ArgKind::Double, ..ARG }, Arg { name: "member", ..ARG }]),
            multiple: true,
            ..ARG
        },
    ],
    element_at: 3,
    score_at: 2,
    locks: Locks::Keys,
    run: Run::Data(|context, args| exec(context, args, Options::default())),
    docs: Docs {
        summary: "Adds members to a sorted set, or sets the scores of those that are there",
        complexity: "O(log(N)) for each item added,",
        since: "1.2.0",
        group: "sorted-set",
        history: &[("2.4.0", "Several members."), ("3.0.2", "`XX`, `NX`, `CH` and `INCR`."), ("6.2.0", "`GT` and `LT`.")],
        ..DOCS
    },
    ..SPEC
};

pub(crate) static ZINCRBY: CommandSpec = CommandSpec {
    name: "zincrby",
    arity: 4,
    flags: flag::WRITE | flag::DENYOOM | flag::FAST | flag::CONSTANT_TIME,
    acl: acl::FAST | acl::SORTEDSET | acl::WRITE,
    keys: &[KeySpec::one(1, key_flag::RW | key_flag::ACCESS | key_flag::UPDATE)],
    args: &[
        Arg { name: "key", kind: ArgKind::Key(0), ..ARG },
        Arg { name: "increment", kind: ArgKind::Integer, ..ARG },
        Arg { name: "member", ..ARG },
    ],
    element_at: 3,
    score_at: 2,
    locks: Locks::Keys,
    run: Run::Data(|context, args| exec(context, args, Options { increments: true, ..Options::default() })),
    docs: Docs {
        summary: "Adds to the score of a member, which counts as 0 if missing",
        complexity: "O(log(N))",
        since: "1.2.0",
        group: "sorted-set",
        ..DOCS
    },
    ..SPEC
};

/// What to do with members that are there, or are not.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Options {
    /// Only members that are not there.
    pub(crate) only_new: bool,
    /// Only members that are there.
    pub(crate) only_there: bool,
    /// Only scores that grow.
    pub(crate) only_greater: bool,
    /// Only scores that shrink.
    pub(crate) only_less: bool,
    /// The scores are added to those that are there.
    pub(crate) increments: bool,
    /// Count what was changed, not what was added.
    pub(crate) counts_changes: bool,
}

/// What became of a request.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Outcome {
    added: usize,
    updated: usize,
    /// The last score that was set, or that was there already.
    score: Option<f64>,
}

const NOT_A_NUMBER: CmdError = CmdError::coded("ERR resulting score is not a number (NaN)");

impl Options {
    /// The score that a member gets; `None` leaves it as it is.
    fn decide(&self, old: Option<f64>, score: f64, outcome: &mut Outcome) -> Result<Option<f64>, CmdError> {
        let Some(old) = old else {
            if self.only_there {
                return Ok(None);
            }
            outcome.added += 1;
            outcome.score = Some(score);
            return Ok(Some(score));
        };
        if self.only_new {
            return Ok(None);
        }
        let score = if self.increments { old + score } else { score };
        if score.is_nan() {
            return Err(NOT_A_NUMBER);
        }
        if self.only_less && score >= old || self.only_greater && score <= old {
            return Ok(None);
        }
        outcome.score = Some(score);
        if score == old {
            return Ok(None);
        }
        outcome.updated += 1;
        Ok(Some(score))
    }
}

fn parse<'w, 'a>(words: &'w [&'a [u8]], options: &mut Options) -> Result<Vec<(f64, &'a [u8])>, CmdError> {
    let mut rest = words;
    while let [word, tail @ ..] = rest {
        match () {
            () if is_word(word, "nx") => options.only_new = true,
            () if is_word(word, "xx") => options.only_there = true,
            () if is_word(word, "gt") => options.only_greater = true,
            () if is_word(word, "lt") => options.only_less = true,
            () if is_word(word, "ch") => options.counts_changes = true,
            () if is_word(word, "incr") => options.increments = true,
            () => break,
        }
        rest = tail;
    }
    if rest.is_empty() || !rest.len().is_multiple_of(2) {
        return Err(CmdError::Syntax);
    }
    if options.only_new && options.only_there {
        return Err(CmdError::coded("ERR XX and NX options at the same time are not compatible"));
    }
    if (options.only_greater || options.only_less) && options.only_new || options.only_greater && options.only_less {
        return Err(CmdError::coded("ERR GT, LT, and/or NX options at the same time are not compatible"));
    }
    if options.increments && rest.len() > 2 {
        return Err(CmdError::coded("ERR INCR option supports a single increment-element pair"));
    }
    let pair = |pair: &[&'a [u8]]| Ok((parse_f64(pair[0]).ok_or(CmdError::NotFloat)?, pair[1]));
    rest.chunks_exact(2).map(pair).collect()
}

/// Sets scores, as ZADD and GEOADD do.
pub(crate) fn add(context: &mut Context<'_>, key: Key<'_>, options: &Options, pairs: &[(f64, &[u8])]) -> Result<Outcome, CmdError> {
    let limits = access::limits(context.config);
    let hasher = context.keys.keyspace().hasher();
    let longest = pairs.iter().map(|(_, member)| member.len()).max().unwrap_or_default();
    let mut key = context.keys.open(key);
    let mut outcome = Outcome::default();
    if options.only_there && key.collection::<Zset>()?.is_none() {
        return Ok(outcome);
    }
    let result = key.change(|zset: &mut Zset| {
        zset.prepare(pairs.len(), longest, &limits, hasher);
        pairs.iter().try_for_each(|(score, member)| zset.update(member, &limits, hasher, |old| options.decide(old, *score, &mut outcome)))
    })?;
    let changed = outcome.added + outcome.updated;
    if changed == 0 {
        key.mark_unchanged();
    } else {
        key.change_event(class::ZSET, if options.increments { "zincr" } else { "zadd" });
        key.count_changes(changed as u64 - 1);
    }
    result.map(|()| outcome)
}

impl Outcome {
    /// What is replied where no score is.
    pub(crate) fn count(&self, options: &Options) -> i64 {
        (self.added + if options.counts_changes { self.updated } else { 0 }) as i64
    }
}

fn exec(context: &mut Context<'_>, args: &Args<'_>, mut options: Options) -> CmdResult {
    let pairs = parse(&args[2..], &mut options)?;
    let outcome = add(context, args.key(0)?, &options, &pairs)?;
    match outcome.score {
        _ if !options.increments => context.reply.integer(outcome.count(&options)),
        Some(score) => context.reply.double(score),
        None => context.reply.null(),
    }
    Ok(())
}
