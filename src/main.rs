//! The operator's process: picks the TLS provider, reads the command line, runs it, and turns its end into an exit code.
//!
//! Exit codes: 0 done or stopped as asked; 1 an error, which is printed; 2 a command line that makes no sense; 130 and 143 ended
//! by a second signal.

use std::io::Write;
use std::process::ExitCode;

use connector_operator::{cli, settings};

fn main() -> ExitCode {
    // Without this choice the first TLS connection would panic: more than one provider could have been compiled in.
    let _ = rustls::crypto::ring::default_provider().install_default();
    match cli::execute(settings::from_command_line()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // A closed stderr is nobody to tell.
            let _ = writeln!(std::io::stderr(), "error: {}", cli::explain(error.as_ref()));
            ExitCode::FAILURE
        }
    }
}
