//! The `Members` service.

use std::pin::Pin;
use std::sync::Arc;

use earlybird_engine::Timestamp;
use earlybird_persistence::{MEMBERS_MAX, MemberFilter, MemberRow, UnixMillis};
use earlybird_proto::v1::{self, members_server::Members};
use futures::Stream;
use jiff::civil::Date;
use tonic::{Request, Response, Status, Streaming};

use super::answer::time;
use super::catalog::page::Listing;
use super::status::{Problem, Reason};
use super::{Ingress, Services, validate};
use crate::auth::Caller;
use crate::members::{parse_birth_date, show_birth_date};

const MEMBERS: Listing = Listing { name: "members", size_default: 50, size_max: 1_000 };
/// Faults that are told of one message: nobody reads more.
const FAULTS_TOLD_MAX: usize = 100;

/// An import under way.
struct Import {
    ingress: Arc<Ingress>,
    messages: Streaming<v1::ImportMembersRequest>,
    /// The sums so far.
    progress: v1::ImportMembersResponse,
}

impl Import {
    /// Waits for the next message and writes it; none when the client has sent all.
    async fn next(&mut self) -> Result<Option<v1::ImportMembersResponse>, Status> {
        let message = tokio::select! {
            () = self.ingress.draining.cancelled() => return Err(Problem::draining().into()),
            message = self.messages.message() => message?,
        };
        let Some(message) = message else { return Ok(None) };
        if message.members.len() > MEMBERS_MAX {
            let what = format!("{} of them, at most {MEMBERS_MAX} in a message", message.members.len());
            return Err(Problem::field("members", what).into());
        }
        let (rows, faults) = self.read(message.members);
        self.progress.written += self.ingress.node.members.put(&rows).await.map_err(Problem::from)?;
        metrics::counter!("earlybird_members_imported_total").increment(rows.len() as u64);
        Ok(Some(v1::ImportMembersResponse { faults, ..self.progress.clone() }))
    }

    /// The rows that can be written, and what is wrong with the others.
    fn read(&mut self, members: Vec<v1::Member>) -> (Vec<MemberRow>, Vec<v1::MemberFault>) {
        let now = self.ingress.node.clock.now();
        let today = date_of(now);
        let (mut rows, mut faults) = (Vec::with_capacity(members.len()), Vec::new());
        for member in members {
            self.progress.received += 1;
            match row(member, now, today) {
                Ok(row) => rows.push(row),
                Err((field, description)) => {
                    self.progress.rejected += 1;
                    if faults.len() < FAULTS_TOLD_MAX {
                        let field = field.to_owned();
                        faults.push(v1::MemberFault { row: self.progress.received, field, description });
                    }
                }
            }
        }
        (rows, faults)
    }
}

/// A member as it is stored, or the field that is wrong and why.
fn row(member: v1::Member, now: Timestamp, today: Date) -> Result<MemberRow, (&'static str, String)> {
    validate::buyer_form(&member.member_id).map_err(|what| ("member_id", what))?;
    validate::grade_form(&member.grade).map_err(|what| ("grade", what))?;
    let birth = match member.birth_date.as_str() {
        "" => None,
        text => Some(parse_birth_date(text, today).map_err(|what| ("birth_date", what))?),
    };
    let mut grade = member.grade;
    grade.make_ascii_lowercase();
    Ok(MemberRow {
        id: member.member_id.into(),
        grade: Some(grade).filter(|grade| !grade.is_empty()).map(Into::into),
        birth,
        updated_at: UnixMillis(now.0),
    })
}

/// Today, where it is latest: nobody is born tomorrow anywhere.
fn date_of(now: Timestamp) -> Date {
    const HOURS_AHEAD_MS: u64 = 14 * 3_600_000;
    let ahead_ms = i64::try_from(now.0.saturating_add(HOURS_AHEAD_MS)).unwrap_or(i64::MAX);
    let ahead = jiff::Timestamp::from_millisecond(ahead_ms).unwrap_or(jiff::Timestamp::MAX);
    ahead.to_zoned(jiff::tz::TimeZone::UTC).date()
}

fn wire(member: &MemberRow) -> v1::Member {
    v1::Member {
        member_id: member.id.to_string(),
        grade: member.grade.as_deref().unwrap_or_default().to_owned(),
        birth_date: member.birth.map(show_birth_date).unwrap_or_default(),
        update_time: Some(time(Timestamp(member.updated_at.0))),
    }
}

impl Ingress {
    async fn list_members(
        &self,
        request: v1::ListMembersRequest,
    ) -> Result<v1::ListMembersResponse, Problem> {
        let grade = validate::grade(request.grade)?;
        let parent = grade.as_ref().map_or("", |grade| &grade.0);
        let (size, after) = MEMBERS.page(parent, request.page_size, &request.page_token)?;
        let filter = grade.as_ref().map_or(MemberFilter::All, |grade| MemberFilter::Grade(grade.0.clone()));
        // One more than asked for tells whether there is another page.
        let mut rows = self.node.members.list(&filter, after.map(Into::into).as_ref(), size + 1).await?;
        let next_page_token = MEMBERS.cut(parent, &mut rows, size, |row| row.id.to_string());
        Ok(v1::ListMembersResponse { members: rows.iter().map(wire).collect(), next_page_token })
    }
}

#[tonic::async_trait]
impl Members for Services {
    type ImportMembersStream =
        Pin<Box<dyn Stream<Item = Result<v1::ImportMembersResponse, Status>> + Send + 'static>>;

    async fn import_members(
        &self,
        request: Request<Streaming<v1::ImportMembersRequest>>,
    ) -> Result<Response<Self::ImportMembersStream>, Status> {
        Caller::of(&request).require_admin()?;
        let import = Import {
            ingress: Arc::clone(&self.0),
            messages: request.into_inner(),
            progress: v1::ImportMembersResponse::default(),
        };
        // Drawn by the client: while it does not take the answers, nothing is read.
        let answers = futures::stream::try_unfold(import, async |mut import: Import| {
            Ok(import.next().await?.map(|answer| (answer, import)))
        });
        Ok(Response::new(Box::pin(answers)))
    }

    async fn get_member(
        &self,
        request: Request<v1::GetMemberRequest>,
    ) -> Result<Response<v1::Member>, Status> {
        let caller = Caller::of(&request);
        let id = validate::member(request.into_inner().member_id)?;
        caller.may_act_for(id.as_str())?;
        let found = self.0.node.members.get(&id).await.map_err(Problem::from)?;
        let member = found.ok_or_else(|| Problem::new(Reason::MemberNotFound, "no such member"))?;
        Ok(Response::new(wire(&member)))
    }

    async fn list_members(
        &self,
        request: Request<v1::ListMembersRequest>,
    ) -> Result<Response<v1::ListMembersResponse>, Status> {
        Caller::of(&request).require_bff()?;
        Ok(Response::new(self.0.list_members(request.into_inner()).await?))
    }

    async fn delete_member(
        &self,
        request: Request<v1::DeleteMemberRequest>,
    ) -> Result<Response<v1::DeleteMemberResponse>, Status> {
        Caller::of(&request).require_admin()?;
        let id = validate::member(request.into_inner().member_id)?;
        self.0.node.members.delete(&id).await.map_err(Problem::from)?;
        Ok(Response::new(v1::DeleteMemberResponse {}))
    }
}
