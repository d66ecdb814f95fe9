//! MEMORY DOCTOR: what is unusual about the use of memory.

use crate::commands::server::overhead::{self, Memory};
use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::spec::{CommandSpec, DOCS, Docs, Locks, Run, SPEC, acl};

pub(crate) static MEMORY_DOCTOR: CommandSpec = CommandSpec {
    name: "doctor",
    arity: 2,
    acl: acl::SLOW,
    locks: Locks::Each,
    run: Run::Data(exec),
    docs: Docs {
        summary: "Reports what is unusual about the use of memory",
        complexity: "O(1)",
        since: "4.0.0",
        group: "server",
        tips: &["nondeterministic_output", "request_policy:all_shards", "response_policy:special"],
        ..DOCS
    },
    ..SPEC
};

const MIB: u64 = 1024 * 1024;
/// Below this there is nothing to judge.
const USED_MIN: u64 = 5 * MIB;
/// Memory of a client that is much, on average.
const CLIENT_MUCH: u64 = 200 * 1024;

fn exec(context: &mut Context<'_>, _: &Args<'_>) -> CmdResult {
    let memory = overhead::measure(context);
    let text = report(&memory, context.shared.clients.len().max(1) as u64);
    context.reply.verbatim("txt", text.as_bytes());
    Ok(())
}

fn report(memory: &Memory, clients: u64) -> String {
    if memory.used < USED_MIN {
        return "So little memory is in use that there is nothing to judge yet.\n".to_owned();
    }
    let mut found = String::new();
    if memory.peak as f64 > memory.used as f64 * 1.5 {
        found.push_str(
            " * Peak: more than half as much again was in use before. What was given back may still be resident; MEMORY PURGE asks the allocator for it.\n",
        );
    }
    if memory.resident > memory.used + 10 * MIB && memory.resident as f64 > memory.used as f64 * 1.4 {
        found.push_str(
            " * Resident memory: the process holds much more memory than is in use: after a peak, or because blocks of many sizes are mixed.\n",
        );
    }
    if memory.clients / clients > CLIENT_MUCH {
        found.push_str(
            " * Clients: their buffers take more than 200 kB each on average. CLIENT LIST shows which (tot-mem); subscribers that read slowly and long pipelines are the usual ones.\n",
        );
    }
    if found.is_empty() { "Nothing unusual.\n".to_owned() } else { format!("What is unusual:\n\n{found}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings() {
        let memory = |used, peak, resident, clients| Memory { used, peak, resident, clients, ..Memory::default() };
        assert!(report(&memory(MIB, MIB, MIB, 0), 1).starts_with("So little"));
        assert!(report(&memory(100 * MIB, 100 * MIB, 105 * MIB, 0), 1).starts_with("Nothing"));
        let text = report(&memory(100 * MIB, 200 * MIB, 150 * MIB, MIB), 2);
        for word in ["Peak", "Resident", "Clients"] {
            assert!(text.contains(word), "{word}");
        }
    }
}
