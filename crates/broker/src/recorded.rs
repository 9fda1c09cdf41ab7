use crate::port::Place;

/// Something whose ledger entry is durable. Only the broker makes one.
///
/// Whoever hands out a credential, forwards a call or answers "allow" takes one of these.
///
/// ```compile_fail
/// // Nobody else can claim that something was recorded.
/// let recorded = bailiwick_broker::Recorded { value: (), places: vec![] };
/// ```
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub struct Recorded<T> {
    value: T,
    places: Vec<Place>,
}

impl<T> Recorded<T> {
    pub(crate) fn new(value: T, places: Vec<Place>) -> Self {
        Self { value, places }
    }

    pub fn value(&self) -> &T {
        &self.value
    }

    /// Takes it out, to act on it.
    pub fn into_value(self) -> T {
        self.value
    }

    /// Where its entries stand in the ledger.
    pub fn places(&self) -> &[Place] {
        &self.places
    }
}
