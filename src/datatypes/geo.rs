//! Positions on the earth: as 52-bit numbers that are close where the places are, as distances, and as shapes that are searched.
//!
//! A number interleaves the bits of longitude (odd) and latitude (even), 26 each, so that a square of the map is a range of numbers. A shape
//! is covered by the square in which its centre lies and the eight around it.
//!
//! Invariant: whatever rounds, rounds as Valkey does: each formula is calculated in its order of operations.

use std::f64::consts::PI;

use smallvec::SmallVec;

/// Largest longitude.
pub const LONGITUDE_MAX: f64 = 180.0;
/// Largest latitude: the poles have no place on the map.
pub const LATITUDE_MAX: f64 = 85.051_128_78;

const STEPS_MAX: u32 = 26;
const EARTH_RADIUS_M: f64 = 6_372_797.560_856;
/// Half the circumference of the map, in metres at the equator.
const MERCATOR_MAX: f64 = 20_037_726.37;
const RADIANS: f64 = PI / 180.0;
/// The sine of half a difference of longitudes below which it is none.
const SAME_LONGITUDE: f64 = 1e-15;
/// 2^63.
const SIGNED_MAX: f64 = (1_u64 << 63) as f64;
const LATITUDE_BITS: u64 = 0x5555_5555_5555_5555;
const ALPHABET: &[u8; 32] = b"0123456789bcdefghjkmnpqrstuvwxyz";
/// Characters of a geohash.
pub const GEOHASH_LEN: usize = 11;

/// A position in degrees.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Position {
    /// East is positive.
    pub longitude: f64,
    /// North is positive.
    pub latitude: f64,
}

/// What is searched, lengths in the unit of the search.
#[derive(Debug, Clone, PartialEq)]
pub enum Shape {
    /// All within a distance.
    Circle {
        /// The distance.
        radius: f64,
    },
    /// A rectangle along the axes.
    Box {
        /// From west to east.
        width: f64,
        /// From south to north.
        height: f64,
    },
    /// A polygon with these corners.
    Polygon(Vec<Position>),
}

/// A shape in its place.
#[derive(Debug, Clone)]
pub struct Area {
    shape: Shape,
    centre: Position,
    /// Metres per unit.
    unit_m: f64,
}

/// From one value to another.
#[derive(Debug, Clone, Copy)]
struct Span {
    min: f64,
    max: f64,
}

/// A rectangle of the map.
#[derive(Debug, Clone, Copy)]
struct Bounds {
    longitude: Span,
    latitude: Span,
}

/// A square of the map: the first bits of the numbers in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Square {
    bits: u64,
    steps: u32,
}

const MAP: Bounds =
    Bounds { longitude: Span { min: -LONGITUDE_MAX, max: LONGITUDE_MAX }, latitude: Span { min: -LATITUDE_MAX, max: LATITUDE_MAX } };

/// The map as geohashes have it.
const WHOLE: Bounds = Bounds { longitude: Span { min: -180.0, max: 180.0 }, latitude: Span { min: -90.0, max: 90.0 } };

/// Moves the low 32 bits to the even places.
fn spread(number: u32) -> u64 {
    let mut bits = u64::from(number);
    for (shift, mask) in [
        (16, 0x0000_ffff_0000_ffff),
        (8, 0x00ff_00ff_00ff_00ff),
        (4, 0x0f0f_0f0f_0f0f_0f0f),
        (2, 0x3333_3333_3333_3333),
        (1, LATITUDE_BITS),
    ] {
        bits = (bits | bits << shift) & mask;
    }
    bits
}

/// Gathers the even bits.
fn gather(bits: u64) -> u32 {
    let mut bits = bits & LATITUDE_BITS;
    for (shift, mask) in [
        (1, 0x3333_3333_3333_3333),
        (2, 0x0f0f_0f0f_0f0f_0f0f),
        (4, 0x00ff_00ff_00ff_00ff),
        (8, 0x0000_ffff_0000_ffff),
        (16, 0x0000_0000_ffff_ffff),
    ] {
        bits = (bits | bits >> shift) & mask;
    }
    bits as u32
}

fn encode_in(map: Bounds, position: Position, steps: u32) -> u64 {
    let part = |value: f64, span: Span| ((value - span.min) / (span.max - span.min) * (1u64 << steps) as f64) as u32;
    spread(part(position.latitude, map.latitude)) | spread(part(position.longitude, map.longitude)) << 1
}

impl Position {
    /// True if the map has it.
    pub fn is_on_map(self) -> bool {
        (-LONGITUDE_MAX..=LONGITUDE_MAX).contains(&self.longitude) && (-LATITUDE_MAX..=LATITUDE_MAX).contains(&self.latitude)
    }

    /// Its number.
    pub fn encode(self) -> u64 {
        encode_in(MAP, self, STEPS_MAX)
    }

    /// The middle of the places that have this number, as a score.
    pub fn decode(score: f64) -> Position {
        // A score that no position has is cut to 64 bits, as the processor does it.
        let bits = if score < SIGNED_MAX { score as i64 as u64 } else { (score - SIGNED_MAX) as i64 as u64 ^ 1 << 63 };
        let bounds = Square { bits, steps: STEPS_MAX }.bounds();
        Position {
            longitude: ((bounds.longitude.min + bounds.longitude.max) / 2.0).clamp(-LONGITUDE_MAX, LONGITUDE_MAX),
            latitude: ((bounds.latitude.min + bounds.latitude.max) / 2.0).clamp(-LATITUDE_MAX, LATITUDE_MAX),
        }
    }

    /// Metres to another position.
    pub fn distance_m(self, other: Position) -> f64 {
        let (own_longitude, other_longitude) = (self.longitude * RADIANS, other.longitude * RADIANS);
        let v = ((other_longitude - own_longitude) / 2.0).sin();
        if v.abs() <= SAME_LONGITUDE {
            return latitude_distance_m(self.latitude, other.latitude);
        }
        let (own_latitude, other_latitude) = (self.latitude * RADIANS, other.latitude * RADIANS);
        let u = ((other_latitude - own_latitude) / 2.0).sin();
        let a = u * u + own_latitude.cos() * other_latitude.cos() * v * v;
        2.0 * EARTH_RADIUS_M * a.sqrt().asin()
    }

    /// As a geohash. The last character says nothing: there are only 52 bits.
    pub fn geohash(self) -> [u8; GEOHASH_LEN] {
        let bits = encode_in(WHOLE, self, STEPS_MAX);
        let mut text = [ALPHABET[0]; GEOHASH_LEN];
        for (at, character) in text[..GEOHASH_LEN - 1].iter_mut().enumerate() {
            *character = ALPHABET[(bits >> (52 - (at + 1) * 5)) as usize & 31];
        }
        text
    }
}

fn latitude_distance_m(one: f64, other: f64) -> f64 {
    EARTH_RADIUS_M * (other * RADIANS - one * RADIANS).abs()
}

impl Square {
    fn bounds(self) -> Bounds {
        let span = |number: u32, map: Span| {
            let (scale, parts) = (map.max - map.min, (1u64 << self.steps) as f64);
            let edge = |number: u32| map.min + (f64::from(number) / parts) * scale;
            Span { min: edge(number), max: edge(number.wrapping_add(1)) }
        };
        Bounds { longitude: span(gather(self.bits >> 1), MAP.longitude), latitude: span(gather(self.bits), MAP.latitude) }
    }

    /// The square so many further to the east and to the north. Beyond the edge the map begins anew; a square at the very edge, which has a
    /// bit too many, stays there as long as it is not moved away.
    fn moved(self, east: i32, north: i32) -> Square {
        let mask = ((1u64 << self.steps) - 1) as u32;
        let part = |number: u32, by: i32| if by == 0 { number } else { number.wrapping_add_signed(by) & mask };
        let (longitude, latitude) = (part(gather(self.bits >> 1), east), part(gather(self.bits), north));
        Square { bits: spread(latitude) | spread(longitude) << 1, ..self }
    }

    /// The numbers in it: from the first to before the second.
    fn scores(self) -> (f64, f64) {
        let shift = 2 * (STEPS_MAX - self.steps);
        ((self.bits << shift) as f64, ((self.bits + 1) << shift) as f64)
    }
}

/// How small squares may be, so that one and its neighbours cover a circle.
fn estimate_steps(mut radius_m: f64, latitude: f64) -> u32 {
    if radius_m == 0.0 {
        return STEPS_MAX;
    }
    let mut steps = 1_i32;
    while radius_m < MERCATOR_MAX {
        radius_m *= 2.0;
        steps += 1;
    }
    steps -= 2;
    // Meridians are closer there.
    steps -= i32::from(latitude.abs() > 66.0) + i32::from(latitude.abs() > 80.0);
    steps.clamp(1, STEPS_MAX as i32) as u32
}

impl Area {
    /// A shape around a centre; of a polygon, the middle of its corners is the centre.
    pub fn new(shape: Shape, centre: Position, unit_m: f64) -> Area {
        let centre = match &shape {
            Shape::Polygon(corners) => middle_of(corners),
            _ => centre,
        };
        Area { shape, centre, unit_m }
    }

    /// Metres per unit.
    pub fn unit_m(&self) -> f64 {
        self.unit_m
    }

    /// The distance of a position from the centre, in metres, if it is within the shape.
    pub fn distance_within(&self, position: Position) -> Option<f64> {
        match &self.shape {
            Shape::Circle { radius } => {
                Some(self.centre.distance_m(position)).filter(|distance| distance.is_nan() || *distance <= radius * self.unit_m)
            }
            Shape::Box { width, height } => {
                if latitude_distance_m(position.latitude, self.centre.latitude) > height * self.unit_m / 2.0 {
                    return None;
                }
                let beside = Position { longitude: self.centre.longitude, latitude: position.latitude };
                if position.distance_m(beside) > width * self.unit_m / 2.0 {
                    return None;
                }
                Some(self.centre.distance_m(position))
            }
            Shape::Polygon(corners) => is_inside(corners, position).then(|| self.centre.distance_m(position)),
        }
    }

    fn bounds(&self) -> Bounds {
        let (width_m, height_m) = match &self.shape {
            Shape::Circle { radius } => (self.unit_m * radius, self.unit_m * radius),
            Shape::Box { width, height } => (self.unit_m * width / 2.0, self.unit_m * height / 2.0),
            Shape::Polygon(corners) => return bounds_of(corners),
        };
        let Position { longitude, latitude } = self.centre;
        let latitude_delta = height_m / EARTH_RADIUS_M / RADIANS;
        let longitude_delta = |latitude: f64| width_m / EARTH_RADIUS_M / (latitude * RADIANS).cos() / RADIANS;
        // The side that is farther from the equator spans more degrees.
        let delta = if latitude < 0.0 { longitude_delta(latitude - latitude_delta) } else { longitude_delta(latitude + latitude_delta) };
        Bounds {
            longitude: Span { min: longitude - delta, max: longitude + delta },
            latitude: Span { min: latitude - latitude_delta, max: latitude + latitude_delta },
        }
    }

    fn radius_m(&self, bounds: Bounds) -> f64 {
        let radius = match &self.shape {
            Shape::Circle { radius } => *radius,
            Shape::Box { width, height } => ((width / 2.0) * (width / 2.0) + (height / 2.0) * (height / 2.0)).sqrt(),
            Shape::Polygon(_) => {
                let corner = |longitude, latitude| self.centre.distance_m(Position { longitude, latitude });
                let (west, east) = (bounds.longitude.min, bounds.longitude.max);
                let (south, north) = (bounds.latitude.min, bounds.latitude.max);
                [corner(west, north), corner(east, north), corner(west, south), corner(east, south)].into_iter().fold(0.0, f64::max)
            }
        };
        radius * self.unit_m
    }

    /// Ranges of numbers, from the first to before the second, that together have all that lies within the shape, in the order in which they
    /// are searched. They may overlap where the shape spans most of the map.
    pub fn ranges(&self) -> SmallVec<[(f64, f64); 9]> {
        let bounds = self.bounds();
        let mut steps = estimate_steps(self.radius_m(bounds), self.centre.latitude);
        let square = |steps| Square { bits: encode_in(MAP, self.centre, steps), steps };
        let mut centre = square(steps);
        let is_too_small = centre.moved(0, 1).bounds().latitude.max < bounds.latitude.max
            || centre.moved(0, -1).bounds().latitude.min > bounds.latitude.min
            || centre.moved(1, 0).bounds().longitude.max < bounds.longitude.max
            || centre.moved(-1, 0).bounds().longitude.min > bounds.longitude.min;
        if steps > 1 && is_too_small {
            steps -= 1;
            centre = square(steps);
        }
        let own = centre.bounds();
        let mut ranges = SmallVec::new();
        let mut last: Option<Square> = None;
        for (east, north) in [(0, 0), (0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (-1, 1), (1, -1), (-1, -1)] {
            let is_beyond = north < 0 && own.latitude.min < bounds.latitude.min
                || north > 0 && own.latitude.max > bounds.latitude.max
                || east < 0 && own.longitude.min < bounds.longitude.min
                || east > 0 && own.longitude.max > bounds.longitude.max;
            if steps >= 2 && is_beyond {
                continue;
            }
            let square = centre.moved(east, north);
            // As Valkey: the one searched before is left out, unless that was the centre.
            if last == Some(square) {
                continue;
            }
            if (east, north) != (0, 0) {
                last = Some(square);
            }
            ranges.push(square.scores());
        }
        ranges
    }
}

fn bounds_of(corners: &[Position]) -> Bounds {
    let span = |value: fn(&Position) -> f64, limit: f64| {
        let values = || corners.iter().map(value);
        Span { min: values().fold(limit, f64::min), max: values().fold(-limit, f64::max) }
    };
    Bounds { longitude: span(|corner| corner.longitude, LONGITUDE_MAX), latitude: span(|corner| corner.latitude, LATITUDE_MAX) }
}

/// The direction in which the sum of all corners lies, seen from the centre of the earth.
fn middle_of(corners: &[Position]) -> Position {
    let (mut x, mut y, mut z) = (0.0, 0.0, 0.0);
    for corner in corners {
        let (longitude, latitude) = (corner.longitude * RADIANS, corner.latitude * RADIANS);
        x += latitude.cos() * longitude.cos();
        y += latitude.cos() * longitude.sin();
        z += latitude.sin();
    }
    Position { longitude: y.atan2(x) / RADIANS, latitude: z.atan2((x * x + y * y).sqrt()) / RADIANS }
}

/// True if a ray from the position to the east crosses the polygon's edges an odd number of times.
fn is_inside(corners: &[Position], position: Position) -> bool {
    let before = corners.iter().cycle().skip(corners.len().saturating_sub(1));
    let crossed = corners.iter().zip(before).filter(|(one, other)| {
        (one.latitude > position.latitude) != (other.latitude > position.latitude)
            && position.longitude
                < (other.longitude - one.longitude) * (position.latitude - one.latitude) / (other.latitude - one.latitude) + one.longitude
    });
    crossed.count() % 2 == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    const PALERMO: Position = Position { longitude: 13.361389, latitude: 38.115556 };
    const CATANIA: Position = Position { longitude: 15.087269, latitude: 37.502669 };

    #[test]
    fn a_position_has_a_number_and_comes_back_from_it() {
        assert_eq!((PALERMO.encode(), CATANIA.encode()), (3_479_099_956_230_698, 3_479_447_370_796_909));
        let back = Position::decode(PALERMO.encode() as f64);
        assert!(back.distance_m(PALERMO) < 1.0, "{back:?}");
        assert_eq!((&back.geohash(), &Position::decode(CATANIA.encode() as f64).geohash()), (b"sqc8b49rny0", b"sqdtr74hyu0"));
        let distance = back.distance_m(Position::decode(CATANIA.encode() as f64));
        assert_eq!((distance * 10_000.0).round(), 1_662_741_516.0);
    }

    #[test]
    fn what_lies_within_a_shape_lies_within_its_ranges() {
        let mut state = 1_u64;
        let mut random = |limit: f64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            ((state >> 11) as f64 / (1_u64 << 53) as f64 - 0.5) * 2.0 * limit
        };
        for _ in 0..3000 {
            let centre = Position { longitude: random(170.0), latitude: random(70.0) };
            let reach = random(500.0).abs();
            let shape = if reach > 250.0 { Shape::Circle { radius: reach } } else { Shape::Box { width: reach, height: reach * 2.0 } };
            let area = Area::new(shape, centre, 1000.0);
            let near = Position { longitude: centre.longitude + random(3.0), latitude: centre.latitude + random(3.0) };
            if area.distance_within(near).is_some() {
                let score = near.encode() as f64;
                assert!(area.ranges().iter().any(|(min, max)| *min <= score && score < *max), "{area:?} {near:?}");
            }
        }
    }

    #[test]
    fn a_polygon_has_an_inside() {
        let corner = |longitude: f64, latitude: f64| Position { longitude, latitude };
        let area = Area::new(Shape::Polygon(vec![corner(0.0, 0.0), corner(10.0, 0.0), corner(5.0, 10.0)]), Position::default(), 1.0);
        assert!(area.distance_within(corner(5.0, 3.0)).is_some());
        assert!(area.distance_within(corner(1.0, 8.0)).is_none());
    }
}
