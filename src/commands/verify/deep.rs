//! `--deep`: an hour's objects downloaded, its rows counted and hashed again.

use tokio::io::AsyncReadExt;

use super::hours::{Finder, Kind};
use crate::archive::{Limits, Measure};
use crate::lake::{Lake, LakeError};
use crate::model::{Content, Fault, Format, Manifest, Object};
use crate::telemetry::Progress;

/// Bytes read at a time.
const CHUNK: usize = 256 << 10;

/// Compares the bytes of every object that the manifest names with what it says of them.
pub async fn check(
    lake: &dyn Lake,
    manifest: &Manifest,
    limits: &Limits,
    progress: &Progress,
    finder: &mut Finder<'_>,
) -> Result<(), LakeError> {
    let Some(format) = manifest.objects.first().and_then(|object| format_of(&object.key)) else { return Ok(()) };
    let mut measure = Measure::new(format, limits).map_err(|fault| unreadable(&fault))?;
    let before = finder.found.len();
    for (object, number) in manifest.objects.iter().zip(0..) {
        if !read(lake, object, number, &mut measure, progress, finder).await? {
            // What follows would be counted on top of a torn object.
            return Ok(());
        }
    }
    if let Some(content) = measure.finish().filter(|_| finder.found.len() == before) {
        compare(manifest, &content, finder);
    }
    Ok(())
}

fn format_of(key: &str) -> Option<Format> {
    Format::ALL.into_iter().find(|format| key.ends_with(&format!(".{}", format.extension())))
}

/// Whether the object could be read to its end.
async fn read(
    lake: &dyn Lake,
    object: &Object,
    number: u32,
    measure: &mut Measure,
    progress: &Progress,
    finder: &mut Finder<'_>,
) -> Result<bool, LakeError> {
    let key = Some(object.key.as_str());
    let Some(mut reader) = lake.read(&object.key).await? else {
        finder.add(Kind::Missing, key, "not in the lake");
        return Ok(false);
    };
    measure.begin(number).map_err(|fault| unreadable(&fault))?;
    let mut chunk = vec![0; CHUNK];
    loop {
        let read = reader.read(&mut chunk).await;
        let length = read.map_err(|error| LakeError::Unavailable(format!("{} broke off: {error}", object.key)))?;
        if length == 0 {
            break;
        }
        progress.add_downloaded(length as u64);
        if let Err(fault) = tokio::task::block_in_place(|| measure.feed(&chunk[..length])) {
            finder.add(Kind::Checksum, key, broken(&fault));
            return Ok(false);
        }
    }
    let sums = match measure.end() {
        Ok(sums) => sums,
        Err(fault) => {
            finder.add(Kind::Checksum, key, broken(&fault));
            return Ok(false);
        }
    };
    progress.add_rows(sums.rows);
    let differs =
        |ours: &Option<String>, theirs: Option<&String>| ours.as_ref().zip(theirs).is_some_and(|(a, b)| a != b);
    if sums.bytes != object.bytes {
        finder.add(Kind::Length, key, format!("{} bytes instead of {}", sums.bytes, object.bytes));
    } else if differs(&object.sha256, sums.sha256.as_ref()) || differs(&object.crc64nvme, Some(&sums.crc64nvme)) {
        finder.add(Kind::Checksum, key, "its bytes are not the ones that were published");
    } else if sums.rows != object.rows {
        finder.add(Kind::Rows, key, format!("{} rows instead of {}", sums.rows, object.rows));
    }
    Ok(true)
}

/// Nothing is said about the object: there was no memory to read it.
fn unreadable(fault: &Fault) -> LakeError {
    LakeError::Unavailable(format!("it cannot be read here: {}", fault.detail))
}

fn broken(fault: &Fault) -> String {
    format!("its bytes are not the ones that were published: {}", fault.detail)
}

fn compare(manifest: &Manifest, content: &Content, finder: &mut Finder<'_>) {
    if content.rows != manifest.rows {
        finder.add(Kind::Rows, None, format!("{} rows instead of {}", content.rows, manifest.rows));
    } else if content.content_hash != manifest.content_hash {
        finder.add(Kind::Rows, None, "its rows are not the ones that were published (content hash)");
    } else if content.rows_invalid != manifest.rows_invalid {
        let text = format!("{} lines are no JSON objects instead of {}", content.rows_invalid, manifest.rows_invalid);
        finder.add(Kind::Rows, None, text);
    }
}
