use super::*;

const HEADER: &str = "bailiwick-iam-catalog 1\t7\t2026-01-02\tpackage\n";

fn refused(lines: &str) -> String {
    Catalog::decode(&format!("{HEADER}{lines}"))
        .expect_err("it is no catalog")
        .to_string()
}

#[test]
fn an_entry_points_at_what_stands_above_it() {
    let text = format!(
        "{HEADER}&s3:a\tS\n@s3\tAmazon S3\trcp\n%s3:a\tS\n%s3:b\tA*\n#bucket\tarn:x arn:y\t1\n=R\t0\tkms:Decrypt\t0*|1|sts:X,sts:Y\nGetObject\t0\n"
    );
    let catalog = Catalog::decode(&text).expect("a catalog");
    let action = catalog.action("s3:GETOBJECT").expect("known");
    assert_eq!(action.to_string(), "s3:GetObject");
    assert_eq!(action.dependents(), ["kms:Decrypt"]);
    let used = action.resources().next().expect("one resource");
    assert!(used.required());
    assert_eq!(used.dependents(), ["sts:X", "sts:Y"]);
    let key = used.condition_keys().next().expect("one key");
    assert_eq!((key.name(), key.multi_valued()), ("s3:b", true));
    assert_eq!(used.resource_type().arn_formats().count(), 2);
}

#[test]
fn a_broken_line_is_named_with_its_reason() {
    for (lines, expected) in [
        (
            "x\t0",
            "line 2 of the catalog: it belongs to a service, and none has begun",
        ),
        ("@s3\tS3", "line 2 of the catalog: a field is missing"),
        ("@s3\tS3\t\t", "line 2 of the catalog: a field too many"),
        ("@\tS3\t", "line 2 of the catalog: a name is empty"),
        (
            "@s3\tS3\t\n@S3\tS3\t",
            "line 3 of the catalog: it is not sorted, or it is there twice",
        ),
        (
            "@s3\tS3\t\n=R\t\t\t\nGet\t1",
            "line 4 of the catalog: a number is expected that counts a line above",
        ),
        (
            "@s3\tS3\t\n=R\t18446744073709551615\t\t",
            "line 3 of the catalog: a number is expected that counts a line above",
        ),
        (
            "@s3\tS3\t\n=X\t\t\t",
            "line 3 of the catalog: the access level is none of L, R, W, T and P",
        ),
        (
            "&k\tX",
            "line 2 of the catalog: the value type is none of S, N, D, B, I and A, with or without `*`",
        ),
    ] {
        assert_eq!(refused(lines), expected);
    }
}

#[test]
fn another_format_is_refused() {
    for text in [
        "",
        "catalog 1",
        "bailiwick-iam-catalog 1",
        "bailiwick-iam-catalog 2\ta\tb\tc",
    ] {
        let error = Catalog::decode(text)
            .expect_err("it is no catalog")
            .to_string();
        assert!(
            error.starts_with("line 1 of the catalog: expected"),
            "{error}"
        );
    }
}
