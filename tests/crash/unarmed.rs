//! The binary as it ships has no failpoints.

use super::support::World;

#[test]
fn the_binary_that_ships_has_no_failpoints_and_ignores_their_variable() {
    let binary = std::fs::read(env!("CARGO_BIN_EXE_ampd")).unwrap();
    let mentions = |text: &[u8]| binary.windows(text.len()).any(|window| window == text);
    assert!(mentions(b"AMPD_CONFIG"), "this test reads the wrong file");
    assert!(!mentions(b"AMPD_FAILPOINT") && !mentions(b"publish.manifest"));
    for point in ["start.journal", "journal.commit", "capture", "upload.put", "publish.manifest"] {
        let world = World::new(1);
        let fired = world.path("fired");
        let variable = format!("{point}:crash:1:{}", fired.display());
        let child = world.command(&["once"]).env("AMPD_FAILPOINT", variable).spawn().unwrap();
        let ended = super::support::ended(child);
        assert_eq!(ended.code, 0, "{point}: {ended}");
        assert!(!fired.exists());
        world.assert_complete();
    }
}
