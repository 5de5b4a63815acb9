//! Precedence.

use std::time::Duration;

use super::super::{Every, Origin, Transform, Warehouse};
use super::{Case, SOURCE};

#[test]
fn each_layer_wins_over_the_one_below() {
    let grace = |case: &Case| case.good().config.shutdown_grace.as_secs();
    let mut case = Case::new().file(SOURCE);
    assert_eq!(grace(&case), 30);
    case = case.file(&format!("{SOURCE}[shutdown]\ngrace = \"31s\"\n"));
    assert_eq!(grace(&case), 31);
    case = case.env("AMPD_SHUTDOWN__GRACE", "32s");
    assert_eq!(grace(&case), 32);
    case = case.flag("shutdown.grace", "33s");
    assert_eq!(grace(&case), 33);
    assert_eq!(case.good().origins.get("shutdown.grace"), Some(&Origin::Flag));
}

#[test]
fn a_hidden_value_is_checked_all_the_same() {
    let case = Case::new().file(&format!("{SOURCE}[retry]\nmax = \"soon\"\n")).env("AMPD_RETRY__MAX", "1h");
    assert_eq!(case.codes(), ["E102"]);
}

#[test]
fn the_higher_layers_schedule_replaces_the_other_kind() {
    let case =
        Case::new().file(&format!("{SOURCE}[schedule]\nevery = \"2h\"\n")).env("AMPD_SCHEDULE__CRON", "5 * * * *");
    assert!(matches!(&case.good().config.schedule.every, Every::Cron(cron) if cron.as_str() == "0 5 * * * *"));
    let case = Case::new().file(&format!("{SOURCE}[schedule]\ncron = \"5 * * * *\"\n"));
    assert!(matches!(&case.good().config.schedule.every, Every::Cron(cron) if cron.as_str() == "0 5 * * * *"));
    let case = case.flag("schedule.every", "10m");
    assert_eq!(case.good().config.schedule.every, Every::Interval(Duration::from_mins(10)));
}

#[test]
fn a_secrets_forms_of_two_layers_never_mix() {
    let file = "[source.web]\napi_key = { env = \"NOT_SET\" }\nsecret_key = \"s\"\n";
    let case = Case::new().file(file).write("k", "from file").env("AMPD_SOURCE__WEB__API_KEY_FILE", "k");
    let config = case.good().config;
    assert_eq!(secrecy::ExposeSecret::expose_secret(&config.sources[&"web".parse().unwrap()].api_key), "from file");
}

#[test]
fn another_lake_by_variable_leaves_the_files_keys_unused() {
    let s3 = format!("{SOURCE}[lake]\ntype = \"s3\"\nbucket = \"abc\"\nkms_key = \"k\"\nsse = \"aws:kms\"\n");
    assert_eq!(Case::new().file(&s3).env("AMPD_LAKE__TYPE", "local").good().config.lake.place.kind(), "local");
    let case = Case::new().file(&s3).env("AMPD_LAKE__TYPE", "local").env("AMPD_LAKE__BUCKET", "abc");
    assert_eq!(case.codes(), ["E103"]);
}

#[test]
fn unknown_flags_get_a_suggestion() {
    let problems = Case::new().file(SOURCE).flag("lake.buket", "x").bad();
    assert_eq!(problems.list()[0].help.as_deref(), Some("did you mean `lake.bucket`?"));
}

#[test]
fn what_later_versions_use_is_typed_and_warned_about() {
    let text = format!(
        "{SOURCE}[warehouse]\ntype = \"snowflake\"\naccount = \"a\"\nuser = \"u\"\nwarehouse = \"w\"\ndatabase = \"d\"\nschema = \"s\"\nprivate_key = {{ env = \"PK\" }}\n\
         [transform]\ntype = \"dbt_platform\"\naccount_id = 12345\njob_id = \"00678\"\ntoken = {{ env = \"PK\" }}\n[notify.ops]\nenabled = true\nurl = {{ env = \"PK\" }}\non = [\"lag\"]\n"
    );
    let loaded = Case::new().file(&text).env("PK", "p").good();
    assert_eq!(loaded.warnings.iter().filter(|warning| warning.code == "E122" && warning.place.is_some()).count(), 3);
    assert!(
        matches!(&loaded.config.warehouse, Warehouse::Snowflake(snowflake) if snowflake.hours_per_transaction == 24)
    );
    let Transform::DbtPlatform(dbt) = &loaded.config.transform else { panic!("no dbt platform") };
    assert_eq!((dbt.account_id.as_str(), dbt.job_id.as_str(), dbt.follow), ("12345", "00678", true));
    assert_eq!(loaded.config.notify["ops"].on.len(), 1);
}
