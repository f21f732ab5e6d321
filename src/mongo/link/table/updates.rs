//! Many different updates in few commands.

use bson::raw::{RawArrayBuf, RawDocumentBuf, cstr};
use bson::{Bson, Document, doc, rawdoc};
use mongodb::error::{ErrorKind, WriteFailure};

use super::{Session, Table};
use crate::document::Query;
use crate::mongo::link::error::{DriverResult, refuse_write_concern_error};

/// The most statements and bytes of one command: a server takes 100,000 and 16 MiB.
const MAX_STATEMENTS: usize = 10_000;
const MAX_BYTES: usize = 12 << 20;

impl Table {
    /// Changes rows by their ids, each with its own update, in as few commands as the server takes. Returns
    /// how many were found.
    pub(crate) async fn update_each(
        &self,
        session: Session<'_>,
        updates: impl IntoIterator<Item = (Query, RawDocumentBuf)>,
    ) -> DriverResult<u64> {
        let statements = updates.into_iter().map(|(query, update)| {
            let query = self.narrow(&query);
            let mut statement = rawdoc! { "q": RawDocumentBuf::try_from(&query.to_filter())?, "u": update };
            if query.conditions().len() > 1 {
                // Otherwise the server tries each index that fits a condition, for each statement.
                statement.append(cstr!("hint"), rawdoc! { "_id": 1 });
            }
            Ok(statement)
        });
        self.run_updates(session, statements.collect::<DriverResult<_>>()?).await
    }

    /// Changes the rows with these `_id`s, each with its own update, in as few commands as the server takes,
    /// and inserts missing rows.
    pub(crate) async fn upsert_each(
        &self,
        session: Session<'_>,
        updates: impl IntoIterator<Item = (Bson, Document)>,
    ) -> DriverResult<()> {
        let statements = updates.into_iter().map(|(id, update)| {
            let filter = self.narrow_filter(doc! { "_id": id });
            let statement = doc! { "q": filter, "u": update, "upsert": true };
            Ok(RawDocumentBuf::try_from(&statement)?)
        });
        self.run_updates(session, statements.collect::<DriverResult<_>>()?).await?;
        Ok(())
    }

    /// Runs the updates in commands that the server takes.
    async fn run_updates(
        &self,
        mut session: Session<'_>,
        statements: Vec<RawDocumentBuf>,
    ) -> DriverResult<u64> {
        let (mut found, mut command, mut bytes) = (0, Vec::new(), 0);
        for statement in statements {
            let size = statement.as_bytes().len();
            if command.len() == MAX_STATEMENTS || bytes + size > MAX_BYTES {
                found += self.run_update(session.as_deref_mut(), std::mem::take(&mut command)).await?;
                bytes = 0;
            }
            bytes += size;
            command.push(statement);
        }
        Ok(found + self.run_update(session, command).await?)
    }

    async fn run_update(&self, session: Session<'_>, statements: Vec<RawDocumentBuf>) -> DriverResult<u64> {
        if statements.is_empty() {
            return Ok(0);
        }
        let mut command =
            rawdoc! { "update": self.raw.name(), "updates": RawArrayBuf::from_iter(statements) };
        let reply = if let Some(session) = session {
            self.database.run_raw_command(command).session(session).await?
        } else {
            // Raw commands ignore the database's write concern.
            if let Some(concern) = self.database.write_concern() {
                command.append(cstr!("writeConcern"), bson::serialize_to_raw_document_buf(concern)?);
            }
            self.database.run_raw_command(command).await?
        };
        // The reply to a raw command is not an error even if a write in it failed.
        if let Some(error) =
            reply.get_array("writeErrors").ok().and_then(|errors| errors.first()?.as_document())
        {
            let error = bson::deserialize_from_document(error.clone())?;
            return Err(ErrorKind::Write(WriteFailure::WriteError(error)).into());
        }
        refuse_write_concern_error(&reply)?;
        Ok(reply.get("n").and_then(Bson::as_i32).and_then(|n| n.try_into().ok()).unwrap_or_default())
    }
}
