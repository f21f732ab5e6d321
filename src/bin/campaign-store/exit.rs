use std::process::ExitCode;

/// How the program ends. The numbers are a promise to scripts: `--help` and the README state them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Everything was done.
    Done = 0,
    /// It failed, or a check found something wrong.
    Failed = 1,
    /// The arguments, the environment or the keys are wrong; nothing was done.
    WrongUse = 2,
    /// It is done, except for documents in quarantine.
    Quarantined = 3,
    /// Another process migrates.
    LockHeld = 4,
    /// A signal stopped it; it can be resumed. The code is a shell's for Ctrl-C.
    Stopped = 130,
}

impl Exit {
    pub(crate) const fn code(self) -> u8 {
        self as u8
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
