//! What the daemon remembers: a cache of the lake, and the work in progress.
