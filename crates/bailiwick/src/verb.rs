//! What each verb does. One file a verb.

pub(crate) mod agents;
pub(crate) mod ceiling;
pub(crate) mod charter;
pub(crate) mod compact;
pub(crate) mod compare;
pub(crate) mod compile;
pub(crate) mod diff;
pub(crate) mod evaluate;
pub(crate) mod explain;
pub(crate) mod grant;
pub(crate) mod kill;
pub(crate) mod ledger;
pub(crate) mod plan;
pub(crate) mod reach;
pub(crate) mod revoke;
pub(crate) mod scan;
pub(crate) mod split;
pub(crate) mod tighten;
