//! The echo's own process.

use std::future::{Ready, ready};
use std::path::Path;
use std::pin::Pin;

use anyhow::Context;
use earlybird_proto::SeatingService;
use earlybird_proto::v1::seating_server::{Seating, SeatingServer};
use earlybird_proto::v1::*;
use futures::stream::Map;
use futures::{Stream, StreamExt};
use prost::Message;
use tonic::server::StreamingService;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status, Streaming};
use tonic_prost::ProstCodec;

/// As gRPC libraries have it.
const MESSAGE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Serves until standard input ends, which it does when the benchmark does.
///
/// # Errors
/// When it cannot listen, or the reply is not one.
pub async fn serve(ready_file: &Path, reply: &Path) -> anyhow::Result<()> {
    let reply = std::fs::read(reply).context("cannot read the reply")?;
    let reply = SessionResponse::decode(reply.as_slice()).context("the reply is not a SessionResponse")?;
    let incoming = TcpIncoming::bind(([127, 0, 0, 1], 0).into())?.with_nodelay(Some(true));
    let address = incoming.local_addr()?.to_string();
    std::fs::write(ready_file, serde_json::to_vec(&address)?)?;
    Server::builder()
        .initial_stream_window_size(1 << 20)
        .initial_connection_window_size(8 << 20)
        .add_service(SeatingService::new(
            SeatingServer::new(Calls),
            Sessions { reply },
            ProstCodec::default,
            MESSAGE_BYTES_MAX,
        ))
        .serve_with_incoming_shutdown(incoming, input_ends())
        .await
        .context("the echo ended")
}

async fn input_ends() {
    // Errors are ends as well.
    let read = || drop(std::io::copy(&mut std::io::stdin(), &mut std::io::sink()));
    drop(tokio::task::spawn_blocking(read).await);
}

#[derive(Clone)]
struct Sessions {
    reply: SessionResponse,
}

type Reply = Result<SessionResponse, Status>;
type Replier = Box<dyn FnMut(Result<SessionRequest, Status>) -> Reply + Send>;
type Replies = Map<Streaming<SessionRequest>, Replier>;

impl StreamingService<SessionRequest> for Sessions {
    type Response = SessionResponse;
    type ResponseStream = Replies;
    type Future = Ready<Result<Response<Replies>, Status>>;

    fn call(&mut self, requests: Request<Streaming<SessionRequest>>) -> Self::Future {
        let reply = self.reply.clone();
        let answer: Replier = Box::new(move |request| {
            request.map(|request| SessionResponse { tag: request.tag, ..reply.clone() })
        });
        ready(Ok(Response::new(requests.into_inner().map(answer))))
    }
}

#[derive(Clone)]
struct Calls;

#[tonic::async_trait]
impl Seating for Calls {
    type WatchSeatMapStream = Pin<Box<dyn Stream<Item = Result<WatchSeatMapResponse, Status>> + Send>>;

    async fn hold_seats(&self, _: Request<HoldSeatsRequest>) -> Result<Response<Hold>, Status> {
        Ok(Response::new(Hold::default()))
    }

    async fn get_seat_map(&self, _: Request<GetSeatMapRequest>) -> Result<Response<SeatMap>, Status> {
        Err(Status::unimplemented("an echo"))
    }

    async fn watch_seat_map(
        &self,
        _: Request<WatchSeatMapRequest>,
    ) -> Result<Response<Self::WatchSeatMapStream>, Status> {
        Err(Status::unimplemented("an echo"))
    }

    async fn hold_best_available(
        &self,
        _: Request<HoldBestAvailableRequest>,
    ) -> Result<Response<Hold>, Status> {
        Err(Status::unimplemented("an echo"))
    }

    async fn extend_hold(&self, _: Request<ExtendHoldRequest>) -> Result<Response<Hold>, Status> {
        Err(Status::unimplemented("an echo"))
    }

    async fn release_hold(&self, _: Request<ReleaseHoldRequest>) -> Result<Response<Hold>, Status> {
        Err(Status::unimplemented("an echo"))
    }

    async fn get_hold(&self, _: Request<GetHoldRequest>) -> Result<Response<Hold>, Status> {
        Err(Status::unimplemented("an echo"))
    }

    async fn list_holds(&self, _: Request<ListHoldsRequest>) -> Result<Response<ListHoldsResponse>, Status> {
        Err(Status::unimplemented("an echo"))
    }
}
