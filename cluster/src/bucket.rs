//! Which bucket a performance is in.
//!
//! Buckets are the unit of ownership: a fixed number of groups, so that the table of owners stays small however many
//! performances there are.

/// Number of buckets. Fixed: changing it would move every performance.
pub const BUCKETS: u16 = 1024;

/// Prefix of the hashed text: names the version of the mapping, so that a later one cannot be mixed up with it.
const MAPPING: &[u8] = b"earlybird-bucket-1:";

/// The bucket of a performance: XXH3 (64 bits) of its id, modulo [`BUCKETS`]. The same on every node and forever.
#[must_use]
pub fn bucket_of(performance_id: &str) -> u16 {
    let mut hasher = xxhash_rust::xxh3::Xxh3::new();
    hasher.update(MAPPING);
    hasher.update(performance_id.as_bytes());
    u16::try_from(hasher.digest() % u64::from(BUCKETS)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Another number here would be another owner for every performance that is stored.
    #[test]
    fn the_mapping_never_changes() {
        let ids = ["", "a", "carmen", "carmen-2026-11-22", "오페라의-유령"];
        assert_eq!(ids.map(bucket_of), [635, 957, 1007, 381, 319]);
    }

    #[test]
    fn buckets_fill_evenly() {
        let mut counts = vec![0_u32; usize::from(BUCKETS)];
        for number in 0..100_000 {
            counts[usize::from(bucket_of(&format!("performance-{number}")))] += 1;
        }
        assert!(counts.iter().all(|count| (40..180).contains(count)), "{counts:?}");
    }
}
