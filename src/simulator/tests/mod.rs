//! The simulator from outside: over HTTP, with readers that are not its own writers.

mod archives;
mod control;
mod export;
mod faults;
mod speed;
mod transport;

use std::{
    collections::BTreeMap,
    io::{Cursor, Read},
    net::SocketAddr,
};

use chrono::{DateTime, Utc};
use flate2::read::MultiGzDecoder;
use sha2::{Digest, Sha256};

use super::*;

/// A simulator and somebody who asks it.
pub struct World {
    pub sim: Running,
    pub client: reqwest::Client,
}

/// An instant.
pub fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

pub fn hour(text: &str) -> Hour {
    Hour::parse(text).unwrap()
}

pub fn any_port() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

/// Small hours in January 2026, and ten days later.
pub fn small() -> Options {
    let mut options = Options { now: Some(at("2026-01-10T00:00:00Z")), ..Options::default() };
    options.projects[0].events_per_hour = 20;
    options
}

impl World {
    pub async fn new(options: Options) -> Self {
        let sim = Simulator::start(options, any_port()).await.unwrap();
        Self { sim, client: reqwest::Client::builder().no_proxy().build().unwrap() }
    }

    /// A small world with one fault.
    pub async fn with(fault: Fault) -> Self {
        Self::new(Options { faults: vec![fault], ..small() }).await
    }

    pub fn request(&self, start: &str, end: &str) -> reqwest::RequestBuilder {
        let url = format!("{}/api/2/export?start={start}&end={end}", self.sim.url());
        self.client.get(url).basic_auth(API_KEY, Some(SECRET_KEY))
    }

    pub async fn ask(&self, start: &str, end: &str) -> reqwest::Response {
        self.request(start, end).send().await.unwrap()
    }

    pub async fn status(&self, start: &str, end: &str) -> u16 {
        let response = self.ask(start, end).await;
        let status = response.status().as_u16();
        let _ = response.bytes().await;
        status
    }

    pub async fn bytes(&self, start: &str, end: &str) -> Vec<u8> {
        let response = self.ask(start, end).await;
        assert_eq!(response.status(), 200);
        response.bytes().await.unwrap().to_vec()
    }

    /// All lines of a window's archive.
    pub async fn lines(&self, start: &str, end: &str) -> Vec<Vec<u8>> {
        lines_of(&members(&self.bytes(start, end).await))
    }

    pub fn truth(&self, start: &str, end: &str) -> Truth {
        self.sim.truth(None, hour(start), hour(end)).unwrap()
    }
}

/// The members of a zip in their order: name and rows, read to the end with both checksums.
pub fn try_members(zip: &[u8]) -> Result<Vec<(String, Vec<u8>)>, String> {
    let mut archive = ::zip::ZipArchive::new(Cursor::new(zip)).map_err(|error| error.to_string())?;
    let mut members = Vec::new();
    for index in 0..archive.len() {
        let mut member = archive.by_index(index).map_err(|error| error.to_string())?;
        let name = member.name().map_err(|error| error.to_string())?.into_owned();
        if name.ends_with('/') {
            continue;
        }
        let (mut packed, mut text) = (Vec::new(), Vec::new());
        member.read_to_end(&mut packed).map_err(|error| error.to_string())?;
        MultiGzDecoder::new(&packed[..]).read_to_end(&mut text).map_err(|error| error.to_string())?;
        members.push((name, text));
    }
    Ok(members)
}

pub fn members(zip: &[u8]) -> Vec<(String, Vec<u8>)> {
    try_members(zip).unwrap()
}

pub fn lines_of(members: &[(String, Vec<u8>)]) -> Vec<Vec<u8>> {
    let lines = members.iter().flat_map(|(_, text)| text.split(|byte| *byte == b'\n'));
    lines.filter(|line| !line.is_empty()).map(<[u8]>::to_vec).collect()
}

/// The hash that the truth endpoint documents, written down once more.
pub fn hash(mut lines: Vec<Vec<u8>>) -> String {
    lines.sort();
    let mut hash = Sha256::new();
    for line in lines {
        hash.update(&line);
        hash.update(b"\n");
    }
    hex::encode(hash.finalize())
}

/// Lines by the hour that their member's name says.
pub fn by_member_hour(members: &[(String, Vec<u8>)]) -> BTreeMap<String, Vec<Vec<u8>>> {
    let mut hours: BTreeMap<String, Vec<Vec<u8>>> = BTreeMap::new();
    for (name, text) in members {
        let stem = name.split('/').next_back().unwrap().split('#').next().unwrap();
        let mut words = stem.split('_').skip(1);
        let (day, hour) = (words.next().unwrap().replace('-', ""), words.next().unwrap().parse::<u32>().unwrap());
        let lines = lines_of(&[(name.clone(), text.clone())]);
        hours.entry(format!("{day}T{hour:02}")).or_default().extend(lines);
    }
    hours
}
