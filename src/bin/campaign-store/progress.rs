//! How far the work is, on standard error.

use std::fmt;
use std::io::{IsTerminal, stderr};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// How often a line is written where there is no terminal, and after how long the first.
const LINE_INTERVAL: Duration = Duration::from_secs(5);

/// A moment of the work.
pub(crate) struct Step {
    /// What is being done.
    pub(crate) label: &'static str,
    /// How much of it is done.
    pub(crate) done: u64,
    /// All of it, where that is known.
    pub(crate) total: Option<u64>,
    /// What else there is to say; can be empty.
    pub(crate) detail: String,
}

impl Step {
    pub(crate) fn new(label: &'static str, done: u64, total: Option<u64>) -> Self {
        Self { label, done, total, detail: String::new() }
    }

    pub(crate) fn detail(mut self, detail: String) -> Self {
        self.detail = detail;
        self
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.label, self.done)?;
        if let Some(total) = self.total {
            write!(f, " of {total}")?;
        }
        if !self.detail.is_empty() {
            write!(f, ", {}", self.detail)?;
        }
        Ok(())
    }
}

/// A bar on a terminal, and now and then a line elsewhere.
pub(crate) enum Progress {
    Bar(ProgressBar),
    Lines { last: Instant },
}

impl Progress {
    pub(crate) fn new() -> Self {
        if stderr().is_terminal() {
            Self::Bar(ProgressBar::no_length())
        } else {
            Self::Lines { last: Instant::now() }
        }
    }

    pub(crate) fn show(&mut self, step: &Step) {
        match self {
            Self::Bar(bar) => {
                bar.set_style(style(step.total.is_some()));
                bar.set_prefix(step.label);
                bar.set_message(step.detail.clone());
                bar.set_position(step.done);
                match step.total {
                    Some(total) => bar.set_length(total),
                    None => bar.unset_length(),
                }
            }
            Self::Lines { last } => {
                if last.elapsed() >= LINE_INTERVAL {
                    eprintln!("{step}");
                    *last = Instant::now();
                }
            }
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Self::Bar(bar) = self {
            bar.finish_and_clear();
        }
    }
}

fn style(has_total: bool) -> ProgressStyle {
    let template = if has_total {
        "{prefix} [{bar:30}] {human_pos}/{human_len} {msg} {elapsed}"
    } else {
        "{prefix} {human_pos} {msg} {elapsed}"
    };
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
