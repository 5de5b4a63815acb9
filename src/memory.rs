//! Memory for large buffers that are filled from end to end.

use memmap2::{Advice, MmapMut};

/// So many bytes, none of them touched yet; in pages of 2 MiB where the system has them to give, which costs a fault for
/// each instead of five hundred.
pub(crate) fn in_large_pages(bytes: usize) -> std::io::Result<MmapMut> {
    let room = MmapMut::map_anon(bytes)?;
    // Advice: without it the same memory comes in small pages.
    let _ = room.advise(Advice::HugePage);
    Ok(room)
}
