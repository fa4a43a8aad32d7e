//! Whose directory it is: versions, locks, foreign directories.

use std::path::Path;
use std::sync::Arc;

use tidemill_storage::ErrorKind;
use tidemill_storage::io::{Disk, DiskFile, FaultyDisk, ManualClock, OpenMode};
use tidemill_storage::log::{Decisions, EmbeddedLog, Log, Options, TopicSettings};

use crate::world::{World, name};

fn open_real(directory: &Path) -> tidemill_storage::Result<EmbeddedLog> {
    let nothing: Decisions = Arc::new(|_, _| None);
    EmbeddedLog::open(Options::new(directory), &nothing).map(|(log, _)| log)
}

#[test]
fn a_directory_in_use_is_refused_and_free_after_the_log_is_dropped() {
    let place = tempfile::tempdir().unwrap();
    let log = open_real(place.path()).unwrap();
    log.create_topic(&name("a"), TopicSettings::default()).unwrap();
    let refused = open_real(place.path()).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unusable);
    assert!(refused.to_string().contains("in use"), "{refused}");
    drop(log);
    assert_eq!(open_real(place.path()).unwrap().topics().len(), 1);
}

#[test]
fn an_unknown_version_is_refused_and_left_untouched() {
    let world = World::opened();
    let disk = world.disk.clone();
    drop(world);
    disk.kill_process();
    let file: Arc<dyn DiskFile> = disk.open(Path::new("/log/format"), OpenMode::Create).unwrap();
    file.write_all_at(0, &[b"tidemill log, format 2\n"]).unwrap();
    let before = disk.calls();
    let error = open_faulty(&disk).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unusable);
    assert!(error.to_string().contains("format 2"), "{error}");
    assert_eq!(disk.calls(), before, "nothing was changed");
}

#[test]
fn a_directory_of_something_else_is_refused_and_left_untouched() {
    let disk = FaultyDisk::new(Arc::new(ManualClock::new(0)));
    disk.create_dir(Path::new("/log")).unwrap();
    disk.open(Path::new("/log/holiday.jpg"), OpenMode::Create).unwrap();
    let before = disk.calls();
    let error = open_faulty(&disk).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unusable);
    assert!(error.to_string().contains("holiday.jpg"), "{error}");
    assert_eq!(disk.calls(), before, "nothing was changed");
}

fn open_faulty(disk: &FaultyDisk) -> tidemill_storage::Result<EmbeddedLog> {
    let nothing: Decisions = Arc::new(|_, _| None);
    let options = Options { disk: Arc::new(disk.clone()), sync_threads: 0, ..Options::new("/log") };
    EmbeddedLog::open(options, &nothing).map(|(log, _)| log)
}
