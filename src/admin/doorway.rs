//! The socket's place in the file system: mode 0600 from its first moment, in nobody's way, and gone afterwards.

use std::fs::{self, DirBuilder, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixStream as StdStream;
use std::path::{Path, PathBuf};

use tokio::net::{UnixListener, UnixStream};

use super::AdminError;

/// The socket's file; dropped, it removes the file, unless somebody put another one there.
pub(super) struct SocketFile {
    path: PathBuf,
    identity: Option<(u64, u64)>,
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if self.identity.is_some() && identity(&self.path) == self.identity {
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn identity(path: &Path) -> Option<(u64, u64)> {
    fs::symlink_metadata(path).ok().map(|meta| (meta.dev(), meta.ino()))
}

/// Listens on a socket at `path`. A dead process' socket is replaced; a living one's and whatever is no socket is not.
pub(super) fn open(path: &Path) -> Result<(UnixListener, SocketFile), AdminError> {
    make_way(path)?;
    let listener = bind_privately(path).map_err(|error| failed(path, error))?;
    Ok((listener, SocketFile { path: path.to_owned(), identity: identity(path) }))
}

fn failed(path: &Path, error: io::Error) -> AdminError {
    AdminError::Io { place: path.display().to_string(), error }
}

fn make_way(path: &Path) -> Result<(), AdminError> {
    let meta = match fs::symlink_metadata(path) {
        Ok(meta) => meta,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let made = DirBuilder::new().recursive(true).mode(0o700).create(parent(path));
            return made.map_err(|error| failed(path, error));
        }
        Err(error) => return Err(failed(path, error)),
    };
    if !meta.file_type().is_socket() {
        return Err(AdminError::NotASocket(path.to_owned()));
    }
    match StdStream::connect(path) {
        Err(error) if matches!(error.kind(), ErrorKind::ConnectionRefused | ErrorKind::NotFound) => Ok(()),
        Err(error) => Err(failed(path, error)),
        Ok(stream) => Err(AdminError::InUse { path: path.to_owned(), pid: listener_of(stream) }),
    }
}

/// The process that listens at the other end.
fn listener_of(stream: StdStream) -> Option<i32> {
    stream.set_nonblocking(true).ok()?;
    UnixStream::from_std(stream).ok()?.peer_cred().ok()?.pid()
}

fn parent(path: &Path) -> &Path {
    path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Between bind and chmod a socket has the umask's mode, so it is bound where nobody else can reach it, then moved.
/// The directory's name is short: a socket's path holds 107 bytes.
fn bind_privately(path: &Path) -> io::Result<UnixListener> {
    let private = tempfile::Builder::new()
        .prefix(".a")
        .rand_bytes(4)
        .permissions(Permissions::from_mode(0o700))
        .tempdir_in(parent(path))?;
    let bound = private.path().join("s");
    let listener = UnixListener::bind(&bound)?;
    fs::set_permissions(&bound, Permissions::from_mode(0o600))?;
    fs::rename(&bound, path)?;
    Ok(listener)
}
