use bailiwick_estate::{AgentKind, Estate, File};

const IAM: &str = r#"{"RoleDetailList": [{
    "Path": "/", "RoleName": "reader", "RoleId": "AROAEXAMPLEREADER",
    "Arn": "arn:aws:iam::111122223333:role/reader",
    "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "bedrock.amazonaws.com"}, "Action": "sts:AssumeRole"}]},
    "RolePolicyList": [], "AttachedManagedPolicies": [], "InstanceProfileList": []}],
    "UserDetailList": [], "GroupDetailList": [], "Policies": []}"#;

#[test]
fn without_an_inventory_a_role_that_bedrock_may_assume_stands_for_an_agent() {
    let files = vec![File::of_bytes("iam.json", "", IAM.as_bytes())];
    let estate = Estate::load(files).unwrap();
    let agent = estate.agents.values().next().unwrap();
    assert_eq!(agent.kind, AgentKind::Unknown);
    assert_eq!(agent.name, "reader");
}
