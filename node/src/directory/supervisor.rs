//! The supervisor of the shards of one bucket: a failed shard is started again from the store, the node lives on.

use std::sync::Weak;

use ractor::{Actor, ActorProcessingErr, ActorRef, SupervisionEvent};

use super::Directory;

/// A supervisor only listens to its children.
#[derive(Debug)]
pub(super) enum SupervisorMessage {}

pub(super) struct BucketSupervisor;

impl Actor for BucketSupervisor {
    type Msg = SupervisorMessage;
    type State = Weak<Directory>;
    type Arguments = Weak<Directory>;

    async fn pre_start(
        &self,
        _myself: ActorRef<Self::Msg>,
        directory: Self::Arguments,
    ) -> Result<Self::State, ActorProcessingErr> {
        Ok(directory)
    }

    async fn handle_supervisor_evt(
        &self,
        _myself: ActorRef<Self::Msg>,
        event: SupervisionEvent,
        directory: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        if let SupervisionEvent::ActorFailed(actor, error) = event {
            tracing::error!(%error, "a shard failed; loading its performance again");
            if let Some(directory) = directory.upgrade() {
                directory.failed(actor.get_id());
            }
        }
        Ok(())
    }
}
