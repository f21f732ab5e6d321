//! The stored form of secrets and passwords, and how documents of other programs are treated: the hostile
//! inputs that need raw documents. Rows are named by their numbers in `docs/hostile-inputs.md`.

#![expect(clippy::expect_used, clippy::panic, reason = "the helpers are part of the tests")]

mod fingerprints;
mod hashes;
mod leaks;
mod migration;
mod sealed;

use campaign_store::contract::{key, vault};
use campaign_store::{
    AccessToken, Collection, Credentials, LoginPassword, Mailbox, MailboxPassword, NewMailbox, NewUser,
    Provider, RefreshToken, Repositories, User,
};
use mongodb::bson::{Bson, Document, doc};

use crate::support::database::TestDatabase;

const PASSWORD: &str = "hunter 2";
const ACCESS: &str = "access1";
const REFRESH: &str = "refresh1";

/// A user with a password and a mailbox with all secrets, as the store wrote them.
struct Stored {
    database: TestDatabase,
    driver: mongodb::Database,
    store: Repositories,
    user: User,
    mailbox: Mailbox,
}

impl Stored {
    async fn new() -> Self {
        let database = TestDatabase::new();
        let store = database.provisioned().await.system();
        let ada = NewUser::new("Ada", "ada").expect("a valid name");
        let ada = ada.password(LoginPassword::new("correct horse").expect("a valid password"));
        let user = store.users.create(ada).await.expect("a new user");
        let mailbox = link(&store, &user, "ada").await;
        Self { driver: database.driver().await, database, store, user, mailbox }
    }

    async fn document(&self, collection: Collection, id: impl Into<Bson>) -> Document {
        let documents = self.driver.collection(collection.name());
        documents.find_one(doc! { "_id": id.into() }).await.expect("an answer").expect("a document")
    }

    /// The mailbox as it is stored.
    async fn sealed(&self) -> Document {
        self.document(Collection::Mailboxes, self.mailbox.id.as_object_id()).await
    }

    /// Sets a field of the mailbox as it is stored.
    async fn set(&self, field: &str, value: impl Into<Bson>) {
        self.set_in(&self.mailbox, field, value).await;
    }

    async fn set_in(&self, mailbox: &Mailbox, field: &str, value: impl Into<Bson>) {
        let documents = self.driver.collection::<Document>(Collection::Mailboxes.name());
        let change = doc! { "$set": { field: value.into() } };
        let changed = documents.update_one(doc! { "_id": mailbox.id.as_object_id() }, change).await;
        assert_eq!(changed.expect("an update").matched_count, 1);
    }

    /// A store with keys 2 (primary) and 1.
    async fn rotated(&self) -> Repositories {
        let vault = vault(&[key(2, 2), key(1, 1)]).await;
        self.database.connect_with_vault(&vault).await.system()
    }
}

/// Links a mailbox with all secrets.
async fn link(store: &Repositories, user: &User, name: &str) -> Mailbox {
    let new = NewMailbox::new(user.id, format!("{name}@work.example"), Provider::Gmail);
    let new = new.expect("a valid address").credentials(credentials(PASSWORD, ACCESS, REFRESH));
    store.mailboxes.link(new).await.expect("a new mailbox")
}

fn credentials(password: &str, access: &str, refresh: &str) -> Credentials {
    Credentials::new()
        .password(MailboxPassword::new(password).expect("a valid password"))
        .access_token(AccessToken::new(access).expect("a valid token"))
        .refresh_token(RefreshToken::new(refresh).expect("a valid token"))
}

/// The texts of all secrets, where they are.
fn texts(credentials: &Credentials) -> [Option<&str>; 3] {
    [
        credentials.password.as_ref().map(MailboxPassword::expose),
        credentials.access_token.as_ref().map(AccessToken::expose),
        credentials.refresh_token.as_ref().map(RefreshToken::expose),
    ]
}

/// The bytes of all documents of a collection, also of one that is not the schema's.
async fn bytes_of(driver: &mongodb::Database, collection: &str) -> Vec<u8> {
    use futures_util::TryStreamExt;
    let found = driver.collection::<mongodb::bson::RawDocumentBuf>(collection).find(doc! {}).await;
    let documents: Vec<_> = found.expect("an answer").try_collect().await.expect("documents");
    documents.iter().flat_map(|document| document.as_bytes().to_vec()).collect()
}
