//! Protobuf's wire format, as far as descriptors need it.

/// One field of a message as it is on the wire.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum WireValue<'b> {
    /// A number.
    Varint(u64),
    /// A text, bytes or message.
    Bytes(&'b [u8]),
    /// Four or eight bytes, which no field of a descriptor that is read here has.
    Fixed,
}

impl<'b> WireValue<'b> {
    /// The number, or zero where it is none.
    pub(super) fn number(self) -> u64 {
        match self {
            WireValue::Varint(number) => number,
            WireValue::Bytes(_) | WireValue::Fixed => 0,
        }
    }

    /// The number as the signed one of 32 bits it was written from.
    #[expect(clippy::cast_possible_truncation, reason = "a negative number is written with 64 bits")]
    pub(super) fn signed(self) -> i32 {
        self.number() as u32 as i32
    }

    /// Whether the number is not zero.
    pub(super) fn is_true(self) -> bool {
        self.number() != 0
    }

    /// The bytes.
    pub(super) fn bytes(self) -> Result<&'b [u8], String> {
        match self {
            WireValue::Bytes(bytes) => Ok(bytes),
            WireValue::Varint(_) | WireValue::Fixed => Err(damaged()),
        }
    }

    /// The text.
    pub(super) fn text(self) -> Result<String, String> {
        String::from_utf8(self.bytes()?.to_vec()).map_err(|_| damaged())
    }
}

/// The fields of a message in order, with their numbers.
pub(super) fn fields(mut bytes: &[u8]) -> impl Iterator<Item = Result<(u64, WireValue<'_>), String>> {
    std::iter::from_fn(move || {
        if bytes.is_empty() {
            return None;
        }
        let field = field(&mut bytes).ok_or_else(damaged);
        if field.is_err() {
            bytes = &[];
        }
        Some(field)
    })
}

fn field<'b>(bytes: &mut &'b [u8]) -> Option<(u64, WireValue<'b>)> {
    let tag = varint(bytes)?;
    let value = match tag & 7 {
        0 => WireValue::Varint(varint(bytes)?),
        1 => {
            take(bytes, 8)?;
            WireValue::Fixed
        }
        2 => {
            let length = usize::try_from(varint(bytes)?).ok()?;
            WireValue::Bytes(take(bytes, length)?)
        }
        5 => {
            take(bytes, 4)?;
            WireValue::Fixed
        }
        _ => return None,
    };
    Some((tag >> 3, value))
}

/// A number.
pub(super) fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0_u64;
    for shift in (0..64).step_by(7) {
        let byte = *take(bytes, 1)?.first()?;
        number |= u64::from(byte & 0x7F) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

fn take<'b>(bytes: &mut &'b [u8], count: usize) -> Option<&'b [u8]> {
    let (taken, rest) = bytes.split_at_checked(count)?;
    *bytes = rest;
    Some(taken)
}

fn damaged() -> String {
    "it is neither a .proto file nor a serialized file descriptor in base 64".to_owned()
}

/// A message in the making.
#[derive(Default)]
pub(super) struct WireWriter {
    pub(super) bytes: Vec<u8>,
}

impl WireWriter {
    /// Adds a number.
    pub(super) fn number(&mut self, field: u64, value: u64) {
        self.varint(field << 3);
        self.varint(value);
    }

    /// Adds a signed number.
    pub(super) fn signed(&mut self, field: u64, value: i32) {
        self.number(field, i64::from(value).cast_unsigned());
    }

    /// Adds a text, bytes or message.
    pub(super) fn bytes(&mut self, field: u64, value: &[u8]) {
        self.varint(field << 3 | 2);
        self.varint(value.len() as u64);
        self.bytes.extend_from_slice(value);
    }

    /// Adds a message.
    pub(super) fn message(&mut self, field: u64, write: impl FnOnce(&mut WireWriter)) {
        let mut message = WireWriter::default();
        write(&mut message);
        self.bytes(field, &message.bytes);
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.bytes.push(value.to_le_bytes()[0] | 0x80);
            value >>= 7;
        }
        self.bytes.push(value.to_le_bytes()[0]);
    }
}
