//! What the doors share: accepting connections, as many as there is room for, and seeing them out when
//! the server stops. What is spoken on a connection is each door's own.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

/// Pause after a failed accept. Out of descriptors, `accept` fails at once and would spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What a door allows its connections.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Places. Who finds none is closed unanswered: who floods gets no service.
    pub(crate) places_max: usize,
    /// How long connections may take to end when the server stops.
    pub(crate) drain_deadline: Duration,
}

/// A connection that was accepted.
pub(crate) struct Accepted {
    /// The connection.
    pub(crate) stream: TcpStream,
    /// The client's address.
    pub(crate) peer: SocketAddr,
    /// Its place. Given back when dropped: at the connection's end, or earlier where the door has
    /// another bound for what comes after.
    pub(crate) place: OwnedSemaphorePermit,
}

/// A bound address. Nobody is served before [`Listener::run`].
pub(crate) struct Listener {
    /// The door's name, for the log.
    door: &'static str,
    socket: TcpListener,
    bounds: Bounds,
}

impl Listener {
    /// Binds an address.
    ///
    /// # Errors
    /// Those of the operating system: mostly that the port is in use.
    pub(crate) async fn bind(
        door: &'static str,
        address: SocketAddr,
        bounds: Bounds,
    ) -> io::Result<Listener> {
        Ok(Listener { door, socket: TcpListener::bind(address).await?, bounds })
    }

    /// The address, with the port that was free where port 0 was asked for.
    ///
    /// # Errors
    /// Those of the operating system.
    pub(crate) fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Serves each connection in a task of its own until the shutdown. Then nobody is accepted any more,
    /// and connections have until the drain's deadline; what is left is dropped. `serve` has to hear of
    /// the shutdown by itself.
    pub(crate) async fn run<S>(self, shutdown: &CancellationToken, serve: impl Fn(Accepted) -> S)
    where
        S: Future<Output = ()> + Send + 'static,
    {
        let Listener { door, socket, bounds } = self;
        let room = Arc::new(Semaphore::new(bounds.places_max));
        let mut connections = JoinSet::new();
        // Whether trouble was told since somebody found a place: a flood is one line in the log.
        let mut told = false;
        loop {
            let accepted = tokio::select! {
                biased;
                () = shutdown.cancelled() => break,
                Some(ended) = connections.join_next() => {
                    report_panic(door, ended);
                    continue;
                }
                accepted = socket.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => match room.clone().try_acquire_owned() {
                    Ok(place) => {
                        told = false;
                        connections.spawn(serve(Accepted { stream, peer, place }));
                    }
                    Err(_) if told => tracing::debug!(door, %peer, "connection refused"),
                    Err(_) => {
                        told = true;
                        tracing::warn!(door, %peer, "connections are refused: {} are open", bounds.places_max);
                    }
                },
                Err(error) => {
                    if !std::mem::replace(&mut told, true) {
                        tracing::warn!(door, %error, "could not accept a connection; it is tried again");
                    }
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
        drop(socket);
        let drained = tokio::time::timeout(bounds.drain_deadline, async {
            while let Some(ended) = connections.join_next().await {
                report_panic(door, ended);
            }
        });
        if drained.await.is_err() {
            tracing::warn!(door, "{} connections did not end in time", connections.len());
        }
    }
}

fn report_panic(door: &str, ended: Result<(), JoinError>) {
    if let Err(error) = ended {
        tracing::error!(door, %error, "a connection ended by a bug");
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;
    use std::net::Ipv4Addr;
    use std::sync::atomic::{AtomicBool, Ordering};

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::task::JoinHandle;

    use super::*;

    /// Long enough for whatever is to end.
    const PATIENT: Duration = Duration::from_secs(60);

    /// What a connection is sent when it is served.
    const HELLO: u8 = b'!';

    struct Running {
        address: SocketAddr,
        shutdown: CancellationToken,
        running: JoinHandle<()>,
    }

    impl Running {
        async fn start<S>(bounds: Bounds, serve: impl Fn(Accepted) -> S + Send + 'static) -> Running
        where
            S: Future<Output = ()> + Send + 'static,
        {
            let any_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
            let listener = Listener::bind("test", any_port, bounds).await.unwrap();
            let address = listener.local_addr().unwrap();
            let shutdown = CancellationToken::new();
            let stop = shutdown.clone();
            let running = tokio::spawn(async move { listener.run(&stop, serve).await });
            Running { address, shutdown, running }
        }

        /// A connection, if it is served.
        async fn connect(&self) -> Option<TcpStream> {
            let mut stream = TcpStream::connect(self.address).await.ok()?;
            (stream.read_u8().await.ok()? == HELLO).then_some(stream)
        }

        async fn stop(self) {
            self.shutdown.cancel();
            self.running.await.unwrap();
        }
    }

    /// Says hello and waits for the client to say something or go.
    async fn greet(mut connection: Accepted) -> Option<u8> {
        connection.stream.write_u8(HELLO).await.ok()?;
        connection.stream.read_u8().await.ok()
    }

    #[tokio::test]
    async fn who_finds_no_place_is_closed_until_somebody_goes() {
        let bounds = Bounds { places_max: 2, drain_deadline: PATIENT };
        let door = Running::start(bounds, |connection| async move {
            let _ = greet(connection).await;
        })
        .await;
        let first = door.connect().await.expect("there is room");
        let second = door.connect().await.expect("there is room");
        assert!(door.connect().await.is_none(), "there is no room");
        drop(first);
        // The place is free when its task has seen that the client went.
        let mut third = None;
        while third.is_none() {
            third = door.connect().await;
        }
        drop((second, third));
        door.stop().await;
    }

    #[tokio::test]
    async fn a_place_may_be_given_back_before_the_end() {
        let bounds = Bounds { places_max: 1, drain_deadline: PATIENT };
        let serve = |Accepted { mut stream, place, .. }| async move {
            drop(place);
            let _ = stream.write_u8(HELLO).await;
            let _ = stream.read_u8().await;
        };
        let door = Running::start(bounds, serve).await;
        let first = door.connect().await.expect("there is room");
        let second = door.connect().await.expect("the first needs no place any more");
        drop((first, second));
        door.stop().await;
    }

    #[tokio::test]
    async fn what_has_begun_may_end_after_the_shutdown() {
        let bounds = Bounds { places_max: 1, drain_deadline: PATIENT };
        let ended = Arc::new(AtomicBool::new(false));
        let noting = ended.clone();
        let serve = move |connection| {
            let ended = noting.clone();
            async move { ended.store(greet(connection).await == Some(b'x'), Ordering::Relaxed) }
        };
        let door = Running::start(bounds, serve).await;
        let mut client = door.connect().await.expect("there is room");
        door.shutdown.cancel();
        client.write_u8(b'x').await.unwrap();
        door.stop().await;
        assert!(ended.load(Ordering::Relaxed));
    }

    #[tokio::test]
    async fn what_does_not_end_is_dropped_at_the_deadline() {
        let bounds = Bounds { places_max: 1, drain_deadline: Duration::ZERO };
        let serve = |mut connection: Accepted| async move {
            let _ = connection.stream.write_u8(HELLO).await;
            pending::<()>().await;
        };
        let door = Running::start(bounds, serve).await;
        let mut client = door.connect().await.expect("there is room");
        door.stop().await;
        assert!(client.read_u8().await.is_err(), "the connection is closed");
    }

    #[tokio::test]
    async fn a_bug_ends_its_own_connection_alone() {
        let bounds = Bounds { places_max: 2, drain_deadline: PATIENT };
        let serve =
            |connection| async move { assert_ne!(greet(connection).await, Some(b'p'), "as the test asked") };
        let door = Running::start(bounds, serve).await;
        let other = door.connect().await.expect("there is room");
        let mut bad = door.connect().await.expect("there is room");
        bad.write_u8(b'p').await.unwrap();
        assert!(bad.read_u8().await.is_err(), "the connection is closed");
        let mut third = None;
        while third.is_none() {
            third = door.connect().await;
        }
        drop((other, third));
        door.stop().await;
    }
}
