//! Random requests that follow from the commands' specifications: a command is covered as soon as its specification is in a family's list.
//!
//! A request is made by walking [`CommandSpec::args`](larder::engine::spec::CommandSpec::args). Three of four are clean: every argument is
//! typical of its kind, every word stands in its place. The others have edge values, and words that are missing, doubled, moved or
//! foreign. What exists is remembered from what replies told ([`Generator::learn_type`], [`Generator::learn_outcome`]), so that commands
//! mostly meet keys of the type they work on, and keys with which they have succeeded before (an INCR, for one, numbers).
//!
//! The same choices give the same requests as long as the replies are the same.

use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

use larder::engine::spec::{Arg, ArgKind, FindKeys, flag, key_flag};

use super::catalog::Command;
use super::compare::is_defined;
use super::contents::Content;
use super::values::{self, Choices, EVERY_LEN_MAX, Meaning, Passing};

/// Connections that requests come from.
pub(crate) const CONNECTIONS: usize = 3;
/// Databases that are mostly worked in.
pub(crate) const DATABASES: u8 = 3;

/// The keys, each with the type it is mostly given. Few, so that commands meet; one is longer than what is kept in place.
const NAMES: &[(&str, &str)] = &[
    ("string1", "string"),
    ("string2", "string"),
    ("number", "string"),
    ("a-key-whose-name-is-longer-than-most-others-are-in-any-test", "string"),
    ("list1", "list"),
    ("list2", "list"),
    ("set1", "set"),
    ("set2", "set"),
    ("zset1", "zset"),
    ("zset2", "zset"),
    ("hash1", "hash"),
    ("hash2", "hash"),
    ("stream1", "stream"),
    ("stream2", "stream"),
];

/// Its beginnings are further names, one of each length up to [`EVERY_LEN_MAX`], the empty one among them.
const OF_EVERY_LENGTH: &str = "0123456789-0123456789-0123456789-0123456789";

fn of_every_length() -> impl Iterator<Item = &'static str> {
    (0..=EVERY_LEN_MAX as usize).map(|len| &OF_EVERY_LENGTH[..len])
}

/// Keys remembered per command.
const REMEMBERED_MAX: usize = 4;
/// How many of a hundred optional arguments stand there; and in a command that is to succeed at last, since many exclude each other.
const OPTIONAL_PERCENT: u64 = 35;
const OPTIONAL_OF_SOUGHT_PERCENT: u64 = 10;
/// How many of a hundred commands are taken from those that lack successes.
const SOUGHT_PERCENT: u64 = 10;
/// Tries without a success after which a command is taken for one that has none, such as those of a cluster without one.
const HOPELESS_MIN: u64 = 200;
/// Repetitions of an argument that may be repeated.
const REPEATED_MAX: u64 = 4;
/// How often an argument that may be repeated fills a collection, one time in this many, and with how many: the numbers up to which
/// collections are compact, with one less and one more.
const FILLING_BOUND: u64 = 300;
const FILLING: &[u64] = &[127, 128, 129, 511, 512, 513];
/// How many of a hundred arguments meet what is there, if that is known, or are again what was said before in the same request.
const MET_PERCENT: u64 = 35;
const AGAIN_PERCENT: u64 = 8;
/// How many of a hundred keys are again the one before, so that source and destination are the same.
const SAME_KEY_PERCENT: u64 = 10;
/// Commands inside a transaction.
const QUEUED_MAX: u64 = 8;

/// One request.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) words: Vec<Vec<u8>>,
    /// The command it began as, by its number in the catalog.
    pub(crate) command: usize,
    /// The keys it names.
    pub(crate) keys: Vec<&'static str>,
    /// One of them exists with the type that the command works on, as far as is known.
    pub(crate) is_on_existing: bool,
    /// Whether one of them goes by itself.
    pub(crate) passing: Passing,
    /// Its words are out of order, and one of them may have become an expiry: look for it.
    pub(crate) may_expire: bool,
    /// How long it waits, if nothing comes.
    pub(crate) waits_ms: Option<u64>,
}

/// What is known of a connection.
#[derive(Debug, Clone, Copy, Default)]
struct Connection {
    database: u8,
    in_transaction: bool,
    /// Requests before EXEC.
    left: u64,
}

/// Makes requests.
pub(crate) struct Generator<C> {
    pub(crate) choose: C,
    commands: Rc<[Command]>,
    /// How often each is taken, and the sum.
    weights: Vec<u64>,
    weight: u64,
    /// Types by database and name.
    types: BTreeMap<(u8, &'static str), String>,
    contents: BTreeMap<(u8, &'static str), Content>,
    /// Keys with which a command succeeded lately, by the command's number.
    remembered: Vec<VecDeque<&'static str>>,
    successes: Vec<u64>,
    failures: Vec<u64>,
    /// Successes that each command should reach: some of the tries go to those that have not.
    pub(crate) wanted: u64,
    connections: [Connection; CONNECTIONS],
}

/// A request in the making.
struct Draft {
    words: Vec<Vec<u8>>,
    keys: Vec<&'static str>,
    is_on_existing: bool,
    passing: Passing,
    /// Arguments may be odd.
    is_edgy: bool,
    /// How many of a hundred optional arguments stand there.
    optional_percent: u64,
    may_pass: bool,
    command: usize,
    database: u8,
    /// The values so far, by the argument's name.
    said: Vec<(&'static str, Vec<u8>)>,
    /// The next member of a collection that is filled.
    filling: Option<u64>,
    waits_ms: Option<u64>,
    /// How often the next repeated argument stands there, if an argument before it said that.
    announced: Option<u64>,
}

impl<C: Choices> Generator<C> {
    /// A generator of requests for these commands, of which there is at least one.
    pub(crate) fn new(choose: C, commands: Rc<[Command]>) -> Generator<C> {
        let weights: Vec<u64> = commands.iter().map(|command| command.weight).collect();
        let weight = weights.iter().sum();
        let remembered = vec![VecDeque::new(); commands.len()];
        let (successes, failures) = (vec![0; commands.len()], vec![0; commands.len()]);
        let (types, contents, connections) = (BTreeMap::new(), BTreeMap::new(), Default::default());
        Generator { choose, weights, weight, types, contents, remembered, successes, failures, wanted: 0, connections, commands }
    }

    /// The commands.
    pub(crate) fn commands(&self) -> &[Command] {
        &self.commands
    }

    /// Makes no more requests of a command, unless it is the last one.
    pub(crate) fn stop_using(&mut self, command: usize) {
        let weight = &mut self.weights[command];
        if self.weight > *weight {
            self.weight -= *weight;
            *weight = 0;
        }
    }

    /// The names that keys have.
    pub(crate) fn names() -> impl Iterator<Item = &'static str> {
        NAMES.iter().map(|(name, _)| *name).chain(of_every_length())
    }

    /// The database that a connection works in, as far as is known.
    pub(crate) fn database(&self, connection: usize) -> u8 {
        self.connections[connection].database
    }

    /// Everything is as on servers that just started.
    pub(crate) fn forget_all(&mut self) {
        self.types.clear();
        self.contents.clear();
        self.connections = Default::default();
    }

    /// What TYPE says of a key.
    pub(crate) fn learn_type(&mut self, database: u8, name: &'static str, key_type: &str) {
        let known = self.types.get(&(database, name)).map_or("none", String::as_str);
        if known != key_type {
            self.contents.remove(&(database, name));
        }
        if key_type == "none" {
            self.types.remove(&(database, name));
        } else {
            self.types.insert((database, name), key_type.to_owned());
        }
    }

    /// What a key holds.
    pub(crate) fn learn_content(&mut self, database: u8, name: &'static str, content: Content) {
        self.contents.insert((database, name), content);
    }

    /// A request of a command succeeded or not.
    pub(crate) fn learn_outcome(&mut self, command: usize, keys: &[&'static str], is_success: bool) {
        let remembered = &mut self.remembered[command];
        if is_success {
            self.successes[command] += 1;
            for key in keys.iter().copied() {
                remembered.retain(|name| *name != key);
                remembered.push_front(key);
            }
            remembered.truncate(REMEMBERED_MAX);
        } else {
            self.failures[command] += 1;
            remembered.retain(|name| !keys.contains(name));
        }
    }

    /// The next request of a connection.
    pub(crate) fn request(&mut self, connection: usize) -> Request {
        let state = self.connections[connection];
        let named = match state {
            Connection { in_transaction: true, left: 0, .. } if self.choose.chance(85) => Some("exec"),
            Connection { in_transaction: true, left: 0, .. } => Some("discard"),
            Connection { in_transaction: false, .. } if self.choose.chance(1) => Some("multi"),
            _ => None,
        };
        let plain = named.and_then(|name| self.commands.iter().position(|command| command.name == name));
        let request = loop {
            let request = match plain {
                Some(command) => self.plain(command),
                None => self.any(connection),
            };
            if is_defined(&self.commands[request.command].name, &request.words) {
                break request;
            }
        };
        self.follow(connection, &request);
        request
    }

    /// A command without arguments.
    fn plain(&self, command: usize) -> Request {
        let words = self.commands[command].words.iter().map(|word| word.as_bytes().to_vec()).collect();
        Request { words, command, keys: Vec::new(), is_on_existing: false, passing: Passing::Nothing, may_expire: false, waits_ms: None }
    }

    /// Follows what a request does to its connection, if it succeeds.
    fn follow(&mut self, connection: usize, request: &Request) {
        let words: Vec<String> = request.words.iter().take(2).map(|word| String::from_utf8_lossy(word).to_ascii_lowercase()).collect();
        let state = &mut self.connections[connection];
        state.left = state.left.saturating_sub(1);
        match (words[0].as_str(), request.words.len()) {
            ("multi", 1) if !state.in_transaction => {
                state.in_transaction = true;
                state.left = 1 + self.choose.below(QUEUED_MAX);
            }
            ("exec" | "discard", 1) => state.in_transaction = false,
            ("reset", 1) => *state = Connection::default(),
            // Inside a transaction it comes later, if at all; then what is known of the types is wrong for a while, which is no harm.
            ("select", 2) => state.database = words[1].parse().ok().filter(|database| *database < DATABASES).unwrap_or(state.database),
            _ => {}
        }
    }

    /// A request of any command.
    fn any(&mut self, connection: usize) -> Request {
        let sought = self.sought();
        let command = sought.unwrap_or_else(|| self.pick_fairly());
        let state = self.connections[connection];
        if state.in_transaction && self.commands[command].is_random {
            return self.any(connection);
        }
        let is_edgy = sought.is_none() && self.choose.chance(25);
        let mut draft = Draft {
            words: Vec::new(),
            keys: Vec::new(),
            is_on_existing: false,
            passing: Passing::Nothing,
            is_edgy,
            optional_percent: if sought.is_some() { OPTIONAL_OF_SOUGHT_PERCENT } else { OPTIONAL_PERCENT },
            // What goes inside a transaction might go before its end, or not; and a hash goes when somebody finds that its last field has.
            may_pass: !state.in_transaction && self.commands[command].spec.docs.group != "hash",
            command,
            database: state.database,
            said: Vec::new(),
            filling: None,
            waits_ms: None,
            announced: None,
        };
        let lower = self.choose.chance(50);
        let words = self.commands[command].words.iter();
        draft.words = words.map(|word| if lower { word.to_string() } else { word.to_ascii_uppercase() }.into_bytes()).collect();
        self.arguments(&mut draft, self.commands[command].spec.args);
        // Moved words may become an expiry that ends inside a transaction, or a timeout that never does.
        let spec = self.commands[command].spec;
        let may_move = if state.in_transaction { !self.commands[command].sets_expiry } else { spec.flags & flag::BLOCKING == 0 };
        let is_moved = draft.is_edgy && may_move && self.choose.chance(35);
        if is_moved {
            self.derange(&mut draft);
        }
        if !self.commands[command].may_have_zeros {
            draft.words.iter_mut().flatten().filter(|byte| **byte == 0).for_each(|byte| *byte = b'0');
        }
        Request {
            words: draft.words,
            command,
            keys: draft.keys,
            is_on_existing: draft.is_on_existing,
            passing: draft.passing,
            may_expire: is_moved && self.commands[command].sets_expiry,
            // In a transaction nothing waits.
            waits_ms: draft.waits_ms.filter(|_| !state.in_transaction && spec.flags & flag::BLOCKING != 0),
        }
    }

    /// Now and then a command that lacks successes.
    fn sought(&mut self) -> Option<usize> {
        if self.wanted == 0 || !self.choose.chance(SOUGHT_PERCENT) {
            return None;
        }
        let is_hopeless = |command: usize| self.successes[command] == 0 && self.failures[command] >= HOPELESS_MIN;
        let lacks = |command: &usize| self.weights[*command] > 0 && self.successes[*command] < self.wanted && !is_hopeless(*command);
        let lacking: Vec<usize> = (0..self.commands.len()).filter(lacks).collect();
        (!lacking.is_empty()).then(|| self.choose.one_of(&lacking))
    }

    /// A command, by weight, but rather one that seldom succeeds.
    fn pick_fairly(&mut self) -> usize {
        let (first, second) = (self.pick(), self.pick());
        // Of two, mostly the one that has succeeded less often: so commands that succeed rarely get more tries.
        let is_behind = self.successes[second] < self.successes[first] && self.weights[second] >= self.weights[first];
        if is_behind && self.choose.chance(60) { second } else { first }
    }

    /// A command, by weight.
    fn pick(&mut self) -> usize {
        let mut at = self.choose.below(self.weight);
        for (number, weight) in self.weights.iter().enumerate() {
            match at.checked_sub(*weight) {
                Some(rest) => at = rest,
                None => return number,
            }
        }
        unreachable!("the weights' sum is known")
    }

    fn arguments(&mut self, draft: &mut Draft, args: &'static [Arg]) {
        for (at, arg) in args.iter().enumerate() {
            // A number that says how many follow: it must be right, mostly.
            let announces = arg.name.starts_with("num") && args.get(at + 1).is_some_and(|next| next.multiple);
            if announces {
                let count = 1 + self.choose.below(REPEATED_MAX);
                self.token(draft, arg);
                let word =
                    if self.is_odd(draft) { values::edge(&mut self.choose, arg.kind, Meaning::Count) } else { count.to_string().into() };
                draft.words.push(word);
                draft.announced = Some(count);
                continue;
            }
            if arg.name == "command" && args.get(at + 1).is_some_and(|next| next.name == "arg") {
                return self.nested(draft);
            }
            self.argument(draft, arg);
        }
    }

    /// A whole request in place of arguments that are one.
    fn nested(&mut self, draft: &mut Draft) {
        let command = self.pick();
        let (outer, announced) = (std::mem::replace(&mut draft.command, command), draft.announced.take());
        let spec = self.commands[command].spec;
        // One level is enough.
        if spec.keys.is_empty() {
            draft.words.push(b"get".to_vec());
        } else {
            draft.words.extend(self.commands[command].words.iter().map(|word| word.as_bytes().to_vec()));
            self.arguments(draft, spec.args);
        }
        (draft.command, draft.announced) = (outer, announced);
    }

    fn argument(&mut self, draft: &mut Draft, arg: &'static Arg) {
        if !arg.optional || self.choose.chance(draft.optional_percent) {
            self.repeated(draft, arg);
        }
    }

    fn repeated(&mut self, draft: &mut Draft, arg: &'static Arg) {
        let may_fill = arg.multiple && !arg.multiple_token && draft.announced.is_none() && !matches!(arg.kind, ArgKind::Key(_));
        let count = match () {
            () if !arg.multiple => 1,
            () if may_fill && self.choose.below(FILLING_BOUND) == 0 => {
                draft.filling = Some(0);
                self.choose.one_of(FILLING)
            }
            () => draft.announced.take().unwrap_or_else(|| 1 + self.choose.below(REPEATED_MAX)),
        };
        for repetition in 0..count {
            if repetition == 0 || arg.multiple_token {
                self.token(draft, arg);
            }
            self.body(draft, arg);
        }
        draft.filling = None;
        let spec = self.commands[draft.command].spec;
        if arg.multiple
            && let ArgKind::Key(number) = arg.kind
            && spec.keys.get(number).is_some_and(|keys| matches!(keys.find, FindKeys::Range { limit: 2.., .. }))
        {
            // The keys are only a part of what repeats: as much belongs to them.
            draft.announced = Some(count);
        }
    }

    /// The word that introduces an argument.
    fn token(&mut self, draft: &mut Draft, arg: &Arg) {
        if !arg.token.is_empty() {
            let word = if self.choose.chance(20) { arg.token.to_ascii_lowercase() } else { arg.token.to_owned() };
            draft.words.push(word.into_bytes());
        }
    }

    fn body(&mut self, draft: &mut Draft, arg: &'static Arg) {
        match arg.kind {
            // Its token was all.
            ArgKind::PureToken => {}
            ArgKind::OneOf(choices) => {
                let at = self.choose.below(choices.len() as u64) as usize;
                self.repeated(draft, &choices[at]);
            }
            ArgKind::Block(parts) => self.arguments(draft, parts),
            ArgKind::Key(number) => {
                let name = self.key(draft, number);
                draft.words.push(name.into());
                draft.keys.push(name);
            }
            _ => self.plain_value(draft, arg),
        }
    }

    fn is_odd(&mut self, draft: &Draft) -> bool {
        draft.is_edgy && self.choose.chance(50)
    }

    fn plain_value(&mut self, draft: &mut Draft, arg: &Arg) {
        let meaning = values::meaning(arg, self.commands[draft.command].spec.docs.group);
        if self.is_odd(draft) {
            return draft.words.push(values::edge(&mut self.choose, arg.kind, meaning));
        }
        if let Some(word) = self.met(draft, arg, meaning) {
            return draft.words.push(word);
        }
        let (word, passing) = values::typical(&mut self.choose, arg.kind, meaning, draft.may_pass);
        if meaning == Meaning::Timeout {
            let ms_per_unit = if matches!(arg.kind, ArgKind::Double) { 1000.0 } else { 1.0 };
            draft.waits_ms =
                std::str::from_utf8(&word).ok().and_then(|text| text.parse::<f64>().ok()).map(|time| (time * ms_per_unit) as u64);
        }
        draft.said.push((arg.name, word.clone()));
        draft.words.push(word);
        if passing == Passing::Soon {
            draft.passing = Passing::Soon;
        }
    }

    /// An argument that fills a collection, is the same as one before, or meets what a key holds.
    fn met(&mut self, draft: &mut Draft, arg: &Arg, meaning: Meaning) -> Option<Vec<u8>> {
        let is_element = meaning == Meaning::Member || meaning == Meaning::Kind && matches!(arg.kind, ArgKind::String);
        if let Some(number) = draft.filling.filter(|_| is_element) {
            draft.filling = Some(number + 1);
            return Some(number.to_string().into());
        }
        // What is new to a group becomes pending, on which most other commands of groups rest.
        if meaning == Meaning::StreamId && self.commands[draft.command].name == "xreadgroup" && self.choose.chance(60) {
            return Some(b">".to_vec());
        }
        if self.choose.chance(AGAIN_PERCENT) {
            let before = draft.said.iter().rfind(|(name, _)| *name == arg.name);
            if let (false, Some((_, word))) = (is_time(meaning), before) {
                return Some(word.clone());
            }
        }
        if !self.choose.chance(MET_PERCENT) {
            return None;
        }
        let content = self.contents.get(&(draft.database, *draft.keys.last()?))?;
        content.meet(&mut self.choose, arg.kind, meaning)
    }

    /// A key for a command's key specification of this number.
    fn key(&mut self, draft: &mut Draft, number: usize) -> &'static str {
        if let Some(name) = draft.keys.last().copied().filter(|_| self.choose.chance(SAME_KEY_PERCENT)) {
            return name;
        }
        let command = &self.commands[draft.command];
        let is_destination = command.spec.keys.get(number).is_some_and(|spec| spec.flags & key_flag::OW != 0);
        let (wanted, database) = (command.key_type, draft.database);
        let fits = |types: &BTreeMap<(u8, &'static str), String>, name| {
            types.get(&(database, name)).is_some_and(|known| wanted.is_none_or(|wanted| wanted == known))
        };
        let home: Vec<&'static str> =
            NAMES.iter().filter(|(_, home)| wanted.is_none_or(|wanted| wanted == *home)).map(|(name, _)| *name).collect();
        let existing: Vec<&'static str> = Self::names().filter(|name| fits(&self.types, name)).collect();
        let remembered: Vec<&'static str> =
            self.remembered[draft.command].iter().copied().filter(|name| is_destination || fits(&self.types, name)).collect();
        let name = match self.choose.below(100) {
            0..45 if !remembered.is_empty() => self.choose.one_of(&remembered),
            0..75 if !existing.is_empty() && !is_destination => self.choose.one_of(&existing),
            0..95 if !home.is_empty() => self.choose.one_of(&home),
            ..97 => self.choose.one_of(NAMES).0,
            _ => &OF_EVERY_LENGTH[..self.choose.below(EVERY_LEN_MAX + 1) as usize],
        };
        draft.is_on_existing |= fits(&self.types, name);
        name
    }

    /// Spoils the order of a request's words.
    fn derange(&mut self, draft: &mut Draft) {
        let first = self.commands[draft.command].words.len();
        let words = &mut draft.words;
        let at = |choose: &mut C, len: usize| first + choose.below((len - first).max(1) as u64) as usize;
        let len = words.len();
        match self.choose.below(7) {
            0 if len > first => drop(words.pop()),
            1 if len > first => drop(words.remove(at(&mut self.choose, len))),
            2 if len > first => {
                let word = words[at(&mut self.choose, len)].clone();
                words.insert(at(&mut self.choose, len), word);
            }
            3 if len > first + 1 => {
                let (one, other) = (at(&mut self.choose, len), at(&mut self.choose, len));
                words.swap(one, other);
            }
            4 => words.push(values::edge(&mut self.choose, ArgKind::String, Meaning::Kind)),
            5 => {
                let mut tokens = Vec::new();
                collect_tokens(self.commands[draft.command].spec.args, &mut tokens);
                if !tokens.is_empty() {
                    let token = self.choose.one_of(&tokens);
                    words.insert(at(&mut self.choose, len).min(len), token.into());
                }
            }
            _ if len > first => {
                let number = at(&mut self.choose, len);
                words[number] = values::edge(&mut self.choose, ArgKind::String, Meaning::Kind);
            }
            _ => {}
        }
    }
}

/// True for what lasts from the moment of its request on.
fn is_time(meaning: Meaning) -> bool {
    matches!(meaning, Meaning::Seconds | Meaning::Milliseconds | Meaning::Timeout)
}

/// All words that stand for themselves in a grammar.
fn collect_tokens(args: &[Arg], tokens: &mut Vec<&'static str>) {
    for arg in args {
        if !arg.token.is_empty() {
            tokens.push(arg.token);
        }
        if let ArgKind::OneOf(parts) | ArgKind::Block(parts) = arg.kind {
            collect_tokens(parts, tokens);
        }
    }
}
