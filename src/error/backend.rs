//! What the error codes of the server mean, as far as an operator can act on them.

/// The code and its meaning, as they follow "failed in the database".
pub(super) fn explained(code: Option<i32>) -> String {
    match code {
        None => String::new(),
        Some(code) => match meaning(code) {
            None => format!(" with code {code}"),
            Some(meaning) => format!(" with code {code}: {meaning}"),
        },
    }
}

const fn meaning(code: i32) -> Option<&'static str> {
    Some(match code {
        13 => "the user lacks a right",
        26 => "the collection does not exist",
        48 => "the collection exists already",
        59 => "the server does not know the command; it may be too old",
        67 => "the index cannot be created",
        121 => "a validator refused the document",
        133 => "no server has the tags that the read preference asks for",
        166 => "it is a view, which cannot be written to",
        168 | 40_324 => "the server does not know a stage of the pipeline; it may be too old",
        263 => "the server does not allow it in a transaction",
        292 => "the server ran out of memory for it, and may not use the disk",
        10_334 => "a document or the command is larger than 16 MiB",
        11_000 => "a unique index has this value already",
        14_031 => "the disk of the server is full",
        _ => return None,
    })
}
