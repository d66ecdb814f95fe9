//! Bounds and reasons that the rows of several sections share.

pub(super) const PORT_MAX: i128 = u16::MAX as i128;
pub(super) const INT_MIN: i128 = i32::MIN as i128;
pub(super) const INT_MAX: i128 = i32::MAX as i128;
pub(super) const UINT_MAX: i128 = u32::MAX as i128;
pub(super) const LONG_MAX: i128 = i64::MAX as i128;
pub(super) const MIB: i128 = 1 << 20;
/// Most workers that can be asked for.
pub(super) const IO_THREADS_MAX: i128 = 256;

// Reasons that several options share.
pub(super) const ACL_TUNING: &str = "it tunes access control lists, which this version does not have yet";
pub(super) const CLUSTER_BUS: &str = "nodes of Larder talk to each other in a way of their own";
pub(super) const RDMA: &str = "RDMA is not supported";
pub(super) const CLUSTER_REPLICAS: &str = "replicas in a cluster are not there yet";
pub(super) const TLS: &str = "TLS is not there yet";
pub(super) const TLS_TUNING: &str = "it tunes TLS, which this version does not have yet";
