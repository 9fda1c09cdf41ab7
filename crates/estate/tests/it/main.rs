//! What an estate is taken to be, shown on small ones.

mod public_case;
