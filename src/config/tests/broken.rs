//! Each wrong file: its code, its line and column, its help; and never a secret.

use super::{CANARY, Case, SOURCE};

/// What is added after a complete source (whose three lines it follows), the code, line and column, a word of the help.
const BROKEN: &[(&str, &str, &str, &str)] = &[
    // Keys that are not known.
    ("regoin = \"CANARY\"", "E101", "4:1", "did you mean `region`"),
    ("[stagin]\ndir = \"CANARY\"", "E101", "4:2", "did you mean `staging`"),
    ("[staging]\nbucket = \"CANARY\"", "E101", "5:1", "belongs to [lake]"),
    ("[log]\nCANARYISH = 1", "E101", "5:1", "known here: level"),
    ("[lake]\n\"typ\" = \"CANARY\"", "E101", "5:1", "did you mean `type`"),
    ("[source]\napi_key = \"CANARY\"", "E101", "5:1", "[source.web]"),
    ("[source.ios]\napi_key = { fiel = \"CANARY\" }\nsecret_key = \"x\"", "E102", "5:11", "did you mean `file`"),
    // Types.
    ("max_parallel = \"CANARY\"", "E102", "4:16", "without quotes"),
    ("max_parallel = 9", "E102", "4:16", "number"),
    ("max_parallel = 1.5", "E102", "4:16", "number"),
    ("region = 5", "E102", "4:10", "double quotes"),
    ("region = \"CANARY\"", "E102", "4:10", "write one of"),
    ("region = \"EU\"", "E102", "4:10", "did you mean \"eu\""),
    ("start = 2026-01-01", "E102", "4:9", "double quotes"),
    ("start = \"CANARY\"", "E102", "4:9", "2026-01-01T00"),
    ("start = \"2036-01-01T00\"", "E102", "4:9", "clock"),
    ("allow_custom_base_url = \"CANARY\"", "E102", "4:25", "true or false"),
    ("[source.ios]\napi_key = 12345\nsecret_key = \"CANARY\"", "E102", "5:11", "{ env = \"NAME\" }"),
    (
        "[source.ios]\napi_key = { env = \"CANARY\", file = \"CANARY\" }\nsecret_key = \"x\"",
        "E102",
        "5:11",
        "{ file = \"PATH\" }",
    ),
    ("[source.ios]\napi_key = { env = \"CANARY\" }\nsecret_key = \"x\"", "E102", "5:11", "{ env = \"NAME\" }"),
    ("[source.ios]\napi_key = [\"CANARY\"]\nsecret_key = \"x\"", "E102", "5:11", "{ env = \"NAME\" }"),
    ("[lake]\ntype = \"s3\"\nbucket = 12345", "E102", "6:10", "double quotes"),
    ("[[notify]]\nurl = \"CANARY\"", "E102", "4:3", "[notify.web]"),
    ("[[source.ios]]\napi_key = \"CANARY\"", "E102", "4:10", "[source.ios]"),
    ("[lake.type]\nx = \"CANARY\"", "E102", "4:7", "double quotes"),
    ("[notify.ops]\non = [\"CANARY\"]", "E102", "5:6", "write one of"),
    ("[notify.ops]\non = \"lag\"", "E102", "5:6", "[\"one\", \"two\"]"),
    // Values.
    ("[source.Web]\napi_key = \"CANARY\"", "E102", "4:9", "[source.ios_prod]"),
    ("[source.a__b]\napi_key = \"CANARY\"", "E102", "4:9", "[source.ios_prod]"),
    ("[retry]\nmax = \"CANARY\"", "E102", "5:7", "\"90m\""),
    ("[retry]\nmax = 5", "E102", "5:7", "double quotes"),
    ("[retry]\nmax = \"5\"", "E102", "5:7", "\"90m\""),
    ("[retry]\ninitial = \"1M\"", "E102", "5:11", "\"90m\""),
    ("[window]\nmax = \"90m\"", "E102", "5:7", "whole hours"),
    ("[window]\nmax = \"366d\"", "E102", "5:7", "365d"),
    ("[window]\nmax = \"0h\"", "E102", "5:7", "at least 1h"),
    ("[window]\nrecheck_after = \"never\"", "E102", "5:17", "\"off\""),
    ("[staging]\nmax_bytes = \"CANARY\"", "E102", "5:13", "20GiB"),
    ("[staging]\nmax_bytes = -5", "E102", "5:13", "20GiB"),
    ("[staging]\nmax_expansion = 9", "E102", "5:17", "number"),
    ("[staging]\ndir = \"~/stage\"", "E102", "5:7", "whole path"),
    ("[staging]\ndir = \"\"", "E102", "5:7", "leave the key out"),
    ("[lake]\npart_target = \"1KiB\"", "E102", "5:15", "20GiB"),
    ("[lake]\nformat = \"json.zstd\"", "E102", "5:10", "json.zst"),
    ("[lake]\nformat = \"CANARY\"", "E102", "5:10", "json.gz"),
    ("[lake]\ntype = \"s3\"\nbucket = \"s3://CANARY/x\"", "E102", "6:10", "prefix"),
    ("[lake]\ntype = \"s3\"\nbucket = \"abc\"\nprefix = \"a/../CANARY\"", "E102", "7:10", "amplitude"),
    ("[lake]\ntype = \"s3\"\nbucket = \"abc\"\nendpoint = \"https://u:CANARY@x\"", "E102", "7:12", "https://host"),
    ("[lake]\ntype = \"s3\"\nbucket = \"abc\"\ntags = { a = 1 }", "E102", "7:8", "team"),
    ("[schedule]\ncron = \"5 * * *\"", "E102", "5:8", "five fields"),
    ("[schedule]\ncron = \"61 * * * *\"", "E102", "5:8", "minute"),
    ("[admin]\nhttp = \"CANARY\"", "E102", "5:8", "127.0.0.1:9797"),
    ("[log]\nlevel = \"CANARY\"", "E102", "5:9", "debug"),
    ("base_url = \"https://amplitude.com?key=CANARY\"", "E102", "4:12", "https://host"),
    // Several keys.
    ("base_url = \"http://127.0.0.1:8099\"", "E103", "4:12", "allow_custom_base_url = true"),
    ("base_url = \"http://amplitude.com\"", "E103", "4:12", "remove base_url"),
    ("base_url = \"https://analytics.eu.amplitude.com\"", "E103", "4:12", "region = \"eu\""),
    ("[schedule]\nevery = \"1h\"\ncron = \"5 * * * *\"", "E103", "6:8", "keep one"),
    ("[lake]\nbucket = \"CANARY\"", "E103", "5:10", "type = \"s3\""),
    ("[lake]\ntype = \"s3\"", "E103", "4:1", "add bucket"),
    ("[lake]\ntype = \"s3\"\nbucket = \"abc\"\npath = \"/x\"", "E103", "7:8", "type = \"local\""),
    ("[lake]\ntype = \"s3\"\nbucket = \"abc\"\nkms_key = \"CANARY\"", "E103", "7:11", "aws:kms"),
    ("[lake]\nsingle_writer = true", "E103", "5:17", "type = \"s3\""),
    ("[retry]\ninitial = \"1h\"", "E103", "5:11", "raise max"),
    ("[staging]\nmax_bytes = \"1GiB\"", "E103", "5:13", "max_archive_bytes"),
    ("[staging]\ndir = \"/x\"\n[state]\ndir = \"/x/state\"", "E103", "5:7", "its own directory"),
    (
        "[warehouse]\ntype = \"snowflake\"\naccount = \"a\"\nuser = \"u\"\nwarehouse = \"w\"\ndatabase = \"d\"\nprivate_key = \"CANARY\"",
        "E103",
        "4:1",
        "add schema",
    ),
    ("[transform]\ntype = \"command\"", "E103", "4:1", "add command"),
    // What does not parse.
    ("[log]\nlevel = CANARY", "E104", "5:9", "quoted"),
    ("[source.ios]\napi_key = \"CANARY", "E104", "5:", "quoted"),
    ("CANARY", "E104", "4:", "quoted"),
    ("api_key = \"CANARY\"", "E104", "4:1", "once"),
    ("[log\nlevel = \"CANARY\"", "E104", "4:", "quoted"),
    ("x = \"\\CANARY\"", "E104", "4:", "quoted"),
    // Secrets.
    ("[source.ios]\napi_key = \"CANARY\"", "E110", "4:1", "secret_key = { file"),
    ("[source.ios]\napi_key = { env = \"NOT_SET\" }\nsecret_key = \"x\"", "E110", "5:11", "file"),
    ("[source.ios]\napi_key = { credential = \"nope\" }\nsecret_key = \"x\"", "E110", "5:11", "file"),
    ("[source.ios]\napi_key = { file = \"nowhere\" }\nsecret_key = \"x\"", "E111", "5:11", "must exist"),
    ("[notify.ops]\nenabled = true", "E110", "4:1", "url"),
    ("version = 2", "E101", "4:1", "known here"),
];

#[test]
fn each_wrong_configuration_has_its_place_its_code_and_help_and_prints_no_secret() {
    for (text, code, place, help) in BROKEN {
        let case = Case::new().file(&format!(
            "{SOURCE}{}\n",
            text.replace("CANARY", CANARY).replace(&format!("{CANARY}ISH"), "canaryish")
        ));
        let problems = case.bad();
        let rendered = problems.render(false);
        assert_eq!(problems.list().len(), 1, "{text}\n{rendered}");
        let problem = &problems.list()[0];
        assert_eq!(problem.code, *code, "{text}\n{rendered}");
        let at = problem.place.as_ref().map(|place| format!("{}:{}", place.line, place.column)).unwrap_or_default();
        assert!(at == *place || place.ends_with(':') && at.starts_with(place), "{text}: {at}\n{rendered}");
        assert!(problem.help.as_deref().is_some_and(|given| given.contains(help)), "{text}\n{rendered}");
        assert!(rendered.contains(&format!("ampd.toml:{at}")), "{rendered}");
        for output in [rendered, problems.render(true), format!("{problems:?}"), problems.to_string()] {
            assert!(!output.contains("CANARY") && !output.contains("7f3a9b"), "{text}\n{output}");
        }
    }
}

#[test]
fn all_problems_are_reported_at_once_in_the_order_of_the_file() {
    let case = Case::new().file(
        "[window]\nmax = \"soon\"\n[lake]\ntype = \"s3\"\nprefx = \"x\"\n[source.web]\napi_key = \"k\"\nregion = 1\n",
    );
    assert_eq!(case.codes(), ["E102", "E103", "E101", "E110", "E102"]);
}

/// Each holds one mistake; the default in the place of the bad value would break a rule with its neighbour.
#[test]
fn a_bad_value_is_one_problem_and_its_default_is_nobodys_mistake() {
    for text in [
        "[retry]\ninitial = \"2h\"\nmax = \"soon\"",
        "[staging]\nmax_archive_bytes = \"much\"\nmax_bytes = \"1GiB\"",
        "[lake]\ntype = \"s3\"\nbucket = \"abc\"\nsse = \"kms\"\nkms_key = \"abc\"",
        "[lake]\ntype = \"s3\"\nbucket = \"abc\"\npath_style = true\nendpoint = \"localhost\"",
        "region = \"EU\"\nbase_url = \"https://analytics.eu.amplitude.com\"",
        "allow_custom_base_url = \"yes\"\nbase_url = \"http://127.0.0.1:8099\"",
        "[state]\ndir = \"~/x\"\n[staging]\ndir = \"/var/lib/ampd\"",
    ] {
        let problems = Case::new().file(&format!("{SOURCE}{text}\n")).bad();
        let codes: Vec<_> = problems.list().iter().map(|problem| problem.code).collect();
        assert_eq!(codes, ["E102"], "{text}\n{}", problems.render(false));
    }
}

#[test]
fn at_most_ten_problems_are_shown_and_the_others_are_counted() {
    let wrong = (10..23).map(|n| format!("zz{n} = 1\n")).collect::<Vec<_>>().concat();
    let problems = Case::new().file(&format!("{SOURCE}{wrong}")).bad();
    let text = problems.render(false);
    assert_eq!((problems.list().len(), text.matches("error[E101]").count()), (13, 10));
    assert!(text.ends_with("\n3 more problems\n"), "{text}");
}

#[test]
fn a_problem_reads_well() {
    let case = Case::new().file("[source.web]\napi_key = \"k\"\nsecret_key = \"s\"\nregoin = \"eu\"   # Europe\n");
    let text = case.bad().render(false).replace(&format!("{}/", case.dir.path().display()), "");
    let expected = "error[E101]: unknown key `regoin` in [source.web]\n --> ampd.toml:4:1\n  |\n4 | regoin = …\n  | ^^^^^^\nhint: did you mean `region`?\n";
    assert_eq!(text, expected);
}

#[test]
fn a_files_control_characters_do_not_reach_the_terminal() {
    let text = Case::new().file(&format!("{SOURCE}\"a\\u001b[31m\" = 1\n\"\u{9b}\" = 1")).bad().render(false);
    assert!(!text.contains('\u{1b}') && !text.contains('\u{9b}'), "{text:?}");
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig {
        cases: 64,
        failure_persistence: None,
        ..proptest::prelude::ProptestConfig::default()
    })]

    /// Whatever happens to a file, the answer is a configuration or problems with their places, and no panic.
    #[test]
    fn a_damaged_file_is_an_answer_and_no_panic(at in 0_usize..9000, cut in 0_usize..40, put in "[\\[\\]{}=\"'#.é\\\\\n a-c]{0,4}") {
        let text: Vec<char> = super::super::ANNOTATED.chars().collect();
        let (at, end) = (at.min(text.len()), (at + cut).min(text.len()));
        let damaged: String = text[..at].iter().copied().chain(put.chars()).chain(text[end..].iter().copied()).collect();
        let case = Case::new().file(&damaged).env("AMP_API_KEY", "k").env("AMP_SECRET_KEY", "s");
        if let Err(problems) = super::super::load(&case.inputs) {
            proptest::prop_assert!(problems.list().iter().all(|problem| problem.help.is_some()));
            proptest::prop_assert!(problems.render(true).contains("error"));
        }
    }
}
