//! What the counters learn of a step: how long it took, and how it ended.

use std::time::Instant;

use crate::clock;
use crate::engine::{Outcome, Step};
use crate::telemetry::{Metrics, Phase};

/// A step under way.
pub(super) struct Meter {
    phase: Option<Phase>,
    rows: u64,
    started: Instant,
}

impl Meter {
    pub(super) fn start(step: &Step) -> Self {
        let rows = match step {
            Step::Publish { draft, .. } => draft.content.rows,
            _ => 0,
        };
        Self { phase: phase(step), rows, started: clock::monotonic() }
    }

    pub(super) fn stop(self, metrics: &Metrics, outcome: &Outcome) {
        let Some(phase) = self.phase else { return };
        metrics.step_ended(phase, crate::clock::since(self.started));
        match outcome {
            Outcome::Failed { fault, .. } => metrics.step_failed(phase, fault.kind),
            Outcome::Published { newest, .. } => metrics.hour_published(newest.generation, self.rows),
            _ => {}
        }
    }
}

/// Steps that keep house belong to no phase.
fn phase(step: &Step) -> Option<Phase> {
    match step {
        Step::Capture { .. } => Some(Phase::ApiCall),
        Step::Inspect(_) | Step::Measure { .. } => Some(Phase::ZipFileExtract),
        Step::Upload { .. } | Step::Publish { .. } => Some(Phase::S3Load),
        Step::SweepStage { .. }
        | Step::Identify
        | Step::Attach { .. }
        | Step::ReadManifests { .. }
        | Step::Discard { .. }
        | Step::SetAside { .. }
        | Step::Sweep { .. } => None,
    }
}
