//! `reach`: what every principal can become.

use std::collections::BTreeMap;

use bailiwick_estate::{Estate, Incomplete, MORE_PRINCIPALS, PrincipalId};
use bailiwick_iam::arn::{AccountId, Arn};
use bailiwick_review::escalation::{self, Admin, Graph, Reach};
use serde::Serialize;

use crate::{
    args,
    fault::Fault,
    format::words::{count, local},
    ink::{self, Ink, safe, wrap},
    outcome::Outcome,
    output::Output,
    snapshot,
};

pub(crate) fn run(reach: &args::Reach, json: bool, output: &mut Output) -> anyhow::Result<Outcome> {
    let estate = snapshot::load(&reach.paths)?;
    let asked: Vec<_> = reach
        .from
        .iter()
        .map(|arn| principal(&estate, arn))
        .collect::<Result<_, _>>()?;
    let graph = escalation::graph(&estate, bailiwick_iam_catalog::builtin());
    if json {
        let ways_max = reach.ways.unwrap_or(match asked.as_slice() {
            [] => WAYS_LISTED,
            _ => usize::MAX,
        });
        lines(&estate, &graph, &asked, ways_max, output)?;
    } else {
        let table = Table::new(Ink::of_stdout());
        table.write(
            &standings(&estate, &graph, &asked),
            !asked.is_empty(),
            output,
        )?;
    }
    snapshot::tell_incomplete(&estate);
    Ok(Outcome::Clear)
}

/// The principal of that ARN, or what is wrong with it.
pub(crate) fn principal(estate: &Estate, text: &str) -> Result<PrincipalId, Fault> {
    let arn: Arn = text.parse().map_err(|error| {
        Fault::new(format!("`{text}` is no ARN: {error}"))
            .mend("write the whole ARN, for example arn:aws:iam::111122223333:role/support-bot")
    })?;
    estate.principal(&arn).ok_or_else(|| {
        let name = arn.resource_name();
        let meant = estate
            .principals()
            .map(|id| estate.arn(id))
            .find(|known| known.resource_name().eq_ignore_ascii_case(name));
        let fault = Fault::new(format!("the snapshot holds no role and no user `{text}`"));
        match meant {
            Some(known) => fault.mend(format!("did you mean {known}?")),
            None => fault.mend("`bailiwick reach PATH --json` lists every principal"),
        }
    })
}

/// What a principal can become, and whether that is an administrator as people mean it: somebody
/// whom SCPs alone limit.
struct Standing {
    /// With the ways that are shown.
    reach: Reach,
    /// How many more there are.
    more: usize,
    admin: Admin,
    is_admin: bool,
}

/// Those that can become an administrator first, those that are one last; else by ARN. Of each, the
/// ways that end at an administrator first.
fn standings(estate: &Estate, graph: &Graph<'_>, asked: &[PrincipalId]) -> Vec<Standing> {
    let everyone: Vec<_> = estate.principals().collect();
    let asked = if asked.is_empty() { &everyone } else { asked };
    let is_admin = |arn: &Arn| {
        let principal = estate.principal(arn);
        principal.is_some_and(|principal| graph.is_account_admin(principal))
    };
    let mut standings: Vec<_> = asked
        .iter()
        .map(|&principal| {
            let mut reach = graph.reach(principal);
            let already = graph.is_account_admin(principal);
            // An administrator is everyone in its account; whom it becomes elsewhere is news.
            let home = reach.principal.account_id();
            reach
                .reaches
                .retain(|it| !already || it.principal.account_id() != home);
            reach
                .reaches
                .sort_by_key(|it| (!is_admin(&it.principal), it.hops.len()));
            // Of a thousand principals with a thousand ways each, all cannot be held.
            let more = reach.reaches.len().saturating_sub(WAYS);
            reach.reaches.truncate(WAYS);
            Standing {
                more,
                admin: graph.account_admin(principal),
                is_admin: already,
                reach,
            }
        })
        .collect();
    standings.sort_by(|a, b| {
        let rank = |it: &Standing| (it.is_admin, std::cmp::Reverse(it.admin));
        let by_arn = || a.reach.principal.cmp(&b.reach.principal);
        rank(a).cmp(&rank(b)).then_with(by_arn)
    });
    standings
}

/// One line of the answer, and what a reader must know to weigh it.
#[derive(Serialize)]
struct Line<'l> {
    #[serde(flatten)]
    reach: &'l Reach,
    /// `admin`, were the SCPs' denials not counted; where that is the same, it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    admin_but_for_scps: Option<Admin>,
    /// What the snapshot lacks of the principals of its account: there may be more ways than these.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    incomplete: &'l [&'l Incomplete],
}

/// So many ways of each principal are listed where nobody asked for it in particular, so that what is
/// written grows with the principals and not with their square.
const WAYS_LISTED: usize = 500;

/// One object a line, each written as soon as it is known.
fn lines(
    estate: &Estate,
    graph: &Graph<'_>,
    asked: &[PrincipalId],
    ways_max: usize,
    output: &mut Output,
) -> anyhow::Result<()> {
    let mut everyone: Vec<_> = estate.principals().collect();
    everyone.sort_by_key(|&principal| estate.arn(principal));
    let asked = if asked.is_empty() { &everyone } else { asked };
    let accounts = estate.accounts.keys();
    let lacking: BTreeMap<_, _> = accounts
        .map(|&account| (account, incomplete_in(estate, account)))
        .collect();
    for &principal in asked {
        let reach = graph.reach_by(principal, ways_max);
        let line = Line {
            reach: &reach,
            admin_but_for_scps: but_for_scps(graph, principal),
            incomplete: lacking
                .get(&estate.account_of(principal))
                .map_or(&[], Vec::as_slice),
        };
        output.write(&serde_json::to_string(&line)?)?;
        output.write("\n")?;
        if output.is_gone() {
            break;
        }
    }
    Ok(())
}

/// Whether a principal is, or can become, somebody whom SCPs alone limit; `None` where the SCPs make
/// no difference.
pub(super) fn but_for_scps(graph: &Graph<'_>, principal: PrincipalId) -> Option<Admin> {
    let admin = graph.account_admin(principal);
    (admin != graph.admin(principal)).then_some(admin)
}

/// What the snapshot lacks of the principals of an account: a page, or a list.
fn incomplete_in(estate: &Estate, account: AccountId) -> Vec<&Incomplete> {
    let lists = ["users", "groups", "roles"].map(|list| format!("{list} of account {account}"));
    let page = format!("{MORE_PRINCIPALS} {account}");
    let missing = estate.incomplete.iter();
    missing
        .filter(|it| it.what == page || lists.contains(&it.what))
        .collect()
}

/// How many ways of one principal the table shows.
const WAYS: usize = 4;

struct Table {
    ink: Ink,
    text: String,
}

impl Table {
    fn new(ink: Ink) -> Self {
        Self {
            ink,
            text: String::new(),
        }
    }

    fn write(
        mut self,
        standings: &[Standing],
        all: bool,
        output: &mut Output,
    ) -> anyhow::Result<()> {
        self.tally(standings);
        let mut quiet = 0;
        for standing in standings {
            let is_quiet = standing.reach.reaches.is_empty() && standing.admin == Admin::No;
            if is_quiet && !all {
                quiet += 1;
            } else {
                self.principal(standing);
            }
        }
        if quiet > 0 {
            let line = format!("{} can become nobody else", count(quiet, "principal"));
            let line = self.ink.paint(ink::GREEN, &line);
            self.line("");
            self.line(&line);
        }
        output.write(&self.text)
    }

    fn tally(&mut self, standings: &[Standing]) {
        let of = |admin| {
            standings
                .iter()
                .filter(|it| it.admin == admin && !it.is_admin)
                .count()
        };
        let line = format!(
            "{}: {} administrators, {} that can become one, {} that could if something exists, {} unknown",
            count(standings.len(), "principal"),
            standings.iter().filter(|it| it.is_admin).count(),
            of(Admin::Yes),
            of(Admin::Potential),
            of(Admin::Unknown),
        );
        let line = self.ink.bold(&line);
        self.line(&line);
    }

    fn principal(&mut self, standing: &Standing) {
        let reach = &standing.reach;
        let (style, word) = match (standing.admin, standing.is_admin) {
            (Admin::Yes, true) if reach.direct => (ink::ALARM, "administrator"),
            (Admin::Yes, true) => (ink::ALARM, "administrator, but for what SCPs deny"),
            (Admin::Yes, false) => (ink::ALARM, "becomes administrator"),
            (Admin::Potential, _) => (ink::YELLOW, "may become administrator"),
            (Admin::Unknown, _) => (ink::CYAN, "could not be told"),
            (Admin::No, _) => (ink::GREEN, "not administrator"),
        };
        self.line("");
        let name = self.ink.bold(&safe(reach.principal.as_str()));
        let word = self.ink.paint(style, word);
        self.line(&format!("{name}  {word}"));
        for reached in &reach.reaches {
            for (index, hop) in reached.hops.iter().enumerate() {
                let arrow = if index == 0 { "→" } else { "  →" };
                let to = hop.to.as_str();
                let is_near = hop.to.account_id() == reach.principal.account_id();
                let line = format!("  {arrow} {}  ", safe(if is_near { local(to) } else { to }));
                let id = self.ink.dim(&hop.path);
                self.line(&format!("{line}{id}"));
                if let Some(assumes) = &hop.assumes {
                    self.labelled("assumes", assumes);
                }
                self.labelled("cut", &hop.cut);
            }
        }
        if let more @ 1.. = standing.more {
            let line = format!("    … and {more} more ways; --json --ways all lists them");
            let line = self.ink.dim(&line);
            self.line(&line);
        }
    }

    fn labelled(&mut self, label: &str, text: &str) {
        for (index, line) in wrap(&safe(text), self.ink.width - 18).iter().enumerate() {
            let label = if index == 0 { label } else { "" };
            let label = self.ink.dim(&format!("{label:<9}"));
            self.line(&format!("        {label} {line}"));
        }
    }

    fn line(&mut self, line: &str) {
        self.text.push_str(line.trim_end());
        self.text.push('\n');
    }
}
