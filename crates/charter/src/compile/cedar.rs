//! The Cedar policies of a task: one for each way in which it may call a tool.

use std::fmt::Write as _;

use serde::Serialize;

use super::CompileError;
use super::when::in_context;
use crate::charter::{Charter, Task};
use crate::name::TaskName;

/// The policies of one task, as text.
///
/// Each `permit` carries `@use`, the index of the tool in the task's list: limits, approval and the
/// like stand there and are not said twice. No policy, no permit: Cedar denies what none permits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CedarSet {
    pub policies: String,
    /// How many there are: one for each entry of the task's `tools`.
    pub uses: usize,
}

/// The policies of one task of a charter.
///
/// # Errors
///
/// When a condition could reach past its place.
pub fn cedar_set(
    charter: &Charter,
    name: &TaskName,
    task: &Task,
) -> Result<CedarSet, CompileError> {
    let mut policies = format!(
        "// What `{}` may call in a grant of `{name}`. Charter {}.\n",
        charter.agent,
        charter.hash()
    );
    for (index, used) in task.tools.iter().enumerate() {
        let condition = match &used.when {
            None => String::new(),
            Some(when) => {
                let expression = in_context(when).map_err(|why| CompileError::When {
                    task: name.clone(),
                    tool: used.tool.to_string(),
                    why,
                })?;
                format!("\nwhen {{ {expression} }}")
            }
        };
        // Names hold no character that Cedar would read: `name.rs` refuses them.
        let _ = write!(
            policies,
            "\n@use(\"{index}\")\npermit (\n  principal == Agent::\"{}\",\n  action == Action::\"call\",\n  resource == Tool::\"{}\"\n){condition};\n",
            charter.agent, used.tool
        );
    }
    Ok(CedarSet {
        policies,
        uses: task.tools.len(),
    })
}
