//! HELLO: chooses the protocol version, may authenticate and name the connection, and introduces the server.

use super::client::name;
use super::login;
use crate::base::{number, version};
use crate::clients::bit;
use crate::engine::context::{Args, CmdResult, Context, is_word};
use crate::engine::error::CmdError;
use crate::engine::redact;
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, Run, SPEC, acl, flag};

pub(crate) static HELLO: CommandSpec = CommandSpec {
    name: "hello",
    arity: -1,
    flags: flag::NOSCRIPT | flag::LOADING | flag::STALE | flag::FAST | flag::NO_AUTH | flag::SENTINEL | flag::ALLOW_BUSY,
    acl: acl::CONNECTION | acl::FAST,
    args: &[Arg {
        name: "arguments",
        kind: ArgKind::Block(&[
            Arg { name: "protover", kind: ArgKind::Integer, ..ARG },
            Arg {
                name: "auth",
                kind: ArgKind::Block(&[Arg { name: "username", ..ARG }, Arg { name: "password", ..ARG }]),
                token: "AUTH",
                optional: true,
                ..ARG
            },
            Arg { name: "clientname", token: "SETNAME", optional: true, ..ARG },
        ]),
        optional: true,
        ..ARG
    }],
    run: Run::Data(exec),
    is_secret: Some(|args, at| redact::follows(args, at, 2, "AUTH", 2, &[("SETNAME", 1)])),
    docs: Docs {
        summary: "Chooses the protocol version and introduces both sides",
        complexity: "O(1)",
        since: "6.0.0",
        group: "connection",
        history: &[
            ("8.1.0", "Field `availability_zone`, where the option is set."),
            ("6.2.0", "The version may be left out: then nothing changes."),
        ],
        ..DOCS
    },
    ..SPEC
};

#[derive(Default)]
struct Options<'a> {
    version: Option<i64>,
    login: Option<(&'a [u8], &'a [u8])>,
    name: Option<&'a [u8]>,
}

impl<'a> Options<'a> {
    fn parse(args: &[&'a [u8]]) -> Result<Options<'a>, CmdError> {
        let mut options = Options::default();
        let [version, rest @ ..] = args else { return Ok(options) };
        let version = number::parse_i64(version).ok_or(CmdError::coded("ERR Protocol version is not an integer or out of range"))?;
        if !(2..=3).contains(&version) {
            return Err(CmdError::coded("NOPROTO unsupported protocol version"));
        }
        options.version = Some(version);
        let mut rest = rest;
        while let [word, more @ ..] = rest {
            rest = match more {
                [user, password, more @ ..] if is_word(word, "AUTH") => {
                    options.login = Some((user, password));
                    more
                }
                [given, more @ ..] if is_word(word, "SETNAME") => {
                    name::check(given)?;
                    options.name = Some(given);
                    more
                }
                _ => return Err(CmdError::naming("Syntax error in HELLO option '{}'", word)),
            };
        }
        Ok(options)
    }
}

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let options = Options::parse(&args[1..])?;
    if let Some((user, password)) = options.login {
        login::authenticate(context, user, password)?;
    }
    if !context.caller.authenticated && !context.config.requirepass.is_empty() {
        return Err(CmdError::coded(
            "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol version at the same time",
        ));
    }
    if let Some(given) = options.name {
        *context.caller.client.name.lock() = given.to_vec();
    }
    if let Some(version) = options.version {
        context.reply.set_resp3(version == 3);
        context.caller.client.set(bit::RESP3, version == 3);
    }
    introduce(context);
    Ok(())
}

fn introduce(context: &mut Context<'_>) {
    let config = context.config;
    let (server, version) = if config.extended_redis_compatibility { ("redis", version::REDIS) } else { ("valkey", version::VALKEY) };
    let reply = &mut *context.reply;
    reply.map(7 + usize::from(!config.availability_zone.is_empty()));
    reply.bulk(b"server");
    reply.bulk(server.as_bytes());
    reply.bulk(b"version");
    reply.bulk(version.as_bytes());
    reply.bulk(b"proto");
    reply.integer(if reply.is_resp3() { 3 } else { 2 });
    reply.bulk(b"id");
    reply.integer(context.caller.client.id as i64);
    reply.bulk(b"mode");
    reply.bulk(if config.cluster_enabled { b"cluster" } else { b"standalone" });
    reply.bulk(b"role");
    reply.bulk(b"master");
    reply.bulk(b"modules");
    reply.empty_array();
    if !config.availability_zone.is_empty() {
        reply.bulk(b"availability_zone");
        reply.bulk(config.availability_zone.as_bytes());
    }
}
