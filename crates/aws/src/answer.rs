//! What AWS answers, read strictly: one document of the expected name and namespace, and no more.

use roxmltree::{Document, Node, ParsingOptions};

/// The longest answer that is read. STS answers in some two thousand characters, most of them the
/// session token; IAM's longest here is a policy of 10,240 characters, percent-encoded.
pub const LENGTH_MAX: usize = 64 * 1024;

/// An answer that AWS does not give.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    #[error("the answer to {action} is longer than {most} bytes")]
    TooLong { action: &'static str, most: usize },
    #[error("the answer to {action} is no XML: {why}")]
    NotXml { action: &'static str, why: String },
    #[error("the answer to {action} is a `{found}`, and not one {action}Response with its result")]
    Another { action: &'static str, found: String },
    #[error(
        "the answer to {action} lacks `{element}`, has it twice, or cannot be understood there"
    )]
    Element {
        action: &'static str,
        element: &'static str,
    },
}

/// An error as AWS's Query protocol words it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceError {
    pub code: String,
    pub message: String,
}

/// An answer whose outer form is as it must be.
#[derive(Debug)]
pub(crate) struct Answer<'a> {
    document: Document<'a>,
    action: &'static str,
}

impl<'a> Answer<'a> {
    /// Parses the answer to a call. A document type, and so any entity of its own, is refused.
    pub(crate) fn parse(
        action: &'static str,
        namespace: &str,
        body: &'a str,
    ) -> Result<Self, AnswerError> {
        Self::parse_within(LENGTH_MAX, action, namespace, body)
    }

    /// The same, for an answer that is never so long.
    pub(crate) fn parse_within(
        most: usize,
        action: &'static str,
        namespace: &str,
        body: &'a str,
    ) -> Result<Self, AnswerError> {
        if body.len() > most {
            return Err(AnswerError::TooLong { action, most });
        }
        let document = parse(body).map_err(|error| AnswerError::NotXml {
            action,
            why: error.to_string(),
        })?;
        let root = document.root_element();
        let expected = root.tag_name().name().strip_suffix("Response") == Some(action)
            && root.tag_name().namespace() == Some(namespace);
        if !expected {
            return Err(AnswerError::Another {
                action,
                found: root.tag_name().name().chars().take(64).collect(),
            });
        }
        Ok(Self { document, action })
    }

    /// The text at a path of elements below the result, each of which is there once.
    pub(crate) fn text(&self, path: &[&'static str]) -> Result<&str, AnswerError> {
        let lacks = |element| AnswerError::Element {
            action: self.action,
            element,
        };
        let mut at = self.result()?;
        for &element in path {
            at = only(at, element).ok_or_else(|| lacks(element))?;
        }
        let text = at.text().map(str::trim).unwrap_or_default();
        let has_elements = at.children().any(|child| child.is_element());
        if has_elements || text.is_empty() {
            return Err(lacks(path.last().copied().unwrap_or("the result")));
        }
        Ok(text)
    }

    /// The same, where the element may be missing.
    pub(crate) fn text_if_any(&self, element: &'static str) -> Result<Option<&str>, AnswerError> {
        let is_there = children(self.result()?, element).next().is_some();
        is_there.then(|| self.text(&[element])).transpose()
    }

    pub(crate) fn unreadable(&self, element: &'static str) -> AnswerError {
        AnswerError::Element {
            action: self.action,
            element,
        }
    }

    fn result(&self) -> Result<Node<'_, 'a>, AnswerError> {
        let root = self.document.root_element();
        let mut results = root.children().filter(|child| {
            child.is_element()
                && child.tag_name().name().strip_suffix("Result") == Some(self.action)
        });
        match (results.next(), results.next()) {
            (Some(result), None) => Ok(result),
            (Some(_), Some(_)) | (None, _) => Err(AnswerError::Another {
                action: self.action,
                found: root.tag_name().name().to_owned(),
            }),
        }
    }
}

/// The error in an answer that is not 200. `None`: AWS did not write it.
pub(crate) fn service_error(body: &str) -> Option<ServiceError> {
    if body.len() > LENGTH_MAX {
        return None;
    }
    let document = parse(body).ok()?;
    let root = document.root_element();
    let error = match root.tag_name().name() {
        "ErrorResponse" => only(root, "Error")?,
        _ => return None,
    };
    let text = |name| only(error, name).and_then(|it| it.text().map(str::to_owned));
    Some(ServiceError {
        code: text("Code")?,
        message: text("Message").unwrap_or_default(),
    })
}

fn parse(body: &str) -> Result<Document<'_>, roxmltree::Error> {
    let options = ParsingOptions {
        allow_dtd: false,
        ..ParsingOptions::default()
    };
    Document::parse_with_options(body, options)
}

fn children<'n, 'a>(node: Node<'n, 'a>, name: &str) -> impl Iterator<Item = Node<'n, 'a>> {
    node.children()
        .filter(move |child| child.is_element() && child.tag_name().name() == name)
}

fn only<'n, 'a>(node: Node<'n, 'a>, name: &str) -> Option<Node<'n, 'a>> {
    let mut found = children(node, name);
    let first = found.next()?;
    found.next().is_none().then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";

    fn arn(body: &str) -> Result<String, AnswerError> {
        let answer = Answer::parse("GetCallerIdentity", NAMESPACE, body)?;
        answer.text(&["Arn"]).map(str::to_owned)
    }

    fn identity(inner: &str) -> String {
        format!(
            "<GetCallerIdentityResponse xmlns=\"{NAMESPACE}\">{inner}</GetCallerIdentityResponse>"
        )
    }

    #[test]
    fn an_answer_is_read_where_it_is_what_was_asked_for() {
        let body = identity(
            "<GetCallerIdentityResult><Arn>arn:aws:iam::1:role/R</Arn></GetCallerIdentityResult>\
             <ResponseMetadata><RequestId>x</RequestId></ResponseMetadata>",
        );
        assert_eq!(arn(&body).unwrap(), "arn:aws:iam::1:role/R");
    }

    #[test]
    fn an_answer_that_is_cut_off_anywhere_is_no_answer() {
        let body = identity(
            "<GetCallerIdentityResult><Arn>arn:aws:iam::1:role/R</Arn></GetCallerIdentityResult>",
        );
        let mut cut = body.clone();
        while cut.pop().is_some() {
            assert!(arn(&cut).is_err(), "{cut}");
        }
        assert!(arn(&body).is_ok());
    }

    #[test]
    fn an_answer_of_another_form_is_no_answer() {
        let result = "<GetCallerIdentityResult><Arn>a</Arn></GetCallerIdentityResult>";
        let whole = identity(result);
        for body in [
            "{\"Arn\":\"a\"}".to_owned(),
            String::new(),
            identity(&format!("{result}{result}")),
            identity("<GetCallerIdentityResult><Arn>a</Arn><Arn>b</Arn></GetCallerIdentityResult>"),
            identity("<GetCallerIdentityResult><Arn><b>a</b></Arn></GetCallerIdentityResult>"),
            identity("<GetCallerIdentityResult><Arn/></GetCallerIdentityResult>"),
            identity("<AssumeRoleResult><Arn>a</Arn></AssumeRoleResult>"),
            whole.replace("sts.amazonaws.com", "sts.evil.test"),
            whole.replace("GetCallerIdentityRes", "AssumeRoleRes"),
            format!("{whole}trailing"),
            format!("{whole}{whole}"),
            format!("<!DOCTYPE r [<!ENTITY x \"a\">]>{whole}"),
            identity(&" ".repeat(LENGTH_MAX)),
        ] {
            assert!(arn(&body).is_err(), "{body:.200}");
        }
    }

    #[test]
    fn an_error_that_aws_did_not_word_is_none() {
        let aws = "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error>\
            <Type>Sender</Type><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>";
        let error = service_error(aws).unwrap();
        assert_eq!(
            (error.code.as_str(), error.message.as_str()),
            ("AccessDenied", "no")
        );
        assert_eq!(service_error("<html><body>502</body></html>"), None);
        assert_eq!(service_error("upstream connect error"), None);
    }
}
