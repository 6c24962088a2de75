//! A forward proxy, as companies have one: the only way to some hosts, and a list of who was asked for.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;

/// A longer head is no request of ours.
const LONGEST_HEAD: usize = 64 * 1024;

/// A proxy that ends with the story.
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    task: AbortHandle,
}

#[derive(Default)]
struct Shared {
    /// Where the names lead that only the proxy knows.
    names: Mutex<BTreeMap<String, SocketAddr>>,
    heads: Mutex<Vec<String>>,
}

impl Proxy {
    /// Starts one on a free port.
    pub async fn start() -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("its address");
        let shared = Arc::<Shared>::default();
        let serving = shared.clone();
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let shared = serving.clone();
                // Who goes away in the middle is no concern of the proxy.
                tokio::spawn(async move { serve(client, &shared).await });
            }
        });
        Proxy { address, shared, task: task.abort_handle() }
    }

    /// Its host and port.
    pub fn host(&self) -> String {
        self.address.to_string()
    }

    /// From now on it knows where `host` (`name:port`) is.
    pub fn leads(&self, host: &str, to: &str) {
        let to = to.parse().unwrap_or_else(|error| panic!("{to} is no address: {error}"));
        lock(&self.shared.names).insert(host.to_owned(), to);
    }

    /// What it was asked for, oldest first: `GET http://onomondo.test/connectors`, `CONNECT onomondo.test:443`.
    pub fn asked(&self) -> Vec<String> {
        let first_line = |head: &String| head.lines().next().unwrap_or_default().to_owned();
        let asked = self.heads().iter().map(first_line).collect::<Vec<_>>();
        asked.into_iter().map(|line| line.trim_end_matches(" HTTP/1.1").to_owned()).collect()
    }

    /// Everything that it could read beside bodies: of each request the line and the headers.
    pub fn heads(&self) -> Vec<String> {
        lock(&self.shared.heads).clone()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Serves one request. Each has its own connection: the proxy asks both sides to close.
async fn serve(mut client: TcpStream, shared: &Shared) -> io::Result<()> {
    let Some((head, rest)) = read_head(&mut client).await? else { return Ok(()) };
    lock(&shared.heads).push(head.clone());
    let mut words = head.split(' ');
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let (host, path) = match target.strip_prefix("http://") {
        Some(url) => url.split_at(url.find('/').unwrap_or(url.len())),
        None => (target, ""),
    };
    let host = if host.contains(':') { host.to_owned() } else { format!("{host}:80") };
    let address = lock(&shared.names).get(&host).copied().or_else(|| host.parse().ok());
    let Some(address) = address else {
        return client
            .write_all(b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
            .await;
    };
    let mut server = TcpStream::connect(address).await?;
    if method == "CONNECT" {
        client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await?;
    } else {
        let headers = head.split_once("\r\n").map_or("", |(_, headers)| headers);
        let request = format!("{method} {path} HTTP/1.1\r\nconnection: close\r\n{headers}");
        server.write_all(request.as_bytes()).await?;
    }
    server.write_all(&rest).await?;
    copy_bidirectional(&mut client, &mut server).await.map(|_| ())
}

/// The head of a request with its empty line, and what came of the body with it. `None`: the client went away.
async fn read_head(client: &mut TcpStream) -> io::Result<Option<(String, Vec<u8>)>> {
    const END: &[u8] = b"\r\n\r\n";
    let mut read = Vec::new();
    loop {
        if let Some(end) = read.windows(END.len()).position(|window| window == END) {
            let rest = read.split_off(end + END.len());
            return Ok(Some((String::from_utf8_lossy(&read).into_owned(), rest)));
        }
        if read.len() > LONGEST_HEAD || client.read_buf(&mut read).await? == 0 {
            return Ok(None);
        }
    }
}
