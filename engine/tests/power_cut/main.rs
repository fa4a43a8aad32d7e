//! The power is cut under a working engine, at every call to the disk and around every write of state.
//!
//! What is real: the whole engine with its DDL, its queries (a filter, a windowed aggregate, a
//! stream–table join) and their commits, over the embedded log. The log's disk is the faulty one: what
//! was not synced is lost, torn or kept as a seed decides.
//!
//! What is modelled: the keyed state. RocksDB does its own input and output, so no disk of ours can
//! stand below it. In its place stands the state store in memory, which keeps to the contract every
//! store is held to (a batch is there wholly or not at all; a synced batch survives with all before it)
//! and forgets all the contract lets it forget. It loses power together with the log's disk. That
//! RocksDB keeps the same contract is shown beside it, with killed processes and failing devices.
//!
//! The queries run on threads of their own, so which of them makes the call that the power goes off at
//! differs from run to run; the numbers of the calls are gone through without a gap all the same.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod machine;
mod scenario;
mod topic;
mod truth;

use tidemill_storage::io::Tail;

use crate::machine::{Cut, Machine};

/// The tail a cut leaves: nothing, or whatever a seed decides.
fn tail(number: u64) -> Tail {
    if number.is_multiple_of(3) { Tail::Lost } else { Tail::Torn(number) }
}

/// Cuts at one point; tells whether the scenario got that far.
fn cut_and_recover(cut: Cut, number: u64) -> bool {
    let context = format!("{cut:?}");
    let mut machine = Machine::new(cut);
    let was_cut = scenario::run(&mut machine).is_err();
    assert_eq!(was_cut, machine.is_off(), "{context}: the scenario ends early for no other reason");
    machine.restart(tail(number)).unwrap_or_else(|error| panic!("{context}: {error}"));
    scenario::settle(&machine).unwrap_or_else(|error| panic!("{context}: {error}"));
    truth::check(&machine, &context);
    scenario::go_on(&mut machine).unwrap_or_else(|error| panic!("{context}, then: {error}"));
    truth::check(&machine, &format!("{context}, and went on"));
    machine.restart(Tail::Lost).unwrap_or_else(|error| panic!("{context}, a second time: {error}"));
    scenario::settle(&machine).unwrap_or_else(|error| panic!("{context}, a second time: {error}"));
    truth::check(&machine, &format!("{context}, and a second time"));
    was_cut
}

/// Goes through the cuts until the scenario ends before one; tells how many there were.
fn go_through(cut: impl Fn(u64) -> Cut + Sync) -> u64 {
    (1..).find(|number| !cut_and_recover(cut(*number), *number)).unwrap() - 1
}

#[test]
fn a_power_cut_at_any_call_to_the_disk_loses_nothing_and_doubles_nothing() {
    let calls = go_through(Cut::AtDiskCall);
    assert!(calls > 100, "the scenario makes {calls} calls");
}

#[test]
fn a_power_cut_before_or_after_any_write_of_state_loses_nothing_and_doubles_nothing() {
    for after in [false, true] {
        let writes = go_through(|number| Cut::AtStateWrite { number, after });
        assert!(writes > 15, "the scenario makes {writes} writes");
    }
}

#[test]
fn a_query_that_is_gone_leaves_its_output_and_no_decision() {
    let mut machine = Machine::new(Cut::Never);
    scenario::run(&mut machine).unwrap();
    machine.engine().keep_house().unwrap();
    assert_eq!(machine.producers_with_decisions(), machine.living_producers());
    machine.restart(Tail::Lost).unwrap();
    scenario::settle(&machine).unwrap();
    truth::check(&machine, "after the decisions of a dropped query were forgotten");
}
