//! Operators: added, removed, listed.

use std::process::ExitCode;

use bailiwick_gateway::operator::{Operator, Role};

use crate::{
    args::{self, OperatorVerb, RoleName},
    data::{Folder, operator_token},
    fault::Fault,
    log,
};

pub(crate) fn run(asked: &args::Operator) -> anyhow::Result<ExitCode> {
    match &asked.verb {
        OperatorVerb::Add(add) => {
            let folder = Folder::open(&add.data.folder)?;
            let mut listed = folder.listed()?;
            let is_taken =
                add.name == "operator" || listed.iter().any(|known| known.name == add.name);
            if is_taken {
                let fault = Fault::new(format!("there is an operator `{}` already", add.name))
                    .mend("remove it first, or choose another name");
                return Err(fault.into());
            }
            let is_plain = !add.name.is_empty()
                && add.name.bytes().all(|byte| byte.is_ascii_graphic())
                && add.name.len() <= 64;
            if !is_plain {
                let fault = Fault::new("an operator's name has 1 to 64 visible ASCII characters");
                return Err(fault.into());
            }
            let token = operator_token()?;
            let role = match add.role {
                RoleName::Viewer => Role::Viewer,
                RoleName::Approver => Role::Approver,
                RoleName::Operator => Role::Operator,
            };
            listed.push(Operator::with_token(&add.name, role, &token));
            folder.list(listed)?;
            log::say("This token is shown once; a running daemon knows it within two seconds.");
            log::answer(&token);
        }
        OperatorVerb::Remove(remove) => {
            let folder = Folder::open(&remove.data.folder)?;
            let mut listed = folder.listed()?;
            let before = listed.len();
            listed.retain(|known| known.name != remove.name);
            if listed.len() == before {
                let fault = Fault::new(format!("there is no operator `{}`", remove.name))
                    .mend("`bailiwickd operator list` says who there is");
                return Err(fault.into());
            }
            folder.list(listed)?;
            log::say("A running daemon knows it within two seconds.");
        }
        OperatorVerb::List(list) => {
            let folder = Folder::open(&list.data.folder)?;
            log::answer("operator\toperator");
            for operator in folder.listed()? {
                log::answer(&format!("{}\t{}", operator.role.name(), operator.name));
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}
