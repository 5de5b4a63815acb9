//! The file: search order, what cannot be read, default directories.

use std::path::{Path, PathBuf};

use super::super::LakePlace;
use super::{Case, SOURCE};

fn level(level: &str) -> String {
    format!("{SOURCE}[log]\nlevel = \"{level}\"\n")
}

#[test]
fn files_are_searched_in_order_and_the_first_counts() {
    let mut case = Case::new().write("etc/ampd.toml", level("error"));
    assert_eq!(case.good().config.log.level, "error");
    let xdg = case.path("xdg").to_string_lossy().into_owned();
    case = case.write("xdg/ampd/ampd.toml", level("warn")).env("XDG_CONFIG_HOME", &xdg);
    assert_eq!(case.good().config.log.level, "warn");
    case = case.file(&level("debug")).write("config/ampd.toml", level("off"));
    assert_eq!(case.good().config.log.level, "debug");
    case = case.write("other.toml", level("trace"));
    case.inputs.config_flag = Some("other.toml".into());
    let loaded = case.good();
    assert_eq!((loaded.config.log.level.as_str(), loaded.files), ("trace", vec![case.path("other.toml")]));
}

#[test]
fn a_named_file_must_be_there_and_be_readable() {
    let mut case = Case::new().file(SOURCE);
    for name in ["nowhere.toml", "."] {
        case.inputs.config_flag = Some(name.into());
        assert_eq!(case.codes(), ["E105"], "{name}");
    }
    assert!(case.bad().list()[0].help.is_some());
    case.inputs.config_flag = None;
    assert_eq!(case.env("AMPD_CONFIG", "nowhere.toml").codes(), ["E105"]);
}

#[test]
fn a_file_that_is_found_and_cannot_be_read_is_not_passed_over() {
    let case = Case::new().write("etc/ampd.toml", SOURCE);
    std::fs::create_dir(case.path("ampd.toml")).unwrap();
    assert_eq!(case.codes(), ["E105"]);
}

#[test]
fn a_file_that_is_not_utf8_has_its_place() {
    let case = Case::new().write("ampd.toml", b"version = 1\nx = \"\xff\"\n");
    let problems = case.bad();
    assert_eq!((problems.list()[0].code, problems.list()[0].place.as_ref().unwrap().line), ("E104", 2));
}

#[test]
fn directories_follow_systemd_then_root_then_xdg() {
    let places = |case: &Case| {
        let config = case.good().config;
        let LakePlace::Directory { path } = config.lake.place else { panic!("no directory") };
        [config.state_dir, path, config.staging.dir, config.log.dir.unwrap(), config.admin.socket]
    };
    let paths = |names: [&str; 5]| names.map(PathBuf::from);
    let mut case = Case::new().file(SOURCE);
    let anna = [
        "/home/anna/.local/state/ampd/state",
        "/home/anna/.local/state/ampd/lake",
        "/home/anna/.cache/ampd",
        "/home/anna/.local/state/ampd/logs",
        "/home/anna/.local/state/ampd/ampd.sock",
    ];
    assert_eq!(places(&case), paths(anna));
    case = case.env("XDG_STATE_HOME", "/x/s").env("XDG_CACHE_HOME", "/x/c").env("XDG_RUNTIME_DIR", "/x/r");
    assert_eq!(
        places(&case),
        paths(["/x/s/ampd/state", "/x/s/ampd/lake", "/x/c/ampd", "/x/s/ampd/logs", "/x/r/ampd/ampd.sock"])
    );
    case.inputs.is_root = true;
    assert_eq!(
        places(&case),
        paths(["/var/lib/ampd/state", "/var/lib/ampd/lake", "/var/cache/ampd", "/var/log/ampd", "/run/ampd/ampd.sock"])
    );
    case = case
        .env("STATE_DIRECTORY", "/d/s:/d/other")
        .env("CACHE_DIRECTORY", "/d/c")
        .env("LOGS_DIRECTORY", "/d/l")
        .env("RUNTIME_DIRECTORY", "/d/r");
    assert_eq!(places(&case), paths(["/d/s/state", "/d/s/lake", "/d/c", "/d/l", "/d/r/ampd.sock"]));
}

#[test]
fn relative_paths_start_from_the_file_or_from_the_working_directory() {
    let mut case = Case::new().write("conf/a.toml", format!("{SOURCE}[staging]\ndir = \"./stage\"\n"));
    case.inputs.config_flag = Some("conf/a.toml".into());
    case = case.env("AMPD_STATE__DIR", "state");
    let config = case.good().config;
    assert_eq!((config.staging.dir, config.state_dir), (case.path("conf/stage"), case.path("state")));
}

#[test]
fn a_socket_path_that_is_too_long_is_an_error_that_says_so() {
    let long = format!("/{}", "x".repeat(107));
    let case = Case::new().file(&format!("{SOURCE}[admin]\nsocket = \"{long}\"\n"));
    let text = case.bad().render(false);
    assert!(text.contains("ampd.toml:5:10") && text.contains("108 bytes") && text.contains("107"), "{text}");
    let default = Case::new().file(SOURCE).env("XDG_RUNTIME_DIR", &long);
    assert!(default.bad().render(false).contains("too long"));
    assert_eq!(
        Case::new().file(SOURCE).env("AMPD_ADMIN__SOCKET", &long[..107]).good().config.admin.socket,
        Path::new(&long[..107])
    );
}

#[test]
fn empty_texts_switch_off_what_can_be_off() {
    let config = Case::new().file(&format!("{SOURCE}[admin]\nhttp = \"\"\n[log]\ndir = \"\"\n")).good().config;
    assert!(config.admin.http.is_none() && config.log.dir.is_none());
}
