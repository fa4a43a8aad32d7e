//! Snappy as Kafka's clients send it: snappy-java's framing, or one raw block.
//!
//! ```text
//! 0x82 "SNAPPY" 0x00 | version i32 | lowest compatible version i32 | blocks: length i32, raw block
//! ```

use std::io::{self, BufRead, Read};

const MAGIC: [u8; 8] = [0x82, b'S', b'N', b'A', b'P', b'P', b'Y', 0];
const PREAMBLE_BYTES: usize = 16;
const VERSION: i32 = 1;
/// Uncompressed bytes per block, snappy-java's default.
const BLOCK_BYTES: usize = 32 << 10;
/// No raw block can hold more bytes per compressed byte: the densest element makes 64 bytes of three.
const EXPANSION_MAX: usize = 22;
/// Uncompressed bytes beyond which a block is not believed.
const BLOCK_BYTES_MAX: usize = super::DECOMPRESSED_BYTES_MAX;

pub(super) fn compress(bytes: &[u8], into: &mut Vec<u8>) -> io::Result<()> {
    into.extend_from_slice(&MAGIC);
    into.extend_from_slice(&VERSION.to_be_bytes());
    into.extend_from_slice(&VERSION.to_be_bytes());
    let mut encoder = snap::raw::Encoder::new();
    for block in bytes.chunks(BLOCK_BYTES) {
        let compressed = encoder.compress_vec(block)?;
        let length = i32::try_from(compressed.len()).map_err(io::Error::other)?;
        into.extend_from_slice(&length.to_be_bytes());
        into.extend_from_slice(&compressed);
    }
    Ok(())
}

/// Decompresses block by block.
pub(super) struct SnappyReader<'a> {
    rest: &'a [u8],
    framed: bool,
    block: Vec<u8>,
    position: usize,
}

impl<'a> SnappyReader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> SnappyReader<'a> {
        let framed = bytes.starts_with(&MAGIC) && bytes.len() >= PREAMBLE_BYTES;
        let rest = if framed { &bytes[PREAMBLE_BYTES..] } else { bytes };
        SnappyReader { rest, framed, block: Vec::new(), position: 0 }
    }

    fn next_block(&mut self) -> io::Result<()> {
        let compressed = if self.framed {
            let (length, after) =
                self.rest.split_first_chunk::<4>().ok_or_else(|| invalid("a block's length is cut off"))?;
            let length = usize::try_from(i32::from_be_bytes(*length))
                .map_err(|_| invalid("a block has a negative length"))?;
            let (compressed, after) =
                after.split_at_checked(length).ok_or_else(|| invalid("a block is cut off"))?;
            self.rest = after;
            compressed
        } else {
            std::mem::take(&mut self.rest)
        };
        let length = snap::raw::decompress_len(compressed)?;
        if length > BLOCK_BYTES_MAX || length > compressed.len().saturating_mul(EXPANSION_MAX) {
            return Err(invalid("a block claims more bytes than it can hold"));
        }
        self.block.resize(length, 0);
        self.position = 0;
        snap::raw::Decoder::new().decompress(compressed, &mut self.block)?;
        Ok(())
    }
}

impl BufRead for SnappyReader<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.position == self.block.len() && !self.rest.is_empty() {
            self.next_block()?;
        }
        Ok(&self.block[self.position..])
    }

    fn consume(&mut self, amount: usize) {
        self.position = (self.position + amount).min(self.block.len());
    }
}

impl Read for SnappyReader<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.fill_buf()?.read(into)?;
        self.consume(count);
        Ok(count)
    }
}

fn invalid(message: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message)
}
