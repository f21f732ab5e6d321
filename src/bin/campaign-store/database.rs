//! Opening the database that the arguments name.

use std::env;
use std::path::PathBuf;

use campaign_store::{EnvKeys, FileKeys, MongoOptions, MongoStore, Vault};
use clap::Args;

use crate::failure::Failure;

const KEYS_FILE: &str =
    "File with the keys, a line each, which only its owner can read [default: $CAMPAIGN_STORE_KEYS]";

/// Which database, and the keys of its secrets.
#[derive(Args)]
pub(crate) struct Database {
    /// Connection string. On the command line others on this machine can see it: prefer the variable
    #[arg(long, global = true, env = "MONGODB_URI", hide_env_values = true, value_name = "URI")]
    uri: Option<String>,
    /// Name of the database
    #[arg(long, global = true, env = "MONGODB_DB", hide_env_values = true, value_name = "NAME")]
    db: Option<String>,
    #[arg(long, global = true, value_name = "FILE", help = KEYS_FILE)]
    keys_file: Option<PathBuf>,
}

impl Database {
    /// The store, for commands that neither seal nor open a secret.
    pub(crate) async fn connect(&self) -> Result<MongoStore, Failure> {
        self.open(None).await
    }

    /// The store with the operator's keys, which must be there.
    pub(crate) async fn connect_with_keys(&self) -> Result<MongoStore, Failure> {
        let vault = self.vault().await?;
        if vault.is_none() {
            let message = format!("no keys: set {} or give --keys-file", EnvKeys::VARIABLE);
            return Err(Failure::WrongUse(message));
        }
        self.open(vault).await
    }

    pub(crate) async fn open(&self, vault: Option<Vault>) -> Result<MongoStore, Failure> {
        let uri = given(self.uri.as_ref(), "no server: set MONGODB_URI or give --uri")?;
        let name = given(self.db.as_ref(), "no database: set MONGODB_DB or give --db")?;
        let options = MongoOptions::new(uri, name);
        let options = match vault {
            Some(vault) => options.vault(vault),
            None => options,
        };
        Ok(MongoStore::connect_with(options).await?)
    }

    /// The operator's keys, if there are any.
    pub(crate) async fn vault(&self) -> Result<Option<Vault>, Failure> {
        Ok(match &self.keys_file {
            Some(file) => Some(Vault::open(FileKeys::new(file)).await?),
            None if env::var_os(EnvKeys::VARIABLE).is_some() => Some(Vault::open(EnvKeys::new()).await?),
            None => None,
        })
    }
}

fn given<'a>(value: Option<&'a String>, message: &str) -> Result<&'a str, Failure> {
    value.map(String::as_str).ok_or_else(|| Failure::WrongUse(message.to_owned()))
}
