//! Pure decisions over plain values.
