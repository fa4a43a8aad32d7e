//! Order and round trip of encoded keys, and what damaged ones get.

use proptest::prelude::*;

use super::*;

/// A key's parts, in the order they are compared.
type Parts = (u32, Vec<u8>, i64, u64, Vec<u8>);

fn parts() -> impl Strategy<Value = Parts> {
    // Few distinct bytes, so that strings share prefixes and meet the escapes often.
    let string = || prop::collection::vec(prop::sample::select(vec![0x00, 0x01, 0x61, 0xFE, 0xFF]), 0..6);
    let signed = prop_oneof![any::<i64>(), -2..2_i64];
    (0..3_u32, string(), signed, prop_oneof![any::<u64>(), 0..3_u64], string())
}

fn encode((a, b, c, d, e): &Parts) -> Bytes {
    let mut builder = KeyBuilder::new(KeyKind::QueryState);
    builder.u32(*a).bytes(b).i64(*c).u64(*d).rest(e);
    builder.finish()
}

proptest! {
    #[test]
    fn keys_sort_as_their_parts(left in parts(), right in parts()) {
        prop_assert_eq!(encode(&left).cmp(&encode(&right)), left.cmp(&right));
    }

    #[test]
    fn what_is_written_is_read(parts in parts()) {
        let key = encode(&parts);
        let mut reader = KeyReader::new(&key, KeyKind::QueryState).unwrap();
        prop_assert_eq!(reader.u32().unwrap(), parts.0);
        prop_assert_eq!(reader.bytes().unwrap(), Cow::Borrowed(&parts.1[..]));
        prop_assert_eq!(reader.i64().unwrap(), parts.2);
        prop_assert_eq!(reader.u64().unwrap(), parts.3);
        prop_assert_eq!(reader.rest(), &parts.4[..]);
        reader.finish().unwrap();
    }

    #[test]
    fn a_prefix_range_holds_exactly_the_keys_with_the_prefix(
        prefix in prop::collection::vec(prop::sample::select(vec![0x00, 0x7F, 0xFF]), 0..4),
        other in prop::collection::vec(prop::sample::select(vec![0x00, 0x7F, 0x80, 0xFF]), 0..6),
    ) {
        let mut begin = KeyBuilder::new(KeyKind::TableRow);
        begin.rest(&prefix);
        let mut key = KeyBuilder::new(KeyKind::TableRow);
        key.rest(&other);
        prop_assert_eq!(begin.prefix_range().contains(&key.finish()), other.starts_with(&prefix));
    }

    #[test]
    fn arbitrary_bytes_are_read_or_refused(key in prop::collection::vec(0..3_u8, 0..24)) {
        // Nothing from disk may panic; an error must say that the key is damaged.
        let read = KeyReader::new(&key, KeyKind::Meta).and_then(|mut reader| {
            reader.bytes()?;
            reader.u32()?;
            reader.bytes()?;
            reader.i64()?;
            reader.finish()
        });
        if let Err(error) = read {
            prop_assert_eq!(error.kind(), ErrorKind::Corrupt);
        }
    }
}

#[test]
fn a_whole_kind_is_one_range() {
    let range = KeyBuilder::new(KeyKind::Catalog).prefix_range();
    assert_eq!(range, Bytes::from_static(&[0x02])..Bytes::from_static(&[0x03]));
}

#[test]
fn a_builder_goes_back_to_its_prefix_but_keeps_the_kind() {
    let mut builder = KeyBuilder::new(KeyKind::Meta);
    builder.u32(7);
    let prefix_len = builder.len();
    builder.rest(b"one");
    builder.truncate(prefix_len);
    builder.rest(b"two");
    assert_eq!(builder.as_slice(), b"\x01\0\0\0\x07two");
    builder.truncate(0);
    assert_eq!(builder.as_slice(), [KeyKind::Meta.byte()]);
}

#[test]
fn a_damaged_key_is_shown_with_what_is_wrong() {
    let of_another_kind = KeyReader::new(&[0x02, 0xAB], KeyKind::Meta).unwrap_err();
    assert_eq!(of_another_kind.to_string(), "the state key '02ab' is damaged: it is not one of kind 'meta'");
    let cut_short = KeyReader::new(&[0x01, 0xAB], KeyKind::Meta).unwrap().u64().unwrap_err();
    assert_eq!(
        cut_short.to_string(),
        "the state key '01ab' is damaged: it ends within a number of 8 bytes at byte 1"
    );
    let endless = KeyReader::new(&[0x01, b'a'], KeyKind::Meta).unwrap().bytes().unwrap_err();
    assert_eq!(endless.to_string(), "the state key '0161' is damaged: a byte string in it has no end");
    let left_over = KeyReader::new(&[0x01, b'a'], KeyKind::Meta).unwrap().finish().unwrap_err();
    assert_eq!(
        left_over.to_string(),
        "the state key '0161' is damaged: more follows its last part, which ends at byte 1"
    );
}
