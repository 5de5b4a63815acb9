//! The table of keys, as data: unknown keys, "did you mean", environment names, `show`, the schema and the check of
//! the annotated file all read it.

use super::key_table::KEYS;
pub(super) use super::key_table::{Key, Kind};

/// Sections with one table per name: `[source.<name>]`, `[notify.<name>]`.
pub(super) const NAMED: [&str; 2] = ["source", "notify"];

impl Key {
    /// The dotted key, the name of a named section filled in.
    pub fn path(&self, name: &str) -> String {
        match self.section {
            "" => self.name.to_owned(),
            section if is_named(section) => format!("{section}.{name}.{}", self.name),
            section => format!("{section}.{}", self.name),
        }
    }

    /// The `AMPD_` variable of a dotted key.
    pub fn variable(path: &str) -> String {
        format!("AMPD_{}", path.replace('.', "__").to_uppercase())
    }

    /// Whether the value is a secret.
    pub fn is_secret(&self) -> bool {
        self.kind == Kind::Secret
    }
}

/// Whether the section has one table per name.
pub(super) fn is_named(section: &str) -> bool {
    NAMED.contains(&section)
}

/// The key of a dotted path.
pub(super) fn find(path: &str) -> Option<&'static Key> {
    let parts: Vec<&str> = path.split('.').collect();
    let (section, name) = match parts.as_slice() {
        [name] => ("", *name),
        [section, name] if !is_named(section) => (*section, *name),
        [section, _, name] if is_named(section) => (*section, *name),
        _ => return None,
    };
    in_section(section).find(|key| key.name == name)
}

/// The keys of a section, in the order of the file.
pub(super) fn in_section(section: &str) -> impl Iterator<Item = &'static Key> {
    KEYS.iter().filter(move |key| key.section == section)
}

/// The sections, in the order of the file.
pub(super) fn sections() -> Vec<&'static str> {
    let mut sections: Vec<&str> = Vec::new();
    for key in KEYS {
        if !key.section.is_empty() && !sections.contains(&key.section) {
            sections.push(key.section);
        }
    }
    sections
}

/// `source.web` of `source.web.region`, `lake` of `lake.bucket`.
pub(super) fn table_of(path: &str) -> &str {
    path.rsplit_once('.').map_or("", |(table, _)| table)
}

/// How a path is called in a message: `` `region` in [source.web] ``.
pub(super) fn called(path: &str) -> String {
    match path.rsplit_once('.') {
        Some((table, name)) => format!("`{name}` in [{table}]"),
        None => format!("`{path}`"),
    }
}
