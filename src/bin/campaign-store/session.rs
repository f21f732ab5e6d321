use futures_util::TryStreamExt;
use futures_util::stream::BoxStream;

use crate::database::Database;
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::progress::{Progress, Step};

/// What every command works with.
pub(crate) struct Session {
    pub(crate) database: Database,
    pub(crate) interrupt: Interrupt,
}

impl Session {
    pub(crate) fn new(database: Database) -> Self {
        Self { database, interrupt: Interrupt::listen() }
    }

    /// Reads a stream to its end while showing how far it is, and gives its last item. After a signal
    /// it is left where `may_leave` allows it; elsewhere it ends by itself.
    pub(crate) async fn follow<T, E: Into<Failure>>(
        &self,
        mut stream: BoxStream<'static, Result<T, E>>,
        step: impl Fn(&T) -> Step,
        may_leave: impl Fn(&T) -> bool,
    ) -> Result<T, Failure> {
        let mut progress = Progress::new();
        let mut last = None;
        while let Some(item) = stream.try_next().await.map_err(Into::into)? {
            progress.show(&step(&item));
            let leaves = self.interrupt.is_requested() && may_leave(&item);
            last = Some(item);
            if leaves {
                break;
            }
        }
        last.ok_or(Failure::Stopped)
    }
}
