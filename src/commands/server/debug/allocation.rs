//! DEBUG STRUCTSIZE: the sizes of the structures that make up data.

use crate::engine::context::{CmdResult, Context};

pub(super) fn struct_sizes(context: &mut Context<'_>) -> CmdResult {
    let text = format!(
        "bits:{} entry:{} client:{} session:{} stripe:{} ",
        usize::BITS,
        std::mem::size_of::<crate::keyspace::entry::Entry>(),
        std::mem::size_of::<crate::clients::Client>(),
        std::mem::size_of::<crate::clients::Session>(),
        std::mem::size_of::<crate::keyspace::stripe::Stripe>(),
    );
    context.reply.bulk(text.as_bytes());
    Ok(())
}
