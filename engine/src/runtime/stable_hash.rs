//! Which shard a row belongs to.
//!
//! State stays where its shard's hash put it, across restarts and versions, so the hash is written
//! down here and never changes: CRC-32C of the key's bytes, column by column. It spreads keys, it
//! does not protect against keys chosen to collide; a shard is no limit, only a place.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, Int32Type, Int64Type};
use arrow::row::{RowConverter, SortField};
use tidemill_sql::lookup::WindowKind;

use crate::error::Result;
use crate::runtime::windowed_key::inner_key;

/// One hash a row over the given columns.
///
/// # Errors
/// Arrow's, for a type that has no row form.
pub fn hash_rows(columns: &[ArrayRef]) -> Result<Vec<u32>> {
    if let [only] = columns
        && let Some(hashes) = hash_single(only)
    {
        return Ok(hashes);
    }
    let fields = columns.iter().map(|column| SortField::new(column.data_type().clone())).collect();
    let rows = RowConverter::new(fields)?.convert_columns(columns)?;
    Ok(rows.iter().map(|row| crc32c::crc32c(row.as_ref())).collect())
}

/// The common single-column keys, without the detour over rows. NULL hashes as no bytes.
fn hash_single(column: &ArrayRef) -> Option<Vec<u32>> {
    match column.data_type() {
        DataType::Utf8 => {
            let values = column.as_string::<i32>();
            Some(values.iter().map(|value| crc32c::crc32c(value.unwrap_or("").as_bytes())).collect())
        }
        DataType::Int32 => {
            let values = column.as_primitive::<Int32Type>();
            Some(
                values
                    .iter()
                    .map(|value| value.map_or(0, |value| crc32c::crc32c(&value.to_be_bytes())))
                    .collect(),
            )
        }
        DataType::Int64 => {
            let values = column.as_primitive::<Int64Type>();
            Some(
                values
                    .iter()
                    .map(|value| value.map_or(0, |value| crc32c::crc32c(&value.to_be_bytes())))
                    .collect(),
            )
        }
        _ => None,
    }
}

/// The partition of a record by its key, as Kafka Streams chooses it: all windows of a key have the one of
/// the key.
#[must_use]
pub fn record_partition(key: &[u8], window: Option<WindowKind>, partitions: u32) -> u32 {
    kafka_partition(inner_key(key, window), partitions)
}

/// Kafka's default partitioner: murmur2 of the key's bytes, sign bit cleared, modulo the number of
/// partitions (`org.apache.kafka.common.utils.Utils.murmur2` describes the function). Records with
/// the same key so land where any Kafka client would put them.
#[must_use]
pub fn kafka_partition(key: &[u8], partitions: u32) -> u32 {
    (murmur2(key) & 0x7fff_ffff) % partitions.max(1)
}

/// MurmurHash2, 32 bits, Kafka's seed.
fn murmur2(data: &[u8]) -> u32 {
    const SEED: u32 = 0x9747_b28c;
    const M: u32 = 0x5bd1_e995;
    let mut hash = SEED ^ data.len() as u32;
    let mut chunks = data.chunks_exact(4);
    for chunk in &mut chunks {
        let mut k = u32::from_le_bytes([chunk[0], chunk[1], chunk[2], chunk[3]]).wrapping_mul(M);
        k ^= k >> 24;
        hash = hash.wrapping_mul(M) ^ k.wrapping_mul(M);
    }
    let tail = chunks.remainder();
    if !tail.is_empty() {
        for (index, byte) in tail.iter().enumerate() {
            hash ^= u32::from(*byte) << (8 * index);
        }
        hash = hash.wrapping_mul(M);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(M);
    hash ^ (hash >> 15)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn murmur2_agrees_with_the_values_other_clients_publish() {
        // Values that Kafka clients of several languages use to check their own partitioners.
        assert_eq!(murmur2(b"21") as i32, -973_932_308);
        assert_eq!(murmur2(b"foobar") as i32, -790_332_482);
        assert_eq!(murmur2(b"a-little-bit-long-string") as i32, -985_981_536);
        assert_eq!(murmur2(b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8") as i32, -58_897_971);
        assert_eq!(murmur2(b"abc") as i32, 479_470_107);
    }

    #[test]
    fn all_windows_of_a_key_have_the_partition_of_the_key() {
        let tumbling = Some(WindowKind::Tumbling { size_ms: 10 });
        let session = Some(WindowKind::Session { gap_ms: 10 });
        for key in [&b"foobar"[..], b"abc", b""] {
            let partition = kafka_partition(key, 7);
            for start_ms in [0_i64, 10, 20] {
                let windowed = [key, &start_ms.to_be_bytes()].concat();
                assert_eq!(record_partition(&windowed, tumbling, 7), partition);
                let of_session = [&windowed[..], &start_ms.to_be_bytes()].concat();
                assert_eq!(record_partition(&of_session, session, 7), partition);
            }
            assert_eq!(record_partition(key, None, 7), partition);
        }
        assert_eq!(record_partition(b"abc", session, 7), kafka_partition(b"abc", 7), "it has no bounds");
    }
}
