//! The commands: one file each. What they share is only how they are started.

mod cluster;
mod controllers;
pub mod crds;
mod proxy;
pub mod release;
pub mod replica;
pub mod run;
pub mod traces;

use std::error::Error;
use std::io::{self, Write};

use tokio::runtime::Handle;

use crate::settings::{Command, Settings};
use crate::telemetry;
use traces::Traces;

/// Carries out a command line and returns when it is done.
///
/// # Errors
/// What a person has to know, with its causes as sources.
pub fn execute(command: Command) -> Result<(), Box<dyn Error>> {
    match command {
        Command::Crds => print(&crds::yaml()?),
        Command::Release(release) => tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?
            .block_on(release::run(&release)),
        Command::Run(settings) => {
            // One thread: a few hundred objects change in a second at most, and what runs can be repeated in tests.
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let traces = traces(&settings, runtime.handle())?;
            let listener = traces.as_ref().map(Traces::listener);
            telemetry::install(settings.log_format, settings.log_level, listener);
            let end = runtime.block_on(run::run(*settings, traces));
            // What still runs, such as a name that is being looked up, is nobody's any more.
            runtime.shutdown_background();
            Ok(end?)
        }
    }
}

/// The way of spans to a collector, where there is to be one.
fn traces(settings: &Settings, runtime: &Handle) -> Result<Option<Traces>, Box<dyn Error>> {
    if !settings.tracing {
        return Ok(None);
    }
    // An administrator names the collector, so its address may be private.
    let transport = controllers::transport(settings, true)?;
    Ok(Some(Traces::start(transport, runtime.clone())?))
}

/// An error and its causes in one line, the outermost first; a cause that an outer error already quotes is not repeated.
pub fn explain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text = format!("{text}: {inner_text}");
        }
        cause = inner.source();
    }
    text
}

/// Prints to stdout. A reader that has seen enough (`… | head`) is no error.
fn print(text: &str) -> Result<(), Box<dyn Error>> {
    match io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("cannot listen")]
    struct CannotListen(#[source] AddressError);

    #[derive(Debug, thiserror::Error)]
    #[error("bad address: {0}")]
    struct AddressError(#[source] io::Error);

    #[test]
    fn an_error_is_explained_with_each_of_its_causes_once() {
        let error = CannotListen(AddressError(io::Error::other("port taken")));

        assert_eq!(explain(&error), "cannot listen: bad address: port taken");
    }
}
