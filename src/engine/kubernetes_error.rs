//! What went wrong with a call to the Kubernetes API server, in one line that a person can read.
//!
//! `kube::Error`'s own text repeats the whole answer in its debug form and hides the cause of a failed connection.

use std::error::Error;
use std::fmt::Write;

/// The HTTP status and message of an answer, or the causes of a call that had none, the outermost first.
pub fn describe(error: &kube::Error) -> String {
    if let kube::Error::Api(status) = error {
        return format!("{} {}: {}", status.code, status.reason, status.message);
    }
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        // Many errors already end with the text of their cause.
        if !text.ends_with(&inner_text) {
            let _ = write!(text, ": {inner_text}");
        }
        cause = inner.source();
    }
    text
}

/// The HTTP status of the answer, where there was one.
pub fn status(error: &kube::Error) -> Option<u16> {
    match error {
        kube::Error::Api(status) => Some(status.code),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use kube::core::Status;

    use super::*;

    #[test]
    fn an_answer_is_its_status_and_message() {
        let error =
            kube::Error::Api(Status::failure("leases is forbidden", "Forbidden").with_code(403).boxed());

        assert_eq!(describe(&error), "403 Forbidden: leases is forbidden");
        assert_eq!(status(&error), Some(403));
    }

    #[test]
    fn a_call_without_an_answer_names_its_causes() {
        #[derive(Debug, thiserror::Error)]
        #[error("cannot connect")]
        struct CannotConnect(#[source] std::io::Error);

        let cause = std::io::Error::new(std::io::ErrorKind::ConnectionRefused, "connection refused");
        let error = kube::Error::Service(Box::new(CannotConnect(cause)));

        assert_eq!(describe(&error), "ServiceError: cannot connect: connection refused");
        assert_eq!(status(&error), None);
    }
}
