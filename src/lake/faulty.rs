//! For tests: a lake that fails as told. It wraps any lake and plays planted troubles, each once, in order.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use tokio::io::AsyncReadExt as _;

use super::{
    Answer, Buffers, Created, Head, Lake, LakeError, LakeFacts, ObjectWriter, Page, Piece, Reader, Replaced, Sighting,
    Stored, Sums, Version,
};

/// What can be hit. `Write`, `Finish` and `Abort` are those of a writer, by the key it writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Operation {
    Writer,
    Write,
    Finish,
    Abort,
    Create,
    Put,
    Get,
    Read,
    Head,
    List,
    Delete,
    Look,
    Replace,
    StoreTime,
}

/// What happens to one call.
#[derive(Clone, Debug)]
pub enum Trouble {
    /// Nothing is done; the answer is `Unavailable`.
    FailBefore,
    /// Nothing is done; the answer is this.
    Answer(LakeError),
    /// It is done; the answer is `Unavailable`.
    LoseAnswer,
    /// One bit of the body is flipped on its way (`Write`, `Create`, `Put`, `Get`, `Read`, `Look`, `Replace`).
    FlipBit,
    /// It is done after a while.
    Delay(Duration),
}

struct Planted {
    operation: Operation,
    key_part: String,
    trouble: Trouble,
}

#[derive(Default)]
struct Script {
    planted: Vec<Planted>,
    calls: HashMap<Operation, usize>,
}

/// The script, shared with writers.
#[derive(Clone, Default)]
struct Plot(Arc<Mutex<Script>>);

impl Plot {
    fn script(&self) -> MutexGuard<'_, Script> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a call and takes its trouble.
    fn next(&self, operation: Operation, key: &str) -> Option<Trouble> {
        let mut script = self.script();
        *script.calls.entry(operation).or_default() += 1;
        let hit = |planted: &Planted| planted.operation == operation && key.contains(&planted.key_part);
        let index = script.planted.iter().position(hit)?;
        Some(script.planted.remove(index).trouble)
    }

    /// Plays a call: `act` gets whether to flip a bit.
    async fn play<T, F>(&self, operation: Operation, key: &str, act: impl FnOnce(bool) -> F) -> Result<T, LakeError>
    where
        F: Future<Output = Result<T, LakeError>>,
    {
        let planted = |what: &str| LakeError::Unavailable(format!("planted: {operation:?} of {key} {what}"));
        match self.next(operation, key) {
            None => act(false).await,
            Some(Trouble::FlipBit) => act(true).await,
            Some(Trouble::FailBefore) => Err(planted("failed before it was done")),
            Some(Trouble::Answer(error)) => Err(error),
            Some(Trouble::LoseAnswer) => act(false).await.and(Err(planted("lost its answer"))),
            Some(Trouble::Delay(time)) => {
                tokio::time::sleep(time).await;
                act(false).await
            }
        }
    }
}

/// The lake that fails as told.
pub struct FaultyLake {
    inner: Arc<dyn Lake>,
    plot: Plot,
    overwrites: bool,
}

impl FaultyLake {
    /// Wraps a lake; nothing fails yet.
    pub fn new(inner: Arc<dyn Lake>) -> Self {
        Self { inner, plot: Plot::default(), overwrites: false }
    }

    /// Like a store that ignores `If-None-Match` and `If-Match`: create and replace overwrite.
    #[must_use]
    pub fn without_conditional_writes(mut self) -> Self {
        self.overwrites = true;
        self
    }

    /// Plants a trouble for the next call of an operation, after those planted before.
    pub fn plant(&self, operation: Operation, trouble: Trouble) {
        self.plant_on(operation, "", trouble);
    }

    /// Plants a trouble for the next call of an operation on a key (prefix, for `List`) that contains `key_part`.
    pub fn plant_on(&self, operation: Operation, key_part: &str, trouble: Trouble) {
        self.plot.script().planted.push(Planted { operation, key_part: key_part.to_owned(), trouble });
    }

    /// How often an operation was called.
    pub fn calls(&self, operation: Operation) -> usize {
        self.plot.script().calls.get(&operation).copied().unwrap_or_default()
    }

    /// How many planted troubles still wait.
    pub fn waiting(&self) -> usize {
        self.plot.script().planted.len()
    }
}

/// Flips a bit in the middle; an empty body stays.
fn flipped(body: Bytes, flip: bool) -> Bytes {
    if !flip || body.is_empty() {
        return body;
    }
    let mut bytes = body.to_vec();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x10;
    bytes.into()
}

impl Lake for FaultyLake {
    fn writer<'a>(&'a self, key: &'a str) -> Answer<'a, Box<dyn ObjectWriter>> {
        Box::pin(self.plot.play(Operation::Writer, key, async |_| {
            let inner = self.inner.writer(key).await?;
            let (plot, key) = (self.plot.clone(), key.to_owned());
            Ok(Box::new(FaultyWriter { inner, plot, key }) as Box<dyn ObjectWriter>)
        }))
    }

    fn buffers(&self) -> &Arc<Buffers> {
        self.inner.buffers()
    }

    fn create<'a>(&'a self, key: &'a str, body: Bytes) -> Answer<'a, Created> {
        Box::pin(self.plot.play(Operation::Create, key, async move |flip| {
            let body = flipped(body, flip);
            if self.overwrites {
                return self.inner.put(key, body).await.map(|()| Created::Created);
            }
            self.inner.create(key, body).await
        }))
    }

    fn put<'a>(&'a self, key: &'a str, body: Bytes) -> Answer<'a, ()> {
        Box::pin(self.plot.play(Operation::Put, key, move |flip| self.inner.put(key, flipped(body, flip))))
    }

    fn get<'a>(&'a self, key: &'a str) -> Answer<'a, Option<Bytes>> {
        Box::pin(self.plot.play(Operation::Get, key, async move |flip| {
            Ok(self.inner.get(key).await?.map(|body| flipped(body, flip)))
        }))
    }

    fn read<'a>(&'a self, key: &'a str) -> Answer<'a, Option<Reader>> {
        Box::pin(self.plot.play(Operation::Read, key, async move |flip| {
            let Some(mut reader) = self.inner.read(key).await? else { return Ok(None) };
            if !flip {
                return Ok(Some(reader));
            }
            let mut body = Vec::new();
            let read = reader.read_to_end(&mut body).await;
            read.map_err(|error| LakeError::Unavailable(error.to_string()))?;
            Ok(Some(Box::new(std::io::Cursor::new(flipped(body.into(), true))) as Reader))
        }))
    }

    fn head<'a>(&'a self, key: &'a str) -> Answer<'a, Option<Head>> {
        Box::pin(self.plot.play(Operation::Head, key, move |_| self.inner.head(key)))
    }

    fn list_page<'a>(&'a self, prefix: &'a str, after: Option<&'a str>) -> Answer<'a, Page> {
        Box::pin(self.plot.play(Operation::List, prefix, move |_| self.inner.list_page(prefix, after)))
    }

    fn delete<'a>(&'a self, key: &'a str) -> Answer<'a, ()> {
        Box::pin(self.plot.play(Operation::Delete, key, move |_| self.inner.delete(key)))
    }

    fn look<'a>(&'a self, key: &'a str) -> Answer<'a, Sighting> {
        Box::pin(self.plot.play(Operation::Look, key, async move |flip| {
            let mut sighting = self.inner.look(key).await?;
            sighting.found = sighting.found.map(|(body, version)| (flipped(body, flip), version));
            Ok(sighting)
        }))
    }

    fn replace<'a>(&'a self, key: &'a str, body: Bytes, seen: Option<&'a Version>) -> Answer<'a, Replaced> {
        Box::pin(self.plot.play(Operation::Replace, key, async move |flip| {
            let body = flipped(body, flip);
            if !self.overwrites {
                return self.inner.replace(key, body, seen).await;
            }
            let there = self.inner.look(key).await?.found.map(|(_, version)| version);
            self.inner.replace(key, body, there.as_ref()).await
        }))
    }

    fn store_time(&self) -> Answer<'_, DateTime<Utc>> {
        Box::pin(self.plot.play(Operation::StoreTime, "", move |_| self.inner.store_time()))
    }

    fn describe(&self) -> LakeFacts {
        self.inner.describe()
    }
}

struct FaultyWriter {
    inner: Box<dyn ObjectWriter>,
    plot: Plot,
    key: String,
}

impl ObjectWriter for FaultyWriter {
    fn write(&mut self, mut piece: Piece) -> Answer<'_, ()> {
        let Self { inner, plot, key } = self;
        Box::pin(plot.play(Operation::Write, key, move |flip| {
            piece.bytes = flipped(piece.bytes, flip);
            inner.write(piece)
        }))
    }

    fn finish(self: Box<Self>, sums: Sums) -> Answer<'static, Stored> {
        let Self { inner, plot, key } = *self;
        Box::pin(async move { plot.play(Operation::Finish, &key, move |_| inner.finish(sums)).await })
    }

    fn abort(self: Box<Self>) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let Self { inner, plot, key } = *self;
        Box::pin(async move {
            let aborting = async move |_| {
                inner.abort().await;
                Ok(())
            };
            // An abort has no answer to lose.
            let _ = plot.play(Operation::Abort, &key, aborting).await;
        })
    }
}
