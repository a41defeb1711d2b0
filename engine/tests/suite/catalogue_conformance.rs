//! What every catalogue must do. Rules about lists know only their own events, so one store serves all rules.

use usher_core::{EventId, Limits, Minor, OrganizerId, UnixMillis};
use usher_engine::catalogue::{EventRecord, EventState, PublicFilter, Store, TierPrice};
use usher_engine::ids;
use usher_engine::store::StoreError;

/// All rules.
pub(crate) async fn every_catalogue(store: &dyn Store) {
    an_event_is_found_as_it_was_created(store).await;
    an_id_is_taken_once(store).await;
    an_edit_needs_the_current_revision_and_leaves_the_state_alone(store).await;
    only_a_draft_is_deleted(store).await;
    drafts_are_not_public(store).await;
    the_public_list_filters_by_time_and_by_text_in_any_case(store).await;
    the_public_list_pages_by_start_and_id(store).await;
    an_organizer_sees_its_own_latest_first(store).await;
    a_foreign_cursor_is_refused(store).await;
    due_events_are_those_to_open_and_to_close(store).await;
    a_plan_is_kept_under_its_digest(store).await;
}

fn event() -> EventRecord {
    let id = EventId(ids::fresh());
    EventRecord {
        id,
        organizer: OrganizerId(ids::fresh()),
        organizer_name: "Großes Haus".to_owned(),
        revision: 1,
        state: EventState::Draft,
        name: "Élan Vital".to_owned(),
        description: "One.\n\nTwo.".to_owned(),
        venue: "ŌSAKA Hall".to_owned(),
        starts_at: UnixMillis(50_000),
        time_zone: "Asia/Tokyo".to_owned(),
        currency: "JPY".parse().unwrap(),
        opens_at: None,
        closes_at: None,
        limits: Limits::default(),
        prices: vec![TierPrice { tier: "a".to_owned(), price_minor: Minor(9_000) }],
        plan_digest: None,
        created_at: UnixMillis(1_000),
        updated_at: UnixMillis(1_000),
    }
}

async fn created(store: &dyn Store, event: EventRecord) -> EventRecord {
    store.create(event.clone()).await.unwrap();
    event
}

async fn an_event_is_found_as_it_was_created(store: &dyn Store) {
    let full = EventRecord {
        opens_at: Some(UnixMillis(-1)),
        closes_at: Some(UnixMillis(i64::MAX)),
        plan_digest: Some([3; 32]),
        state: EventState::SoldOut,
        ..event()
    };
    for event in [event(), full] {
        let event = created(store, event).await;
        assert_eq!(store.event(event.id).await.unwrap(), Some(event));
    }
    assert_eq!(store.event(EventId(ids::fresh())).await.unwrap(), None);
}

async fn an_id_is_taken_once(store: &dyn Store) {
    let first = created(store, event()).await;
    let again = store.create(EventRecord { name: "other".to_owned(), ..first.clone() }).await;
    assert!(matches!(again, Err(StoreError::Conflict(_))), "{again:?}");
    assert_eq!(store.event(first.id).await.unwrap(), Some(first));
}

async fn an_edit_needs_the_current_revision_and_leaves_the_state_alone(store: &dyn Store) {
    let first = created(store, event()).await;
    store.set_state(first.id, EventState::OnSale).await.unwrap();
    let edited = EventRecord { revision: 2, name: "Renamed".to_owned(), ..first.clone() };
    store.replace(1, edited.clone()).await.unwrap();
    let kept = EventRecord { state: EventState::OnSale, ..edited.clone() };
    assert_eq!(store.event(first.id).await.unwrap(), Some(kept.clone()));
    let unknown = EventRecord { id: EventId(ids::fresh()), ..edited.clone() };
    let skipping = EventRecord { revision: 9, ..edited.clone() };
    for (revision, record) in [(1, edited), (1, unknown), (2, skipping)] {
        let refused = store.replace(revision, record).await;
        assert!(matches!(refused, Err(StoreError::Conflict(_))), "{refused:?}");
    }
    assert_eq!(store.event(first.id).await.unwrap(), Some(kept));
}

async fn only_a_draft_is_deleted(store: &dyn Store) {
    let draft = created(store, event()).await;
    let announced = created(store, EventRecord { state: EventState::Announced, ..event() }).await;
    store.delete_draft(draft.id).await.unwrap();
    for event in [draft.id, announced.id] {
        assert!(matches!(store.delete_draft(event).await, Err(StoreError::Conflict(_))));
    }
    assert_eq!(store.event(draft.id).await.unwrap(), None);
    assert_eq!(store.event(announced.id).await.unwrap(), Some(announced));
}

async fn public(store: &dyn Store, filter: &PublicFilter, rows_max: u32) -> Vec<EventId> {
    let (mut events, mut cursor) = (Vec::new(), None);
    loop {
        let page = store.list_public(filter, cursor.as_deref(), rows_max).await.unwrap();
        assert!(page.rows.len() <= rows_max as usize);
        events.extend(page.rows.into_iter().map(|event| event.id));
        cursor = page.next_cursor;
        if cursor.is_none() {
            return events;
        }
    }
}

async fn drafts_are_not_public(store: &dyn Store) {
    let draft = created(store, event()).await;
    let announced = created(store, EventRecord { state: EventState::Announced, ..event() }).await;
    let listed = public(store, &PublicFilter::default(), 200).await;
    assert!(listed.contains(&announced.id) && !listed.contains(&draft.id));
}

async fn the_public_list_filters_by_time_and_by_text_in_any_case(store: &dyn Store) {
    let marked = |starts_at| EventRecord {
        state: EventState::OnSale,
        name: "ÆTHER 100%_Ж".to_owned(),
        starts_at: UnixMillis(starts_at),
        ..event()
    };
    let early = created(store, marked(1_000)).await.id;
    let late = created(store, marked(2_000)).await.id;
    let text = |text: &str| PublicFilter { text: Some(text.to_owned()), ..PublicFilter::default() };
    for found in ["æther", "Æther 100%_ж", " %_ж ", "ōsaka"] {
        let listed = public(store, &text(found), 200).await;
        assert!(listed.contains(&early) && listed.contains(&late), "{found}");
    }
    assert!(!public(store, &text("aether"), 200).await.contains(&early));
    let between = |from, to| PublicFilter { from: Some(UnixMillis(from)), to: Some(UnixMillis(to)), ..text("æther") };
    assert_eq!(public(store, &between(1_000, 2_000), 200).await, [early]);
    assert_eq!(public(store, &between(1_001, 2_001), 200).await, [late]);
}

async fn the_public_list_pages_by_start_and_id(store: &dyn Store) {
    let mut mine = Vec::new();
    for starts_at in [7_000, 7_000, 5_000, 7_000, 9_000] {
        let record = EventRecord {
            state: EventState::Paused,
            venue: "pageable".into(),
            starts_at: UnixMillis(starts_at),
            ..event()
        };
        mine.push(created(store, record).await);
    }
    mine.sort_by_key(|event| (event.starts_at, event.id));
    let sorted: Vec<EventId> = mine.iter().map(|event| event.id).collect();
    let filter = PublicFilter { text: Some("PAGEABLE".to_owned()), ..PublicFilter::default() };
    for rows_max in [1, 2, 5, 200] {
        assert_eq!(public(store, &filter, rows_max).await, sorted);
    }
}

async fn an_organizer_sees_its_own_latest_first(store: &dyn Store) {
    let organizer = OrganizerId(ids::fresh());
    let mut mine = Vec::new();
    for created_at in [1_000, 3_000, 3_000, 2_000] {
        mine.push(created(store, EventRecord { organizer, created_at: UnixMillis(created_at), ..event() }).await);
    }
    mine.sort_by_key(|event| std::cmp::Reverse((event.created_at, event.id)));
    let (mut listed, mut cursor) = (Vec::new(), None);
    loop {
        let page = store.list_of_organizer(organizer, cursor.as_deref(), 3).await.unwrap();
        listed.extend(page.rows);
        cursor = page.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(listed, mine);
}

async fn a_foreign_cursor_is_refused(store: &dyn Store) {
    let organizer = OrganizerId(ids::fresh());
    for _ in 0..2 {
        created(store, EventRecord { organizer, ..event() }).await;
    }
    let cursor = store.list_of_organizer(organizer, None, 1).await.unwrap().next_cursor.unwrap();
    for foreign in [cursor.as_str(), "", "!", "AAAA"] {
        let refused = store.list_public(&PublicFilter::default(), Some(foreign), 1).await;
        assert!(matches!(refused, Err(StoreError::BadCursor)), "{foreign}: {refused:?}");
    }
}

async fn due_events_are_those_to_open_and_to_close(store: &dyn Store) {
    let at = |state, opens_at: i64, closes_at: i64| EventRecord {
        state,
        opens_at: Some(UnixMillis(opens_at)),
        closes_at: Some(UnixMillis(closes_at)),
        ..event()
    };
    let due = [
        at(EventState::Announced, -900, 5_000),
        at(EventState::OnSale, -5_000, -800),
        at(EventState::Paused, -5_000, -700),
        at(EventState::SoldOut, -5_000, -600),
    ];
    let not_due = [
        at(EventState::Draft, -900, -900),
        at(EventState::Announced, 1, 5_000),
        at(EventState::OnSale, -900, 1),
        at(EventState::Closed, -900, -900),
        at(EventState::Cancelled, -900, -900),
        EventRecord { state: EventState::Announced, ..event() },
        EventRecord { state: EventState::OnSale, ..event() },
    ];
    for record in due.iter().chain(&not_due) {
        created(store, record.clone()).await;
    }
    let found = store.due(UnixMillis(-500), 200).await.unwrap();
    let mine: Vec<EventRecord> = found.into_iter().filter(|event| due.iter().any(|due| due.id == event.id)).collect();
    assert_eq!(mine, due);
    let found = store.due(UnixMillis(0), 200).await.unwrap();
    assert!(not_due.iter().all(|event| !found.contains(event)));
    assert_eq!(store.due(UnixMillis(0), 1).await.unwrap().len(), 1);
}

async fn a_plan_is_kept_under_its_digest(store: &dyn Store) {
    let (digest, json) = (ids::secret(), vec![b'x'; 1_000_000]);
    assert_eq!(store.plan(digest).await.unwrap(), None);
    for _ in 0..2 {
        store.put_plan(digest, json.clone()).await.unwrap();
        assert_eq!(store.plan(digest).await.unwrap(), Some(json.clone()));
    }
}
