//! Options of the data types: up to which size a value keeps its compact form.

use super::shared::{INT_MAX, INT_MIN, LONG_MAX};
use crate::config::row::{Row, field, memory, number};

pub(super) static ROWS: &[Row] = &[
    number("hash-max-listpack-entries", 0, LONG_MAX, 512, field!(hash_max_listpack_entries))
        .alias("hash-max-ziplist-entries")
        .doc("Fields up to which a hash is one compact block, slower to search but far smaller."),
    memory("hash-max-listpack-value", 0, LONG_MAX, 64, field!(hash_max_listpack_value))
        .alias("hash-max-ziplist-value")
        .doc("Longest field or value in a hash's compact block."),
    number("list-max-listpack-size", INT_MIN, INT_MAX, -2, field!(list_max_listpack_size)).alias("list-max-ziplist-size").doc(
        "Size of one block of a list: a positive number counts elements, -1 to -5 stand for 4, 8, 16, 32 and \
             64 kilobytes.",
    ),
    number("list-compress-depth", 0, INT_MAX, 0, field!(list_compress_depth))
        .no_effect("blocks of a list are not compressed")
        .doc("Blocks at either end of a list that stay uncompressed. 0 compresses none."),
    number("set-max-intset-entries", 0, LONG_MAX, 512, field!(set_max_intset_entries))
        .doc("Members up to which a set of integers is a sorted array."),
    number("set-max-listpack-entries", 0, LONG_MAX, 128, field!(set_max_listpack_entries))
        .doc("Members up to which any other set is one compact block."),
    number("set-max-listpack-value", 0, LONG_MAX, 64, field!(set_max_listpack_value)).doc("Longest member in a set's compact block."),
    number("zset-max-listpack-entries", 0, LONG_MAX, 128, field!(zset_max_listpack_entries))
        .alias("zset-max-ziplist-entries")
        .doc("Members up to which a sorted set is one compact block."),
    memory("zset-max-listpack-value", 0, LONG_MAX, 64, field!(zset_max_listpack_value))
        .alias("zset-max-ziplist-value")
        .doc("Longest member in a sorted set's compact block."),
    memory("hll-sparse-max-bytes", 0, LONG_MAX, 3000, field!(hll_sparse_max_bytes))
        .doc("Size up to which a HyperLogLog keeps its sparse form. Above 16000 the dense form is always smaller."),
    memory("stream-node-max-bytes", 0, LONG_MAX, 4096, field!(stream_node_max_bytes))
        .doc("Size of one block of a stream. 0 sets no limit."),
    number("stream-node-max-entries", 0, LONG_MAX, 100, field!(stream_node_max_entries))
        .doc("Entries in one block of a stream. 0 sets no limit."),
];
