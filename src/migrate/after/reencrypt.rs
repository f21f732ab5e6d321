//! Re-encrypting what is in quarantine.

use crate::migrate::access::Access;
use crate::migrate::state::quarantine::Quarantine;
use crate::migrate::{MigrationStep, Result};

/// Re-encrypts the originals that are not under the primary key, and says how many.
pub(crate) async fn reencrypt(access: &Access) -> Result<u64> {
    let quarantine = Quarantine(access);
    let mut reencrypted = 0;
    for step in MigrationStep::ALL {
        let mut page = quarantine.page(step, None).await?;
        while let Some(last) = page.last() {
            for kept in &page {
                reencrypted += u64::from(quarantine.reencrypt(kept).await?);
            }
            page = quarantine.page(step, Some(last)).await?;
        }
    }
    Ok(reencrypted)
}
