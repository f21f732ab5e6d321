use std::fmt;

use campaign_store::RecountProgress;
use serde::Serialize;

use super::ending;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Answer, Report};
use crate::progress::Step;
use crate::session::Session;

pub(super) async fn run(session: &Session) -> Result<Answer, Failure> {
    let store = session.database.connect().await?.repositories();
    let recount = store.campaign_metrics.recount_all().await?;
    let step = |progress: &RecountProgress| {
        Step::new("recounting", progress.checked, None).detail(format!("{} corrected", progress.corrected))
    };
    let progress = session.follow(recount, step, |_| true).await?;
    // The end comes right behind the last item, so a signal in the very last moment stopped nothing.
    Answer::of(&Recounted { progress, is_done: !session.interrupt.is_requested() })
}

#[derive(Serialize)]
struct Recounted {
    #[serde(flatten)]
    progress: RecountProgress,
    is_done: bool,
}

impl fmt::Display for Recounted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let RecountProgress { checked, corrected, unreadable, unattributed, .. } = self.progress;
        writeln!(f, "{checked} campaigns recounted, the metrics of {corrected} corrected")?;
        if unreadable > 0 {
            writeln!(f, "{unreadable} tracking rows cannot be read; `doctor` names them")?;
        }
        if unattributed > 0 {
            writeln!(
                f,
                "tracking rows name {unattributed} campaigns by what is no id; they were left alone"
            )?;
        }
        ending(self.is_done, f)
    }
}

impl Report for Recounted {
    fn exit(&self) -> Exit {
        if self.is_done { Exit::Done } else { Exit::Stopped }
    }
}
