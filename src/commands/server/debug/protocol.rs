//! DEBUG PROTOCOL: one reply of each type of the protocol.

use larder_proto::resp::ReplyBuf;

use crate::clients::Message;
use crate::engine::context::{CmdResult, Context};
use crate::engine::error::CmdError;

/// What `DEBUG PROTOCOL double` answers, as Valkey does: not pi.
#[expect(clippy::approx_constant, reason = "an example that clients compare, not a constant of nature")]
const EXAMPLE_DOUBLE: f64 = 3.141;

pub(super) fn exec(context: &mut Context<'_>, kind: &[u8]) -> CmdResult {
    let reply = &mut *context.reply;
    let numbers = |reply: &mut ReplyBuf| (0..3).for_each(|number| reply.integer(number));
    match String::from_utf8_lossy(kind).to_ascii_lowercase().as_str() {
        "string" => reply.bulk(b"Hello World"),
        "integer" => reply.integer(12345),
        "double" => reply.double(EXAMPLE_DOUBLE),
        "bignum" => reply.big_number("1234567999999999999999999999999999999"),
        "null" => reply.null(),
        "array" => {
            reply.array(3);
            numbers(reply);
        }
        "set" => {
            reply.set(3);
            numbers(reply);
        }
        "map" => {
            reply.map(3);
            for number in 0..3 {
                reply.integer(number);
                reply.bool(number == 1);
            }
        }
        "attrib" => {
            if reply.is_resp3() {
                reply.raw(b"|1\r\n");
                reply.bulk(b"key-popularity");
                reply.array(2);
                reply.bulk(b"key:123");
                reply.integer(90);
            }
            reply.bulk(b"Some real reply following the attribute");
        }
        "push" => {
            if !reply.is_resp3() {
                return Err(CmdError::err("RESP2 is not supported by this command"));
            }
            // A push that comes up during a command follows its reply.
            let mut push = ReplyBuf::default();
            push.set_resp3(true);
            push.push(2);
            push.bulk(b"server-cpu-usage");
            push.integer(42);
            context.caller.client.outbox.enqueue(Message { bytes: push.buf.freeze(), offset: 0 });
            reply.bulk(b"Some real reply following the push reply");
        }
        "true" => reply.bool(true),
        "false" => reply.bool(false),
        "verbatim" => reply.verbatim("txt", b"This is a verbatim\nstring"),
        _ => {
            return Err(CmdError::err(
                "Wrong protocol type name. Please use one of the following: string|integer|double|bignum|null|array|set|map|attrib|push|verbatim|true|false",
            ));
        }
    }
    Ok(())
}
