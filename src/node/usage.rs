//! What the program says of itself when it is asked: `--version` and `--help`.

use crate::base::version::{LARDER, VALKEY};

const USAGE: &str = "\
Usage: larder-server [/path/to/larder.conf] [options] [-]
       larder-server - (read config from stdin)
       larder-server -v or --version
       larder-server -h or --help

Every option of the configuration file can be given as --name value. Later places win: the file, then
stdin, then the command line.

Examples:
       larder-server (run the server with default conf)
       echo 'maxmemory 128mb' | larder-server -
       larder-server /etc/larder/6379.conf
       larder-server --port 7777
       larder-server --port 7777 --cluster-enabled yes --cluster-autopilot yes
       larder-server /etc/larder.conf --loglevel verbose -
       larder-server /etc/larder.conf --loglevel verbose
";

/// The answer to a command line that asks for one, as Valkey recognises it: by its first argument.
pub(super) fn answer(args: &[String]) -> Option<String> {
    match args.first()?.as_str() {
        "-v" | "--version" => Some(version()),
        "-h" | "--help" => Some(USAGE.to_owned()),
        _ => None,
    }
}

/// In the shape that scripts around Valkey take apart.
fn version() -> String {
    format!("Larder server v={LARDER} valkey={VALKEY} malloc=mimalloc bits={}\n", usize::BITS)
}
