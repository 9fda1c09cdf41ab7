//! What runs as a role and is no agent: functions, tasks, instances.

use bailiwick_iam::arn::{AccountId, Arn};

use super::{
    super::{LoadError, Loader, read::Object, resources::Found},
    Call, Handler,
};
use crate::{
    principal::Tags,
    resource::{Resource, ResourcePolicy},
    source::Place,
};

pub(super) fn handler(operation: &str) -> Option<Handler> {
    Some(match operation {
        "ListFunctions" => functions,
        "GetFunction" => function,
        "GetFunctionConfiguration" => |loader, call| add_function(loader, &call.response),
        "ListTags" => function_tags,
        "DescribeTaskDefinition" => task_definition,
        "DescribeInstances" => instances,
        // Recognised, and without a word about who may do what.
        "GetCallerIdentity"
        | "GetModelInvocationLoggingConfiguration"
        | "ListAliases"
        | "ListVersionsByFunction"
        | "ListTaskDefinitions" => |_, _| Ok(()),
        _ => return None,
    })
}

impl Loader {
    pub(super) fn plain_resource(&mut self, arn: Arn, kind: &str, object: &Object<'_>) {
        self.resource_with(arn, kind, object, Vec::new());
    }

    pub(super) fn resource_with(
        &mut self,
        arn: Arn,
        kind: &str,
        object: &Object<'_>,
        calls: Vec<Arn>,
    ) {
        self.merge(Found {
            resource: resource(arn, kind, object, calls),
            role: None,
        });
    }

    /// A resource whose ARN does not say whose it is.
    pub(super) fn owned_resource(
        &mut self,
        arn: Arn,
        kind: &str,
        object: &Object<'_>,
        account: AccountId,
    ) {
        let mut resource = resource(arn, kind, object, Vec::new());
        resource.account = Some(account);
        self.merge(Found {
            resource,
            role: None,
        });
    }

    fn compute(&mut self, arn: Arn, kind: &str, object: &Object<'_>, role: Option<(Arn, Place)>) {
        let resource = resource(arn, kind, object, Vec::new());
        self.merge(Found { resource, role });
    }
}

pub(super) fn resource(arn: Arn, kind: &str, object: &Object<'_>, calls: Vec<Arn>) -> Resource {
    Resource {
        account: arn.account_id(),
        arn,
        kind: kind.to_owned(),
        tags: Tags::new(),
        policy: ResourcePolicy::Unknown,
        role: None,
        calls,
        data: Vec::new(),
        place: object.place(),
    }
}

fn functions(loader: &mut Loader, call: &Call<'_>) -> Result<(), LoadError> {
    for function in call.response.objects("Functions")? {
        add_function(loader, &function)?;
    }
    Ok(())
}

fn function(loader: &mut Loader, call: &Call<'_>) -> Result<(), LoadError> {
    let configuration = call.response.need("Configuration")?.object()?;
    add_function(loader, &configuration)?;
    let arn = unqualified(&configuration.need_arn("FunctionArn")?);
    loader.tag(arn, call.response.tags("Tags")?);
    Ok(())
}

fn add_function(loader: &mut Loader, function: &Object<'_>) -> Result<(), LoadError> {
    let arn = unqualified(&function.need_arn("FunctionArn")?);
    let role = function.arn("Role")?.map(|role| (role, function.place()));
    loader.compute(arn, "AWS::Lambda::Function", function, role);
    Ok(())
}

/// A function without the version or alias at its end.
pub(crate) fn unqualified(arn: &Arn) -> Arn {
    let is_function = arn.service() == "lambda" && arn.resource_kind() == "function";
    let parts: Vec<&str> = arn.as_str().split(':').collect();
    match parts.get(..7) {
        Some(whole) if is_function && parts.len() == 8 => {
            whole.join(":").parse().unwrap_or_else(|_| arn.clone())
        }
        _ => arn.clone(),
    }
}

fn function_tags(loader: &mut Loader, call: &Call<'_>) -> Result<(), LoadError> {
    if let Some(arn) = call.request.arn("Resource")? {
        loader.tag(unqualified(&arn), call.response.tags("Tags")?);
    }
    Ok(())
}

fn task_definition(loader: &mut Loader, call: &Call<'_>) -> Result<(), LoadError> {
    let task = call.response.need("taskDefinition")?.object()?;
    let arn = task.need_arn("taskDefinitionArn")?;
    // The execution role pulls the image and is never seen by the code.
    let role = task.arn("taskRoleArn")?.map(|role| (role, task.place()));
    loader.compute(arn.clone(), "AWS::ECS::TaskDefinition", &task, role);
    loader.tag(arn, call.response.tags("tags")?);
    Ok(())
}

fn instances(loader: &mut Loader, call: &Call<'_>) -> Result<(), LoadError> {
    for reservation in call.response.objects("Reservations")? {
        for instance in reservation.objects("Instances")? {
            let id = instance.need_text("InstanceId")?;
            let Some(arn) = call.arn("ec2", &format!("instance/{id}")) else {
                continue;
            };
            // The profile's ARN; the role in it is looked up when the principals are known.
            let role = match instance.object("IamInstanceProfile")? {
                Some(profile) => Some((profile.need_arn("Arn")?, profile.place())),
                None => None,
            };
            loader.compute(arn.clone(), "AWS::EC2::Instance", &instance, role);
            loader.tag(arn, instance.tags("Tags")?);
        }
    }
    Ok(())
}
