//! A JSON text read piece by piece, so that a file need not fit into memory.
//!
//! Only the outline is followed here: where a value begins and where it ends. Each piece is then
//! parsed by `bailiwick_iam::json`; a file of a gigabyte costs as much memory as its longest piece.

use std::io::{self, BufRead, BufReader, Read};

/// The longest piece taken into memory, in bytes. The longest real ones, a principal with all its
/// policies or one answer of a service, stay below one mebibyte; an organisation of 10,000 accounts
/// takes about ten.
pub(crate) const PIECE_LENGTH_MAX: usize = 64 << 20;

/// The longest member name. AWS's are below a hundred.
const NAME_LENGTH_MAX: usize = 1 << 10;

const BYTE_ORDER_MARK: [u8; 3] = [0xEF, 0xBB, 0xBF];

/// A text value with the place where it begins.
#[derive(Debug, Default)]
pub(crate) struct Raw {
    pub(crate) text: String,
    pub(crate) line: u32,
    pub(crate) column: u32,
}

/// What is wrong, and where.
#[derive(Debug)]
pub(crate) struct StreamError {
    pub(crate) line: u32,
    pub(crate) column: u32,
    pub(crate) problem: StreamProblem,
}

#[derive(Debug)]
pub(crate) enum StreamProblem {
    Io(io::Error),
    /// The text ends inside a value.
    Truncated,
    Empty,
    /// What was expected.
    Syntax(&'static str),
    TooLong,
    NotUtf8,
    Utf16,
}

/// The reading position in a JSON text.
pub(crate) struct Stream<'r> {
    reader: BufReader<Box<dyn Read + 'r>>,
    line: u32,
    column: u32,
}

impl<'r> Stream<'r> {
    pub(crate) fn new(mut reader: Box<dyn Read + 'r>) -> Result<Self, StreamError> {
        let mut start = Vec::new();
        let length = u64::try_from(BYTE_ORDER_MARK.len()).unwrap_or_default();
        let begun = reader.by_ref().take(length).read_to_end(&mut start);
        let is_utf16 = start.starts_with(&[0xFF, 0xFE]) || start.starts_with(&[0xFE, 0xFF]);
        if start == BYTE_ORDER_MARK {
            start.clear();
        }
        let whole: Box<dyn Read + 'r> = Box::new(io::Cursor::new(start).chain(reader));
        let stream = Self {
            reader: BufReader::with_capacity(1 << 16, whole),
            line: 1,
            column: 1,
        };
        match begun {
            Err(error) => Err(stream.wrong(StreamProblem::Io(error))),
            Ok(_) if is_utf16 => Err(stream.wrong(StreamProblem::Utf16)),
            Ok(_) => Ok(stream),
        }
    }

    /// The next byte that is no white space, not consumed. `None` at the end.
    pub(crate) fn peek(&mut self) -> Result<Option<u8>, StreamError> {
        loop {
            let buffer = self.buffer()?;
            if buffer.is_empty() {
                return Ok(None);
            }
            let space = buffer.iter().take_while(|byte| is_space(**byte)).count();
            let found = buffer.get(space).copied();
            self.consume(space)?;
            if found.is_some() {
                return Ok(found);
            }
        }
    }

    /// Steps over one byte of the outline: a bracket, a colon, a comma.
    pub(crate) fn expect(&mut self, byte: u8, expected: &'static str) -> Result<(), StreamError> {
        match self.peek()? {
            Some(found) if found == byte => self.consume(1),
            Some(_) => Err(self.wrong(StreamProblem::Syntax(expected))),
            None => Err(self.wrong(StreamProblem::Truncated)),
        }
    }

    /// The name of the next member of the object being read, its colon consumed. `None` at the
    /// object's end, which is consumed.
    pub(crate) fn member(&mut self, is_first: bool) -> Result<Option<Raw>, StreamError> {
        if self.is_over(b'}', is_first, "a comma or the end of the object")? {
            return Ok(None);
        }
        if self.peek()? != Some(b'"') {
            return Err(self.wrong(StreamProblem::Syntax("a member name in double quotes")));
        }
        let name = self.capture(NAME_LENGTH_MAX)?;
        self.expect(b':', "a colon")?;
        Ok(Some(name))
    }

    /// The next element of the list being read. `false` at the list's end, which is consumed.
    pub(crate) fn has_element(&mut self, is_first: bool) -> Result<bool, StreamError> {
        let is_over = self.is_over(b']', is_first, "a comma or the end of the list")?;
        Ok(!is_over)
    }

    /// The next value, as it was written.
    pub(crate) fn value(&mut self) -> Result<Raw, StreamError> {
        self.capture(PIECE_LENGTH_MAX)
    }

    /// Steps over the next value, however long.
    pub(crate) fn skip(&mut self) -> Result<(), StreamError> {
        self.peek()?;
        self.scan(|_, _| Ok(()))
    }

    pub(crate) fn wrong(&self, problem: StreamProblem) -> StreamError {
        StreamError {
            line: self.line,
            column: self.column,
            problem,
        }
    }

    fn is_over(
        &mut self,
        end: u8,
        is_first: bool,
        expected: &'static str,
    ) -> Result<bool, StreamError> {
        match self.peek()? {
            None => Err(self.wrong(StreamProblem::Truncated)),
            Some(found) if found == end => {
                self.consume(1)?;
                Ok(true)
            }
            Some(_) if is_first => Ok(false),
            Some(b',') => {
                self.consume(1)?;
                Ok(false)
            }
            Some(_) => Err(self.wrong(StreamProblem::Syntax(expected))),
        }
    }

    fn capture(&mut self, length_max: usize) -> Result<Raw, StreamError> {
        self.peek()?;
        let (line, column) = (self.line, self.column);
        let mut bytes = Vec::new();
        self.scan(|stream, part| {
            if bytes.len() + part.len() > length_max {
                return Err(stream.wrong(StreamProblem::TooLong));
            }
            bytes.extend_from_slice(part);
            Ok(())
        })?;
        match String::from_utf8(bytes) {
            Ok(text) => Ok(Raw { text, line, column }),
            Err(error) => {
                let valid = error.utf8_error().valid_up_to();
                let before = error.as_bytes().get(..valid).unwrap_or_default();
                let (line, column) = advanced((line, column), before);
                Err(StreamError {
                    line,
                    column,
                    problem: StreamProblem::NotUtf8,
                })
            }
        }
    }

    /// Hands every part of the next value to `take`.
    fn scan(
        &mut self,
        mut take: impl FnMut(&Self, &[u8]) -> Result<(), StreamError>,
    ) -> Result<(), StreamError> {
        let mut outline = Outline::default();
        loop {
            let buffer = self.buffer()?;
            if buffer.is_empty() {
                // A number or a word may end with the text; nothing else may.
                return match outline.ends_with_the_text() {
                    true => Ok(()),
                    false => Err(self.wrong(StreamProblem::Truncated)),
                };
            }
            let (length, is_over) = outline.follow(buffer);
            let part = buffer.get(..length).unwrap_or_default().to_vec();
            take(self, &part)?;
            self.consume(length)?;
            if is_over {
                return Ok(());
            }
        }
    }

    fn buffer(&mut self) -> Result<&[u8], StreamError> {
        let (line, column) = (self.line, self.column);
        self.reader.fill_buf().map_err(|error| StreamError {
            line,
            column,
            problem: StreamProblem::Io(error),
        })
    }

    fn consume(&mut self, length: usize) -> Result<(), StreamError> {
        let at = (self.line, self.column);
        let consumed = self.buffer()?.get(..length).unwrap_or_default();
        (self.line, self.column) = advanced(at, consumed);
        self.reader.consume(length);
        Ok(())
    }
}

/// How deep in a value we are. No recursion: nesting costs a counter.
#[derive(Default)]
struct Outline {
    depth: u64,
    in_string: bool,
    is_escaped: bool,
    in_word: bool,
}

impl Outline {
    /// Follows the value through `buffer`: how many bytes of it belong to the value, and whether it
    /// ends there.
    fn follow(&mut self, buffer: &[u8]) -> (usize, bool) {
        for (at, &byte) in buffer.iter().enumerate() {
            if self.in_string {
                match byte {
                    _ if self.is_escaped => self.is_escaped = false,
                    b'\\' => self.is_escaped = true,
                    b'"' => {
                        self.in_string = false;
                        if self.depth == 0 {
                            return (at + 1, true);
                        }
                    }
                    _ => {}
                }
                continue;
            }
            if self.in_word {
                if is_space(byte) || matches!(byte, b',' | b']' | b'}' | b':') {
                    return (at, true);
                }
                continue;
            }
            match byte {
                b'"' => self.in_string = true,
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' => {
                    self.depth = self.depth.saturating_sub(1);
                    if self.depth == 0 {
                        return (at + 1, true);
                    }
                }
                _ if self.depth == 0 => self.in_word = true,
                _ => {}
            }
        }
        (buffer.len(), false)
    }

    fn ends_with_the_text(&self) -> bool {
        self.in_word
    }
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

/// The line and column after `bytes`. Columns count characters.
pub(crate) fn advanced((line, column): (u32, u32), bytes: &[u8]) -> (u32, u32) {
    let count = |bytes: &[u8]| {
        let letters = bytes.iter().filter(|byte| **byte & 0xC0 != 0x80).count();
        u32::try_from(letters).unwrap_or(u32::MAX)
    };
    let newlines = bytes.iter().filter(|byte| **byte == b'\n').count();
    if newlines == 0 {
        return (line, column.saturating_add(count(bytes)));
    }
    let last = bytes.rsplit(|byte| *byte == b'\n').next().unwrap_or(bytes);
    let newlines = u32::try_from(newlines).unwrap_or(u32::MAX);
    (line.saturating_add(newlines), count(last).saturating_add(1))
}

#[cfg(test)]
mod tests;
