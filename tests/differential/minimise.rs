//! Delta debugging: from thousands of steps that end in a difference to the few that it takes.

use larder::base::clock;

use super::pair::{Difference, Pair, Step};

/// Replays before what has been reached is good enough.
const REPLAYS_MAX: usize = 600;
const TIME_MAX_MS: u64 = 90_000;

/// The fewest steps found that end in a difference, and the difference; `None` if doing them again shows none. It may be another
/// difference than the first: any will do.
pub(crate) fn minimise(pair: &mut Pair, steps: &[Step]) -> anyhow::Result<Option<(Vec<Step>, Difference)>> {
    for in_pipelines in [false, true] {
        if let Some((at, difference)) = pair.replay(steps, in_pipelines)? {
            return shrink(pair, steps[..=at].to_vec(), difference, in_pipelines).map(Some);
        }
    }
    Ok(None)
}

fn shrink(
    pair: &mut Pair,
    mut steps: Vec<Step>,
    mut difference: Difference,
    in_pipelines: bool,
) -> anyhow::Result<(Vec<Step>, Difference)> {
    let deadline_ms = clock::monotonic_ms() + TIME_MAX_MS;
    let mut replays = 0;
    let mut len = steps.len() / 2;
    while len > 0 {
        let mut is_shorter = false;
        let mut from = 0;
        // The last step is the one that differs.
        while from + 1 < steps.len() {
            if replays == REPLAYS_MAX || clock::monotonic_ms() > deadline_ms {
                return Ok((steps, difference));
            }
            replays += 1;
            let until = (from + len).min(steps.len() - 1);
            let shorter: Vec<Step> = steps[..from].iter().chain(&steps[until..]).cloned().collect();
            match pair.replay(&shorter, in_pipelines)? {
                Some((at, found)) => {
                    (steps, difference, is_shorter) = (shorter[..=at].to_vec(), found, true);
                }
                None => from = until,
            }
        }
        // A step may become superfluous only after another has gone.
        if len > 1 || !is_shorter {
            len /= 2;
        }
    }
    Ok((steps, difference))
}
