//! in the making
pub(crate) mod log_store;
pub(crate) mod state_machine;
pub(crate) mod types;
