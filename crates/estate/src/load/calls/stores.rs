//! Stores and their policies: buckets, keys, secrets, tables; and the tags of anything.

use bailiwick_iam::arn::{AccountId, Arn};

use super::{
    super::{
        LoadError, Loader,
        read::{Object, Value},
    },
    Call, Handler,
    compute::unqualified,
    partition,
};
use crate::principal::Tags;

pub(super) fn handler(operation: &str) -> Option<Handler> {
    Some(match operation {
        "ListBuckets" => buckets,
        "GetBucketTagging" => bucket_tags,
        "ListKeys" => keys,
        "DescribeKey" => key,
        "ListSecrets" => secrets,
        "ListTables" => tables,
        "DescribeTable" => table,
        "ListTagsForResource" => tags_of_any,
        "GetBucketPolicy" | "GetKeyPolicy" | "GetPolicy" => resource_policy,
        _ => return None,
    })
}

/// Whether this operation asks for the policy of a resource, so that "not found" means it has none.
pub(super) fn is_about_a_policy(operation: &str) -> bool {
    matches!(
        operation,
        "GetBucketPolicy" | "GetPolicy" | "GetResourcePolicy" | "GetKeyPolicy"
    )
}

pub(super) fn no_policy(
    loader: &mut Loader,
    request: Option<&Object<'_>>,
    (account, region): (AccountId, &str),
) -> Result<(), LoadError> {
    let Some(request) = request else {
        return Ok(());
    };
    if let Some(arn) = policy_holder(request, account, region)? {
        loader.resource_policies.entry(arn).or_insert(None);
    }
    Ok(())
}

/// The policy of a resource, whichever service was asked.
pub(super) fn resource_policy(loader: &mut Loader, call: &Call<'_>) -> Result<(), LoadError> {
    // A gateway's policy engine has policies too, which are Cedar and no resource policies.
    if call.request.field("policyEngineId").is_some() {
        return Ok(());
    }
    let Some(arn) = policy_holder(&call.request, call.account, &call.region)? else {
        return Err(call.request.value.wrong(
            format!("{} does not say whose policy this is", call.operation),
            "keep the request as it was made",
        ));
    };
    let value = ["Policy", "policy", "ResourcePolicy"]
        .into_iter()
        .find_map(|member| call.response.field(member));
    let policy = loader.policy_in(&arn, value.as_ref())?;
    loader.resource_policies.insert(arn, policy);
    Ok(())
}

/// The resource that a request for a policy names, in the way of its service.
fn policy_holder(
    request: &Object<'_>,
    account: AccountId,
    region: &str,
) -> Result<Option<Arn>, LoadError> {
    let partition = partition(region);
    let known: [(&str, &str); 7] = [
        ("Bucket", "arn:{p}:s3:::{x}"),
        ("FunctionName", "arn:{p}:lambda:{r}:{a}:function:{x}"),
        ("KeyId", "arn:{p}:kms:{r}:{a}:key/{x}"),
        ("SecretId", "arn:{p}:secretsmanager:{r}:{a}:secret:{x}"),
        ("ResourceArn", ""),
        ("resourceArn", ""),
        ("QueueUrl", ""),
    ];
    for (member, form) in known {
        let Some(named) = request.text(member)? else {
            continue;
        };
        let whole = if named.starts_with("arn:") {
            named
        } else {
            form.replace("{p}", partition)
                .replace("{r}", region)
                .replace("{a}", account.as_str())
                .replace("{x}", &named)
        };
        return Ok(whole.parse().ok().map(|arn| unqualified(&arn)));
    }
    Ok(None)
}

impl Loader {
    /// Adds to the tags of whatever has this ARN.
    pub(super) fn tag(&mut self, arn: Arn, tags: Tags) {
        self.tags.entry(arn).or_default().extend(tags);
    }
}

fn tags_of_any(loader: &mut Loader, call: &Call<'_>) -> Result<(), LoadError> {
    for (asked, told) in [
        ("resourceArn", "tags"),
        ("ResourceArn", "Tags"),
        ("ResourceARN", "TagList"),
    ] {
        if let Some(arn) = call.request.arn(asked)? {
            let tags = match call.response.field(told) {
                None => call.response.tags("tags")?,
                Some(value) => value.tags()?,
            };
            loader.tag(arn, tags);
        }
    }
    Ok(())
}

fn bucket_arn(name: &str, call: &Call<'_>) -> Option<Arn> {
    let partition = partition(&call.region);
    format!("arn:{partition}:s3:::{name}").parse().ok()
}

fn buckets(loader: &mut Loader, call: &Call<'_>) -> Result<(), LoadError> {
    for bucket in call.response.objects("Buckets")? {
        let name = bucket.need_text("Name")?;
        if let Some(arn) = bucket_arn(&name, call) {
            loader.owned_resource(arn, "AWS::S3::Bucket", &bucket, call.account);
        }
    }
    Ok(())
}

fn bucket_tags(loader: &mut Loader, call: &Call<'_>) -> Result<(), LoadError> {
    let name = call.request.need_text("Bucket")?;
    if let Some(arn) = bucket_arn(&name, call) {
        loader.tag(arn, call.response.tags("TagSet")?);
    }
    Ok(())
}

fn keys(loader: &mut Loader, call: &Call<'_>) -> Result<(), LoadError> {
    for key in call.response.objects("Keys")? {
        loader.plain_resource(key.need_arn("KeyArn")?, "AWS::KMS::Key", &key);
    }
    Ok(())
}

fn key(loader: &mut Loader, call: &Call<'_>) -> Result<(), LoadError> {
    let key = call.response.need("KeyMetadata")?.object()?;
    loader.plain_resource(key.need_arn("Arn")?, "AWS::KMS::Key", &key);
    Ok(())
}

fn secrets(loader: &mut Loader, call: &Call<'_>) -> Result<(), LoadError> {
    for secret in call.response.objects("SecretList")? {
        let arn = secret.need_arn("ARN")?;
        loader.plain_resource(arn.clone(), "AWS::SecretsManager::Secret", &secret);
        loader.tag(arn, secret.tags("Tags")?);
    }
    Ok(())
}

fn tables(loader: &mut Loader, call: &Call<'_>) -> Result<(), LoadError> {
    let names: Vec<Value<'_>> = call.response.elements("TableNames")?;
    for name in names {
        if let Some(arn) = call.arn("dynamodb", &format!("table/{}", name.text()?)) {
            loader.plain_resource(arn, "AWS::DynamoDB::Table", &call.response);
        }
    }
    Ok(())
}

fn table(loader: &mut Loader, call: &Call<'_>) -> Result<(), LoadError> {
    let table = call.response.need("Table")?.object()?;
    let arn = table.need_arn("TableArn")?;
    loader.plain_resource(arn, "AWS::DynamoDB::Table", &table);
    Ok(())
}
