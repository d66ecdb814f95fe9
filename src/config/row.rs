//! One option: its name, type, range, default, where its value is kept, and whether this version honours it.
//!
//! A row is data. Everything that is done with options - reading the file, CONFIG GET, SET and REWRITE, the shipped
//! `config/larder.conf`, the compatibility table - is done by walking the rows.

use super::fields::Config;
use super::memory::{format_memory, parse_memory};
use super::value::Value;
use crate::base::number::parse_i64;

/// How far this version honours an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// The value does what its documentation says.
    Works,
    /// Accepted and remembered, but nothing depends on it; the text says why. Named in the log once at start when it was set.
    NoEffect(&'static str),
    /// Only the default is accepted, because the value would switch on what this version does not have; the text says what.
    Later(&'static str),
}

/// How a number is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A plain integer.
    Plain,
    /// Bytes, with an optional unit.
    Memory,
    /// Bytes with an optional unit, or a percentage, which is kept as a negative number.
    MemoryOrPercent,
    /// Bytes with an optional unit, or a negative integer with a meaning of its own.
    SignedMemory,
    /// An octal number.
    Octal,
}

/// An option whose text needs code of its own.
pub struct Custom {
    /// The default, as arguments. None at all leaves the field empty.
    pub default: &'static [&'static str],
    /// What may stand there, for the operator.
    pub allowed: &'static str,
    /// Takes the arguments over. `is_repeated`: the option already occurred in this start-up, so lists are extended.
    pub set: fn(&mut Config, args: &[String], is_repeated: bool) -> Result<(), String>,
    /// The value as CONFIG GET shows it.
    pub get: fn(&Config) -> String,
    /// The lines of CONFIG REWRITE without the option's name. None at all removes the option from the file.
    pub lines: fn(&Config) -> Vec<String>,
    /// Whether CONFIG REWRITE adds the lines to a file that had none, even when they say the default.
    pub is_always_written: bool,
}

/// Type, range and default of an option.
#[derive(Clone, Copy)]
pub enum Kind {
    /// `yes` or `no`.
    YesNo {
        /// Default.
        default: bool,
    },
    /// A number in a range, both ends included.
    Number {
        /// Least value.
        min: i128,
        /// Greatest value.
        max: i128,
        /// Default.
        default: i128,
        /// How it is written.
        form: Form,
    },
    /// Any string.
    Text {
        /// Default.
        default: &'static str,
        /// An empty value means "not set": CONFIG REWRITE then removes the option from the file.
        is_unset_when_empty: bool,
    },
    /// One word of a list.
    Word {
        /// The words.
        words: &'static [&'static str],
        /// Default.
        default: &'static str,
        /// Further spellings and the word each stands for.
        synonyms: &'static [(&'static str, &'static str)],
    },
    /// Any combination of words, each a bit of a number.
    WordSet {
        /// The words and their bits.
        words: &'static [(&'static str, u8)],
    },
    /// Anything else.
    Custom(&'static Custom),
}

/// Where the value is kept.
#[derive(Clone, Copy)]
pub enum Storage {
    /// In a field of [`Config`].
    Field {
        /// Reads the field.
        get: fn(&Config) -> Value,
        /// Writes the field.
        set: fn(&mut Config, Value),
    },
    /// By name, among the values that are only remembered.
    Kept,
    /// The functions of [`Custom`] know.
    Custom,
}

/// One option.
#[derive(Clone, Copy)]
pub struct Row {
    /// Name, in lower case.
    pub name: &'static str,
    /// Older name, accepted and shown everywhere beside the name.
    pub alias: Option<&'static str>,
    /// Type, range and default.
    pub kind: Kind,
    /// How far it is honoured.
    pub status: Status,
    /// What it does, for `config/larder.conf`.
    pub doc: &'static str,
    /// Value shown in `config/larder.conf` in place of the default, where the default would show nothing.
    pub example: Option<&'static str>,
    /// The default depends on the machine; the documentation says how.
    pub is_default_found_out: bool,
    /// May not change after start.
    pub is_immutable: bool,
    /// May not change after start, but CONFIG SET to the value it has is accepted: so that a client that sets every option
    /// to its current value, as Valkey's tests do, passes over options that Valkey does not have or lets change.
    pub is_fixed: bool,
    /// Takes several arguments.
    pub is_multi_arg: bool,
    /// Kept out of logs: MONITOR, the slow log and error messages show no value.
    pub is_sensitive: bool,
    /// CONFIG SET needs `enable-protected-configs`.
    pub is_protected: bool,
    /// CONFIG GET shows it only by its full name.
    pub is_hidden: bool,
    /// CONFIG SET is refused while a dataset is loading.
    pub is_denied_while_loading: bool,
    storage: Storage,
    pub(super) check: fn(Value) -> Result<Value, String>,
}

/// Makes the [`Storage`] of a field of [`Config`].
macro_rules! field {
    ($field:ident) => {
        $crate::config::row::Storage::Field {
            get: |config| $crate::config::value::Stored::to_value(&config.$field),
            set: |config, value| config.$field = $crate::config::value::Stored::from_value(value),
        }
    };
}
pub(super) use field;

/// Rows are written as a constructor for the type and a chain of what is unusual about the option.
impl Row {
    const fn new(name: &'static str, kind: Kind, storage: Storage) -> Self {
        Self {
            name,
            alias: None,
            kind,
            status: Status::Works,
            doc: "",
            example: None,
            is_default_found_out: false,
            is_immutable: false,
            is_fixed: false,
            is_multi_arg: matches!(kind, Kind::WordSet { .. }),
            is_sensitive: false,
            is_protected: false,
            is_hidden: false,
            is_denied_while_loading: false,
            storage,
            check: Ok,
        }
    }
    pub(super) const fn alias(mut self, alias: &'static str) -> Self {
        self.alias = Some(alias);
        self
    }
    pub(super) const fn doc(mut self, doc: &'static str) -> Self {
        self.doc = doc;
        self
    }
    pub(super) const fn example(mut self, example: &'static str) -> Self {
        self.example = Some(example);
        self
    }
    pub(super) const fn default_found_out(mut self) -> Self {
        self.is_default_found_out = true;
        self
    }
    pub(super) const fn no_effect(mut self, reason: &'static str) -> Self {
        self.status = Status::NoEffect(reason);
        self
    }
    pub(super) const fn later(mut self, reason: &'static str) -> Self {
        self.status = Status::Later(reason);
        self
    }
    pub(super) const fn immutable(mut self) -> Self {
        self.is_immutable = true;
        self
    }
    pub(super) const fn fixed(mut self) -> Self {
        self.is_fixed = true;
        self
    }
    pub(super) const fn multi_arg(mut self) -> Self {
        self.is_multi_arg = true;
        self
    }
    pub(super) const fn sensitive(mut self) -> Self {
        self.is_sensitive = true;
        self
    }
    pub(super) const fn protected(mut self) -> Self {
        self.is_protected = true;
        self
    }
    pub(super) const fn hidden(mut self) -> Self {
        self.is_hidden = true;
        self
    }
    pub(super) const fn denied_while_loading(mut self) -> Self {
        self.is_denied_while_loading = true;
        self
    }
    pub(super) const fn unset_when_empty(mut self) -> Self {
        if let Kind::Text { default, .. } = self.kind {
            self.kind = Kind::Text { default, is_unset_when_empty: true };
        }
        self
    }
    pub(super) const fn synonyms(mut self, more: &'static [(&'static str, &'static str)]) -> Self {
        if let Kind::Word { words, default, .. } = self.kind {
            self.kind = Kind::Word { words, default, synonyms: more };
        }
        self
    }
    /// Adds a check that may refuse a value or put a better one in its place.
    pub(super) const fn check(mut self, check: fn(Value) -> Result<Value, String>) -> Self {
        self.check = check;
        self
    }
}

/// A yes/no option.
pub(super) const fn yes_no(name: &'static str, default: bool, storage: Storage) -> Row {
    Row::new(name, Kind::YesNo { default }, storage)
}

/// An integer option.
pub(super) const fn number(name: &'static str, min: i128, max: i128, default: i128, storage: Storage) -> Row {
    in_form(name, min, max, default, Form::Plain, storage)
}

/// An option in bytes.
pub(super) const fn memory(name: &'static str, min: i128, max: i128, default: i128, storage: Storage) -> Row {
    in_form(name, min, max, default, Form::Memory, storage)
}

/// A number option in another form.
pub(super) const fn in_form(name: &'static str, min: i128, max: i128, default: i128, form: Form, storage: Storage) -> Row {
    assert!(min <= default && default <= max);
    Row::new(name, Kind::Number { min, max, default, form }, storage)
}

/// A string option.
pub(super) const fn text(name: &'static str, default: &'static str, storage: Storage) -> Row {
    Row::new(name, Kind::Text { default, is_unset_when_empty: false }, storage)
}

/// An option that is one of some words.
pub(super) const fn word(name: &'static str, words: &'static [&'static str], default: &'static str, storage: Storage) -> Row {
    Row::new(name, Kind::Word { words, default, synonyms: &[] }, storage)
}

/// An option that is a combination of words.
pub(super) const fn word_set(name: &'static str, words: &'static [(&'static str, u8)], storage: Storage) -> Row {
    Row::new(name, Kind::WordSet { words }, storage)
}

/// An option with code of its own.
pub(super) const fn custom(name: &'static str, custom: &'static Custom) -> Row {
    Row::new(name, Kind::Custom(custom), Storage::Custom)
}

impl Row {
    /// Puts the default into its place.
    pub(super) fn reset(&self, config: &mut Config) {
        let value = match self.kind {
            Kind::YesNo { default } => Value::YesNo(default),
            Kind::Number { default, .. } => Value::Number(default),
            Kind::Text { default, .. } => Value::Text(default.to_owned()),
            Kind::Word { default, .. } => Value::Word(default),
            Kind::WordSet { .. } => Value::Number(0),
            Kind::Custom(custom) => {
                let args: Vec<String> = custom.default.iter().map(|arg| (*arg).to_owned()).collect();
                if !args.is_empty() {
                    let taken = (custom.set)(config, &args, false);
                    assert!(taken.is_ok(), "the default of {} is valid", self.name);
                }
                return;
            }
        };
        self.store(config, value);
    }

    pub(super) fn store(&self, config: &mut Config, value: Value) {
        match self.storage {
            Storage::Field { set, .. } => set(config, value),
            Storage::Kept => config.keep(self.name, value),
            Storage::Custom => unreachable!("a custom option stores its value itself"),
        }
    }

    pub(super) fn value(&self, config: &Config) -> Value {
        match self.storage {
            Storage::Field { get, .. } => get(config),
            Storage::Kept => config.kept(self.name).clone(),
            Storage::Custom => unreachable!("a custom option reads its value itself"),
        }
    }

    pub(super) fn parse(&self, args: &[String]) -> Result<Value, String> {
        let first = args.first().map_or("", String::as_str);
        match self.kind {
            Kind::YesNo { .. } => parse_yes_no(first).map(Value::YesNo).ok_or_else(|| "argument must be 'yes' or 'no'".to_owned()),
            Kind::Number { min, max, form, .. } => {
                let number = parse_number(first, form)?;
                check_range(number, min, max, form)?;
                Ok(Value::Number(number))
            }
            Kind::Text { .. } => Ok(Value::Text(first.to_owned())),
            Kind::Word { words, synonyms, .. } => {
                let given = |word: &&str| args.len() == 1 && word.eq_ignore_ascii_case(first);
                let synonym = synonyms.iter().find(|(from, _)| given(from)).map(|(_, to)| *to);
                words.iter().copied().find(given).or(synonym).map(Value::Word).ok_or_else(|| self.word_error())
            }
            Kind::WordSet { words } => {
                if args.is_empty() {
                    return Err(self.word_error());
                }
                args.iter()
                    .try_fold(0_i128, |bits, arg| {
                        let found = words.iter().find(|(word, _)| word.eq_ignore_ascii_case(arg));
                        found.map(|(_, bit)| bits | i128::from(*bit)).ok_or_else(|| self.word_error())
                    })
                    .map(Value::Number)
            }
            Kind::Custom(_) => unreachable!("a custom option parses its value itself"),
        }
    }

    pub(super) fn words(&self) -> Vec<&'static str> {
        match self.kind {
            Kind::Word { words, synonyms, .. } => {
                // A synonym is listed after the word it stands for, as Valkey lists them.
                let with_synonyms = |word: &&'static str| {
                    let word = *word;
                    let more = synonyms.iter().filter(move |(_, to)| *to == word).map(|(from, _)| *from);
                    std::iter::once(word).chain(more)
                };
                words.iter().flat_map(with_synonyms).collect()
            }
            Kind::WordSet { words } => words.iter().map(|(word, _)| *word).collect(),
            _ => Vec::new(),
        }
    }

    fn word_error(&self) -> String {
        format!("argument(s) must be one of the following: {}", self.words().join(", "))
    }

    /// The value as CONFIG GET shows it.
    pub fn get(&self, config: &Config) -> String {
        if let Kind::Custom(custom) = self.kind {
            return (custom.get)(config);
        }
        match (self.value(config), self.kind) {
            (Value::YesNo(yes), _) => if yes { "yes" } else { "no" }.to_owned(),
            (Value::Text(text), _) => text,
            (Value::Word(word), _) => word.to_owned(),
            (Value::Number(bits), Kind::WordSet { words }) => format_word_set(bits, words),
            (Value::Number(number), Kind::Number { form: Form::Octal, .. }) => format!("{number:o}"),
            (Value::Number(number), Kind::Number { form: Form::MemoryOrPercent, .. }) if number < 0 => {
                format!("{}%", -number)
            }
            (Value::Number(number), _) => number.to_string(),
        }
    }

    /// What may stand there, for the operator.
    pub fn allowed(&self) -> String {
        match self.kind {
            Kind::YesNo { .. } => "yes or no".to_owned(),
            Kind::Number { min, max, form, .. } => describe_range(min, max, form),
            Kind::Text { .. } => "text, in quotes if it holds blanks".to_owned(),
            Kind::Word { .. } => format!("one of {}", self.words().join(", ")),
            Kind::WordSet { .. } => format!("one or more of {}", self.words().join(", ")),
            Kind::Custom(custom) => custom.allowed.to_owned(),
        }
    }
}

impl Form {
    pub(super) fn is_memory(self) -> bool {
        matches!(self, Self::Memory | Self::MemoryOrPercent | Self::SignedMemory)
    }
}

/// `yes` or `no`, in any case.
pub fn parse_yes_no(text: &str) -> Option<bool> {
    if text.eq_ignore_ascii_case("yes") {
        Some(true)
    } else if text.eq_ignore_ascii_case("no") {
        Some(false)
    } else {
        None
    }
}

fn parse_number(text: &str, form: Form) -> Result<i128, String> {
    let plain = || parse_i64(text.as_bytes()).map(i128::from);
    let memory = || parse_memory(text).map(i128::from);
    let percent = || {
        let digits = text.strip_suffix('%')?;
        parse_i64(digits.as_bytes()).filter(|percent| *percent >= 0).map(|percent| -i128::from(percent))
    };
    let octal = || i64::from_str_radix(text, 8).ok().map(i128::from);
    let (number, error) = match form {
        Form::Plain => (plain(), "argument couldn't be parsed into an integer"),
        Form::Memory => (memory(), "argument must be a memory value"),
        Form::SignedMemory => (memory().or_else(plain), "argument must be a memory value"),
        Form::MemoryOrPercent => (memory().or_else(percent), "argument must be a memory or percent value"),
        Form::Octal => (octal(), "argument couldn't be parsed as an octal number"),
    };
    number.ok_or_else(|| error.to_owned())
}

fn check_range(number: i128, min: i128, max: i128, form: Form) -> Result<(), String> {
    if form == Form::MemoryOrPercent && number < 0 {
        if number < min {
            return Err(format!("percentage argument must be less or equal to {}", -min));
        }
        return Ok(());
    }
    if (min..=max).contains(&number) {
        return Ok(());
    }
    Err(if form == Form::Octal {
        format!("argument must be between {min:o} and {max:o} inclusive")
    } else {
        format!("argument must be between {min} and {max} inclusive")
    })
}

fn format_word_set(bits: i128, words: &[(&str, u8)]) -> String {
    let set: Vec<&str> =
        words.iter().filter(|(_, bit)| if bits == 0 { *bit == 0 } else { bits & i128::from(*bit) != 0 }).map(|(word, _)| *word).collect();
    set.join(" ")
}

fn describe_range(min: i128, max: i128, form: Form) -> String {
    let is_open = max >= i128::from(i32::MAX);
    let range = |show: fn(i128) -> String| match (min, is_open) {
        (min, _) if min <= i128::from(i32::MIN) => String::new(),
        (0, true) => String::new(),
        (min, true) => format!(", at least {}", show(min)),
        (min, false) => format!(" from {} to {}", show(min), show(max)),
    };
    match form {
        Form::Plain if min < 0 => format!("an integer{}", range(|number| number.to_string())),
        Form::Plain => format!("a whole number{}", range(|number| number.to_string())),
        Form::Octal => format!("an octal number{}", range(|number| format!("{number:o}"))),
        Form::SignedMemory => "bytes, with an optional unit such as mb, or -1".to_owned(),
        Form::MemoryOrPercent => format!("bytes, with an optional unit such as mb, or a percentage of maxmemory up to {}%", -min),
        Form::Memory => {
            let bytes = |number| format_memory(u64::try_from(number).unwrap_or(0));
            format!("bytes, with an optional unit such as mb{}", range(bytes))
        }
    }
}
