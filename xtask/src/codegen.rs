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
        text: || printed_by("bailiwick-charter", "schema"),
    },
    Generated {
        path: "docs/formats/openapi.json",
        text: || printed_by("bailiwick-gateway", "openapi"),
    },
    Generated {
        path: "docs/rules.md",
        text: || printed_by("bailiwick-review", "manual"),
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
fn printed_by(package: &str, example: &str) -> Result<String> {
    output(&mut cargo(&[
        "run",
        "--quiet",
        "--package",
        package,
        "--example",
        example,
    ]))
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
