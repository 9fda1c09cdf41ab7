//! SCPs and RCPs in `organization.json`.

use serde_json::{Map, Value, json};

use super::{
    ApplyError, Snapshot,
    apply::{exists, missing},
};
use crate::plan::{CeilingKind, Document};

/// Units nest five deep in AWS.
const DEPTH_MAX: usize = 16;

impl Snapshot {
    pub(super) fn attach_ceiling(
        &mut self,
        ceiling: CeilingKind,
        name: &str,
        target: &str,
        document: &Document,
    ) -> Result<(), ApplyError> {
        let list = self.ceilings(ceiling, target)?;
        if list.iter().any(|it| is_named(it, name)) {
            return Err(exists("ceiling", name));
        }
        list.push(json!({"name": name, "document": document.0}));
        Ok(())
    }

    pub(super) fn detach_ceiling(
        &mut self,
        ceiling: CeilingKind,
        name: &str,
        target: &str,
    ) -> Result<(), ApplyError> {
        let list = self.ceilings(ceiling, target)?;
        let at = list.iter().position(|it| is_named(it, name));
        let at = at.ok_or_else(|| missing("ceiling", name))?;
        list.remove(at);
        Ok(())
    }

    fn ceilings(
        &mut self,
        ceiling: CeilingKind,
        target: &str,
    ) -> Result<&mut Vec<Value>, ApplyError> {
        let name = match ceiling {
            CeilingKind::Scp => "scps",
            CeilingKind::Rcp => "rcps",
        };
        let node = self
            .files
            .values_mut()
            .filter(|file| file.get("management_account").is_some())
            .find_map(|file| find(file.get_mut("roots")?, target, DEPTH_MAX))
            .ok_or_else(|| missing("root, unit or account", target))?;
        let list = node.entry(name).or_insert_with(|| json!([]));
        list.as_array_mut()
            .ok_or_else(|| missing("list of ceilings of", target))
    }
}

fn is_named(ceiling: &Value, name: &str) -> bool {
    ceiling.get("name").and_then(Value::as_str) == Some(name)
}

/// The root, unit or account with this id, at or below the nodes of a list.
fn find<'v>(list: &'v mut Value, id: &str, depth: usize) -> Option<&'v mut Map<String, Value>> {
    let depth = depth.checked_sub(1)?;
    for node in list.as_array_mut()? {
        if node.get("id").and_then(Value::as_str) == Some(id) {
            return node.as_object_mut();
        }
        let Some(node) = node.as_object_mut() else {
            continue;
        };
        let below = node
            .iter_mut()
            .filter(|(name, _)| *name == "units" || *name == "accounts");
        for (_, list) in below {
            if let Some(found) = find(list, id, depth) {
                return Some(found);
            }
        }
    }
    None
}
