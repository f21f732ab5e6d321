//! The in-memory store, on one core.

use std::hint::black_box;
use std::time::Instant;

use campaign_store::{
    Campaign, CampaignDuration, Clock, MailboxId, MemoryStore, NewCampaign, NewMailbox, NewUser, Provider,
    Repositories, SystemClock, User, UserPatch,
};
use criterion::{Criterion, Throughput};
use tokio::runtime::Builder;

use crate::Result;
use crate::contest::median;

/// The operations of one pass.
const OPERATIONS: u32 = 6;

/// The results of [`figures`].
pub(crate) struct Figures {
    pub(crate) operations_per_second: f64,
    pub(crate) microseconds_to_make: f64,
}

/// A store with a thousand users, each with a mailbox and a campaign.
struct Memory {
    store: Repositories,
    residents: Vec<(User, MailboxId, Campaign)>,
    passes: usize,
}

impl Memory {
    async fn new() -> Result<Self> {
        let store = MemoryStore::new().system();
        let mut residents = Vec::new();
        for n in 0..1_000 {
            let email = format!("user{n}@example.com");
            let user = NewUser::new(format!("User {n}"), &email)?.email(&email)?;
            let user = store.users.create(user).await?;
            let mailbox = store.mailboxes.link(NewMailbox::new(user.id, email, Provider::Gmail)?).await?;
            let campaign = NewCampaign::new(
                user.id,
                mailbox.id,
                "Spring",
                "Spring is here",
                "Hello, spring is here. ".repeat(40),
                SystemClock.now(),
                CampaignDuration::hours(24.0)?,
            )?;
            let campaign = store.campaigns.create(campaign).await?;
            residents.push((user, mailbox.id, campaign));
        }
        Ok(Self { store, residents, passes: 0 })
    }

    /// Runs each of the operations once.
    async fn pass(&mut self) -> Result<()> {
        const MISSING: &str = "the record is missing";
        self.passes += 1;
        let name = format!("newcomer{}", self.passes);
        let resident = self.residents.get(self.passes % self.residents.len()).ok_or(MISSING)?;
        let (User { id, login_id, .. }, mailbox, campaign) = resident;
        let users = &self.store.users;
        let user = users.get(*id).await?.ok_or(MISSING)?;
        black_box(users.find_by_login_id(login_id).await?.ok_or(MISSING)?);
        black_box(users.create(NewUser::new(&name, &name)?).await?);
        black_box(users.update(*id, UserPatch::new().user_name(&name)?, user.updated_at).await?);
        black_box(self.store.mailboxes.touch(*mailbox).await?);
        black_box(self.store.campaigns.get(campaign.id).await?.ok_or(MISSING)?);
        Ok(())
    }
}

/// Measures in its own runtime with one thread; must not be called within another runtime.
pub(crate) fn figures() -> Result<Figures> {
    const ROUNDS: usize = 9;
    const PASSES: u32 = 20_000;
    const STORES: u32 = 2_000;
    let runtime = Builder::new_current_thread().build()?;
    let (mut speeds, mut times) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let mut memory = runtime.block_on(Memory::new())?;
        let start = Instant::now();
        runtime.block_on(async {
            for _ in 0..PASSES {
                memory.pass().await?;
            }
            Result::Ok(())
        })?;
        speeds.push(f64::from(PASSES * OPERATIONS) / start.elapsed().as_secs_f64());
        let start = Instant::now();
        for _ in 0..STORES {
            black_box(MemoryStore::new().system());
        }
        times.push(start.elapsed().as_secs_f64() * 1e6 / f64::from(STORES));
    }
    let none = "no rounds";
    Ok(Figures {
        operations_per_second: median(speeds).ok_or(none)?,
        microseconds_to_make: median(times).ok_or(none)?,
    })
}

#[expect(clippy::expect_used, reason = "criterion has no way to be told of an error")]
pub(crate) fn bench(criterion: &mut Criterion) -> Result<()> {
    let runtime = Builder::new_current_thread().build()?;
    let mut memory = runtime.block_on(Memory::new())?;
    let mut group = criterion.benchmark_group("memory");
    group.throughput(Throughput::Elements(OPERATIONS.into()));
    group.bench_function("mix", |bencher| {
        bencher.iter(|| runtime.block_on(memory.pass()).expect("no operation fails"));
    });
    group.throughput(Throughput::Elements(1));
    group.bench_function("new", |bencher| bencher.iter(|| MemoryStore::new().system()));
    group.finish();
    Ok(())
}
