//! Operations on campaigns.

use campaign_store::{
    Campaign, CampaignDuration, CampaignFilter, CampaignId, CampaignPatch, CampaignRepository,
    CampaignStatus, CampaignTransition, Invalid, MailboxId, MailboxStatus, NewCampaign, NewRecipients,
    PageRequest, Result, UserId,
};
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use uuid::Uuid;

use super::answer::Reply;
use super::content::drain;
use super::draw::Draw;
use super::lists;
use super::operation::Operation;
use super::side::Side;

const NAMES: &[&str] = &["Spring", "$campaign_name", "Łąka"];
const SUBJECTS: &[&str] = &["Spring is here", "$subject", "50 % off 👋"];
const MESSAGES: &[&str] = &["Hello,\r\nspring is here.", "$message", "{ $set: 1 }\t"];
const HOURS: &[f64] = &[1.0 / 3_600_000.0, 0.5, 1.0, 1.0 / 3.0, 24.0, CampaignDuration::MAX_HOURS];

/// What a change of the status can lead to.
const TRANSITION: &[&str] = &["ok", "NotFound", "IllegalStatus"];
/// The same, if the campaign becomes active.
const ACTIVATION: &[&str] = &["ok", "NotFound", "IllegalStatus", "InactiveUser", "UnsendableMailbox"];

pub(super) const OPERATIONS: &[Operation] = &[
    Operation::new(
        "campaigns.create",
        12,
        &["ok", "NotFound", "ForeignMailbox", "InactiveUser", "UnsendableMailbox", "campaign_id_1"],
        |side, draw| create(side, draw).boxed(),
    ),
    Operation::new("campaigns.get", 3, &["some", "none"], |side, draw| get(side, draw).boxed()),
    Operation::new(
        "campaigns.update",
        12,
        &["ok", "NotFound", "Conflict", "IllegalStatus", "ForeignMailbox", "UnsendableMailbox"],
        |side, draw| update(side, draw).boxed(),
    ),
    Operation::new("campaigns.transition", 6, ACTIVATION, |side, draw| transition(side, draw).boxed()),
    Operation::new("campaigns.start", 4, ACTIVATION, |side, draw| {
        change(side, draw, CampaignTransition::Start, |campaigns, id| campaigns.start(id)).boxed()
    }),
    Operation::new("campaigns.pause", 10, TRANSITION, |side, draw| {
        change(side, draw, CampaignTransition::Pause, |campaigns, id| campaigns.pause(id)).boxed()
    }),
    Operation::new("campaigns.resume", 6, ACTIVATION, |side, draw| {
        change(side, draw, CampaignTransition::Resume, |campaigns, id| campaigns.resume(id)).boxed()
    }),
    Operation::new("campaigns.reschedule", 4, TRANSITION, |side, draw| {
        change(side, draw, CampaignTransition::Reschedule, |campaigns, id| campaigns.reschedule(id)).boxed()
    }),
    Operation::new("campaigns.complete", 4, TRANSITION, |side, draw| {
        change(side, draw, CampaignTransition::Complete, |campaigns, id| campaigns.complete(id)).boxed()
    }),
    Operation::new("campaigns.cancel", 7, TRANSITION, |side, draw| {
        change(side, draw, CampaignTransition::Cancel, |campaigns, id| campaigns.cancel(id)).boxed()
    }),
    Operation::new("campaigns.claim_due", 6, &["some", "none", "Invalid"], |side, draw| {
        claim_due(side, draw).boxed()
    }),
    Operation::new("campaigns.complete_expired", 4, &["some", "none"], |side, draw| {
        complete_expired(side, draw).boxed()
    }),
    Operation::new("campaigns.count_by_status", 3, &["some", "none"], |side, draw| {
        count_by_status(side, draw).boxed()
    }),
    Operation::new("campaigns.add_recipients", 4, TRANSITION, |side, draw| {
        add_recipients(side, draw).boxed()
    }),
    Operation::new("campaigns.list", 6, lists::OUTCOMES, |side, draw| list(side, draw).boxed()),
    Operation::new("campaigns.list_summaries", 3, lists::OUTCOMES, |side, draw| {
        list_summaries(side, draw).boxed()
    }),
    Operation::new("campaigns.stream_summaries", 1, &["ok"], |side, draw| {
        stream_summaries(side, draw).boxed()
    }),
    Operation::new("campaigns.stream", 1, &["ok"], |side, draw| stream(side, draw).boxed()),
];

async fn create(side: &mut Side, draw: &mut Draw) -> Result<Reply> {
    let mailbox_id = side.mailboxes.pick(draw);
    let owner = side.mailboxes.find(mailbox_id).map(|mailbox| mailbox.user_id).filter(|_| draw.chance(80));
    let user_id = owner.unwrap_or_else(|| side.users.pick(draw));
    let mut new = NewCampaign::new(
        user_id,
        mailbox_id,
        draw.of("name", NAMES),
        draw.of("subject", SUBJECTS),
        draw.of("message", MESSAGES),
        start_time(side, draw),
        duration(draw),
    )
    .expect("valid values");
    if let Some(n) = draw.maybe(30, "recipients", &[0, 7, u32::MAX]) {
        new = new.recipients(n);
    }
    if draw.chance(20) {
        new = new.created_by(side.users.pick(draw));
    }
    if draw.chance(20) {
        // Sometimes the id of a campaign from the same content, often of another.
        let again = draw.chance(50).then(|| side.created.clone()).flatten();
        new = again.unwrap_or(new);
        let n = draw.of("id", &[1_u128, 2, 3, 4, 5, 6]);
        new = new.id(Uuid::from_u128(n).into());
    }
    side.created = Some(new.clone());
    let campaign = side.store.campaigns.create(new).await?;
    side.campaigns.see(&campaign);
    Ok(Reply::ok(&campaign))
}

/// The earliest and the latest start.
const EARLIEST_AND_LATEST: [&str; 2] = ["2000-01-01T00:00:00Z", "2100-12-31T23:59:59.999Z"];

/// Few, so that campaigns often start at the same time.
fn start_time(side: &Side, draw: &mut Draw) -> DateTime<Utc> {
    const HOURS: [i64; 5] = [-1, 0, 0, 1, 48];
    match draw.below(20) {
        0 => draw.of("start", &EARLIEST_AND_LATEST).parse().expect("a time"),
        _ => side.now() + TimeDelta::hours(draw.of("start", &HOURS)),
    }
}

fn duration(draw: &mut Draw) -> CampaignDuration {
    CampaignDuration::hours(draw.of("hours", HOURS)).expect("a valid duration")
}

async fn get(side: &mut Side, draw: &mut Draw) -> Result<Reply> {
    let campaign = side.store.campaigns.get(side.campaigns.pick(draw)).await?;
    Ok(Reply::found(campaign.inspect(|campaign| side.campaigns.see(campaign)).as_ref()))
}

async fn update(side: &mut Side, draw: &mut Draw) -> Result<Reply> {
    let editable = [CampaignStatus::Scheduled, CampaignStatus::Paused];
    let id = side.campaigns.pick_by(draw, |campaign| editable.contains(&campaign.status));
    let version = side.campaigns.version(id, draw);
    let mut patch = patch(side, draw).expect("valid values");
    let mut failing = None;
    if draw.chance(20) {
        let owner = side.campaigns.find(id).map(|campaign| campaign.user_id);
        let mailbox = side.mailboxes.pick_by(draw, |mailbox| Some(mailbox.user_id) == owner);
        failing = fail(side, draw, mailbox).await;
        patch = patch.mailbox(mailbox);
    }
    let changed = side.store.campaigns.update(id, patch, version).await;
    relieve(side, (None, failing)).await;
    let campaign = changed?;
    side.campaigns.see(&campaign);
    Ok(Reply::ok(&campaign))
}

fn patch(side: &Side, draw: &mut Draw) -> Result<CampaignPatch, Invalid> {
    let mut patch = CampaignPatch::new();
    if draw.chance(60) {
        patch = patch.mailbox(side.mailboxes.pick(draw));
    }
    if let Some(name) = draw.maybe(30, "name", NAMES) {
        patch = patch.campaign_name(name)?;
    }
    if let Some(subject) = draw.maybe(30, "subject", SUBJECTS) {
        patch = patch.subject(subject)?;
    }
    if let Some(message) = draw.maybe(30, "message", MESSAGES) {
        patch = patch.message(message)?;
    }
    patch = match draw.below(8) {
        0 => patch.start_time(start_time(side, draw))?,
        1 => patch.duration(duration(draw)),
        2 => patch.start_time(start_time(side, draw))?.duration(duration(draw)),
        _ => patch,
    };
    Ok(patch)
}

type Change = for<'a> fn(&'a dyn CampaignRepository, CampaignId) -> BoxFuture<'a, Result<Campaign>>;

async fn change(
    side: &mut Side,
    draw: &mut Draw,
    transition: CampaignTransition,
    change: Change,
) -> Result<Reply> {
    let id = campaign_for(transition, side, draw);
    let hindered = hinder(side, draw, transition, id).await;
    let changed = change(&*side.store.campaigns, id).await;
    relieve(side, hindered).await;
    let campaign = changed?;
    side.campaigns.see(&campaign);
    Ok(Reply::ok(&campaign))
}

async fn transition(side: &mut Side, draw: &mut Draw) -> Result<Reply> {
    let transition = draw.of("transition", CampaignTransition::ALL);
    let id = campaign_for(transition, side, draw);
    let hindered = hinder(side, draw, transition, id).await;
    let changed = side.store.campaigns.transition(id, transition).await;
    relieve(side, hindered).await;
    let campaign = changed?;
    side.campaigns.see(&campaign);
    Ok(Reply::ok(&campaign))
}

fn campaign_for(transition: CampaignTransition, side: &Side, draw: &mut Draw) -> CampaignId {
    side.campaigns.pick_by(draw, |campaign| transition.from().contains(&campaign.status))
}

/// Users and mailboxes that cannot be given work are rare: sometimes it is seen to that the campaign has one. Gives
/// those that were hindered, if they exist.
async fn hinder(
    side: &mut Side,
    draw: &mut Draw,
    transition: CampaignTransition,
    id: CampaignId,
) -> (Option<UserId>, Option<MailboxId>) {
    let campaign = side.campaigns.find(id).filter(|_| transition.to() == CampaignStatus::Active).cloned();
    match (campaign, draw.below(8)) {
        (Some(campaign), 0) => {
            draw.note("by an inactive user");
            let user = side.store.users.set_active(campaign.user_id, false).await.ok();
            (user.map(|user| user.id), None)
        }
        (Some(campaign), 1) => (None, fail(side, draw, campaign.mailbox_id).await),
        _ => (None, None),
    }
}

/// Lets a mailbox fail, if it exists.
async fn fail(side: &Side, draw: &mut Draw, id: MailboxId) -> Option<MailboxId> {
    draw.note("from a failing mailbox");
    let mailbox = side.store.mailboxes.set_status(id, MailboxStatus::Error).await.ok();
    mailbox.map(|mailbox| mailbox.id)
}

async fn relieve(side: &mut Side, (user, mailbox): (Option<UserId>, Option<MailboxId>)) {
    if let Some(id) = user {
        let user = side.store.users.set_active(id, true).await.expect("it exists");
        side.users.see(&user);
    }
    if let Some(id) = mailbox {
        let mailbox = side.store.mailboxes.set_status(id, MailboxStatus::Active).await.expect("it exists");
        side.mailboxes.see(&mailbox);
    }
}

async fn claim_due(side: &mut Side, draw: &mut Draw) -> Result<Reply> {
    let limit = draw.of("limit", &[0, 1, 1, 2, 5, PageRequest::MAX_LIMIT, PageRequest::MAX_LIMIT + 1]);
    let claimed = side.store.campaigns.claim_due(draw.time("due", side.now()), limit).await?;
    for campaign in &claimed {
        side.campaigns.see(campaign);
    }
    Ok(Reply::several(&claimed))
}

async fn complete_expired(side: &mut Side, draw: &mut Draw) -> Result<Reply> {
    let n = side.store.campaigns.complete_expired(draw.time("expired", side.now())).await?;
    Ok(Reply::new([if n == 0 { "none" } else { "some" }], &n))
}

async fn count_by_status(side: &mut Side, _: &mut Draw) -> Result<Reply> {
    let counts = side.store.campaigns.count_by_status().await?;
    Ok(Reply::new([if counts.total() == 0 { "none" } else { "some" }], &counts))
}

async fn add_recipients(side: &mut Side, draw: &mut Draw) -> Result<Reply> {
    let id = side.campaigns.pick_by(draw, |campaign| !campaign.status.is_final());
    let mut new = NewRecipients::new(draw.of("recipients", &[0, 1, 250, u32::MAX]));
    if let Some(key) = draw.maybe(50, "key", &["import-1", "import-2"]) {
        new = new.key(key).expect("a valid key");
    }
    let campaign = side.store.campaigns.add_recipients(id, new).await?;
    side.campaigns.see(&campaign);
    Ok(Reply::ok(&campaign))
}

async fn list(side: &mut Side, draw: &mut Draw) -> Result<Reply> {
    let (filter, order, page) = side.campaign_lists.draw(filter(side, draw), draw);
    let page = side.store.campaigns.list(&filter, &page).await?;
    Ok(side.campaign_lists.reply(filter, order, page))
}

async fn list_summaries(side: &mut Side, draw: &mut Draw) -> Result<Reply> {
    let (filter, order, page) = side.campaign_lists.draw(filter(side, draw), draw);
    let page = side.store.campaigns.list_summaries(&filter, &page).await?;
    Ok(side.campaign_lists.reply(filter, order, page))
}

async fn stream_summaries(side: &mut Side, draw: &mut Draw) -> Result<Reply> {
    let campaigns = drain(side.store.campaigns.stream_summaries(&filter(side, draw)).await).await;
    Ok(Reply::ok(&side.lines(&campaigns)))
}

async fn stream(side: &mut Side, draw: &mut Draw) -> Result<Reply> {
    let campaigns = drain(side.store.campaigns.stream(&filter(side, draw)).await).await;
    Ok(Reply::ok(&side.lines(&campaigns)))
}

fn filter(side: &Side, draw: &mut Draw) -> CampaignFilter {
    let mut filter =
        if draw.chance(25) { CampaignFilter::user(side.users.pick(draw)) } else { CampaignFilter::all() };
    if draw.chance(20) {
        filter = filter.mailbox(side.mailboxes.pick(draw));
    }
    match draw.maybe(25, "status", CampaignStatus::ALL) {
        Some(status) => filter.status(status),
        None => filter,
    }
}
