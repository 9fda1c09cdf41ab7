//! Reading policy documents: each distinct text once.

use std::sync::Arc;

use bailiwick_iam::{
    arn::Arn,
    json::Kind,
    policy::{ParsePolicyError, Policy},
};
use percent_encoding::percent_decode_str;
use rustc_hash::FxHashMap;
use sha2::{Digest, Sha256};

use super::{LoadError, read::Value, stream::advanced};
use crate::{
    arena::Arena,
    document::{Content, PolicyDocument, Text},
};

type Hash = [u8; 32];

/// The texts read so far, by their SHA-256: policies are written by those who may want one to be
/// taken for another.
#[derive(Default)]
pub(crate) struct Documents {
    read: FxHashMap<Hash, Content>,
}

impl Documents {
    /// The document that stands at `value`: JSON, JSON in a string, or URL-encoded JSON in a string.
    pub(crate) fn read(
        &mut self,
        texts: &mut Arena<Text>,
        name: String,
        arn: Option<Arn>,
        value: &Value<'_>,
    ) -> Result<PolicyDocument, LoadError> {
        let content = match value.kind() {
            Kind::Object => self.content(texts, value.node().text(), true),
            Kind::String => self.content(texts, &decoded(&value.text()?), false),
            found @ (Kind::Null | Kind::Bool | Kind::Number | Kind::List) => Content::Unreadable {
                why: format!("expected a policy document, found {found}").into(),
            },
        };
        Ok(PolicyDocument {
            name: name.into(),
            arn,
            place: value.place(),
            content,
        })
    }

    fn content(&mut self, texts: &mut Arena<Text>, text: &str, stands_as_json: bool) -> Content {
        let mut hash = Sha256::new();
        hash.update([u8::from(stands_as_json)]);
        hash.update(text);
        let hash: Hash = hash.finalize().into();
        if let Some(content) = self.read.get(&hash) {
            return content.clone();
        }
        let content = match Policy::parse(text) {
            Ok(policy) => {
                let statements = stands_as_json.then(|| statement_places(&policy, text));
                Content::Read(texts.push(Text {
                    policy: Arc::new(policy),
                    statements,
                }))
            }
            Err(error) => Content::Unreadable {
                why: reason(&error, text).into(),
            },
        };
        self.read.insert(hash, content.clone());
        content
    }
}

fn reason(error: &ParsePolicyError, text: &str) -> String {
    let (line, column) = error.span.line_and_column(text);
    let mend = error.problem.mend();
    format!("{error}, line {line}, column {column} of the document: {mend}")
}

/// A string that holds a document. AWS's API answers URL-encoded; some tools decode it and keep the
/// string.
fn decoded(text: &str) -> String {
    if text.trim_start().starts_with('{') {
        return text.to_owned();
    }
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// Lines below the document's first, and columns from the beginning of that line.
fn statement_places(policy: &Policy, text: &str) -> Box<[(u32, u32)]> {
    let mut at = 0;
    let mut place = (0, 0);
    let mut places = Vec::with_capacity(policy.statements.len());
    for statement in &policy.statements {
        let start = statement.span.start;
        place = advanced(place, text.as_bytes().get(at..start).unwrap_or_default());
        at = start;
        places.push(place);
    }
    places.into()
}
