//! Names that templates give to what they make.

use std::collections::BTreeSet;

/// Hands out names, no name twice.
#[derive(Debug, Default)]
pub(super) struct Names(BTreeSet<String>);

impl Names {
    /// The name itself, or with the least number behind it that makes it new.
    pub(super) fn unique(&mut self, name: String) -> String {
        if self.0.insert(name.clone()) {
            return name;
        }
        let numbered = |number: u32| format!("{name}{number}");
        let mut number = 2;
        while !self.0.insert(numbered(number)) {
            number += 1;
        }
        numbered(number)
    }
}

/// `invoice-reader` as `InvoiceReader`: CloudFormation takes letters and digits.
pub(super) fn camel(name: &str) -> String {
    words(name)
        .map(|word| {
            let (first, rest) = word.split_at_checked(1).unwrap_or((word, ""));
            format!("{}{rest}", first.to_ascii_uppercase())
        })
        .collect()
}

/// `Invoice.Reader` as `invoice_reader`: Terraform's custom. A digit cannot come first.
pub(super) fn snake(name: &str) -> String {
    let joined = words(name)
        .map(str::to_ascii_lowercase)
        .collect::<Vec<_>>()
        .join("_");
    if joined.starts_with(|first: char| first.is_ascii_digit()) {
        return format!("a_{joined}");
    }
    joined
}

fn words(name: &str) -> impl Iterator<Item = &str> {
    name.split(|letter: char| !letter.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
}

/// A name as that of a file, in any file system.
pub(super) fn file(name: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_.@+=,".contains(letter);
    let kept: String = name
        .chars()
        .map(|letter| if plain(letter) { letter } else { '-' })
        .collect();
    // A leading dot would hide the file, or leave the folder.
    kept.trim_start_matches('.').to_owned()
}
