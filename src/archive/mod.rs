//! Zip of gzipped JSON lines: opened, bounded, checked, counted, hashed.
