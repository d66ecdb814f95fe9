//! Values outside memory (rank 3): the files of data, and the format of snapshots, of which DUMP and RESTORE use the part that concerns one
//! value.

pub mod dump;
pub mod files;
pub mod rdb;
