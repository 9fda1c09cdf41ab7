//! One function a parser and a decoder: any bytes in, and it returns.
//!
//! `cargo xtask fuzz` drives them with libFuzzer, coverage-guided, on the stable toolchain; so does
//! `cargo fuzz run TARGET --features libfuzzer` on nightly.

use bailiwick_iam_catalog::Catalog;

/// A catalog that decodes answers every question about itself.
pub fn catalog(input: &[u8]) {
    let Ok(text) = str::from_utf8(input) else {
        return;
    };
    let Ok(catalog) = Catalog::decode(text) else {
        return;
    };
    for service in catalog.services() {
        for action in service.actions() {
            assert_eq!(service.action(action.name()), Ok(action));
            action.resources().for_each(|used| {
                used.resource_type().arn_formats().for_each(|format| {
                    format.pattern();
                });
            });
        }
    }
    for key in catalog.condition_keys() {
        assert!(catalog.condition_key(key.name()).is_ok());
    }
}
