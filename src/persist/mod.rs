//! Values outside memory (rank 3): the files of data, the format of snapshots, of which DUMP and RESTORE use the part that concerns one
//! value, and the log of all changes.

pub mod aof;
pub mod dump;
pub mod files;
pub mod history;
pub mod rdb;
pub mod write_log;
