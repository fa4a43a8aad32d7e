//! A record in one piece, for those who look at records one by one.

use bytes::Bytes;
use tidemill_storage::Offset;
use tidemill_storage::record::{self, BatchBuilder, Codec, RecordReader};

use crate::error::Result;

/// A record of a topic.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Record {
    /// The key.
    pub key: Option<Bytes>,
    /// The value; `None` is a tombstone.
    pub value: Option<Bytes>,
    /// The record's timestamp.
    pub timestamp_ms: i64,
    /// The headers, in order; a name may come more than once.
    pub headers: Vec<(String, Option<Bytes>)>,
}

impl Record {
    /// A batch of just this record.
    ///
    /// # Errors
    /// A record over the bounds of a batch.
    pub fn to_batch(&self) -> Result<Bytes> {
        let headers: Vec<(&[u8], Option<&[u8]>)> =
            self.headers.iter().map(|(name, value)| (name.as_bytes(), value.as_deref())).collect();
        let mut builder = BatchBuilder::new(Codec::None);
        builder.append(self.timestamp_ms, self.key.as_deref(), self.value.as_deref(), &headers)?;
        Ok(builder.build()?)
    }

    /// The records of one batch.
    ///
    /// # Errors
    /// A damaged batch.
    pub fn from_batch(batch: Bytes) -> Result<Vec<Record>> {
        Record::read_all(&mut RecordReader::new(batch, Offset::ZERO, &[]))
    }

    /// What a reader gives.
    pub(super) fn read_all(reader: &mut RecordReader) -> Result<Vec<Record>> {
        let mut records = Vec::new();
        while let Some(batch) = reader.next_batch()? {
            for record in batch.records() {
                records.push(Record::copied(&record?)?);
            }
        }
        Ok(records)
    }

    fn copied(record: &record::Record<'_>) -> Result<Record> {
        let header = |header: tidemill_storage::Result<record::Header<'_>>| {
            let header = header?;
            let name = String::from_utf8_lossy(header.key).into_owned();
            Ok((name, header.value.map(Bytes::copy_from_slice)))
        };
        Ok(Record {
            key: record.key.map(Bytes::copy_from_slice),
            value: record.value.map(Bytes::copy_from_slice),
            timestamp_ms: record.timestamp_ms,
            headers: record.headers.map(header).collect::<Result<_>>()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_comes_out_of_its_batch_as_it_went_in() {
        let record = Record {
            key: None,
            value: Some(Bytes::from_static(b"v")),
            timestamp_ms: 17,
            headers: vec![("a".to_owned(), Some(Bytes::from_static(b"1"))), ("a".to_owned(), None)],
        };
        assert_eq!(Record::from_batch(record.to_batch().unwrap()).unwrap(), [record]);
    }
}
