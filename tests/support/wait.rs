//! Waiting for conditions, with a deadline. Nothing in the tests sleeps for a fixed time instead.

use std::fmt::Display;
use std::future::Future;
use std::time::{Duration, Instant};

/// How often a condition that cannot be watched is looked at again.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// Asks `look` until it answers `Ok`, and panics with its last error when `deadline` has passed.
pub async fn until<T, E, F, Fut>(what: &str, deadline: Duration, mut look: F) -> T
where
    E: Display,
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<T, E>>,
{
    let started = Instant::now();
    loop {
        match look().await {
            Ok(answer) => return answer,
            Err(why) if started.elapsed() > deadline => {
                panic!("{what}: still not so after {deadline:?}: {why}")
            }
            Err(_) => tokio::time::sleep(LOOK_AGAIN).await,
        }
    }
}
