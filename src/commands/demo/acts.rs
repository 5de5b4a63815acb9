//! What happens: ampd is killed in an upload, killed in a download, finishes, and finds the late rows.

use std::collections::BTreeSet;

use serde::Serialize;

use super::asked;
use super::child::{self, Ampd, Ended};
use super::home::{Home, failure};
use super::inventory::Inventory;
use super::world::{World, written};
use crate::problem::Failure;
use crate::simulator::{Fault, FaultKind, Hour, RequestEntry, Running};

/// Kills that hit nothing before the rows are raised.
const MISSES_MAX: u32 = 5;
/// How slow the download is that is to be killed.
const TRICKLE_BYTES_PER_S: u64 = 150_000;
/// What counts as the middle of a download.
const TRICKLED_MIN: u64 = 10_000;
/// `window.recheck_after` until the late rows have come, and then: a recheck that is set for much later than the new
/// delay counts as due, so nobody has to wait for it.
const RECHECK_AFTER: [&str; 2] = ["24h", "1m"];

/// A kill -9 that hit.
#[derive(Clone, Debug, Serialize)]
pub struct Kill {
    /// `upload` or `download`.
    pub during: &'static str,
    /// Hours with objects that no manifest named.
    pub hours: Vec<String>,
    /// Files that were half written, in the lake.
    pub unfinished_files: usize,
    /// Bytes of an archive that was half downloaded.
    pub downloaded_bytes: u64,
    /// Hours that were in the lake or on their way to it, with their archive captured.
    #[serde(skip)]
    captured: BTreeSet<Hour>,
    /// Requests until then.
    #[serde(skip)]
    requests: usize,
}

/// The simulator, ampd, and what became of them.
pub struct Play {
    /// What is planted.
    pub world: World,
    /// The simulator.
    pub simulator: Running,
    /// ampd.
    pub ampd: Ampd,
    home: Home,
    /// How each run ended.
    pub runs: Vec<Ended>,
    /// The kills that hit.
    pub kills: Vec<Kill>,
    /// Requests before the rechecks.
    first_requests: usize,
}

impl Play {
    /// Before anything has happened.
    pub fn new(home: &Home, world: World, simulator: Running) -> Result<Self, Failure> {
        home.clear()?;
        home.write_config(&world, &simulator.url(), RECHECK_AFTER[0])?;
        let ampd = Ampd::new(home)?;
        let (home, runs, kills) = (home.clone(), Vec::new(), Vec::new());
        Ok(Self { world, simulator, ampd, home, runs, kills, first_requests: 0 })
    }

    async fn once(&mut self, strike: impl FnMut() -> bool + Send + 'static) -> Result<Ended, Failure> {
        let number = u32::try_from(self.runs.len() + 1).unwrap_or(u32::MAX);
        let ended = self.ampd.once(number, strike).await?;
        self.runs.push(ended.clone());
        Ok(ended)
    }

    /// Kills ampd in the middle of an upload; false when it was done before that.
    pub async fn kill_in_upload(&mut self) -> Result<bool, Failure> {
        for _ in 0..MISSES_MAX {
            let lake = self.home.lake();
            let ended = self.once(move || Inventory::take(&lake).is_ok_and(|found| found.is_mid_upload())).await?;
            if ended != Ended::Killed {
                return Ok(false);
            }
            // What counts is what the dead process left, not what was seen while it lived.
            let kill = self.look("upload")?;
            if !kill.hours.is_empty() {
                self.kills.push(kill);
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Kills ampd in the middle of a download, if it has one to do.
    pub async fn kill_in_download(&mut self) -> Result<bool, Failure> {
        let trickle = Fault::new(FaultKind::Slow { bytes_per_s: TRICKLE_BYTES_PER_S }).times(1);
        self.simulator.plant(trickle).map_err(|why| failure("plant a fault", &std::io::Error::other(why)))?;
        let staging = self.home.staging();
        let ended = self.once(move || child::downloading(&staging) >= TRICKLED_MIN).await?;
        if ended == Ended::Killed {
            let kill = self.look("download")?;
            self.kills.push(kill);
        }
        Ok(ended == Ended::Killed)
    }

    fn look(&self, during: &'static str) -> Result<Kill, Failure> {
        let inventory = Inventory::take(&self.home.lake()).map_err(|error| failure("read the lake", &error))?;
        let requests = self.simulator.requests();
        Ok(Kill {
            during,
            hours: inventory.unnamed().into_iter().map(written).collect(),
            unfinished_files: inventory.unfinished,
            downloaded_bytes: child::downloading(&self.home.staging()),
            captured: asked::captured(&requests, &inventory.begun()),
            requests: requests.len(),
        })
    }

    /// Lets ampd come to its end.
    pub async fn finish(&mut self) -> Result<Ended, Failure> {
        let ended = self.once(|| false).await?;
        self.first_requests = self.simulator.requests().len();
        Ok(ended)
    }

    /// Lets the late rows come, and ampd look again.
    pub async fn recheck(&mut self) -> Result<Ended, Failure> {
        self.simulator.advance(self.world.late_at - self.simulator.now() + chrono::TimeDelta::minutes(1));
        self.home.write_config(&self.world, &self.simulator.url(), RECHECK_AFTER[1])?;
        self.once(|| false).await
    }

    /// Downloads of archives that were captured already, in words.
    pub fn asked_again(&self) -> Vec<String> {
        let requests: Vec<RequestEntry> = self.simulator.requests().into_iter().take(self.first_requests).collect();
        let after = |kill: &Kill| asked::asked_again(requests.get(kill.requests..).unwrap_or(&[]), &kill.captured);
        let again: BTreeSet<String> = self.kills.iter().flat_map(after).collect();
        again.into_iter().collect()
    }

    /// Hours whose archive was captured at one of the kills.
    pub fn captured_hours(&self) -> usize {
        self.kills.iter().map(|kill| kill.captured.len()).max().unwrap_or(0)
    }
}
