//! Prints the manual of the rules, `docs/rules.md`; `cargo xtask codegen` keeps it.

#![expect(clippy::print_stdout, reason = "it prints")]

use bailiwick_review::{RULES, Rule};

fn main() {
    println!("# The rules\n");
    println!("Written beside each rule, in `crates/review/src/findings/`; do not edit here.\n");
    println!("| rule | finds | severity |\n|---|---|---|");
    for Rule {
        id, title, base, ..
    } in RULES
    {
        let anchor = id.to_lowercase();
        println!("| [{id}](#{anchor}) | {title} | {} |", base.as_str());
    }
    for rule in RULES {
        println!("\n## {}\n\n**{}.**\n", rule.id, rule.title);
        for line in rule.manual.trim().lines() {
            println!("{}", line.strip_prefix(' ').unwrap_or(line).trim_end());
        }
    }
}
