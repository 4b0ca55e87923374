//! Members: written in bulk, read one by one, by grade and by birthday.

use earlybird_persistence::{BirthDate, MemberFilter, MemberRow, MonthDay, StoreError, UnixMillis};

use crate::support::Fixture;

fn member(id: &str, grade: Option<&str>, birth: Option<(u16, u8, u8)>) -> MemberRow {
    MemberRow {
        id: id.into(),
        grade: grade.map(Into::into),
        birth: birth.map(|(year, month, day)| BirthDate { year, day: MonthDay { month, day } }),
        updated_at: UnixMillis(1_700_000_000_000),
    }
}

async fn ids(fixture: &Fixture, filter: &MemberFilter) -> Vec<String> {
    let mut seen: Vec<MemberRow> = Vec::new();
    loop {
        let page = fixture.store.list_members(filter, seen.last().map(|member| &member.id), 2).await.unwrap();
        let is_last = page.len() < 2;
        seen.extend(page);
        if is_last {
            break;
        }
    }
    assert_eq!(fixture.store.count_members(filter).await.unwrap(), seen.len() as u64);
    seen.into_iter().map(|member| member.id.to_string()).collect()
}

pub(crate) async fn a_member_comes_back_as_sent(fixture: &Fixture) {
    let store = &fixture.store;
    let full = member("가 \"1\"\\", Some("vip"), Some((2004, 2, 29)));
    let plain = member("b", None, None);
    assert_eq!(store.put_members(&[full.clone(), plain.clone()]).await.unwrap(), 2);
    assert_eq!(store.member(&full.id).await.unwrap(), Some(full.clone()));
    assert_eq!(store.member(&plain.id).await.unwrap(), Some(plain.clone()));
    assert_eq!(store.member(&"c".into()).await.unwrap(), None);
    let mut grades = store.grades_of(&[full.id.clone(), "c".into(), "b".into()]).await.unwrap();
    grades.sort();
    assert_eq!(grades, [(plain.id, None), (full.id, Some("vip".into()))]);
}

pub(crate) async fn putting_members_again_changes_what_changed(fixture: &Fixture) {
    let store = &fixture.store;
    let mut members = vec![member("a", Some("vip"), Some((1990, 1, 2))), member("b", None, None)];
    assert_eq!(store.put_members(&members).await.unwrap(), 2);
    assert_eq!(store.put_members(&members).await.unwrap(), 0);
    // The last of several counts, whatever was there before.
    members.push(member("a", None, Some((1990, 1, 3))));
    assert_eq!(store.put_members(&members).await.unwrap(), 1);
    assert_eq!(store.member(&"a".into()).await.unwrap(), Some(members[2].clone()));
    assert!(store.delete_member(&"a".into()).await.unwrap());
    assert!(!store.delete_member(&"a".into()).await.unwrap());
    assert_eq!(store.member(&"a".into()).await.unwrap(), None);
}

pub(crate) async fn members_are_found_by_grade_and_birthday(fixture: &Fixture) {
    let members = [
        member("a", Some("vip"), Some((1990, 2, 28))),
        member("b", Some("gold"), Some((2004, 2, 29))),
        member("c", Some("vip"), Some((1975, 2, 28))),
        member("d", None, None),
        member("e", Some("vip"), Some((2000, 12, 31))),
    ];
    fixture.store.put_members(&members).await.unwrap();
    let birthday = |month, day| MemberFilter::Birthday(MonthDay { month, day });
    assert_eq!(ids(fixture, &MemberFilter::All).await, ["a", "b", "c", "d", "e"]);
    assert_eq!(ids(fixture, &MemberFilter::Grade("vip".into())).await, ["a", "c", "e"]);
    assert_eq!(ids(fixture, &birthday(2, 28)).await, ["a", "c"]);
    assert_eq!(ids(fixture, &birthday(2, 29)).await, ["b"]);
    assert_eq!(ids(fixture, &birthday(1, 1)).await, [""; 0]);
}

pub(crate) async fn too_many_members_at_once_are_refused(fixture: &Fixture) {
    let many = vec![member("a", None, None); earlybird_persistence::MEMBERS_MAX + 1];
    let refused = fixture.store.put_members(&many).await;
    assert!(matches!(refused, Err(StoreError::Invalid { .. })), "{refused:?}");
}
