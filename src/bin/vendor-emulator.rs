//! `vendor-emulator`: the vendors' APIs on one port. See [`connector_operator::emulator`].

use std::process::ExitCode;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match connector_operator::emulator::command::run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("vendor-emulator: {reason}");
            ExitCode::FAILURE
        }
    }
}
