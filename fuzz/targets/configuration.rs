//! Any bytes as `ampd.toml`: a configuration, or problems of which each has help and none shows a value.

use ampd::config::{Inputs, load};
use tempfile::TempDir;

/// Stands where a secret stands.
const CANARY: &str = "CANARY7f3a9b";

pub fn run(input: &[u8]) {
    thread_local! {
        static DIRECTORY: TempDir = TempDir::new_in(if std::path::Path::new("/dev/shm").is_dir() { "/dev/shm" } else { "/tmp" }).unwrap();
    }
    let directory = DIRECTORY.with(|directory| directory.path().to_owned());
    let file = directory.join("ampd.toml");
    std::fs::write(&file, input).unwrap();
    let inputs = Inputs {
        env: [("AMP_API_KEY", "k"), ("AMP_SECRET_KEY", CANARY), ("HOME", "/home/anna")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
        cwd: directory,
        is_root: false,
        config_flag: Some(file.clone()),
        overrides: Vec::new(),
        now: chrono::DateTime::UNIX_EPOCH + chrono::TimeDelta::days(20_000),
        system_file: "/nowhere/ampd.toml".into(),
        with_secrets: true,
    };
    match load(&inputs) {
        Ok(loaded) => {
            let shown = format!("{:?}", loaded.config);
            assert!(!shown.contains(CANARY), "a configuration shows a secret");
        }
        Err(problems) => {
            let text = problems.render(false);
            assert!(!problems.list().is_empty() && text.contains("error["), "{text}");
            assert!(problems.list().iter().all(|problem| problem.help.is_some()), "{text}");
            assert!(!text.contains(CANARY), "a problem shows a secret");
            assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text:?}");
        }
    }
}
