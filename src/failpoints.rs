//! Failpoints: troubles that a test brings about in the real binary, at most one in the life of a process.
//!
//! Only a build with the feature `failpoints` has them. Without it [`around`] and [`around_blocking`] hand their work
//! through, and nothing reads the variable. With it `AMPD_FAILPOINT=<point>:<trouble>:<n>:<file>` makes the `n`th passage
//! (from 1) of the point go wrong, and creates the file when it does.

#[cfg(feature = "failpoints")]
mod armed;

#[cfg(feature = "failpoints")]
pub use armed::Trouble;

use std::future::Future;

macro_rules! points {
    ($($(#[doc = $doc:literal])* $name:ident = $id:literal,)*) => {
        /// A place where something can go wrong. All of them are listed here.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Point {
            $($(#[doc = $doc])* $name,)*
        }

        impl Point {
            /// Every point.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// Its name in the variable.
            pub fn id(self) -> &'static str {
                match self { $(Self::$name => $id,)* }
            }
        }
    };
}

points! {
    /// Start-up: the journal is opened.
    StartJournal = "start.journal",
    /// Start-up: staging is opened.
    StartStage = "start.stage",
    /// Start-up: the lake is opened.
    StartLake = "start.lake",
    /// One durable write of the journal.
    JournalCommit = "journal.commit",
    /// The step `SweepStage`.
    SweepStage = "sweep_stage",
    /// The step `Identify`.
    Identify = "identify",
    /// The step `Attach`.
    Attach = "attach",
    /// In it: the first hour, read or created.
    AttachFirstHour = "attach.first_hour",
    /// In it: the listing of the manifests.
    AttachList = "attach.list",
    /// The step `ReadManifests`.
    ReadManifests = "read_manifests",
    /// In it: one manifest.
    ReadManifest = "read_manifests.one",
    /// The step `Capture`.
    Capture = "capture",
    /// In it: fsync and rename of the archive that came.
    CaptureStaged = "capture.staged",
    /// The step `Inspect`.
    Inspect = "inspect",
    /// The step `Measure`.
    Measure = "measure",
    /// The step `Upload`.
    Upload = "upload",
    /// In it: the end of one object's PUT.
    UploadPut = "upload.put",
    /// The step `Publish`.
    Publish = "publish",
    /// In it: the listing of the hour's manifests.
    PublishList = "publish.list",
    /// In it: the check of the objects.
    PublishCheck = "publish.check",
    /// In it: the PUT of the manifest.
    PublishManifest = "publish.manifest",
    /// The step `Discard`.
    Discard = "discard",
    /// The step `SetAside`.
    SetAside = "set_aside",
    /// The step `Sweep`.
    Sweep = "sweep",
    /// In it: the listing of an hour's objects.
    SweepList = "sweep.list",
    /// In it: one deletion.
    SweepDelete = "sweep.delete",
}

/// Does the work, unless this point was told to go wrong: `refuse` makes the error.
#[cfg(feature = "failpoints")]
pub fn around<'a, T: Send + 'a, E: Send + 'a>(
    point: Point,
    refuse: impl Fn(String) -> E + Send + 'a,
    work: impl Future<Output = Result<T, E>> + Send + 'a,
) -> std::pin::Pin<Box<dyn Future<Output = Result<T, E>> + Send + 'a>> {
    match armed::strikes(point) {
        Some(trouble) => Box::pin(armed::play(trouble, point, refuse, work)),
        None => Box::pin(work),
    }
}

/// The same for work that blocks.
#[cfg(feature = "failpoints")]
pub fn around_blocking<T, E>(
    point: Point,
    refuse: impl Fn(String) -> E,
    work: impl FnOnce() -> Result<T, E>,
) -> Result<T, E> {
    match armed::strikes(point) {
        Some(trouble) => armed::play_blocking(trouble, point, refuse, work),
        None => work(),
    }
}

/// The work itself: nothing goes wrong in what ships.
#[cfg(not(feature = "failpoints"))]
pub fn around<T, E, F: Future<Output = Result<T, E>>>(_: Point, _: impl Fn(String) -> E, work: F) -> F {
    work
}

/// The work's result: nothing goes wrong in what ships.
#[cfg(not(feature = "failpoints"))]
pub fn around_blocking<T, E>(_: Point, _: impl Fn(String) -> E, work: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
    work()
}
