//! `WatchSeatMap`.

use std::sync::Arc;

use earlybird_persistence::PerformanceId;
use earlybird_proto::v1::seating_client::SeatingClient;
use earlybird_proto::v1::{self, watch_seat_map_response::Update};
use futures::stream::BoxStream;
use tonic::metadata::MetadataMap;
use tonic::transport::Channel;
use tonic::{Request, Status, Streaming};

use super::{Watch, Watcher};
use crate::ingress::Ingress;
use crate::ingress::meters::StreamKind;
use crate::ingress::origin::Origin;
use crate::ingress::seating::seat_map;
use crate::shard::{SeatMapUpdate, SeatMapWatch, Shard};

/// Largest message of a watch at another node: a seat map, whose seats take a few bytes each.
const MESSAGE_BYTES_MAX: usize = 64 * 1024 * 1024;

struct SeatMapNews {
    /// Its whole name.
    performance: String,
    /// Generation and version that the client has.
    seen: Option<(u64, u64)>,
}

impl Ingress {
    /// Watches the seat map of a performance from `resume` (generation, version) on.
    pub(in crate::ingress) async fn watch_seat_map(
        ingress: &Arc<Self>,
        performance: &PerformanceId,
        origin: Origin,
        resume: Option<(u64, u64)>,
    ) -> Result<BoxStream<'static, Result<v1::WatchSeatMapResponse, Status>>, Status> {
        let news = SeatMapNews { performance: format!("performances/{performance}"), seen: resume };
        let live = ingress.meters.stream(StreamKind::WatchSeatMap);
        Watcher::begin(ingress, performance, origin, news, live).await
    }
}

impl Watch for SeatMapNews {
    type News = v1::WatchSeatMapResponse;
    type Feed = SeatMapWatch;

    fn at_shard(&mut self, shard: &Arc<Shard>) -> SeatMapWatch {
        shard.watch_seat_map(self.seen)
    }

    async fn next(&mut self, feed: &mut SeatMapWatch) -> Option<v1::WatchSeatMapResponse> {
        let update = match feed.next().await? {
            SeatMapUpdate::Snapshot(snapshot) => Update::Snapshot(seat_map(&self.performance, &snapshot)),
            SeatMapUpdate::Delta(delta) => Update::Delta(v1::SeatMapDelta {
                from_version: delta.from_version,
                version: delta.version,
                changes: delta.changes.clone(),
            }),
        };
        let news = v1::WatchSeatMapResponse { update: Some(update) };
        self.note(&news);
        Some(news)
    }

    async fn at_node(
        &mut self,
        channel: Channel,
        shown: MetadataMap,
    ) -> Result<Streaming<v1::WatchSeatMapResponse>, Status> {
        let (resume_generation, resume_version) = self.seen.unwrap_or_default();
        let performance = self.performance.clone();
        let mut request =
            Request::new(v1::WatchSeatMapRequest { performance, resume_version, resume_generation });
        *request.metadata_mut() = shown;
        let mut client = SeatingClient::new(channel).max_decoding_message_size(MESSAGE_BYTES_MAX);
        Ok(client.watch_seat_map(request).await?.into_inner())
    }

    fn note(&mut self, news: &v1::WatchSeatMapResponse) -> bool {
        match &news.update {
            Some(Update::Snapshot(map)) => self.seen = Some((map.generation, map.version)),
            // A delta belongs to the generation of what came before it.
            Some(Update::Delta(delta)) => {
                self.seen = self.seen.map(|(generation, _)| (generation, delta.version));
            }
            // A later release may tell more than this one understands.
            None => {}
        }
        true
    }
}
