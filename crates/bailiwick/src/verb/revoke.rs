//! `revoke`: the end of one grant, and of all that was delegated from it.

use serde_json::Value;

use crate::{
    args::Revoke,
    daemon::{Daemon, Told, bearer},
    fault::Fault,
    outcome::Outcome,
    output::Output,
};

pub(crate) fn run(asked: &Revoke, json: bool, output: &mut Output) -> anyhow::Result<Outcome> {
    let id = &asked.grant;
    let is_id = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if !is_id {
        return Err(Fault::new(format!("`{id}` is no id of a grant"))
            .mend("an id is `g` and 32 hexadecimal digits, as `grant` and the ledger show it")
            .into());
    }
    let daemon = Daemon::at(&asked.reach)?;
    let path = format!("/v1/grants/{id}");
    let told = daemon.ask("DELETE", &path, &bearer(&asked.reach)?, None)?;
    let ended = match told {
        Told::Done(ended) => ended,
        Told::Not(outcome) => return Ok(outcome),
    };
    let text = if json {
        serde_json::to_string(&ended)? + "\n"
    } else {
        match ended.get("ended").and_then(Value::as_u64) {
            Some(0) => format!("{id} had ended before.\n"),
            Some(1) => format!("{id} has ended.\n"),
            more => format!(
                "{id} has ended, and {} that were delegated from it.\n",
                more.unwrap_or_default().saturating_sub(1)
            ),
        }
    };
    output.write(&text)?;
    Ok(Outcome::Clear)
}
