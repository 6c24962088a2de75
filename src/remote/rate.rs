//! What a vendor's headers say about its rate limit: `Retry-After`, and `x-ratelimit-*` with the reset in epoch seconds.

use crate::clock;
use http::header::RETRY_AFTER;
use http::{HeaderMap, StatusCode};
use jiff::fmt::rfc2822;
use std::time::Duration;

/// How many requests are left in this window, and how long it still lasts; only where both are told.
pub(super) fn window(headers: &HeaderMap) -> Option<(u32, Duration)> {
    let remaining = number(headers, "x-ratelimit-remaining").and_then(|left| u32::try_from(left).ok());
    remaining.zip(reset_in(headers))
}

/// How long the vendor asks to be left alone: in a 429 without `Retry-After`, until its window ends. A wait that is over says nothing, as
/// the vendor's clock may not be ours: to obey it would be to ask again at once, and again.
pub(super) fn asked_to_wait(status: StatusCode, headers: &HeaderMap) -> Option<Duration> {
    let window = || reset_in(headers).filter(|_| status == StatusCode::TOO_MANY_REQUESTS);
    retry_after(headers).into_iter().chain(window()).find(|wait| !wait.is_zero())
}

/// `Retry-After` in seconds or as an HTTP date; what is neither asks for a minute.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = rfc2822::DateTimeParser::new().parse_timestamp(value).ok();
    Some(date.map_or(Duration::from_mins(1), |date| until_epoch(date.as_second())))
}

fn reset_in(headers: &HeaderMap) -> Option<Duration> {
    number(headers, "x-ratelimit-reset").map(until_epoch)
}

fn number(headers: &HeaderMap, name: &str) -> Option<i64> {
    headers.get(name)?.to_str().ok()?.trim().parse().ok()
}

fn until_epoch(seconds: i64) -> Duration {
    Duration::from_secs(u64::try_from(seconds.saturating_sub(clock::now().as_second())).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(value: &str) -> Option<Duration> {
        told(RETRY_AFTER.as_str(), value, StatusCode::SERVICE_UNAVAILABLE)
    }

    fn told(name: &'static str, value: &str, status: StatusCode) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        headers.insert(name, value.parse().expect("a header value"));
        asked_to_wait(status, &headers)
    }

    #[test]
    fn retry_after_is_read_in_seconds_and_as_a_date() {
        assert_eq!(asked("7"), Some(Duration::from_secs(7)));
        assert!(asked("Fri, 01 Jan 2100 00:00:00 GMT").expect("a wait") > Duration::from_hours(24));
        assert_eq!(asked("soon"), Some(Duration::from_mins(1)));
        assert_eq!(asked_to_wait(StatusCode::SERVICE_UNAVAILABLE, &HeaderMap::new()), None);
    }

    #[test]
    fn a_wait_that_is_over_by_our_clock_says_nothing() {
        assert_eq!(asked("0"), None);
        assert_eq!(asked("Sun, 06 Nov 1994 08:49:37 GMT"), None);
        for over in ["784111777", "30"] {
            assert_eq!(told("x-ratelimit-reset", over, StatusCode::TOO_MANY_REQUESTS), None, "{over}");
        }
    }
}
