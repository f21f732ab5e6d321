//! As much of MongoDB's wire protocol as tells who talks.

use std::io;

use bson::{Document, RawDocument};
use tokio::io::AsyncReadExt;

const HEADER: usize = 16;
/// The server's own limit.
const MAX_MESSAGE: usize = 48_000_000;
const OP_QUERY: u32 = 2004;
const OP_MSG: u32 = 2013;

/// The next message, with its header.
pub(super) async fn read(from: &mut (impl AsyncReadExt + Unpin)) -> io::Result<Vec<u8>> {
    let mut message = vec![0; HEADER];
    from.read_exact(&mut message).await?;
    let length = number(&message, 0).and_then(|length| usize::try_from(length).ok());
    let length = length.filter(|length| (HEADER..=MAX_MESSAGE).contains(length));
    message.resize(length.ok_or(io::ErrorKind::InvalidData)?, 0);
    from.read_exact(message.get_mut(HEADER..).unwrap_or_default()).await?;
    Ok(message)
}

/// The command in a message, if it is one of the two forms in which connections begin. What is compressed
/// comes later.
pub(super) fn command(message: &[u8]) -> Option<Document> {
    let body = match number(message, 12)? {
        // Flags, and the kind of the section.
        OP_MSG if message.get(HEADER + 4) == Some(&0) => message.get(HEADER + 5..)?,
        // Flags, the name of a collection, and two numbers.
        OP_QUERY => {
            let name = message.get(HEADER + 4..)?;
            let end = name.iter().position(|byte| *byte == 0)?;
            name.get(end + 1 + 8..)?
        }
        _ => return None,
    };
    let length = usize::try_from(number(body, 0)?).ok()?;
    RawDocument::from_bytes(body.get(..length)?).ok()?.try_into().ok()
}

/// Whether a connection can begin with this command, and a monitor uses no other.
pub(super) fn is_handshake(command: &Document) -> bool {
    let name = command.keys().next().map(String::as_str);
    matches!(name, Some("hello" | "isMaster" | "ismaster" | "saslStart" | "saslContinue"))
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..at + 4)?.try_into().ok()?;
    Some(u32::from_le_bytes(bytes))
}
