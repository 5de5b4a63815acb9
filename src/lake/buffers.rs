//! Memory for the pieces of objects, shared by all uploads of a lake: so many buffers, used again, and given back when
//! nobody borrows any more.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use memmap2::MmapMut;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::LakeError;
use crate::memory::in_large_pages;

/// The buffers.
pub struct Buffers {
    count: usize,
    room: usize,
    permits: Arc<Semaphore>,
    stock: Mutex<Stock>,
}

/// Mapped, not allocated: an allocator keeps what this large comes and goes on many threads.
#[derive(Default)]
struct Stock {
    free: Vec<MmapMut>,
    borrowers: usize,
}

/// Somebody who takes buffers now and then: until the last one is dropped, free buffers are kept.
pub struct Borrower(Arc<Buffers>);

/// A buffer that somebody fills, or that is on its way. Dropped, it is free again.
pub struct Buffer {
    room: Option<MmapMut>,
    filled: usize,
    home: Borrower,
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

    /// Length of each.
    pub fn room(&self) -> usize {
        self.room
    }

    /// Somebody begins to borrow them.
    pub fn borrower(self: &Arc<Self>) -> Borrower {
        self.stock().borrowers += 1;
        Borrower(Arc::clone(self))
    }

    fn stock(&self) -> MutexGuard<'_, Stock> {
        self.stock.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Borrower {
    /// Length of each buffer.
    pub fn room(&self) -> usize {
        self.0.room
    }

    /// Waits for a buffer. Each that is on its way comes back by itself, so whoever fills one and waits for none
    /// meanwhile blocks nobody for good.
    pub async fn take(&self) -> Result<Buffer, LakeError> {
        let Self(buffers) = self;
        let permit = Arc::clone(&buffers.permits).acquire_owned().await;
        let permit = permit.map_err(|_| LakeError::Unavailable("the lake is being closed".to_owned()))?;
        let free = buffers.stock().free.pop();
        let room = match free {
            Some(room) => room,
            None => in_large_pages(buffers.room).map_err(|error| {
                LakeError::Unavailable(format!("no memory for {} bytes (lake.part_size): {error}", buffers.room))
            })?,
        };
        Ok(Buffer { room: Some(room), filled: 0, home: buffers.borrower(), _permit: permit })
    }
}

impl Clone for Borrower {
    fn clone(&self) -> Self {
        self.0.borrower()
    }
}

impl Drop for Borrower {
    fn drop(&mut self) {
        let mut stock = self.0.stock();
        stock.borrowers -= 1;
        if stock.borrowers == 0 {
            stock.free.clear();
        }
    }
}

impl Buffer {
    /// Adds bytes; answers how many of them had room.
    pub fn fill(&mut self, bytes: &[u8]) -> usize {
        let Some(room) = self.room.as_mut().and_then(|room| room.get_mut(self.filled..)) else { return 0 };
        let taken = bytes.len().min(room.len());
        room[..taken].copy_from_slice(&bytes[..taken]);
        self.filled += taken;
        taken
    }

    /// What was filled in; the buffer is free when the last clone is dropped.
    pub fn freeze(self) -> Bytes {
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
        self.home.0.stock().free.extend(self.room.take());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_buffer_comes_back_when_its_last_bytes_are_dropped_and_nothing_is_kept_for_nobody() {
        let buffers = Arc::new(Buffers::new(2, 4));
        let borrower = buffers.borrower();
        let (mut first, second) = (borrower.take().await.unwrap(), borrower.take().await.unwrap());
        assert_eq!((first.fill(b"abc"), first.fill(b"def"), first.fill(b"g")), (3, 1, 0));
        let bytes = first.freeze();
        let clone = bytes.clone();
        assert_eq!(bytes, "abcd");
        drop(bytes);
        assert_eq!(buffers.permits.available_permits(), 0, "a clone is on its way");
        drop(clone);
        assert_eq!(buffers.permits.available_permits(), 1);
        let third = borrower.take().await.unwrap();
        assert_eq!(third.as_ref(), b"", "used again from its start");
        drop(borrower);
        drop(third);
        assert_eq!(buffers.stock().free.len(), 1, "somebody has one still");
        drop(second);
        assert!(buffers.stock().free.is_empty());
    }
}
