//! A TCP proxy in front of a server, which can hold up what drivers ask for.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch::{self, Receiver, Sender};
use tokio::task::AbortHandle;

use super::wire;

/// What the server sends is passed on in pieces of at most this size.
const PIECE: usize = 64 << 10;

/// What the proxy does to the connections of drivers. Those between the members always pass.
#[derive(Clone, Copy, Default)]
struct Faults {
    black_hole: bool,
    /// How often all connections were reset.
    resets: u64,
}

/// A proxy in front of one server, until it is dropped.
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    faults: Sender<Faults>,
    listener: AbortHandle,
}

/// Who uses a connection, as far as the messages of now tell.
#[derive(Default)]
struct Peer {
    /// Another member of the replica set.
    is_member: AtomicBool,
    /// A driver that asked for more than `hello`: this is no connection of its monitors.
    has_data: AtomicBool,
}

impl Proxy {
    pub(crate) async fn start(server: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let (faults, watched) = watch::channel(Faults::default());
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(connect(client, server, watched.clone()));
            }
        });
        Ok(Self { address, faults, listener: task.abort_handle() })
    }

    /// From now on drivers get no answers, and nothing tells them why; their monitors do.
    pub(crate) fn black_hole(&self) {
        self.faults.send_modify(|faults| faults.black_hole = true);
    }

    /// Passes everything again, and what was held up first.
    pub(crate) fn pass(&self) {
        self.faults.send_modify(|faults| faults.black_hole = false);
    }

    /// Resets all connections of drivers, those of their monitors too.
    pub(crate) fn reset(&self) {
        self.faults.send_modify(|faults| faults.resets += 1);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.listener.abort();
    }
}

/// Passes on between a client and the server until one of them ends the connection.
async fn connect(mut client: TcpStream, server: SocketAddr, faults: Receiver<Faults>) -> io::Result<()> {
    let mut server = TcpStream::connect(server).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let peer = Peer::default();
    let was_reset = {
        let (from_client, to_client) = client.split();
        let (from_server, to_server) = server.split();
        tokio::select! {
            _ = requests(from_client, to_server, faults.clone(), &peer) => false,
            _ = replies(from_server, to_client, faults.clone(), &peer) => false,
            () = reset(faults, &peer) => true,
        }
    };
    if was_reset {
        client.set_zero_linger()?;
    }
    Ok(())
}

async fn requests(
    mut from: ReadHalf<'_>,
    mut to: WriteHalf<'_>,
    mut faults: Receiver<Faults>,
    peer: &Peer,
) -> io::Result<()> {
    loop {
        let message = wire::read(&mut from).await?;
        match wire::command(&message) {
            Some(command) if wire::is_handshake(&command) => {
                if command.contains_key("internalClient") {
                    peer.is_member.store(true, Ordering::Relaxed);
                }
            }
            _ => peer.has_data.store(true, Ordering::Relaxed),
        }
        peer.wait(&mut faults).await;
        to.write_all(&message).await?;
    }
}

async fn replies(
    mut from: ReadHalf<'_>,
    mut to: WriteHalf<'_>,
    mut faults: Receiver<Faults>,
    peer: &Peer,
) -> io::Result<()> {
    let mut piece = vec![0; PIECE];
    loop {
        let read = from.read(&mut piece).await?;
        peer.wait(&mut faults).await;
        match piece.get(..read) {
            Some(read) if !read.is_empty() => to.write_all(read).await?,
            _ => return Ok(()),
        }
    }
}

/// Ends when the connections of drivers are reset, or the proxy is gone.
async fn reset(mut faults: Receiver<Faults>, peer: &Peer) {
    let mut resets = faults.borrow().resets;
    while let Ok(now) = faults.wait_for(|faults| faults.resets > resets).await.map(|faults| faults.resets) {
        if !peer.is_member.load(Ordering::Relaxed) {
            return;
        }
        resets = now;
    }
}

impl Peer {
    /// Waits for as long as the connection is in a black hole.
    async fn wait(&self, faults: &mut Receiver<Faults>) {
        if self.has_data.load(Ordering::Relaxed) && !self.is_member.load(Ordering::Relaxed) {
            // An error means that the proxy is gone, and `reset` ends the connection.
            let _ = faults.wait_for(|faults| !faults.black_hole).await;
        }
    }
}
