//! `reach`: what every principal can become.

use bailiwick_estate::{Estate, PrincipalId};
use bailiwick_iam::arn::Arn;
use bailiwick_review::escalation::{self, Admin, Graph, Reach};

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
        lines(&graph, &asked, output)?;
    } else {
        Table::new(Ink::of_stdout()).write(&graph, &asked, output)?;
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

fn each(graph: &Graph<'_>, asked: &[PrincipalId]) -> Vec<Reach> {
    if asked.is_empty() {
        return graph.reaches().collect();
    }
    asked.iter().map(|&id| graph.reach(id)).collect()
}

/// One object a line, each written as soon as it is known.
fn lines(graph: &Graph<'_>, asked: &[PrincipalId], output: &mut Output) -> anyhow::Result<()> {
    let mut write = |reach: &Reach| -> anyhow::Result<bool> {
        output.write(&serde_json::to_string(reach)?)?;
        output.write("\n")?;
        Ok(output.is_gone())
    };
    if asked.is_empty() {
        for reach in graph.reaches() {
            if write(&reach)? {
                break;
            }
        }
        return Ok(());
    }
    for &id in asked {
        write(&graph.reach(id))?;
    }
    Ok(())
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
        graph: &Graph<'_>,
        asked: &[PrincipalId],
        output: &mut Output,
    ) -> anyhow::Result<()> {
        let reaches = each(graph, asked);
        self.tally(&reaches);
        let mut worst: Vec<_> = reaches.iter().collect();
        // Stable: within a level, by ARN.
        worst.sort_by_key(|reach| std::cmp::Reverse(reach.admin));
        let mut quiet = 0;
        for reach in worst {
            let is_quiet = reach.reaches.is_empty() && reach.admin == Admin::No;
            if is_quiet && asked.is_empty() {
                quiet += 1;
            } else {
                self.principal(reach);
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

    fn tally(&mut self, reaches: &[Reach]) {
        let of = |admin| reaches.iter().filter(|reach| reach.admin == admin).count();
        let direct = reaches.iter().filter(|reach| reach.direct).count();
        let line = format!(
            "{}: {direct} administrators, {} that can become one, {} that could if something exists, {} unknown",
            count(reaches.len(), "principal"),
            of(Admin::Yes) - direct.min(of(Admin::Yes)),
            of(Admin::Potential),
            of(Admin::Unknown),
        );
        let line = self.ink.bold(&line);
        self.line(&line);
    }

    fn principal(&mut self, reach: &Reach) {
        let (style, word) = match (reach.admin, reach.direct) {
            (Admin::Yes, true) => (ink::ALARM, "administrator"),
            (Admin::Yes, false) => (ink::ALARM, "becomes administrator"),
            (Admin::Potential, _) => (ink::YELLOW, "may become administrator"),
            (Admin::Unknown, _) => (ink::CYAN, "could not be told"),
            (Admin::No, _) => (ink::GREEN, "not administrator"),
        };
        self.line("");
        let name = self.ink.bold(&safe(reach.principal.as_str()));
        let word = self.ink.paint(style, word);
        self.line(&format!("{name}  {word}"));
        for reached in reach.reaches.iter().take(WAYS) {
            for (index, hop) in reached.hops.iter().enumerate() {
                let arrow = if index == 0 { "→" } else { "  →" };
                let line = format!("  {arrow} {}  ", safe(local(hop.to.as_str())));
                let id = self.ink.dim(&hop.path);
                self.line(&format!("{line}{id}"));
                if let Some(assumes) = &hop.assumes {
                    self.labelled("assumes", assumes);
                }
                self.labelled("cut", &hop.cut);
            }
        }
        if let Some(more @ 1..) = reach.reaches.len().checked_sub(WAYS) {
            let line = format!("    … and {more} more ways; --json lists them all");
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
