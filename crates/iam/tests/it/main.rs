#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::panic,
    reason = "test code"
)]

mod access;
mod apart;
mod laws;
mod made;
mod managed;
mod reference;
mod simulate;
mod spec;
mod vocabulary;
