//! The data layer of an e-mail campaign platform.
mod clock;
mod collection;
#[cfg(feature = "contract")]
pub mod contract;
mod document;
mod error;
mod memory;
mod model;
#[cfg(feature = "mongo")]
mod mongo;
mod page;
pub mod repository;
pub mod schema;

pub use clock::{Clock, ManualClock, SystemClock};
pub use collection::Collection;
pub use error::{Error, Invalid, Problem, Result};
pub use memory::MemoryStore;
pub use model::*;
#[cfg(feature = "mongo")]
pub use mongo::{MongoOptions, MongoStore};
pub use page::{Cursor, Order, Page, PageRequest};
pub use repository::{
    CampaignMetricsRepository, CampaignRepository, ClerkUpsert, EmailTrackingRepository, MailboxRepository,
    RecordStream, Store, UserRepository,
};
