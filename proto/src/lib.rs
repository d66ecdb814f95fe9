//! Everything that crosses a wire in Larder, used alike by the server, the CLI and the tests.
//!
//! * [`resp`]: RESP2 and RESP3: request parser, reply encoder, client-side decoder.
//! * [`bus`]: versioned frames between the nodes of a cluster.

pub mod bus;
pub mod resp;
