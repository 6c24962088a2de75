//! A stretch of network between an operator and a vendor, which can be cut: what goes through is neither read nor changed.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncReadExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::AbortHandle;

/// A wire that ends with the story.
pub struct Wire {
    address: SocketAddr,
    state: Arc<watch::Sender<State>>,
    far: Mutex<Option<SocketAddr>>,
    task: AbortHandle,
}

/// What becomes of what is sent. A change of it cuts what is open.
#[derive(Clone, Copy)]
enum State {
    /// Nobody gets through.
    Cut,
    /// Connections stand, and nothing that is sent arrives.
    Swallows,
    /// It arrives there.
    Leads(SocketAddr),
}

impl Wire {
    /// Lays one from a free port; it leads nowhere yet.
    pub async fn lay() -> Wire {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("its address");
        let state = Arc::new(watch::Sender::new(State::Cut));
        let carrying = state.clone();
        let task = tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let mut changed = carrying.subscribe();
                let state = *changed.borrow_and_update();
                tokio::spawn(async move {
                    tokio::select! {
                        // Who goes away in the middle is no concern of the wire.
                        _ = carry(near, state) => {}
                        _ = changed.changed() => {}
                    }
                });
            }
        });
        Wire { address, state, far: Mutex::new(None), task: task.abort_handle() }
    }

    /// The near end's address and port.
    pub fn host(&self) -> String {
        self.address.to_string()
    }

    /// It leads to this address and port.
    pub fn ends_at(&self, host: &str) {
        let far = host.parse().unwrap_or_else(|error| panic!("{host} is no address: {error}"));
        *self.far.lock().unwrap_or_else(PoisonError::into_inner) = Some(far);
        self.mends();
    }

    /// It is cut: what is on its way is lost, and nobody gets through.
    pub fn cut(&self) {
        self.state.send_replace(State::Cut);
    }

    /// What is on its way is lost, and what is sent from now on arrives nowhere, without a word.
    pub fn swallows(&self) {
        self.state.send_replace(State::Swallows);
    }

    /// It leads where it did.
    pub fn mends(&self) {
        let far = *self.far.lock().unwrap_or_else(PoisonError::into_inner);
        self.state.send_replace(State::Leads(far.expect("where it leads")));
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.task.abort();
        self.cut();
    }
}

async fn carry(mut near: TcpStream, state: State) -> std::io::Result<()> {
    match state {
        State::Cut => Ok(()),
        State::Swallows => {
            let mut swallowed = [0; 4096];
            while near.read(&mut swallowed).await? > 0 {}
            Ok(())
        }
        State::Leads(far) => {
            let mut far = TcpStream::connect(far).await?;
            copy_bidirectional(&mut near, &mut far).await.map(|_| ())
        }
    }
}
