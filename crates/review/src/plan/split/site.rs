//! What a charter does not say of its agent and the estate does: models, images, tools.

use std::collections::BTreeMap;

use bailiwick_charter::{
    Charter,
    compile::{CalledBy, Site, ToolTarget},
};
use bailiwick_estate::{AgentKind, agent::Invocation};
use bailiwick_iam::arn::Arn;
use serde_json::Value;

use super::{Split, units::Workload};

pub(super) fn site(split: &Split<'_>, charter: &Charter, workloads: &[Workload<'_>]) -> Site {
    let mut regions = workloads.iter().map(|it| it.arn.region());
    let known = Site {
        account: Some(split.old.account),
        region: regions.find(|it| !it.is_empty()).map(str::to_owned),
        ..Site::default()
    };
    let mut site = crate::site::site(charter, split.sources.estate, &known);
    for workload in workloads {
        site.models.extend(configured_models(workload));
        site.models.extend(seen_models(split, workload));
        site.images.extend(image(split, workload));
    }
    site.models.sort();
    site.models.dedup();
    site.images.sort();
    site.images.dedup();
    for (server, targets) in gateways(split, charter) {
        site.tools.entry(server).or_default().extend(targets);
    }
    site
}

/// The model in the agent's configuration.
fn configured_models(workload: &Workload<'_>) -> Vec<Arn> {
    let Some(model) = workload.agent.and_then(|agent| agent.model.as_deref()) else {
        return Vec::new();
    };
    let arn = match model.parse::<Arn>() {
        Ok(arn) => Some(arn),
        Err(_) => {
            let region = workload.arn.region();
            format!("arn:aws:bedrock:{region}::foundation-model/{model}")
                .parse()
                .ok()
        }
    };
    arn.into_iter().flat_map(with_destinations).collect()
}

/// The models that the agent's calls went to, or those of its role where no agent can be named.
fn seen_models(split: &Split<'_>, workload: &Workload<'_>) -> Vec<Arn> {
    let lines = split
        .sources
        .usage
        .into_iter()
        .flat_map(|usage| &usage.lines);
    lines
        .filter(|used| used.role == split.old.arn && used.succeeded())
        .filter(|used| {
            used.agent
                .as_ref()
                .is_none_or(|agent| *agent == workload.arn)
        })
        .filter(|used| used.action.starts_with("bedrock:InvokeModel"))
        .filter_map(|used| used.resource.parse().ok())
        .flat_map(with_destinations)
        .collect()
}

/// A profile across Regions asks for the model in whichever Region it sends the call to.
// https://docs.aws.amazon.com/bedrock/latest/userguide/inference-profiles-prereq.html
fn with_destinations(model: Arn) -> Vec<Arn> {
    let destination = if model.resource_kind() == "inference-profile" {
        let profile = model.resource();
        let (_, profile) = profile.split_once('/').unwrap_or(("", profile));
        let (_, name) = profile.split_once('.').unwrap_or(("", profile));
        let partition = model.partition();
        format!("arn:{partition}:bedrock:*::foundation-model/{name}")
            .parse()
            .ok()
    } else {
        None
    };
    std::iter::once(model).chain(destination).collect()
}

/// The repository of a runtime's image, where the snapshot's answer names one.
fn image(split: &Split<'_>, workload: &Workload<'_>) -> Option<Arn> {
    let uri = "/response/agentRuntimeArtifact/containerConfiguration/containerUri";
    let of_workload = |call: &&Value| {
        let arn = call
            .pointer("/response/agentRuntimeArn")
            .and_then(Value::as_str);
        arn == Some(workload.arn.as_str())
    };
    let mut calls = split
        .sources
        .snapshot
        .files()
        .filter_map(|(_, file)| file.get("calls")?.as_array())
        .flatten();
    let text = calls.find(of_workload)?.pointer(uri)?.as_str()?;
    repository(text)
}

/// `arn:aws:ecr:R:A:repository/NAME` of `A.dkr.ecr.R.amazonaws.com/NAME:TAG`.
fn repository(uri: &str) -> Option<Arn> {
    let (host, image) = uri.split_once('/')?;
    let name = image.split(['@', ':']).next()?;
    let mut parts = host.split('.');
    let account = parts.next()?;
    let is_ecr = parts.next() == Some("dkr") && parts.next() == Some("ecr");
    let region = parts.next().filter(|_| is_ecr)?;
    format!("arn:aws:ecr:{region}:{account}:repository/{name}")
        .parse()
        .ok()
}

/// Which right calling a tool takes: that to call its gateway, where the gateway asks IAM.
fn gateways(split: &Split<'_>, charter: &Charter) -> BTreeMap<String, Vec<ToolTarget>> {
    let mut targets: BTreeMap<String, Vec<ToolTarget>> = BTreeMap::new();
    let used = charter.tasks.values().flat_map(|task| &task.tools);
    for server in used.map(|used| used.tool.server()) {
        let gateways = split.sources.estate.agents.values().filter(|agent| {
            let asks_iam = agent.kind == AgentKind::Gateway && agent.invocation == Invocation::Iam;
            asks_iam && agent.tools.iter().any(|tool| tool.name == server)
        });
        let target = gateways.map(|gateway| ToolTarget {
            action: "bedrock-agentcore:InvokeGateway".to_owned(),
            resource: gateway.arn.to_string(),
            called_by: CalledBy::Role,
        });
        let mut found: Vec<ToolTarget> = target.collect();
        found.sort();
        found.dedup();
        if !found.is_empty() {
            targets.insert(server.to_owned(), found);
        }
    }
    targets
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_is_read_from_the_uri_of_an_image() {
        let arn = |uri: &str| repository(uri).map(|it| it.to_string());
        assert_eq!(
            arn("111122223333.dkr.ecr.us-east-1.amazonaws.com/agents/reader:5").as_deref(),
            Some("arn:aws:ecr:us-east-1:111122223333:repository/agents/reader")
        );
        assert_eq!(arn("public.ecr.aws/x/reader:5"), None);
    }

    #[test]
    fn a_profile_across_regions_asks_for_its_model_in_each() {
        let profile =
            "arn:aws:bedrock:us-east-1:111122223333:inference-profile/us.anthropic.c-v1:0";
        let arns: Vec<String> = with_destinations(profile.parse().unwrap())
            .iter()
            .map(Arn::to_string)
            .collect();
        assert_eq!(
            arns,
            [
                profile,
                "arn:aws:bedrock:*::foundation-model/anthropic.c-v1:0"
            ]
        );
    }
}
