//! S3 and DynamoDB, as far as finding out whether a credential may read and write.

use percent_encoding::percent_decode_str;

use super::Reply;
use super::decide::{Ask, decide};
use super::refusal::Refusal;
use super::verify::Received;
use super::world::World;

pub(super) fn answer(world: &mut World, received: &Received) -> Result<Reply, Refusal> {
    let caller = received.caller(world)?;
    let (action, resource, reply) = match received.service() {
        Some("s3") => object(received)?,
        Some("dynamodb") => item(received, &caller.account())?,
        Some(_) | None => return Err(no_such_action()),
    };
    world.count(action, &caller);
    decide(world, &caller, &Ask::new(action, &resource))?;
    Ok(reply)
}

fn object(received: &Received) -> Result<(&'static str, String, Reply), Refusal> {
    let action = match received.method.as_str() {
        "GET" => "s3:GetObject",
        "PUT" => "s3:PutObject",
        _ => return Err(no_such_action()),
    };
    let path = percent_decode_str(&received.path).decode_utf8_lossy();
    let resource = format!("arn:aws:s3:::{}", path.trim_start_matches('/'));
    Ok((action, resource, (200, "text/plain", "done".to_owned())))
}

fn item(received: &Received, account: &str) -> Result<(&'static str, String, Reply), Refusal> {
    let action = match received.header("x-amz-target") {
        Some("DynamoDB_20120810.GetItem") => "dynamodb:GetItem",
        Some("DynamoDB_20120810.PutItem") => "dynamodb:PutItem",
        Some(_) | None => return Err(no_such_action()),
    };
    let body: Option<serde_json::Value> = serde_json::from_slice(received.body()).ok();
    let table = body.as_ref().and_then(|it| it.get("TableName")?.as_str());
    let table = table.ok_or_else(|| Refusal::validation("TableName is missing"))?;
    let region = received.region().unwrap_or_default();
    let resource = format!("arn:aws:dynamodb:{region}:{account}:table/{table}");
    let reply = (200, "application/x-amz-json-1.0", "{}".to_owned());
    Ok((action, resource, reply))
}

fn no_such_action() -> Refusal {
    Refusal::new(
        400,
        "InvalidAction",
        "There is no such action here".to_owned(),
    )
}
