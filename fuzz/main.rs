//! libFuzzer around the targets; `fuzz/run.sh` builds and runs it. `AMPD_FUZZ` names the target.
#![no_main]

mod targets;

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    static TARGET: OnceLock<targets::Target> = OnceLock::new();
    let target = TARGET.get_or_init(|| {
        let name = std::env::var("AMPD_FUZZ").unwrap_or_default();
        let found = targets::ALL.iter().find(|(known, _)| *known == name);
        found.unwrap_or_else(|| panic!("AMPD_FUZZ names no target: {name}")).1
    });
    target(input);
});
