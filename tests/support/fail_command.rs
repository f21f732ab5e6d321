//! The server has one fail point that fails commands, so only one test at a time uses it.

#![expect(clippy::expect_used, reason = "no test can go on without it")]

use std::fs::File;
use std::path::Path;

/// The fail point `failCommand`, for as long as this is kept: among the tests of all processes, since a
/// test runner may have one for each test.
#[derive(Debug)]
pub(crate) struct FailCommand {
    _lock: File,
}

impl FailCommand {
    /// Waits until nobody else has it.
    pub(crate) async fn take() -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("fail_command.lock");
        let locked = tokio::task::spawn_blocking(|| {
            let file = File::create(path)?;
            file.lock()?;
            Ok::<_, std::io::Error>(file)
        });
        Self { _lock: locked.await.expect("no panic").expect("a file to lock") }
    }
}
