//! The command line as it is documented.

use clap::CommandFactory;

use super::*;

fn parse(line: &str) -> Result<Cli, clap::Error> {
    Cli::try_parse_from(line.split_whitespace())
}

#[test]
fn the_definition_is_sound() {
    Cli::command().debug_assert();
}

#[test]
fn every_documented_command_is_there() {
    for line in [
        "ampd run",
        "ampd once --source web --exit-code-no-data 99",
        "ampd status --days 7 --source web --watch --check",
        "ampd plan --from -24h --to now",
        "ampd backfill --from 2026-11-01 --to 2026-11-07 --source web --parallel 4",
        "ampd backfill --last 2w",
        "ampd hour ls --state quarantined",
        "ampd hour show 2026-11-21T07 20261121T08 --source web",
        "ampd hour retry 2026-11-21T07",
        "ampd hour skip 2026-11-21T07 --reason lost",
        "ampd hour reexport 2026-11-21T07 --allow-shrink",
        "ampd verify --from -2w --to yesterday --deep --repair",
        "ampd config init",
        "ampd config check",
        "ampd config show --origin",
        "ampd config schema",
        "ampd state export",
        "ampd state import journal.jsonl",
        "ampd state rebuild",
        "ampd pause",
        "ampd resume",
        "ampd trigger",
        "ampd reload",
        "ampd logs --phase api_call --hour 2026-11-21T07 --run 0123456789abcdef -f",
        "ampd demo --dir d --hours 240 --serve",
        "ampd sim --listen 127.0.0.1:0",
        "ampd health --ready",
        "ampd explain E203",
        "ampd completions zsh",
        "ampd man",
        "ampd version -o json",
        "ampd status -c f.toml --socket s --json --color never --ascii -q --progress none -y",
    ] {
        assert!(parse(line).is_ok(), "{line}: {}", parse(line).unwrap_err());
    }
}

#[test]
fn a_value_may_begin_with_a_hyphen() {
    let Command::Plan(plan) = parse("ampd plan --from -24h --to -2h").unwrap().command else { panic!() };
    assert_eq!((plan.range.from.as_deref(), plan.range.to.as_deref()), (Some("-24h"), Some("-2h")));
}

#[test]
fn what_makes_no_sense_is_refused_with_code_2() {
    for line in [
        "ampd",
        "ampd backfill",
        "ampd backfill --to 2026-11-07",
        "ampd backfill --last 2w --from 2026-11-01",
        "ampd backfill --last 2w --parallel 5",
        "ampd hour skip 2026-11-21T07",
        "ampd hour retry",
        "ampd once --source Web",
        "ampd once --exit-code-no-data 300",
        "ampd status -q -v",
        "ampd nonsense",
    ] {
        assert_eq!(parse(line).expect_err(line).exit_code(), 2, "{line}");
    }
}

#[test]
fn every_command_says_what_it_does() {
    fn walk(command: &clap::Command) {
        assert!(command.get_about().is_some(), "{} has no help", command.get_name());
        for arg in command.get_arguments().filter(|arg| !arg.is_hide_set()) {
            assert!(arg.get_help().is_some(), "{} {} has no help", command.get_name(), arg.get_id());
        }
        command.get_subcommands().for_each(walk);
    }
    walk(&Cli::command());
}
