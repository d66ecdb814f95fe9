//! The command-line client's executable.

use std::process::ExitCode;

fn main() -> ExitCode {
    larder::cli::main()
}
