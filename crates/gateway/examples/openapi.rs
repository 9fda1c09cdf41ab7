//! Prints the published description of the API; `cargo xtask codegen` keeps it.
#![expect(clippy::print_stdout, reason = "a program that prints")]

fn main() {
    print!("{}", bailiwick_gateway::openapi::text());
}
