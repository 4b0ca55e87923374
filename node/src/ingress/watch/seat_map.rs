//! `WatchSeatMap`.

use std::sync::Arc;

use earlybird_proto::v1::{self, watch_seat_map_response::Update};
use futures::stream::BoxStream;
use tonic::Status;

use super::{Watch, Watcher};
use crate::ingress::Ingress;
use crate::ingress::meters::StreamKind;
use crate::ingress::seating::seat_map;
use crate::shard::{SeatMapUpdate, SeatMapWatch, Shard};

struct SeatMapNews {
    performance: Arc<str>,
    watch: SeatMapWatch,
    /// Generation and version that the client has.
    seen: Option<(u64, u64)>,
}

impl Ingress {
    /// Watches the seat map of a shard's performance from `resume` (generation, version) on.
    pub(in crate::ingress) fn watch_seat_map(
        ingress: &Arc<Self>,
        shard: &Arc<Shard>,
        resume: Option<(u64, u64)>,
    ) -> BoxStream<'static, Result<v1::WatchSeatMapResponse, Status>> {
        let info = shard.performance();
        let watch = shard.watch_seat_map(resume);
        let news = SeatMapNews { performance: Arc::clone(&info.name), watch, seen: resume };
        let live = ingress.meters.stream(StreamKind::WatchSeatMap);
        Watcher { ingress: Arc::clone(ingress), performance: info.id.clone(), watch: news, _live: live }
            .stream()
    }
}

impl Watch for SeatMapNews {
    type News = v1::WatchSeatMapResponse;

    async fn next(&mut self) -> Option<Self::News> {
        let update = match self.watch.next().await? {
            SeatMapUpdate::Snapshot(snapshot) => {
                self.seen = Some((snapshot.generation, snapshot.version));
                Update::Snapshot(seat_map(&self.performance, &snapshot))
            }
            SeatMapUpdate::Delta(delta) => {
                // A delta belongs to the generation of what came before it.
                self.seen = self.seen.map(|(generation, _)| (generation, delta.version));
                Update::Delta(v1::SeatMapDelta {
                    from_version: delta.from_version,
                    version: delta.version,
                    changes: delta.changes.clone(),
                })
            }
        };
        Some(v1::WatchSeatMapResponse { update: Some(update) })
    }

    fn resume(&mut self, shard: &Arc<Shard>) {
        self.watch = shard.watch_seat_map(self.seen);
    }
}
