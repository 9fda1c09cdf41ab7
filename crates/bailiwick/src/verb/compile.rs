//! `compile`: charters as roles, policies, Cedar and selectors.

use std::{fs, path::Path};

use anyhow::Context as _;
use bailiwick_charter::{
    Charters,
    compile::{self, CompileError, CompiledCharter, CompiledRole, Site},
};
use bailiwick_iam::arn::{AccountId, Arn};
use serde::Serialize;

use crate::{
    args::{Compile, Language},
    charters,
    fault::Fault,
    ink,
    outcome::Outcome,
    output::{self, Output},
};

pub(crate) fn run(asked: &Compile, output: &mut Output) -> anyhow::Result<Outcome> {
    let site = site(asked)?;
    let charters = charters::load(&asked.paths)?;
    let answer = Answer {
        version: 1,
        charters: compiled(&charters, &site)?,
        broker: broker(asked, &charters, &site)?,
    };
    match asked.language {
        Language::Json => match &asked.out {
            None => {
                let mut text = serde_json::to_string_pretty(&answer)?;
                text.push('\n');
                output.write(&text)?;
            }
            Some(folder) => write_folder(&answer, folder)?,
        },
    }
    tell_remarks(&answer);
    Ok(Outcome::Clear)
}

/// What a script reads.
#[derive(Debug, Serialize)]
struct Answer {
    version: u32,
    charters: Vec<CompiledCharter>,
    #[serde(skip_serializing_if = "Option::is_none")]
    broker: Option<CompiledRole>,
}

fn site(asked: &Compile) -> Result<Site, Fault> {
    Ok(Site {
        account: asked.account.as_deref().map(account).transpose()?,
        broker: asked.broker.as_deref().map(arn).transpose()?,
        organization: asked.organization.clone(),
        audience: asked.audience.clone(),
        images: asked
            .image
            .iter()
            .map(|image| arn(image))
            .collect::<Result<_, _>>()?,
        ..Site::default()
    })
}

fn account(text: &str) -> Result<AccountId, Fault> {
    text.parse().map_err(|_| {
        Fault::new(format!("`{text}` is no account id")).mend("an account id is twelve digits")
    })
}

fn arn(text: &str) -> Result<Arn, Fault> {
    text.parse()
        .map_err(|error: bailiwick_iam::arn::ParseArnError| Fault::new(error.to_string()))
}

fn compiled(charters: &Charters, site: &Site) -> Result<Vec<CompiledCharter>, Fault> {
    let of = |charter| {
        compile::compile(charter, site).map_err(|error| {
            let file = charters.file_of(&charter.agent).unwrap_or_default();
            Fault::new(format!("{file}: {error}")).mend(mend(&error))
        })
    };
    charters.iter().map(of).collect()
}

fn mend(error: &CompileError) -> &'static str {
    match error {
        CompileError::NoAccount { .. } => "or give --account ID",
        CompileError::NoWorkload { .. } => {
            "runs-as: [ARN of the agent, function or task definition]"
        }
        CompileError::Platform { .. } => {
            "see docs/formats/charter.md for the workloads that are known"
        }
        CompileError::TooLong { mend, .. } => mend,
        CompileError::When { .. } => "`bailiwick charter check` points at it",
    }
}

/// The broker's role reaches the accounts in which the charters have task roles.
fn broker(
    asked: &Compile,
    charters: &Charters,
    site: &Site,
) -> Result<Option<CompiledRole>, Fault> {
    let Some(workload) = asked.with_broker.as_deref().map(arn).transpose()? else {
        return Ok(None);
    };
    let home = workload.account_id().or(site.account).ok_or_else(|| {
        Fault::new(format!("`{workload}` names no account")).mend("give --account ID")
    })?;
    let mut accounts = Vec::new();
    for compiled in compiled(charters, site)? {
        accounts.extend(compiled.tasks.into_keys());
    }
    let role = compile::broker(&workload, home, &accounts);
    role.map(Some).map_err(|error| {
        Fault::new(error.to_string())
            .mend("name the task definition, function or pod of the broker")
    })
}

/// One folder an agent, one file a policy, so that a reviewer sees each as a change of its own.
fn write_folder(answer: &Answer, folder: &Path) -> anyhow::Result<()> {
    for compiled in &answer.charters {
        let folder = folder.join(compiled.agent.as_str());
        write(&folder, "compiled.json", &pretty(compiled)?)?;
        for role in compiled.roles() {
            write_role(&folder, role)?;
        }
        for (task, set) in &compiled.cedar {
            write(&folder, &format!("{task}.cedar"), &set.policies)?;
        }
        if let Some(invoke) = &compiled.invoke {
            let name = format!("{}.policy.json", invoke.policy.name);
            write(&folder, &name, &pretty(&invoke.policy.document)?)?;
        }
        write(&folder, "selectors.json", &pretty(&compiled.selectors)?)?;
    }
    if let Some(broker) = &answer.broker {
        write_role(&folder.join("bailiwick-broker"), broker)?;
    }
    Ok(())
}

fn write_role(folder: &Path, role: &CompiledRole) -> anyhow::Result<()> {
    let folder = folder.join(role.account.as_str()).join(&role.name);
    write(&folder, "trust.json", &pretty(&role.trust)?)?;
    let boundary = &role.boundary;
    for policy in role.policies.iter().chain([boundary]) {
        write(
            &folder,
            &format!("{}.policy.json", policy.name),
            &pretty(&policy.document)?,
        )?;
    }
    Ok(())
}

fn pretty(value: &impl Serialize) -> anyhow::Result<String> {
    let mut text = serde_json::to_string_pretty(value)?;
    text.push('\n');
    Ok(text)
}

fn write(folder: &Path, name: &str, text: &str) -> anyhow::Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("cannot make `{}`", folder.display()))?;
    output::write_whole(&folder.join(name), text)
}

fn tell_remarks(answer: &Answer) {
    for compiled in &answer.charters {
        for remark in &compiled.remarks {
            ink::tell(&format!("{}: {remark}\n", compiled.agent));
        }
        for left in &compiled.outlives {
            ink::tell(&format!(
                "{}: {} outlives a session: {}\n",
                compiled.agent, left.action, left.what
            ));
        }
    }
}
