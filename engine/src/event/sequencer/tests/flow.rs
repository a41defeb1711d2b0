//! How asks become entries, answers and views when nothing goes wrong.

use usher_core::SeatStatus;

use super::*;

#[test]
fn an_answer_leaves_only_when_its_entry_is_durable() {
    let mut stage = Stage::on_sale(Rules::default());
    stage.ask(10, hold(0));
    assert!(stage.flush_asked && stage.appends.is_empty(), "the entry waits for the mailbox");
    stage.flush();
    assert!(stage.replies.is_empty());
    let seq = stage.appends[0].entry.seq;
    stage.land();
    assert_eq!(seq_of(&stage.replies[&10]), Some(seq));
}

#[test]
fn what_gathers_while_an_entry_is_on_its_way_becomes_the_next_one() {
    let mut stage = Stage::on_sale(Rules::default());
    stage.ask(10, hold(0));
    stage.flush();
    for n in 1..=100 {
        stage.ask(10 + n, hold(n));
    }
    assert_eq!(stage.appends[0].entry.facts.len(), 1);
    stage.land();
    stage.flush();
    assert_eq!(stage.appends[0].entry.facts.len(), 100);
    assert_eq!(stage.replies.len(), 1);
    stage.land();
    assert_eq!(stage.replies.len(), 101);
    let last = &stage.journal[stage.journal.len() - 1];
    assert_eq!(last.prev_hash, stage.journal[stage.journal.len() - 2].hash);
}

#[test]
fn a_rejection_on_durable_state_is_told_at_once_and_one_on_fresh_state_waits() {
    let mut stage = Stage::on_sale(Rules::default());
    stage.ask(10, hold(0));
    stage.settle();
    stage.ask(11, hold_seat(1, 0));
    assert!(is_taken(stage.replies.get(&11)));
    stage.ask(12, hold(2));
    stage.ask(13, hold_seat(3, 2));
    stage.flush();
    stage.ask(14, hold_seat(4, 2));
    assert_eq!(stage.replies.get(&13), None);
    stage.land();
    assert!(is_taken(stage.replies.get(&13)));
    assert!(is_taken(stage.replies.get(&14)));
}

#[test]
fn a_repeat_gets_the_first_answer_and_adds_no_fact() {
    let mut stage = Stage::on_sale(Rules::default());
    stage.ask(10, hold(0));
    stage.ask(11, hold(0));
    stage.settle();
    stage.ask(12, hold(0));
    assert_eq!(stage.replies[&10], stage.replies[&11]);
    assert_eq!(stage.replies[&10], stage.replies[&12]);
    assert_eq!(stage.holds_in_journal(), 1);
}

#[test]
fn a_look_sees_what_was_decided_before_it_and_waits_until_that_is_durable() {
    let mut stage = Stage::on_sale(Rules::default());
    stage.ask(10, hold(0));
    stage.feed(Input::Arrived { token: 11, request: Request::LookHold(HoldId(0)) });
    assert!(stage.replies.is_empty());
    stage.settle();
    let Ok(Told::Hold(looked)) = &stage.replies[&11] else { panic!("a look was asked for") };
    assert!(looked.found.is_some());
    assert_eq!(Some(looked.seq), seq_of(&stage.replies[&10]));
}

#[test]
fn a_view_comes_with_its_flush_and_shows_nothing_that_still_gathers() {
    let mut stage = Stage::on_sale(Rules::default());
    let before = stage.views.last().unwrap().clone();
    stage.ask(10, hold(0));
    stage.flush();
    stage.ask(11, hold(1));
    assert_eq!(stage.views.last().unwrap().seq, before.seq);
    stage.land();
    let view = stage.views.last().unwrap();
    assert_eq!(view.seat_status(SeatIdx(0)), Some(SeatStatus::Held));
    assert_eq!(view.seat_status(SeatIdx(1)), Some(SeatStatus::Available));
    assert_eq!(view.changes_since(&before), [(SeatIdx(0), SeatStatus::Held)]);
    assert_eq!(view.counts.held_count, 1);
}

#[test]
fn an_entry_is_bounded_and_the_rest_waits_undecided() {
    let mut stage = Stage::on_sale(Rules::default());
    for n in 0..1_500 {
        stage.ask(n, hold(n));
    }
    stage.flush();
    assert_eq!(stage.appends[0].entry.facts.len(), ENTRY_COMMANDS_MAX);
    stage.land();
    assert_eq!(stage.replies.len(), ENTRY_COMMANDS_MAX);
    stage.settle();
    assert_eq!(stage.replies.len(), 1_500);
    assert_eq!(stage.holds_in_journal(), 1_500);
}

#[test]
fn holds_that_are_due_end_when_the_time_comes_and_the_timer_is_set_again() {
    let mut stage = Stage::on_sale(Rules::default());
    let limits = Limits::default();
    stage.ask(10, hold(0));
    let due = stage.at.plus_ms(limits.hold_ms);
    assert_eq!(stage.wake_at, Some(due));
    stage.at = stage.at.plus_ms(1_000);
    stage.ask(11, hold(1));
    assert_eq!(stage.wake_at, Some(due), "the earliest stays");
    stage.settle();
    stage.at = due;
    stage.feed(Input::Tick);
    assert_eq!(stage.wake_at, Some(due.plus_ms(1_000)));
    stage.settle();
    assert_eq!(stage.views.last().unwrap().counts.held_count, 1);
}

#[test]
fn more_due_holds_than_one_step_takes_end_in_several() {
    let mut stage = Stage::on_sale(Rules::default());
    for n in 0..600 {
        stage.ask(n, hold(n));
    }
    stage.settle();
    stage.at = stage.at.plus_ms(Limits::default().hold_ms);
    let mut ticks = 0;
    while stage.wake_at.take().is_some_and(|wake_at| wake_at <= stage.at) {
        stage.feed(Input::Tick);
        stage.settle();
        ticks += 1;
    }
    assert_eq!(ticks, 3);
    assert_eq!(stage.views.last().unwrap().counts.held_count, 0);
    assert!(stage.sequencer.is_idle());
}

#[test]
fn a_snapshot_is_due_after_so_many_entries_and_contains_exactly_its_entry() {
    let mut stage = Stage::on_sale(Rules::default());
    let mut n = 0;
    while stage.snapshots.is_empty() {
        // A released hold's id is used up: each round needs its own.
        let command = if n % 2 == 0 {
            let asks = vec![Ask::Seats(vec![SeatIdx(0)])];
            Command::PlaceHold(PlaceHold { hold: HoldId(n.into()), buyer: BuyerId(0), asks, seed: 0 })
        } else {
            Command::ReleaseHold { hold: HoldId((n - 1).into()), buyer: BuyerId(0) }
        };
        stage.ask(n, command);
        stage.flush();
        stage.land();
        n += 1;
    }
    let due = &stage.snapshots[0];
    assert_eq!(due.seq, SNAPSHOT_ENTRIES);
    assert_eq!(due.hash, stage.journal.last().unwrap().hash);
    assert_eq!(due.inventory.counts(), stage.views.last().unwrap().counts);
    assert!(stage.sequencer.last_snapshot().is_none(), "there is nothing newer");
}

#[test]
fn after_closing_nothing_is_done_and_callers_are_told_so() {
    let mut stage = Stage::on_sale(Rules::default());
    stage.feed(Input::Close);
    stage.ask(10, hold(0));
    assert_eq!(stage.replies[&10], Err(AskError::NotApplied));
    assert!(stage.sequencer.is_quiet());
}
