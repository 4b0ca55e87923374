//! `Seating` with its `Session` apart, so that a server may take a session's messages in the form that suits it.

use std::convert::Infallible;
use std::task::{Context, Poll};

use http::uri::PathAndQuery;
use http::{Request, Response};
use tonic::body::Body;
use tonic::codec::Codec;
use tonic::codegen::{BoxFuture, Service};
use tonic::server::{Grpc, NamedService, StreamingService};

use crate::v1::seating_server::{Seating, SeatingServer};

/// The path of `Seating.Session`.
pub const SESSION: PathAndQuery = PathAndQuery::from_static("/earlybird.v1.Seating/Session");

/// The `Seating` service: its calls as `S` has them, and its `Session` as `M` has it, in messages that the codec
/// of `F` reads and writes.
#[derive(Clone, Debug)]
pub struct SeatingService<S, M, F> {
    calls: SeatingServer<S>,
    session: M,
    codec: F,
    session_message_bytes_max: usize,
}

impl<S, M, F> SeatingService<S, M, F> {
    /// The calls of `calls`, and sessions that read messages of up to so many bytes.
    pub fn new(calls: SeatingServer<S>, session: M, codec: F, session_message_bytes_max: usize) -> Self {
        Self { calls, session, codec, session_message_bytes_max }
    }
}

impl<S, M, F, C> Service<Request<Body>> for SeatingService<S, M, F>
where
    S: Seating,
    F: Fn() -> C,
    C: Codec + Send + 'static,
    C::Decode: Send,
    C::Encode: Send,
    M: StreamingService<C::Decode, Response = C::Encode> + Clone + Send + 'static,
    M::ResponseStream: Send + 'static,
    M::Future: Send,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Self::Response, Self::Error>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Service::<Request<Body>>::poll_ready(&mut self.calls, context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        if request.uri().path() != SESSION.path() {
            return self.calls.call(request);
        }
        let (session, max) = (self.session.clone(), self.session_message_bytes_max);
        let mut grpc = Grpc::new((self.codec)()).max_decoding_message_size(max);
        Box::pin(async move { Ok(grpc.streaming(session, request).await) })
    }
}

impl<S: Seating, M, F> NamedService for SeatingService<S, M, F> {
    const NAME: &'static str = <SeatingServer<S> as NamedService>::NAME;
}
