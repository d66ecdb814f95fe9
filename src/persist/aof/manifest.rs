//! The manifest of an append only file: the list of its parts, as Redis 7 and Valkey write it.
//!
//! ```text
//! file appendonly.aof.2.base.rdb seq 2 type b      the data when the part with the next number began
//! file appendonly.aof.1.incr.aof seq 1 type h      history: no longer needed, and removed when it can be
//! file appendonly.aof.4.incr.aof seq 4 type i      what was changed then, part after part
//! ```
//!
//! Invariants:
//! * There is at most one base. The numbers of the parts that are read after it ascend, and there is always a next one.
//! * Names are no paths. No file is read twice. A new part has a name that no other part has, whatever numbers those have beside their names:
//!   it would be written over.

use crate::base::number::parse_i64;

/// Longest line.
const LINE_LEN_MAX: usize = 1024;
/// Highest number of a part that is read: there is a next one for longer than anything lasts.
const NUMBER_MAX: i64 = i64::MAX / 2;

/// What a part is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartKind {
    /// All data at one moment.
    Base,
    /// What was changed from then on.
    Increment,
    /// What others have replaced.
    History,
}

/// A part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// The name of its file.
    pub name: String,
    /// Its number among those of its kind.
    pub number: i64,
    /// What it is.
    pub kind: PartKind,
}

/// See the module's page.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Manifest {
    /// The base, if there is one.
    pub base: Option<Part>,
    /// The parts that are read after it, in order.
    pub increments: Vec<Part>,
    /// What can be removed.
    pub history: Vec<Part>,
}

/// Why a text is no manifest: what Valkey says, and which line it is about, from 1; 0 for none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason} (line {line})")]
pub struct BadManifest {
    /// Which line.
    pub line: usize,
    /// What is wrong with it.
    pub reason: &'static str,
}

impl Manifest {
    /// Reads a manifest.
    ///
    /// # Errors
    /// If the text is none.
    pub fn parse(text: &[u8]) -> Result<Manifest, BadManifest> {
        let mut manifest = Manifest::default();
        if text.is_empty() {
            return Err(BadManifest { line: 0, reason: "Found an empty AOF manifest" });
        }
        for (number, line) in text.split_inclusive(|byte| *byte == b'\n').enumerate() {
            manifest.add_line(line).map_err(|reason| BadManifest { line: number + 1, reason })?;
        }
        Ok(manifest)
    }

    fn add_line(&mut self, line: &[u8]) -> Result<(), &'static str> {
        const INVALID: &str = "Invalid AOF manifest file format";
        if line.starts_with(b"#") {
            return Ok(());
        }
        const TOO_LONG: &str = "The AOF manifest file contains too long line";
        if line.last() != Some(&b'\n') || line.len() > LINE_LEN_MAX {
            return Err(TOO_LONG);
        }
        let words = larder_proto::resp::split_args(line.trim_ascii()).filter(|words| !words.is_empty()).ok_or(INVALID)?;
        // What comes behind the three pairs that are known is for later versions.
        if words.len() < 6 || words.len() % 2 != 0 {
            return Err(INVALID);
        }
        let value = |name: &str| {
            let pair = words.chunks_exact(2).rev().find(|pair| pair[0].eq_ignore_ascii_case(name.as_bytes()));
            pair.map(|pair| &pair[1][..]).ok_or(INVALID)
        };
        let name = String::from_utf8(value("file")?.to_vec()).map_err(|_| INVALID)?;
        // The two names of folders as well: Valkey takes them for files and fails at reading them.
        if name.is_empty() || name.contains(['/', '\\']) || name == "." || name == ".." {
            return Err("File can't be a path, just a filename");
        }
        let number = parse_i64(value("seq")?).filter(|number| (1..=NUMBER_MAX).contains(number)).ok_or(INVALID)?;
        let kind = match value("type")?.first() {
            Some(b'b') => PartKind::Base,
            Some(b'i') => PartKind::Increment,
            Some(b'h') => PartKind::History,
            _ => return Err("Unknown AOF file type"),
        };
        let part = Part { name, number, kind };
        // It will be written again, and read: with a name that has to be quoted it gets longer.
        if part.line().len() > LINE_LEN_MAX {
            return Err(TOO_LONG);
        }
        if kind != PartKind::History && self.parts().any(|other| other.name == part.name) {
            return Err("Found a file that is listed twice");
        }
        match kind {
            PartKind::Base if self.base.is_some() => return Err("Found duplicate base file information"),
            PartKind::Base => self.base = Some(part),
            PartKind::History => self.history.push(part),
            PartKind::Increment if self.increments.last().is_some_and(|last| last.number >= number) => {
                return Err("Found a non-monotonic sequence number");
            }
            PartKind::Increment => self.increments.push(part),
        }
        Ok(())
    }

    /// The text of the manifest.
    pub fn text(&self) -> String {
        self.base.iter().chain(&self.history).chain(&self.increments).map(Part::line).collect()
    }

    /// The parts to be read, in order.
    pub fn parts(&self) -> impl Iterator<Item = &Part> {
        self.base.iter().chain(&self.increments)
    }

    /// The first name, from this number on, that no part has. With it comes its number.
    fn unused(&self, from: i64, name_of: impl Fn(i64) -> String) -> (String, i64) {
        let (mut number, mut name) = (from, name_of(from));
        while self.parts().chain(&self.history).any(|part| part.name == name) {
            number += 1;
            name = name_of(number);
        }
        (name, number)
    }

    /// Adds an increment behind the others, of a file whose name begins with `prefix`.
    pub fn add_increment(&mut self, prefix: &str) -> &Part {
        let number = self.increments.last().map_or(0, |part| part.number) + 1;
        let number =
            number.max(self.history.iter().filter(|part| part.name.contains(".incr.")).map(|part| part.number + 1).max().unwrap_or(1));
        let (name, number) = self.unused(number, |number| format!("{prefix}.{number}.incr.aof"));
        self.increments.push(Part { name, number, kind: PartKind::Increment });
        self.increments.last().expect("it was added just now")
    }

    /// A base of this format in place of the one that is there, which becomes history, with all increments before the last `kept` ones.
    pub fn replace_base(&mut self, prefix: &str, format: &str, kept: usize) -> &Part {
        let number = self.base.as_ref().map_or(0, |part| part.number) + 1;
        let passed = self.increments.len().saturating_sub(kept);
        // What became history last comes first, as in Valkey.
        let gone = self.increments.drain(..passed).chain(self.base.take());
        let history = gone.map(|part| Part { kind: PartKind::History, ..part }).chain(std::mem::take(&mut self.history));
        self.history = history.collect();
        let (name, number) = self.unused(number, |number| format!("{prefix}.{number}.base.{format}"));
        self.base.insert(Part { name, number, kind: PartKind::Base })
    }
}

impl Part {
    /// Its line in the manifest.
    fn line(&self) -> String {
        let kind = match self.kind {
            PartKind::Base => 'b',
            PartKind::Increment => 'i',
            PartKind::History => 'h',
        };
        format!("file {} seq {} type {kind}\n", quoted(&self.name), self.number)
    }
}

/// The name as a word of the manifest.
fn quoted(name: &str) -> String {
    let is_plain = name.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\'' | b'\\'));
    if is_plain {
        return name.to_owned();
    }
    let mut text = String::from("\"");
    for byte in name.bytes() {
        match byte {
            b'"' | b'\\' => text.extend(['\\', char::from(byte)]),
            b'\n' => text.push_str("\\n"),
            b'\r' => text.push_str("\\r"),
            b'\t' => text.push_str("\\t"),
            0x07 => text.push_str("\\a"),
            0x08 => text.push_str("\\b"),
            b' '..=b'~' => text.push(char::from(byte)),
            _ => text.push_str(&format!("\\x{byte:02x}")),
        }
    }
    text.push('"');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_is_read_and_written_as_valkey_does() {
        let text = "file appendonly.aof.2.base.rdb seq 2 type b\nfile appendonly.aof.1.incr.aof seq 1 type h\n\
                    file appendonly.aof.4.incr.aof seq 4 type i\nfile \"with space\\x01\\\"\" seq 5 type i\n";
        let manifest = Manifest::parse(text.as_bytes()).expect("sound");
        assert_eq!(manifest.text(), text);
        let names: Vec<&str> = manifest.parts().map(|part| part.name.as_str()).collect();
        assert_eq!(names, ["appendonly.aof.2.base.rdb", "appendonly.aof.4.incr.aof", "with space\u{1}\""]);
        let later = "# a remark\nFILE a.1.incr.aof startoffset 5 SEQ 1 type i endoffset 9\n";
        let later = Manifest::parse(later.as_bytes()).expect("later versions may say more");
        assert_eq!(later.text(), "file a.1.incr.aof seq 1 type i\n");
    }

    #[test]
    fn what_is_no_manifest_is_refused_with_its_line() {
        let invalid = "Invalid AOF manifest file format";
        for (text, line, reason) in [
            ("", 0, "Found an empty AOF manifest"),
            ("file a seq 1 type i", 1, "The AOF manifest file contains too long line"),
            ("\n", 1, invalid),
            ("file a seq 1\n", 1, invalid),
            ("file a seq 0 type i\n", 1, invalid),
            ("file a seq 1 type i more\n", 1, invalid),
            ("seq 1 type i else where\n", 1, invalid),
            ("file ../a seq 1 type i\n", 1, "File can't be a path, just a filename"),
            ("file . seq 1 type i\n", 1, "File can't be a path, just a filename"),
            ("file .. seq 1 type i\n", 1, "File can't be a path, just a filename"),
            ("file a seq 1 type x\n", 1, "Unknown AOF file type"),
            ("file a seq 1 type b\nfile b seq 2 type b\n", 2, "Found duplicate base file information"),
            ("file a seq 2 type i\nfile b seq 2 type i\n", 2, "Found a non-monotonic sequence number"),
            ("file a seq 9223372036854775807 type i\n", 1, invalid),
            ("file a seq 1 type b\nfile a seq 2 type i\n", 2, "Found a file that is listed twice"),
        ] {
            assert_eq!(Manifest::parse(text.as_bytes()), Err(BadManifest { line, reason }), "{text}");
        }
        // The longest name that a file has: what is written has to be short enough to be read.
        let named = |byte: &str| Manifest::parse(format!("file \"{}\" seq 1 type i\n", byte.repeat(255)).as_bytes());
        let reason = "The AOF manifest file contains too long line";
        assert_eq!(named("\x0b"), Err(BadManifest { line: 1, reason }));
        let manifest = named(".").expect("it need not be quoted");
        assert_eq!(Manifest::parse(manifest.text().as_bytes()), Ok(manifest));
    }

    #[test]
    fn a_rewrite_makes_what_was_before_history() {
        let mut manifest = Manifest::default();
        manifest.replace_base("a.aof", "rdb", 0);
        assert_eq!(manifest.add_increment("a.aof").name, "a.aof.1.incr.aof");
        assert_eq!(manifest.add_increment("a.aof").name, "a.aof.2.incr.aof");
        assert_eq!(manifest.replace_base("a.aof", "aof", 1).name, "a.aof.2.base.aof");
        let expected = "file a.aof.2.base.aof seq 2 type b\nfile a.aof.1.incr.aof seq 1 type h\nfile a.aof.1.base.rdb seq 1 type h\n\
                        file a.aof.2.incr.aof seq 2 type i\n";
        assert_eq!(manifest.text(), expected);
        assert_eq!(manifest.add_increment("a.aof").number, 3);
    }

    #[test]
    fn a_new_part_has_a_name_that_no_other_has() {
        let text = "file a.aof.2.base.rdb seq 1 type b\nfile a.aof.3.base.rdb seq 1 type h\nfile a.aof.2.incr.aof seq 1 type i\n\
                    file a.aof.4.incr.aof seq 2 type i\n";
        let mut manifest = Manifest::parse(text.as_bytes()).expect("sound");
        let increment = manifest.add_increment("a.aof");
        assert_eq!((increment.name.as_str(), increment.number), ("a.aof.3.incr.aof", 3));
        assert_eq!(manifest.add_increment("a.aof").name, "a.aof.5.incr.aof");
        let base = manifest.replace_base("a.aof", "rdb", 1);
        assert_eq!((base.name.as_str(), base.number), ("a.aof.4.base.rdb", 4));
    }
}
