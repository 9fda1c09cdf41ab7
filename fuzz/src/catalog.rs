use bailiwick_iam_catalog::Catalog;

use crate::text;

/// A catalog that decodes answers every question about itself.
pub fn catalog(input: &[u8]) {
    let Ok(catalog) = Catalog::decode(text(input)) else {
        return;
    };
    for service in catalog.services() {
        for action in service.actions() {
            assert_eq!(service.action(action.name()), Ok(action));
            for used in action.resources() {
                let formats = used.resource_type().arn_formats();
                assert!(formats.map(|format| format.pattern().len()).sum::<usize>() <= input.len());
            }
        }
    }
    for key in catalog.condition_keys() {
        assert!(catalog.condition_key(key.name()).is_ok());
    }
}
