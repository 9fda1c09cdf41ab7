//! The summary of a plan, for the description of a pull request.

use std::fmt::Write as _;

use super::{Language, command, plan::Desk};
use crate::plan::{Change, Kind, Phase, Plan, Proof, Proven, Verdict};

pub(super) fn summary(plan: &Plan, desk: &Desk, language: Language) -> String {
    let mut text = format!("# {} `{}`\n\n", job(plan.kind), plan.subject);
    _ = writeln!(text, "{}\n", standing(plan));
    _ = writeln!(
        text,
        "Made from snapshot `{}`, with AWS's actions as of catalog {}. Applied to another snapshot, the plan is refused.\n",
        short(&plan.snapshot.0),
        plan.catalog
    );
    open(&mut text, plan);
    changes(&mut text, plan);
    proofs(&mut text, plan);
    obligations(&mut text, plan);
    drift(&mut text, plan);
    baseline(&mut text, plan);
    remarks(&mut text, plan);
    cut_over(&mut text, plan, desk, language);
    text
}

pub(super) fn job(kind: Kind) -> &'static str {
    match kind {
        Kind::Split => "Split of",
        Kind::Tighten => "Tightening of",
        Kind::Ceiling => "Ceilings over",
    }
}

fn standing(plan: &Plan) -> String {
    let of = |verdict| {
        let is = |proof: &&Proof| proof.proven.verdict() == verdict;
        plan.proofs.iter().filter(is).count()
    };
    let (refuted, unknown) = (of(Verdict::Refuted), of(Verdict::Unknown));
    match plan.verdict() {
        Verdict::Proved => format!("**All {} proofs hold.**", plan.proofs.len()),
        Verdict::Unknown => format!(
            "**{unknown} of {} proofs could not be told. Not to be applied before somebody has looked.**",
            plan.proofs.len()
        ),
        Verdict::Refuted => format!(
            "**{refuted} of {} proofs are refuted, {unknown} could not be told. Not to be applied as it stands.**",
            plan.proofs.len()
        ),
    }
}

/// What stands in the way, first.
fn open(text: &mut String, plan: &Plan) {
    for proof in plan.open() {
        let (verdict, why) = match &proof.proven {
            Proven::Refuted { why, .. } => ("refuted", why),
            Proven::Unknown { why } => ("unknown", why),
            Proven::Proved { .. } => continue,
        };
        _ = writeln!(
            text,
            "- **{verdict}**: {} for `{}`. {}",
            proof.claim,
            proof.subject,
            plain(why)
        );
        if let Proven::Refuted { witness, .. } = &proof.proven {
            _ = writeln!(text, "\n  ```json\n  {witness}\n  ```\n");
        }
    }
    if plan.open().next().is_some() {
        text.push('\n');
    }
}

fn changes(text: &mut String, plan: &Plan) {
    text.push_str("## What changes\n\n");
    if plan.changes.is_empty() {
        text.push_str("Nothing.\n\n");
        return;
    }
    text.push_str("| step | call | on | for | why |\n|---|---|---|---|---|\n");
    for (number, change) in plan.changes.iter().enumerate() {
        let agent = change.agent.as_deref().unwrap_or("");
        _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} |",
            number + 1,
            change.act.call(),
            code(&change.act.subject()),
            cell(agent),
            cell(&change.why)
        );
    }
    text.push('\n');
}

fn proofs(text: &mut String, plan: &Plan) {
    text.push_str("## Proofs\n\n| claim | subject | verdict | shown by |\n|---|---|---|---|\n");
    for proof in &plan.proofs {
        let (verdict, shown) = match &proof.proven {
            Proven::Proved { certificate } => ("proved", counted(certificate)),
            Proven::Refuted { why, .. } => ("**refuted**", cell(why)),
            Proven::Unknown { why } => ("**unknown**", cell(why)),
        };
        _ = writeln!(
            text,
            "| {} | {} | {verdict} | {shown} |",
            proof.claim,
            code(&proof.subject)
        );
    }
    text.push('\n');
}

fn counted(certificate: &[String]) -> String {
    match certificate {
        [] => "nothing to hold".to_owned(),
        [only] => cell(only),
        [first, rest @ ..] => format!("{}; and {} more in `plan.json`", cell(first), rest.len()),
    }
}

fn obligations(text: &mut String, plan: &Plan) {
    if plan.obligations.is_empty() {
        return;
    }
    text.push_str("## What somebody must still do\n\n");
    for obligation in &plan.obligations {
        _ = writeln!(
            text,
            "- [ ] `{}`: {}, because {}",
            obligation.subject,
            plain(&obligation.what),
            plain(&obligation.why)
        );
    }
    text.push('\n');
}

fn drift(text: &mut String, plan: &Plan) {
    if plan.drift.is_empty() {
        return;
    }
    text.push_str("## Used and not declared\n\nNot granted. Either the charter lacks it, or the agent should not do it.\n\n| agent | action | resource | calls | last |\n|---|---|---|---|---|\n");
    for seen in &plan.drift {
        _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} |",
            cell(seen.agent.as_deref().unwrap_or("nobody can say which")),
            seen.action,
            code(&seen.resource),
            seen.count,
            seen.last
        );
    }
    text.push('\n');
}

fn baseline(text: &mut String, plan: &Plan) {
    if plan.baseline.is_empty() {
        return;
    }
    text.push_str("## Kept beside what charters declare\n\nWhat the platform needs of every agent; all that may be new beyond what a role had.\n\n| agent | right | actions | why |\n|---|---|---|---|\n");
    for right in &plan.baseline {
        _ = writeln!(
            text,
            "| {} | {} | {} | {} |",
            right.agent,
            right.sid,
            right.actions.join(", "),
            cell(&right.reason)
        );
    }
    text.push('\n');
}

fn remarks(text: &mut String, plan: &Plan) {
    if plan.remarks.is_empty() {
        return;
    }
    text.push_str("## To know\n\n");
    for remark in &plan.remarks {
        _ = writeln!(text, "- {}", plain(remark));
    }
    text.push('\n');
}

fn cut_over(text: &mut String, plan: &Plan, desk: &Desk, language: Language) {
    if plan.changes.is_empty() {
        return;
    }
    text.push_str("## Step by step\n\n");
    text.push_str(match language {
        Language::Cloudformation => {
            "What `cloudformation/` makes, the templates make: deploy them in place of those steps. The others are done by hand, in this order.\n"
        }
        Language::Terraform => {
            "What `terraform/` makes, its modules make: apply them in place of those steps. The others are done by hand, in this order.\n"
        }
        Language::Json => "In this order, with credentials of the account that each step names.\n",
    });
    // The order is the plan's: an agent may be verified before the next one moves.
    let numbered: Vec<(usize, &Change)> = plan.changes.iter().enumerate().collect();
    for steps in numbered.chunk_by(|(_, one), (_, next)| one.phase == next.phase) {
        let Some((_, first)) = steps.first() else {
            continue;
        };
        _ = writeln!(text, "\n### {}\n\n```sh", heading(first.phase));
        for (number, change) in steps {
            _ = writeln!(text, "# {}. {}", number + 1, plain(&change.why));
            for line in command::of(&change.act, desk.path(*number, false)) {
                _ = writeln!(text, "{line}");
            }
        }
        text.push_str("```\n");
    }
    text.push_str("\n### To undo it, last step first\n\n```sh\n");
    for (number, change) in plan.changes.iter().enumerate().rev() {
        _ = writeln!(text, "# {}.", number + 1);
        for line in command::of(&change.inverse.0, desk.path(number, true)) {
            _ = writeln!(text, "{line}");
        }
    }
    text.push_str("```\n");
}

fn heading(phase: Phase) -> &'static str {
    match phase {
        Phase::Create => "Make what is new; nothing uses it yet",
        Phase::Update => {
            "Change the agents; where they have versions, in ones that nothing routes to yet"
        }
        Phase::Route => "Let it take effect",
        Phase::Verify => "Look whether all works",
        Phase::Retire => "Take away what nothing uses any more",
    }
}

/// Enough of a hash to tell it from others.
fn short(hash: &str) -> &str {
    hash.get(.."sha256:".len() + 12).unwrap_or(hash)
}

/// Text of a plan, which may come from tags and names, as text and not as markup.
fn plain(text: &str) -> String {
    text.replace('\n', " ").replace('<', "&lt;")
}

fn cell(text: &str) -> String {
    plain(text).replace('|', "\\|")
}

fn code(text: &str) -> String {
    if text.is_empty() {
        return String::new();
    }
    format!("`{}`", text.replace(['\n', '`'], " ").replace('|', "\\|"))
}
