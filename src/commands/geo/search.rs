//! The search for members within a shape: what GEOSEARCH, GEORADIUS and their kin share.
//!
//! The arguments are read while the source is open, since a member may stand for its position; which of several errors is told follows
//! from Valkey's order.

use larder_proto::resp::ReplyBuf;

use super::arguments::{length, position, reply_distance, reply_position, unit_m};
use crate::commands::sorted_set::access;
use crate::datatypes::geo::{Area, Position, Shape};
use crate::engine::context::{Args, CmdResult, Context, integer, is_word};
use crate::engine::error::CmdError;
use crate::engine::spec::{KeysAndFlags, key_flag};
use crate::keyspace::collection::Collection;
use crate::keyspace::effect::class;
use crate::keyspace::hash::KeyHasher;
use crate::keyspace::key::Key;
use crate::keyspace::value::zset::{Element, Limits, Zset, ZsetView};

/// Which command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// GEORADIUS: around a position; whether it may store.
    Radius(bool),
    /// GEORADIUSBYMEMBER: around a member; whether it may store.
    RadiusByMember(bool),
    /// GEOSEARCH.
    Search,
    /// GEOSEARCHSTORE.
    SearchStore,
}

impl Form {
    fn is_search(self) -> bool {
        matches!(self, Form::Search | Form::SearchStore)
    }

    fn may_name_target(self) -> bool {
        matches!(self, Form::Radius(true) | Form::RadiusByMember(true))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    None,
    Ascending,
    Descending,
}

struct Request<'a> {
    centre: Option<Position>,
    /// The centre is that of a member.
    from_member: bool,
    shape: Option<Shape>,
    unit_m: f64,
    with_distance: bool,
    with_hash: bool,
    with_position: bool,
    order: Order,
    /// 0: all.
    count: usize,
    any: bool,
    target: Option<&'a [u8]>,
    stores_distance: bool,
}

/// A member within the shape.
struct Hit<'z> {
    element: Element<'z>,
    position: Position,
    distance_m: f64,
}

/// What the source and the arguments say.
struct Parser<'p, 'a> {
    args: &'p Args<'a>,
    form: Form,
    zset: Option<ZsetView<'p>>,
    hasher: &'p KeyHasher,
    request: Request<'a>,
}

impl<'a> Parser<'_, 'a> {
    /// The position of a member; none if there is no source, whose members nobody knows.
    fn member(&self, member: &[u8]) -> Result<Option<Position>, CmdError> {
        let Some(zset) = self.zset else { return Ok(None) };
        match zset.score(member, self.hasher) {
            Some(score) => Ok(Some(Position::decode(score))),
            None => Err(CmdError::naming("member {} does not exist", member)),
        }
    }

    fn radius(&mut self, radius: &[u8], unit: &[u8]) -> Result<(), CmdError> {
        let radius = length(radius, "ERR need numeric radius")?;
        if radius < 0.0 {
            return Err(CmdError::coded("ERR radius cannot be negative"));
        }
        self.request.unit_m = unit_m(unit)?;
        self.request.shape = Some(Shape::Circle { radius });
        Ok(())
    }

    fn rectangle(&mut self, width: &[u8], height: &[u8], unit: &[u8]) -> Result<(), CmdError> {
        let width = length(width, "ERR need numeric width")?;
        let height = length(height, "ERR need numeric height")?;
        if width < 0.0 || height < 0.0 {
            return Err(CmdError::coded("ERR height or width cannot be negative"));
        }
        self.request.unit_m = unit_m(unit)?;
        self.request.shape = Some(Shape::Box { width, height });
        Ok(())
    }

    /// Reads `vertices longitude latitude ...`. Returns the number of words.
    fn polygon(&mut self, words: &[&[u8]]) -> Result<usize, CmdError> {
        let count = integer(words[0]).ok().and_then(|count| i32::try_from(count).ok());
        let count = count.ok_or(CmdError::coded("ERR invalid number of vertices"))?;
        let count = usize::try_from(count).ok().filter(|count| (3..=(words.len() - 1) / 2).contains(count));
        let count = count.ok_or(CmdError::coded("ERR GEOSEARCH BYPOLYGON must have at least 3 vertices"))?;
        let corners = words[1..=count * 2].chunks_exact(2).map(|pair| position(pair[0], pair[1])).collect::<Result<_, _>>()?;
        self.request.unit_m = 1.0;
        self.request.shape = Some(Shape::Polygon(corners));
        Ok(1 + count * 2)
    }

    /// The words before the options.
    fn base(&mut self) -> Result<usize, CmdError> {
        let args = self.args;
        match self.form {
            Form::Radius(_) => {
                self.request.centre = Some(position(args[2], args[3])?);
                self.radius(args[4], args[5])?;
                Ok(6)
            }
            // Without a source nothing is looked at but the options.
            Form::RadiusByMember(_) if self.zset.is_none() => Ok(5),
            Form::RadiusByMember(_) => {
                self.request.centre = self.member(args[2])?;
                self.radius(args[3], args[4])?;
                Ok(5)
            }
            Form::Search => Ok(2),
            Form::SearchStore => {
                self.request.target = Some(args[1]);
                Ok(3)
            }
        }
    }

    /// An option that only the searches have. Returns the number of words behind its name, `None` if it is none.
    fn search_option(&mut self, word: &[u8], tail: &[&'a [u8]]) -> Result<Option<usize>, CmdError> {
        let has = |shape: fn(&Shape) -> bool| self.request.shape.as_ref().is_some_and(shape);
        let (is_circle, is_box) = (has(|shape| matches!(shape, Shape::Circle { .. })), has(|shape| matches!(shape, Shape::Box { .. })));
        let is_polygon = has(|shape| matches!(shape, Shape::Polygon(_)));
        let from_position = self.request.centre.is_some() && !self.request.from_member;
        let from_member = self.request.from_member;
        Ok(match tail {
            [member, ..] if is_word(word, "frommember") && !from_position && !is_polygon => {
                if let Some(centre) = self.member(member)? {
                    self.request.centre = Some(centre);
                }
                self.request.from_member = true;
                Some(1)
            }
            [longitude, latitude, ..] if is_word(word, "fromlonlat") && !from_member && !is_polygon => {
                self.request.centre = Some(position(longitude, latitude)?);
                Some(2)
            }
            [radius, unit, ..] if is_word(word, "byradius") && !is_box && !is_polygon => {
                self.radius(radius, unit)?;
                Some(2)
            }
            [width, height, unit, ..] if is_word(word, "bybox") && !is_circle && !is_polygon => {
                self.rectangle(width, height, unit)?;
                Some(3)
            }
            [_, _, ..] if is_word(word, "bypolygon") && !is_circle && !is_box && !from_member && !from_position => {
                Some(self.polygon(tail)?)
            }
            _ => None,
        })
    }

    fn option(&mut self, word: &[u8], tail: &[&'a [u8]]) -> Result<usize, CmdError> {
        let request = &mut self.request;
        match tail {
            _ if is_word(word, "withdist") => request.with_distance = true,
            _ if is_word(word, "withhash") => request.with_hash = true,
            _ if is_word(word, "withcoord") => request.with_position = true,
            _ if is_word(word, "any") => request.any = true,
            _ if is_word(word, "asc") => request.order = Order::Ascending,
            _ if is_word(word, "desc") => request.order = Order::Descending,
            [count, ..] if is_word(word, "count") => {
                let count = integer(count)?;
                request.count = usize::try_from(count).ok().filter(|count| *count > 0).ok_or(CmdError::coded("ERR COUNT must be > 0"))?;
                return Ok(1);
            }
            [target, ..] if self.form.may_name_target() && (is_word(word, "store") || is_word(word, "storedist")) => {
                request.target = Some(target);
                request.stores_distance = is_word(word, "storedist");
                return Ok(1);
            }
            _ if self.form == Form::SearchStore && is_word(word, "storedist") => request.stores_distance = true,
            _ if self.form.is_search() => return self.search_option(word, tail)?.ok_or(CmdError::Syntax),
            _ => return Err(CmdError::Syntax),
        }
        Ok(0)
    }

    /// All arguments.
    fn run(mut self) -> Result<Request<'a>, CmdError> {
        let mut at = self.base()?;
        while let Some(word) = self.args.get(at).copied() {
            let tail = &self.args.words()[at + 1..];
            at += 1 + self.option(word, tail)?;
        }
        let request = self.request;
        if request.target.is_some() && (request.with_distance || request.with_hash || request.with_position) {
            let name = if self.form == Form::SearchStore { "GEOSEARCHSTORE" } else { "STORE option in GEORADIUS" };
            return Err(CmdError::err(format!("{name} is not compatible with WITHDIST, WITHHASH and WITHCOORD options")));
        }
        let is_polygon = matches!(request.shape, Some(Shape::Polygon(_)));
        if self.form.is_search() && request.centre.is_none() && !request.from_member && !is_polygon {
            return Err(CmdError::naming("exactly one of FROMMEMBER or FROMLONLAT can be specified for {}", self.args[0]));
        }
        if self.form.is_search() && request.shape.is_none() {
            return Err(CmdError::naming("exactly one of BYRADIUS, BYBOX and BYPOLYGON can be specified for {}", self.args[0]));
        }
        if request.any && request.count == 0 {
            return Err(CmdError::coded("ERR the ANY argument requires COUNT argument"));
        }
        Ok(request)
    }
}

/// All members within the area; with a limit, no more than that.
fn find<'z>(zset: ZsetView<'z>, area: &Area, limit: usize) -> Vec<Hit<'z>> {
    let mut hits = Vec::new();
    for (min, max) in area.ranges() {
        let start = zset.count_by_score(|score| score < min);
        for element in zset.range(start..zset.len(), false) {
            if element.score >= max {
                break;
            }
            let position = Position::decode(element.score);
            if let Some(distance_m) = area.distance_within(position) {
                hits.push(Hit { element, position, distance_m });
                if hits.len() == limit {
                    return hits;
                }
            }
        }
    }
    hits
}

/// Brings the hits that are wanted to the front, in the order in which they are wanted.
fn arrange(hits: &mut Vec<Hit<'_>>, request: &Request<'_>) {
    // Without an order, which ones would be returned would be left to chance.
    let order = if request.order == Order::None && request.count > 0 && !request.any { Order::Ascending } else { request.order };
    match order {
        Order::None => {}
        Order::Ascending => hits.sort_by(|one, other| one.distance_m.total_cmp(&other.distance_m)),
        Order::Descending => hits.sort_by(|one, other| other.distance_m.total_cmp(&one.distance_m)),
    }
    if request.count > 0 {
        hits.truncate(request.count);
    }
}

fn reply_hits(reply: &mut ReplyBuf, hits: &[Hit<'_>], request: &Request<'_>) {
    reply.array(hits.len());
    let more = usize::from(request.with_distance) + usize::from(request.with_hash) + usize::from(request.with_position);
    for hit in hits {
        if more > 0 {
            reply.array(1 + more);
        }
        hit.element.member().with_text(|member| reply.bulk(member));
        if request.with_distance {
            reply_distance(reply, hit.distance_m / request.unit_m);
        }
        if request.with_hash {
            reply.integer(hit.element.score as i64);
        }
        if request.with_position {
            reply_position(reply, hit.position);
        }
    }
}

/// The key that is called so: the last of the arguments, where several name a target.
fn target_key<'a>(args: &Args<'a>, target: &[u8]) -> Result<Key<'a>, CmdError> {
    args.keys().find(|key| key.name() == target).ok_or(CmdError::Syntax)
}

/// Runs one of the commands.
pub(super) fn search(context: &mut Context<'_>, args: &Args<'_>, form: Form) -> CmdResult {
    let hasher = context.keys.keyspace().hasher();
    let limits = access::limits(context.config);
    let source = args.key(usize::from(form == Form::SearchStore))?;
    let zset = access::read(&mut context.keys, source)?;
    let request = Request {
        centre: None,
        from_member: false,
        shape: None,
        unit_m: 1.0,
        with_distance: false,
        with_hash: false,
        with_position: false,
        order: Order::None,
        count: 0,
        any: false,
        target: None,
        stores_distance: false,
    };
    let mut request = Parser { args, form, zset, hasher, request }.run()?;
    let mut hits = Vec::new();
    if let Some(zset) = zset
        && let Some(shape) = request.shape.take()
    {
        let area = Area::new(shape, request.centre.unwrap_or_default(), request.unit_m);
        hits = find(zset, &area, if request.any { request.count } else { 0 });
        arrange(&mut hits, &request);
    }
    let Some(target) = request.target else {
        reply_hits(context.reply, &hits, &request);
        return Ok(());
    };
    let mut result = Zset::new();
    let no_limits = Limits { members: 0, member_len: 0 };
    for hit in &hits {
        let score = if request.stores_distance { hit.distance_m / request.unit_m } else { hit.element.score };
        hit.element.member().with_text(|member| result.set(member, score, &no_limits, hasher));
    }
    result.compact(&limits);
    let found = hits.len();
    drop(hits);
    let event = if form.is_search() { "geosearchstore" } else { "georadiusstore" };
    let mut key = context.keys.open(target_key(args, target)?);
    if result.is_empty() {
        key.delete();
    } else {
        access::store(&mut key, result, class::ZSET, event);
        key.count_changes(found as u64 - 1);
    }
    drop(key);
    context.reply.integer(found as i64);
    Ok(())
}

/// Where GEORADIUS and GEORADIUSBYMEMBER, whose options begin at `options_at`, have their keys.
pub(super) fn keys_of(args: &[&[u8]], options_at: usize) -> KeysAndFlags {
    let mut keys = KeysAndFlags::new();
    keys.push((1, key_flag::RO));
    let is_target = |at: &usize| is_word(args[*at], "store") || is_word(args[*at], "storedist");
    if let Some(at) = (options_at..args.len().saturating_sub(1)).rev().find(is_target) {
        keys.push((at + 1, key_flag::OW));
    }
    keys
}
