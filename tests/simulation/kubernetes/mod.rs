//! A Kubernetes API server in memory, with the rules that a controller can stumble over: resourceVersions and uids as preconditions, finalizers,
//! defaults and pruning by the operator's own definitions, status by server-side apply, lists in pages that are served from the past, watches with
//! bookmarks that end in a 410 inside of the stream.
//!
//! It never fails by itself: what goes wrong between it and the operator is the weather's. That it answers as the real one does is what
//! `honesty` holds against the real one.

mod answer;
mod request;
mod resource;
mod rules;
mod server;
mod store;
mod watch;

pub use answer::Answer;
pub use request::Request;
pub use resource::Resource;
pub use rules::{Part, finalizers};
pub use server::{ApiServer, Reply};
pub use store::Key;
pub use watch::{Watch, WatchEvent};
