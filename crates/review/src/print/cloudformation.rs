//! CloudFormation: one template an account.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use bailiwick_iam::policy::Policy;

use super::{
    Ceiling, Home, Item, ManagedPolicy, ResourcePolicy, Role, RolePolicy, Stack,
    name::{Names, camel},
    tree::Tree,
    yaml,
};

pub(super) fn write(stack: &Stack, files: &mut BTreeMap<String, String>) {
    let path = format!("cloudformation/{}.yaml", stack.home.stem());
    files.insert(path, template(stack));
}

fn template(stack: &Stack) -> String {
    let mut making = Making::new(stack.home);
    for item in &stack.items {
        making.add(item);
    }
    let mut text = heading(stack, &making);
    text.push_str("AWSTemplateFormatVersion: \"2010-09-09\"\n");
    _ = writeln!(text, "Description: {}", yaml::quoted(&stack.title));
    for (section, members) in [
        ("Parameters", &making.parameters),
        ("Resources", &making.resources),
    ] {
        if members.is_empty() {
            continue;
        }
        _ = write!(text, "\n{section}:\n");
        for (at, member) in members.iter().enumerate() {
            if at > 0 {
                text.push('\n');
            }
            yaml::members(&mut text, std::slice::from_ref(member), 2);
        }
    }
    text
}

fn heading(stack: &Stack, making: &Making) -> String {
    let file = format!("{}.yaml", stack.home.stem());
    let mut text = match stack.home {
        Home::Account(account) => format!(
            "# Deploy in account {account}:\n#   aws cloudformation deploy --stack-name bailiwick-agents --template-file {file} --capabilities CAPABILITY_NAMED_IAM\n"
        ),
        Home::Organization => format!(
            "# Deploy in the management account, or in the one that policies are delegated to:\n#   aws cloudformation deploy --stack-name bailiwick-ceilings --template-file {file}\n"
        ),
    };
    if making.takes_over {
        text.push_str(
            "# What says DeletionPolicy exists: make the stack with an IMPORT change set.\n",
        );
    }
    for resource in &making.left_out {
        _ = writeln!(
            text,
            "# The policy of {resource} is part of the resource in CloudFormation: see ../policies and the summary.",
        );
    }
    text
}

/// What was written so far.
#[derive(Debug)]
struct Making {
    home: Home,
    names: Names,
    parameters: Vec<(String, Tree)>,
    resources: Vec<(String, Tree)>,
    /// From an ARN to how this template refers to it.
    made: BTreeMap<String, String>,
    takes_over: bool,
    left_out: Vec<String>,
}

impl Making {
    fn new(home: Home) -> Self {
        Self {
            home,
            names: Names::default(),
            parameters: Vec::new(),
            resources: Vec::new(),
            made: BTreeMap::new(),
            takes_over: false,
            left_out: Vec::new(),
        }
    }

    fn add(&mut self, item: &Item) {
        match item {
            Item::Policy(policy) => self.policy(policy),
            Item::Role(role) => self.role(role),
            Item::RolePolicy(policy) => self.role_policy(policy),
            Item::Ceiling(ceiling) => self.ceiling(ceiling),
            Item::ResourcePolicy(policy) => self.resource_policy(policy),
        }
    }

    fn policy(&mut self, policy: &ManagedPolicy) {
        let id = self.names.unique(format!("{}Policy", camel(&policy.name)));
        let mut properties = vec![
            ("ManagedPolicyName".to_owned(), Tree::text(&policy.name)),
            ("Path".to_owned(), Tree::text(&policy.path)),
        ];
        if !policy.description.is_empty() {
            properties.push(("Description".to_owned(), Tree::text(&policy.description)));
        }
        properties.push(("PolicyDocument".to_owned(), self.document(&policy.document)));
        self.resource(&id, "AWS::IAM::ManagedPolicy", properties, policy.exists);
        if let Some(arn) = policy.arn(self.home) {
            // The `Ref` of a managed policy is its ARN.
            self.made.insert(arn, format!("!Ref {id}"));
        }
    }

    fn role(&mut self, role: &Role) {
        let id = self.names.unique(format!("{}Role", camel(&role.name)));
        let trust = self.trust(role, &id);
        let mut properties = vec![
            ("RoleName".to_owned(), Tree::text(&role.name)),
            ("Path".to_owned(), Tree::text(&role.path)),
        ];
        if !role.description.is_empty() {
            properties.push(("Description".to_owned(), Tree::text(&role.description)));
        }
        properties.extend([
            (
                "MaxSessionDuration".to_owned(),
                Tree::Number(role.max_session_seconds.into()),
            ),
            ("AssumeRolePolicyDocument".to_owned(), trust),
        ]);
        if let Some(boundary) = &role.boundary {
            let boundary = self.refer(Tree::text(boundary));
            properties.push(("PermissionsBoundary".to_owned(), boundary));
        }
        if !role.attached.is_empty() {
            let attached = role.attached.iter().map(Tree::text).collect();
            properties.push((
                "ManagedPolicyArns".to_owned(),
                self.refer(Tree::List(attached)),
            ));
        }
        if !role.inline.is_empty() {
            let named = role.inline.iter().map(|(name, document)| {
                Tree::map([
                    ("PolicyName", Tree::text(name)),
                    ("PolicyDocument", self.document(document)),
                ])
            });
            properties.push(("Policies".to_owned(), Tree::List(named.collect())));
        }
        if !role.tags.is_empty() {
            let tag = |(key, value): (&String, &String)| {
                Tree::map([("Key", Tree::text(key)), ("Value", Tree::text(value))])
            };
            let tags = role.tags.iter().map(tag).collect();
            properties.push(("Tags".to_owned(), Tree::List(tags)));
        }
        self.resource(&id, "AWS::IAM::Role", properties, role.exists);
        if let Some(arn) = role.arn(self.home) {
            self.made.insert(arn, format!("!GetAtt {id}.Arn"));
        }
    }

    /// The trust; a pattern in it becomes a parameter with the pattern as its default.
    fn trust(&mut self, role: &Role, id: &str) -> Tree {
        let trust = self.document(&role.trust);
        let Some(pattern) = role.pattern() else {
            return trust;
        };
        let parameter = self.names.unique(format!("{id}SourceArn"));
        let asked = Tree::map([
            ("Type", Tree::text("String")),
            (
                "Description",
                Tree::text(format!(
                    "The ARN of the agent that assumes {}. Deploy, make the agent, then deploy again with its exact ARN.",
                    role.name
                )),
            ),
            ("Default", Tree::text(pattern)),
        ]);
        self.parameters.push((parameter.clone(), asked));
        trust.spoken(&|text| (text == pattern).then(|| format!("!Ref {parameter}")))
    }

    fn role_policy(&mut self, policy: &RolePolicy) {
        let id = format!("{}{}Policy", camel(&policy.role), camel(&policy.name));
        let id = self.names.unique(id);
        let properties = vec![
            ("RoleName".to_owned(), Tree::text(&policy.role)),
            ("PolicyName".to_owned(), Tree::text(&policy.name)),
            ("PolicyDocument".to_owned(), self.document(&policy.document)),
        ];
        self.resource(&id, "AWS::IAM::RolePolicy", properties, false);
    }

    fn ceiling(&mut self, ceiling: &Ceiling) {
        let id = self.names.unique(camel(&ceiling.name));
        let targets = ceiling.targets.iter().map(Tree::text).collect();
        let properties = vec![
            ("Name".to_owned(), Tree::text(&ceiling.name)),
            ("Type".to_owned(), Tree::text(ceiling.kind.policy_type())),
            ("Description".to_owned(), Tree::text(&ceiling.description)),
            ("TargetIds".to_owned(), Tree::List(targets)),
            ("Content".to_owned(), self.document(&ceiling.document)),
        ];
        self.resource(&id, "AWS::Organizations::Policy", properties, false);
    }

    fn resource_policy(&mut self, policy: &ResourcePolicy) {
        let resource = &policy.resource;
        let (kind, named, carrier, document) = match (resource.service(), resource.resource_kind())
        {
            ("s3", _) => (
                "AWS::S3::BucketPolicy",
                "Bucket",
                resource.resource(),
                "PolicyDocument",
            ),
            ("secretsmanager", _) => (
                "AWS::SecretsManager::ResourcePolicy",
                "SecretId",
                resource.as_str(),
                "ResourcePolicy",
            ),
            _ => {
                self.left_out.push(resource.to_string());
                return;
            }
        };
        let id = self
            .names
            .unique(format!("{}Guard", camel(resource.resource_name())));
        let properties = vec![
            (named.to_owned(), Tree::text(carrier)),
            (document.to_owned(), self.document(&policy.document)),
        ];
        self.resource(&id, kind, properties, true);
    }

    fn resource(
        &mut self,
        id: &str,
        kind: &str,
        properties: Vec<(String, Tree)>,
        is_taken_over: bool,
    ) {
        let mut members = vec![("Type".to_owned(), Tree::text(kind))];
        if is_taken_over {
            self.takes_over = true;
            members.push(("DeletionPolicy".to_owned(), Tree::text("Retain")));
            members.push(("UpdateReplacePolicy".to_owned(), Tree::text("Retain")));
        }
        members.push(("Properties".to_owned(), Tree::Map(properties)));
        self.resources.push((id.to_owned(), Tree::Map(members)));
    }

    fn document(&self, policy: &Policy) -> Tree {
        self.refer(Tree::of(policy))
    }

    /// With references to what the template made before.
    fn refer(&self, tree: Tree) -> Tree {
        tree.spoken(&|text| self.made.get(text).cloned())
    }
}
