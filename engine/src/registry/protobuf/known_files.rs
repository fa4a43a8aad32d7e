//! Files that schemas may import without anybody registering them: those of Protobuf itself, and those that
//! Confluent's clients bring along.
//!
//! A reference of such a name is not read: these files are what every client means by it.

use protox::Error;
use protox::file::{File, FileResolver, GoogleFileResolver};

/// The file of the options with which Confluent's clients annotate fields and messages.
pub(super) const META_FILE: &str = "confluent/meta.proto";

/// The file that declares what options are.
pub(super) const DESCRIPTOR_FILE: &str = "google/protobuf/descriptor.proto";

/// Finds the known files.
pub(super) struct KnownFiles {
    of_protobuf: GoogleFileResolver,
}

impl KnownFiles {
    pub(super) fn new() -> KnownFiles {
        KnownFiles { of_protobuf: GoogleFileResolver::new() }
    }
}

impl FileResolver for KnownFiles {
    fn open_file(&self, name: &str) -> Result<File, Error> {
        match text(name) {
            Some(text) => File::from_source(name, text),
            None => self.of_protobuf.open_file(name),
        }
    }
}

macro_rules! texts {
    ($name:expr, $($path:literal)+) => {
        match $name {
            $($path => Some(include_str!(concat!("known_files/", $path))),)+
            _ => None,
        }
    };
}

/// The text of a file that the library does not have.
fn text(name: &str) -> Option<&'static str> {
    texts! { name,
        "confluent/meta.proto"
        "confluent/type/decimal.proto"
        "google/type/calendar_period.proto"
        "google/type/color.proto"
        "google/type/date.proto"
        "google/type/datetime.proto"
        "google/type/dayofweek.proto"
        "google/type/decimal.proto"
        "google/type/expr.proto"
        "google/type/fraction.proto"
        "google/type/interval.proto"
        "google/type/latlng.proto"
        "google/type/money.proto"
        "google/type/month.proto"
        "google/type/phone_number.proto"
        "google/type/postal_address.proto"
        "google/type/quaternion.proto"
        "google/type/timeofday.proto"
    }
}
