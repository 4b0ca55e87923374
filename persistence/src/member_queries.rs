//! Members: statements and rows, for both databases. Rows go in as one JSON array, which both can take apart.

use std::collections::HashMap;

use serde_json::json;

use crate::error::StoreError;
use crate::ids::{BuyerId, UnixMillis};
use crate::members::{BirthDate, MEMBERS_MAX, MemberRow, MonthDay};
use crate::rows::{corrupt, unsigned};

type MemberColumns = (String, Option<String>, Option<i64>, Option<i64>, i64);

fn member((id, grade, year, month_day, updated_at): MemberColumns) -> Result<MemberRow, StoreError> {
    let birth = year.zip(month_day).map(|(year, month_day)| {
        let read = || {
            let day = MonthDay {
                month: u8::try_from(month_day / 100).ok()?,
                day: u8::try_from(month_day % 100).ok()?,
            };
            Some(BirthDate { year: u16::try_from(year).ok()?, day })
        };
        read().ok_or_else(|| corrupt(&id, format_args!("was born in {year} on {month_day}")))
    });
    Ok(MemberRow {
        grade: grade.map(Into::into),
        birth: birth.transpose()?,
        updated_at: UnixMillis(unsigned(updated_at, &id)?),
        id: id.into(),
    })
}

/// Members as the statement takes them. One row for each id, the last that was sent: a statement changes a row once.
fn sent(members: &[MemberRow]) -> Result<String, StoreError> {
    check_count(members.len())?;
    let mut last: HashMap<&BuyerId, usize> = HashMap::with_capacity(members.len());
    for (place, member) in members.iter().enumerate() {
        last.insert(&member.id, place);
    }
    let rows = members.iter().enumerate().filter(|(place, member)| last[&member.id] == *place);
    let rows = rows.map(|(_, member)| {
        json!([
            member.id.as_str(),
            member.grade,
            member.birth.map(|birth| birth.year),
            member.birth.map(|birth| birth.day.column()),
            member.updated_at.0,
        ])
    });
    Ok(serde_json::Value::from_iter(rows).to_string())
}

fn check_count(count: usize) -> Result<(), StoreError> {
    if count > MEMBERS_MAX {
        return Err(StoreError::Invalid { what: format!("{count} members, the most is {MEMBERS_MAX}") });
    }
    Ok(())
}

macro_rules! member_queries {
    ($connection:ty, $dialect:literal) => {
        use $crate::error::StoreError;
        use $crate::ids::BuyerId;
        use $crate::members::{MemberFilter, MemberRow};
        use $crate::queries::{page_limit, store_error};
        use $crate::rows::unsigned;

        pub(crate) async fn put_members(
            connection: &mut $connection,
            members: &[MemberRow],
        ) -> Result<u64, StoreError> {
            let sql = include_str!(concat!("../sql/", $dialect, "/put_members.sql"));
            let done = sqlx::query(sql).bind(super::sent(members)?).execute(connection).await;
            Ok(done.map_err(store_error)?.rows_affected())
        }

        pub(crate) async fn member(
            connection: &mut $connection,
            id: &BuyerId,
        ) -> Result<Option<MemberRow>, StoreError> {
            let query = sqlx::query_as(include_str!("../sql/shared/member.sql")).bind(id.as_str());
            query.fetch_optional(connection).await.map_err(store_error)?.map(super::member).transpose()
        }

        pub(crate) async fn grades_of(
            connection: &mut $connection,
            ids: &[BuyerId],
        ) -> Result<Vec<(BuyerId, Option<Box<str>>)>, StoreError> {
            super::check_count(ids.len())?;
            let asked = serde_json::Value::from_iter(ids.iter().map(BuyerId::as_str)).to_string();
            let sql = include_str!(concat!("../sql/", $dialect, "/grades_of_members.sql"));
            let found: Vec<(String, Option<String>)> =
                sqlx::query_as(sql).bind(asked).fetch_all(connection).await.map_err(store_error)?;
            Ok(found.into_iter().map(|(id, grade)| (id.into(), grade.map(Into::into))).collect())
        }

        pub(crate) async fn list_members(
            connection: &mut $connection,
            filter: &MemberFilter,
            after: Option<&BuyerId>,
            limit: usize,
        ) -> Result<Vec<MemberRow>, StoreError> {
            // One statement per filter, so that each has the plan of its own index.
            let sql = match filter {
                MemberFilter::All => include_str!("../sql/shared/list_members.sql"),
                MemberFilter::Grade(_) => include_str!("../sql/shared/list_members_of_grade.sql"),
                MemberFilter::Birthday(_) => include_str!("../sql/shared/list_members_of_birthday.sql"),
            };
            let after = after.map_or("", BuyerId::as_str);
            let query = sqlx::query_as(sql).bind(after).bind(page_limit(limit));
            let query = match filter {
                MemberFilter::All => query,
                MemberFilter::Grade(grade) => query.bind(&**grade),
                MemberFilter::Birthday(day) => query.bind(day.column()),
            };
            query.fetch_all(connection).await.map_err(store_error)?.into_iter().map(super::member).collect()
        }

        pub(crate) async fn count_members(
            connection: &mut $connection,
            filter: &MemberFilter,
        ) -> Result<u64, StoreError> {
            let sql = match filter {
                MemberFilter::All => include_str!("../sql/shared/count_members.sql"),
                MemberFilter::Grade(_) => include_str!("../sql/shared/count_members_of_grade.sql"),
                MemberFilter::Birthday(_) => include_str!("../sql/shared/count_members_of_birthday.sql"),
            };
            let query = sqlx::query_scalar(sql);
            let query = match filter {
                MemberFilter::All => query,
                MemberFilter::Grade(grade) => query.bind(&**grade),
                MemberFilter::Birthday(day) => query.bind(day.column()),
            };
            unsigned(query.fetch_one(connection).await.map_err(store_error)?, "member")
        }

        pub(crate) async fn delete_member(
            connection: &mut $connection,
            id: &BuyerId,
        ) -> Result<bool, StoreError> {
            let query = sqlx::query(include_str!("../sql/shared/delete_member.sql")).bind(id.as_str());
            Ok(query.execute(connection).await.map_err(store_error)?.rows_affected() > 0)
        }
    };
}

/// Members in PostgreSQL.
pub(crate) mod postgres {
    member_queries!(sqlx::PgConnection, "postgres");
}

/// Members in SQLite.
pub(crate) mod sqlite {
    member_queries!(sqlx::SqliteConnection, "sqlite");
}
