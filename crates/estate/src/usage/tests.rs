use super::*;

const HEAD: &str = r#"{"coverage":{"from":"2026-08-23T00:00:00Z","to":"2026-11-20T06:15:00Z","accounts":["111122223333"],"regions":["us-east-1"],"selectors":["management","AWS::S3::Object"]}}"#;
const USED: &str = r#"{"account":"111122223333","role":"arn:aws:iam::111122223333:role/r","session":"s","agent":null,"how_sure":"unknown","action":"s3:GetObject","resource":"arn:aws:s3:::b/k","count":3,"first":"2026-08-24T06:00:12Z","last":"2026-11-20T05:59:48Z","errors":{"AccessDenied":1},"events":["e"]}"#;

fn read(text: &str) -> Result<Usage, UsageError> {
    Usage::read("usage.ndjson", text.as_bytes())
}

fn refused(text: &str) -> (usize, usize, String) {
    let error = read(text).unwrap_err();
    (error.line, error.column, error.problem)
}

#[test]
fn a_usage_says_what_was_seen_and_what_could_be() {
    let usage = read(&format!("{HEAD}\n\n{USED}\n")).unwrap();
    let coverage = usage.coverage.as_ref().unwrap();
    assert_eq!((coverage.days(), coverage.sees("management")), (89, true));
    assert!(!coverage.sees("AWS::Lambda::Function"));
    assert!(usage.lines[0].succeeded());
    assert_eq!(read(&usage.to_ndjson().unwrap()).unwrap(), usage);
}

#[test]
fn a_usage_that_states_no_coverage_has_none() {
    assert_eq!(read(USED).unwrap().coverage, None);
    let stated = format!("{{\"coverage\":null}}\n{USED}");
    assert_eq!(read(&stated).unwrap().coverage, None);
    assert_eq!(read("").unwrap(), Usage::default());
}

#[test]
fn calls_that_were_always_refused_did_not_succeed() {
    let refused = USED.replace("\"AccessDenied\":1", "\"AccessDenied\":3");
    assert!(!read(&refused).unwrap().lines[0].succeeded());
}

#[test]
fn a_mistake_is_pointed_at_with_its_line_and_column() {
    let (line, column, problem) = refused(&format!(
        "{HEAD}\n{}",
        USED.replace("\"count\"", "\"cuont\"")
    ));
    assert_eq!(line, 2);
    assert_eq!(column, 177);
    assert!(problem.starts_with("unknown field `cuont`"), "{problem}");

    let (line, _, problem) = refused(&format!("{USED}\n{HEAD}"));
    assert_eq!(
        (line, problem.as_str()),
        (2, "a coverage that is not the first line")
    );

    let (_, _, problem) = refused(&USED.replace("s3:GetObject", "s3:Get*"));
    assert_eq!(problem, "`s3:Get*` is no action");

    let (_, _, problem) = refused(&USED.replace("arn:aws:s3:::b/k", "b/k"));
    assert_eq!(problem, "`b/k` is neither an ARN nor `*`");

    let (_, _, problem) = refused(&HEAD.replace("2026-11-20", "2026-01-20"));
    assert_eq!(problem, "a coverage that ends before it begins");
}

#[test]
fn a_member_that_stands_twice_is_refused() {
    let twice = USED.replacen("\"count\":3", "\"count\":3,\"count\":4", 1);
    assert!(refused(&twice).2.contains("duplicate field"));
}

#[test]
fn a_line_without_end_is_refused_before_it_is_kept() {
    let text = "x".repeat(usize::try_from(LINE_LENGTH_MAX).unwrap() + 2);
    assert!(refused(&text).2.contains("more than"));
}

#[test]
fn days_are_counted_over_leap_years_and_not_made_up() {
    let moment = |text: &str| text.parse::<Moment>().unwrap();
    assert_eq!(moment("1970-01-01T00:00:00Z").unix_seconds(), 0);
    assert_eq!(
        moment("2024-02-28T00:00:00Z").days_until(&moment("2024-03-01T00:00:00Z")),
        2
    );
    assert_eq!(
        moment("2026-02-28T00:00:00Z").days_until(&moment("2026-03-01T00:00:00Z")),
        1
    );
    assert!(moment("2026-01-01T00:00:00.123Z") > moment("2025-12-31T23:59:59Z"));
    for wrong in [
        "2026-02-29T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-01-01T24:00:00Z",
        "2026-01-01 00:00:00Z",
        "2026-01-01T00:00:00+01:00",
        "2026-1-1T0:0:0Z",
        "2026-01-01T00:00:00.Z",
    ] {
        assert!(wrong.parse::<Moment>().is_err(), "{wrong}");
    }
}
