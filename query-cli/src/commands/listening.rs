//! What servers have in common: where they listen, and how they end.

use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use crate::error::Failure;

/// Requests under way get so long to end.
const GRACE: Duration = Duration::from_secs(5);

/// Listens on an address.
///
/// # Errors
/// Why not, and what else there is.
pub(super) async fn listen(address: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).await.map_err(|error| {
        let failure = Failure::failed(format!("cannot listen on {address}: {error}"));
        failure.hint(format!(
            "take another port with --port {}, or any free one with --port 0",
            address.port().wrapping_add(1)
        ))
    })
}

/// Waits until the program ends.
pub(super) async fn wait_for(mut stopped: watch::Receiver<bool>) {
    // The sender lives as long as the server.
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

/// The end of the program, as people and supervisors ask for it.
pub(super) struct End {
    interrupt: Signal,
    terminate: Signal,
}

impl End {
    /// From here on an interrupt ends the program in order.
    pub fn listen() -> Result<Self, Failure> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    /// Waits until somebody asks for it.
    pub async fn asked_for(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// Waits for a part of a server to end, but not for ever.
pub(super) async fn finish<T>(what: &str, task: impl Future<Output = Result<T, tokio::task::JoinError>>) {
    match tokio::time::timeout(GRACE, task).await {
        Ok(Ok(_)) => {}
        Ok(Err(error)) => tracing::error!(%error, "{what} stopped badly"),
        Err(_) => tracing::warn!("{what} did not end in time"),
    }
}
