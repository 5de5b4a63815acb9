//! Every step's failpoint, and the fault that a step meets there.

use crate::engine::Step;
use crate::failpoints::Point;
use crate::model::{Fault, FaultKind};

/// The step's point, and how its fault is made.
pub(super) fn of(step: &Step) -> (Point, impl Fn(String) -> Fault + use<>) {
    let (point, kind) = match step {
        Step::SweepStage { .. } => (Point::SweepStage, FaultKind::StagingFailed),
        Step::Identify => (Point::Identify, FaultKind::LakeUnavailable),
        Step::Attach { .. } => (Point::Attach, FaultKind::LakeUnavailable),
        Step::ReadManifests { .. } => (Point::ReadManifests, FaultKind::LakeUnavailable),
        Step::Capture { .. } => (Point::Capture, FaultKind::Connect),
        Step::Inspect(_) => (Point::Inspect, FaultKind::StagingFailed),
        Step::Measure { .. } => (Point::Measure, FaultKind::StagingFailed),
        Step::Upload { .. } => (Point::Upload, FaultKind::LakeUnavailable),
        Step::Publish { .. } => (Point::Publish, FaultKind::LakeUnavailable),
        Step::Discard { .. } => (Point::Discard, FaultKind::StagingFailed),
        Step::SetAside { .. } => (Point::SetAside, FaultKind::StagingFailed),
        Step::Sweep { .. } => (Point::Sweep, FaultKind::LakeUnavailable),
    };
    (point, move |words| Fault::new(kind, words))
}

/// What a lake that does not answer is to a step.
pub(super) fn lake_down(words: String) -> Fault {
    Fault::new(FaultKind::LakeUnavailable, words)
}

/// What staging that fails is to a step.
pub(super) fn staging_down(words: String) -> Fault {
    Fault::new(FaultKind::StagingFailed, words)
}
