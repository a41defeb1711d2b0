//! What every audit log must do. Each rule takes events of its own, so one log serves all rules.

use usher_core::{AccountId, ActId, EventId, UnixMillis};
use usher_engine::audit_log::{Act, AuditLog, Deed, Outcome};
use usher_engine::ids;
use usher_engine::store::StoreError;

/// All rules.
pub(crate) async fn every_audit_log(log: &dyn AuditLog) {
    what_was_recorded_is_listed(log).await;
    what_came_of_an_act_is_told_and_nothing_else_changes(log).await;
    an_event_has_its_own_acts_latest_first(log).await;
    a_list_goes_on_from_its_cursor_and_from_no_other(log).await;
}

fn act(at: i64, event: EventId) -> Act {
    Act {
        act: ActId(ids::fresh()),
        at: UnixMillis(at),
        account: Some(AccountId(ids::fresh())),
        deed: Deed::Publish,
        event: Some(event),
        object: None,
        request: Some("req_1".to_owned()),
        outcome: Outcome::Begun,
        problem: None,
    }
}

async fn of_event(log: &dyn AuditLog, event: EventId) -> Vec<Act> {
    log.list(Some(event), None, 200).await.unwrap().rows
}

async fn what_was_recorded_is_listed(log: &dyn AuditLog) {
    let event = EventId(ids::fresh());
    let refund = Act { deed: Deed::Refund, object: Some("ord_1".to_owned()), ..act(7, event) };
    let failed = Act {
        account: None,
        deed: Deed::LogIn,
        event: None,
        request: None,
        outcome: Outcome::Refused,
        problem: Some("login_failed".to_owned()),
        // Later than everything else in the log.
        ..act(4_000_000_000_000, event)
    };
    for act in [&refund, &failed] {
        log.record(act.clone()).await.unwrap();
        log.record(act.clone()).await.unwrap();
    }
    assert_eq!(of_event(log, event).await, [refund]);
    assert_eq!(log.list(None, None, 1).await.unwrap().rows, [failed]);
}

async fn what_came_of_an_act_is_told_and_nothing_else_changes(log: &dyn AuditLog) {
    let event = EventId(ids::fresh());
    let (done, refused, begun) = (act(1, event), act(2, event), act(3, event));
    for act in [&done, &refused, &begun] {
        log.record(act.clone()).await.unwrap();
    }
    let done = Act { outcome: Outcome::Done, ..done };
    let refused = Act { outcome: Outcome::Refused, problem: Some("wrong_phase".to_owned()), ..refused };
    for act in [&done, &refused] {
        log.settle(act.clone()).await.unwrap();
    }
    // A repeat of the record, as after a lost answer, comes too late to undo it.
    log.record(Act { outcome: Outcome::Begun, ..done.clone() }).await.unwrap();
    assert_eq!(of_event(log, event).await, [begun, refused, done]);
}

async fn an_event_has_its_own_acts_latest_first(log: &dyn AuditLog) {
    let (one, other) = (EventId(ids::fresh()), EventId(ids::fresh()));
    // Months apart, and two at the same moment.
    let ats = [1_700_000_000_000, 1_700_000_000_000, 1_690_000_000_000, 1_710_000_000_000];
    let mut acts = ats.map(|at| act(at, one));
    for act in &acts {
        log.record(act.clone()).await.unwrap();
    }
    log.record(act(1_705_000_000_000, other)).await.unwrap();
    acts.sort_by_key(|act| std::cmp::Reverse((act.at, act.act)));
    assert_eq!(of_event(log, one).await, acts);
    assert_eq!(of_event(log, other).await.len(), 1);
    assert!(of_event(log, EventId(ids::fresh())).await.is_empty());
}

async fn a_list_goes_on_from_its_cursor_and_from_no_other(log: &dyn AuditLog) {
    let event = EventId(ids::fresh());
    for at in 0..5 {
        log.record(act(at * 1_000, event)).await.unwrap();
    }
    let (mut seen, mut cursor) = (Vec::new(), None);
    loop {
        let page = log.list(Some(event), cursor.as_deref(), 2).await.unwrap();
        seen.extend(page.rows.iter().map(|act| act.at.0));
        cursor = page.next_cursor;
        if cursor.is_none() {
            break;
        }
        assert!(seen.len() < 6, "the list does not end: {seen:?}");
    }
    assert_eq!(seen, [4_000, 3_000, 2_000, 1_000, 0]);
    let of_all = log.list(None, None, 1).await.unwrap().next_cursor.unwrap();
    assert!(matches!(log.list(Some(event), Some(&of_all), 2).await, Err(StoreError::BadCursor)));
}
