//! The only crate that speaks SQL.
//!
//! This crate knows how grants, stops, tickets and the ledger are kept so that what was said to be
//! durable is. It refuses to know why a change is made: it is handed [`bailiwick_broker::port::Change`]s
//! and writes all of one or nothing.
