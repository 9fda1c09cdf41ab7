//! Signing for the ledger, outside the database.

use bailiwick_ledger::{checkpoint::Checkpoint, note::Signer};

use crate::{
    Broker, NotRecorded,
    port::{Clock, Log, Store, StoreError},
};

impl<S: Store, L: Log, C: Clock> Broker<S, L, C> {
    /// Signs for the ledger as it is and publishes the checkpoint beside the database. `None` if
    /// nothing was written since the last.
    ///
    /// # Errors
    /// If the ledger cannot be read, is shorter than a checkpoint that was published, or the
    /// checkpoint is not durable.
    pub async fn checkpoint(
        &self,
        origin: &str,
        signer: &Signer,
    ) -> Result<Option<Checkpoint>, NotRecorded> {
        let unavailable = |error: crate::port::LogError| StoreError::Unavailable(error.0);
        let previous = self.log.published().map_err(unavailable)?;
        let chain = self.store.chain().await?;
        if chain.len() < previous {
            let size = chain.len();
            return Err(StoreError::Corrupt(format!(
                "the ledger has {size} entries, and {previous} were signed for"
            ))
            .into());
        }
        if chain.len() == previous {
            return Ok(None);
        }
        let epoch = self.store.epoch();
        let checkpoint = Checkpoint::of(&chain, origin, epoch, self.now_ms(), previous);
        let note = checkpoint.sign(signer);
        self.log
            .publish(checkpoint.size, &note)
            .map_err(unavailable)?;
        Ok(Some(checkpoint))
    }
}
