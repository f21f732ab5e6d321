//! Hostile inputs to the code that keeps secrets, on the in-memory store. Rows are named by their numbers in
//! `docs/hostile-inputs.md`. The inputs that need raw documents are in `tests/mongo/secrets`.

#![expect(clippy::expect_used, reason = "a helper fails its test by a panic")]

mod fuzz_bodies;
mod inputs;
mod keyring;
mod leaks;
mod logins;

use campaign_store::{Mailbox, MailboxPassword, NewMailbox, NewUser, Provider, Repositories, User};

async fn user(store: &Repositories, name: &str) -> User {
    store.users.create(NewUser::new(name, name).expect("a valid name")).await.expect("a free login id")
}

/// A mailbox with a password.
async fn mailbox(store: &Repositories, owner: &User, name: &str, password: &str) -> Mailbox {
    let new = NewMailbox::new(owner.id, format!("{name}@work.example"), Provider::Gmail);
    let new =
        new.expect("a valid address").password(MailboxPassword::new(password).expect("a valid password"));
    store.mailboxes.link(new).await.expect("a free address")
}

async fn password_of(store: &Repositories, mailbox: &Mailbox) -> campaign_store::Result<String> {
    let credentials = store.mailbox_secrets.credentials(mailbox.id).await?.expect("the mailbox exists");
    Ok(credentials.password.expect("a password").expose().to_owned())
}
