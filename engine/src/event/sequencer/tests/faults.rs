//! How it goes on after failed appends, panics and failed loads.

use super::*;

/// Holds 0 on its way, holds 1 and 2 gathering, a rejection that rests on each.
fn busy_stage() -> Stage {
    let mut stage = Stage::on_sale(fragile_rules());
    stage.ask(10, hold(0));
    stage.flush();
    stage.ask(20, hold_seat(20, 0));
    stage.ask(11, hold(1));
    stage.ask(12, hold(2));
    stage.ask(21, hold_seat(21, 1));
    stage
}

#[test]
fn a_refused_append_is_told_to_those_in_it_and_the_others_are_decided_again() {
    for (error, told) in [
        (AppendError::NotWritten("busy".to_owned()), AskError::NotApplied),
        (AppendError::Fenced, AskError::NotApplied),
    ] {
        let mut stage = busy_stage();
        stage.fail(error, false);
        assert_eq!(stage.replies[&10], Err(told));
        assert_eq!(stage.replies.len(), 1);
        stage.settle();
        assert!(stage.replies[&20].is_ok(), "the seat is free after all: {:?}", stage.replies[&20]);
        assert!(stage.replies[&11].is_ok() && stage.replies[&12].is_ok());
        assert!(is_taken(stage.replies.get(&21)));
        assert_eq!(stage.holds_in_journal(), 3);
        assert!(stage.journal.last().unwrap().entry.epoch > 1);
    }
}

#[test]
fn an_entry_in_doubt_that_is_in_the_journal_is_acknowledged_after_the_reload() {
    let mut stage = busy_stage();
    stage.fail(AppendError::Unknown("timeout".to_owned()), true);
    assert!(stage.replies.is_empty());
    let doubt = stage.reloads[0].2.unwrap();
    assert_eq!(doubt.hash, stage.journal.last().unwrap().hash);
    stage.settle();
    assert_eq!(seq_of(&stage.replies[&10]), Some(doubt.seq));
    assert!(is_taken(stage.replies.get(&20)));
    assert!(stage.replies[&11].is_ok());
    assert_eq!(stage.holds_in_journal(), 3);
}

#[test]
fn an_entry_in_doubt_that_is_not_in_the_journal_is_told_as_not_applied() {
    let mut stage = busy_stage();
    stage.fail(AppendError::Unknown("timeout".to_owned()), false);
    stage.settle();
    assert_eq!(stage.replies[&10], Err(AskError::NotApplied));
    assert!(stage.replies[&20].is_ok());
    assert_eq!(stage.holds_in_journal(), 3);
}

#[test]
fn when_nobody_can_look_the_outcome_stays_unknown_and_those_behind_wait_on() {
    let mut stage = busy_stage();
    stage.fail(AppendError::Unknown("timeout".to_owned()), true);
    stage.reloads.pop_front();
    stage.feed(Input::LoadFailed(LoadError::Unavailable("gone".to_owned())));
    assert_eq!(stage.replies[&10], Err(AskError::OutcomeUnknown));
    assert_eq!(stage.replies.len(), 1);
    let (reason, after_ms) = stage.reload();
    assert_eq!((reason.code(), after_ms), ("load_failed", 50));
    stage.settle();
    assert!(is_taken(stage.replies.get(&20)));
    assert!(stage.replies[&11].is_ok());
}

#[test]
fn a_panic_in_the_middle_of_a_thousand_commands_loses_none_of_the_others() {
    let mut stage = Stage::on_sale(fragile_rules());
    for n in 0..1_000 {
        stage.ask(n, if n == 500 { hold_seat(666, 500) } else { hold(n + 1_000 * u32::from(n == 666)) });
        if n == 250 {
            stage.flush();
        }
    }
    assert_eq!(stage.replies.get(&500), Some(&Err(AskError::NotApplied)));
    stage.settle();
    let decided = stage.replies.iter().filter(|(_, outcome)| outcome.is_ok()).count();
    assert_eq!(decided, 999);
    assert_eq!(stage.holds_in_journal(), 999);
}

#[test]
fn a_panic_while_an_entry_is_on_its_way_waits_for_it() {
    let mut stage = busy_stage();
    stage.ask(13, hold_seat(666, 3));
    assert!(stage.reloads.is_empty());
    stage.ask(14, hold(4));
    stage.land();
    assert!(stage.replies[&10].is_ok());
    assert_eq!(stage.reloads[0].0.code(), "panicked");
    stage.settle();
    assert!(stage.replies[&11].is_ok() && stage.replies[&12].is_ok() && stage.replies[&14].is_ok());
    assert_eq!(stage.holds_in_journal(), 4);
}

#[test]
fn the_third_panic_of_a_command_quarantines_it_and_it_alone() {
    let mut stage = Stage::on_sale(fragile_rules());
    let mut told = Vec::new();
    for token in 0..4 {
        stage.ask(token, hold_seat(666, 1));
        stage.settle();
        told.push(stage.replies[&token].clone());
    }
    let not_applied = Err(AskError::NotApplied);
    let quarantined = Err(AskError::Quarantined);
    assert_eq!(told, [not_applied.clone(), not_applied, quarantined.clone(), quarantined]);
    stage.ask(10, hold_seat(667, 1));
    stage.settle();
    assert!(stage.replies[&10].is_ok());
}

#[test]
fn too_many_panics_take_the_event_down_until_an_operator_says_otherwise() {
    let mut stage = Stage::on_sale(Rules::with_decide(|inventory, at, command| {
        assert!(!matches!(command, Command::PlaceHold(_)), "every hold");
        inventory.decide(at, command)
    }));
    let mut pauses = Vec::new();
    for n in 0..5 {
        stage.ask(n, hold(n));
        pauses.push(stage.reload().1);
    }
    assert_eq!(pauses, [0, 50, 100, 200, 400]);
    stage.ask(5, hold(5));
    assert!(matches!(stage.standing, Some(Standing::Down { needs_operator: true, .. })));
    stage.at = stage.at.plus_ms(10 * RESTART_WINDOW_MS);
    stage.ask(6, Command::Pause);
    assert!(matches!(stage.replies[&6], Err(AskError::Unavailable(_))));
    assert!(!stage.sequencer.is_idle(), "unloading would get around the operator");
    stage.feed(Input::Reset);
    stage.settle();
    stage.ask(7, Command::Pause);
    stage.settle();
    assert!(stage.replies[&7].is_ok());
    assert_eq!(stage.standing, Some(Standing::Running));
}

#[test]
fn a_full_disk_refuses_what_would_be_written_and_nothing_else() {
    let mut stage = Stage::on_sale(Rules::default());
    stage.ask(1, hold(1));
    stage.settle();
    let epoch = stage.epoch;
    for round in 0..20 {
        let n = 10 + 10 * round;
        stage.ask(n, hold(n));
        stage.flush();
        stage.ask(n + 1, hold(n + 1));
        stage.fail(AppendError::StorageFull, false);
        stage.reload();
        assert_eq!(stage.replies[&n], Err(AskError::StorageFull));
        assert_eq!(stage.replies[&(n + 1)], Err(AskError::StorageFull), "it is not even tried");
        stage.ask(n + 2, hold(1));
        assert!(stage.replies[&(n + 2)].is_ok(), "a repeat of what is durable is told so");
        stage.ask(n + 3, hold_seat(n + 3, 1));
        assert!(is_taken(stage.replies.get(&(n + 3))));
        stage.feed(Input::Arrived { token: n + 4, request: Request::LookHold(HoldId(1)) });
        assert!(stage.replies[&(n + 4)].is_ok());
        assert_eq!(stage.standing, Some(Standing::Running), "however long it lasts");
        stage.at = stage.at.plus_ms(FULL_PAUSE_MS);
    }
    assert_eq!(stage.epoch, epoch, "nothing was taken over: that needs room too");
    stage.ask(2, hold(2));
    stage.settle();
    assert!(stage.replies[&2].is_ok());
    assert_eq!(stage.holds_in_journal(), 2);
}

#[test]
fn a_full_disk_does_not_make_the_timer_of_expired_holds_spin() {
    let mut stage = Stage::on_sale(Rules::default());
    stage.ask(1, hold(1));
    stage.settle();
    stage.at = stage.at.plus_ms(Limits::default().hold_ms);
    stage.feed(Input::Tick);
    stage.flush();
    stage.fail(AppendError::StorageFull, false);
    stage.reload();
    for _ in 0..3 {
        stage.feed(Input::Tick);
        assert!(stage.appends.is_empty() && stage.reloads.is_empty());
    }
    let wake_at = stage.wake_at.expect("it tries again");
    assert_eq!(wake_at, stage.at.plus_ms(FULL_PAUSE_MS));
    stage.at = wake_at;
    stage.feed(Input::Tick);
    stage.settle();
    assert!(stage.journal.last().unwrap().entry.facts.iter().any(|fact| matches!(fact, Fact::HoldExpired { .. })));
}

#[test]
fn an_ask_after_the_cool_down_wakes_the_event_too() {
    let mut stage = Stage::on_sale(Rules::default());
    for n in 0..=5 {
        stage.ask(n, hold(n));
        stage.flush();
        stage.fail(AppendError::NotWritten("busy".to_owned()), false);
        if n < 5 {
            stage.reload();
        }
    }
    stage.at = stage.at.plus_ms(COOL_DOWN_MS);
    stage.ask(10, hold(10));
    stage.settle();
    assert!(stage.replies[&10].is_ok());
}

#[test]
fn damage_found_by_a_reload_refuses_everybody_at_once() {
    let mut stage = busy_stage();
    stage.fail(AppendError::NotWritten("busy".to_owned()), false);
    stage.reloads.pop_front();
    stage.wake_at = None;
    stage.feed(Input::LoadFailed(LoadError::Refused("entry 3 is damaged".to_owned())));
    let damaged = Err(AskError::Unavailable("entry 3 is damaged".to_owned()));
    for token in [11, 12, 20, 21] {
        assert_eq!(stage.replies[&token], damaged);
    }
    stage.ask(30, hold(30));
    assert_eq!(stage.replies[&30], damaged);
    assert_eq!(stage.wake_at, None);
}

#[test]
fn a_draft_with_another_plan_is_loaded_again_before_it_is_published() {
    let mut stage = Stage::draft(Rules::default());
    let layout = Arc::clone(&stage.layout);
    stage.ask(1, publish(&layout, [8; 32]));
    assert_eq!(stage.reloads[0].0, ReloadReason::PlanChanged);
    stage.reload();
    assert!(matches!(stage.replies[&1], Err(AskError::Unavailable(_))), "the catalogue still has the old plan");
    stage.ask(2, publish(&layout, DIGEST));
    stage.settle();
    assert!(stage.replies[&2].is_ok());
}

#[test]
fn tidying_that_panics_is_given_up_without_a_spinning_timer() {
    let mut stage = Stage::on_sale(Rules::with_decide(|inventory, at, command| {
        assert!(!matches!(command, Command::ExpireDue { .. }), "tidying");
        inventory.decide(at, command)
    }));
    stage.ask(10, hold(0));
    stage.settle();
    stage.at = stage.at.plus_ms(Limits::default().hold_ms);
    for _ in 0..3 {
        stage.feed(Input::Tick);
        stage.settle();
    }
    stage.wake_at = None;
    stage.feed(Input::Tick);
    assert!(stage.reloads.is_empty());
    assert!(stage.wake_at.is_some_and(|wake_at| wake_at > stage.at));
    stage.ask(11, hold(1));
    stage.settle();
    assert!(stage.replies[&11].is_ok());
}

#[test]
fn an_append_that_comes_back_after_a_reload_is_ignored() {
    let mut stage = busy_stage();
    stage.fail(AppendError::NotWritten("busy".to_owned()), false);
    stage.settle();
    let before = stage.replies.len();
    stage.feed(Input::Appended { seq: 1, outcome: Ok(()) });
    assert_eq!(stage.replies.len(), before);
}

#[test]
fn once_the_history_is_known_to_be_damaged_nobody_is_told_anything_that_rests_on_it() {
    let mut stage = busy_stage();
    let views_count = stage.views.len();
    let damaged = AskError::Unavailable("damaged at entry 3".to_owned());
    stage.feed(Input::Condemned(damaged.clone()));
    assert_eq!(stage.replies[&10], Err(AskError::OutcomeUnknown), "its entry is on its way");
    for token in [20, 11, 12, 21] {
        assert_eq!(stage.replies[&token], Err(damaged.clone()), "{token}");
    }
    assert!(matches!(&stage.standing, Some(Standing::Down { why, needs_operator: true }) if why.contains("entry 3")));
    stage.land();
    stage.ask(30, hold(3));
    assert_eq!(stage.replies[&30], Err(damaged));
    assert_eq!(stage.views.len(), views_count, "no reader sees what landed");
    assert!(stage.sequencer.last_snapshot().is_none() && !stage.sequencer.is_idle());
    stage.flush();
    assert!(stage.appends.is_empty());
}
