//! Appending: check, write to the page cache, move the end, ask for a sync.

use std::io;
use std::sync::Arc;

use bytes::Bytes;

use crate::error::{ErrorKind, Result, StorageError};
use crate::ids::{Offset, ProducerEpoch, ProducerId};
use crate::log::checks::{check_batch, no_open_transaction};
use crate::log::embedded::format::LogPosition;
use crate::log::embedded::partition::{Partition, Writer};
use crate::log::embedded::segment::Segment;
use crate::log::embedded::shared::Shared;
use crate::log::producer_state::Sequenced;
use crate::log::{Appended, Origin, TopicSettings, TransactionEnd};
use crate::record::control::{self, Marker};
use crate::record::{BatchHeader, HEADER_BYTES, HeaderBytes};

impl Partition {
    /// Appends one batch.
    pub(super) fn append(
        self: &Arc<Self>,
        shared: &Shared,
        settings: &TopicSettings,
        batch: &Bytes,
        origin: Origin,
    ) -> Result<Appended> {
        let mut header = check_batch(batch, settings, origin)?;
        let mut bytes = HeaderBytes::of(batch)?;
        if bytes.max_timestamp() != header.max_timestamp {
            bytes.set_max_timestamp(header.max_timestamp, records_of(batch).len());
        }
        let sequenced = origin == Origin::Client && header.producer_id != ProducerId::NONE;

        let mut writer = self.lock_writer(shared)?;
        if sequenced
            && let Sequenced::Duplicate { base_offset, last_offset } = writer.producers.check(&header)?
        {
            return Ok(self.appended(base_offset, last_offset, true));
        }
        header.base_offset = writer.end.offset;
        bytes.set_base_offset(header.base_offset);
        let segment = self.write(shared, settings, &mut writer, &header, &bytes, records_of(batch))?;
        let begins_transaction = sequenced
            && header.attributes.is_transactional()
            && writer.producers.open_transaction(header.producer_id).is_none();
        if sequenced {
            writer.producers.note_batch(&header);
        }
        let mut view = self.view.lock();
        if begins_transaction {
            view.transactions.begin(header.producer_id, header.base_offset);
        }
        view.note_append(&segment, writer.end, batch.len() as u64);
        drop(view);
        let appended = self.appended(header.base_offset, header.last_offset(), false);
        drop(writer);
        shared.sync_queue.request(self);
        Ok(appended)
    }

    /// Ends a client's transaction by appending its marker.
    pub(super) fn end_transaction(
        self: &Arc<Self>,
        shared: &Shared,
        settings: &TopicSettings,
        producer_id: ProducerId,
        epoch: ProducerEpoch,
        end: TransactionEnd,
    ) -> Result<Appended> {
        let marker = match end {
            TransactionEnd::Commit => Marker::Commit,
            TransactionEnd::Abort => Marker::Abort,
        };
        let batch = control::build(marker, producer_id, epoch, shared.clock.wall_ms())?;
        let mut header = BatchHeader::parse(&batch)?;
        let mut bytes = HeaderBytes::of(&batch)?;

        let mut writer = self.lock_writer(shared)?;
        writer.producers.check_epoch(producer_id, epoch)?;
        let first_offset = writer
            .producers
            .open_transaction(producer_id)
            .ok_or_else(|| no_open_transaction(producer_id, self.target()))?;
        header.base_offset = writer.end.offset;
        bytes.set_base_offset(header.base_offset);
        let segment = self.write(shared, settings, &mut writer, &header, &bytes, records_of(&batch))?;
        writer.producers.note_end(producer_id, epoch);
        let mut view = self.view.lock();
        view.transactions.end(first_offset, header.base_offset, marker);
        view.note_append(&segment, writer.end, batch.len() as u64);
        drop(view);
        let appended = self.appended(header.base_offset, header.last_offset(), false);
        drop(writer);
        shared.sync_queue.request(self);
        Ok(appended)
    }

    /// Writes a batch behind the last one, into a new segment where the active one is full. On a full
    /// disk nothing stays written.
    pub(super) fn write(
        &self,
        shared: &Shared,
        settings: &TopicSettings,
        writer: &mut Writer,
        header: &BatchHeader,
        bytes: &HeaderBytes,
        records: &[u8],
    ) -> Result<Arc<Segment>> {
        let total = header.total_bytes() as u64;
        let segment = match &writer.active {
            Some(active) if fits(active, settings, header, total) => Arc::clone(active),
            _ => self.roll(shared, writer)?,
        };
        let position = segment.bytes();
        let file =
            segment.file(&*shared.disk).map_err(|error| shared.failed("open", segment.path(), &error))?;
        if let Err(error) = file.write_all_at(position, &[bytes.as_bytes(), records]) {
            return Err(self.refuse_write(shared, &segment, position, &error));
        }
        segment
            .note_append(&*shared.disk, header, total, shared.monotonic_ms())
            .map_err(|error| shared.poison(&error))?;
        writer.end =
            LogPosition { offset: header.next_offset(), segment: segment.base(), byte: position + total };
        Ok(segment)
    }

    /// Begins a new segment at the end of the log.
    pub(super) fn roll(&self, shared: &Shared, writer: &mut Writer) -> Result<Arc<Segment>> {
        let base = writer.end.offset;
        let segment = Segment::create(&*shared.disk, self.directory(), base, shared.monotonic_ms())
            .map_err(|error| shared.failed("create a segment in", self.directory(), &error))?;
        if let Some(closed) = writer.active.replace(Arc::clone(&segment)) {
            closed.close();
            shared.open_segments.note_closed(&closed);
        }
        writer.end = LogPosition { offset: base, segment: base, byte: 0 };
        self.view.lock().add_segment(Arc::clone(&segment));
        Ok(segment)
    }

    /// After a failed write: a full disk is made good by cutting off what was written of the batch.
    fn refuse_write(
        &self,
        shared: &Shared,
        segment: &Segment,
        position: u64,
        error: &io::Error,
    ) -> StorageError {
        let refused = shared.failed("write to", segment.path(), error);
        if refused.kind() != ErrorKind::DiskFull {
            return refused;
        }
        match segment.file(&*shared.disk).and_then(|file| file.truncate(position)) {
            Ok(()) => refused,
            Err(error) => shared.poison(&StorageError::io("truncate", segment.path(), &error)),
        }
    }

    pub(super) fn appended(&self, base_offset: Offset, last_offset: Offset, duplicate: bool) -> Appended {
        Appended::new(base_offset, last_offset, duplicate, self.offsets().log_start, self.watch())
    }
}

/// Largest distance of an offset from its segment's base that the index can tell.
const OFFSET_DELTA_MAX: i64 = i32::MAX as i64;

fn fits(active: &Segment, settings: &TopicSettings, header: &BatchHeader, total: u64) -> bool {
    let bytes = active.bytes();
    bytes == 0
        || (bytes + total <= settings.segment_bytes
            && header.last_offset().0 - active.base().0 <= OFFSET_DELTA_MAX)
}

pub(super) fn records_of(batch: &[u8]) -> &[u8] {
    batch.get(HEADER_BYTES..).unwrap_or_default()
}
