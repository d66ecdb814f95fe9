//! DEBUG SEGFAULT, PANIC, ASSERT and OOM: ends the process the hard way, so that tests see what is then logged and recovered.

use crate::engine::context::CmdResult;
use crate::engine::error::CmdError;

/// More than any machine has, and less than an allocation may be.
const IMPOSSIBLE_BYTES: usize = isize::MAX as usize / 2;

pub(super) fn exec(how: &str) -> CmdResult {
    match how {
        // The program has no invalid access to offer; the signal is the same.
        "segfault" => {
            let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::SEGV);
            std::thread::sleep(std::time::Duration::from_secs(1));
            std::process::abort();
        }
        "panic" => panic!("DEBUG PANIC called at Unix time {}", crate::base::clock::unix_ms() / 1000),
        "oom" => {
            let block: Vec<u8> = Vec::with_capacity(IMPOSSIBLE_BYTES);
            Err(CmdError::err(format!("the system granted {} bytes", block.capacity())))
        }
        _ => panic!("DEBUG ASSERT: assertion failed: 1 == 2"),
    }
}
