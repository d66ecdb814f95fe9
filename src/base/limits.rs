//! Every bound of the server that is not an option, with the argument for its value.
//!
//! Relations between limits are asserted at compile time below, so that changing one cannot silently break another.

/// Longest string value and key (Valkey's own bound; `proto-max-bulk-len` is the option below it).
pub const STRING_LEN_MAX: usize = 512 * 1024 * 1024;

/// Requests parsed and prefetched together. Longer pipelines run as several batches; 64 covers the memory latency of any
/// machine we measured, while a batch's locks and clock reading stay short.
pub const BATCH_REQUESTS_MAX: usize = 64;

/// Requests of all connections of a worker that wait for each other's prefetches: enough to hide the memory latency of each, few enough
/// that the first-level cache keeps what was fetched.
pub const WAITING_REQUESTS_MAX: usize = 128;

/// Bytes read from a socket at once into the worker's shared buffer. Larger arguments get a buffer of their own.
pub const READ_BUFFER_LEN: usize = 64 * 1024;

/// Batches a connection may run before it lets the worker's other connections run: a flood cannot starve them.
pub const BATCHES_PER_TURN_MAX: usize = 8;

/// Bytes of replies that a connection may produce, and about as many that it may send, before it lets the worker's other connections
/// run: a few thousand usual replies, or a large value, which take some hundred microseconds.
pub const TURN_OUTPUT_LEN_MAX: usize = 1024 * 1024;

/// Microseconds that a connection's requests may run, and about as long as one batch of them may take more, before the worker's other
/// connections run. A pipeline of requests that each took 13 µs kept the others waiting for 12 ms, and who waited for one long command waited
/// for the next one as well, if that had arrived meanwhile.
pub const TURN_US_MAX: u64 = 500;

/// Steps (bytes looked at) from which on a heavy command runs beside its worker: at this size it takes about 50 µs, several times what
/// handing it over costs.
pub const OFFLOAD_STEPS_MIN: u64 = 1024 * 1024;

/// Steps that looking at an element of a large collection counts as, or making a reply of it: some ten nanoseconds, in which 256 bytes of
/// a string are looked at.
pub const ELEMENT_STEPS: usize = 256;

/// Commands that run beside the workers at the same time, at most: more would only take processors away from the workers.
pub const OFFLOADED_MAX: usize = 4;

/// A string value up to this length lies inside its entry; a longer one in an allocation of its own, which grows in place.
pub const INLINE_VALUE_LEN_MAX: usize = 4000;

/// A string value up to this length lies in one piece, which a reply copies; a longer one in chunks, so that nobody copies or moves all
/// of it at once. From here on copying costs more than referring does (`min-string-size-avoid-copy-reply` of Valkey). When values of up to
/// 1 MB were copied, an EXEC of 1500 of them held its worker for 3 s, and clients that do not read what they asked for cost 3 GB.
pub const CONTIGUOUS_LEN_MAX: usize = 16 * 1024;

/// Room that a worker sets aside for arguments that were announced and have not arrived, in all: large ones of few clients are then read
/// in one piece, and many clients that announce and send nothing cost no more than this.
pub const ANNOUNCED_LEN_MAX: usize = 8 * 1024 * 1024;

/// Nor more than this part of `maxmemory`: who only announces evicts nobody's keys.
pub const ANNOUNCED_PART: u64 = 256;

/// Longest pattern of KEYS, SCAN and their like, in bytes: to compare one with a text takes a step per 64 of its bytes and byte of the text.
pub const PATTERN_LEN_MAX: usize = 128 * 1024;

/// Longest pattern of PSUBSCRIBE: every message that is published pays for it.
pub const CHANNEL_PATTERN_LEN_MAX: usize = 4 * 1024;

/// Length of a chunk: one is copied in some ten microseconds, and the longest string has only 2048 of them to refer to.
pub const CHUNK_LEN: usize = 256 * 1024;

/// Most threads that help to load a snapshot.
pub const LOADING_HELPERS_MAX: usize = 15;

/// What a snapshot that is written may keep aside in memory because it belongs elsewhere in the file. What is beyond lies in a temporary
/// file meanwhile. It comes on top of what the snapshot is handed and has not written ([`crate::keyspace::snapshot`]): with the 64 MB that this may
/// be as well a node under as many writes as it takes grew by 150 MB and more.
pub const SNAPSHOT_ASIDE_LEN_MAX: usize = 16 * 1024 * 1024;

/// Longest string that a snapshot compresses: it is held in memory for that, whole. The keyspace hands over longer ones in parts.
pub const COMPRESSED_LEN_MAX: usize = 8 * 1024 * 1024;

/// An allocation up to this length is freed as fast as a small one; a larger one counts as so many: its pages go back to the system.
pub const EFFORT_LEN: usize = 64 * 1024;

/// Most bytes of replies that one request, EXEC included, may pile up before anything of them can be sent: beyond it the client is closed.
/// Four of the longest strings.
pub const REPLY_LEN_MAX: usize = 2 * 1024 * 1024 * 1024;

/// Output a connection whose class has no output limit may have pending before we stop executing its requests until it reads.
/// Valkey lets it grow without end.
pub const OUTPUT_PAUSE_LEN: usize = 1024 * 1024 * 1024;

/// Bytes of replies and messages that a connection holds until the write log is durable, beyond which it stops parsing: more than a
/// batch of usual replies, so that clients with long pipelines keep the log's disk busy.
pub const HELD_LEN_MAX: usize = 1024 * 1024;

/// Input that a connection takes in while its request waits: enough to see that the client is gone, and pipelines of usual size.
pub const WAITING_INPUT_LEN_MAX: usize = 1024 * 1024;

/// Entries looked at by SCAN and the like under one lock hold, so that a stripe is never held long.
pub const SCAN_STEP_MAX: usize = 512;

/// Microseconds after which a walk over keys leaves the stripe that it holds, and lets others of its worker run. What a key costs cannot be
/// told from its number: a long pattern looks at every byte of a long name.
pub const WALK_US_MAX: u64 = 500;

/// Cache lines (buckets) that a background task walks over in one step: some hundred microseconds where none is in a cache.
pub const CACHE_LINE_WALK_MAX: usize = 16_384;

/// Jobs that wait for the thread that frees in the background; beyond it the caller frees by itself. A job is a large value or a
/// flushed database, so that this many take longer than any burst of commands.
pub const LAZYFREE_QUEUE_LEN: usize = 4096;

/// Bytes of single values that wait for that thread: beyond it who drops a value frees it by itself, so that nobody drops values faster than
/// they are freed.
pub const LAZYFREE_WAITING_LEN_MAX: u64 = 1024 * 1024 * 1024;

/// A value of up to this many small allocations (or what counts as so many, see [`EFFORT_LEN`]) is freed at once: handing it over would cost as much.
pub const LAZYFREE_EFFORT_MIN: usize = 64;

/// A client that takes more, in bytes, is freed in the background: a worker that gives 256 MB of output back to the system serves nobody for
/// 20 ms.
pub const LAZYFREE_CLIENT_LEN_MIN: u64 = 1024 * 1024;

/// Memory in use from which on a node takes huge pages: less fits the processor's own tables of pages nearly as well.
pub const HUGE_PAGES_USED_BYTES_MIN: usize = 32 * 1024 * 1024;

/// Room for records of the write log that an access keeps for its next commit: those of a transaction of usual size.
pub const KEPT_RECORDS_LEN_MAX: usize = 64 * 1024;

/// Bytes of a segment of the write log. Records of small commands are copied into it under the log's lock.
pub const LOG_SEGMENT_LEN: usize = 256 * 1024;

/// Records that are longer are a segment by themselves, so that nobody copies them while others wait for the log's lock: to copy so much
/// takes a microsecond.
pub const LOG_COPIED_LEN_MAX: usize = 8 * 1024;

/// Parts of the write log that are shorter together are written by one system call.
pub const LOG_WRITE_LEN: usize = 64 * 1024;

/// Replicas of a node: each has a place in the log, and a thread while it is sent a snapshot.
pub const REPLICAS_MAX: usize = 64;

/// Bytes of the log that a replica is given to send at once.
pub const REPLICA_READ_LEN: usize = 1024 * 1024;

/// Snapshot that waits in memory for a replica's socket. What is beyond lies in a temporary file meanwhile.
pub const REPLICA_SNAPSHOT_LEN_MAX: usize = 16 * 1024 * 1024;

/// No log gets so long: what says so was not written by a server, and no place behind it could be counted.
pub const LOG_OFFSET_MAX: u64 = 1 << 62;

/// A replica that has not taken so much of the log, and more than the backlog keeps, has it put on the disk. With [`REPLICA_SNAPSHOT_LEN_MAX`] it is the
/// memory that a replica takes.
pub const LOG_ASIDE_LEN_MIN: u64 = 16 * 1024 * 1024;

/// Where so much of the write log waits for the disk, writes wait as well, and nothing expires: what is added then is a few commands' worth.
pub const LOG_WAITING_LEN_MAX: u64 = 256 * 1024 * 1024;

/// Stripes of a keyspace: the smallest and largest `keyspace-stripes`.
pub const STRIPES_MIN: usize = 16;
/// See [`STRIPES_MIN`].
pub const STRIPES_MAX: usize = 4096;

/// Workers (`io-threads`).
pub const WORKERS_MAX: usize = 256;

/// Connections to the bus that have not proved yet who they are. A node of the cluster is known after a few milliseconds: hundreds may come
/// per second before one of them has to come twice.
pub const BUS_STRANGERS_MAX: usize = 64;

/// Bytes that must fit onto the disk before a node whose disk was full takes part in its cluster again: as much as the cluster's log grows by
/// before it is cut off behind a snapshot.
pub const SPACE_PROBE_LEN: usize = 256 * 1024;

/// File descriptors that a node with so many workers keeps beside its clients': for the log, listeners, other files and the cluster, and
/// for each worker's runtime.
pub const fn reserved_descriptors(workers: u32) -> u64 {
    32 + 4 * workers as u64
}

const _: () = assert!(INLINE_VALUE_LEN_MAX <= u16::MAX as usize, "an entry's header holds the value's length in 16 bits");
const _: () = assert!(INLINE_VALUE_LEN_MAX < CONTIGUOUS_LEN_MAX);
const _: () = assert!(CONTIGUOUS_LEN_MAX < CHUNK_LEN);
const _: () = assert!(LOG_COPIED_LEN_MAX < LOG_SEGMENT_LEN);
const _: () = assert!(STRIPES_MIN.is_power_of_two() && STRIPES_MAX.is_power_of_two());
const _: () = assert!(STRIPES_MAX <= 16384, "a stripe holds at least one slot");
const _: () = assert!(TURN_OUTPUT_LEN_MAX < OUTPUT_PAUSE_LEN);
const _: () = assert!(HELD_LEN_MAX < OUTPUT_PAUSE_LEN);
const _: () = assert!(BATCH_REQUESTS_MAX <= u16::MAX as usize);
