//! A bucket goes from node to node on a real store, whatever fails on the way.

use std::sync::{Arc, mpsc};
use std::thread;

use earlybird_engine::Command;
use earlybird_persistence::NodeId;
use earlybird_proto::cluster::peer_server::{Peer, PeerServer};
use earlybird_proto::cluster::{
    HandOverRequest, HandOverResponse, LoadsRequest, LoadsResponse, PrepareRequest, PrepareResponse,
    ReceiveRequest, ReceiveResponse,
};
use parking_lot::Mutex;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_stream::wrappers::TcpListenerStream;
use tokio_util::task::AbortOnDropHandle;
use tonic::transport::Server;
use tonic::{Request, Response, Status};

use crate::cluster::{ClusterOptions, HandoffError};
use crate::ingress::peer::PeerService;
use crate::node::{Node, NodeOptions};
use crate::node_tests::{ARENA, House, held, hold, until};
use crate::reply::{Reply, ReplyTo};
use crate::shard::{Job, Shard};

/// More than are replayed without a thread of their own.
const ENTRIES: u8 = 200;

/// A hold of that seat by a buyer of its own.
fn hold_of(seat: u8) -> Command {
    hold(seat, &format!("buyer-{seat}"), u32::from(seat))
}

/// What happens at the moment at which the new owner has prepared itself.
enum Trouble {
    /// Holds are made, so that what was read ahead is behind.
    Holds(Arc<Shard>),
    /// A hold waits to be decided for as long as the sender lives.
    Stalls(Arc<Shard>, mpsc::Receiver<()>, oneshot::Sender<oneshot::Receiver<Reply>>),
    /// The new owner drains.
    Drains,
    /// It does not hear that it is the owner.
    LosesReceive,
}

/// A new owner to which something happens.
struct Troubled {
    service: PeerService,
    node: Arc<Node>,
    trouble: Mutex<Option<Trouble>>,
}

impl Troubled {
    async fn befall(&self, trouble: Trouble) {
        match trouble {
            Trouble::Holds(shard) => {
                for seat in 0..10 {
                    held(shard.call(hold_of(ENTRIES + seat), None).await);
                }
            }
            Trouble::Stalls(shard, over, waiting) => {
                let (looks, is_looking) = oneshot::channel();
                let looked_at = Arc::clone(&shard);
                // The actor decides nothing while somebody looks.
                thread::spawn(move || {
                    looked_at.read(|_| {
                        looks.send(()).expect("somebody waits");
                        let _ = over.recv();
                    });
                });
                is_looking.await.expect("it looks");
                let (reply, receiver) = oneshot::channel();
                shard.submit(Job {
                    command: hold_of(ENTRIES),
                    expires_at: None,
                    reply: ReplyTo::Unary(reply),
                });
                waiting.send(receiver).expect("the test goes on");
            }
            Trouble::Drains => {
                let (store, node) = (&self.node.store, self.node.cluster.node());
                assert!(store.set_draining(node, true).await.expect("the store answers"));
            }
            Trouble::LosesReceive => *self.trouble.lock() = Some(Trouble::LosesReceive),
        }
    }
}

#[tonic::async_trait]
impl Peer for Troubled {
    async fn hand_over(&self, _: Request<HandOverRequest>) -> Result<Response<HandOverResponse>, Status> {
        Err(Status::unimplemented("it owns nothing"))
    }

    async fn prepare(&self, request: Request<PrepareRequest>) -> Result<Response<PrepareResponse>, Status> {
        let prepared = self.service.prepare(request).await;
        let trouble = self.trouble.lock().take();
        if let Some(trouble) = trouble {
            self.befall(trouble).await;
        }
        prepared
    }

    async fn receive(&self, request: Request<ReceiveRequest>) -> Result<Response<ReceiveResponse>, Status> {
        if self.trouble.lock().take().is_some() {
            return Err(Status::unavailable("lost on its way"));
        }
        self.service.receive(request).await
    }

    async fn loads(&self, request: Request<LoadsRequest>) -> Result<Response<LoadsResponse>, Status> {
        self.service.loads(request).await
    }
}

/// A node that sells a performance, and another that is to own it.
struct Stage {
    _house: House,
    old: Arc<Node>,
    shard: Arc<Shard>,
    new: Arc<Node>,
    _serving: AbortOnDropHandle<()>,
}

impl Stage {
    async fn with(trouble: impl FnOnce(&Arc<Shard>) -> Trouble) -> Self {
        let mut house = House::new();
        house.plan = ARENA;
        let (old, shard) = house.start(NodeOptions::default()).await;
        for number in 0..ENTRIES {
            held(shard.call(hold_of(number), None).await);
        }
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = format!("http://{}", listener.local_addr().expect("an address"));
        let cluster = ClusterOptions { address, ..ClusterOptions::default() };
        let options = NodeOptions { node_id: NodeId::from("node-2"), cluster, ..NodeOptions::default() };
        let new = Node::start(options, Arc::clone(&old.store)).await.expect("the other node starts");
        let service = Troubled {
            service: PeerService::new(Arc::clone(&new)),
            node: Arc::clone(&new),
            trouble: Mutex::new(Some(trouble(&shard))),
        };
        let serving = tokio::spawn(async move {
            let served = Server::builder().add_service(PeerServer::new(service));
            served.serve_with_incoming(TcpListenerStream::new(listener)).await.expect("it serves");
        });
        Self { _house: house, old, shard, new, _serving: AbortOnDropHandle::new(serving) }
    }

    fn hand_over(&self) -> JoinHandle<Result<(), HandoffError>> {
        let (old, to) = (Arc::clone(&self.old), self.new.cluster.node().clone());
        let bucket = self.shard.performance().bucket;
        tokio::spawn(async move { old.cluster.hand_over(bucket, &to).await.map(drop) })
    }

    /// It is served by the new owner as the old one left it.
    async fn assert_moved(&self) {
        let id = &self.shard.performance().id;
        until("the new owner serves it", || self.new.directory.active(id.as_str()).is_some()).await;
        let moved = self.new.directory.shard(id).await.expect("it is active");
        let before = self.shard.read(|state| state.snapshot());
        assert!(before == moved.read(|state| state.snapshot()), "I12: all that was decided, and no more");
        assert!(self.new.directory.ahead.take(id).is_none(), "it has what was read ahead");
        assert!(!self.shard.is_open());
        held(moved.call(hold_of(250), None).await);
        self.new.drain().await;
    }

    /// It is where it was, and served.
    async fn assert_stayed(&self) {
        assert!(self.shard.is_open());
        assert_eq!(self.new.directory.epoch(self.shard.performance().bucket), None);
        held(self.shard.call(hold_of(250), None).await);
        self.old.drain().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_decided_after_the_new_owner_prepared_itself_is_there() {
    let stage = Stage::with(|shard| Trouble::Holds(Arc::clone(shard))).await;
    stage.hand_over().await.expect("it ends").expect("it is handed over");
    stage.assert_moved().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_whose_owner_was_not_told_is_served_all_the_same() {
    let stage = Stage::with(|_| Trouble::LosesReceive).await;
    stage.hand_over().await.expect("it ends").expect("it is handed over");
    stage.assert_moved().await;
}

// Those who look at the state, as some do at times, wait as well: each keeps a thread.
#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn a_bucket_that_cannot_be_sealed_in_time_stays() {
    let ((over, is_over), (tells, told)) = (mpsc::channel(), oneshot::channel());
    let stage = Stage::with(|shard| Trouble::Stalls(Arc::clone(shard), is_over, tells)).await;
    let handed = stage.hand_over().await.expect("it ends");
    assert!(matches!(handed, Err(HandoffError::NotFlushed)), "{handed:?}");
    drop(over);
    let waiting = told.await.expect("a hold waits");
    held(waiting.await.expect("it is decided after all"));
    stage.assert_stayed().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_stays_whose_transfer_is_refused() {
    let stage = Stage::with(|_| Trouble::Drains).await;
    let handed = stage.hand_over().await.expect("it ends");
    assert!(matches!(handed, Err(HandoffError::Refused)), "{handed:?}");
    stage.assert_stayed().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn performances_are_read_ahead_almost_to_the_end() {
    let stage = Stage::with(|_| Trouble::LosesReceive).await;
    let (directory, performance) = (&stage.new.directory, stage.shard.performance());
    let ids = [performance.id.clone(), "of-nobody".into()];
    for _ in 0..2 {
        directory.prepare(performance.bucket, &ids).await;
    }
    let ahead = directory.ahead.take(&performance.id).expect("it was read");
    assert!(ahead.state.snapshot() == stage.shard.read(|state| state.snapshot()));
    assert!(directory.ahead.take(&performance.id).is_none(), "once");
    assert!(directory.ahead.take(&ids[1]).is_none());
    stage.old.drain().await;
}
