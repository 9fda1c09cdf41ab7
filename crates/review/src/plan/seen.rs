//! Which calls a trail could have shown.

use bailiwick_estate::usage::Coverage;

/// Stands where CloudTrail keeps no event, whatever is switched on.
pub(crate) const NOTHING: &str = "(no selector: CloudTrail keeps no such event)";

/// Data events by the beginning of the action. The first that fits counts; what fits none is a
/// management event.
// https://docs.aws.amazon.com/awscloudtrail/latest/userguide/logging-data-events-with-cloudtrail.html
const DATA_EVENTS: [(&str, &str); 26] = [
    ("s3:", "AWS::S3::Object"),
    ("dynamodb:", "AWS::DynamoDB::Table"),
    ("lambda:", "AWS::Lambda::Function"),
    ("sqs:", "AWS::SQS::Queue"),
    ("sns:", "AWS::SNS::Topic"),
    ("bedrock:invokeagent", "AWS::Bedrock::AgentAlias"),
    ("bedrock:invokeinlineagent", "AWS::Bedrock::InlineAgent"),
    ("bedrock:invokeflow", "AWS::Bedrock::FlowAlias"),
    ("bedrock:retrieve", "AWS::Bedrock::KnowledgeBase"),
    ("bedrock:applyguardrail", "AWS::Bedrock::Guardrail"),
    (
        "bedrock-agentcore:invokeagentruntime",
        "AWS::BedrockAgentCore::Runtime",
    ),
    (
        "bedrock-agentcore:invokegateway",
        "AWS::BedrockAgentCore::Gateway",
    ),
    (
        "bedrock-agentcore:getworkloadaccesstoken",
        "AWS::BedrockAgentCore::WorkloadIdentity",
    ),
    (
        "bedrock-agentcore:getresource",
        "AWS::BedrockAgentCore::TokenVault",
    ),
    (
        "bedrock-agentcore:createevent",
        "AWS::BedrockAgentCore::Memory",
    ),
    (
        "bedrock-agentcore:listevents",
        "AWS::BedrockAgentCore::Memory",
    ),
    (
        "bedrock-agentcore:retrievememory",
        "AWS::BedrockAgentCore::Memory",
    ),
    (
        "bedrock-agentcore:startbrowser",
        "AWS::BedrockAgentCore::BrowserCustom",
    ),
    (
        "bedrock-agentcore:invokecode",
        "AWS::BedrockAgentCore::CodeInterpreterCustom",
    ),
    ("logs:", NOTHING),
    ("xray:", NOTHING),
    ("cloudwatch:put", NOTHING),
    ("ses:send", NOTHING),
    // Passing a role is decided within another call, and the event is that call's.
    ("iam:passrole", NOTHING),
    ("aoss:apiaccess", NOTHING),
    ("s3-object-lambda:", "AWS::S3ObjectLambda::AccessPoint"),
];

/// The selectors, missing from the coverage, without which some of these actions go unseen.
pub(crate) fn unseen<'a>(
    actions: impl IntoIterator<Item = &'a str>,
    coverage: &Coverage,
) -> Vec<&'static str> {
    let mut missing: Vec<&'static str> = actions
        .into_iter()
        .flat_map(selectors)
        .filter(|selector| !coverage.sees(selector))
        .collect();
    missing.sort_unstable();
    missing.dedup();
    missing
}

/// Everything that must be on before an action, or any that a pattern matches, could be seen.
fn selectors(action: &str) -> Vec<&'static str> {
    let action = action.to_ascii_lowercase();
    let literal = action.split(['*', '?']).next().unwrap_or_default();
    let is_pattern = literal.len() < action.len();
    let concerned = |(start, _): &&(&str, &str)| {
        action.starts_with(start) || is_pattern && start.starts_with(literal)
    };
    let data = DATA_EVENTS.iter().filter(concerned).map(|(_, kind)| *kind);
    let mut needed: Vec<&'static str> = data.collect();
    // Calls on buckets, tables, functions and queues themselves are management events.
    let service_wide = DATA_EVENTS
        .iter()
        .any(|(start, _)| start.ends_with(':') && action.starts_with(start));
    if needed.is_empty() || is_pattern || service_wide {
        needed.push("management");
    }
    needed
}

#[cfg(test)]
mod tests {
    use super::selectors;

    #[test]
    fn a_call_is_seen_by_the_selector_of_what_it_touches() {
        assert_eq!(selectors("kms:Decrypt"), ["management"]);
        assert_eq!(selectors("bedrock:InvokeModel"), ["management"]);
        assert_eq!(
            selectors("bedrock:InvokeAgent"),
            ["AWS::Bedrock::AgentAlias"]
        );
        assert_eq!(selectors("s3:GetObject"), ["AWS::S3::Object", "management"]);
        assert_eq!(selectors("bedrock:Inv*").len(), 4);
        assert_eq!(selectors("iam:PassRole"), [super::NOTHING]);
        assert!(selectors("*").len() > 20);
        assert!(
            selectors("logs:PutLogEvents")
                .iter()
                .any(|it| it.starts_with("(no"))
        );
    }
}
