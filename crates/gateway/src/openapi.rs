//! The published description: written from the table of routes, OpenAPI 3.1.

use serde_json::{Map, Value, json};

use crate::{
    front::Reply,
    problem::Kind,
    route::{Admits, Gives, ROUTES, Route, Takes},
    shape::Shape,
};

/// The description of everything that may be asked.
pub fn document() -> Value {
    let mut paths: Map<String, Value> = Map::new();
    let mut shapes = Vec::new();
    for route in ROUTES {
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        if let Some(path) = path.as_object_mut() {
            path.insert(route.verb.name().to_lowercase(), operation(route));
        }
        for shape in [taken(route), given(route)].into_iter().flatten() {
            shape.within(&mut shapes);
        }
    }
    shapes.sort_by_key(|shape| shape.name);
    let mut schemas: Map<String, Value> = shapes
        .iter()
        .map(|shape| (shape.name.to_owned(), shape.schema()))
        .collect();
    schemas.insert("Problem".into(), problem());
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Bailiwick",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Grants, decisions and the record of them, for agents on AWS.",
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "operator": {
                    "type": "http", "scheme": "bearer",
                    "description": "An operator's token, as in `operator.token` beside the database; or an access token of an issuer of `--operators`.",
                },
                "grant": {
                    "type": "http", "scheme": "bearer", "bearerFormat": "JWT",
                    "description": "A grant token; with the scheme `DPoP` and a proof where it is bound to a key.",
                },
                "proof": {
                    "type": "apiKey", "in": "header", "name": "Authorization",
                    "description": "A proof of identity: `Bailiwick-Ticket` and a join ticket; where the daemon takes them, `Bailiwick-AWS` and a signature that STS checks, or `Bearer` and a token of a registered issuer; or `Bailiwick-Local` and an agent's name on a daemon that was started for development. The certificate of the connection is a proof too, where there is no such header and a SPIFFE trust domain vouches for it.",
                },
            },
        },
    })
}

/// As it is published in `docs/formats/openapi.json`.
pub fn text() -> String {
    // A value of this kind always serialises.
    let mut text = serde_json::to_string_pretty(&document()).unwrap_or_default();
    text.push('\n');
    text
}

pub(crate) fn reply() -> Reply {
    Reply::text("application/json", document().to_string())
}

fn taken(route: &Route) -> Option<&'static Shape> {
    match route.takes {
        Takes::Nothing => None,
        Takes::Json(shape) | Takes::Form(shape) => Some(shape),
    }
}

fn given(route: &Route) -> Option<&'static Shape> {
    match route.gives {
        Gives::Json(_, shape) => Some(shape),
        Gives::Text(_) | Gives::Nothing => None,
    }
}

fn operation(route: &Route) -> Value {
    let mut parameters = Vec::new();
    if route.path.contains("{id}") {
        parameters.push(json!({
            "name": "id", "in": "path", "required": true,
            "description": "The id of the grant.", "schema": { "type": "string" },
        }));
    }
    for parameter in route.query {
        parameters.push(json!({
            "name": parameter.name, "in": "query",
            "description": parameter.about, "schema": { "type": "string" },
        }));
    }
    if route.once {
        parameters.push(json!({
            "name": "Idempotency-Key", "in": "header",
            "description": "The same key with the same request is answered with the same grant.",
            "schema": { "type": "string", "maxLength": 128 },
        }));
    }
    let mut responses: Map<String, Value> = Map::new();
    let (status, content) = match route.gives {
        Gives::Json(status, shape) => (
            status,
            json!({ "application/json": { "schema": reference(shape) } }),
        ),
        Gives::Text(kind) => {
            let kind = kind.split(';').next().unwrap_or(kind);
            (200, json!({ kind: { "schema": { "type": "string" } } }))
        }
        Gives::Nothing => (204, json!({})),
    };
    responses.insert(
        status.to_string(),
        json!({ "description": "The answer.", "content": content }),
    );
    responses.insert(
        "default".into(),
        json!({
            "description": "There is no answer, and why.",
            "content": {
                "application/problem+json": { "schema": { "$ref": "#/components/schemas/Problem" } },
            },
        }),
    );
    let mut operation = json!({
        "operationId": route.operation.name(),
        "summary": route.about,
        "description": admitted(route.admits),
        "security": security(route.admits),
        "responses": responses,
    });
    if let Some(operation) = operation.as_object_mut() {
        if !parameters.is_empty() {
            operation.insert("parameters".into(), parameters.into());
        }
        if let Some(shape) = taken(route) {
            let kind = match route.takes {
                Takes::Form(_) => "application/x-www-form-urlencoded",
                Takes::Nothing | Takes::Json(_) => "application/json",
            };
            operation.insert(
                "requestBody".into(),
                json!({ "required": true, "content": { kind: { "schema": reference(shape) } } }),
            );
        }
    }
    operation
}

fn reference(shape: &Shape) -> Value {
    json!({ "$ref": format!("#/components/schemas/{}", shape.name) })
}

fn admitted(admits: Admits) -> String {
    match admits {
        Admits::Anyone => "Open to everybody.".into(),
        Admits::Proof => "For whoever proves an identity.".into(),
        Admits::Near => {
            "Open where the daemon listens on loopback alone; otherwise for a viewer.".into()
        }
        Admits::GrantOr(role) => format!("For a live grant, or for a {}.", role.name()),
        Admits::OwnGrantOr(role) => format!("For the grant itself, or for a {}.", role.name()),
        Admits::OwnGrant => "For the grant itself.".into(),
        Admits::HeldGrant => "For any live grant, about itself.".into(),
        Admits::AtLeast(role) => format!("For an operator who is at least {}.", role.name()),
    }
}

fn security(admits: Admits) -> Value {
    match admits {
        Admits::Anyone => json!([]),
        Admits::Proof => json!([{ "proof": [] }]),
        Admits::Near => json!([{}, { "operator": [] }]),
        Admits::GrantOr(_) | Admits::OwnGrantOr(_) => json!([{ "grant": [] }, { "operator": [] }]),
        Admits::OwnGrant | Admits::HeldGrant => json!([{ "grant": [] }]),
        Admits::AtLeast(_) => json!([{ "operator": [] }]),
    }
}

fn problem() -> Value {
    let kinds: Vec<String> = Kind::ALL
        .iter()
        .map(|kind| format!("urn:bailiwick:problem:{}", kind.name()))
        .collect();
    json!({
        "type": "object",
        "description": "RFC 9457.",
        "required": ["type", "title", "status", "detail", "instance"],
        "properties": {
            "type": { "type": "string", "enum": kinds },
            "title": { "type": "string" },
            "status": { "type": "integer" },
            "detail": { "type": "string", "description": "What is wrong with this request, and what to do." },
            "instance": { "type": "string", "description": "Names the request, as `X-Request-ID` does." },
            "pointer": { "type": "string", "description": "Where in the body, as a JSON pointer." },
            "reason": { "type": "string", "description": "The reason as a stable code, where the type has several." },
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_description_has_every_route_and_every_reference_in_it_leads_somewhere() {
        let document = document();
        for route in ROUTES {
            let verb = route.verb.name().to_lowercase();
            let operation = &document["paths"][route.path][verb.as_str()];
            assert_eq!(operation["operationId"], route.operation.name());
        }
        let text = document.to_string();
        let references = text.split("\"$ref\":\"#/components/schemas/").skip(1);
        for name in references.filter_map(|rest| rest.split('"').next()) {
            assert!(
                document["components"]["schemas"][name].is_object(),
                "{name}"
            );
        }
    }
}
