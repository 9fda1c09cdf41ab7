//! What one replica alone does outside, and whether that is this one.

use bailiwick_broker::port::{Lease, Op, Store, StoreError};

/// The right to do it, as it is known here. What was learnt while one lease was held is not so under
/// the next.
#[derive(Debug)]
pub(crate) struct Lead {
    what: &'static str,
    lease: Option<Lease>,
}

impl Lead {
    pub(crate) fn of(what: &'static str) -> Self {
        Self { what, lease: None }
    }

    /// Takes the lease or keeps it, where nobody else has it. Answers whether it is another than
    /// before.
    ///
    /// # Errors
    /// If it cannot be told who has it; what was known stays.
    pub(crate) async fn ask(&mut self, store: &impl Store) -> Result<bool, StoreError> {
        let lease = store.lease(self.what).await?;
        let is_another = lease != self.lease;
        self.lease = lease;
        Ok(is_another)
    }

    pub(crate) fn is_held(&self) -> bool {
        self.lease.is_some()
    }

    /// Makes a change hang on the lease.
    pub(crate) fn hold(&self) -> Option<Op> {
        self.lease.map(Op::Hold)
    }

    /// Another has it, or nobody knows. Answers whether it was held here.
    pub(crate) fn lose(&mut self) -> bool {
        self.lease.take().is_some()
    }

    /// Lets another replica do it at once.
    pub(crate) async fn give_back(&mut self, store: &impl Store) {
        if let Some(lease) = self.lease.take()
            && let Err(error) = store.give_back(lease).await
        {
            let what = self.what;
            tracing::warn!(%error, what, "another replica goes on when this lease has run out");
        }
    }
}
