//! The check from outside: what was promised is there, and was promised once.

use std::collections::HashSet;

use anyhow::{Context, ensure};
use earlybird_proto::v1::GetHoldRequest;
use earlybird_proto::v1::hold::State;
use futures::{StreamExt as _, TryStreamExt as _};
use rush::connect::{Dialer, seating};

use crate::load::Kept;

/// Holds that are looked at at a time.
const LOOKS_AT_ONCE: usize = 64;

/// Looks at each hold, which nobody has given back and whose time has not come.
///
/// # Errors
/// When one is gone, or a seat was promised to two buyers.
pub async fn check(dialer: &Dialer, kept: &[Kept]) -> anyhow::Result<()> {
    let mut promised = HashSet::new();
    let twice = kept.iter().find(|kept| !promised.insert((&kept.performance, kept.seat)));
    ensure!(twice.is_none(), "a seat was promised twice: {twice:?}");
    let client = seating(&dialer.channel(0));
    let looks = kept.iter().map(|kept| {
        let mut client = client.clone();
        async move {
            let request = GetHoldRequest { name: kept.hold.clone(), buyer_id: kept.buyer.clone() };
            let hold = client.get_hold(request).await.with_context(|| format!("{kept:?} is lost"))?;
            let hold = hold.into_inner();
            let is_kept = hold.state() == State::Active && hold.seats == [kept.seat];
            ensure!(is_kept, "{kept:?} was promised, {hold:?} is there");
            anyhow::Ok(())
        }
    });
    futures::stream::iter(looks).buffer_unordered(LOOKS_AT_ONCE).try_collect::<()>().await
}
