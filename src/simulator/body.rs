//! A body on its way to the client, and what can happen to it there.

use std::{io, time::Duration};

use axum::body::Body;
use bytes::Bytes;
use futures_util::stream;

use super::{
    answer::Source, faults::FaultKind, limits::Seat, random::permille, requests::Ticket, shared::Stop, socket::Hangup,
};

/// Bytes that are read and sent at once.
const CHUNK_BYTES: u64 = 64 << 10;
/// A slow body is sent in portions, one in so many milliseconds.
const PORTION_MS: u64 = 50;
/// What the network gets to send what it has before a connection is torn.
const FLUSH_PAUSE: Duration = Duration::from_millis(20);

/// What happens to a body on its way.
#[derive(Clone, Debug, Default)]
pub struct Transport {
    pub bytes_per_s: Option<u64>,
    pub stall_after: Option<u64>,
    pub reset_after: Option<u64>,
    /// Send only so many bytes.
    pub end_after: Option<u64>,
}

impl Transport {
    /// Takes up a fault; `length` is that of the whole body.
    pub fn add(&mut self, fault: &FaultKind, length: u64) {
        match fault {
            FaultKind::Slow { bytes_per_s } => self.bytes_per_s = Some(*bytes_per_s),
            FaultKind::StallAfter { bytes } => self.stall_after = Some(*bytes),
            FaultKind::ResetAfter { bytes } => self.reset_after = Some(*bytes),
            FaultKind::Truncate { fraction, .. } => self.end_after = Some(share_of(length, *fraction)),
            _ => {}
        }
    }
}

/// `fraction` of `length`, and at least one byte less than all of it.
fn share_of(length: u64, fraction: f64) -> u64 {
    let share = u128::from(length) * u128::from(permille(fraction)) / 1000;
    u64::try_from(share).unwrap_or(length).min(length.saturating_sub(1))
}

/// A body and everything that lives as long as it.
pub struct Delivery {
    pub source: Box<dyn Source>,
    pub length: u64,
    pub transport: Transport,
    pub ticket: Ticket,
    pub hangup: Hangup,
    pub stop: Stop,
    /// The place among the requests in flight, freed when the body is through or given up.
    #[expect(dead_code, reason = "held, never read")]
    pub seat: Option<Seat>,
}

impl Delivery {
    /// The body as the server sends it.
    pub fn into_body(self) -> Body {
        Body::from_stream(stream::try_unfold((self, 0_u64), |(delivery, sent)| delivery.step(sent)))
    }

    async fn step(mut self, sent: u64) -> io::Result<Option<(Bytes, (Self, u64))>> {
        let transport = &self.transport;
        let ends = [transport.stall_after, transport.reset_after, transport.end_after, Some(self.length)];
        let end = ends.into_iter().flatten().min().unwrap_or(self.length);
        if sent >= end {
            return self.last(sent).await;
        }
        if self.stop.is_set() {
            return Err(io::Error::other("the simulator stops"));
        }
        let mut size = CHUNK_BYTES.min(end - sent);
        if let Some(bytes_per_s) = self.transport.bytes_per_s {
            let portion = (bytes_per_s.saturating_mul(PORTION_MS) / 1000).max(1);
            size = size.min(portion);
            self.stop.pause(Duration::from_micros(size.saturating_mul(1_000_000) / bytes_per_s.max(1))).await?;
        }
        let mut chunk = vec![0; usize::try_from(size).unwrap_or(1)];
        self.source.read_exact(&mut chunk)?;
        let sent = sent + size;
        let whole = sent == self.length;
        self.ticket.note(|entry| {
            entry.bytes = sent;
            entry.completed = whole;
        });
        Ok(Some((chunk.into(), (self, sent))))
    }

    /// What comes when no byte is left to send.
    async fn last(self, sent: u64) -> io::Result<Option<(Bytes, (Self, u64))>> {
        if self.transport.stall_after.is_some_and(|bytes| sent >= bytes && sent < self.length) {
            self.stop.wait().await;
            return Err(io::Error::other("the simulator stops"));
        }
        if self.transport.reset_after.is_some_and(|bytes| sent >= bytes && sent < self.length) {
            self.stop.pause(FLUSH_PAUSE).await?;
            self.hangup.reset();
            return Err(io::Error::new(io::ErrorKind::ConnectionReset, "a planted reset"));
        }
        if sent < self.length {
            self.stop.pause(FLUSH_PAUSE).await?;
        }
        Ok(None)
    }
}
