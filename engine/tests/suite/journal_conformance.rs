//! What every journal must do, whatever keeps it. Each rule takes events of its own, so one journal serves all rules.

use usher_core::{EventId, Fact, HoldId, UnixMillis};
use usher_engine::ids;
use usher_engine::journal::entry::FIRST_PREV_HASH;
use usher_engine::journal::{AppendError, Entry, Journal, SealedEntry, StoredSnapshot, Tenure};

/// All rules.
pub(crate) async fn every_journal(journal: &dyn Journal) {
    an_unknown_event_is_empty(journal).await;
    appended_entries_are_read_back_in_order(journal).await;
    an_append_without_ownership_is_fenced(journal).await;
    an_owner_is_fenced_by_the_next_one(journal).await;
    take_over_again_and_again_keeps_everything(journal).await;
    a_gap_or_a_wrong_link_is_not_written(journal).await;
    an_equal_repeat_is_confirmed_and_written_once(journal).await;
    another_entry_in_a_taken_place_is_not_written(journal).await;
    reading_goes_on_after_any_entry(journal).await;
    events_do_not_touch_each_other(journal).await;
    events_are_listed_in_id_order(journal).await;
    the_latest_snapshot_wins(journal).await;
    appends_of_many_events_at_once_all_arrive(journal).await;
}

pub(crate) fn fresh_event() -> EventId {
    EventId(ids::fresh())
}

/// An entry that follows `after`, with content of its own.
pub(crate) fn next_entry(after: Tenure, word: u128) -> SealedEntry {
    let facts = vec![Fact::HoldReleased { hold: HoldId(word) }, Fact::Opened];
    let entry = Entry { seq: after.head_seq + 1, epoch: after.epoch, at: UnixMillis(1_000), facts };
    SealedEntry::seal(entry, after.head_hash)
}

/// Where the journal stands after `entry`.
pub(crate) fn after(entry: &SealedEntry) -> Tenure {
    Tenure { epoch: entry.entry.epoch, head_seq: entry.entry.seq, head_hash: entry.hash }
}

/// Appends `count` entries and tells what they are.
pub(crate) async fn appended(journal: &dyn Journal, event: EventId, mut at: Tenure, count: u64) -> Vec<SealedEntry> {
    let mut entries = Vec::new();
    for word in 0..count {
        let entry = next_entry(at, u128::from(word));
        journal.append(event, entry.clone()).await.unwrap();
        at = after(&entry);
        entries.push(entry);
    }
    entries
}

async fn an_unknown_event_is_empty(journal: &dyn Journal) {
    let event = fresh_event();
    assert_eq!(journal.read(event, 0, 10).await, Ok(vec![]));
    assert_eq!(journal.snapshot(event).await, Ok(None));
    let tenure = journal.take_over(event).await.unwrap();
    assert_eq!((tenure.head_seq, tenure.head_hash), (0, FIRST_PREV_HASH));
    assert!(tenure.epoch >= 1);
    assert_eq!(journal.read(event, 0, 10).await, Ok(vec![]));
}

async fn appended_entries_are_read_back_in_order(journal: &dyn Journal) {
    let event = fresh_event();
    let tenure = journal.take_over(event).await.unwrap();
    let entries = appended(journal, event, tenure, 5).await;
    assert_eq!(journal.read(event, 0, 100).await, Ok(entries));
}

async fn an_append_without_ownership_is_fenced(journal: &dyn Journal) {
    let event = fresh_event();
    let nobody = Tenure { epoch: 1, head_seq: 0, head_hash: FIRST_PREV_HASH };
    assert_eq!(journal.append(event, next_entry(nobody, 1)).await, Err(AppendError::Fenced));
    let tenure = journal.take_over(event).await.unwrap();
    let future = Tenure { epoch: tenure.epoch + 1, ..tenure };
    assert_eq!(journal.append(event, next_entry(future, 1)).await, Err(AppendError::Fenced));
    assert_eq!(journal.read(event, 0, 10).await, Ok(vec![]));
}

async fn an_owner_is_fenced_by_the_next_one(journal: &dyn Journal) {
    let event = fresh_event();
    let first = journal.take_over(event).await.unwrap();
    let mut entries = appended(journal, event, first, 2).await;
    let second = journal.take_over(event).await.unwrap();
    assert!(second.epoch > first.epoch);
    assert_eq!((second.head_seq, second.head_hash), (2, entries[1].hash));
    let late = next_entry(after(&entries[1]), 7);
    assert_eq!(journal.append(event, late.clone()).await, Err(AppendError::Fenced));
    entries.extend(appended(journal, event, second, 1).await);
    assert_eq!(journal.append(event, late).await, Err(AppendError::Fenced));
    assert_eq!(journal.read(event, 0, 10).await, Ok(entries));
}

async fn take_over_again_and_again_keeps_everything(journal: &dyn Journal) {
    let event = fresh_event();
    let (mut entries, mut epoch) = (Vec::new(), 0);
    for _ in 0..5 {
        for _ in 0..3 {
            let tenure = journal.take_over(event).await.unwrap();
            assert!(tenure.epoch > epoch);
            epoch = tenure.epoch;
        }
        let tenure = journal.take_over(event).await.unwrap();
        epoch = tenure.epoch;
        assert_eq!(tenure.head_seq, entries.len() as u64);
        entries.extend(appended(journal, event, tenure, 2).await);
    }
    assert_eq!(journal.read(event, 0, 100).await, Ok(entries));
}

async fn a_gap_or_a_wrong_link_is_not_written(journal: &dyn Journal) {
    let event = fresh_event();
    let tenure = journal.take_over(event).await.unwrap();
    let entries = appended(journal, event, tenure, 2).await;
    let here = after(&entries[1]);
    let gap = Tenure { head_seq: here.head_seq + 1, ..here };
    let wrong_link = Tenure { head_hash: [7; 32], ..here };
    for at in [gap, wrong_link] {
        let refused = journal.append(event, next_entry(at, 9)).await;
        assert!(matches!(refused, Err(AppendError::NotWritten(_))), "{refused:?}");
    }
    assert_eq!(journal.read(event, 0, 10).await.unwrap(), entries);
    journal.append(event, next_entry(here, 9)).await.unwrap();
}

async fn an_equal_repeat_is_confirmed_and_written_once(journal: &dyn Journal) {
    let event = fresh_event();
    let tenure = journal.take_over(event).await.unwrap();
    let entries = appended(journal, event, tenure, 2).await;
    journal.append(event, entries[1].clone()).await.unwrap();
    assert_eq!(journal.read(event, 0, 10).await, Ok(entries));
}

async fn another_entry_in_a_taken_place_is_not_written(journal: &dyn Journal) {
    let event = fresh_event();
    let tenure = journal.take_over(event).await.unwrap();
    let entries = appended(journal, event, tenure, 3).await;
    let other = next_entry(after(&entries[0]), 99);
    let refused = journal.append(event, other).await;
    assert!(matches!(refused, Err(AppendError::NotWritten(_) | AppendError::Fenced)), "{refused:?}");
    assert_eq!(journal.read(event, 0, 10).await, Ok(entries));
}

async fn reading_goes_on_after_any_entry(journal: &dyn Journal) {
    let event = fresh_event();
    let tenure = journal.take_over(event).await.unwrap();
    let entries = appended(journal, event, tenure, 7).await;
    for start in 0..=7 {
        let page = journal.read(event, start as u64, 3).await.unwrap();
        assert_eq!(page, entries[start..(start + 3).min(7)]);
    }
    assert_eq!(journal.read(event, 99, 3).await, Ok(vec![]));
}

async fn events_do_not_touch_each_other(journal: &dyn Journal) {
    let (one, two) = (fresh_event(), fresh_event());
    let at_one = journal.take_over(one).await.unwrap();
    let at_two = journal.take_over(two).await.unwrap();
    let entries_one = appended(journal, one, at_one, 2).await;
    journal.take_over(one).await.unwrap();
    let entries_two = appended(journal, two, at_two, 3).await;
    assert_eq!(journal.read(one, 0, 10).await, Ok(entries_one));
    assert_eq!(journal.read(two, 0, 10).await, Ok(entries_two));
}

async fn events_are_listed_in_id_order(journal: &dyn Journal) {
    let mut mine: Vec<EventId> = (0..5).map(|_| fresh_event()).collect();
    for event in &mine {
        journal.take_over(*event).await.unwrap();
    }
    mine.sort();
    let (mut listed, mut after) = (Vec::new(), None);
    loop {
        let page = journal.events(after, 2).await.unwrap();
        assert!(page.len() <= 2);
        let Some(last) = page.last() else { break };
        after = Some(*last);
        listed.extend(page);
    }
    assert!(listed.is_sorted() && listed.windows(2).all(|pair| pair[0] != pair[1]));
    assert!(mine.iter().all(|event| listed.contains(event)));
}

async fn the_latest_snapshot_wins(journal: &dyn Journal) {
    let event = fresh_event();
    let tenure = journal.take_over(event).await.unwrap();
    let entries = appended(journal, event, tenure, 3).await;
    let of = |position: usize, byte| StoredSnapshot {
        seq: entries[position].entry.seq,
        hash: entries[position].hash,
        bytes: vec![byte; 100_000],
    };
    for (put, kept) in [(of(1, 1), of(1, 1)), (of(0, 2), of(1, 1)), (of(2, 3), of(2, 3)), (of(2, 4), of(2, 4))] {
        journal.put_snapshot(event, put).await.unwrap();
        assert_eq!(journal.snapshot(event).await, Ok(Some(kept)));
    }
}

async fn appends_of_many_events_at_once_all_arrive(journal: &dyn Journal) {
    let one_event = async || {
        let event = fresh_event();
        let tenure = journal.take_over(event).await.unwrap();
        let entries = appended(journal, event, tenure, 20).await;
        assert_eq!(journal.read(event, 0, 100).await, Ok(entries));
    };
    futures_util::future::join_all((0..8).map(|_| one_event())).await;
}
