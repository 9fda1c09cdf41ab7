//! One decision in process, with a thousand charters loaded.
#![expect(clippy::unwrap_used, reason = "a benchmark")]

use bailiwick_authority::{Authority, Call, Settings, Standing};
use bailiwick_charter::Charter;

fn main() {
    divan::main();
}

fn thousand() -> Authority {
    let charters = (0..1_000).map(|n| {
        let text = format!(
            "agent: agent-{n}\nowner: {{ team: t, contact: t@example.com }}\npurpose: p\nenvironment: prod\nmode: brokered\ntasks:\n  post:\n    for: 5m\n    tools:\n      - {{ tool: ledger/get }}\n      - {{ tool: ledger/post, when: 'args.amount <= 1000 && args.to.domain == \"example.com\"' }}\n    limits: {{ calls: 1000000, per-minute: 1000000 }}\n"
        );
        Charter::parse("c.yaml", &text).unwrap()
    });
    Authority::of(charters, Settings::default()).unwrap()
}

#[divan::bench]
fn one_call_of_one_grant(bencher: divan::Bencher<'_, '_>) {
    let authority = thousand();
    let task = authority.task("agent-500", "post").unwrap();
    let standing = Standing {
        agent: "agent-500".into(),
        task: "post".into(),
        charter: task.charter().to_owned(),
        body: task.bind([]).unwrap().to_bytes(),
        history: Vec::new(),
    };
    let call = Call::tool("ledger/post", br#"{"amount":900,"to":"bob@example.com"}"#).unwrap();
    bencher.bench(|| authority.judge(&standing, &call, 1_790_000_000_000));
}
