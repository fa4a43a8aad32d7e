//! Topic settings: from Kafka's names and back.

use super::*;

fn given(pairs: &[(&str, &str)]) -> Overrides {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn what_was_given_comes_back() {
    for pairs in [
        &[][..],
        &[("retention.ms", "1000"), ("segment.bytes", "2097152"), ("max.message.bytes", "100")],
        &[("retention.ms", "-1"), ("retention.bytes", "5000")],
        &[("cleanup.policy", "compact"), ("retention.ms", "1000"), ("flush.ms", "5")],
        &[("cleanup.policy", "compact,delete"), ("retention.ms", "1000")],
        &[("compression.type", "lz4")],
    ] {
        let settings = settings(3, &given(pairs)).unwrap();
        assert_eq!(settings.partitions, 3);
        assert_eq!(overrides(&settings), given(pairs));
    }
}

#[test]
fn a_default_counts_as_not_given() {
    let settings =
        settings(1, &given(&[("retention.ms", "604800000"), ("cleanup.policy", "delete")])).unwrap();
    assert_eq!(overrides(&settings), Overrides::new());
}

#[test]
fn the_log_obeys_retention_and_compaction() {
    let both = settings(1, &given(&[("cleanup.policy", "delete,compact"), ("retention.ms", "7")])).unwrap();
    assert!(both.compact);
    assert_eq!(both.retention_ms, Some(7));
    let compact = settings(1, &given(&[("cleanup.policy", "compact")])).unwrap();
    assert!(compact.compact);
    assert_eq!((compact.retention_ms, compact.retention_bytes), (None, None));
    let unbounded = settings(1, &given(&[("retention.ms", "-1")])).unwrap();
    assert_eq!(unbounded.retention_ms, None);
}

#[test]
fn wrong_values_are_refused_with_what_is_right() {
    for (name, value, expected) in [
        ("retentionms", "1", "unknown topic setting 'retentionms'"),
        ("retention.ms", "soon", "'soon' is not a value for 'retention.ms': it takes a number of 64 bits"),
        ("retention.ms", "-2", "'-2' is not a value for 'retention.ms': it must be at least -1"),
        ("segment.bytes", "1", "'1' is not a value for 'segment.bytes': it must be at least 1048576"),
        (
            "cleanup.policy",
            "burn",
            "'burn' is not a value for 'cleanup.policy': it takes delete, compact, or both",
        ),
        ("preallocate", "maybe", "'maybe' is not a value for 'preallocate': it takes true or false"),
        (
            "message.timestamp.type",
            "LogAppendTime",
            "'message.timestamp.type' cannot be 'LogAppendTime' here: it is 'CreateTime'",
        ),
    ] {
        assert_eq!(settings(1, &given(&[(name, value)])), Err(expected.to_owned()));
    }
}

#[test]
fn lists_are_added_to_and_taken_from() {
    let mut overrides = Overrides::new();
    Change::Append.apply(&mut overrides, "cleanup.policy", Some("compact")).unwrap();
    assert_eq!(overrides, given(&[("cleanup.policy", "delete,compact")]));
    Change::Subtract.apply(&mut overrides, "cleanup.policy", Some("delete")).unwrap();
    assert_eq!(overrides, given(&[("cleanup.policy", "compact")]));
    Change::Delete.apply(&mut overrides, "cleanup.policy", None).unwrap();
    assert_eq!(overrides, Overrides::new());
    let error = Change::Append.apply(&mut overrides, "retention.ms", Some("1")).unwrap_err();
    assert_eq!(error, "'retention.ms' is not a list: nothing can be added to it or taken away");
}

#[test]
fn the_defaults_are_the_logs_own() {
    let defaults = TopicSettings::default();
    let named: Overrides = KEYS.iter().map(|key| (key.name.to_owned(), key.default.to_owned())).collect();
    let mut settings = settings(defaults.partitions, &named).unwrap();
    settings.other.clear();
    assert_eq!(settings, defaults);
}
