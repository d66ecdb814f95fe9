//! The stripes that a command holds.

use smallvec::SmallVec;

use super::lock::StripeGuard;
use super::stripe::Stripe;

/// Numbers of stripes to lock.
pub type Stripes = SmallVec<[u32; 16]>;

/// The stripes that are held.
#[derive(Debug)]
pub(super) enum Held<'a> {
    None,
    One(u32, StripeGuard<'a, Stripe>),
    /// Ascending by number.
    Many(Vec<(u32, StripeGuard<'a, Stripe>)>),
}

impl Held<'_> {
    /// A held stripe. The keys that commands get are of held stripes, so another one is a bug of the engine.
    #[inline]
    pub(super) fn stripe(&mut self, number: u32) -> &mut Stripe {
        if !matches!(self, Held::One(held, _) if *held == number) {
            return self.stripe_of_many(number);
        }
        let Held::One(_, guard) = self else { unreachable!("just looked at") };
        guard
    }

    #[inline(never)]
    fn stripe_of_many(&mut self, number: u32) -> &mut Stripe {
        let Held::Many(held) = self else { panic!("stripe {number} is not held") };
        let at = held.binary_search_by_key(&number, |(number, _)| *number);
        &mut held[at.unwrap_or_else(|_| panic!("stripe {number} is not held"))].1
    }

    /// As [`Held::stripe`], only to look at.
    pub(super) fn stripe_to_read(&self, number: u32) -> &Stripe {
        match self {
            Held::One(held, guard) if *held == number => guard,
            Held::Many(held) => {
                let at = held.binary_search_by_key(&number, |(number, _)| *number);
                &held[at.unwrap_or_else(|_| panic!("stripe {number} is not held"))].1
            }
            _ => panic!("stripe {number} is not held"),
        }
    }

    pub(super) fn has(&self, number: u32) -> bool {
        match self {
            Held::None => false,
            Held::One(held, _) => *held == number,
            Held::Many(held) => held.binary_search_by_key(&number, |(number, _)| *number).is_ok(),
        }
    }

    /// Calls `visit` with every held stripe.
    pub(super) fn for_each(&mut self, mut visit: impl FnMut(&mut Stripe)) {
        match self {
            Held::None => {}
            Held::One(_, stripe) => visit(stripe),
            Held::Many(held) => held.iter_mut().for_each(|(_, stripe)| visit(stripe)),
        }
    }
}
