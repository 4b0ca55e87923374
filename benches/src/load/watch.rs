//! Many watchers of one seat map, as cheap as a client can be: messages are counted, not decoded.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Context;
use bytes::Buf;
use earlybird_proto::v1::WatchSeatMapRequest;
use http::uri::PathAndQuery;
use rush::connect::{Dialer, Wire};
use tokio::task::JoinSet;
use tonic::codec::{Codec, DecodeBuf, Decoder};
use tonic::{Request, Status, Streaming};
use tonic_prost::ProstCodec;

const METHOD: PathAndQuery = PathAndQuery::from_static("/earlybird.v1.Seating/WatchSeatMap");
/// A browser's worth of streams for each connection of a frontend.
const STREAMS_PER_CONNECTION: usize = 100;
/// Field 2, length-delimited: a delta.
const DELTA_TAG: u8 = 0x12;

/// Watchers of one performance; they end when dropped.
#[derive(Debug)]
pub struct Watchers {
    deltas: Arc<Vec<AtomicU64>>,
    streams: JoinSet<()>,
}

impl Watchers {
    /// Opens so many streams, and returns when all have their snapshot.
    ///
    /// # Errors
    /// When one cannot be opened.
    pub async fn open(dialer: &Dialer, performance: &str, count: usize) -> anyhow::Result<Self> {
        let deltas = Arc::new((0..count).map(|_| AtomicU64::new(0)).collect::<Vec<_>>());
        let mut streams = JoinSet::new();
        let mut wire = dialer.channel(0);
        for number in 0..count {
            if number % STREAMS_PER_CONNECTION == 0 {
                wire = dialer.channel(0);
            }
            let mut stream = watch(wire.clone(), performance).await.context("cannot watch")?;
            stream.message().await?.context("no snapshot")?;
            let deltas = Arc::clone(&deltas);
            streams.spawn(async move {
                // A stream that ends shows as one that gets no deltas.
                while let Ok(Some(Update { is_delta })) = stream.message().await {
                    deltas[number].fetch_add(u64::from(is_delta), Ordering::Relaxed);
                }
            });
        }
        Ok(Self { deltas, streams })
    }

    /// Deltas received since the last time: by all together, and by the stream that got the fewest.
    pub fn take_deltas(&self) -> (u64, u64) {
        let taken: Vec<u64> = self.deltas.iter().map(|deltas| deltas.swap(0, Ordering::Relaxed)).collect();
        (taken.iter().sum(), taken.iter().copied().min().unwrap_or(0))
    }

    /// Streams that are still open.
    #[must_use]
    pub fn open_streams(&mut self) -> usize {
        while self.streams.try_join_next().is_some() {}
        self.streams.len()
    }
}

async fn watch(wire: Wire, performance: &str) -> Result<Streaming<Update>, Status> {
    let mut client = tonic::client::Grpc::new(wire);
    client.ready().await.map_err(|error| Status::unavailable(error.to_string()))?;
    let request =
        WatchSeatMapRequest { performance: performance.to_owned(), ..WatchSeatMapRequest::default() };
    Ok(client.server_streaming(Request::new(request), METHOD, Counting).await?.into_inner())
}

/// A message, as far as it is looked at.
struct Update {
    is_delta: bool,
}

/// Encodes as usual, and only looks at the first byte of what comes.
struct Counting;

impl Codec for Counting {
    type Encode = WatchSeatMapRequest;
    type Decode = Update;
    type Encoder = <ProstCodec<WatchSeatMapRequest, ()> as Codec>::Encoder;
    type Decoder = Self;

    fn encoder(&mut self) -> Self::Encoder {
        ProstCodec::<WatchSeatMapRequest, ()>::default().encoder()
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Decoder for Counting {
    type Item = Update;
    type Error = Status;

    fn decode(&mut self, source: &mut DecodeBuf<'_>) -> Result<Option<Update>, Status> {
        let is_delta = source.chunk().first() == Some(&DELTA_TAG);
        source.advance(source.remaining());
        Ok(Some(Update { is_delta }))
    }
}
