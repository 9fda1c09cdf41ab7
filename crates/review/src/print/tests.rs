use std::collections::BTreeMap;

use bailiwick_iam::policy::Policy;
use proptest::prelude::*;

use crate::plan::CeilingKind;

use super::{
    Ceiling, Home, Item, Language, ManagedPolicy, ResourcePolicy, Role, Stack, files, hcl, yaml,
};

fn policy(text: &str) -> Policy {
    Policy::parse(text).unwrap()
}

/// One of everything that is made in an account.
fn account() -> Stack {
    let boundary = ManagedPolicy {
        path: "/agents/prod/".to_owned(),
        name: "invoice-reader-boundary".to_owned(),
        description: "What invoice-reader may ever do.".to_owned(),
        document: policy(
            r#"{"Version":"2012-10-17","Statement":[
                {"Sid":"Reads","Effect":"Allow","Action":["s3:GetObject","kms:Decrypt"],"Resource":"*"}]}"#,
        ),
        exists: false,
    };
    let role = Role {
        path: "/agents/prod/".to_owned(),
        name: "invoice-reader".to_owned(),
        description: "Runtime of invoice-reader.".to_owned(),
        max_session_seconds: 3600,
        tags: BTreeMap::from([
            ("agent".to_owned(), "invoice-reader".to_owned()),
            ("cost-centre".to_owned(), "0042".to_owned()),
        ]),
        trust: policy(
            r#"{"Version":"2012-10-17","Statement":[
                {"Sid":"Platform","Effect":"Allow","Principal":{"Service":"bedrock-agentcore.amazonaws.com"},
                 "Action":"sts:AssumeRole","Condition":{
                    "StringEquals":{"aws:SourceAccount":"111122223333"},
                    "ArnLike":{"aws:SourceArn":"arn:aws:bedrock-agentcore:us-east-1:111122223333:runtime/invoice_reader-*"}}}]}"#,
        ),
        is_provisional: true,
        boundary: Some(
            "arn:aws:iam::111122223333:policy/agents/prod/invoice-reader-boundary".to_owned(),
        ),
        inline: vec![(
            "read".to_owned(),
            policy(
                r#"{"Version":"2012-10-17","Statement":[
                    {"Sid":"ReadOwn","Effect":"Allow","Action":"s3:GetObject",
                     "Resource":["arn:aws:s3:::invoices/${aws:PrincipalTag/tenant}/*","arn:aws:s3:::invoices-archive/*"],
                     "Condition":{"Bool":{"aws:SecureTransport":"true"},"NumericLessThan":{"s3:max-keys":"10"}}}]}"#,
            ),
        )],
        attached: vec!["arn:aws:iam::aws:policy/AWSXRayDaemonWriteAccess".to_owned()],
        exists: false,
    };
    let bucket = ResourcePolicy {
        resource: "arn:aws:s3:::invoices".parse().unwrap(),
        document: policy(
            r#"{"Version":"2012-10-17","Statement":[
                {"Sid":"OnlyTheReader","Effect":"Allow",
                 "Principal":{"AWS":"arn:aws:iam::111122223333:role/agents/prod/invoice-reader"},
                 "Action":"s3:GetObject","Resource":"arn:aws:s3:::invoices/*"}]}"#,
        ),
    };
    Stack {
        home: Home::Account("111122223333".parse().unwrap()),
        title: "The identity of invoice-reader: one agent, one role.".to_owned(),
        items: vec![
            Item::Policy(boundary),
            Item::Role(role),
            Item::ResourcePolicy(bucket),
        ],
    }
}

fn organization() -> Stack {
    Stack {
        home: Home::Organization,
        title: "Ceilings over agents.".to_owned(),
        items: vec![Item::Ceiling(Ceiling {
            kind: CeilingKind::Scp,
            name: "bailiwick-agents".to_owned(),
            description: "Limits on agents.".to_owned(),
            document: policy(
                r#"{"Version":"2012-10-17","Statement":[
                    {"Sid":"NoInlineAgents","Effect":"Deny","Action":"bedrock:InvokeInlineAgent","Resource":"*"}]}"#,
            ),
            targets: vec!["ou-ac3e-7prod001".to_owned(), "ou-ac3e-5stag002".to_owned()],
        })],
    }
}

#[test]
fn a_template_reads_as_a_reviewer_would_write_it() {
    for (language, path) in [
        (Language::Cloudformation, "cloudformation/111122223333.yaml"),
        (Language::Terraform, "terraform/111122223333/main.tf"),
        (Language::Terraform, "terraform/111122223333/variables.tf"),
    ] {
        let files = files(&[account()], language);
        insta::assert_snapshot!(path.replace('/', "-"), files[path]);
    }
}

#[test]
fn a_ceiling_is_attached_where_it_should_bind() {
    let files = |language| files(&[organization()], language);
    let yaml = &files(Language::Cloudformation)["cloudformation/organization.yaml"];
    insta::assert_snapshot!("cloudformation-organization.yaml", yaml);
    let hcl = &files(Language::Terraform)["terraform/organization/main.tf"];
    insta::assert_snapshot!("terraform-organization-main.tf", hcl);
}

#[test]
fn every_document_stands_in_a_file_of_its_own_in_every_language() {
    let expected = [
        "policies/111122223333/invoice-reader-boundary.json",
        "policies/111122223333/invoice-reader/read.json",
        "policies/111122223333/invoice-reader/trust.json",
        "policies/111122223333/s3-invoices.json",
    ];
    for language in [
        Language::Cloudformation,
        Language::Terraform,
        Language::Json,
    ] {
        let files = files(&[account()], language);
        let documents: Vec<_> = files
            .keys()
            .filter(|it| it.starts_with("policies/"))
            .collect();
        assert_eq!(documents, expected, "{language:?}");
        for path in documents {
            Policy::parse(&files[path]).unwrap();
        }
    }
    assert_eq!(files(&[account()], Language::Json).len(), expected.len());
}

#[test]
fn a_role_that_is_there_is_taken_over_and_not_made_again() {
    let mut stack = account();
    for item in &mut stack.items {
        if let Item::Role(role) = item {
            role.exists = true;
        }
    }
    let hcl = &files(&[stack.clone()], Language::Terraform)["terraform/111122223333/main.tf"];
    assert!(
        hcl.contains("import {\n  to = aws_iam_role.invoice_reader\n  id = \"invoice-reader\"\n}")
    );
    let yaml = &files(&[stack], Language::Cloudformation)["cloudformation/111122223333.yaml"];
    assert!(
        yaml.contains("InvoiceReaderRole:\n    Type: AWS::IAM::Role\n    DeletionPolicy: Retain")
    );
    assert!(yaml.contains("IMPORT change set"));
}

#[test]
fn two_names_that_look_alike_to_a_template_stay_two() {
    let mut stack = account();
    let Some(Item::Policy(first)) = stack.items.first().cloned() else {
        panic!("the boundary comes first");
    };
    let second = ManagedPolicy {
        name: "invoice.reader-boundary".to_owned(),
        ..first
    };
    stack.items.push(Item::Policy(second));
    let hcl = &files(&[stack.clone()], Language::Terraform)["terraform/111122223333/main.tf"];
    assert!(hcl.contains("\"aws_iam_policy\" \"invoice_reader_boundary2\""));
    let yaml = &files(&[stack], Language::Cloudformation)["cloudformation/111122223333.yaml"];
    assert!(yaml.contains("\n  InvoiceReaderBoundaryPolicy2:\n"));
}

#[test]
fn what_yaml_would_take_for_something_else_is_quoted() {
    for (text, printed) in [
        ("s3:GetObject", "s3:GetObject"),
        (
            "arn:aws:s3:::b/${aws:PrincipalTag/t}/*",
            "arn:aws:s3:::b/${aws:PrincipalTag/t}/*",
        ),
        ("*", "\"*\""),
        ("2012-10-17", "\"2012-10-17\""),
        ("0042", "\"0042\""),
        ("true", "\"true\""),
        ("No", "\"No\""),
        ("a: b", "\"a: b\""),
        ("a #b", "\"a #b\""),
        ("ends:", "\"ends:\""),
        ("", "\"\""),
        ("!Ref X", "\"!Ref X\""),
        ("é", "\"é\""),
    ] {
        let mut text_out = String::new();
        yaml::members(
            &mut text_out,
            &[("k".to_owned(), super::tree::Tree::text(text))],
            0,
        );
        assert_eq!(text_out, format!("k: {printed}\n"));
    }
}

#[test]
fn a_variable_of_iam_is_no_template_of_terraform() {
    assert_eq!(hcl::quoted("${aws:username}"), "\"$${aws:username}\"");
    assert_eq!(hcl::quoted("%{if}"), "\"%%{if}\"");
    assert_eq!(hcl::quoted("$5 and 5%"), "\"$5 and 5%\"");
    assert_eq!(hcl::quoted("a\"b\\c\n"), "\"a\\\"b\\\\c\\n\"");
}

/// `terraform fmt`'s rules, from its source, as a check of a text: two spaces a bracket, and the
/// equals signs of neighbouring one-line arguments in one column, one space after the longest name.
/// <https://github.com/hashicorp/hcl/blob/main/hclwrite/format.go>
fn unformatted(text: &str) -> Option<String> {
    let mut depth: usize = 0;
    let mut chain: Vec<(usize, usize)> = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let bare = line.trim_start();
        if bare.starts_with('#') {
            continue;
        }
        let net = brackets(bare);
        let closes_first = bare.starts_with(['}', ']', ')']);
        let expected = (depth.saturating_sub(usize::from(closes_first))) * 2;
        if !bare.is_empty() && line.len() - bare.len() != expected {
            return Some(format!("{}: {expected} spaces before `{bare}`", number + 1));
        }
        if line.ends_with(' ') {
            return Some(format!("{}: spaces at the end", number + 1));
        }
        // A pair of brackets such as `({` is one step in.
        depth = depth.saturating_add_signed(net.signum());
        match (assigned(bare), net) {
            (Some((name, column)), 0) => chain.push((name, column)),
            (assigned, _) => {
                if let Some((name, column)) = assigned
                    && column != name + 1
                {
                    return Some(format!("{}: one space before `=`", number + 1));
                }
                if let Some(fault) = ragged(&chain) {
                    return Some(format!("before {}: {fault}", number + 1));
                }
                chain.clear();
            }
        }
    }
    ragged(&chain)
}

fn ragged(chain: &[(usize, usize)]) -> Option<String> {
    let widest = chain.iter().map(|(name, _)| *name).max()?;
    let all = chain.iter().all(|(_, column)| *column == widest + 1);
    (!all).then(|| format!("equals signs not in one column: {chain:?}"))
}

/// The width of the name before the first equals sign outside quotation marks, and its column.
fn assigned(line: &str) -> Option<(usize, usize)> {
    let mut inside = false;
    let column = line.chars().position(|letter| {
        inside ^= letter == '"';
        letter == '=' && !inside
    })?;
    let before: String = line.chars().take(column).collect();
    Some((before.trim_end().chars().count(), column))
}

fn brackets(line: &str) -> isize {
    let (mut net, mut inside, mut escaped) = (0, false, false);
    for letter in line.chars() {
        match letter {
            _ if escaped => escaped = false,
            '\\' if inside => escaped = true,
            '"' => inside = !inside,
            '{' | '[' | '(' if !inside => net += 1,
            '}' | ']' | ')' if !inside => net -= 1,
            _ => {}
        }
    }
    net
}

#[test]
fn terraform_is_laid_out_as_its_formatter_would() {
    for stack in [account(), organization()] {
        for (path, text) in files(&[stack], Language::Terraform) {
            if path.ends_with(".tf") {
                assert_eq!(unformatted(&text), None, "{path}\n{text}");
            }
        }
    }
}

#[test]
fn the_check_of_the_layout_sees_what_is_ragged() {
    let ragged = "a {\n  x = 1\n  long = 2\n}\n";
    assert!(unformatted(ragged).is_some());
    assert!(unformatted("a {\n x = 1\n}\n").is_some());
    assert!(unformatted("a {\n  x  = [\n  ]\n}\n").is_some());
    assert_eq!(
        unformatted("a {\n  x    = 1\n  long = 2\n\n  y = [\n    1,\n  ]\n}\n"),
        None
    );
}

proptest! {
    #[test]
    fn any_text_comes_back_from_yaml_quotation_as_json_reads_it(text in any::<String>()) {
        let back: String = serde_json::from_str(&yaml::quoted(&text)).unwrap();
        prop_assert_eq!(back, text);
    }
}
