//! The faulty disk loses what it says and nothing else.

use std::path::Path;
use std::sync::Arc;

use super::*;

fn disk() -> FaultyDisk {
    let disk = FaultyDisk::new(Arc::new(ManualClock::new(0)));
    disk.create_dir(Path::new("/d")).unwrap();
    disk.sync_dir(Path::new("/")).unwrap();
    disk
}

fn read(disk: &FaultyDisk, path: &str) -> Option<Vec<u8>> {
    read_file(disk, Path::new(path), 1 << 20).ok()
}

fn write(disk: &FaultyDisk, path: &str, bytes: &[u8]) -> Arc<dyn DiskFile> {
    let file = disk.open(Path::new(path), OpenMode::Create).unwrap();
    file.write_all_at(0, &[bytes]).unwrap();
    file
}

#[test]
fn a_power_cut_takes_unsynced_bytes_and_names() {
    let disk = disk();
    write(&disk, "/d/name-unsynced", b"x").sync_data().unwrap();
    disk.power_cut(Tail::Lost);
    assert_eq!(read(&disk, "/d/name-unsynced"), None);

    let file = write(&disk, "/d/a", b"synced");
    file.sync_data().unwrap();
    disk.sync_dir(Path::new("/d")).unwrap();
    file.write_all_at(6, &[b" not"]).unwrap();
    disk.power_cut(Tail::Lost);
    assert_eq!(read(&disk, "/d/a").unwrap(), b"synced");
    assert!(file.write_all_at(0, &[b"x"]).is_err(), "a file from before the cut is dead");
}

#[test]
fn a_torn_cut_keeps_whole_sectors_only() {
    let mut lengths = std::collections::BTreeSet::new();
    for seed in 0..200 {
        let disk = disk();
        let file = write(&disk, "/d/a", b"head");
        file.sync_data().unwrap();
        disk.sync_dir(Path::new("/d")).unwrap();
        file.write_all_at(4, &[&[7; 2000]]).unwrap();
        disk.power_cut(Tail::Torn(seed));
        let bytes = read(&disk, "/d/a").unwrap();
        assert_eq!(&bytes[..4], b"head", "synced bytes stay");
        for (index, sector) in bytes[4..].chunks(508).enumerate().take(1) {
            assert!(sector.iter().all(|b| *b == 7) || sector.iter().all(|b| *b == 0), "sector {index}");
        }
        lengths.insert(bytes.len());
    }
    assert!(lengths.len() > 3, "different seeds tear differently: {lengths:?}");
}

#[test]
fn bytes_of_a_failed_sync_never_reach_the_medium() {
    let disk = disk();
    let file = write(&disk, "/d/a", b"lost");
    disk.sync_dir(Path::new("/d")).unwrap();
    disk.inject(Some(Call::Sync), 1, Fault::Eio);
    assert!(file.sync_data().is_err());
    file.sync_data().unwrap();
    assert_eq!(read(&disk, "/d/a").unwrap(), b"lost", "still in the page cache");
    disk.power_cut(Tail::Lost);
    assert_eq!(read(&disk, "/d/a").unwrap(), b"");
}

#[test]
fn a_rename_across_directories_is_kept_whole_or_not_at_all() {
    let disk = disk();
    disk.create_dir(Path::new("/e")).unwrap();
    disk.sync_dir(Path::new("/")).unwrap();
    write(&disk, "/d/a", b"x").sync_data().unwrap();
    disk.rename(Path::new("/d/a"), Path::new("/e/a")).unwrap();
    disk.sync_dir(Path::new("/e")).unwrap();
    disk.power_cut(Tail::Lost);
    assert_eq!(read(&disk, "/d/a"), None);
    assert_eq!(read(&disk, "/e/a").unwrap(), b"x");
}

#[test]
fn a_replaced_file_is_old_or_new_at_every_cut() {
    for nth in 1.. {
        let disk = disk();
        replace_file(&disk, Path::new("/d/f"), b"old").unwrap();
        disk.inject(None, nth, Fault::PowerOff);
        let done = replace_file(&disk, Path::new("/d/f"), b"new").is_ok();
        disk.power_cut(Tail::Torn(nth));
        let content = read(&disk, "/d/f").unwrap();
        assert!(content == b"new" || (content == b"old" && !done), "cut at call {nth}: {content:?}");
        if done {
            break;
        }
    }
}

#[test]
fn a_held_lock_is_refused_and_freed() {
    let disk = disk();
    let lock = disk.lock(Path::new("/d/LOCK")).unwrap().unwrap();
    assert!(disk.lock(Path::new("/d/LOCK")).unwrap().is_none());
    drop(lock);
    assert!(disk.lock(Path::new("/d/LOCK")).unwrap().is_some());
}
