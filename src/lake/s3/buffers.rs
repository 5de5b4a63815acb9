//! Buffers of one part each, shared by all uploads of a lake: so many, used again, and given back when none is needed.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use memmap2::MmapMut;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::LakeError;

/// The buffers.
pub(super) struct Buffers {
    count: usize,
    room: usize,
    permits: Arc<Semaphore>,
    stock: Mutex<Stock>,
}

/// Mapped, not allocated: an allocator keeps what this large comes and goes on many threads.
#[derive(Default)]
struct Stock {
    free: Vec<MmapMut>,
    lent: usize,
}

/// A buffer that somebody fills, or that is on its way. Dropped, it is free again.
pub(super) struct Buffer {
    room: Option<MmapMut>,
    filled: usize,
    home: Arc<Buffers>,
    /// Given back after the buffer.
    _permit: OwnedSemaphorePermit,
}

impl Buffers {
    /// So many, of `room` bytes each; none is mapped yet.
    pub(super) fn new(count: usize, room: usize) -> Self {
        Self { count, room, permits: Arc::new(Semaphore::new(count)), stock: Mutex::default() }
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// Waits for one.
    pub(super) async fn take(self: &Arc<Self>) -> Result<Buffer, LakeError> {
        let permit = Arc::clone(&self.permits).acquire_owned().await;
        let permit = permit.map_err(|_| LakeError::Unavailable("the lake is being closed".to_owned()))?;
        let mut stock = self.stock.lock().unwrap_or_else(PoisonError::into_inner);
        let room = match stock.free.pop() {
            Some(room) => room,
            None => MmapMut::map_anon(self.room).map_err(|error| {
                LakeError::Unavailable(format!("no memory for a part of {} bytes (lake.part_size): {error}", self.room))
            })?,
        };
        stock.lent += 1;
        drop(stock);
        Ok(Buffer { room: Some(room), filled: 0, home: Arc::clone(self), _permit: permit })
    }
}

impl Buffer {
    /// Whether no byte fits any more.
    pub(super) fn is_full(&self) -> bool {
        self.filled == self.home.room
    }

    /// Takes from `bytes` what fits; answers how many that were.
    pub(super) fn fill(&mut self, bytes: &[u8]) -> usize {
        let Some(room) = self.room.as_mut().and_then(|room| room.get_mut(self.filled..)) else { return 0 };
        let taken = bytes.len().min(room.len());
        room[..taken].copy_from_slice(&bytes[..taken]);
        self.filled += taken;
        taken
    }

    /// What was filled in; the buffer is free when the last clone is dropped.
    pub(super) fn freeze(self) -> Bytes {
        Bytes::from_owner(self)
    }
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        self.room.as_ref().map_or(&[], |room| &room[..self.filled])
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let mut stock = self.home.stock.lock().unwrap_or_else(PoisonError::into_inner);
        stock.lent -= 1;
        stock.free.extend(self.room.take());
        if stock.lent == 0 {
            stock.free.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_buffer_comes_back_when_its_last_bytes_are_dropped_and_nothing_is_kept_for_nobody() {
        let buffers = Arc::new(Buffers::new(2, 4));
        let (mut first, second) = (buffers.take().await.unwrap(), buffers.take().await.unwrap());
        assert_eq!((first.fill(b"abc"), first.is_full(), first.fill(b"def"), first.is_full()), (3, false, 1, true));
        let bytes = first.freeze();
        let clone = bytes.clone();
        assert_eq!(bytes, "abcd");
        drop(bytes);
        assert_eq!(buffers.permits.available_permits(), 0, "a clone is on its way");
        drop(clone);
        assert_eq!(buffers.permits.available_permits(), 1);
        let third = buffers.take().await.unwrap();
        assert_eq!(third.as_ref(), b"", "used again from its start");
        assert_eq!(buffers.stock.lock().unwrap().lent, 2);
        drop((second, third));
        assert!(buffers.stock.lock().unwrap().free.is_empty());
    }
}
