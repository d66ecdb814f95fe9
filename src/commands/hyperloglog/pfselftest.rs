//! PFSELFTEST: tries the registers and the estimate out. It takes a while, during which its worker serves others.

use super::value;
use crate::base::rng::Rng;
use crate::clients::Session;
use crate::datatypes::hyperloglog::{self as hll, DENSE_LEN, HEADER_LEN, Mark, REGISTERS};
use crate::engine::context::{Args, AsyncResult, CmdResult, Context};
use crate::engine::error::CmdError;
use crate::engine::spec::{CommandSpec, DOCS, Docs, Place, Run, SPEC, acl, flag};

pub(crate) static PFSELFTEST: CommandSpec = CommandSpec {
    name: "pfselftest",
    arity: 1,
    flags: flag::ADMIN,
    acl: acl::ADMIN | acl::DANGEROUS | acl::HYPERLOGLOG | acl::SLOW,
    place: Place::Async,
    run: Run::Async(exec_async, Some(exec)),
    docs: Docs {
        summary: "Tries the implementation of HyperLogLogs out",
        complexity: "N/A",
        since: "2.8.9",
        group: "hyperloglog",
        flags: &["syscmd"],
        ..DOCS
    },
    ..SPEC
};

/// Times that all registers are written and read.
const ROUNDS: u32 = 1000;
/// Elements of the largest estimate.
const ELEMENTS: u64 = 10_000_000;
/// Elements between two pauses.
const STEP: u64 = 4096;
/// Standard error of an estimate.
const ERROR: f64 = 1.04 / 128.0;

fn exec_async<'c>(context: &'c mut Context<'_>, _: &'c mut Session, _: &'c Args<'_>) -> AsyncResult<'c> {
    Box::pin(async move {
        let mut test = SelfTest::new(context.config.hll_sparse_max_bytes);
        while test.step()? {
            tokio::task::yield_now().await;
        }
        context.reply.ok();
        Ok(())
    })
}

/// Inside EXEC nothing waits.
fn exec(context: &mut Context<'_>, _: &mut Session, _: &Args<'_>) -> CmdResult {
    let mut test = SelfTest::new(context.config.hll_sparse_max_bytes);
    while test.step()? {}
    context.reply.ok();
    Ok(())
}

struct SelfTest {
    rng: Rng,
    rounds: u32,
    sparse_len_max: u64,
    dense: Vec<u8>,
    sparse: Vec<u8>,
    seed: u64,
    added: u64,
    checkpoint: u64,
}

impl SelfTest {
    fn new(sparse_len_max: u64) -> SelfTest {
        let mut rng = Rng::new(crate::base::rng::process_seed());
        let sparse = hll::empty();
        let dense = hll::to_dense(&sparse).expect("an empty one is not corrupt");
        SelfTest { rounds: 0, sparse_len_max, dense, sparse, seed: rng.next_u64(), added: 0, checkpoint: 1, rng }
    }

    /// Goes on. False at the end.
    fn step(&mut self) -> Result<bool, CmdError> {
        if self.rounds < ROUNDS {
            self.rounds += 1;
            self.registers()?;
            return Ok(true);
        }
        let end = (self.added + STEP).min(ELEMENTS);
        while self.added < end {
            self.added += 1;
            self.add()?;
        }
        Ok(self.added < ELEMENTS)
    }

    /// All registers keep what is written to them and to their neighbours.
    fn registers(&mut self) -> CmdResult {
        let mut dense = vec![0; DENSE_LEN - HEADER_LEN];
        let values: Vec<u8> = (0..REGISTERS).map(|_| self.rng.below(64) as u8).collect();
        values.iter().enumerate().for_each(|(index, value)| hll::set_register(&mut dense, index, *value));
        for (index, value) in values.iter().enumerate() {
            let found = hll::register(&dense, index);
            if found != *value {
                return Err(CmdError::err(format!("TESTFAILED Register {index} should be {value} but is {found}")));
            }
        }
        Ok(())
    }

    /// Both forms agree, and the estimate is close.
    fn add(&mut self) -> CmdResult {
        let mark = Mark::of(&(self.added ^ self.seed).to_le_bytes());
        hll::raise_dense(&mut self.dense, mark);
        hll::raise(&mut self.sparse, mark, self.sparse_len_max).map_err(value::corrupt)?;
        if self.added != self.checkpoint {
            return Ok(());
        }
        if self.added < self.sparse_len_max / 2 && !hll::is_sparse(&self.sparse) {
            return Err(CmdError::coded("ERR TESTFAILED sparse encoding not used"));
        }
        let estimated = hll::count(&self.dense).map_err(value::corrupt)?;
        if hll::count(&self.sparse).map_err(value::corrupt)? != estimated {
            return Err(CmdError::coded("ERR TESTFAILED dense/sparse disagree"));
        }
        // Among ten, two that share a register are likely enough.
        let most = if self.added == 10 { 1 } else { (ERROR * 6.0 * self.added as f64).ceil() as u64 };
        let error = self.added.abs_diff(estimated);
        if error > most {
            return Err(CmdError::err(format!("TESTFAILED Too big error. card:{} abserr:{error}", self.added)));
        }
        self.checkpoint *= 10;
        Ok(())
    }
}
