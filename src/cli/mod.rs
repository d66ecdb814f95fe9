//! `larder-cli`: the command-line client. It knows nothing of the server but its protocol, so it works with every
//! server that speaks RESP, and other clients work with Larder; but it looks at files as the server would ([`snapshot`], [`append_only`]).
//!
//! [`options`] decides what to do; [`session`] runs commands over a [`connection`] and prints with [`output`]; the
//! other modules are the modes: [`repl`] with [`docs`] and [`hint`], [`keys`], [`stats`], [`pipe`], [`transfer`], [`migrate`], [`manager`].
//!
//! Blocking sockets and one thread: a client has nothing else to do while it waits.

mod append_only;
mod connection;
mod docs;
mod hint;
mod keys;
mod manager;
mod migrate;
mod options;
mod output;
mod pipe;
mod repl;
mod session;
mod settings;
mod snapshot;
mod stats;
mod stop;
mod transfer;
mod uri;

use std::io;
use std::path::Path;
use std::process::ExitCode;

use session::Session;
use settings::{Mode, Settings};
use stop::{Stop, complain, fail};

/// Runs the client with the process's arguments.
///
/// The exit status is 0, or 1 when the server could not be reached, the command line is wrong, or, with `-e`, the
/// command failed.
pub fn main() -> ExitCode {
    match options::parse(std::env::args_os()).and_then(run) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Stop::Exit(status)) => ExitCode::from(status),
        // Whoever read the output has had enough.
        Err(Stop::Io(error)) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(Stop::Io(error)) => {
            complain(format_args!("Error: {}", connection::describe(&error)));
            ExitCode::FAILURE
        }
    }
}

fn run(settings: Settings) -> Result<(), Stop> {
    let mode = settings.mode.clone();
    let mut session = Session::new(settings);
    match mode {
        Mode::Manager(wish) => manager::run(&session.settings, &wish),
        Mode::Repl => repl::run(&mut session),
        Mode::Command(command) => one_command(&mut session, command),
        Mode::Eval(file, args) => {
            let command = eval_command(&file, args)?;
            session.connected()?;
            one_command(&mut session, command)
        }
        Mode::Scan => keys::scan(&mut session),
        Mode::BigKeys => keys::biggest(&mut session, keys::Measure::Elements),
        Mode::MemKeys(samples) => keys::biggest(&mut session, keys::Measure::Memory(samples)),
        Mode::Stat => stats::stat(&mut session),
        Mode::Latency { history } => stats::latency(&mut session, history),
        Mode::Pipe(timeout) => pipe::run(&mut session, timeout),
        Mode::Replica => transfer::replica(&mut session),
        Mode::Snapshot(look, file) => snapshot::run(look, &file),
        Mode::AppendOnly(wish) => append_only::run(&wish),
        Mode::Migrate(wish) => migrate::run(session, &wish),
        Mode::Rdb { file, functions_only } => transfer::rdb(&mut session, &file, functions_only),
    }
}

/// Runs a command as often as the settings say, and prints messages for ever if it subscribed.
fn one_command(session: &mut Session, mut command: Vec<Vec<u8>>) -> Result<(), Stop> {
    if command[0].eq_ignore_ascii_case(b"help") || command[0] == b"?" {
        return docs::Docs::load(session)?.print_help(&command[1..]);
    }
    options::fill_from_stdin(&mut command, &session.settings.from_stdin)?;
    let repeat = session.settings.repeat;
    if !session.run(&command, repeat)? {
        return Err(Stop::Exit(1));
    }
    while session.is_subscribed() {
        if let Err(error) = session.print_messages(true)? {
            return Err(fail(format_args!("Error: {error}")));
        }
    }
    Ok(())
}

/// EVAL with the script in `file`; a lone comma separates keys from arguments.
fn eval_command(file: &Path, args: Vec<Vec<u8>>) -> Result<Vec<Vec<u8>>, Stop> {
    let script = std::fs::read(file)
        .map_err(|error| fail(format_args!("Can't open file '{}': {}", file.display(), connection::describe(&error))))?;
    let keys = args.iter().position(|arg| arg == b",").unwrap_or(args.len());
    let mut command = vec![b"EVAL".to_vec(), script, keys.to_string().into()];
    command.extend(args.into_iter().enumerate().filter(|(index, _)| *index != keys).map(|(_, arg)| arg));
    Ok(command)
}
