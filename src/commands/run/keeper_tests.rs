//! A keeper against a lake that fails as told.

use super::*;
use crate::commands::run::Leases;
use crate::engine::Leadership;
use crate::lake::Lake as _;
use crate::lake::directory::DirectoryLake;
use crate::lake::faulty::{FaultyLake, Operation, Trouble};
use crate::model::lease::Holder;

fn web() -> SourceName {
    "web".parse().unwrap()
}

async fn faulty(root: &tempfile::TempDir) -> FaultyLake {
    FaultyLake::new(Arc::new(DirectoryLake::open(root.path()).await.unwrap()))
}

fn keeper(lake: &Arc<FaultyLake>, state: &str, run: &str, term: TimeDelta) -> Keeper {
    let us = Holder { state: state.to_owned(), host: format!("host-{state}"), pid: 1, run: run.to_owned() };
    let (leadership, leases) = (Leadership::default(), Leases::default());
    Keeper::new(Arc::new(Ground { lake: Arc::clone(lake) as _, us, term, leadership, leases }), web())
}

fn told(keeper: &Keeper) -> (bool, Option<String>) {
    let report = keeper.ground.leases.of(&web());
    let leads = keeper.ground.leadership.leads(&web(), (clock::monotonic(), clock::now()));
    assert_eq!(leads, keeper.leads());
    assert_eq!(report.as_ref().is_none_or(|report| report.leads), leads);
    (leads, report.and_then(|report| report.holder).map(|holder| holder.host))
}

const HOUR: TimeDelta = TimeDelta::hours(1);

#[tokio::test]
async fn the_first_leads_the_second_follows_and_takes_what_is_given_back() {
    let root = tempfile::tempdir().unwrap();
    let lake = Arc::new(faulty(&root).await);
    let (mut first, mut second) = (keeper(&lake, "a", "1", HOUR), keeper(&lake, "b", "2", HOUR));
    assert!(first.turn().await && !second.turn().await);
    assert_eq!(told(&first), (true, Some("host-a".to_owned())));
    assert_eq!(told(&second), (false, Some("host-a".to_owned())));
    let writes = lake.calls(Operation::Replace);
    assert!(!first.turn().await && !second.turn().await, "nothing changes");
    assert_eq!(lake.calls(Operation::Replace), writes + 1, "a renewal is one request");
    first.give_back().await;
    assert!(!told(&first).0);
    assert!(second.turn().await);
    assert_eq!(told(&second), (true, Some("host-b".to_owned())));
    assert!(!first.turn().await);
    assert_eq!(told(&first), (false, Some("host-b".to_owned())));
}

#[tokio::test]
async fn a_write_whose_answer_is_lost_is_found_to_be_ours() {
    let root = tempfile::tempdir().unwrap();
    let lake = Arc::new(faulty(&root).await);
    let mut one = keeper(&lake, "a", "1", HOUR);
    lake.plant(Operation::Replace, Trouble::LoseAnswer);
    assert!(!one.turn().await, "it does not know yet");
    assert!(!told(&one).0);
    assert!(one.turn().await && told(&one).0);
    lake.plant(Operation::Replace, Trouble::LoseAnswer);
    assert!(!one.turn().await && told(&one).0, "what it holds is not over yet");
    assert!(!one.turn().await && told(&one).0);
    assert_eq!(lake.waiting(), 0);
}

#[tokio::test]
async fn a_lease_that_is_not_renewed_is_over_before_it_runs_out() {
    let root = tempfile::tempdir().unwrap();
    let lake = Arc::new(faulty(&root).await);
    let mut one = keeper(&lake, "a", "1", lease::TERM_MIN);
    assert!(one.turn().await);
    let mut turns = 0;
    while told_to_lead(&one) {
        lake.plant(Operation::Replace, Trouble::FailBefore);
        tokio::time::sleep(one.rest()).await;
        one.turn().await;
        turns += 1;
    }
    assert!((1..=3).contains(&turns), "{turns}");
    assert!(!told(&one).0);
    let lease = lake::look_at_lease(&*lake, &web()).await.unwrap();
    let Found::Held(held) = &lease.found else { panic!("{lease:?}") };
    assert!(held.expires_at > lease.store_time, "nobody else may think that it ran out");
    assert!(one.turn().await && told(&one).0);
}

fn told_to_lead(keeper: &Keeper) -> bool {
    keeper.ground.leadership.leads(&web(), (clock::monotonic(), clock::now()))
}

#[tokio::test]
async fn a_lake_that_cannot_be_asked_is_no_reason_to_lead() {
    let root = tempfile::tempdir().unwrap();
    let lake = Arc::new(faulty(&root).await);
    let mut one = keeper(&lake, "a", "1", HOUR);
    lake.plant(Operation::Look, Trouble::Answer(LakeError::Refused("no".to_owned())));
    assert!(!one.turn().await);
    assert_eq!(told(&one), (false, None));
    assert!(one.turn().await);
}

#[tokio::test]
async fn a_store_that_compares_no_versions_has_no_lease() {
    let root = tempfile::tempdir().unwrap();
    let lake = Arc::new(faulty(&root).await.without_conditional_writes());
    for state in ["a", "b"] {
        let mut one = keeper(&lake, state, "1", HOUR);
        if state == "b" {
            // The lease that the first one left behind.
            lake.delete(&crate::model::layout::lease_key(&web())).await.unwrap();
        }
        assert!(one.turn().await && one.needs_no_lease());
        assert!(told(&one).0 && one.ground.leases.of(&web()).is_none());
    }
}

#[tokio::test]
async fn a_copied_state_directory_takes_the_lease_once_and_its_twin_does_not_take_it_back() {
    let root = tempfile::tempdir().unwrap();
    let lake = Arc::new(faulty(&root).await);
    let (mut first, mut twin) = (keeper(&lake, "a", "1", HOUR), keeper(&lake, "a", "2", HOUR));
    assert!(first.turn().await && twin.turn().await);
    for _ in 0..3 {
        first.turn().await;
        twin.turn().await;
        assert!(!told(&first).0 && told(&twin).0);
    }
}
