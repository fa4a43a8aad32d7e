//! What a consumer's subscription says, as far as the coordinator wants to know: its topics.
//!
//! The bytes are the client's (`ConsumerProtocolSubscription`); only their oldest part is read, which
//! every version begins with.

/// What consumers call themselves.
pub(crate) const PROTOCOL_TYPE: &str = "consumer";

/// The topics of a subscription; `None` where it cannot be understood.
pub(crate) fn topics(metadata: &[u8]) -> Option<Vec<&str>> {
    let (_version, rest) = metadata.split_first_chunk::<2>()?;
    let (count, mut rest) = rest.split_first_chunk::<4>()?;
    let count = u32::try_from(i32::from_be_bytes(*count)).ok()?;
    let mut topics = Vec::new();
    for _ in 0..count {
        let (length, behind) = rest.split_first_chunk::<2>()?;
        let length = usize::try_from(i16::from_be_bytes(*length)).ok()?;
        let (name, behind) = behind.split_at_checked(length)?;
        topics.push(std::str::from_utf8(name).ok()?);
        rest = behind;
    }
    Some(topics)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_topics_of_a_subscription_are_read() {
        let bytes = [&[0, 3, 0, 0, 0, 2, 0, 1][..], b"a", &[0, 2], b"bc", &[0xff; 4]].concat();
        assert_eq!(topics(&bytes), Some(vec!["a", "bc"]));
    }

    #[test]
    fn what_is_no_subscription_is_not_understood() {
        assert_eq!(topics(b""), None);
        assert_eq!(topics(&[0, 0, 0x7f, 0xff, 0xff, 0xff, 0, 1]), None);
        assert_eq!(topics(&[0, 0, 0xff, 0xff, 0xff, 0xff]), None);
    }
}
