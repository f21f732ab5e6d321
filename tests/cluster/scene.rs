//! A store on a cluster, with a campaign that is sent.

#![expect(clippy::expect_used, reason = "no test can go on without it")]

use campaign_store::{
    AccessToken, Campaign, CampaignDuration, Clock, LoginPassword, Mailbox, MongoOptions, MongoStore,
    NewCampaign, NewMailbox, NewSend, NewUser, PasswordOptions, PasswordPolicy, Provider, RefreshToken,
    Repositories, SystemClock, TrackingId, User, contract,
};
use chrono::TimeDelta;

const DATABASE: &str = "campaign_store";

/// A store, and records in it.
pub(crate) struct Scene {
    pub(crate) store: Repositories,
    pub(crate) user: User,
    pub(crate) mailbox: Mailbox,
    pub(crate) campaign: Campaign,
}

impl Scene {
    /// Provisions the database of the servers at `uri`, and creates a user with a mailbox and a campaign.
    pub(crate) async fn at(uri: &str) -> Self {
        let mongo = connect(options(uri).await).await;
        mongo.provision().await.expect("a new database can be provisioned");
        let store = mongo.system();
        let user = NewUser::new("Ada", "ada").expect("a valid user").password(password("old password"));
        let user = store.users.create(user).await.expect("a free login id");
        let mailbox = NewMailbox::new(user.id, "ada@work.example", Provider::Gmail).expect("a valid mailbox");
        let access = AccessToken::new("access1").expect("a valid token");
        let mailbox = mailbox.tokens(access, RefreshToken::new("refresh1").expect("a valid token"));
        let mailbox = store.mailboxes.link(mailbox).await.expect("a free address");
        let day = CampaignDuration::hours(24.0).expect("a valid duration");
        let start = SystemClock.now() + TimeDelta::hours(1);
        let campaign = NewCampaign::new(user.id, mailbox.id, "Spring", "Spring is here", "Hello", start, day);
        let campaign = store.campaigns.create(campaign.expect("a valid campaign")).await;
        Self { store, user, mailbox, campaign: campaign.expect("a mailbox of the user") }
    }

    /// The e-mail of the campaign to this recipient.
    pub(crate) fn send(&self, recipient: &str) -> NewSend {
        NewSend::new(
            &self.campaign,
            &contract::sender_of(&self.campaign, "ada@work.example"),
            recipient,
            SystemClock.now(),
        )
        .expect("a valid address")
    }

    /// Records that it was sent.
    pub(crate) async fn sent(&self, recipient: &str) -> TrackingId {
        let send = self.send(recipient);
        let id = send.id();
        self.store.email_tracking.record_sends(vec![send]).await.expect("a new row");
        id
    }
}

/// With keys, and hashes that are almost no work.
pub(crate) async fn options(uri: &str) -> MongoOptions {
    let cheap = PasswordOptions::new().policy(PasswordPolicy::insecure_for_tests());
    let vault = contract::vault(&[contract::key(1, 1)]).await;
    MongoOptions::new(uri, DATABASE).vault(vault).passwords(cheap)
}

pub(crate) async fn connect(options: MongoOptions) -> MongoStore {
    MongoStore::connect_with(options).await.expect("the cluster answers")
}

/// The database by the plain driver.
pub(crate) fn database(client: &mongodb::Client) -> mongodb::Database {
    client.database(DATABASE)
}

pub(crate) fn password(text: &str) -> LoginPassword {
    LoginPassword::new(text).expect("a valid password")
}
