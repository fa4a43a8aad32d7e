//! `tidemill demo`: a server fed with this machine's own metrics, and a view of the results.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

use tokio_util::sync::CancellationToken;

use crate::args::Demo;
use crate::commands::serve;
use crate::demo::{Doors, perform};
use crate::failure::CommandFailure;
use crate::server::{Addresses, Server};
use crate::telemetry;

/// Memory of the server: a machine's own metrics need little, and the demo is a guest there.
const MEMORY_BYTES: u64 = 256 << 20;

/// Runs until the time is over, or Ctrl-C.
pub(crate) fn run(arguments: Demo) -> Result<(), CommandFailure> {
    telemetry::start(None);
    let directory = DemoDirectory::choose(arguments.data_dir.as_deref());
    serve::runtime()?.block_on(async {
        let server = Server::open(directory.path(), MEMORY_BYTES, free_addresses()).await?;
        let addresses = server.addresses();
        let doors = Doors { postgres: addresses.postgres, kafka: addresses.kafka };
        let stop = CancellationToken::new();
        let over = async {
            match arguments.duration {
                Some(duration) => tokio::time::sleep(duration).await,
                None => std::future::pending().await,
            }
        };
        let waiting = async {
            tokio::select! {
                () = over => {}
                () = serve::stop_signal() => {}
                // The performance or the server has ended by itself.
                () = stop.cancelled() => {}
            }
            stop.cancel();
        };
        let performing = async {
            let performed = perform(doors, stop.clone()).await;
            stop.cancel();
            performed
        };
        let serving = async {
            let served = server.run_until(stop.cancelled()).await;
            stop.cancel();
            served
        };
        let ((), performed, served) = tokio::join!(waiting, performing, serving);
        served.and(performed)
    })
}

/// The default addresses, with any free port in place of one that is taken: a demo should run beside
/// whatever runs already.
fn free_addresses() -> Addresses {
    let free = |address: SocketAddr| match TcpListener::bind(address) {
        Ok(_) => address,
        Err(_) => SocketAddr::new(address.ip(), 0),
    };
    let wanted = Addresses::default();
    Addresses { postgres: free(wanted.postgres), kafka: free(wanted.kafka), http: free(wanted.http) }
}

/// Where the demo keeps its data; one that nobody named is removed in the end.
enum DemoDirectory {
    Named(PathBuf),
    Temporary(PathBuf),
}

impl DemoDirectory {
    fn choose(named: Option<&Path>) -> DemoDirectory {
        match named {
            Some(path) => DemoDirectory::Named(path.to_owned()),
            None => {
                let name = format!("tidemill-demo-{}", uuid::Uuid::new_v4().simple());
                DemoDirectory::Temporary(std::env::temp_dir().join(name))
            }
        }
    }

    fn path(&self) -> &Path {
        let (DemoDirectory::Named(path) | DemoDirectory::Temporary(path)) = self;
        path
    }
}

impl Drop for DemoDirectory {
    fn drop(&mut self) {
        if let DemoDirectory::Temporary(path) = self
            && path.exists()
            && let Err(error) = std::fs::remove_dir_all(&*path)
        {
            eprintln!("tidemill: {} could not be removed: {error}", path.display());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_directory_nobody_named_is_removed() {
        let parent = tempfile::tempdir().unwrap();
        let named = parent.path().join("named");
        std::fs::create_dir(&named).unwrap();
        drop(DemoDirectory::choose(Some(&named)));
        assert!(named.exists());
        let temporary = DemoDirectory::choose(None);
        let path = temporary.path().to_owned();
        std::fs::create_dir(&path).unwrap();
        drop(temporary);
        assert!(!path.exists());
    }
}
