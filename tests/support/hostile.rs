//! A vendor that means ill: one HTTP/1.1 server on a free port that gives every request the same bad answer.
//!
//! What it sends is never held: a body of a gigabyte is one piece, over and over.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;

/// The pause between two bytes of what drips.
const DRIP: Duration = Duration::from_millis(50);

/// The bad answer.
#[derive(Clone)]
pub enum Answer {
    /// A body in chunks: its beginning, and then this piece until it has so many bytes.
    Repeated { status: u16, begin: &'static str, piece: String, bytes: u64 },
    /// A body of which a byte comes now and then, for ever.
    Drips { status: u16 },
    /// More or less than the head says that the body has.
    Lies { status: u16, says: u64, body: &'static str },
    /// A head of so many bytes.
    LargeHead { bytes: usize },
    /// A head that never ends.
    EndlessHead,
    /// This body, with more lines of a head.
    Plain { status: u16, head: &'static str, body: Vec<u8> },
}

impl Answer {
    /// A body of these pieces.
    pub fn repeated(status: u16, begin: &'static str, piece: &str, bytes: u64) -> Answer {
        // Small pieces would make the server the slow one.
        let piece = piece.repeat((64 * 1024 / piece.len()).max(1));
        Answer::Repeated { status, begin, piece, bytes }
    }
}

/// The server; it ends when it is dropped.
pub struct Hostile {
    address: SocketAddr,
    sent: Arc<AtomicU64>,
    requests: Arc<AtomicU64>,
    task: AbortHandle,
}

impl Hostile {
    /// Begins to serve.
    pub async fn serve(answer: Answer) -> Hostile {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("its address");
        let (sent, requests) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let (counted, asked) = (sent.clone(), requests.clone());
        let task = tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let (answer, counted, asked) = (answer.clone(), counted.clone(), asked.clone());
                // Who has heard enough goes away in the middle.
                tokio::spawn(async move { drop(give(socket, answer, &counted, &asked).await) });
            }
        });
        Hostile { address, sent, requests, task: task.abort_handle() }
    }

    /// Its address and port.
    pub fn host(&self) -> String {
        self.address.to_string()
    }

    /// How many bytes were taken from it; what lies in the sockets counts too.
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// How often it was asked.
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }
}

impl Drop for Hostile {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn give(
    mut socket: TcpStream,
    answer: Answer,
    sent: &AtomicU64,
    asked: &AtomicU64,
) -> std::io::Result<()> {
    let mut request = Vec::new();
    while !request.windows(4).any(|end| end == b"\r\n\r\n") {
        if socket.read_buf(&mut request).await? == 0 {
            return Ok(());
        }
    }
    asked.fetch_add(1, Ordering::Relaxed);
    let mut line = Line { socket, sent };
    line.answer(answer).await?;
    // What is left of the request is read: else the end would be a reset, and take what was sent with it.
    line.socket.shutdown().await?;
    while line.socket.read_buf(&mut request).await? > 0 {
        request.clear();
    }
    Ok(())
}

/// The way back to who asked.
struct Line<'a> {
    socket: TcpStream,
    sent: &'a AtomicU64,
}

impl Line<'_> {
    async fn answer(&mut self, answer: Answer) -> std::io::Result<()> {
        let json = "content-type: application/json\r\nconnection: close\r\n";
        match answer {
            Answer::Repeated { status, begin, piece, bytes } => {
                self.send(&format!("HTTP/1.1 {status} X\r\n{json}transfer-encoding: chunked\r\n\r\n"))
                    .await?;
                // An empty chunk would be the end.
                if !begin.is_empty() {
                    self.chunk(begin).await?;
                }
                for _ in 0..bytes / piece.len() as u64 {
                    self.chunk(&piece).await?;
                }
                self.send("0\r\n\r\n").await
            }
            Answer::Drips { status } => {
                self.send(&format!("HTTP/1.1 {status} X\r\n{json}transfer-encoding: chunked\r\n\r\n"))
                    .await?;
                self.chunk("[").await?;
                loop {
                    tokio::time::sleep(DRIP).await;
                    self.chunk(" ").await?;
                }
            }
            Answer::Lies { status, says, body } => {
                self.send(&format!("HTTP/1.1 {status} X\r\n{json}content-length: {says}\r\n\r\n{body}")).await
            }
            Answer::LargeHead { bytes } => {
                self.send("HTTP/1.1 200 X\r\nx-large: ").await?;
                self.send(&"a".repeat(bytes)).await?;
                self.send(&format!("\r\n{json}content-length: 2\r\n\r\n[]")).await
            }
            Answer::EndlessHead => {
                self.send("HTTP/1.1 200 X\r\n").await?;
                loop {
                    self.send(&"x-more: and more of it\r\n".repeat(1000)).await?;
                }
            }
            Answer::Plain { status, head, body } => {
                let length = body.len();
                self.send(&format!("HTTP/1.1 {status} X\r\n{json}{head}content-length: {length}\r\n\r\n"))
                    .await?;
                self.bytes(&body).await
            }
        }
    }

    async fn send(&mut self, text: &str) -> std::io::Result<()> {
        self.bytes(text.as_bytes()).await
    }

    async fn bytes(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.socket.write_all(bytes).await?;
        self.sent.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        Ok(())
    }

    async fn chunk(&mut self, text: &str) -> std::io::Result<()> {
        self.send(&format!("{:x}\r\n{text}\r\n", text.len())).await
    }
}
