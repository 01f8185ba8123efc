//! Listens, and gives each connection a thread, of which there are few.

use std::io::Write;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use super::desk::{Desk, Easel};
use super::door::Door;
use super::routes::{Shared, answer};
use crate::error::Error;
use crate::service::config::PageOptions;
use crate::service::controls::Controls;
use crate::service::meters::SharedMeters;
use crate::sink::{Report, Sink};

/// The most connections at a time. A page takes two.
const MOST_CONNECTIONS: usize = 32;
/// How long a connection may take to ask, or to read a piece of the answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// A server, which is also the sink that has pictures for it. Dropping it ends all connections.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    easel: Easel,
}

impl Server {
    /// Begins to listen.
    ///
    /// # Errors
    /// [`Error::Io`] names the address that cannot be listened on.
    pub fn start(options: &PageOptions, meters: &SharedMeters, controls: &Controls) -> Result<Server, Error> {
        let io = |source| Error::Io { path: format!("to.page.listen: {}", options.listen).into(), source };
        let listener = TcpListener::bind(&options.listen).map_err(io)?;
        let address = listener.local_addr().map_err(io)?;
        let desk = Desk::open().map_err(io)?;
        let stop = Arc::new(AtomicBool::new(false));
        let shared = Arc::new(Shared {
            door: Door::new(options.secret()?),
            meters: meters.clone(),
            controls: controls.clone(),
            desk: Arc::clone(&desk),
            stop: Arc::clone(&stop),
        });
        std::thread::Builder::new().name("http".into()).spawn(move || listen(&listener, &shared)).map_err(io)?;
        eprintln!("note: the page is at http://{address}/");
        Ok(Server { address, stop, easel: Easel::new(desk, options.rate) })
    }

    /// Where it listens.
    #[cfg(test)]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Sink for Server {
    fn take(&mut self, report: &Report<'_>) -> Result<(), Error> {
        self.easel.take(report)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // Wakes the thread that listens.
        let mut address = self.address;
        if address.ip().is_unspecified() {
            address.set_ip(match address {
                SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
                SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
            });
        }
        let _ = TcpStream::connect_timeout(&address, Duration::from_secs(1));
    }
}

fn listen(listener: &TcpListener, shared: &Arc<Shared>) {
    let open = Arc::new(AtomicUsize::new(0));
    loop {
        let accepted = listener.accept();
        if shared.stop.load(Ordering::Relaxed) {
            return;
        }
        let Ok((stream, _)) = accepted else {
            // Out of descriptors, say: it passes.
            std::thread::sleep(Duration::from_millis(100));
            continue;
        };
        let _ = stream.set_read_timeout(Some(PATIENCE));
        let _ = stream.set_write_timeout(Some(PATIENCE));
        let _ = stream.set_nodelay(true);
        if open.fetch_add(1, Ordering::Relaxed) >= MOST_CONNECTIONS {
            open.fetch_sub(1, Ordering::Relaxed);
            let mut stream = stream;
            let _ =
                stream.write_all(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            continue;
        }
        let seat = Seat(Arc::clone(&open));
        let shared = Arc::clone(shared);
        // Without a thread the connection closes.
        let _ = std::thread::Builder::new().name("http connection".into()).spawn(move || {
            let _seat = seat;
            // Whoever hung up needs no answer.
            let _ = answer(stream, &shared);
        });
    }
}

/// A place among the connections, until it is dropped.
struct Seat(Arc<AtomicUsize>);

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
#[path = "server_tests.rs"]
mod tests;
