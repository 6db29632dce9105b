//! The object store of a lake: a directory, or a bucket on S3.
//!
//! - [`store`] opens the object store that a URL names; [`names`] owns every object name.
//! - [`settings`] are what is set for the whole lake, such as write keys; every part reads them.
//!
//! Nothing here knows what a data file looks like, so that the collector links neither Arrow nor Parquet.

pub mod error;
pub mod names;
pub mod settings;
pub mod store;

pub use error::StoreError;
pub use settings::Settings;
pub use store::Store;
