use std::future::pending;
use std::pin::pin;

use campaign_store::Stop;
use futures_util::future::select;

use crate::exit::Exit;
use crate::failure::Failure;

/// The wish to stop: Ctrl-C or SIGTERM. The first stops the work at its next checkpoint, the second
/// ends the process.
pub(crate) struct Interrupt(Stop);

impl Interrupt {
    /// Listens from now on.
    pub(crate) fn listen() -> Self {
        let stop = Stop::default();
        tokio::spawn({
            let stop = stop.clone();
            async move {
                signal().await;
                stop.request();
                eprintln!("Stopping at the next checkpoint. The same signal again ends at once.");
                signal().await;
                std::process::exit(Exit::Stopped.code().into());
            }
        });
        Self(stop)
    }

    /// What ends a run of the library.
    pub(crate) fn stop(&self) -> Stop {
        self.0.clone()
    }

    pub(crate) fn is_requested(&self) -> bool {
        self.0.is_requested()
    }

    /// Ends work that has no other end.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        if self.is_requested() { Err(Failure::Stopped) } else { Ok(()) }
    }
}

async fn signal() {
    let interrupted = async { received(tokio::signal::ctrl_c().await).await };
    select(pin!(interrupted), pin!(terminated())).await;
}

#[cfg(unix)]
async fn terminated() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => {
            terminate.recv().await;
        }
        Err(_) => pending().await,
    }
}

#[cfg(not(unix))]
async fn terminated() {
    pending().await
}

/// Where there are no signals, none comes.
async fn received(signal: std::io::Result<()>) {
    if signal.is_err() {
        pending::<()>().await;
    }
}
