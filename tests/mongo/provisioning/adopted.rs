//! A unique index that an older program created under another name guards like the schema's own.

use bson::doc;
use campaign_store::schema::{INDEXES, IndexSpec, Only, index};
use campaign_store::{
    CampaignDuration, Collection, Error, MongoStore, NewCampaign, NewMailbox, NewSend, NewUser, Provider,
    SendOutcome, contract,
};

use super::create_index;
use crate::support::database::TestDatabase;

/// A database in which every unique index of the schema has another name.
async fn adopted(database: &TestDatabase) -> MongoStore {
    let driver = database.driver().await;
    for IndexSpec { collection, name, keys, sparse, only_where, .. } in
        INDEXES.iter().filter(|spec| spec.unique)
    {
        let keys: bson::Document = keys.iter().map(|key| ((*key).to_owned(), 1.into())).collect();
        let mut index =
            doc! { "name": format!("old {name}"), "key": keys, "unique": true, "sparse": *sparse };
        if let Some(Only::True(field)) = only_where {
            index.remove("sparse");
            index.insert("partialFilterExpression", doc! { *field: true });
        }
        create_index(&driver, *collection, &index).await;
    }
    database.provisioned().await
}

#[tokio::test]
async fn an_adopted_index_refuses_under_the_name_of_the_schema() {
    let database = TestDatabase::new();
    let store = adopted(&database).await.system();
    let ada = store.users.create(NewUser::new("Ada", "ada").unwrap()).await.unwrap();
    let error = store.users.create(NewUser::new("Ada", "ada").unwrap()).await.unwrap_err();
    assert_eq!(error, Error::unique(Collection::Users, index::USERS_LOGIN_ID));
    let mailbox = || NewMailbox::new(ada.id, "ada@work.example", Provider::Gmail).unwrap();
    store.mailboxes.link(mailbox()).await.unwrap();
    let error = store.mailboxes.link(mailbox()).await.unwrap_err();
    assert_eq!(error, Error::unique(Collection::Mailboxes, index::MAILBOXES_USER_ID_EMAIL));
}

#[tokio::test]
async fn with_an_adopted_index_a_repeated_send_is_still_known() {
    let database = TestDatabase::new();
    let store = adopted(&database).await.system();
    let ada = store.users.create(NewUser::new("Ada", "ada").unwrap()).await.unwrap();
    let mailbox = NewMailbox::new(ada.id, "ada@work.example", Provider::Gmail).unwrap();
    let mailbox = store.mailboxes.link(mailbox).await.unwrap();
    let day = CampaignDuration::hours(24.0).unwrap();
    let campaign =
        NewCampaign::new(ada.id, mailbox.id, "Spring", "Hello", "…", contract::start(), day).unwrap();
    let campaign = store.campaigns.create(campaign).await.unwrap();
    let send = NewSend::new(
        &campaign,
        &contract::sender_of(&campaign, "ada@work.example"),
        "bob@example.com",
        campaign.start_time,
    )
    .unwrap();
    store.email_tracking.record_sends(vec![send.clone()]).await.unwrap();
    let outcomes = store.email_tracking.record_sends(vec![send]).await.unwrap();
    assert_eq!(outcomes, [SendOutcome::AlreadyRecorded]);
}
