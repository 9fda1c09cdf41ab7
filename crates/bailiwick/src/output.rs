//! Where answers go: the standard output stream, or a file that is there whole or not at all.

use std::{
    fs,
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use anyhow::Context as _;

use crate::fault::Fault;

/// The standard output stream, buffered. A reader that went away ends the writing, quietly.
pub(crate) struct Output {
    stream: BufWriter<io::StdoutLock<'static>>,
    is_gone: bool,
}

impl Output {
    pub(crate) fn of_the_process() -> Self {
        Self {
            stream: BufWriter::with_capacity(1 << 16, io::stdout().lock()),
            is_gone: false,
        }
    }

    /// Whether nobody reads any more, so that the rest need not be worked out.
    pub(crate) fn is_gone(&self) -> bool {
        self.is_gone
    }

    pub(crate) fn write(&mut self, text: &str) -> anyhow::Result<()> {
        if self.is_gone {
            return Ok(());
        }
        let written = self.stream.write_all(text.as_bytes());
        self.unless_gone(written)
    }

    /// Hands over what was written so far, so that a reader of a stream sees each answer in time.
    pub(crate) fn flush(&mut self) -> anyhow::Result<()> {
        if self.is_gone {
            return Ok(());
        }
        let flushed = self.stream.flush();
        self.unless_gone(flushed)
    }

    pub(crate) fn finish(&mut self) -> anyhow::Result<()> {
        self.flush()
    }

    fn unless_gone(&mut self, result: io::Result<()>) -> anyhow::Result<()> {
        match result {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.is_gone = true;
                Ok(())
            }
            other => other.context("cannot write to the standard output"),
        }
    }
}

/// Writes `text` to `file`, or to the standard output where none is named.
pub(crate) fn deliver(text: &str, file: Option<&Path>, output: &mut Output) -> anyhow::Result<()> {
    match file {
        None => output.write(text),
        Some(file) => write_whole(file, text),
    }
}

/// Writes beside the file and renames, so that a reader never sees half of it.
pub(crate) fn write_whole(file: &Path, text: &str) -> anyhow::Result<()> {
    let aside = beside(file)?;
    let written = write_aside(&aside, text).and_then(|()| fs::rename(&aside, file));
    if written.is_err() {
        // What was begun must not stay; that it cannot be removed is not the error to report.
        let _ = fs::remove_file(&aside);
    }
    written.with_context(|| format!("cannot write `{}`", file.display()))
}

fn write_aside(aside: &Path, text: &str) -> io::Result<()> {
    let mut begun = fs::File::create(aside)?;
    begun.write_all(text.as_bytes())?;
    begun.sync_all()
}

fn beside(file: &Path) -> Result<PathBuf, Fault> {
    let Some(name) = file.file_name() else {
        return Err(Fault::new(format!("`{}` names no file", file.display()))
            .mend("name the file to write, for example report.html"));
    };
    let mut aside = std::ffi::OsString::from(".");
    aside.push(name);
    aside.push(format!(".{}.part", std::process::id()));
    Ok(file.with_file_name(aside))
}
