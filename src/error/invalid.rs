use thiserror::Error as ThisError;

/// An input that was refused: which one and why, never its value.
#[derive(Debug, Clone, PartialEq, ThisError)]
#[error("{field} {problem}")]
#[non_exhaustive]
pub struct Invalid {
    /// The name of the input, as in the schema.
    pub field: &'static str,
    /// Why it was refused.
    pub problem: Problem,
}

impl Invalid {
    /// Refuses `field` for `problem`.
    #[must_use]
    pub const fn new(field: &'static str, problem: Problem) -> Self {
        Self { field, problem }
    }
}

/// What is wrong with an input.
#[derive(Debug, Clone, PartialEq, ThisError)]
#[non_exhaustive]
pub enum Problem {
    /// It is needed, and was not given.
    #[error("is missing")]
    Missing,
    /// Nothing is left after trimming.
    #[error("is empty")]
    Empty,
    /// More than `max` bytes.
    #[error("is longer than {max} bytes")]
    #[non_exhaustive]
    TooLong {
        /// The largest number of bytes.
        max: usize,
    },
    /// Fewer than `min` characters.
    #[error("is shorter than {min} characters")]
    #[non_exhaustive]
    TooShort {
        /// The smallest number of characters: Unicode code points, after NFKC.
        min: usize,
    },
    /// A password that everybody tries.
    #[error("is too common")]
    CommonPassword,
    /// A character that a secret of this kind cannot have.
    #[error("contains a character that is not allowed")]
    ForbiddenCharacter,
    /// A line break or another control character, which could start a new header.
    #[error("contains a control character")]
    ControlCharacter,
    /// A space where none may be.
    #[error("contains white space")]
    WhiteSpace,
    /// A character that nobody sees, such as a zero-width space, or one that turns the direction of the text.
    #[error("contains an invisible character")]
    InvisibleCharacter,
    /// Not a user name by RFC 8265 (profile `UsernameCaseMapped`).
    #[error("is not a login id: it has symbols or letters of several directions")]
    NotALoginId,
    /// Not an address by RFC 5321.
    #[error("is not an e-mail address")]
    NotAnEmailAddress,
    /// Not of the form that an id has.
    #[error("is not an id of its kind")]
    NotAnId,
    /// A name that is not one of the known ones.
    #[error("is not one of the known values")]
    UnknownValue,
    /// Not a finite number.
    #[error("is not a finite number")]
    NotFinite,
    /// A number outside its bounds.
    #[error("is not between {min} and {max}")]
    #[non_exhaustive]
    OutOfRange {
        /// The smallest value that is allowed.
        min: f64,
        /// The largest value that is allowed.
        max: f64,
    },
    /// More than `max` values.
    #[error("has more than {max} values")]
    #[non_exhaustive]
    TooMany {
        /// The largest number of values.
        max: usize,
    },
    /// A period whose end is not after its start.
    #[error("ends before it starts")]
    EndBeforeStart,
    /// A mailbox of another user than the campaign's owner.
    #[error("belongs to another user")]
    ForeignMailbox,
    /// A time outside of the years in which campaigns are sent.
    #[error("is not in the years {first} to {last}")]
    #[non_exhaustive]
    ImplausibleYear {
        /// The first year that is allowed.
        first: i32,
        /// The last year that is allowed.
        last: i32,
    },
    /// A time that the database or the calendar cannot hold.
    #[error("is out of the calendar")]
    OutOfCalendar,
    /// An object that is nested more than `max` levels deep.
    #[error("is nested more than {max} levels deep")]
    #[non_exhaustive]
    TooDeep {
        /// The largest number of levels.
        max: usize,
    },
    /// A number that the database cannot hold exactly.
    #[error("contains a number that cannot be stored")]
    NumberNotStorable,
    /// A key that starts with `$`: the database and its drivers take such keys for commands.
    #[error("contains a key that starts with $")]
    ReservedKey,
    /// A connection string that cannot be understood.
    #[error("is not a MongoDB connection string")]
    NotAConnectionString,
    /// It asks the servers to confirm a write before a majority has it.
    #[error("asks for a write concern below majority: remove w, or write w=majority; remove journal=false")]
    WeakWriteConcern,
    /// It asks for a read concern that the store cannot keep its promises with.
    #[error("asks for the read concern available or linearizable: remove readConcernLevel")]
    UnsuitableReadConcern,
    /// It switches off the check of the server's certificate.
    #[error(
        "switches off the check of the server's certificate: remove tlsInsecure and \
         tlsAllowInvalidCertificates, and name the authority of a private certificate by tlsCAFile"
    )]
    InsecureTls,
    /// A name that the database does not allow.
    #[error("is not a name that the database allows")]
    NotADatabaseName,
}
