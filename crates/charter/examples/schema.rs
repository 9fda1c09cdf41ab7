//! Prints the JSON Schema of a charter, `docs/formats/charter.schema.json`; `cargo xtask codegen`
//! keeps it.

#![expect(clippy::print_stdout, reason = "it prints")]

fn main() {
    let schema = bailiwick_charter::json_schema();
    println!("{schema:#}");
}
