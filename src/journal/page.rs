//! Pages of lists, alike in every store: how far one look goes, and where a page ends.

use std::ops::ControlFlow;

/// Most items one page looks at: what is rare must not hold a reader's connection for as long as the store is.
pub(super) const SCAN: usize = 4096;

/// A question that is answered in pages.
pub(super) trait Paged {
    /// What is listed.
    type Item;
    /// Most bytes one page looks at.
    const MAX_BYTES: usize;

    /// Most items of one page; 0 is taken for 1.
    fn limit(&self) -> usize;

    /// Whether `item` belongs to the answer.
    fn matches(&self, item: &Self::Item) -> bool;
}

/// A page being filled with items in the order of the list.
pub(super) struct Filler<'a, Q: Paged> {
    query: &'a Q,
    scanned: usize,
    bytes: usize,
    /// Each with its number.
    items: Vec<(u64, Q::Item)>,
    /// The item looked at last.
    last: Option<u64>,
    broken_off: bool,
}

impl<'a, Q: Paged> Filler<'a, Q> {
    /// An empty page.
    pub(super) fn new(query: &'a Q) -> Self {
        Self { query, scanned: 0, bytes: 0, items: Vec::new(), last: None, broken_off: false }
    }

    /// Takes the next item, which stands under `number` and counts for `size` bytes, and breaks where this page ends.
    /// A full page goes on looking for one more that matches, so that the last page knows that it is the last.
    pub(super) fn push(&mut self, number: u64, size: usize, item: Q::Item) -> ControlFlow<()> {
        let looked_enough = self.scanned >= SCAN || self.bytes >= Q::MAX_BYTES;
        let matches = !looked_enough && self.query.matches(&item);
        if looked_enough || (matches && self.items.len() >= self.query.limit().max(1)) {
            self.broken_off = true;
            return ControlFlow::Break(());
        }
        self.scanned += 1;
        self.bytes += size;
        self.last = Some(number);
        if matches {
            self.items.push((number, item));
        }
        ControlFlow::Continue(())
    }

    /// The items with their numbers, and behind which number to go on; `None`: nothing is left.
    pub(super) fn finish(self) -> (Vec<(u64, Q::Item)>, Option<u64>) {
        (self.items, self.last.filter(|_number| self.broken_off))
    }
}
