//! The published test vectors, and a verifier that shares no code with ours.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "test code")]

mod vectors;
