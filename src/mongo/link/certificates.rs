//! The certificates of the servers: which authorities are known, and why one was refused.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use mongodb::event::EventHandler;
use mongodb::event::sdam::SdamEvent;
use mongodb::options::{ClientOptions, ServerAddress, Tls};
use tokio::sync::watch;

/// The authorities whose certificates are accepted where the connection string names no file of its own. The
/// driver takes either those that are built into it or those of a file, so both are tried, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Roots {
    /// Mozilla's, which are built in.
    BuiltIn,
    /// Those of the system: the file that `SSL_CERT_FILE` names, or where OpenSSL would look.
    System,
}

impl Roots {
    /// Sets the authorities, where the connection string leaves the choice. Says whether there is a choice.
    pub(super) fn apply(self, options: &mut ClientOptions) -> bool {
        let Some(Tls::Enabled(tls)) = &mut options.tls else { return false };
        if tls.ca_file_path.is_some() {
            return false;
        }
        let file = system_file();
        let is_choice = file.is_some();
        if self == Self::System {
            tls.ca_file_path = file;
        }
        is_choice
    }
}

fn system_file() -> Option<PathBuf> {
    openssl_probe::probe().cert_file
}

/// Which servers' certificates were refused so far, while the first connection is made. Without this the driver
/// would try again until it runs out of time.
pub(super) struct Refusals {
    hosts: Vec<ServerAddress>,
    refused: watch::Receiver<HashMap<ServerAddress, &'static str>>,
}

impl Refusals {
    /// Watches the connections of a client that will be made with these options.
    pub(super) fn watch(options: &mut ClientOptions) -> Self {
        let (sender, refused) = watch::channel(HashMap::new());
        let sender = Arc::new(sender);
        options.sdam_event_handler = Some(EventHandler::callback(move |event| {
            if let SdamEvent::ServerHeartbeatFailed(failed) = event
                && let Some(reason) = refusal(&failed.failure.to_string())
            {
                sender.send_modify(|refused| {
                    refused.insert(failed.server_address, reason);
                });
            }
        }));
        Self { hosts: options.hosts.clone(), refused }
    }

    /// Waits until the certificates of all hosts have been refused, and says why the first was.
    pub(super) async fn of_all(&mut self) -> &'static str {
        let hosts = &self.hosts;
        let all = self.refused.wait_for(|refused| hosts.iter().all(|host| refused.contains_key(host))).await;
        let reason = all.ok().and_then(|refused| refused.get(hosts.first()?).copied());
        match reason {
            Some(reason) => reason,
            // The client is gone, so its error says more.
            None => std::future::pending().await,
        }
    }
}

/// Why a certificate was refused, if that is what this error of the driver is about. The text is all that the
/// driver keeps of the cause.
pub(super) fn refusal(error: &str) -> Option<&'static str> {
    let (_, cause) = error.split_once("invalid peer certificate: ")?;
    Some(if cause.starts_with("UnknownIssuer") {
        "no authority that this machine knows has signed it: name the file of its authority by tlsCAFile in \
         the connection string, or add it to the certificates of the system"
    } else if cause.starts_with("certificate expired") || cause.starts_with("certificate not valid yet") {
        "it has expired, or is not valid yet: renew it, and check the clocks"
    } else if cause.starts_with("certificate not valid for name") {
        "it is for another host name than that of the connection string"
    } else {
        "it is not valid"
    })
}
