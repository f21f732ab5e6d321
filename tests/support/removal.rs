//! Removal of databases.

use std::error::Error;
use std::sync::OnceLock;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use mongodb::Client;
use tokio::runtime::Builder;

use super::server;

/// The name of a database, and who waits until it is gone.
type Order = (String, Sender<()>);

/// Removes a database and waits for it.
///
/// The caller is the `drop` of a test, inside of a runtime or of none, which cannot wait for a future. So
/// one thread with one client removes the databases of all tests of the process.
pub(crate) fn remove(database: &str) {
    static ORDERS: OnceLock<Sender<Order>> = OnceLock::new();
    let orders = ORDERS.get_or_init(|| {
        let (sender, receiver) = channel();
        thread::spawn(move || carry_out(&receiver));
        sender
    });
    let (done, is_done) = channel();
    // A database that stays is no reason to fail a test.
    if orders.send((database.to_owned(), done)).is_ok() {
        let _ = is_done.recv();
    }
}

fn carry_out(orders: &Receiver<Order>) -> Result<(), Box<dyn Error + Send + Sync>> {
    // With a worker, so that the client keeps an eye on the server between two orders.
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let client = runtime.block_on(Client::with_uri_str(server::uri()))?;
    while let Ok((database, _done)) = orders.recv() {
        drop(runtime.block_on(client.database(&database).drop().into_future()));
    }
    Ok(())
}
