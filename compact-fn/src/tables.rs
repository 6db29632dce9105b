//! Both tables of a lake, opened when they are needed and kept open: opening reads the log, following it only what is new.

use weir_lake::{LakeError, Store, Table, TableName};

/// The tables of a lake.
#[derive(Debug)]
pub struct Tables {
    store: Store,
    open: Vec<Table>,
}

impl Tables {
    /// Those of the lake in a store; nothing is read yet.
    pub fn new(store: &Store) -> Self {
        Self { store: store.clone(), open: Vec::new() }
    }

    /// Where they are.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Those that the lake has, in their newest versions: the events first.
    ///
    /// # Errors
    /// Whatever is wrong with one of them.
    pub async fn opened(&mut self) -> Result<&mut [Table], LakeError> {
        for table in &mut self.open {
            table.refresh().await?;
        }
        for name in [TableName::Events, TableName::Failed] {
            if self.open.iter().all(|table| table.name() != name) {
                self.open.extend(Table::open_if_there(&self.store, name).await?);
            }
        }
        self.open.sort_by_key(|table| table.name() != TableName::Events);
        Ok(&mut self.open)
    }
}
