//! The `connector-operator` binary: provider, settings, telemetry, command, exit code.

use connector_operator::cli;
use connector_operator::settings::{Command, from_command_line};
use connector_operator::telemetry;
use std::io::Write;
use std::process::ExitCode;

fn main() -> ExitCode {
    // Without one chosen provider, the Kubernetes client panics as soon as two are compiled in.
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        return failed("the TLS provider was installed twice");
    }
    match from_command_line() {
        Command::Crds => print_crds(),
        Command::Run(settings) => {
            telemetry::install(settings.log_format, settings.log_level);
            let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
                Ok(runtime) => runtime,
                Err(error) => return failed(&format!("no runtime: {error}")),
            };
            match runtime.block_on(cli::run::run(*settings)) {
                Ok(()) => ExitCode::SUCCESS,
                Err(error) => failed(&error.to_string()),
            }
        }
    }
}

fn print_crds() -> ExitCode {
    match cli::crds::yaml() {
        Ok(yaml) if std::io::stdout().write_all(yaml.as_bytes()).is_ok() => ExitCode::SUCCESS,
        Ok(_) => failed("the definitions could not be written to standard output"),
        Err(error) => failed(&error.to_string()),
    }
}

fn failed(why: &str) -> ExitCode {
    let _ = writeln!(std::io::stderr(), "error: {why}");
    ExitCode::FAILURE
}
