use std::fmt;

use campaign_store::{Error, RecountProgress};
use futures_util::StreamExt;
use serde::Serialize;

use super::ending;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Answer, Report};
use crate::progress::{Progress, Step};
use crate::session::Session;

pub(super) async fn run(session: &Session) -> Result<Answer, Failure> {
    let store = session.database.connect().await?.system();
    let mut recount = store.campaign_metrics.recount_all().await?;
    let mut shown = Progress::new();
    let mut recounted = Recounted::default();
    while let Some(report) = recount.next().await {
        match report {
            Ok(progress) => {
                let detail = format!("{} corrected", progress.corrected);
                shown.show(&Step::new("recounting", progress.checked, None).detail(detail));
                recounted.progress = progress;
                if session.interrupt.is_requested() {
                    break;
                }
            }
            // What cannot be recounted prevents nothing else.
            Err(error @ Error::Corrupt { .. }) => {
                recounted.failed += 1;
                recounted.first_failed.get_or_insert(error.to_string());
            }
            Err(error) => return Err(error.into()),
        }
    }
    // The end comes right behind the last item, so a signal in the very last moment stopped nothing.
    recounted.is_done = !session.interrupt.is_requested();
    Answer::of(&recounted)
}

#[derive(Serialize, Default)]
struct Recounted {
    #[serde(flatten)]
    progress: RecountProgress,
    /// Metrics that could not be recounted, because a document that this needs cannot be read.
    failed: u64,
    /// Why, for the first of them.
    first_failed: Option<String>,
    is_done: bool,
}

impl fmt::Display for Recounted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let RecountProgress { checked, corrected, unreadable, unattributed, .. } = &self.progress;
        writeln!(f, "{checked} campaigns recounted, the metrics of {corrected} corrected")?;
        if *unreadable > 0 {
            writeln!(f, "{unreadable} tracking rows cannot be read; `doctor` names them")?;
        }
        if *unattributed > 0 {
            let first = self.progress.first_unattributed.join(", ");
            writeln!(
                f,
                "{unattributed} tracking rows name no campaign and were left alone, such as {first}"
            )?;
        }
        if let Some(first) = &self.first_failed {
            writeln!(f, "{} campaigns could not be recounted, such as: {first}", self.failed)?;
        }
        ending(self.is_done, f)
    }
}

impl Report for Recounted {
    fn exit(&self) -> Exit {
        match self {
            Self { is_done: false, .. } => Exit::Stopped,
            Self { failed: 0, .. } => Exit::Done,
            _ => Exit::Failed,
        }
    }
}
