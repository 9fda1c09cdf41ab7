//! Addresses, URLs, paths and ARNs, taken apart.
//!
//! Two readers may take one text for two things: `https://a.example\@b.example` has two hosts, and
//! `a/%2e%2e/b` has none or two folders. Whatever has more than one reading is refused; what is left
//! has one, and its parts are what every reader would find.

use std::net::Ipv4Addr;

use crate::argument::Part;

/// Why a text is not taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartFault {
    /// It is none of its kind.
    Kind,
    /// It is, and holds what has a second reading.
    Unsafe(&'static str),
}

type Parts = Result<Vec<(&'static str, Part)>, PartFault>;

const ESCAPE: PartFault = PartFault::Unsafe("an escape where a letter could stand");
const STEP: PartFault = PartFault::Unsafe("a step up or in place");
const EMPTY: PartFault = PartFault::Unsafe("an empty step");
const OTHER_LETTERS: PartFault = PartFault::Unsafe("letters that look like others");
const HIDDEN: PartFault = PartFault::Unsafe("a character that cannot be seen");
const WILDCARD: PartFault = PartFault::Unsafe("a wildcard");
const LENGTH: PartFault = PartFault::Unsafe("more characters than such a text has");

/// The longest text that is taken apart.
const LENGTH_MAX: usize = 2_048;

fn text(text: &str) -> Part {
    Part::Text(text.to_owned())
}

fn plain(text: &str) -> Result<(), PartFault> {
    if text.len() > LENGTH_MAX {
        Err(LENGTH)
    } else if text.chars().any(bailiwick_charter::is_hidden) {
        Err(HIDDEN)
    } else if !text.is_ascii() {
        Err(OTHER_LETTERS)
    } else {
        Ok(())
    }
}

/// An e-mail address, without a name beside it: `local@domain`. The domain is in small letters.
///
/// # Errors
/// If it is none, or could be read as another.
pub fn email(written: &str) -> Parts {
    plain(written)?;
    let (local, domain) = written.split_once('@').ok_or(PartFault::Kind)?;
    let is_local = (1..=64).contains(&local.len())
        && local
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"!#$&'*+-/=?^_`{|}~.".contains(&byte));
    if local.contains('%') || local.contains('!') {
        // `a%b.example@c.example` was once a route through two hosts.
        return Err(PartFault::Unsafe("a route through another host"));
    }
    let dots = local.starts_with('.') || local.ends_with('.') || local.contains("..");
    if !is_local || dots {
        return Err(PartFault::Kind);
    }
    let domain = domain_name(domain)?;
    if !domain.contains('.') {
        return Err(PartFault::Kind);
    }
    Ok(vec![
        ("address", Part::Text(format!("{local}@{domain}"))),
        ("local", text(local)),
        ("domain", Part::Text(domain)),
    ])
}

/// A host's name in small letters: labels of letters, digits and hyphens, none empty, the last one
/// no number.
fn domain_name(written: &str) -> Result<String, PartFault> {
    if written.ends_with('.') {
        return Err(PartFault::Unsafe("a dot at the end of a host"));
    }
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    if written.len() > 253 || !written.split('.').all(is_label) {
        return Err(PartFault::Kind);
    }
    let last = written.rsplit('.').next().unwrap_or_default();
    let is_number = last.bytes().all(|byte| byte.is_ascii_digit())
        || last.to_ascii_lowercase().starts_with("0x");
    if is_number {
        return Err(PartFault::Unsafe("a number for a host"));
    }
    Ok(written.to_ascii_lowercase())
}

/// A URL with a host. Scheme and host are in small letters; the port is that of the scheme where
/// none is written, and 0 where the scheme has none.
///
/// # Errors
/// If it is none, or could be read as another.
pub fn url(written: &str) -> Parts {
    plain(written)?;
    if written.contains([' ', '"', '<', '>', '^', '`', '{', '|', '}']) {
        return Err(PartFault::Kind);
    }
    if written.contains('\\') {
        return Err(PartFault::Unsafe("a backslash"));
    }
    let (scheme, rest) = written.split_once("://").ok_or(PartFault::Kind)?;
    let is_scheme = scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    if !is_scheme {
        return Err(PartFault::Kind);
    }
    let scheme = scheme.to_ascii_lowercase();
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, rest) = rest.split_at_checked(end).ok_or(PartFault::Kind)?;
    if authority.contains('@') {
        return Err(PartFault::Unsafe("a user before the host"));
    }
    if authority.contains('%') {
        return Err(ESCAPE);
    }
    let (host, port) = match authority.split_once(':') {
        None => (authority, None),
        Some((host, port)) => (host, Some(port)),
    };
    let host = match host.parse::<Ipv4Addr>() {
        Ok(address) => address.to_string(),
        Err(_) => domain_name(host)?,
    };
    let own = match scheme.as_str() {
        "https" | "wss" => 443,
        "http" | "ws" => 80,
        _ => 0,
    };
    let port = match port {
        None => own,
        Some(digits) => {
            let is_plain = digits.bytes().all(|byte| byte.is_ascii_digit())
                && !digits.starts_with('0')
                && digits.len() <= 5;
            let port: u16 =
                if is_plain { digits.parse().ok() } else { None }.ok_or(PartFault::Kind)?;
            i64::from(port)
        }
    };
    let rest = rest.split_once('#').map_or(rest, |(before, _)| before);
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    escapes(path)?;
    escapes(query)?;
    let path = if path.is_empty() { "/" } else { path };
    steps(path)?;
    let mut whole = format!("{scheme}://{host}");
    if port != own {
        whole.push_str(&format!(":{port}"));
    }
    whole.push_str(path);
    if !query.is_empty() {
        whole.push('?');
        whole.push_str(query);
    }
    Ok(vec![
        ("url", Part::Text(whole)),
        ("scheme", Part::Text(scheme)),
        ("host", Part::Text(host)),
        ("port", Part::Long(port)),
        ("path", text(path)),
        ("query", text(query)),
    ])
}

/// No escape stands for a letter that needs none, for a separator, for an escape or for what cannot
/// be seen: those are what readers differ on.
fn escapes(written: &str) -> Result<(), PartFault> {
    let mut rest = written;
    while let Some((_, after)) = rest.split_once('%') {
        let byte = after
            .get(..2)
            .filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
            .and_then(|digits| u8::from_str_radix(digits, 16).ok())
            .ok_or(PartFault::Kind)?;
        let has_another_reading =
            byte.is_ascii_alphanumeric() || byte.is_ascii_control() || b"-._~/\\%".contains(&byte);
        if has_another_reading {
            return Err(ESCAPE);
        }
        rest = after;
    }
    Ok(())
}

/// Every step between slashes leads on: none is empty, `.`, `..` or ends in a dot. The last may be
/// empty: a folder.
fn steps(path: &str) -> Result<(), PartFault> {
    let inner = path.strip_prefix('/').unwrap_or(path);
    let inner = inner.strip_suffix('/').unwrap_or(inner);
    if inner.is_empty() {
        // `//` is not the root to everybody.
        return if path.len() > 1 { Err(EMPTY) } else { Ok(()) };
    }
    for step in inner.split('/') {
        if step.is_empty() {
            return Err(EMPTY);
        }
        if step == "." || step == ".." {
            return Err(STEP);
        }
        if step.ends_with('.') {
            return Err(PartFault::Unsafe("a dot at the end of a step"));
        }
    }
    Ok(())
}

/// A path of a file: `folder/name.extension`.
///
/// # Errors
/// If it is empty, or could be read as another.
pub fn path(written: &str) -> Parts {
    plain(written)?;
    if written.is_empty() {
        return Err(PartFault::Kind);
    }
    if written.contains('%') {
        return Err(ESCAPE);
    }
    if written.contains('\\') {
        return Err(PartFault::Unsafe("a backslash"));
    }
    if written.contains(['*', '?', '[', '{']) {
        return Err(WILDCARD);
    }
    if written.starts_with('~') || written.contains(['$', ':', '|']) {
        return Err(PartFault::Unsafe(
            "a letter that a shell or a system reads as more",
        ));
    }
    steps(written)?;
    let (folder, name) = match written.rsplit_once('/') {
        None => ("", written),
        // The folder of `/a` is the root.
        Some(("", name)) => ("/", name),
        Some(split) => split,
    };
    let extension = match name.rsplit_once('.') {
        // `.profile` is a name, and no extension.
        None | Some(("", _)) => "",
        Some((_, extension)) => extension,
    };
    Ok(vec![
        ("path", text(written)),
        ("folder", text(folder)),
        ("name", text(name)),
        ("extension", Part::Text(extension.to_ascii_lowercase())),
    ])
}

/// An ARN, of one resource.
///
/// # Errors
/// If it is none, or names more than one resource.
pub fn arn(written: &str) -> Parts {
    plain(written)?;
    let arn: bailiwick_iam::arn::Arn = written.parse().map_err(|_| PartFault::Kind)?;
    if written.contains(['*', '?', '$']) {
        return Err(WILDCARD);
    }
    if written.contains('%') {
        return Err(ESCAPE);
    }
    if written.contains('\\') || written.contains(' ') {
        return Err(PartFault::Kind);
    }
    let has_steps = arn
        .resource()
        .split(['/', ':'])
        .any(|step| step == "." || step == "..");
    if has_steps {
        return Err(STEP);
    }
    let mut fields = written.split(':').skip(3);
    let (region, account) = (fields.next(), fields.next());
    Ok(vec![
        ("arn", text(written)),
        ("partition", text(arn.partition())),
        ("service", text(arn.service())),
        ("region", text(region.unwrap_or_default())),
        ("account", text(account.unwrap_or_default())),
        ("resource", text(arn.resource())),
    ])
}

#[cfg(test)]
mod tests;
