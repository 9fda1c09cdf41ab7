//! What tool servers say of their tools: `SERVER.json` holds what the server answers to
//! `tools/list`. Conditions are typed by it, and the pins in charters compared.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use bailiwick_authority::{
    SchemaFault, ToolSchema, Tools,
    json::{self, Bounds, Value},
};

/// Reads the tools that these files describe.
///
/// # Errors
/// Everything that is wrong, a line each.
pub(crate) fn read(files: &BTreeMap<String, Vec<u8>>, below: &Path) -> Result<Tools, Vec<String>> {
    let mut tools = Tools::default();
    let mut problems = Vec::new();
    for (name, bytes) in files {
        let shown = below.join(name);
        let mut wrong = |what: String| problems.push(format!("{}: {what}", shown.display()));
        let Some(server) = PathBuf::from(name)
            .file_stem()
            .and_then(|stem| stem.to_str().map(str::to_owned))
        else {
            continue;
        };
        let pages = match json::read(bytes, Bounds::ANSWER) {
            Ok(Value::List(pages)) => pages,
            Ok(page) => vec![page],
            Err(fault) => {
                wrong(fault.to_string());
                continue;
            }
        };
        for page in &pages {
            // As it came over the wire, or what stands in it.
            let page = page.get("result").unwrap_or(page);
            let Some(Value::List(described)) = page.get("tools") else {
                wrong("no `tools`: write here what the server answers to `tools/list`".to_owned());
                continue;
            };
            for described in described {
                match one(&server, described) {
                    Ok((tool, schema)) => match tools.clone().and(tool, schema) {
                        Ok(more) => tools = more,
                        Err(fault) => wrong(fault.to_string()),
                    },
                    Err(what) => wrong(what),
                }
            }
        }
    }
    if problems.is_empty() {
        Ok(tools)
    } else {
        Err(problems)
    }
}

fn one(
    server: &str,
    described: &Value,
) -> Result<(bailiwick_charter::ToolName, ToolSchema), String> {
    let name = described.get("name").and_then(Value::text);
    let name = name.ok_or_else(|| "a tool without a `name`".to_owned())?;
    let tool = format!("{server}/{name}");
    let named = tool
        .parse()
        .map_err(|error| format!("`{tool}` is no name that a charter could hold: {error}"))?;
    let schema =
        ToolSchema::of(described).map_err(|fault: SchemaFault| format!("`{tool}`: {fault}"))?;
    Ok((named, schema))
}
