//! Terraform: one root module an account.
//!
//! Documents stand in `jsonencode({ … })` and not in `aws_iam_policy_document`: a reviewer sees key
//! for key what was proved and what `policies/` holds, and what a size limit counts.

use std::collections::BTreeMap;

use bailiwick_iam::policy::Policy;

use super::{
    Ceiling, Home, Item, ManagedPolicy, ResourcePolicy, Role, RolePolicy, Stack,
    hcl::{self, Argument},
    name::{Names, snake},
    tree::Tree,
};

pub(super) fn write(stack: &Stack, files: &mut BTreeMap<String, String>) {
    let folder = format!("terraform/{}", stack.home.stem());
    let mut making = Making {
        home: stack.home,
        names: BTreeMap::new(),
        variables: String::new(),
        text: format!("# {}\n", stack.title.replace('\n', " ")),
        made: BTreeMap::new(),
    };
    for item in &stack.items {
        making.add(item);
    }
    files.insert(format!("{folder}/main.tf"), making.text);
    if !making.variables.is_empty() {
        files.insert(format!("{folder}/variables.tf"), making.variables);
    }
    files.insert(format!("{folder}/versions.tf"), versions(stack.home));
}

/// In a file of its own, so that a module which has its providers already leaves it out.
fn versions(home: Home) -> String {
    let mut text = String::new();
    hcl::block(
        &mut text,
        "terraform",
        &[
            // The first with `import` blocks.
            Argument::text("required_version", ">= 1.5"),
            Argument::Gap,
            Argument::Block(
                "required_providers".to_owned(),
                vec![Argument::is(
                    "aws",
                    Tree::map([
                        ("source", Tree::text("hashicorp/aws")),
                        ("version", Tree::text(">= 5.83")),
                    ]),
                )],
            ),
        ],
    );
    if let Home::Account(account) = home {
        // A plan for one account must not be applied in another.
        let allowed = Tree::List(vec![Tree::text(account.as_str())]);
        hcl::block(
            &mut text,
            "provider \"aws\"",
            &[Argument::is("allowed_account_ids", allowed)],
        );
    }
    text
}

struct Making {
    home: Home,
    /// Names are unique among resources of one type.
    names: BTreeMap<&'static str, Names>,
    variables: String,
    text: String,
    /// From an ARN to the expression for it.
    made: BTreeMap<String, String>,
}

impl Making {
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
        let name = self.name("aws_iam_policy", &policy.name);
        let arn = policy.arn(self.home);
        if let (true, Some(arn)) = (policy.exists, &arn) {
            self.import("aws_iam_policy", &name, arn);
        }
        let mut body = vec![
            Argument::text("name", &policy.name),
            Argument::text("path", &policy.path),
        ];
        if !policy.description.is_empty() {
            body.push(Argument::text("description", &policy.description));
        }
        body.extend(self.encoded("policy", &policy.document));
        self.resource("aws_iam_policy", &name, &body);
        if let Some(arn) = arn {
            self.made.insert(arn, format!("aws_iam_policy.{name}.arn"));
        }
    }

    fn role(&mut self, role: &Role) {
        let name = self.name("aws_iam_role", &role.name);
        if role.exists {
            self.import("aws_iam_role", &name, &role.name);
        }
        let mut body = vec![
            Argument::text("name", &role.name),
            Argument::text("path", &role.path),
        ];
        if !role.description.is_empty() {
            body.push(Argument::text("description", &role.description));
        }
        body.push(Argument::is(
            "max_session_duration",
            Tree::Number(role.max_session_seconds.into()),
        ));
        if let Some(boundary) = &role.boundary {
            let boundary = self.refer(Tree::text(boundary));
            body.push(Argument::is("permissions_boundary", boundary));
        }
        let trust = self.trust(role, &name);
        body.push(Argument::Gap);
        body.push(Argument::Encoded("assume_role_policy".to_owned(), trust));
        if !role.tags.is_empty() {
            let tag = |(key, value): (&String, &String)| (key.clone(), Tree::text(value));
            body.push(Argument::Gap);
            body.push(Argument::is(
                "tags",
                Tree::Map(role.tags.iter().map(tag).collect()),
            ));
        }
        self.resource("aws_iam_role", &name, &body);
        for (policy, document) in &role.inline {
            self.inline(role, &name, policy, document);
        }
        for arn in &role.attached {
            self.attached(&name, arn);
        }
        if let Some(arn) = role.arn(self.home) {
            self.made.insert(arn, format!("aws_iam_role.{name}.arn"));
        }
    }

    fn inline(&mut self, role: &Role, of: &str, policy: &str, document: &Policy) {
        let own = snake(policy);
        let named = if own.starts_with(of) {
            policy.to_owned()
        } else {
            format!("{of}_{policy}")
        };
        let name = self.name("aws_iam_role_policy", &named);
        if role.exists {
            let id = format!("{}:{policy}", role.name);
            self.import("aws_iam_role_policy", &name, &id);
        }
        let mut body = vec![
            Argument::text("name", policy),
            Argument::spoken("role", format!("aws_iam_role.{of}.id")),
        ];
        body.extend(self.encoded("policy", document));
        self.resource("aws_iam_role_policy", &name, &body);
    }

    fn attached(&mut self, role: &str, arn: &str) {
        let kind = "aws_iam_role_policy_attachment";
        let last = arn.rsplit('/').next().unwrap_or(arn);
        let name = self.name(kind, &format!("{role}_{last}"));
        let body = [
            Argument::spoken("role", format!("aws_iam_role.{role}.name")),
            Argument::is("policy_arn", self.refer(Tree::text(arn))),
        ];
        self.resource(kind, &name, &body);
    }

    /// The trust; a pattern in it becomes a variable with the pattern as its default.
    fn trust(&mut self, role: &Role, name: &str) -> Tree {
        let trust = self.refer(Tree::of(&role.trust));
        let Some(pattern) = role.pattern() else {
            return trust;
        };
        let variable = format!("{name}_source_arn");
        hcl::block(
            &mut self.variables,
            &format!("variable {}", hcl::quoted(&variable)),
            &[
                Argument::text(
                    "description",
                    format!(
                        "The ARN of the agent that assumes {}. Apply, make the agent, then apply again with its exact ARN.",
                        role.name
                    ),
                ),
                Argument::spoken("type", "string"),
                Argument::text("default", pattern),
            ],
        );
        trust.spoken(&|text| (text == pattern).then(|| format!("var.{variable}")))
    }

    fn role_policy(&mut self, policy: &RolePolicy) {
        let kind = "aws_iam_role_policy";
        let name = self.name(kind, &format!("{}_{}", policy.role, policy.name));
        let mut body = vec![
            Argument::text("name", &policy.name),
            Argument::text("role", &policy.role),
        ];
        body.extend(self.encoded("policy", &policy.document));
        self.resource(kind, &name, &body);
    }

    fn ceiling(&mut self, ceiling: &Ceiling) {
        let name = self.name("aws_organizations_policy", &ceiling.name);
        let mut body = vec![
            Argument::text("name", &ceiling.name),
            Argument::text("type", ceiling.kind.policy_type()),
            Argument::text("description", &ceiling.description),
        ];
        body.extend(self.encoded("content", &ceiling.document));
        self.resource("aws_organizations_policy", &name, &body);
        for target in &ceiling.targets {
            let kind = "aws_organizations_policy_attachment";
            let attachment = self.name(kind, &format!("{name}_{target}"));
            let body = [
                Argument::spoken("policy_id", format!("aws_organizations_policy.{name}.id")),
                Argument::text("target_id", target),
            ];
            self.resource(kind, &attachment, &body);
        }
    }

    fn resource_policy(&mut self, policy: &ResourcePolicy) {
        let resource = &policy.resource;
        let (kind, argument, carrier) = match (resource.service(), resource.resource_kind()) {
            ("s3", _) => ("aws_s3_bucket_policy", "bucket", resource.resource()),
            ("secretsmanager", _) => (
                "aws_secretsmanager_secret_policy",
                "secret_arn",
                resource.as_str(),
            ),
            ("kms", _) => ("aws_kms_key_policy", "key_id", resource.resource_name()),
            ("dynamodb", _) => (
                "aws_dynamodb_resource_policy",
                "resource_arn",
                resource.as_str(),
            ),
            _ => {
                self.text.push_str(&format!(
                    "\n# The policy of {resource} is made of single permissions: see ../../policies and the summary.\n"
                ));
                return;
            }
        };
        let name = self.name(kind, resource.resource_name());
        let mut body = vec![Argument::text(argument, carrier)];
        body.extend(self.encoded("policy", &policy.document));
        self.resource(kind, &name, &body);
    }

    fn encoded(&self, name: &str, document: &Policy) -> [Argument; 2] {
        let document = self.refer(Tree::of(document));
        [Argument::Gap, Argument::Encoded(name.to_owned(), document)]
    }

    fn resource(&mut self, kind: &str, name: &str, body: &[Argument]) {
        let head = format!("resource {} {}", hcl::quoted(kind), hcl::quoted(name));
        hcl::block(&mut self.text, &head, body);
    }

    fn import(&mut self, kind: &str, name: &str, id: &str) {
        let body = [
            Argument::spoken("to", format!("{kind}.{name}")),
            Argument::text("id", id),
        ];
        hcl::block(&mut self.text, "import", &body);
    }

    fn name(&mut self, kind: &'static str, name: &str) -> String {
        self.names.entry(kind).or_default().unique(snake(name))
    }

    /// With references to what the module made before.
    fn refer(&self, tree: Tree) -> Tree {
        tree.spoken(&|text| self.made.get(text).cloned())
    }
}
