//! Consumer groups in the classic protocol: who is a member, and which assignment holds.
//!
//! `group` is the state machine of one group; it does no I/O and is told the time. `coordinator` keeps
//! all groups, locks one at a time and runs their timers. Membership is a conversation of this
//! protocol and does not survive a restart: members join again. Committed offsets do survive; they
//! are the engine's (`tidemill_engine::group_offsets`), and only the right to commit is checked here.

mod coordinator;
mod group;
mod join;
mod member;
mod membership_bytes;
mod rebalance;
mod subscription;
mod sync;

pub(crate) use coordinator::Groups;
pub(crate) use group::{Identity, Overview};
pub(crate) use join::{JoinRequest, Joined, JoinedMember};
pub(crate) use member::MemberDescription;
pub(crate) use sync::SyncRequest;
