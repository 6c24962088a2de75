//! What pods find by name: a name server that knows the few names of the stories, so that the operator's image resolves names as it does
//! elsewhere. It answers RFC 1035 as far as a resolver of today asks.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::net::UdpSocket;

use crate::support::components::SERVICE_ADDRESS;

/// The cluster's domain.
pub(super) const DOMAIN: &str = "cluster.local";
const PORT: u16 = 53;
/// No longer message goes over UDP without an agreement.
const LARGEST: usize = 512;
const HEADER: usize = 12;
const TYPE_A: u16 = 1;
const NO_SUCH_NAME: u8 = 3;
const SECONDS_VALID: u32 = 5;

type Table = Arc<Mutex<HashMap<String, Ipv4Addr>>>;

/// The names that are known.
pub(crate) struct Names(Table);

impl Names {
    /// Listens from now on, for as long as the runtime lives.
    pub(super) async fn answer() -> Names {
        let socket = UdpSocket::bind((SERVICE_ADDRESS, PORT)).await.expect("the name server listens");
        let table = Table::default();
        tokio::spawn(serve(socket, table.clone()));
        Names(table)
    }

    /// From now on, this name is found.
    pub(crate) fn set(&self, name: &str, address: Ipv4Addr) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), address);
    }
}

async fn serve(socket: UdpSocket, table: Table) {
    let mut message = [0; LARGEST];
    loop {
        let Ok((length, from)) = socket.recv_from(&mut message).await else { continue };
        let reply = reply(&message[..length], &table.lock().unwrap_or_else(PoisonError::into_inner));
        if let Some(reply) = reply {
            let _ = socket.send_to(&reply, from).await;
        }
    }
}

/// The answer to a message with one question; `None` to what is none.
fn reply(message: &[u8], table: &HashMap<String, Ipv4Addr>) -> Option<Vec<u8>> {
    let (name, after) = question(message)?;
    let kind = u16::from_be_bytes([*message.get(after)?, *message.get(after + 1)?]);
    let found = table.get(&name);
    let address = found.filter(|_| kind == TYPE_A);
    let code = if found.is_some() { 0 } else { NO_SUCH_NAME };
    let mut reply = message[..2].to_vec();
    // An answer, with authority, to a question that wished for recursion; recursion is there.
    reply.extend([0x85, 0x80 | code, 0, 1, 0, u8::from(address.is_some()), 0, 0, 0, 0]);
    reply.extend(message.get(HEADER..after + 4)?);
    if let Some(address) = address {
        // The name is that of the question, which begins behind the header.
        reply.extend([0xC0, 0x0C, 0, 1, 0, 1]);
        reply.extend(SECONDS_VALID.to_be_bytes());
        reply.extend([0, 4]);
        reply.extend(address.octets());
    }
    Some(reply)
}

/// The name that is asked for, and where it ends.
fn question(message: &[u8]) -> Option<(String, usize)> {
    let mut labels = Vec::new();
    let mut at = HEADER;
    loop {
        let length = usize::from(*message.get(at)?);
        at += 1;
        if length == 0 {
            return Some((labels.join("."), at));
        }
        labels.push(String::from_utf8_lossy(message.get(at..at + length)?).to_lowercase());
        at += length;
    }
}
