//! Workload identities, and the providers that hold credentials for them.

use super::{
    super::{LoadError, Loader},
    Call, arns_in,
};

pub(super) fn workload_identities(loader: &mut Loader, call: &Call<'_>) -> Result<(), LoadError> {
    for identity in call.response.objects("workloadIdentities")? {
        let arn = identity.need_arn("workloadIdentityArn")?;
        loader.plain_resource(arn, "AWS::BedrockAgentCore::WorkloadIdentity", &identity);
    }
    Ok(())
}

pub(super) fn credential_providers(loader: &mut Loader, call: &Call<'_>) -> Result<(), LoadError> {
    let kind = match call.operation.as_str() {
        "ListOauth2CredentialProviders" => "AWS::BedrockAgentCore::OAuth2CredentialProvider",
        _ => "AWS::BedrockAgentCore::ApiKeyCredentialProvider",
    };
    for provider in call.response.objects("credentialProviders")? {
        let arn = provider.need_arn("credentialProviderArn")?;
        loader.plain_resource(arn, kind, &provider);
    }
    Ok(())
}

/// An identity, a credential provider or the token vault, with the secret or key behind it.
pub(super) fn identity_part(loader: &mut Loader, call: &Call<'_>) -> Result<(), LoadError> {
    let kind = match call.operation.as_str() {
        "GetWorkloadIdentity" => "AWS::BedrockAgentCore::WorkloadIdentity",
        "GetOauth2CredentialProvider" => "AWS::BedrockAgentCore::OAuth2CredentialProvider",
        "GetApiKeyCredentialProvider" => "AWS::BedrockAgentCore::ApiKeyCredentialProvider",
        _ => "AWS::BedrockAgentCore::TokenVault",
    };
    let found = ["workloadIdentityArn", "credentialProviderArn"]
        .into_iter()
        .find_map(|member| call.response.arn(member).transpose())
        .transpose()?;
    let vault = || {
        let id = call.response.text("tokenVaultId").ok().flatten()?;
        call.arn("bedrock-agentcore", &format!("token-vault/{id}"))
    };
    let Some(arn) = found.or_else(vault) else {
        return Ok(());
    };
    let mut behind = arns_in(&call.response.value);
    behind.retain(|other| *other != arn);
    loader.resource_with(arn, kind, &call.response, behind);
    Ok(())
}
