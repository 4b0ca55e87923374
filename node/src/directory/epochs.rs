//! Which buckets this node owns, and under which epochs.

use earlybird_persistence::{Bucket, Epoch};
use hashbrown::HashMap;

/// The epochs of buckets. A bucket that was lost keeps its highest epoch here, so that news which is older than the loss
/// does not bring it back.
#[derive(Debug, Default)]
pub(super) struct Epochs {
    owned: HashMap<Bucket, Epoch>,
    /// The highest epoch that is known of each bucket, whoever owns it.
    known: HashMap<Bucket, Epoch>,
}

impl Epochs {
    /// The epoch of a bucket that this node owns.
    pub(super) fn of(&self, bucket: Bucket) -> Option<Epoch> {
        self.owned.get(&bucket).copied()
    }

    /// All that this node owns.
    pub(super) fn owned(&self) -> impl Iterator<Item = (Bucket, Epoch)> {
        self.owned.iter().map(|(bucket, epoch)| (*bucket, *epoch))
    }

    /// This node owns a bucket under that epoch. Returns whether that is news.
    pub(super) fn gain(&mut self, bucket: Bucket, epoch: Epoch) -> bool {
        let is_news = self.known.get(&bucket).is_none_or(|known| *known < epoch);
        if is_news {
            self.known.insert(bucket, epoch);
            self.owned.insert(bucket, epoch);
        }
        is_news
    }

    /// This node owns a bucket no more; `epoch` is that of its next owner, if it is known.
    pub(super) fn lose(&mut self, bucket: Bucket, epoch: Option<Epoch>) {
        self.owned.remove(&bucket);
        if let Some(epoch) = epoch {
            let known = self.known.entry(bucket).or_insert(epoch);
            *known = (*known).max(epoch);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_news_bring_nothing_back() {
        let bucket = Bucket::new(7).expect("a bucket");
        let mut epochs = Epochs::default();
        assert!(epochs.gain(bucket, Epoch(5)));
        assert!(!epochs.gain(bucket, Epoch(5)), "known already");
        epochs.lose(bucket, Some(Epoch(6)));
        for stale in [5, 6] {
            assert!(
                !epochs.gain(bucket, Epoch(stale)),
                "a view from before the loss, or one that names the next owner's"
            );
            assert_eq!(epochs.of(bucket), None);
        }
        assert!(epochs.gain(bucket, Epoch(7)), "it has come back");
        epochs.lose(bucket, None);
        assert!(!epochs.gain(bucket, Epoch(7)), "fenced: somebody has a higher one");
    }
}
