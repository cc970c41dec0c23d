//! Shards: stable shares of all subjects.

use std::hash::Hasher as _;
use std::ops::RangeInclusive;

use fnv::FnvHasher;

use crate::model::validate::Checks;
use crate::proto::ShardSelector;

/// How many shards there may be.
const COUNTS: RangeInclusive<u64> = 1..=64;

/// One of several shares: every subject belongs to exactly one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Shard {
    index: u64,
    count: u64,
}

impl Shard {
    /// Parses the contract's selector; what it refuses is in `checks`.
    pub fn parse(selector: ShardSelector, checks: &mut Checks) -> Option<Self> {
        let Some(count) = u64::try_from(selector.count).ok().filter(|count| COUNTS.contains(count)) else {
            checks.refuse("filter.shard.count", "must be 1 to 64");
            return None;
        };
        let index = u64::try_from(selector.index).ok().filter(|index| *index < count);
        if index.is_none() {
            checks.refuse("filter.shard.index", format!("must be 0 to {}, one less than count", count - 1));
        }
        index.map(|index| Self { index, count })
    }

    /// Whether what has this name belongs to the shard.
    pub fn has(&self, name: &str) -> bool {
        hash(name) % self.count == self.index
    }
}

/// FNV-1a of 64 bits over the bytes of `name`: the contract promises it.
fn hash(name: &str) -> u64 {
    let mut hasher = FnvHasher::default();
    hasher.write(name.as_bytes());
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_the_one_that_readers_compute() {
        // The first four are test vectors of the authors of the hash.
        for (name, expected) in [
            ("", 0xcbf2_9ce4_8422_2325),
            ("a", 0xaf63_dc4c_8601_ec8c),
            ("b", 0xaf63_df4c_8601_f1a5),
            ("foobar", 0x8594_4171_f739_67e8),
        ] {
            assert_eq!(hash(name), expected, "{name}");
        }
    }

    #[test]
    fn the_shard_of_a_name_never_changes() {
        for (name, count, index) in [
            ("connections/bank/identifications/5f0c1b7e-94f1-4b27-8b0c-3f6a0e7d2c11", 2, 0),
            ("connections/bank/identifications/5f0c1b7e-94f1-4b27-8b0c-3f6a0e7d2c11", 64, 18),
            ("connections/bank/identifications/00000000-0000-4000-8000-000000000001", 3, 2),
            ("connections/bank", 7, 2),
        ] {
            let of = (0..count).filter(|index| Shard { index: *index, count }.has(name));
            assert_eq!(of.collect::<Vec<_>>(), [index], "{name} of {count}");
        }
    }

    #[test]
    fn what_is_no_shard_is_refused_by_name() {
        for (index, count, field) in [
            (0, 0, "filter.shard.count"),
            (0, 65, "filter.shard.count"),
            (-1, -1, "filter.shard.count"),
            (-1, 4, "filter.shard.index"),
            (4, 4, "filter.shard.index"),
        ] {
            let mut checks = Checks::default();
            assert_eq!(Shard::parse(ShardSelector { index, count }, &mut checks), None);
            assert_eq!(checks.refused("test").violations[0].field, field, "{index} of {count}");
        }
        let mut checks = Checks::default();
        let last = Shard::parse(ShardSelector { index: 63, count: 64 }, &mut checks);
        assert_eq!(last, Some(Shard { index: 63, count: 64 }));
        assert!(checks.finish("test").is_ok());
    }
}
