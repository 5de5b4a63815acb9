//! One archive: which members a window has, in which order, and what is wrong with them. It is written once from front
//! to back into whatever the caller gives, so that its size costs no memory.

use std::io::{self, Read, Seek, SeekFrom, Write};

use super::{
    faults::BadLine,
    gzip::{Ending, Gzip},
    hour::Hour,
    options::{Options, Project},
    random::{Random, mix},
    rows::HourRows,
    switches::{Archive, Method, Order},
    zip::{Extent, Member, ZipWriter},
};

/// Compressed bytes that are collected before they go into the zip.
const BATCH_BYTES: usize = 32 << 10;
/// A member whose rows are estimated at more than this gets 64-bit sizes.
const ZIP64_FROM_BYTES: u64 = 3 << 30;

/// One hour of an archive.
#[derive(Clone, Debug)]
pub struct HourPlan {
    pub hour: Hour,
    /// The share of its rows that has not arrived.
    pub withheld: f64,
    pub damage: Damage,
    /// Give it rows even if it has none: an hour that nobody asked for must be seen.
    pub never_empty: bool,
}

/// What is wrong with an hour's members.
#[derive(Clone, Copy, Debug, Default)]
pub struct Damage {
    pub wrong_crc: bool,
    pub gzip: Ending,
    pub corrupt: bool,
    pub encrypted: bool,
    pub duplicate_names: bool,
    pub bad_line: Option<BadLine>,
    pub repeat_rows: bool,
}

/// One member before it is written.
struct Planned<'a> {
    plan: &'a HourPlan,
    rows: HourRows<'a>,
    name: String,
    part: usize,
    parts: usize,
    /// Rows in it.
    count: u64,
    first_of_hour: bool,
    /// The last one of its hour, which takes the damage: whoever trusts the first ones is found out.
    last_of_hour: bool,
}

/// Writes the archive and says how long it is. `salt` other than zero changes the order of rows and members.
pub fn write<W: Read + Write + Seek>(
    out: W,
    options: &Options,
    project: &Project,
    plans: &[HourPlan],
    salt: u64,
) -> io::Result<(W, u64)> {
    let switches = &options.archive;
    let mut members: Vec<Planned<'_>> = plans.iter().flat_map(|plan| members_of(options, project, plan)).collect();
    match switches.order {
        Order::Time => {}
        Order::Lexical => members.sort_by(|left, right| left.name.cmp(&right.name)),
        Order::Shuffled => Random::new(&[options.seed, 0x5F]).shuffle(&mut members),
    }
    if salt != 0 {
        Random::new(&[options.seed, salt]).shuffle(&mut members);
    }
    let mut zip = ZipWriter::new(out);
    if switches.directory_entry {
        zip.begin(&format!("{}/", project.id), Member::default())?;
        zip.end()?;
    }
    let mut corrupt: Vec<Extent> = Vec::new();
    for (position, member) in members.iter().enumerate() {
        let extent = write_member(&mut zip, switches, member, position, salt)?;
        if member.plan.damage.corrupt && member.last_of_hour {
            corrupt.push(extent);
        }
        if member.plan.damage.duplicate_names && member.first_of_hour {
            write_member(&mut zip, switches, member, position, salt)?;
        }
    }
    let (mut out, length) = zip.finish(switches.zip64)?;
    corrupt.iter().try_for_each(|extent| invert_middle(&mut out, extent))?;
    out.seek(SeekFrom::Start(0))?;
    Ok((out, length))
}

fn members_of<'a>(options: &Options, project: &'a Project, plan: &'a HourPlan) -> Vec<Planned<'a>> {
    let mut rows = HourRows::new(options, project, plan.hour);
    if plan.never_empty {
        rows.total = rows.total.max(3);
    }
    let ids = rows.part_ids();
    let mut counts = vec![0_u64; ids.len()];
    for index in (0..rows.total).filter(|index| rows.has_arrived(*index, plan.withheld)) {
        counts[rows.part_of(index, ids.len())] += 1;
    }
    let Some(last) = counts.iter().rposition(|count| *count > 0) else {
        return Vec::new();
    };
    // A part without rows has no member.
    let first = counts.iter().position(|count| *count > 0);
    let day = plan.hour.start().format("%Y-%m-%d");
    let prefix = format!("{0}/{0}_{day}_{1}#", project.id, plan.hour.of_day());
    let member = |(part, count): (usize, &u64)| Planned {
        plan,
        rows: rows.clone(),
        name: format!("{prefix}{}.json.gz", ids[part]),
        part,
        parts: ids.len(),
        count: *count,
        first_of_hour: Some(part) == first,
        last_of_hour: part == last,
    };
    counts.iter().enumerate().filter(|(_, count)| **count > 0).map(member).collect()
}

fn write_member<W: Write + Seek>(
    zip: &mut ZipWriter<W>,
    switches: &Archive,
    member: &Planned<'_>,
    position: usize,
    salt: u64,
) -> io::Result<Extent> {
    let damage = &member.plan.damage;
    let how = Member {
        deflated: match switches.method {
            Method::Stored => false,
            Method::Deflated => true,
            Method::Alternate => position % 2 == 1,
        },
        data_descriptor: switches.data_descriptors,
        zip64: switches.zip64 || member.rows.bytes(member.count) > ZIP64_FROM_BYTES,
        encrypted_flag: damage.encrypted,
        wrong_crc: damage.wrong_crc && member.last_of_hour,
    };
    zip.begin(&member.name, how)?;
    write_rows(zip, switches, member, salt)?;
    zip.end()
}

/// The rows of one member, compressed on the way.
fn write_rows<W: Write + Seek>(
    zip: &mut ZipWriter<W>,
    switches: &Archive,
    member: &Planned<'_>,
    salt: u64,
) -> io::Result<()> {
    let rows = &member.rows;
    let damage = &member.plan.damage;
    let stream_rows = if switches.gzip_multi_stream { member.count.div_ceil(3).max(1) } else { u64::MAX };
    let walk = Walk::new(rows.total, salt, rows.seed);
    let mut gzip = Gzip::new();
    let mut line = Vec::with_capacity(4096);
    let mut written = 0;
    let here = |index: &u64| {
        rows.part_of(*index, member.parts) == member.part && rows.has_arrived(*index, member.plan.withheld)
    };
    for index in (0..rows.total).map(|step| walk.at(step)).filter(here) {
        let again = damage.repeat_rows && rows.is_repeated(index);
        line.clear();
        rows.write(index, &mut line);
        if let Some(bad_line) = damage.bad_line.filter(|_| index == rows.total / 2) {
            spoil(&mut line, bad_line);
        }
        line.push(b'\n');
        if again {
            line.extend_from_within(..);
        }
        written += 1;
        if written == member.count && !switches.final_newline {
            line.pop();
        }
        gzip.write(&line)?;
        if written % stream_rows == 0 && written < member.count {
            gzip.end(Ending::Good)?;
            gzip.begin();
        }
        if gzip.ready().len() >= BATCH_BYTES {
            zip.write(gzip.ready())?;
            gzip.ready().clear();
        }
    }
    gzip.end(if member.last_of_hour { damage.gzip } else { Ending::Good })?;
    zip.write(gzip.ready())
}

/// A line as a broken exporter would write it.
fn spoil(line: &mut Vec<u8>, how: BadLine) {
    match how {
        BadLine::Cut => line.truncate(line.len() / 2),
        BadLine::Latin1 => {
            const INSIDE: &[u8] = b"\"user_properties\":{\"plan\":\"";
            if let Some(at) = line.windows(INSIDE.len()).position(|window| window == INSIDE) {
                line.insert(at + INSIDE.len(), 0xE9);
            }
        }
    }
}

fn invert_middle<W: Read + Write + Seek>(out: &mut W, extent: &Extent) -> io::Result<()> {
    let mut bytes = vec![0; usize::try_from(extent.length.min(8)).unwrap_or(0)];
    let at = SeekFrom::Start(extent.offset + (extent.length - bytes.len() as u64) / 2);
    out.seek(at)?;
    out.read_exact(&mut bytes)?;
    for byte in &mut bytes {
        *byte = !*byte;
    }
    out.seek(at)?;
    out.write_all(&bytes)
}

/// The order in which rows are visited: every one once, without a list of them.
struct Walk {
    total: u64,
    stride: u64,
    first: u64,
}

impl Walk {
    fn new(total: u64, salt: u64, seed: u64) -> Self {
        if salt == 0 || total < 2 {
            return Self { total, stride: 1, first: 0 };
        }
        let wish = mix(&[seed, salt]) % total;
        let stride = (wish.max(1)..total).find(|stride| common_divisor(*stride, total) == 1).unwrap_or(1);
        Self { total, stride, first: mix(&[salt, seed]) % total }
    }

    fn at(&self, step: u64) -> u64 {
        let far = u128::from(step) * u128::from(self.stride) + u128::from(self.first);
        u64::try_from(far % u128::from(self.total.max(1))).unwrap_or(0)
    }
}

fn common_divisor(left: u64, right: u64) -> u64 {
    if right == 0 { left } else { common_divisor(right, left % right) }
}

#[cfg(test)]
mod tests {
    use super::Walk;

    #[test]
    fn a_walk_visits_every_row_once() {
        for total in [0, 1, 2, 3, 10, 97, 1000] {
            for salt in 0..20 {
                let walk = Walk::new(total, salt, 7);
                let mut visited: Vec<u64> = (0..total).map(|step| walk.at(step)).collect();
                visited.sort_unstable();
                assert_eq!(visited, (0..total).collect::<Vec<_>>());
            }
        }
    }
}
