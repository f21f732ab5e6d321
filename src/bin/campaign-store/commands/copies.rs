//! What became of old documents, as a text.

use std::collections::BTreeMap;
use std::fmt::{Display, Formatter, Result};

use campaign_store::CopyReport;

/// A paragraph for each old collection.
pub(super) fn write(copies: &[CopyReport], f: &mut Formatter<'_>) -> Result {
    for copy in copies {
        write!(
            f,
            "{} -> {}: {} documents, {} read: {} as they are, {} repaired, {} quarantined",
            copy.from.source(),
            copy.to,
            copy.source,
            copy.read,
            copy.migrated,
            copy.repaired.values().sum::<u64>(),
            copy.quarantined(),
        )?;
        writeln!(f, " ({:.1} s, {:.0}/s)", copy.seconds, copy.docs_per_second)?;
        reasons("repaired", &copy.repaired, f)?;
        reasons("quarantined", &copy.quarantined, f)?;
    }
    Ok(())
}

/// How many for which reason, one on each line.
pub(super) fn reasons(what: &str, counts: &BTreeMap<impl Display, u64>, f: &mut Formatter<'_>) -> Result {
    for (reason, count) in counts {
        writeln!(f, "  {what:<11} {count:>9}  {reason}")?;
    }
    Ok(())
}
