//! `compile`: charters as roles, policies, Cedar and selectors.

use std::collections::BTreeMap;

use bailiwick_charter::{
    Charters,
    compile::{self, CompileError, CompiledCharter, CompiledRole, Site},
};
use bailiwick_estate::Estate;
use bailiwick_iam::arn::{AccountId, Arn};
use bailiwick_review::{print, site::site as site_of};
use serde::Serialize;

use crate::{
    args::{Compile, Language},
    charters,
    fault::Fault,
    folder, ink, named,
    outcome::Outcome,
    output::Output,
    snapshot,
};

pub(crate) fn run(asked: &Compile, output: &mut Output) -> anyhow::Result<Outcome> {
    let known = site(asked)?;
    let charters = charters::load(&asked.paths)?;
    let estate = match asked.estate.as_slice() {
        [] => None,
        paths => Some(snapshot::load(paths)?),
    };
    let charters = compiled(&charters, &known, estate.as_ref())?;
    let answer = Answer {
        version: 1,
        broker: broker(asked, &charters, &known)?,
        charters,
    };
    match (&asked.out, asked.language) {
        (Some(folder), language) => folder::deliver(folder, &files(&answer, language)?)?,
        (None, Language::Json) => output.write(&pretty(&answer)?)?,
        (None, Language::Cloudformation | Language::Terraform) => {
            return Err(Fault::new("templates are several files")
                .mend("name a folder for them: --out DIR")
                .into());
        }
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
        organization: named::organization(asked.organization.as_deref())?,
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

fn compiled(
    charters: &Charters,
    known: &Site,
    estate: Option<&Estate>,
) -> Result<Vec<CompiledCharter>, Fault> {
    let of = |charter| {
        let site = estate.map(|estate| site_of(charter, estate, known));
        compile::compile(charter, site.as_ref().unwrap_or(known)).map_err(|error| {
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
    charters: &[CompiledCharter],
    site: &Site,
) -> Result<Option<CompiledRole>, Fault> {
    let Some(workload) = asked.with_broker.as_deref().map(arn).transpose()? else {
        return Ok(None);
    };
    let home = workload.account_id().or(site.account).ok_or_else(|| {
        Fault::new(format!("`{workload}` names no account")).mend("give --account ID")
    })?;
    let accounts: Vec<AccountId> = charters
        .iter()
        .flat_map(|charter| charter.tasks.keys().copied())
        .collect();
    let role = compile::broker(&workload, home, &accounts);
    role.map(Some).map_err(|error| {
        Fault::new(error.to_string())
            .mend("name the task definition, function or pod of the broker")
    })
}

/// A file for each policy, so that a reviewer sees each as a change of its own; templates; and for
/// each agent what no template holds.
fn files(answer: &Answer, language: Language) -> anyhow::Result<BTreeMap<String, String>> {
    let language = language.printed();
    let stacks = print::charter::stacks(&answer.charters, answer.broker.as_ref());
    let mut files = print::files(&stacks, language);
    files.insert("compiled.json".to_owned(), pretty(answer)?);
    for compiled in &answer.charters {
        let agent = &compiled.agent;
        for (task, set) in &compiled.cedar {
            files.insert(format!("cedar/{agent}/{task}.cedar"), set.policies.clone());
        }
        for (task, sessions) in &compiled.sessions {
            for (account, session) in sessions {
                files.insert(
                    format!("sessions/{agent}/{task}-{account}.json"),
                    pretty(session)?,
                );
            }
        }
        files.insert(
            format!("selectors/{agent}.json"),
            pretty(&compiled.selectors)?,
        );
        files.insert(
            format!("resource-policies/{agent}.json"),
            pretty(&compiled.hardening)?,
        );
    }
    Ok(files)
}

fn pretty(value: &impl Serialize) -> anyhow::Result<String> {
    let mut text = serde_json::to_string_pretty(value)?;
    text.push('\n');
    Ok(text)
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
