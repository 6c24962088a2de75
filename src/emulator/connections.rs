//! Connections to the emulator: counted and numbered, so that a test can tell one kept-alive connection from many, and
//! able to be cut without a word, which HTTP libraries do not offer.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use futures::task::AtomicWaker;
use serde::Serialize;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The most connections open at a time; more wait in the kernel's queue.
const MOST_OPEN: usize = 1024;

/// All connections, over a socket or in the process.
#[derive(Debug)]
pub struct Connections {
    book: Mutex<Book>,
    places: Arc<Semaphore>,
}

#[derive(Debug, Default)]
struct Book {
    accepted: u64,
    open: BTreeMap<u64, Connection>,
}

/// How many connections there are and were.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct ConnectionCounts {
    /// Accepted since the start.
    pub accepted: u64,
    /// Open now. The connection that asks is one of them.
    pub open: usize,
}

/// One connection, as the requests on it see it.
#[derive(Debug, Clone)]
pub(super) struct Connection {
    pub(super) id: u64,
    line: Arc<Line>,
}

#[derive(Debug, Default)]
struct Line {
    cut: AtomicBool,
    waker: AtomicWaker,
}

/// On which connection a request came, as an extension of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asking {
    pub(super) connection: u64,
}

impl Default for Connections {
    fn default() -> Self {
        Self { book: Mutex::default(), places: Arc::new(Semaphore::new(MOST_OPEN)) }
    }
}

impl Connections {
    /// How many connections there are and were.
    pub fn counts(&self) -> ConnectionCounts {
        let book = self.lock();
        ConnectionCounts { accepted: book.accepted, open: book.open.len() }
    }

    /// Cuts every open connection, as a vendor that goes down does. One in the process stays usable.
    pub fn cut_all(&self) {
        self.cut_all_but(0);
    }

    /// Cuts every open connection but this one.
    pub(super) fn cut_all_but(&self, id: u64) {
        let open = self.lock().open.values().filter(|open| open.id != id).cloned().collect::<Vec<_>>();
        for connection in open {
            connection.cut();
        }
    }

    /// Leaves those of these connections that are open.
    pub(super) fn keep_open(&self, ids: &mut BTreeSet<u64>) {
        let book = self.lock();
        ids.retain(|id| book.open.contains_key(id));
    }

    pub(super) fn open(self: &Arc<Self>) -> OpenConnection {
        let mut book = self.lock();
        book.accepted += 1;
        let connection = Connection { id: book.accepted, line: Arc::default() };
        book.open.insert(connection.id, connection.clone());
        OpenConnection { connection, connections: Arc::clone(self) }
    }

    fn lock(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Connection {
    /// Ends the connection at once; nothing more is written to it.
    pub(super) fn cut(&self) {
        self.line.cut.store(true, Ordering::Release);
        self.line.waker.wake();
    }
}

/// A connection that counts as open until this is dropped.
#[derive(Debug)]
pub(super) struct OpenConnection {
    pub(super) connection: Connection,
    connections: Arc<Connections>,
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.connections.lock().open.remove(&self.connection.id);
    }
}

/// A TCP listener that numbers its connections.
pub(super) struct Listener {
    pub(super) tcp: TcpListener,
    pub(super) connections: Arc<Connections>,
}

impl axum::serve::Listener for Listener {
    type Io = Wire;
    type Addr = Connection;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let place = Arc::clone(&self.connections.places).acquire_owned().await;
            let accepted = self.tcp.accept().await;
            let (Ok(place), Ok((stream, _))) = (place, accepted) else {
                // Out of file descriptors, most likely: give connections time to end.
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
                continue;
            };
            // An answer that waits for its last packet would distort every measurement.
            let _ = stream.set_nodelay(true);
            let open = self.connections.open();
            let connection = open.connection.clone();
            return (Wire { stream, open, _place: place }, connection);
        }
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        Err(io::Error::from(io::ErrorKind::Unsupported))
    }
}

/// A TCP stream that can be cut from elsewhere.
pub(super) struct Wire {
    stream: TcpStream,
    open: OpenConnection,
    _place: OwnedSemaphorePermit,
}

impl Wire {
    fn check(&self, context: &Context<'_>) -> io::Result<()> {
        let line = &self.open.connection.line;
        line.waker.register(context.waker());
        if line.cut.load(Ordering::Acquire) {
            return Err(io::Error::from(io::ErrorKind::ConnectionAborted));
        }
        Ok(())
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.check(context)?;
        Pin::new(&mut self.stream).poll_read(context, into)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        from: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.check(context)?;
        Pin::new(&mut self.stream).poll_write(context, from)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        from: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.check(context)?;
        Pin::new(&mut self.stream).poll_write_vectored(context, from)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check(context)?;
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
