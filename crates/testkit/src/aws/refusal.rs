//! How AWS says no, in the form of each protocol.

use super::Reply;

/// A refusal with AWS's own code.
#[derive(Debug)]
pub(super) struct Refusal {
    status: u16,
    code: &'static str,
    message: String,
}

impl Refusal {
    pub(super) fn new(status: u16, code: &'static str, message: String) -> Self {
        Self {
            status,
            code,
            message,
        }
    }

    pub(super) fn validation(message: impl Into<String>) -> Self {
        Self::new(400, "ValidationError", message.into())
    }

    pub(super) fn malformed(error: &dyn std::error::Error) -> Self {
        Self::new(400, "MalformedPolicyDocument", error.to_string())
    }

    pub(super) fn no_action(action: &str) -> Self {
        let message = format!("Could not find operation {action} for this version");
        Self::new(400, "InvalidAction", message)
    }

    pub(super) fn denied(principal: &str, action: &str, resource: &str) -> Self {
        let message = format!(
            "User: {principal} is not authorized to perform: {action} on resource: {resource}"
        );
        Self::new(403, "AccessDenied", message)
    }

    pub(super) fn reply(self, service: &str) -> Reply {
        let Self {
            status,
            code,
            message,
        } = self;
        let message = escaped(&message);
        match service {
            "sts" | "iam" => {
                let body = format!(
                    "<ErrorResponse xmlns=\"{}\"><Error><Type>Sender</Type><Code>{code}</Code>\
                     <Message>{message}</Message></Error><RequestId>fake</RequestId></ErrorResponse>",
                    namespace(service)
                );
                (status, "text/xml", body)
            }
            "s3" => {
                let body =
                    format!("<Error><Code>{code}</Code><Message>{message}</Message></Error>");
                (status, "application/xml", body)
            }
            _ => {
                let code = match code {
                    "AccessDenied" => "AccessDeniedException",
                    "ExpiredToken" => "ExpiredTokenException",
                    other => other,
                };
                let body = serde_json::json!({"__type": code, "message": message}).to_string();
                (400, "application/x-amz-json-1.0", body)
            }
        }
    }
}

pub(super) fn namespace(service: &str) -> &'static str {
    match service {
        "iam" => "https://iam.amazonaws.com/doc/2010-05-08/",
        _ => "https://sts.amazonaws.com/doc/2011-06-15/",
    }
}

/// An answer of the Query protocol.
pub(super) fn answered(service: &str, action: &str, result: &str) -> Reply {
    let body = format!(
        "<{action}Response xmlns=\"{}\"><{action}Result>{result}</{action}Result>\
         <ResponseMetadata><RequestId>fake</RequestId></ResponseMetadata></{action}Response>",
        namespace(service)
    );
    (200, "text/xml", body)
}

/// An answer of the Query protocol that says no more than that it was done.
pub(super) fn done(service: &str, action: &str) -> Reply {
    let body = format!(
        "<{action}Response xmlns=\"{}\"><ResponseMetadata><RequestId>fake</RequestId>\
         </ResponseMetadata></{action}Response>",
        namespace(service)
    );
    (200, "text/xml", body)
}

pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
