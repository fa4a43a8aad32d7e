//! The four codecs of record batches, each with a bound on its output.
//!
//! A few compressed bytes can claim gigabytes, so nothing here trusts a length that was sent:
//! [`open`] decompresses as a stream through buffers of bounded size, and [`decompress`] stops at the
//! caller's limit.

use std::io::{self, BufRead, BufReader, Read, Write};

use crate::error::{ErrorKind, Result, StorageError};

mod snappy;

/// Most bytes the records of one batch may have after decompression: 64 times the default limit of a
/// batch, while honest producers bound a batch before they compress it. Beyond it a batch is refused
/// with `TooLarge`, on append as well as on reading.
pub const DECOMPRESSED_BYTES_MAX: usize = 64 << 20;

/// Largest window a zstd frame may ask for, as a power of two: what zstd's levels up to 19 use.
const ZSTD_WINDOW_LOG_MAX: u32 = 23;
/// Level of our own zstd batches: zstd's default, which Kafka takes too.
const ZSTD_LEVEL: i32 = 3;
/// Buffer between a decoder and the code that skims its output.
const SKIM_BUFFER_BYTES: usize = 32 << 10;

/// How the records of a batch are compressed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Codec {
    /// Not at all.
    None,
    /// gzip (RFC 1952).
    Gzip,
    /// Snappy in the framing of snappy-java, or a single raw block.
    Snappy,
    /// LZ4 frames.
    Lz4,
    /// Zstandard.
    Zstd,
}

impl Codec {
    /// Every codec.
    pub const ALL: [Codec; 5] = [Codec::None, Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd];

    /// The codec's number in a batch's attributes.
    #[must_use]
    pub fn number(self) -> i16 {
        match self {
            Codec::None => 0,
            Codec::Gzip => 1,
            Codec::Snappy => 2,
            Codec::Lz4 => 3,
            Codec::Zstd => 4,
        }
    }

    /// The codec with a number.
    ///
    /// # Errors
    /// `CorruptBatch` where no codec has it.
    pub fn from_number(number: i16) -> Result<Codec> {
        Codec::ALL
            .into_iter()
            .find(|codec| codec.number() == number)
            .ok_or_else(|| corrupt(format!("compression codec {number} is not known; 0 to 4 are")))
    }

    /// The codec's name, as Kafka's configuration spells it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Codec::None => "none",
            Codec::Gzip => "gzip",
            Codec::Snappy => "snappy",
            Codec::Lz4 => "lz4",
            Codec::Zstd => "zstd",
        }
    }
}

/// Appends the compressed form of `bytes` to `into`.
///
/// # Errors
/// `Io` where the codec fails, which none does for bytes in memory.
pub fn compress(codec: Codec, bytes: &[u8], into: &mut Vec<u8>) -> Result<()> {
    let done = match codec {
        Codec::None => {
            into.extend_from_slice(bytes);
            Ok(())
        }
        Codec::Gzip => {
            let mut encoder = flate2::write::GzEncoder::new(into, flate2::Compression::default());
            encoder.write_all(bytes).and_then(|()| encoder.finish().map(drop))
        }
        Codec::Snappy => snappy::compress(bytes, into),
        Codec::Lz4 => {
            let mut encoder = lz4_flex::frame::FrameEncoder::new(into);
            encoder.write_all(bytes).and_then(|()| encoder.finish().map(drop).map_err(io::Error::from))
        }
        Codec::Zstd => zstd::stream::write::Encoder::new(into, ZSTD_LEVEL).and_then(|mut encoder| {
            encoder.write_all(bytes)?;
            encoder.finish().map(drop)
        }),
    };
    done.map_err(|error| {
        StorageError::new(ErrorKind::Io, format!("could not compress by {}: {error}", codec.name()))
    })
}

/// Appends the decompressed form of `bytes` to `into`, at most `bytes_max` of it.
///
/// # Errors
/// `TooLarge` beyond the limit, `CorruptBatch` where the bytes are not what the codec writes.
pub fn decompress(codec: Codec, bytes: &[u8], bytes_max: usize, into: &mut Vec<u8>) -> Result<()> {
    let before = into.len();
    let mut stream = open(codec, bytes)?.take(bytes_max as u64 + 1);
    stream.read_to_end(into).map_err(|error| undecodable(codec, &error))?;
    if into.len() - before > bytes_max {
        into.truncate(before);
        return Err(too_large(codec, bytes_max));
    }
    Ok(())
}

/// Decompresses `bytes` as a stream. The stream itself has no limit; its buffers have.
///
/// # Errors
/// `CorruptBatch` where the codec refuses at once.
pub fn open<'a>(codec: Codec, bytes: &'a [u8]) -> Result<Box<dyn BufRead + 'a>> {
    Ok(match codec {
        Codec::None => Box::new(bytes),
        Codec::Gzip => {
            Box::new(BufReader::with_capacity(SKIM_BUFFER_BYTES, flate2::bufread::GzDecoder::new(bytes)))
        }
        Codec::Snappy => Box::new(snappy::SnappyReader::new(bytes)),
        Codec::Lz4 => Box::new(lz4_flex::frame::FrameDecoder::new(bytes)),
        Codec::Zstd => {
            let mut decoder = zstd::stream::read::Decoder::with_buffer(bytes)
                .map_err(|error| undecodable(codec, &error))?;
            decoder.window_log_max(ZSTD_WINDOW_LOG_MAX).map_err(|error| undecodable(codec, &error))?;
            Box::new(BufReader::with_capacity(SKIM_BUFFER_BYTES, decoder))
        }
    })
}

pub(crate) fn undecodable(codec: Codec, error: &io::Error) -> StorageError {
    corrupt(format!("the records are not valid {}: {error}", codec.name()))
}

pub(crate) fn too_large(codec: Codec, bytes_max: usize) -> StorageError {
    StorageError::new(
        ErrorKind::TooLarge,
        format!(
            "the {} records of a batch have more than {bytes_max} bytes uncompressed; send smaller batches",
            codec.name()
        ),
    )
}

fn corrupt(message: impl Into<String>) -> StorageError {
    StorageError::new(ErrorKind::CorruptBatch, message)
}
