//! Secrets: the four forms, missing ones, unreadable ones.

use secrecy::ExposeSecret;

use super::{CANARY, Case, mode};

fn api_key(case: &Case) -> String {
    case.good().config.sources[&"web".parse().unwrap()].api_key.expose_secret().to_owned()
}

fn source(api_key: &str) -> String {
    format!("[source.web]\napi_key = {api_key}\nsecret_key = \"s\"\n")
}

#[test]
fn each_form_of_a_secret_is_read() {
    assert_eq!(api_key(&Case::new().file(&source("\"inline\""))), "inline");
    assert_eq!(api_key(&Case::new().file(&source("{ env = \"X\" }")).env("X", " v ")), " v ");
    assert_eq!(api_key(&Case::new().file(&source("{ env = \"X\" }")).write(".env", "X=dot\n")), "dot");
    assert_eq!(api_key(&Case::new().file(&source("{ env = \"X\" }")).write("k", "f\n").env("X_FILE", "k")), "f");
    assert_eq!(
        api_key(
            &Case::new().file(&source("{ credential = \"amp.key\" }")).write("creds/amp.key", "c\r\n").credentials()
        ),
        "c"
    );
}

impl Case {
    fn credentials(self) -> Self {
        let directory = self.path("creds").to_string_lossy().into_owned();
        self.env("CREDENTIALS_DIRECTORY", &directory)
    }
}

#[test]
fn a_secrets_file_is_relative_to_the_configuration_file_and_loses_one_newline() {
    let mut case =
        Case::new().write("conf/my.toml", source("{ file = \"keys/web\" }")).write("conf/keys/web", " a b \n\n");
    case.inputs.config_flag = Some("conf/my.toml".into());
    assert_eq!(api_key(&case), " a b \n");
}

#[test]
fn a_systemd_credential_is_found_by_its_name_alone() {
    let case = Case::new().file("[source.web]\nsecret_key = \"s\"\n").write("creds/web.api_key", "c").credentials();
    assert_eq!(api_key(&case), "c");
}

#[test]
fn who_only_looks_needs_no_secret() {
    let mut case = Case::new().file("[source.web]\napi_key = { credential = \"k\" }\nsecret_key = { file = \"gone\" }\n");
    assert_eq!(case.bad().list().len(), 2);
    case.inputs.with_secrets = false;
    assert_eq!(api_key(&case), "");
}

#[test]
fn a_missing_secret_lists_every_place_that_was_looked_at() {
    let case = Case::new().file("[source.web]\napi_key = \"k\"\n");
    let text = case.bad().render(false).replace(&format!("{}/", case.dir.path().display()), "");
    let expected = "error[E110]: `secret_key` in [source.web] is needed and none was found
  looked at: source.web.secret_key in ampd.toml (not set)
             AMPD_SOURCE__WEB__SECRET_KEY, AMPD_SOURCE__WEB__SECRET_KEY_FILE (not set)
             AMP_SECRET_KEY, AMP_SECRET_KEY_FILE (not set, in the environment and in .env)
             systemd credential web.secret_key (not present: CREDENTIALS_DIRECTORY is not set)
 --> ampd.toml:1:1
  |
1 | [source.web]
  | ^^^^^^^^^^^^
hint: add it to .env as AMP_SECRET_KEY=...  or  secret_key = { file = \"...\" }
";
    assert_eq!(text, expected);
}

#[test]
fn an_empty_or_unreadable_secret_file_is_an_error_that_names_the_file() {
    let empty = Case::new().file(&source("{ file = \"k\" }")).write("k", "\n");
    assert!(empty.codes() == ["E110"] && empty.bad().render(false).contains("/k (empty)"));
    let none = Case::new().file(&source("{ file = \"k\" }"));
    assert!(none.codes() == ["E111"] && none.bad().render(false).contains("/k cannot be read: entity not found"));
    let binary = Case::new().file(&source("{ file = \"k\" }")).write("k", [0xff, 0xfe]);
    assert_eq!(binary.codes(), ["E111"]);
    let long = Case::new().file(&source("{ file = \"k\" }")).write("k", "x".repeat(70_000));
    assert_eq!(long.codes(), ["E111"]);
    let variable = Case::new().write("k", "\n").env("AMP_API_KEY_FILE", "k").env("AMP_SECRET_KEY", "s");
    assert_eq!(variable.codes(), ["E110"]);
}

#[test]
fn no_source_at_all_says_where_one_was_looked_for() {
    let text = Case::new().bad().render(false);
    for part in [
        "error[E112]",
        "ampd.toml",
        "/home/anna/.config/ampd/ampd.toml",
        "AMPD_SOURCE__<NAME>__API_KEY",
        "AMP_API_KEY",
        ".env",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    assert_eq!(Case::new().file("[log]\nlevel = \"info\"\n").codes(), ["E112"]);
}

#[test]
fn secrets_that_other_users_can_read_are_warned_about() {
    let inline = Case::new().file(&source("\"inline\""));
    assert!(inline.good().warnings.is_empty());
    mode(&inline.path("ampd.toml"), 0o644);
    assert_eq!(inline.good().warnings.iter().map(|warning| warning.code).collect::<Vec<_>>(), ["E121", "E121"]);
    let file = Case::new().file(&source("{ file = \"k\" }")).write("k", CANARY);
    assert!(file.good().warnings.is_empty());
    mode(&file.path("k"), 0o644);
    assert!(file.good().warnings[0].message.contains("every user"));
}

#[test]
fn nothing_that_is_loaded_prints_a_secret() {
    let case = Case::new().file(&source(&format!("\"{CANARY}\""))).env("AMPD_SOURCE__WEB__SECRET_KEY", CANARY);
    let loaded = case.env("AWS_BUCKET_NAME", "abc").env("AWS_ACCESS_KEY", CANARY).env("AWS_SECRET_KEY", CANARY).good();
    assert!(!format!("{loaded:?}").contains(CANARY));
    assert!(!super::super::show(&loaded, true).contains(CANARY));
}

#[test]
fn a_secret_is_never_a_flag() {
    let problems = Case::new().file(&source("\"k\"")).flag("source.web.api_key", CANARY).bad();
    assert!(problems.list()[0].code == "E102" && !problems.render(false).contains(CANARY));
}
