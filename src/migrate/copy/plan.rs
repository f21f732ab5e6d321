//! Cutting an old collection into parts, which stay as they are.

use crate::migrate::access::Access;
use crate::migrate::old::range::Range;
use crate::migrate::old::source::Source;
use crate::migrate::state::ledger::Ledger;
use crate::migrate::state::part::Part;
use crate::migrate::{MigrationStep, Result};

pub(super) async fn plan(access: &Access, step: MigrationStep, token: i64) -> Result<()> {
    let source = Source::of(access, step);
    let total = source.count().await?;
    let ranges = source.cut(total).await?.into_iter().enumerate();
    let mut parts: Vec<_> =
        ranges.map(|(number, range)| Part::new(step, &format!("{number:04}"), range)).collect();
    if step == MigrationStep::Mailboxes {
        parts.push(Part::new(step, Part::PRIMARIES, Range::default()));
    }
    let retries = Part::new(step, Part::RETRIES, Range::default());
    parts.push(Part { is_done: true, ..retries });
    for part in &mut parts {
        part.token = token;
    }
    Ledger(access).plan(step, token, total, &parts).await
}
