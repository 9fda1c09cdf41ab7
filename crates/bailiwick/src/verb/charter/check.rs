//! `charter check`: charters that read well, and what is doubtful about them.

use bailiwick_charter::{
    Charters, Contradiction, Lasts,
    check::{Ceilings, Remark, Weight, check},
};
use serde::Serialize;

use crate::{
    args::{CharterCheck, Level},
    charters::{self, Catalog},
    fault::Fault,
    ink::{self, Ink, safe},
    outcome::Outcome,
    output::Output,
};

pub(crate) fn run(
    asked: &CharterCheck,
    json: bool,
    output: &mut Output,
) -> anyhow::Result<Outcome> {
    let ceilings = Ceilings {
        task_seconds: ceiling(&asked.ttl_ceiling)?,
    };
    let charters = charters::load(&asked.paths)?;
    let answer = Answer::of(&charters, ceilings);
    let text = if json {
        let mut text = serde_json::to_string_pretty(&answer)?;
        text.push('\n');
        text
    } else {
        answer.in_words(Ink::of_stdout())
    };
    output.write(&text)?;
    Ok(answer.outcome(weight(asked.fail_on)))
}

fn ceiling(written: &str) -> Result<u32, Fault> {
    let span: Lasts = written
        .parse()
        .map_err(|error: bailiwick_charter::SpanError| {
            Fault::new(error.to_string()).mend("write --ttl-ceiling 4h")
        })?;
    Ok(span.seconds())
}

/// The remarks of a charter weigh what findings of that level do; none is critical.
fn weight(level: Level) -> Option<Weight> {
    match level {
        Level::Critical => None,
        Level::High => Some(Weight::High),
        Level::Medium => Some(Weight::Medium),
        Level::Low => Some(Weight::Low),
        Level::Info => Some(Weight::Info),
    }
}

/// What a script reads.
#[derive(Debug, Serialize)]
struct Answer {
    version: u32,
    charters: Vec<Checked>,
    contradictions: Vec<Contradicted>,
}

#[derive(Debug, Serialize)]
struct Checked {
    file: String,
    agent: String,
    hash: String,
    remarks: Vec<Placed>,
}

#[derive(Debug, Serialize)]
struct Placed {
    line: Option<usize>,
    column: Option<usize>,
    #[serde(flatten)]
    remark: Remark,
}

#[derive(Debug, Serialize)]
struct Contradicted {
    weight: Weight,
    what: String,
    agents: Vec<String>,
}

impl Answer {
    fn of(charters: &Charters, ceilings: Ceilings) -> Self {
        let checked = charters.iter().map(|charter| Checked {
            file: charters
                .file_of(&charter.agent)
                .unwrap_or_default()
                .to_owned(),
            agent: charter.agent.to_string(),
            hash: charter.hash().to_string(),
            remarks: check(charter, &Catalog, ceilings)
                .into_iter()
                .map(|remark| Placed {
                    line: remark.place.map(|place| place.line),
                    column: remark.place.map(|place| place.column),
                    remark,
                })
                .collect(),
        });
        Self {
            version: 1,
            charters: checked.collect(),
            contradictions: charters
                .contradictions()
                .iter()
                .map(Contradicted::of)
                .collect(),
        }
    }

    fn remarks(&self) -> impl Iterator<Item = &Remark> {
        let placed = self.charters.iter().flat_map(|checked| &checked.remarks);
        placed.map(|placed| &placed.remark)
    }

    fn outcome(&self, fail_on: Option<Weight>) -> Outcome {
        let Some(least) = fail_on else {
            return Outcome::Clear;
        };
        let of_remark = |remark: &Remark| match (remark.weight <= least, remark.is_unknown) {
            (false, _) => Outcome::Clear,
            (true, true) => Outcome::Untold,
            (true, false) => Outcome::Found,
        };
        let told = self
            .remarks()
            .map(of_remark)
            .max()
            .unwrap_or(Outcome::Clear);
        let contradicted = self
            .contradictions
            .iter()
            .any(|found| found.weight <= least);
        if contradicted { Outcome::Found } else { told }
    }

    fn in_words(&self, ink: Ink) -> String {
        let mut text = String::new();
        for checked in &self.charters {
            if checked.remarks.is_empty() {
                continue;
            }
            text.push_str(&format!("{}\n", ink.bold(&safe(&checked.file))));
            for Placed { remark, .. } in &checked.remarks {
                text.push_str(&remark_in_words(remark, ink));
            }
            text.push('\n');
        }
        for found in &self.contradictions {
            text.push_str(&format!(
                "  {}  {}\n",
                painted(found.weight, false, ink),
                safe(&found.what)
            ));
        }
        if !self.contradictions.is_empty() {
            text.push('\n');
        }
        text.push_str(&self.count());
        text
    }

    fn count(&self) -> String {
        let of = |weight: Weight| {
            let remarks = self
                .remarks()
                .filter(|remark| remark.weight == weight)
                .count();
            let contradictions = self
                .contradictions
                .iter()
                .filter(|found| found.weight == weight)
                .count();
            remarks + contradictions
        };
        let charters = self.charters.len();
        let plural = if charters == 1 { "" } else { "s" };
        format!(
            "{charters} charter{plural}: {} high, {} medium, {} low, {} info\n",
            of(Weight::High),
            of(Weight::Medium),
            of(Weight::Low),
            of(Weight::Info)
        )
    }
}

impl Contradicted {
    fn of(contradiction: &Contradiction) -> Self {
        let (weight, agents) = match contradiction {
            Contradiction::RunsAsTwice { agents, .. } | Contradiction::RoleIds { agents, .. } => {
                (Weight::High, agents)
            }
            // Where agents share a role today, their charters say so until it is split.
            Contradiction::RoleTwice { agents, .. } => (Weight::Medium, agents),
        };
        Self {
            weight,
            what: contradiction.to_string(),
            agents: agents.iter().map(ToString::to_string).collect(),
        }
    }
}

fn remark_in_words(remark: &Remark, ink: Ink) -> String {
    let place = remark
        .place
        .map_or_else(String::new, |place| place.to_string());
    format!(
        "  {}  {place:<7} {}: {}\n  {:17} {}\n",
        painted(remark.weight, remark.is_unknown, ink),
        remark.about,
        safe(&remark.what),
        "",
        ink.dim(&safe(&remark.mend)),
    )
}

fn painted(weight: Weight, is_unknown: bool, ink: Ink) -> String {
    let (style, word) = match (is_unknown, weight) {
        (true, _) => (ink::CYAN, "unknown"),
        (false, Weight::High) => (ink::RED, "high"),
        (false, Weight::Medium) => (ink::YELLOW, "medium"),
        (false, Weight::Low) => (ink::BLUE, "low"),
        (false, Weight::Info) => (ink::DIM, "info"),
    };
    ink.paint(style, &format!("{word:<7}"))
}
