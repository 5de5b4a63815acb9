//! What a row says, drawn from the row's own seed before any text is written.

use super::{
    options::{Profile, Project},
    random::Random,
    rows::HourRows,
};

const SECOND: i64 = 1_000_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// Where an event came from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// 60 %.
    Web,
    /// 30 %: no device, no place, session -1.
    HttpApi,
    /// 10 %.
    Ios,
}

/// The value of `$insert_id`.
#[derive(Clone, Copy)]
pub enum InsertId {
    /// 90 %.
    Uuid(u64, u64),
    /// 8 %: `Name:n`, the same on many devices.
    Counter(u64),
    /// 2 %: old SDKs.
    Null,
}

/// What makes a row special.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Oddity {
    None,
    /// Text far from ASCII.
    Unicode,
    /// Numbers that do not survive a double.
    Number,
    /// A lone surrogate or a number beyond a double.
    Hostile,
}

/// One row.
pub struct Facts<'a> {
    pub project: &'a Project,
    pub old: bool,
    pub compact: bool,
    pub origin: Origin,
    pub uuid: (u64, u64),
    pub insert_id: InsertId,
    /// The person behind the device; also picks the device and the place.
    pub person: u64,
    pub signed_in: bool,
    pub event: usize,
    pub event_time: i64,
    pub client_upload_time: i64,
    pub server_received_time: i64,
    pub server_upload_time: i64,
    pub processed_time: i64,
    pub event_id: u64,
    pub oddity: Oddity,
    pub noise: u64,
}

impl<'a> Facts<'a> {
    pub fn draw(rows: &HourRows<'a>, index: u64) -> Self {
        let project = rows.project;
        // A second ingest tells the first one's story with a uuid and server times of its own.
        let mut own = Random::new(&[rows.seed, index, 4]);
        let again = index > 0 && own.chance(project.duplicate_share);
        let mut random = Random::new(&[rows.seed, index - u64::from(again), 5]);
        let server_upload_time = upload_time(rows, index, &mut own);
        let server_received_time = server_upload_time - 4500 - own.between(0, 1000);
        let origin = match random.below(10) {
            0..6 => Origin::Web,
            6..9 => Origin::HttpApi,
            _ => Origin::Ios,
        };
        let insert_id = match random.below(100) {
            0..90 => InsertId::Uuid(random.next(), random.next()),
            90..98 => InsertId::Counter(random.below(5)),
            _ => InsertId::Null,
        };
        let delay = delay(project, &mut random);
        let person = random.below(project.events_per_hour.max(10));
        Self {
            project,
            old: rows.shape.profile == Profile::Y2020,
            compact: rows.shape.compact,
            origin,
            uuid: (own.next(), own.next()),
            insert_id,
            person,
            signed_in: !person.is_multiple_of(3),
            event: random.index(16),
            event_time: to_millis(server_received_time - delay),
            client_upload_time: to_millis(server_received_time - 120_000),
            server_received_time,
            server_upload_time,
            processed_time: server_upload_time + own.between(500_000, 1_600_000),
            event_id: random.below(1_000_000_000),
            oddity: oddity(project, &mut random),
            noise: random.next(),
        }
    }
}

/// Rows are spread evenly over their hour.
fn upload_time(rows: &HourRows<'_>, index: u64, own: &mut Random) -> i64 {
    let slot = HOUR / i64::try_from(rows.total.max(1)).unwrap_or(i64::MAX);
    let offset = slot.saturating_mul(i64::try_from(index).unwrap_or(0)) + own.between(0, slot.max(1));
    rows.hour.start().timestamp_micros() + offset.min(HOUR - 1)
}

/// From the event to its upload: under a minute as a rule, up to 45 days for late ones, and now and then in the future.
fn delay(project: &Project, random: &mut Random) -> i64 {
    if random.chance(0.001) {
        return -random.between(MINUTE, 30 * DAY);
    }
    if !random.chance(project.late_share) {
        return random.between(200_000, MINUTE);
    }
    if random.chance(0.8) { random.between(2 * MINUTE, 20 * HOUR) } else { random.between(DAY, 45 * DAY) }
}

fn oddity(project: &Project, random: &mut Random) -> Oddity {
    if random.chance(project.hostile_share) {
        return Oddity::Hostile;
    }
    match random.below(200) {
        0 => Oddity::Unicode,
        1 => Oddity::Number,
        _ => Oddity::None,
    }
}

/// Clients count in milliseconds.
fn to_millis(micros: i64) -> i64 {
    micros - micros.rem_euclid(1000)
}
