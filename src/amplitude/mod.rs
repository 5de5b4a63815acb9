//! The Export API client: one request per window, every answer classified once.
