//! The latencies of one command, all workers together: for INFO latencystats and LATENCY HISTOGRAM.

use crate::engine::shared::Shared;
use crate::engine::table::Row;
use crate::metrics::histogram::Sum;

pub(crate) fn of(shared: &Shared, row: &Row) -> Sum {
    let mut sum = Sum::default();
    for worker in shared.workers.all() {
        if let Some(latencies) = worker.commands[row.number as usize].latencies.get() {
            latencies.add_to(&mut sum);
        }
    }
    sum
}
