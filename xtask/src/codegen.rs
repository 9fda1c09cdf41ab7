//! What is generated and committed, so that a reader and a build need no generator.

mod catalog;
mod picture;

use std::fs;

use anyhow::{Context, Result, ensure};

use crate::peers;
use crate::process::{cargo, output, repository};

/// A committed file, and how its text is made.
pub(crate) struct Generated {
    pub(crate) path: &'static str,
    pub(crate) text: fn() -> Result<String>,
}

/// Everything generated. `cargo xtask codegen` writes it; a test compares it.
pub(crate) const GENERATED: &[Generated] = &[
    Generated {
        path: "crates/iam-catalog/data/catalog.txt",
        text: catalog::text,
    },
    Generated {
        path: "crates/iam-catalog/data/catalog.txt.sha256",
        text: catalog::sha256,
    },
    Generated {
        path: "docs/formats/charter.schema.json",
        text: || printed_by("schema"),
    },
    Generated {
        path: "docs/formats/openapi.json",
        text: || printed_by("openapi"),
    },
    Generated {
        path: "docs/rules.md",
        text: || printed_by("manual"),
    },
    Generated {
        path: "docs/scan.svg",
        text: picture::text,
    },
];

pub(crate) fn write() -> Result<()> {
    peers::install()?;
    for Generated { path, text } in GENERATED {
        let text = text().with_context(|| format!("making {path}"))?;
        let path = repository().join(path);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(path, text)?;
    }
    Ok(())
}

pub(crate) fn check() -> Result<()> {
    peers::install()?;
    let stale = stale()?;
    ensure!(
        stale.is_empty(),
        "stale, run `cargo xtask codegen`: {stale:?}"
    );
    Ok(())
}

/// What an example of one of our crates prints; so this program builds even when that crate does not.
///
/// It is built as a run of all tests builds it, of all packages with the same features: inside of such
/// a run there is nothing left to build.
fn printed_by(example: &str) -> Result<String> {
    let mut build = cargo(&["build", "--quiet", "--message-format=json", "--workspace"]);
    let built = output(build.args(["--example", example]))?;
    let named = |line: &str| {
        let artifact: serde_json::Value = serde_json::from_str(line).ok()?;
        let is_it = artifact.pointer("/target/name")?.as_str()? == example;
        let program = artifact.get("executable")?.as_str()?;
        is_it.then(|| program.to_owned())
    };
    let program = built.lines().find_map(named);
    let program = program.with_context(|| format!("cargo names no program of `{example}`"))?;
    output(&mut crate::process::program(program, &[]))
}

/// The committed files that differ from what would be generated now.
pub(crate) fn stale() -> Result<Vec<&'static str>> {
    let mut stale = Vec::new();
    for Generated { path, text } in GENERATED {
        let text = text().with_context(|| format!("making {path}"))?;
        if fs::read_to_string(repository().join(path)).ok() != Some(text) {
            stale.push(*path);
        }
    }
    Ok(stale)
}
