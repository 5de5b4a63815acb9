//! How deep in a JSON text, and in what: one bit a level, no recursion.

/// Which containers are open, one bit each (1: an object), innermost lowest.
#[derive(Debug, Default)]
pub(super) struct Nesting {
    depth: usize,
    bits: u64,
    outer: Vec<u64>,
}

impl Nesting {
    /// How many containers are open.
    pub(super) fn depth(&self) -> usize {
        self.depth
    }

    /// Nothing is open.
    pub(super) fn clear(&mut self) {
        self.depth = 0;
        self.bits = 0;
        self.outer.clear();
    }

    /// A container begins.
    pub(super) fn open(&mut self, object: bool) {
        if self.depth > 0 && self.depth.is_multiple_of(64) {
            self.outer.push(self.bits);
        }
        self.bits = self.bits << 1 | u64::from(object);
        self.depth += 1;
    }

    /// The innermost container ends.
    pub(super) fn close(&mut self) {
        self.depth -= 1;
        self.bits >>= 1;
        if self.depth > 0 && self.depth.is_multiple_of(64) {
            self.bits = self.outer.pop().unwrap_or_default();
        }
    }

    /// Whether the innermost container is an object.
    pub(super) fn in_object(&self) -> bool {
        self.bits & 1 == 1
    }
}
