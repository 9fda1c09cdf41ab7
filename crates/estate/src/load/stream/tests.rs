use super::*;

/// Hands out one byte at a time, as the slowest pipe would.
struct Trickle<'a>(&'a [u8]);

impl Read for Trickle<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match (self.0.split_first(), into.first_mut()) {
            (Some((byte, rest)), Some(slot)) => {
                *slot = *byte;
                self.0 = rest;
                Ok(1)
            }
            _ => Ok(0),
        }
    }
}

fn pieces(text: &[u8]) -> Result<Vec<Raw>, StreamError> {
    let mut stream = Stream::new(Box::new(Trickle(text)))?;
    stream.expect(b'[', "a list")?;
    let mut found = Vec::new();
    while stream.has_element(found.is_empty())? {
        found.push(stream.value()?);
    }
    Ok(found)
}

fn problem(text: &[u8]) -> StreamError {
    pieces(text).unwrap_err()
}

#[test]
fn each_element_comes_whole_and_with_its_place() {
    let text = "[ {\"a\": \"]}\\\"\"},\n  12,\"é\" ,[[]]]".as_bytes();
    let found: Vec<_> = pieces(text).unwrap();
    let told: Vec<_> = found
        .iter()
        .map(|raw| (raw.text.as_str(), raw.line, raw.column))
        .collect();
    assert_eq!(
        told,
        [
            ("{\"a\": \"]}\\\"\"}", 1, 3),
            ("12", 2, 3),
            ("\"é\"", 2, 6),
            ("[[]]", 2, 11),
        ]
    );
}

#[test]
fn a_text_that_ends_inside_a_value_is_told_so_where_it_ends() {
    for text in ["[{\"a\": 1", "[\"a", "[1", "["] {
        let error = problem(text.as_bytes());
        assert!(matches!(error.problem, StreamProblem::Truncated), "{text}");
        assert_eq!(error.column as usize, text.len() + 1);
    }
}

#[test]
fn a_missing_comma_is_found_where_it_is_missing() {
    let error = problem(b"[{} {}]");
    assert!(matches!(error.problem, StreamProblem::Syntax(_)));
    assert_eq!((error.line, error.column), (1, 5));
}

#[test]
fn bytes_that_are_no_utf8_are_found_where_they_stand() {
    let error = problem(b"[\n \"ab\xFFc\"]");
    assert!(matches!(error.problem, StreamProblem::NotUtf8));
    assert_eq!((error.line, error.column), (2, 5));
}

#[test]
fn utf16_is_called_by_its_name() {
    let error = Stream::new(Box::new(&b"\xFF\xFE[\0]\0"[..])).err().unwrap();
    assert!(matches!(error.problem, StreamProblem::Utf16));
}

#[test]
fn a_byte_order_mark_is_passed_over() {
    assert_eq!(pieces(b"\xEF\xBB\xBF[1]").unwrap().len(), 1);
}

#[test]
fn a_million_open_brackets_are_counted_not_climbed() {
    let mut text = b"[".to_vec();
    text.extend(std::iter::repeat_n(b'[', 1_000_000));
    assert!(matches!(problem(&text).problem, StreamProblem::Truncated));
}

#[test]
fn a_value_without_end_is_refused_before_it_fills_the_memory() {
    let endless = (&b"[\"a"[..]).chain(io::repeat(b'a'));
    let mut stream = Stream::new(Box::new(endless)).unwrap();
    stream.expect(b'[', "a list").unwrap();
    assert!(stream.has_element(true).unwrap());
    let error = stream.value().unwrap_err();
    assert!(matches!(error.problem, StreamProblem::TooLong));
}
