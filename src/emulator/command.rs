//! The `vendor-emulator` command: its flags, its one line of output, its end.

use std::io::Write;
use std::path::PathBuf;

use clap::{CommandFactory, FromArgMatches, Parser};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use super::{Answers, Clock, Configuration, Credential, Emulator, known_switches};

/// The APIs of the vendors that connector-operator speaks to (Onomondo, Apono, AVEVA Data Hub's OMF connections), on one port,
/// for tests and demonstrations.
///
/// Documented behaviour is as documented; what no document answers is a switch; everything can be made to fail on purpose.
/// Its controls are below /_emulator on the same port; a GET of that lists them. Nothing is kept when it ends.
#[derive(Parser)]
#[command(name = "vendor-emulator", version)]
struct Flags {
    /// Where to listen; port 0 takes a free one. The address is printed once it is open.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: String,
    /// What made-up identifiers are drawn from: the same seed and requests give the same identifiers.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// A credential that a vendor accepts, and the organisation that it belongs to (repeatable). Without any for a vendor:
    /// onomondo:emulator-key=default, apono:emulator-token=default, omf:emulator-client:emulator-secret=default and
    /// omf:emulator-bearer-token=default.
    #[arg(long = "credential", value_name = "VENDOR:TEXT=ORGANISATION", value_parser = credential)]
    credentials: Vec<Credential>,
    /// The answer to an open question; see below (repeatable).
    #[arg(long = "switch", value_name = "NAME=VALUE", value_parser = pair)]
    switches: Vec<(String, String)>,
    /// Start with the state in this file, as GET /_emulator/state returns it.
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
    /// How many requests the log keeps.
    #[arg(long, default_value_t = 100_000, value_name = "N")]
    log_entries: usize,
}

/// Reads the command line, serves until SIGTERM or an interrupt, and returns. The error is for people.
pub async fn run() -> Result<(), String> {
    let command = Flags::command().after_long_help(switches_help());
    let flags = Flags::from_arg_matches(&command.get_matches()).map_err(|error| error.to_string())?;
    let listen = flags.listen.clone();
    let emulator = Emulator::new(configuration(flags)?).map_err(|error| error.to_string())?;
    let mut terminate = signal(SignalKind::terminate()).map_err(|error| error.to_string())?;
    let tcp = TcpListener::bind(&listen).await.map_err(|error| {
        format!("cannot listen on {listen}: {error}; choose another address with --listen")
    })?;
    announce(&tcp).map_err(|error| format!("cannot print the address: {error}"))?;
    let stop = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = tokio::signal::ctrl_c() => {}
        }
    };
    emulator.serve(tcp, stop).await;
    Ok(())
}

fn configuration(flags: Flags) -> Result<Configuration, String> {
    let state = flags.state.map(|file| {
        let text = std::fs::read_to_string(&file)
            .map_err(|error| format!("cannot read {}: {error}", file.display()))?;
        serde_json::from_str(&text).map_err(|error| format!("{} is not JSON: {error}", file.display()))
    });
    Ok(Configuration {
        seed: flags.seed,
        clock: Clock::system(),
        credentials: flags.credentials,
        switches: flags.switches,
        state: state.transpose()?,
        log_entries: flags.log_entries,
    })
}

fn announce(tcp: &TcpListener) -> std::io::Result<()> {
    let mut output = std::io::stdout().lock();
    writeln!(output, "listening on http://{}", tcp.local_addr()?)?;
    output.flush()
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (left, right) = text.split_once('=').ok_or("there is no = in it")?;
    Ok((left.to_owned(), right.to_owned()))
}

/// `onomondo:emulator-key=default`. The text may hold any further `:` and `=`.
fn credential(text: &str) -> Result<Credential, String> {
    let (vendor, rest) = text.split_once(':').ok_or("there is no : behind the vendor")?;
    let (text, organisation) = rest.rsplit_once('=').ok_or("there is no = before the organisation")?;
    Ok(Credential { vendor: vendor.to_owned(), text: text.to_owned(), organisation: organisation.to_owned() })
}

/// The switches as the last part of `--help`.
fn switches_help() -> String {
    let switches = known_switches();
    let lines = switches.iter().flat_map(|switch| {
        let question = [
            String::new(),
            format!("  {} (default {})", switch.name, switch.default),
            format!("      {}", switch.question),
        ];
        question.into_iter().chain(answers_help(switch.answers))
    });
    let title = "Switches (--switch NAME=VALUE, or PUT /_emulator/switches while it runs):".to_owned();
    std::iter::once(title).chain(lines).collect::<Vec<_>>().join("\n")
}

fn answers_help(answers: Answers) -> Vec<String> {
    match answers {
        Answers::WholeNumber(most) => vec![format!("        a whole number from 0 to {most}")],
        Answers::OneOf(words) => {
            words.iter().map(|(word, meaning)| format!("        {word}: {meaning}")).collect()
        }
    }
}
