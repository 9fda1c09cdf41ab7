//! `explain`: why a request is allowed or denied, and what would change the answer.

mod places;
mod table;

use bailiwick_iam::{
    case::Case,
    explain::{Explanation, explain},
    request::{Context, Principal, Request, Values},
};
use bailiwick_review::view::View;
use serde::Serialize;

use crate::{
    args::Explain, fault::Fault, ink::Ink, input, outcome::Outcome, output::Output, snapshot,
};

use places::{Place, Places};

pub(crate) fn run(asked: &Explain, json: bool, output: &mut Output) -> anyhow::Result<Outcome> {
    let explained = match &asked.request {
        Some(file) => of_a_case(file)?,
        None => of_an_estate(asked)?,
    };
    if json {
        output.write(&serde_json::to_string_pretty(&explained)?)?;
        output.write("\n")?;
    } else {
        output.write(&table::table(&explained, Ink::of_stdout()))?;
    }
    Ok(Outcome::Clear)
}

/// An answer, its reasons, and where these stand.
#[derive(Debug, Serialize)]
struct Explained {
    #[serde(flatten)]
    explanation: Explanation,
    places: Vec<Place>,
}

fn of_a_case(file: &std::path::Path) -> anyhow::Result<Explained> {
    let document = input::document(file)?;
    let case = Case::parse(&document.text).map_err(|error| {
        Fault::new(error.to_string())
            .at(&document.name, &document.text, error.span)
            .mend(error.trouble.mend())
    })?;
    let catalog = bailiwick_iam_catalog::builtin();
    let explanation = explain(&case.layers, &case.request, catalog);
    let places = Places::InCase(&document).of(&explanation);
    Ok(Explained {
        explanation,
        places,
    })
}

fn of_an_estate(asked: &Explain) -> anyhow::Result<Explained> {
    let mut request = request(asked)?;
    let estate = snapshot::load(&asked.paths)?;
    let catalog = bailiwick_iam_catalog::builtin();
    let view = View::new(&estate, catalog);
    on_its_path(&view, &mut request);
    must_be_held(&view, &request)?;
    view.tell(&mut request);
    let explanation = explain(&view.layers_for(&request), &request, catalog);
    let places = Places::InEstate(&view).of(&explanation);
    snapshot::tell_incomplete(&estate);
    Ok(Explained {
        explanation,
        places,
    })
}

/// The request that the flags describe. What they do not say of its circumstances is not known.
fn request(asked: &Explain) -> Result<Request, Fault> {
    let mut context = Context::incomplete();
    for (key, values) in context_of(&asked.context)? {
        context.set(key, values);
    }
    let [principal, action, resource] = [
        ("--principal", &asked.principal),
        ("--action", &asked.action),
        ("--resource", &asked.resource),
    ]
    .map(|(flag, value)| {
        value
            .as_deref()
            .ok_or_else(|| Fault::new(format!("{flag} is missing")))
    });
    let request = serde_json::json!({
        "principal": principal?, "action": action?, "resource": resource?,
    });
    let mut request = Request::parse(&request.to_string())
        .map_err(|error| Fault::new(error.trouble.to_string()).mend(error.trouble.mend()))?;
    request.context = context;
    Ok(request)
}

/// `k=v` is one value; the same key again makes a list.
fn context_of(pairs: &[String]) -> Result<Vec<(String, Values)>, Fault> {
    let mut found: Vec<(String, Vec<String>)> = Vec::new();
    for pair in pairs {
        let Some((key, value)) = pair.split_once('=').filter(|(key, _)| !key.is_empty()) else {
            return Err(Fault::new(format!("`{pair}` is no key and value"))
                .mend("write --context aws:SourceVpc=vpc-1"));
        };
        match found
            .iter_mut()
            .find(|(known, _)| known.eq_ignore_ascii_case(key))
        {
            Some((_, values)) => values.push(value.to_owned()),
            None => found.push((key.to_owned(), vec![value.to_owned()])),
        }
    }
    let catalog = bailiwick_iam_catalog::builtin();
    let values = |(key, mut values): (String, Vec<String>)| {
        let is_list = catalog
            .condition_key(&key)
            .is_ok_and(|key| key.multi_valued());
        let values = match values.len() {
            1 if !is_list => Values::One(values.remove(0)),
            _ => Values::Many(values),
        };
        (key, values)
    };
    Ok(found.into_iter().map(values).collect())
}

/// The ARN of a session, as a trail has it, leaves out the path of its role; names of roles are unique
/// in an account whatever their path.
// IAM-009
fn on_its_path(view: &View<'_>, request: &mut Request) {
    let Principal::Session(session) = &request.principal else {
        return;
    };
    let (name, account) = (session.role().resource_name(), request.principal.account());
    let role = account.and_then(|account| view.estate.role_named(account, name));
    let whole = role.map(|role| &view.estate.roles.at(role).arn);
    if let Some(Ok(known)) = whole.map(|role| Principal::session(role, session.name())) {
        request.principal = known;
    }
}

/// A principal of an account that the snapshot holds must be in it; a stranger may be anybody.
fn must_be_held(view: &View<'_>, request: &Request) -> Result<(), Fault> {
    let arn = request.principal.role().or_else(|| request.principal.arn());
    let (Some(arn), Some(account)) = (arn, request.principal.account()) else {
        return Ok(());
    };
    let account = view.estate.accounts.get(&account);
    if account.is_none_or(|account| !account.principals_given) || arn.resource() == "root" {
        return Ok(());
    }
    super::reach::principal(view.estate, arn.as_str()).map(|_| ())
}
