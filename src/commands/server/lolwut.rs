//! LOLWUT: a larder of jars drawn with characters, different each time, and the version.

use crate::base::rng::{self, Rng};
use crate::base::{number, version};
use crate::engine::context::{Args, CmdResult, Context, is_word};
use crate::engine::error::CmdError;
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, Run, SPEC, acl, flag};

pub(crate) static LOLWUT: CommandSpec = CommandSpec {
    name: "lolwut",
    arity: -1,
    flags: flag::READONLY | flag::FAST,
    acl: acl::FAST | acl::READ,
    args: &[Arg { name: "version", kind: ArgKind::Integer, token: "VERSION", optional: true, ..ARG }],
    run: Run::Data(exec),
    docs: Docs { summary: "Draws something, and tells the version", complexity: "", since: "5.0.0", group: "server", ..DOCS },
    ..SPEC
};

const SHELVES_DEFAULT: i64 = 2;
const SHELVES_MAX: i64 = 8;
const JARS_DEFAULT: i64 = 6;
const JARS_MAX: i64 = 12;

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let mut rest = &args[1..];
    if let [word, version, ..] = rest
        && is_word(word, "VERSION")
    {
        // Which drawing a version had does not matter here, but that it is a number does.
        number::parse_i64(version).ok_or(CmdError::NotInteger)?;
        rest = &rest[2..];
    }
    let sizes = rest.iter().map(|arg| number::parse_i64(arg).ok_or(CmdError::NotInteger)).collect::<Result<Vec<i64>, _>>()?;
    let size = |at: usize, default: i64, most: i64| sizes.get(at).copied().unwrap_or(default).clamp(1, most) as usize;
    let drawing = draw(size(0, SHELVES_DEFAULT, SHELVES_MAX), size(1, JARS_DEFAULT, JARS_MAX), &mut Rng::new(rng::process_seed()));
    let compatible = if context.config.extended_redis_compatibility { ("Redis", version::REDIS) } else { ("Valkey", version::VALKEY) };
    let text = format!("{drawing}\nLarder {}, compatible with {} ver. {}\n", version::LARDER, compatible.0, compatible.1);
    context.reply.verbatim("txt", text.as_bytes());
    Ok(())
}

/// Shelves of jars, each filled to its own height with something.
fn draw(shelves: usize, jars: usize, rng: &mut Rng) -> String {
    const FILLINGS: &[u8] = b".:oO%#*~";
    const LEVELS: u64 = 4;
    let mut text = String::new();
    for _ in 0..shelves {
        let contents: Vec<(u64, char)> =
            (0..jars).map(|_| (rng.below(LEVELS + 1), FILLINGS[rng.below(FILLINGS.len() as u64) as usize] as char)).collect();
        text.push_str(&"  .____. ".repeat(jars));
        text.push('\n');
        for level in (0..LEVELS).rev() {
            for (height, filling) in &contents {
                let inside = if *height > level { filling.to_string().repeat(4) } else { " ".repeat(4) };
                text.push_str(&format!("  |{inside}| "));
            }
            text.push('\n');
        }
        text.push_str(&"  '----' ".repeat(jars));
        text.push('\n');
        text.push_str(&"=========".repeat(jars));
        text.push('\n');
    }
    text
}
