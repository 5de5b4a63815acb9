//! Hours that are uploaded while their archive arrives: some captures, some hours, at any time; with archives that turn out
//! to be in an odd order, and downloads that break off.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use ampd::model::{CaptureId, CaptureRecord, Draft, FaultKind, Hour};

use crate::amplitude::{Archive, Reply, Trouble};
use crate::effects::{Context, drafted};
use crate::world::latency;

type Drafts = BTreeMap<(CaptureId, Hour, u32), Draft>;

/// What a process remembers of it.
#[derive(Clone, Default)]
pub struct Early {
    drafts: Rc<RefCell<Drafts>>,
    /// An archive was in an odd order: nothing is uploaded early any more.
    unordered: Rc<Cell<bool>>,
}

impl Early {
    pub fn take(&self, capture: CaptureId, hour: Hour, generation: u32) -> Option<Draft> {
        self.drafts.borrow_mut().remove(&(capture, hour, generation))
    }

    /// The process has ended.
    pub fn forget(&self) {
        self.drafts.borrow_mut().clear();
        self.unordered.set(false);
    }
}

/// How a download ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Whole,
    /// Its archive lists more than was read of an hour that was taken for whole.
    Odd,
    BrokenOff,
}

impl Context {
    /// Uploads some hours of an answer while it arrives; what the answer is in the end.
    pub async fn read_early(&self, capture: &CaptureRecord, hours: &BTreeMap<Hour, u32>, reply: Reply) -> Reply {
        let archive = match reply {
            Reply::Archive(archive) if !hours.is_empty() && !self.early.unordered.get() => archive,
            reply => return reply,
        };
        let (end, most) = {
            let mut world = self.world.borrow_mut();
            if world.random.below(2) == 0 {
                return Reply::Archive(archive);
            }
            let end = match world.random.below(12) {
                _ if world.calm => End::Whole,
                0 => End::Odd,
                1 | 2 => End::BrokenOff,
                _ => End::Whole,
            };
            world.archives.insert(capture.id, Rc::new(archive.clone()));
            (end, 1 + world.random.below(8))
        };
        let mut drafts = BTreeMap::new();
        let members = archive.hours.keys().filter_map(|hour| Some((*hour, *hours.get(hour)?)));
        let mut begun = false;
        for (hour, generation) in members.take(usize::try_from(most).unwrap_or(1)) {
            latency(&self.world).await;
            begun = true;
            if !self.upload_early(&archive, capture, (hour, generation), end, &mut drafts).await {
                break;
            }
        }
        // One whose directory is broken cannot be compared.
        let unusable = end == End::Odd || matches!(archive.broken, Some((_, Trouble::Directory)));
        if end == End::BrokenOff {
            return self.world.borrow_mut().amplitude.unlucky(capture.window, FaultKind::BodyReset, 0);
        }
        if begun && unusable {
            self.early.unordered.set(true);
            return Reply::Fault(FaultKind::CaptureLost, None);
        }
        let drafts = drafts.into_iter().map(|((hour, generation), draft)| ((capture.id, hour, generation), draft));
        self.early.drafts.borrow_mut().extend(drafts);
        Reply::Archive(archive)
    }

    /// Answers whether the next hour is read too.
    async fn upload_early(
        &self,
        archive: &Archive,
        capture: &CaptureRecord,
        (hour, generation): (Hour, u32),
        end: End,
        drafts: &mut BTreeMap<(Hour, u32), Draft>,
    ) -> bool {
        let (stops, parts, odd) = {
            let mut world = self.world.borrow_mut();
            let parts = usize::try_from(world.random.below(4)).unwrap_or(0);
            (world.random.below(6) == 0, parts, end == End::Odd && world.random.below(2) == 0)
        };
        let mut read = archive.clone();
        if odd {
            // Its first members only.
            read.hours.entry(hour).and_modify(|rows| rows.truncate(rows.len().saturating_sub(1)));
        }
        let Ok(objects) =
            self.put_parts(&read, capture, (hour, generation), if stops { parts } else { usize::MAX }).await
        else {
            return false;
        };
        if stops || matches!(archive.broken, Some((broken, Trouble::Member)) if broken == hour) {
            return false;
        }
        drafts.insert((hour, generation), drafted(archive, hour, generation, objects));
        true
    }
}
