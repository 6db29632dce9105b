//! The object store of a lake: a directory, or a bucket on S3.
//!
//! - [`store`] opens the object store that a URL names; [`names`] owns every object name.
//! - [`s3`] is a bucket as an object store; [`aws`] the configuration that all clients of AWS share.
//! - [`emf`] is how functions write their metrics.
//! - [`overflow`] holds records that the event log could not take, until they are landed.
//! - [`erased`] says which users were erased, and whose events are refused since; [`upkeep`] is what vacuum needs of a store.
//! - [`saved`] are reports, dashboards and annotations that people keep.
//! - [`settings`] are what is set for the whole lake, such as write keys; every part reads them.
//!
//! Nothing here knows what a data file looks like, so that the collector links neither Arrow nor Parquet.

pub mod aws;
pub mod emf;
pub mod erased;
pub mod error;
pub mod names;
pub mod overflow;
pub mod s3;
pub mod saved;
pub mod settings;
pub mod store;
pub mod upkeep;

pub use error::StoreError;
pub use overflow::Overflow;
pub use s3::S3Error;
pub use settings::Settings;
pub use store::Store;
