//! Every layout against the codec itself, and hostile bodies against both.

use kafka_protocol::messages::ApiKey;

use super::*;
use crate::kafka::samples::{Sample, samples};
use crate::kafka::shape_table::shape_of;
use crate::kafka::versions::SUPPORTED;

fn walk(sample: &Sample, body: &[u8]) -> Result<Walked, Misshapen> {
    shape_of(sample.api).unwrap().walk(sample.version, body)
}

#[test]
fn every_layout_ends_where_the_codecs_does() {
    let samples = samples();
    for supported in SUPPORTED {
        assert!(samples.iter().any(|sample| sample.api == supported.api), "{supported:?} has a sample");
    }
    for sample in &samples {
        let walked = walk(sample, &sample.body);
        let trailing = walked.map(|walked| walked.trailing);
        assert_eq!(trailing, Ok(0), "{:?} version {}", sample.api, sample.version);
        assert!((sample.decode)(sample.body.clone(), sample.version));
    }
}

#[test]
fn a_body_that_is_cut_off_anywhere_is_refused() {
    for sample in samples() {
        for end in 0..sample.body.len() {
            let walked = walk(&sample, &sample.body[..end]);
            assert!(walked.is_err(), "{:?} version {} cut at {end}", sample.api, sample.version);
        }
    }
}

/// What passes the walk is decoded: a body that made the codec ask for gigabytes would end the test.
#[test]
fn no_damaged_body_makes_the_codec_allocate_what_is_not_there() {
    let huge: [&[u8]; 4] =
        [&i32::MAX.to_be_bytes(), &i32::MIN.to_be_bytes(), &[0xff, 0xff, 0xff, 0xff, 0x0f], &[0x7f, 0xff]];
    for sample in samples() {
        for at in 0..sample.body.len() {
            for lie in huge {
                let mut body = sample.body.to_vec();
                let end = body.len().min(at + lie.len());
                body.splice(at..end, lie.iter().copied());
                if walk(&sample, &body).is_ok() {
                    (sample.decode)(body.into(), sample.version);
                }
            }
        }
    }
}

#[test]
fn a_count_of_two_to_the_31_is_refused() {
    let body = [0x7f, 0xff, 0xff, 0xff];
    let refused = shape_of(ApiKey::Metadata).unwrap().walk(1, &body);
    assert_eq!(refused, Err(Misshapen::CountTooLarge(0x7fff_ffff)));
    let compact = [0xff, 0xff, 0xff, 0xff, 0x0f];
    let refused = shape_of(ApiKey::Metadata).unwrap().walk(9, &compact);
    assert_eq!(refused, Err(Misshapen::CountTooLarge(0xffff_fffe)));
}

#[test]
fn more_elements_than_anybody_needs_are_refused() {
    let names = ELEMENTS_MAX + 1;
    let mut body = (names as i32).to_be_bytes().to_vec();
    body.extend(std::iter::repeat_n(0, 2 * names));
    let refused = shape_of(ApiKey::Metadata).unwrap().walk(1, &body);
    assert_eq!(refused, Err(Misshapen::TooManyElements));
}
