//! Any bytes as what the journal stored: a record under its key (the first byte is the key's length; checksum and version
//! are made right, or nothing would come through), and as the lines of `ampd state import`.

use ampd::journal;

/// The version of the values that are written.
const VERSION: u8 = 1;

pub fn run(input: &[u8]) {
    if let Some((length, rest)) = input.split_first() {
        let (key, body) = rest.split_at(usize::from(*length).min(rest.len()));
        let mut value = vec![VERSION];
        value.extend_from_slice(body);
        let sum = crc32c::crc32c_append(crc32c::crc32c(&value), key);
        value.extend_from_slice(&sum.to_le_bytes());
        if let Ok(snapshot) = journal::read_record(key, &value) {
            // What is read can be written out and read again.
            let lines: Vec<String> = journal::export(&snapshot).collect();
            let changes = journal::import(&lines).expect("an export can be imported");
            assert_eq!(changes.len(), lines.len() - 1);
        }
        // As it lies there, checksum and all.
        let _ = journal::read_record(key, body);
    }
    if let Ok(text) = std::str::from_utf8(input)
        && let Ok(changes) = journal::import(text.lines())
    {
        let mut again = vec![text.lines().next().unwrap_or_default().to_owned()];
        again.extend(changes.iter().map(|change| serde_json::to_string(change).expect("a record is JSON")));
        assert_eq!(journal::import(&again).expect("what was read can be written and read"), changes);
    }
}
