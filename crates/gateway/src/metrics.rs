//! What an operator's monitoring reads: Prometheus text, every name with `bailiwick_` before it.

use std::{
    fmt::Write as _,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use crate::route::{Operation, ROUTES};

/// Upper ends of the buckets, in microseconds.
const BUCKETS_US: [u64; 12] = [
    250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 1_000_000, 5_000_000,
];

/// Classes of a status: 2xx, 3xx, 4xx, 5xx.
const CLASSES: usize = 4;

/// How a call was decided, for counting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decided {
    Allow,
    Deny,
    StepUp,
    /// A denial because something here does not work: to be looked at.
    Fault,
}

impl Decided {
    const ALL: [Self; 4] = [Self::Allow, Self::Deny, Self::StepUp, Self::Fault];

    fn name(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
            Self::StepUp => "step_up",
            Self::Fault => "fault",
        }
    }
}

/// What is shown to prove an identity, for counting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shows {
    Ticket,
    /// For development.
    Name,
    /// Something that somebody else vouches for.
    Proof,
    /// The certificate of the connection.
    Certificate,
}

impl Shows {
    const ALL: [Self; 4] = [Self::Ticket, Self::Name, Self::Proof, Self::Certificate];

    fn name(self) -> &'static str {
        match self {
            Self::Ticket => "ticket",
            Self::Name => "local",
            Self::Proof => "proof",
            Self::Certificate => "certificate",
        }
    }
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Proved,
    Malformed,
    Refused,
    /// It holds, and stands for no agent that was asked for.
    Unbound,
    /// Whoever could tell cannot be reached: to be looked at.
    Unavailable,
}

impl Outcome {
    const ALL: [Self; 5] = [
        Self::Proved,
        Self::Malformed,
        Self::Refused,
        Self::Unbound,
        Self::Unavailable,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Proved => "proved",
            Self::Malformed => "malformed",
            Self::Refused => "refused",
            Self::Unbound => "unbound",
            Self::Unavailable => "unavailable",
        }
    }
}

/// Counters of one process, from its start.
#[derive(Debug)]
pub struct Metrics {
    requests: Vec<[AtomicU64; CLASSES]>,
    /// By operation: per bucket, then all, then the sum in microseconds.
    took: Vec<[AtomicU64; BUCKETS_US.len() + 2]>,
    decisions: [AtomicU64; Decided::ALL.len()],
    refused_at_the_door: AtomicU64,
    /// By what is shown, then by what came of it.
    proofs: [[AtomicU64; Outcome::ALL.len()]; Shows::ALL.len()],
}

impl Default for Metrics {
    fn default() -> Self {
        let each = |_| std::array::from_fn(|_| AtomicU64::new(0));
        Self {
            requests: ROUTES.iter().map(each).collect(),
            took: ROUTES
                .iter()
                .map(|_| std::array::from_fn(|_| AtomicU64::new(0)))
                .collect(),
            decisions: std::array::from_fn(|_| AtomicU64::new(0)),
            refused_at_the_door: AtomicU64::new(0),
            proofs: std::array::from_fn(|_| std::array::from_fn(|_| AtomicU64::new(0))),
        }
    }
}

/// A number that is read when it is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Gauge {
    pub name: &'static str,
    pub about: &'static str,
    pub value: u64,
}

impl Metrics {
    pub(crate) fn answered(&self, operation: Operation, status: u16, took: Duration) {
        let Some(place) = ROUTES.iter().position(|route| route.operation == operation) else {
            return;
        };
        let class = usize::from((status / 100).clamp(2, 5) - 2);
        if let Some(count) = self.requests.get(place).and_then(|row| row.get(class)) {
            add(count, 1);
        }
        let took = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        if let Some([buckets @ .., all, sum]) = self.took.get(place) {
            for (bucket, end) in buckets.iter().zip(BUCKETS_US) {
                if took <= end {
                    add(bucket, 1);
                }
            }
            add(all, 1);
            add(sum, took);
        }
    }

    pub(crate) fn decided(&self, how: Decided) {
        let place = Decided::ALL.iter().position(|each| *each == how);
        if let Some(count) = place.and_then(|place| self.decisions.get(place)) {
            add(count, 1);
        }
    }

    pub(crate) fn shown(&self, shows: Shows, outcome: Outcome) {
        let row = Shows::ALL.iter().position(|each| *each == shows);
        let place = Outcome::ALL.iter().position(|each| *each == outcome);
        let row = row.and_then(|row| self.proofs.get(row));
        if let Some(count) = row.zip(place).and_then(|(row, place)| row.get(place)) {
            add(count, 1);
        }
    }

    pub(crate) fn refused_at_the_door(&self) {
        add(&self.refused_at_the_door, 1);
    }

    /// As Prometheus reads it.
    pub fn text(&self, gauges: &[Gauge]) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = self.write(&mut text, gauges);
        text
    }

    fn write(&self, text: &mut String, gauges: &[Gauge]) -> std::fmt::Result {
        head(
            text,
            "bailiwick_requests_total",
            "counter",
            "Requests answered, by operation and class of status.",
        )?;
        for (route, row) in ROUTES.iter().zip(&self.requests) {
            for (class, count) in row.iter().enumerate() {
                let count = read(count);
                if count > 0 {
                    let (name, class) = (route.operation.name(), class + 2);
                    writeln!(
                        text,
                        "bailiwick_requests_total{{operation=\"{name}\",status=\"{class}xx\"}} {count}"
                    )?;
                }
            }
        }
        head(
            text,
            "bailiwick_request_seconds",
            "histogram",
            "How long an answer took.",
        )?;
        for (route, row) in ROUTES.iter().zip(&self.took) {
            let [buckets @ .., all, sum] = row;
            if read(all) == 0 {
                continue;
            }
            let name = route.operation.name();
            for (bucket, end) in buckets.iter().zip(BUCKETS_US) {
                let (count, end) = (read(bucket), seconds(end));
                writeln!(
                    text,
                    "bailiwick_request_seconds_bucket{{operation=\"{name}\",le=\"{end}\"}} {count}"
                )?;
            }
            let (all, sum) = (read(all), seconds(read(sum)));
            writeln!(
                text,
                "bailiwick_request_seconds_bucket{{operation=\"{name}\",le=\"+Inf\"}} {all}\n\
                 bailiwick_request_seconds_sum{{operation=\"{name}\"}} {sum}\n\
                 bailiwick_request_seconds_count{{operation=\"{name}\"}} {all}"
            )?;
        }
        head(
            text,
            "bailiwick_decisions_total",
            "counter",
            "Calls decided; a fault is a denial because something here does not work.",
        )?;
        for (how, count) in Decided::ALL.iter().zip(&self.decisions) {
            let (effect, count) = (how.name(), read(count));
            writeln!(
                text,
                "bailiwick_decisions_total{{effect=\"{effect}\"}} {count}"
            )?;
        }
        head(
            text,
            "bailiwick_proofs_total",
            "counter",
            "Proofs of identity, by what was shown and what came of it.",
        )?;
        for (shows, row) in Shows::ALL.iter().zip(&self.proofs) {
            for (outcome, count) in Outcome::ALL.iter().zip(row) {
                let (shows, outcome, count) = (shows.name(), outcome.name(), read(count));
                writeln!(
                    text,
                    "bailiwick_proofs_total{{shown=\"{shows}\",outcome=\"{outcome}\"}} {count}"
                )?;
            }
        }
        let name = "bailiwick_refused_at_the_door_total";
        head(
            text,
            name,
            "counter",
            "Requests refused before anybody looked at what they ask.",
        )?;
        writeln!(text, "{name} {}", read(&self.refused_at_the_door))?;
        for gauge in gauges {
            head(text, gauge.name, "gauge", gauge.about)?;
            writeln!(text, "{} {}", gauge.name, gauge.value)?;
        }
        Ok(())
    }
}

fn head(text: &mut String, name: &str, kind: &str, about: &str) -> std::fmt::Result {
    writeln!(text, "# HELP {name} {about}\n# TYPE {name} {kind}")
}

fn seconds(micros: u64) -> String {
    format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000)
}

fn add(count: &AtomicU64, more: u64) {
    count.fetch_add(more, Ordering::Relaxed);
}

fn read(count: &AtomicU64) -> u64 {
    count.load(Ordering::Relaxed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_counted_is_written_as_prometheus_reads_it() {
        let metrics = Metrics::default();
        metrics.answered(Operation::Evaluate, 200, Duration::from_micros(700));
        metrics.answered(Operation::Evaluate, 401, Duration::from_secs(9));
        metrics.decided(Decided::Allow);
        metrics.shown(Shows::Proof, Outcome::Unbound);
        let gauge = Gauge {
            name: "bailiwick_waiting",
            about: "Changes that wait.",
            value: 3,
        };
        let text = metrics.text(&[gauge]);
        for line in [
            "bailiwick_requests_total{operation=\"evaluate\",status=\"2xx\"} 1",
            "bailiwick_requests_total{operation=\"evaluate\",status=\"4xx\"} 1",
            "bailiwick_request_seconds_bucket{operation=\"evaluate\",le=\"0.000500\"} 0",
            "bailiwick_request_seconds_bucket{operation=\"evaluate\",le=\"0.001000\"} 1",
            "bailiwick_request_seconds_bucket{operation=\"evaluate\",le=\"+Inf\"} 2",
            "bailiwick_request_seconds_sum{operation=\"evaluate\"} 9.000700",
            "bailiwick_decisions_total{effect=\"allow\"} 1",
            "bailiwick_proofs_total{shown=\"proof\",outcome=\"unbound\"} 1",
            "bailiwick_proofs_total{shown=\"ticket\",outcome=\"proved\"} 0",
            "bailiwick_waiting 3",
        ] {
            assert!(
                text.lines().any(|written| written == line),
                "{line}\n{text}"
            );
        }
        let named = |line: &str| line.starts_with("# ") || line.starts_with("bailiwick_");
        assert!(text.lines().all(named), "{text}");
    }
}
