//! Coupons and campaigns: statements for both databases. Lists go in as one JSON array, which both can take apart.

macro_rules! campaign_queries {
    ($connection:ty) => {
        pub(crate) async fn create_campaign(
            connection: &mut $connection,
            new: &NewCampaign,
        ) -> Result<CreateOutcome<CampaignRow>, StoreError> {
            let optional = |number: Option<u64>| number.map(saturating);
            let done = sqlx::query(include_str!("../sql/shared/create_campaign.sql"))
                .bind(new.id.as_str())
                .bind(&new.request_id.0[..])
                .bind(new.fingerprint.0.cast_signed())
                .bind(&*new.display_name)
                .bind(&new.terms[..])
                .bind(optional(new.stock))
                .bind(new.per_member_max.map(i64::from))
                .bind(saturating(new.opens_at.0))
                .bind(optional(new.ends_at.map(|at| at.0)))
                .bind(new.returns_on_refund)
                .bind(new.is_birthday)
                .bind(saturating(new.created_at.0))
                .execute(&mut *connection)
                .await
                .map_err(store_error)?;
            if done.rows_affected() == 1 {
                return Ok(CreateOutcome::Created);
            }
            let query = sqlx::query_as(include_str!("../sql/shared/campaign_by_request.sql"))
                .bind(&new.request_id.0[..]);
            let earlier = query.fetch_optional(connection).await.map_err(store_error)?;
            Ok(match earlier.map(rows::campaign).transpose()? {
                Some(row) if row.campaign.fingerprint == new.fingerprint => CreateOutcome::Replayed(row),
                Some(_) => CreateOutcome::RequestIdReused,
                None => CreateOutcome::AlreadyExists,
            })
        }

        pub(crate) async fn campaign(
            connection: &mut $connection,
            id: &CampaignId,
        ) -> Result<Option<CampaignRow>, StoreError> {
            let query = sqlx::query_as(include_str!("../sql/shared/campaign.sql")).bind(id.as_str());
            query.fetch_optional(connection).await.map_err(store_error)?.map(rows::campaign).transpose()
        }

        pub(crate) async fn list_campaigns(
            connection: &mut $connection,
            after: Option<&CampaignId>,
            limit: usize,
        ) -> Result<Vec<CampaignRow>, StoreError> {
            let query = sqlx::query_as(include_str!("../sql/shared/list_campaigns.sql"))
                .bind(after.map_or("", CampaignId::as_str))
                .bind(page_limit(limit));
            query.fetch_all(connection).await.map_err(store_error)?.into_iter().map(rows::campaign).collect()
        }

        pub(crate) async fn birthday_campaigns(
            connection: &mut $connection,
            now: UnixMillis,
            after: Option<&CampaignId>,
            limit: usize,
        ) -> Result<Vec<CampaignRow>, StoreError> {
            let query = sqlx::query_as(include_str!("../sql/shared/birthday_campaigns.sql"))
                .bind(saturating(now.0))
                .bind(after.map_or("", CampaignId::as_str))
                .bind(page_limit(limit));
            query.fetch_all(connection).await.map_err(store_error)?.into_iter().map(rows::campaign).collect()
        }

        pub(crate) async fn end_campaign(
            connection: &mut $connection,
            id: &CampaignId,
            ends_at: Option<UnixMillis>,
            now: UnixMillis,
        ) -> Result<Option<CampaignRow>, StoreError> {
            let query = sqlx::query_as(include_str!("../sql/shared/end_campaign.sql"))
                .bind(id.as_str())
                .bind(ends_at.map(|at| saturating(at.0)))
                .bind(saturating(now.0));
            query.fetch_optional(connection).await.map_err(store_error)?.map(rows::campaign).transpose()
        }
    };
}

macro_rules! issue_queries {
    ($connection:ty, $dialect:literal) => {
        /// Locks the campaign, looks at what was issued before, decides, writes.
        pub(crate) async fn issue_coupons(
            connection: &mut $connection,
            batch: &IssueBatch,
        ) -> Result<Vec<IssueOutcome>, StoreError> {
            rows::check_batch(batch)?;
            let mut transaction = connection.begin().await.map_err(store_error)?;
            let sql = include_str!(concat!("../sql/", $dialect, "/lock_campaign.sql"));
            let query = sqlx::query_as(sql).bind(batch.campaign.as_str());
            let found = query.fetch_optional(&mut *transaction).await.map_err(store_error)?;
            let Some(campaign) = found.map(rows::campaign).transpose()? else {
                return Ok(batch.wishes.iter().map(|_| IssueOutcome::NoCampaign).collect());
            };
            let before = issued_before(&mut transaction, &campaign, batch).await?;
            let verdicts = decide(&campaign, &before, batch);
            let returns = campaign.campaign.returns_on_refund;
            let ids = insert(&mut transaction, batch, returns, &verdicts).await?;
            if !ids.is_empty() {
                sqlx::query(include_str!("../sql/shared/add_issued.sql"))
                    .bind(batch.campaign.as_str())
                    .bind(ids.len() as i64)
                    .execute(&mut *transaction)
                    .await
                    .map_err(store_error)?;
            }
            transaction.commit().await.map_err(store_error)?;
            Ok(outcomes(batch, returns, verdicts, &ids))
        }

        async fn issued_before(
            connection: &mut $connection,
            campaign: &CampaignRow,
            batch: &IssueBatch,
        ) -> Result<Before, StoreError> {
            let mut before = Before::default();
            let requests = batch.wishes.iter().filter_map(|wish| wish.request);
            let requests: Vec<String> = requests.map(|(id, _)| rows::hexadecimal(id)).collect();
            if !requests.is_empty() {
                let sql = include_str!(concat!("../sql/", $dialect, "/coupons_by_request.sql"));
                let query = sqlx::query_as(sql).bind(serde_json::Value::from(requests).to_string());
                for columns in query.fetch_all(&mut *connection).await.map_err(store_error)? {
                    let row = rows::coupon(columns)?;
                    before.by_request.extend(row.request.map(|(id, _)| (id, row)));
                }
            }
            let asked = batch.wishes.iter().map(|wish| json!([wish.member.as_str(), wish.occasion]));
            let sql = include_str!(concat!("../sql/", $dialect, "/coupons_by_key.sql"));
            let query = sqlx::query_as(sql)
                .bind(batch.campaign.as_str())
                .bind(serde_json::Value::from_iter(asked).to_string());
            for columns in query.fetch_all(&mut *connection).await.map_err(store_error)? {
                let (occasion, row) = rows::coupon_of_occasion(columns)?;
                before.by_occasion.insert((row.member.clone(), occasion), row);
            }
            if campaign.campaign.per_member_max.is_some() {
                // Each member once, or it would be counted as often as it is named.
                let members: BTreeSet<&str> = batch.wishes.iter().map(|wish| wish.member.as_str()).collect();
                let sql = include_str!(concat!("../sql/", $dialect, "/count_coupons_of_members.sql"));
                let query = sqlx::query_as(sql)
                    .bind(batch.campaign.as_str())
                    .bind(serde_json::Value::from_iter(members).to_string());
                let counts: Vec<(String, i64)> = query.fetch_all(connection).await.map_err(store_error)?;
                for (member, count) in counts {
                    let count = unsigned(count, &member)?;
                    before.counts.insert(member.into(), count);
                }
            }
            Ok(before)
        }

        /// Writes what is to be issued, and returns the ids by member and occasion.
        async fn insert(
            connection: &mut $connection,
            batch: &IssueBatch,
            returns_on_refund: bool,
            verdicts: &[Verdict],
        ) -> Result<HashMap<(String, String), CouponId>, StoreError> {
            let Some(granted) = rows::granted(batch, verdicts) else { return Ok(HashMap::new()) };
            let sql = include_str!(concat!("../sql/", $dialect, "/insert_coupons.sql"));
            let written: Vec<(i64, String, String)> = sqlx::query_as(sql)
                .bind(batch.campaign.as_str())
                .bind(returns_on_refund)
                .bind(saturating(batch.now.0))
                .bind(granted)
                .fetch_all(connection)
                .await
                .map_err(store_error)?;
            let id = |(id, member, occasion)| Ok(((member, occasion), CouponId(unsigned(id, "coupon")?)));
            written.into_iter().map(id).collect()
        }
    };
}

macro_rules! coupon_queries {
    ($connection:ty) => {
        pub(crate) async fn coupon(
            connection: &mut $connection,
            id: CouponId,
        ) -> Result<Option<CouponRow>, StoreError> {
            let query = sqlx::query_as(include_str!("../sql/shared/coupon.sql")).bind(saturating(id.0));
            query.fetch_optional(connection).await.map_err(store_error)?.map(rows::coupon).transpose()
        }

        pub(crate) async fn list_coupons(
            connection: &mut $connection,
            member: &BuyerId,
            before: Option<CouponId>,
            limit: usize,
        ) -> Result<Vec<CouponRow>, StoreError> {
            let query = sqlx::query_as(include_str!("../sql/shared/list_coupons_of_member.sql"))
                .bind(member.as_str())
                .bind(before.map_or(i64::MAX, |id| saturating(id.0)))
                .bind(page_limit(limit));
            query.fetch_all(connection).await.map_err(store_error)?.into_iter().map(rows::coupon).collect()
        }

        pub(crate) async fn reserve_coupon(
            connection: &mut $connection,
            id: CouponId,
            member: &BuyerId,
            token: &HoldToken,
            now: UnixMillis,
        ) -> Result<Option<CouponRow>, StoreError> {
            let query = sqlx::query_as(include_str!("../sql/shared/reserve_coupon.sql"))
                .bind(saturating(id.0))
                .bind(member.as_str())
                .bind(token.performance.as_str())
                .bind(saturating(token.hold.0))
                .bind(saturating(now.0));
            query.fetch_optional(connection).await.map_err(store_error)?.map(rows::coupon).transpose()
        }

        pub(crate) async fn give_back_coupon(
            connection: &mut $connection,
            id: CouponId,
            token: &HoldToken,
        ) -> Result<bool, StoreError> {
            let query = sqlx::query(include_str!("../sql/shared/give_back_coupon.sql"))
                .bind(saturating(id.0))
                .bind(token.performance.as_str())
                .bind(saturating(token.hold.0));
            Ok(query.execute(connection).await.map_err(store_error)?.rows_affected() > 0)
        }

        pub(crate) async fn expire_coupons(
            connection: &mut $connection,
            now: UnixMillis,
            limit: usize,
        ) -> Result<u64, StoreError> {
            let query = sqlx::query(include_str!("../sql/shared/expire_coupons.sql"))
                .bind(saturating(now.0))
                .bind(page_limit(limit));
            Ok(query.execute(connection).await.map_err(store_error)?.rows_affected())
        }

        pub(crate) async fn give_back_stale_coupons(
            connection: &mut $connection,
            before: UnixMillis,
            limit: usize,
        ) -> Result<u64, StoreError> {
            let query = sqlx::query(include_str!("../sql/shared/give_back_stale_coupons.sql"))
                .bind(saturating(before.0))
                .bind(page_limit(limit));
            Ok(query.execute(connection).await.map_err(store_error)?.rows_affected())
        }
    };
}

macro_rules! all_queries {
    ($connection:ty, $dialect:literal) => {
        use std::collections::{BTreeSet, HashMap};

        use serde_json::json;
        use sqlx::Connection as _;

        use super::outcomes;
        use $crate::catalog::CreateOutcome;
        use $crate::coupon_rows as rows;
        use $crate::coupons::{CampaignRow, CouponRow, HoldToken, IssueBatch, IssueOutcome, NewCampaign};
        use $crate::error::StoreError;
        use $crate::ids::{BuyerId, CampaignId, CouponId, UnixMillis};
        use $crate::issue::{Before, Verdict, decide};
        use $crate::queries::{page_limit, saturating, store_error};
        use $crate::rows::unsigned;

        campaign_queries!($connection);
        issue_queries!($connection, $dialect);
        coupon_queries!($connection);
    };
}

use std::collections::HashMap;

use crate::coupon_rows as rows;
use crate::coupons::{IssueBatch, IssueOutcome};
use crate::ids::CouponId;
use crate::issue::Verdict;

/// What is told of each wish, now that what was granted is written.
fn outcomes(
    batch: &IssueBatch,
    returns_on_refund: bool,
    verdicts: Vec<Verdict>,
    ids: &HashMap<(String, String), CouponId>,
) -> Vec<IssueOutcome> {
    let mut told: Vec<IssueOutcome> = Vec::with_capacity(verdicts.len());
    for (wish, verdict) in batch.wishes.iter().zip(verdicts) {
        let outcome = match verdict {
            Verdict::Done(outcome) => outcome,
            Verdict::As(place) => match &told[place] {
                IssueOutcome::Issued(row) => IssueOutcome::Repeated(row.clone()),
                other => other.clone(),
            },
            Verdict::Issue => {
                let key = (wish.member.as_str().to_owned(), wish.occasion.to_string());
                // What was left out met its request id under another campaign, in a transaction at the same time.
                ids.get(&key).map_or(IssueOutcome::RequestIdReused, |id| {
                    IssueOutcome::Issued(Box::new(rows::issued(batch, returns_on_refund, wish, *id)))
                })
            }
        };
        told.push(outcome);
    }
    told
}

/// Coupons in PostgreSQL.
pub(crate) mod postgres {
    all_queries!(sqlx::PgConnection, "postgres");
}

/// Coupons in SQLite.
pub(crate) mod sqlite {
    all_queries!(sqlx::SqliteConnection, "sqlite");
}
