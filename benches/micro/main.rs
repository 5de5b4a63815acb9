//! The building blocks, each alone: CPU of one thread per GB of raw JSON, or per operation. The best of several runs
//! counts, as what disturbs only adds.
//!
//! ```text
//! cargo bench --bench micro [-- WORD]       all, or those whose name holds the word
//! micro archive OUT.zip                     the archive they read: a day of the simulator's rows, always the same bytes
//! micro read ARCHIVE.zip FORMAT             one reading of it, for callgrind (benches/gates)
//! ```
#![allow(missing_docs, clippy::print_stdout)]

mod blocks;
mod fixture;
mod meter;

use std::fs::File;

use ampd::archive::{Archive, Discard, Limits, Packing};
use ampd::model::Format;

use fixture::Fixture;

/// As a user has it who says nothing.
pub fn packing(format: Format) -> Packing {
    Packing { format, part_target: 128 << 20, sha256: false }
}

/// Opens the archive and reads all its hours to their ends; answers the rows.
pub fn read(archive: File, format: Format) -> u64 {
    let archive = Archive::open(archive, fixture::day(), Limits::default()).expect("an archive");
    let rows = |hour| archive.read_hour(hour, packing(format), &mut Discard).expect("a good archive").rows;
    archive.hours().map(rows).sum()
}

fn main() {
    // Cargo's own.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["archive", path] => std::fs::write(path, fixture::archive()).expect("the archive can be written"),
        ["read", path, format] => {
            let format = format.parse().expect("a format");
            println!("{} rows", read(File::open(path).expect("the archive"), format));
        }
        [] => blocks::run(&Fixture::new(), ""),
        [word] => blocks::run(&Fixture::new(), word),
        _ => panic!("archive OUT, read ARCHIVE FORMAT, or one word"),
    }
}
