//! Objects that are replaced by who read them last, as `If-Match` does it on S3: under a lock that is held for the
//! comparison and a rename, and for nothing that takes time.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::Read as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use super::durable::trouble;
use super::place::{Place, modified};
use super::{LakeError, Replaced, Sighting, Version};
use crate::lake::LOOK_MAX;
use crate::model::layout;

/// The lock, beside the folders of unfinished files.
const LOCK: &str = "replace.lock";
/// So often the lock is tried: it is free after some microseconds, unless its holder was stopped just then.
const TRIES: u32 = 200;
/// Between two tries.
const PAUSE: Duration = Duration::from_millis(5);

impl Place {
    pub(super) fn look(&self, key: &str) -> Result<Sighting, LakeError> {
        let found = self.beginning(key)?.map(|body| (body.clone(), version(&body)));
        Ok(Sighting { found, store_time: self.time()? })
    }

    pub(super) fn replace(&self, key: &str, body: &[u8], seen: Option<&Version>) -> Result<Replaced, LakeError> {
        let target = self.path(key)?;
        let temporary = self.written(body)?;
        let metadata = self.or_remove(&temporary, fs::metadata(&temporary))?;
        let store_time = modified(&temporary, &metadata)?;
        let lock = self.lock();
        let there = lock.as_ref().map_err(Clone::clone).and_then(|_| self.beginning(key));
        match there {
            Ok(there) if there.as_deref().map(version).as_ref() == seen => {}
            Ok(_) => {
                self.or_remove(&temporary, fs::remove_file(&temporary))?;
                return Ok(Replaced::Changed);
            }
            Err(error) => {
                let _ = fs::remove_file(&temporary);
                return Err(error);
            }
        }
        self.moved(&temporary, &target)?;
        drop(lock);
        self.made_durable(&target)?;
        Ok(Replaced::Replaced { version: version(body), store_time })
    }

    fn beginning(&self, key: &str) -> Result<Option<Bytes>, LakeError> {
        let Some((file, _)) = self.opened(key)? else { return Ok(None) };
        let mut body = Vec::new();
        let read = file.take(LOOK_MAX).read_to_end(&mut body);
        read.map_err(|error| trouble("read", &self.root.join(key), &error))?;
        Ok(Some(body.into()))
    }

    /// The system gives it back when its holder dies. One that was stopped with it is not waited for.
    fn lock(&self) -> Result<File, LakeError> {
        let path = self.root.join(layout::TMP_DIR).join(LOCK);
        let failed = |error: &std::io::Error| trouble("lock", &path, error);
        let mut options = OpenOptions::new();
        let options = options.write(true).create(true).truncate(false).mode(0o640);
        let file = options.open(&path).map_err(|error| failed(&error))?;
        for _ in 0..TRIES {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(TryLockError::WouldBlock) => thread::sleep(PAUSE),
                Err(TryLockError::Error(error)) => return Err(failed(&error)),
            }
        }
        Err(LakeError::Unavailable(format!("another process holds {} and does not go on", path.display())))
    }
}

fn version(body: &[u8]) -> Version {
    Version(hex::encode(Sha256::digest(body)))
}
