//! RESP2 and RESP3.
//!
//! * [`RequestParser`] finds complete requests in a connection's input buffer without copying arguments.
//! * [`split_args`] is the quoting grammar of inline commands, configuration lines and the CLI's prompt.
//! * [`ReplyBuf`] encodes replies in the protocol version of one connection.
//! * [`ReplyDecoder`] is the client side: it turns a stream of replies into [`Value`]s.
//! * [`format_double`] writes a floating point number as Valkey does.

mod decoder;
mod double;
mod encoder;
mod inline;
mod parser;
mod request;
mod segment;
mod value;

pub use decoder::{DecodeError, MAX_REPLY_DEPTH, ReplyDecoder};
pub use double::{DoubleText, format_double, format_shortest};
pub use encoder::{Deferred, ReplyBuf, SHARED_LEN_MIN};
pub use inline::split_args;
pub use parser::RequestParser;
pub use request::{ArgRange, Batch, Limits, ProtocolError, Request};
pub use segment::Part;
pub use value::Value;
