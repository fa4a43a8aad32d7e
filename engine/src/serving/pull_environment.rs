//! What queries over what is there now share: one state of the catalog, one snapshot of the stored rows, and
//! the memory and threads of all of them.

use std::sync::Arc;

use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use tidemill_storage::log::Log;
use tidemill_storage::state::StateSnapshot;
use tokio::runtime::Handle;

use crate::catalog::CatalogState;
use crate::error::Result;
use crate::registry::SchemaRegistry;
use crate::serving::unreadable::Unreadable;

/// What a query over what is there now needs of the engine.
#[derive(Clone)]
pub struct PullEnvironment {
    /// What exists.
    pub catalog: Arc<CatalogState>,
    /// The log.
    pub log: Arc<dyn Log>,
    /// The schemas of what is read.
    pub schemas: SchemaRegistry,
    /// Stored rows, as of one moment.
    pub snapshot: Arc<dyn StateSnapshot>,
    /// What could not be read.
    pub unreadable: Unreadable,
    /// Memory shared by all such queries.
    pub runtime: Arc<RuntimeEnv>,
    /// The threads for queries.
    pub compute: Handle,
}

/// Memory for queries over what is there now; what needs more spills to files or is refused.
///
/// # Errors
/// Those of making the place for spilled files.
pub fn runtime(memory_bytes: usize) -> Result<Arc<RuntimeEnv>> {
    let pool = Arc::new(FairSpillPool::new(memory_bytes));
    Ok(Arc::new(RuntimeEnvBuilder::new().with_memory_pool(pool).build()?))
}
