//! What people type, and what they are told when it is wrong.

use super::*;

const OUTSIDE: &str = "/nonexistent/namespace";

fn settings(arguments: &[&str]) -> Settings {
    let line = [&["connector-operator", "--lease-namespace=operators"], arguments].concat();
    match parse(line, Path::new(OUTSIDE)) {
        Ok(Command::Run(settings)) => *settings,
        other => panic!("{arguments:?} did not parse: {other:?}"),
    }
}

fn refusal(arguments: &[&str]) -> String {
    let line = [&["connector-operator", "--lease-namespace=operators"], arguments].concat();
    match parse(line, Path::new(OUTSIDE)) {
        Err(error) => error.to_string(),
        Ok(command) => panic!("{arguments:?} was accepted: {command:?}"),
    }
}

#[test]
fn without_flags_the_operator_has_the_documented_defaults() {
    let defaults = settings(&[]);

    assert_eq!(
        defaults,
        Settings {
            listen: "0.0.0.0:8080".parse().unwrap(),
            watch_namespaces: vec![],
            controllers: CONTROLLERS.iter().copied().collect(),
            concurrency: CONTROLLERS.iter().map(|name| (*name, 8)).collect(),
            resync_interval: Duration::from_mins(1),
            request_timeout: Duration::from_secs(30),
            consistency_allowance: Duration::from_secs(30),
            list_size_limit: 64 * 1024 * 1024,
            shutdown_timeout: Duration::from_secs(25),
            namespace: "operators".to_owned(),
            leader_election: Some(LeaderElection {
                name: "connector-operator".to_owned(),
                duration: Duration::from_secs(15),
                renew_deadline: Duration::from_secs(10),
                retry_period: Duration::from_secs(2),
            }),
            allowed_hosts: AllowedHosts::parse(&[]).unwrap(),
            allow_insecure_endpoints: false,
            ca_file: None,
            secrets_watch: true,
            namespaces_watch: true,
            tracing: false,
            log_format: LogFormat::Json,
            log_level: LevelFilter::INFO,
        }
    );
}

#[test]
fn run_is_what_no_subcommand_means() {
    let line = ["connector-operator", "run", "--lease-namespace=operators", "--log-level=debug"];
    let explicit = parse(line, Path::new(OUTSIDE)).unwrap();

    assert_eq!(explicit, Command::Run(Box::new(settings(&["--log-level=debug"]))));
}

#[test]
fn crds_needs_no_setting_at_all() {
    assert_eq!(parse(["connector-operator", "crds"], Path::new(OUTSIDE)).unwrap(), Command::Crds);
}

#[test]
fn several_values_are_repeated_or_comma_separated_and_empty_ones_do_not_count() {
    let repeated = settings(&["--watch-namespace=plant", "--watch-namespace=iot"]);
    let joined = settings(&["--watch-namespace=iot,plant,,iot"]);
    let nothing = settings(&["--watch-namespace=", "--controllers=", "--allowed-hosts="]);

    assert_eq!(repeated.watch_namespaces, ["iot", "plant"]);
    assert_eq!(joined, repeated);
    assert_eq!(nothing, settings(&[]));
}

#[test]
fn namespaces_are_watched_where_all_of_them_are_or_where_it_is_asked_for() {
    assert!(settings(&[]).namespaces_watch);
    assert!(!settings(&["--watch-namespace=iot"]).namespaces_watch, "a Role in it is enough");
    assert!(settings(&["--watch-namespace=iot", "--namespaces-watch"]).namespaces_watch);
    assert!(!settings(&["--namespaces-watch=false"]).namespaces_watch);
}

#[test]
fn one_controller_may_have_a_concurrency_of_its_own() {
    assert_eq!(settings(&["--concurrency=4"]).concurrency_of("onomondo"), 4);
    assert_eq!(settings(&["--concurrency=4,onomondo=16"]).concurrency_of("onomondo"), 16);
    assert_eq!(settings(&["--concurrency=4"]).concurrency_of("a controller that does not run"), 0);
    assert!(refusal(&["--concurrency=0"]).contains("write a number from 1 to 256"));
    assert!(
        refusal(&["--concurrency=onomodo=2"]).contains(&format!("there are: {}", CONTROLLERS.join(", ")))
    );
}

#[test]
fn booleans_read_alone_and_with_a_value() {
    assert!(settings(&["--allow-insecure-endpoints"]).allow_insecure_endpoints);
    assert!(!settings(&["--allow-insecure-endpoints=false"]).allow_insecure_endpoints);
    assert!(!settings(&["--secrets-watch=false"]).secrets_watch);
    assert_eq!(settings(&["--leader-elect=false"]).leader_election, None);
}

#[test]
fn durations_are_written_as_in_go() {
    let resync = |text: &str| settings(&[&format!("--resync-interval={text}")]).resync_interval;

    assert_eq!(resync("1m30s"), Duration::from_secs(90));
    assert_eq!(resync("1.5h"), Duration::from_mins(90));
    assert_eq!(resync("10500ms"), Duration::from_millis(10_500));
    assert_eq!(resync(".5m"), Duration::from_secs(30));
    for wrong in ["60", "", "1 m", "-1m", "m", "1m30", "1d", "1.s.", "99999999999999999999h"] {
        let message = refusal(&[&format!("--resync-interval={wrong}")]);
        assert!(
            message.contains("for example 500ms, 30s, 1m30s or 24h"),
            "{wrong:?} was answered with: {message}"
        );
    }
}

#[test]
fn values_out_of_bounds_are_refused_with_the_bounds() {
    assert!(refusal(&["--resync-interval=1s"]).contains("from 10s to 24h"));
    assert!(refusal(&["--request-timeout=0"]).contains("from 1s to 10m"));
    assert!(refusal(&["--list-size-limit=2GiB"]).contains("from 1MiB to 1GiB"));
    assert!(refusal(&["--list-size-limit=64"]).contains("with its unit"));
    assert!(refusal(&["--list-size-limit=99999999999999999999GiB"]).contains("with its unit"));
    assert!(refusal(&["--listen=:8080"]).contains("for example 0.0.0.0:8080"));
}

#[test]
fn names_that_kubernetes_would_refuse_are_refused_at_once() {
    assert!(refusal(&["--watch-namespace=Plant"]).contains("the name of one namespace"));
    assert!(refusal(&["--watch-namespace=a.b"]).contains("the name of one namespace"));
    assert!(refusal(&["--lease-name=-x"]).contains("the name of an object"));
    assert!(refusal(&["--controllers=onomondo,nobody"]).contains("no controller \"nobody\""));
}

#[test]
fn a_leader_has_to_stop_before_another_one_may_start() {
    let message = refusal(&["--lease-duration=10s", "--lease-renew-deadline=10s"]);
    assert!(message.contains("must be shorter than --lease-duration (10s)"), "{message}");

    let message = refusal(&["--lease-renew-deadline=3s", "--lease-retry-period=2s"]);
    assert!(message.contains("at most half of --lease-renew-deadline (3s)"), "{message}");

    let message = refusal(&["--lease-duration=15500ms"]);
    assert!(message.contains("whole seconds"), "{message}");
}

#[test]
fn the_own_namespace_is_the_pods_or_has_to_be_given() {
    let file = std::env::temp_dir().join(format!("connector-operator-namespace-{}", std::process::id()));
    std::fs::write(&file, "from-the-pod\n").unwrap();
    let in_a_pod = parse(["connector-operator"], &file).unwrap();
    std::fs::remove_file(&file).unwrap();
    let outside = parse(["connector-operator"], Path::new(OUTSIDE)).unwrap_err().to_string();

    let Command::Run(in_a_pod) = in_a_pod else { panic!("not a run: {in_a_pod:?}") };
    assert_eq!(in_a_pod.namespace, "from-the-pod");
    assert!(outside.contains("write --lease-namespace <namespace>"), "{outside}");
}

#[test]
fn credentials_go_to_allowed_hosts_and_ports_only() {
    let allows = |settings: &Settings, url: &str| settings.allowed_hosts.allows(&Url::parse(url).unwrap());
    let default = settings(&[]);
    let own = settings(&["--allowed-hosts=127.0.0.1:9090,API.example.com,mirror.example.com:443,[::1]:80"]);

    assert!(allows(&default, "https://api.onomondo.com/connectors"));
    assert!(!allows(&default, "https://api.onomondo.com:8443/connectors"));
    assert!(!allows(&default, "https://api.onomondo.com.example.com/"));
    assert!(!allows(&default, "https://api.onomondo.com@example.com/"));
    assert!(allows(&own, "http://127.0.0.1:9090/"));
    assert!(!allows(&own, "http://127.0.0.1/"));
    assert!(allows(&own, "https://api.EXAMPLE.com/"));
    assert!(allows(&own, "https://mirror.example.com/"));
    assert!(!allows(&own, "http://mirror.example.com/"));
    assert!(allows(&own, "http://[::1]/"));
    assert!(!allows(&own, "https://[::1]/"));
    assert!(!allows(&own, "https://api.onomondo.com/"), "the flag replaces the default");
    assert_eq!(own.allowed_hosts.list(), "127.0.0.1:9090, [::1]:80, api.example.com, mirror.example.com:443");
    for wrong in ["https://api.onomondo.com", "a/b", "user@host", "*.example.com", "two words", "host:99999"]
    {
        let message = refusal(&["--allowed-hosts", wrong]);
        assert!(message.contains("without a scheme or path"), "{wrong:?} was answered with: {message}");
    }
}

#[test]
fn every_flag_has_the_environment_variable_of_its_name_and_none_that_kubernetes_sets() {
    let mut command = <flags::CommandLine as clap::CommandFactory>::command();
    command.build();
    let run = command.find_subcommand("run").unwrap();
    let flags: Vec<_> = command.get_arguments().chain(run.get_arguments()).collect();

    assert!(flags.len() > 40, "saw only {} flags", flags.len());
    for flag in flags {
        let name = flag.get_long().unwrap();
        if ["help", "version"].contains(&name) {
            continue;
        }
        let variable = flag.get_env().unwrap_or_else(|| panic!("--{name} has none")).to_str().unwrap();
        assert_eq!(
            variable,
            format!("CONNECTOR_OPERATOR_{}", name.replace('-', "_").to_uppercase()),
            "--{name}"
        );
        for from_a_service in ["CONNECTOR_OPERATOR_PORT", "CONNECTOR_OPERATOR_SERVICE_"] {
            assert!(!variable.starts_with(from_a_service), "--{name} collides with a Service's variables");
        }
        assert!(flag.get_help().is_some() && flag.get_help_heading().is_some(), "--{name} explains nothing");
    }
}

#[test]
fn the_help_names_every_controller() {
    let help = <flags::CommandLine as clap::CommandFactory>::command().render_long_help().to_string();

    assert!(help.contains(&format!("[default: all: {}]", CONTROLLERS.join(", "))), "{help}");
}

#[test]
fn a_release_that_names_no_namespace_releases_none() {
    let release = |arguments: &[&str]| {
        let line = [&["connector-operator", "release"], arguments].concat();
        parse(line, Path::new(OUTSIDE))
    };
    // As a shell writes it where a variable is not set.
    for empty in [&["-n", ""][..], &["-n", ","], &["--namespace="], &["-n", " "]] {
        let refused = release(empty).expect_err("it names nothing").to_string();
        assert!(refused.contains("--namespace names no namespace"), "{empty:?}: {refused}");
    }
    let place = |arguments: &[&str]| match release(arguments) {
        Ok(Command::Release(release)) => release.place,
        other => panic!("{arguments:?}: {other:?}"),
    };
    assert_eq!(place(&["--all"]), Place::Everywhere);
    assert_eq!(place(&["-n", "iot"]), Place::Namespaces(vec!["iot".to_owned()]));
}
