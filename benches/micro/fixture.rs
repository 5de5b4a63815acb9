//! What the blocks work on: an archive of the simulator, its members, its lines, a manifest, an hour's record.

use std::io::{Read as _, Write as _};

use ampd::model::{
    CaptureFacts, CaptureId, Change, ContentHash, Hour, HourRecord, HourState, Manifest, Object, Phase, SourceName,
    Why, Window, Work,
};
use ampd::simulator::{Options, Project, Simulator};

/// Rows of an hour: 24 hours of them are about 20 MB.
const ROWS: u64 = 375;
const PROJECT: u64 = 187_520;

pub struct Fixture {
    pub archive: Vec<u8>,
    /// Each member's gzip file.
    pub packed: Vec<Vec<u8>>,
    /// Each member's lines.
    pub raw: Vec<Vec<u8>>,
}

impl Fixture {
    pub fn new() -> Self {
        let archive = archive();
        let mut zip = zip::ZipArchive::new(std::io::Cursor::new(&archive)).expect("a zip");
        let mut packed = Vec::new();
        for number in 0..zip.len() {
            let mut member = Vec::new();
            zip.by_index(number).expect("a member").read_to_end(&mut member).expect("its bytes");
            packed.push(member);
        }
        let unpacked = |member: &Vec<u8>| {
            let mut raw = Vec::new();
            flate2::read::MultiGzDecoder::new(member.as_slice()).read_to_end(&mut raw).expect("gzip");
            raw
        };
        let raw = packed.iter().map(unpacked).collect();
        Self { archive, packed, raw }
    }

    pub fn raw_bytes(&self) -> usize {
        self.raw.iter().map(Vec::len).sum()
    }

    /// The archive as a file without a name.
    pub fn file(&self) -> std::fs::File {
        let mut file = tempfile::tempfile().expect("a file");
        file.write_all(&self.archive).expect("room for it");
        file
    }
}

pub fn day() -> Window {
    Window::new(hour(0), hour(23)).expect("a day")
}

fn hour(number: i64) -> Hour {
    "2026-01-15T00".parse::<Hour>().expect("an hour").plus(number)
}

/// A day of the simulator's rows: the same bytes for ever.
pub fn archive() -> Vec<u8> {
    let project = Project { id: PROJECT, events_per_hour: ROWS, jitter: 0.0, parts: 4, ..Project::default() };
    let now = "2026-01-17T00:00:00Z".parse().expect("a time");
    let (user, password) = (project.api_key.clone(), project.secret_key.clone());
    let options = Options { projects: vec![project], now: Some(now), ..Options::default() };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let simulator = Simulator::start(options, ([127, 0, 0, 1], 0).into()).await.expect("a free port");
        let url = format!("{}/api/2/export?start=20260115T00&end=20260115T23", simulator.url());
        let client = reqwest::Client::builder().no_proxy().build().expect("a client");
        let answer = client.get(url).basic_auth(user, Some(password)).send().await.expect("an answer");
        let bytes = answer.error_for_status().expect("an archive").bytes().await.expect("all of it");
        simulator.shutdown().await;
        bytes.to_vec()
    })
}

pub fn source() -> SourceName {
    "web".parse().expect("a name")
}

/// An ordinary hour's manifest.
pub fn manifest() -> Manifest {
    let capture = CaptureId::from_bits(0x00aa_0000_0001);
    let object = Object {
        key: format!("data/source=web/date=2026-01-15/hour=00/{PROJECT}_2026-01-15_00.g1.{capture}.p0.json.gz"),
        bytes: 5_029_150,
        rows: 17_994,
        sha256: Some("9b3b5a2165af939ae1dbb6892c54531479be46be7480d245c69fa230ac5041e0".to_owned()),
        crc64nvme: Some("kYDkGTHhJ7U=".to_owned()),
        etag: Some("0123456789abcdef0123456789abcdef-1".to_owned()),
    };
    Manifest {
        schema: "ampd.manifest/1".to_owned(),
        source: source(),
        project: Some(PROJECT.to_string()),
        hour: hour(0),
        generation: 1,
        state: HourState::Data,
        reason: None,
        rows: object.rows,
        rows_invalid: 0,
        content_hash: ContentHash(0x0123_4567_89ab_cdef),
        objects: vec![object],
        capture: CaptureFacts { id: Some(capture), sha256: None, bytes: 120_862_050, window: day() },
        event_dates: vec!["2026-01-14".parse().expect("a day"), "2026-01-15".parse().expect("a day")],
        min_server_upload_time: Some(hour(0).start()),
        max_server_upload_time: Some(hour(0).end()),
        ampd_version: "0.1.0".to_owned(),
        published_at: hour(3).start(),
    }
}

/// What one transition of an hour writes: first that it is captured, then that it is published.
pub fn transitions() -> [Change; 2] {
    let mut work = Work::new(Why::First);
    work.phase = Phase::Captured;
    work.capture = Some(CaptureId::from_bits(0x00aa_0000_0001));
    let captured = HourRecord { work: Some(Box::new(work)), ..HourRecord::default() };
    let published = HourRecord { published: Some(manifest().reference()), ..HourRecord::default() };
    [captured, published].map(|record| Change::Hour(source(), hour(0), record))
}
