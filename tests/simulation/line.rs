//! What connects one process of the operator with the world. When the process dies, its line is severed: nothing goes out any more, and no
//! answer comes in.

use std::future::pending;
use std::sync::Arc;
use tokio::sync::watch;

/// One process: the how many-th of which replica.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Process {
    pub replica: usize,
    pub boot: u32,
}

/// See the module. Cloning shares it.
#[derive(Clone)]
pub struct Line {
    pub process: Process,
    severed: Arc<watch::Sender<bool>>,
}

impl Line {
    pub fn new(process: Process) -> Self {
        Self { process, severed: Arc::new(watch::Sender::new(false)) }
    }

    /// The process dies.
    pub fn sever(&self) {
        self.severed.send_replace(true);
    }

    pub fn is_severed(&self) -> bool {
        *self.severed.borrow()
    }

    /// Waits until the process dies.
    pub async fn severed(&self) {
        let mut severed = self.severed.subscribe();
        // The sender is in `self`, so this ends with `true`.
        let _ = severed.wait_for(|severed| *severed).await;
    }

    /// Goes on only while the process lives.
    pub async fn if_alive(&self) {
        if self.is_severed() {
            pending::<()>().await;
        }
    }
}
