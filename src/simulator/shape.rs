//! What the faults of content do to the plan of an archive.

use sha2::{Digest, Sha256};

use super::{
    answer::{Turn, of_stage},
    archive::{Damage, HourPlan},
    board::Planted,
    effect::Stage,
    faults::FaultKind,
    gzip::Ending,
    hour::Hour,
    options::{Options, Project},
};

/// Lets the faults of content strike the hours they touch.
pub fn damage(turn: &Turn, plans: &mut Vec<HourPlan>, last: Hour, met: &[Planted]) {
    for planted in of_stage(met, Stage::Content) {
        let fault = &planted.fault;
        if !plans.iter().any(|plan| fault.touches(plan.hour)) || !turn.strike(planted) {
            continue;
        }
        if let FaultKind::ExtraHour { hour } = fault.kind {
            let hour = hour.unwrap_or_else(|| last.plus(1));
            plans.push(HourPlan { hour, withheld: 0.0, damage: Damage::default(), never_empty: true });
            continue;
        }
        for plan in plans.iter_mut().filter(|plan| fault.touches(plan.hour)) {
            strike(&mut plan.damage, &fault.kind);
        }
    }
}

fn strike(damage: &mut Damage, kind: &FaultKind) {
    match kind {
        FaultKind::CrcFlip => damage.wrong_crc = true,
        FaultKind::GzipTruncate => damage.gzip = Ending::Truncated,
        FaultKind::GzipCrc => damage.gzip = Ending::WrongCrc,
        FaultKind::CorruptMember => damage.corrupt = true,
        FaultKind::Encrypted => damage.encrypted = true,
        FaultKind::DuplicateMemberNames => damage.duplicate_names = true,
        FaultKind::BadLine(how) => damage.bad_line = Some(*how),
        FaultKind::DupRows => damage.repeat_rows = true,
        _ => {}
    }
}

/// A strong validator: everything that decides the archive's bytes. None where ranges are off or no two archives are
/// alike.
pub fn etag(options: &Options, project: &Project, plans: &[HourPlan]) -> Option<String> {
    let archive = &options.archive;
    if !archive.accept_ranges || archive.reorder_per_request {
        return None;
    }
    let subject = format!("{} {} {plans:?} {archive:?} {:?}", options.seed, project.id, options.rows);
    Some(format!("\"{}\"", hex::encode(&Sha256::digest(subject.as_bytes())[..16])))
}
