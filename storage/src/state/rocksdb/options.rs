//! How the database is set up, and why.
//!
//! The load: every commit of a query is one batch, mostly overwriting keys written before, a few
//! times a second for each query; point reads of groups that fell out of memory; scans of a table or
//! a window. Reads of what is hot do not come here: the engine keeps that. The machine may have two
//! cores, and a restart must be quick whatever happened before.

use ::rocksdb::{
    BlockBasedOptions, Cache, DBCompressionType, DBRecoveryMode, InfoLogger, LogLevel, Options,
    WriteBufferManager, WriteOptions,
};

use crate::state::Durability;

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;

/// The smallest budget that works: below, every few commits would end in a flush.
const MEMORY_BYTES_MIN: usize = 8 * MIB;

/// Part of the budget for write buffers. State is overwritten again and again: what is overwritten
/// while still in a buffer is never written to a file.
const WRITE_BUFFER_SHARE: usize = 4;

/// A buffer is flushed when it is this large. It bounds what a restart must replay: one that is being
/// filled and one that is being flushed, a few hundred thousand small changes, a part of a second.
const WRITE_BUFFER_BYTES_MAX: usize = 16 * MIB;

/// Write buffers there may be: one being filled, two being flushed. Writers wait at the next.
const WRITE_BUFFERS_MAX: i32 = 3;

/// Log that may stand before the oldest write buffer is flushed, as a bound beside the buffers' own.
const WAL_BYTES_MAX: usize = 2 * WRITE_BUFFERS_MAX as usize * WRITE_BUFFER_BYTES_MAX;

/// Size of a table file. At ten gigabytes of state these are some three hundred files.
const FILE_BYTES: usize = 32 * MIB;

/// Files held open; others are opened again when read. A share of the 1,024 that a process gets by
/// default, of which the log and the connections need theirs.
const OPEN_FILES_MAX: i32 = 256;

/// Unit of reading and caching. Larger than RocksDB's own 4 KiB: entries come in runs (a window, a
/// partition), and the index over the blocks halves.
const BLOCK_BYTES: usize = 8 * KIB;

/// Ten bits of filter for a key: one look-up of a missing key in a hundred reads a block in vain.
const FILTER_BITS_PER_KEY: f64 = 10.0;

/// Flushes and compactions write back in steps of this size, so that the sync of a commit does not
/// queue behind a whole file.
const WRITE_BACK_BYTES: u64 = MIB as u64;

/// The list of files is written anew when it is this long; opening reads it.
const MANIFEST_BYTES_MAX: usize = 4 * MIB;

/// Flushes and compactions at once: one of each, so that a machine of two cores keeps one for work.
const BACKGROUND_JOBS: i32 = 2;

/// What the owner of the server may choose.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RocksDbOptions {
    /// Memory for the block cache and the write buffers together. Less than 8 MiB is taken as 8 MiB.
    pub memory_bytes: usize,
}

impl Default for RocksDbOptions {
    fn default() -> RocksDbOptions {
        RocksDbOptions { memory_bytes: 64 * MIB }
    }
}

/// RocksDB's options, and the cache all memory is charged to.
pub(super) fn database_options(options: RocksDbOptions) -> (Options, Cache) {
    let memory_bytes = options.memory_bytes.max(MEMORY_BYTES_MIN);
    let cache = Cache::new_lru_cache(memory_bytes);
    let mut database = Options::default();
    database.create_if_missing(true);
    set_memory(&mut database, memory_bytes, &cache);
    set_log(&mut database);
    set_files(&mut database);
    set_tables(&mut database, &cache);
    set_reporting(&mut database);
    (database, cache)
}

/// How a batch is written.
pub(super) fn write_options(durability: Durability) -> WriteOptions {
    let mut options = WriteOptions::default();
    // Without a sync the batch has reached the system when the write returns: the death of the
    // process does not lose it, a power cut may.
    options.set_sync(durability == Durability::Synced);
    // The store waits itself where RocksDB would make a writer wait; see its `write_when_possible`.
    options.set_no_slowdown(true);
    options
}

/// One budget: write buffers take their part of the cache's capacity as they grow, and give it back.
fn set_memory(database: &mut Options, memory_bytes: usize, cache: &Cache) {
    let write_buffers_bytes = memory_bytes / WRITE_BUFFER_SHARE;
    // RocksDB's own stall at the limit stays off: the number of buffers already makes writers wait,
    // and one mechanism for that is enough.
    let manager =
        WriteBufferManager::new_write_buffer_manager_with_cache(write_buffers_bytes, false, cache.clone());
    database.set_write_buffer_manager(&manager);
    database.set_write_buffer_size((write_buffers_bytes / 2).min(WRITE_BUFFER_BYTES_MAX));
    database.set_max_write_buffer_number(WRITE_BUFFERS_MAX);
}

/// The write-ahead log, which makes synced batches durable.
fn set_log(database: &mut Options) {
    database.set_max_total_wal_size(WAL_BYTES_MAX as u64);
    // After a power cut the unsynced end of the log may hold anything. Replay stops at the first
    // record that is not whole: what is left is a prefix, never a choice of batches. The stricter
    // modes would refuse to open there, though nothing acknowledged is missing.
    database.set_wal_recovery_mode(DBRecoveryMode::PointInTime);
    // Replay must not take a lost or shortened log file for such an end: the sizes of the logs synced
    // and closed are noted in the manifest and checked.
    database.set_track_and_verify_wals_in_manifest(true);
    // What a start has replayed is written to a file before it goes on, which is RocksDB's default. To
    // keep it in the buffer and its log instead saves nothing that can be measured, since the buffers
    // are small, and would have the next start replay the same log again.
    //
    // Log files are not reused. It would spare a sync the change of the file's size, but the end of
    // the log is then told from old records by a number in each only, and together with replay up to
    // a point RocksDB has had holes in what it recovered.
    database.set_recycle_log_file_num(0);
}

/// Table files: their size, compaction and compression.
fn set_files(database: &mut Options) {
    database.set_max_background_jobs(BACKGROUND_JOBS);
    database.set_max_open_files(OPEN_FILES_MAX);
    database.set_bytes_per_sync(WRITE_BACK_BYTES);
    database.set_max_manifest_file_size(MANIFEST_BYTES_MAX);
    // The statistics of old files only tune compaction; reading them delays every start.
    database.set_skip_stats_update_on_db_open(true);
    // Levels, because state is overwritten: space stays close to what is live, and a read looks into
    // few files. The first level holds what four flushes bring.
    database.set_target_file_size_base(FILE_BYTES as u64);
    database.set_max_bytes_for_level_base(4 * WRITE_BUFFER_BYTES_MAX as u64);
    // What is fresh is soon rewritten: compressing it costs more than it saves.
    let (fresh, settled) = (DBCompressionType::None, DBCompressionType::Lz4);
    database.set_compression_per_level(&[fresh, fresh, settled, settled, settled, settled, settled]);
}

/// What is in a table file, and what of it is cached.
fn set_tables(database: &mut Options, cache: &Cache) {
    let mut tables = BlockBasedOptions::default();
    tables.set_block_cache(cache);
    tables.set_block_size(BLOCK_BYTES);
    tables.set_bloom_filter(FILTER_BITS_PER_KEY, false);
    tables.set_optimize_filters_for_memory(true);
    // Indexes and filters count against the budget too; those of the youngest files, which every look-up
    // asks, stay.
    tables.set_cache_index_and_filter_blocks(true);
    tables.set_pin_l0_filter_and_index_blocks_in_cache(true);
    database.set_block_based_table_factory(&tables);
}

/// RocksDB's own messages go where the server's go. That also leaves a directory untouched that turns
/// out to be in use: RocksDB's log file would be opened before the lock is taken.
fn set_reporting(database: &mut Options) {
    database.set_log_level(LogLevel::Warn);
    database.set_info_logger(InfoLogger::new_callback_logger(LogLevel::Warn, |level, message| match level {
        LogLevel::Fatal | LogLevel::Error => tracing::error!(target: "rocksdb", "{message}"),
        LogLevel::Warn => tracing::warn!(target: "rocksdb", "{message}"),
        LogLevel::Header | LogLevel::Info | LogLevel::Debug => {
            tracing::trace!(target: "rocksdb", "{message}")
        }
    }));
    // No periodic statistics: nobody reads them, and an idle server shall stay idle.
    database.set_stats_dump_period_sec(0);
    database.set_stats_persist_period_sec(0);
}
