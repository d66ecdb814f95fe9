//! Options of listeners and connections.

use crate::config::custom;
use crate::config::row::{Form, Place::Kept, Row, custom, field, in_form, number, text, yes_no};

const PORT_MAX: i128 = 65_535;
const INT_MAX: i128 = i32::MAX as i128;
const UINT_MAX: i128 = u32::MAX as i128;

pub(super) static ROWS: &[Row] = &[
    custom("bind", &custom::BIND).multi_arg().doc(
        "Addresses to listen on. * means all IPv4 addresses, ::* or -::* all IPv6 ones; a minus sign before an address \
         lets the server start without it.",
    ),
    number("port", 0, PORT_MAX, 6379, field!(port))
        .doc("TCP port for clients. 0 listens on none."),
];
