//! A stream of JSON objects, one a line, read as it comes.

use std::{
    io::{BufRead as _, BufReader, Read},
    path::Path,
};

use bailiwick_iam::json::Span;

use crate::{fault::Fault, input, output::Output};

/// The longest line. A case holds a handful of policies; this is a hundred of the longest.
const LINE_LENGTH_MAX: u64 = 64 << 20;

/// The lines of a file or of the standard input.
pub(crate) struct Lines {
    name: String,
    reader: BufReader<Box<dyn Read>>,
    number: usize,
    bytes: Vec<u8>,
}

impl Lines {
    pub(crate) fn open(path: &Path) -> Result<Self, Fault> {
        Ok(Self {
            name: input::name_of(path),
            reader: BufReader::with_capacity(1 << 16, input::open(path)?),
            number: 0,
            bytes: Vec::new(),
        })
    }

    /// Answers each line that is not blank, in order. An answer is one line, and each is handed over
    /// before the program waits for more input.
    ///
    /// # Errors
    /// At the first line that cannot be read or answered. The answers before it were given.
    pub(crate) fn answer_each(
        mut self,
        output: &mut Output,
        mut answer: impl FnMut(&Line<'_>) -> anyhow::Result<String>,
    ) -> anyhow::Result<()> {
        let mut answered = 0;
        loop {
            if self.reader.buffer().is_empty() {
                output.flush()?;
            }
            if output.is_gone() || !self.advance()? {
                return Ok(());
            }
            let line = match self.line() {
                Ok(line) if line.text.trim().is_empty() => continue,
                Ok(line) => line,
                Err(fault) => return Err(after(answered, fault).into()),
            };
            let mut answer = match answer(&line) {
                Ok(answer) => answer,
                Err(error) => {
                    return Err(match error.downcast::<Fault>() {
                        Ok(fault) => after(answered, fault).into(),
                        Err(other) => other,
                    });
                }
            };
            answer.push('\n');
            output.write(&answer)?;
            answered += 1;
        }
    }

    fn advance(&mut self) -> Result<bool, Fault> {
        self.bytes.clear();
        self.number += 1;
        let mut limited = (&mut self.reader).take(LINE_LENGTH_MAX + 1);
        let read = limited
            .read_until(b'\n', &mut self.bytes)
            .map_err(|error| input::unreadable(Path::new(&self.name), &error))?;
        Ok(read > 0)
    }

    fn line(&self) -> Result<Line<'_>, Fault> {
        let (name, number) = (&self.name, self.number);
        if self.bytes.len() as u64 > LINE_LENGTH_MAX {
            let limit = LINE_LENGTH_MAX >> 20;
            return Err(
                Fault::new(format!("{name}:{number}: a line of more than {limit} MiB"))
                    .mend("write one object a line"),
            );
        }
        match std::str::from_utf8(&self.bytes) {
            Ok(text) => Ok(Line { name, number, text }),
            Err(error) => Err(Fault::new(format!(
                "{name}:{number}: no UTF-8 text: byte {} of the line cannot be read",
                error.valid_up_to()
            ))
            .mend("save the file as UTF-8")),
        }
    }
}

/// One line and where it stands.
pub(crate) struct Line<'a> {
    name: &'a str,
    number: usize,
    pub(crate) text: &'a str,
}

impl Line<'_> {
    /// A fault at a place in this line.
    pub(crate) fn fault(&self, message: &str, span: Span) -> Fault {
        Fault::new(format!("line {}: {message}", self.number)).at_line(
            self.name,
            self.number,
            self.text,
            span,
        )
    }
}

/// What a reader of the answers must know of them: that they are whole, and how many there are.
fn after(answered: usize, fault: Fault) -> Fault {
    fault.note(match answered {
        0 => "no answer was printed".to_owned(),
        1 => "the answer to the 1 case before it was printed; those after it were not read"
            .to_owned(),
        more => format!(
            "the answers to the {more} cases before it were printed; those after it were not read"
        ),
    })
}
