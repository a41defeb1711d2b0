//! Answers: the same to the same request, and none that a correct server cannot give.

use serde_json::json;

use super::{Code, Contradiction, Ledger, Repeat};

pub(super) fn check(ledger: &Ledger, found: &mut Vec<Contradiction>) {
    for visit in &ledger.visits {
        for repeat in visit.repeats.iter().filter(|repeat| differs(repeat)) {
            let evidence = json!({
                "buyer": visit.number, "request": repeat.what, "first": repeat.first, "second": repeat.second,
            });
            let detail = format!("{} was answered differently under one key", repeat.what);
            found.push(Contradiction::new(Code::RepeatDiffers, detail, evidence));
        }
        for fault in &visit.faults {
            let code = if fault.status >= 500 { Code::ServerError } else { Code::UnexpectedAnswer };
            let detail = format!("{} was answered {} {}", fault.what, fault.status, fault.answer);
            found.push(Contradiction::new(code, detail, json!({"buyer": visit.number, "fault": fault})));
        }
    }
}

/// What was done once stays done. A *no* may become a *yes*, for places come back; of two requests sent at once, either
/// may have been heard first.
fn differs(repeat: &Repeat) -> bool {
    match (repeat.first.is_success(), repeat.second.is_success()) {
        (true, true) => repeat.first != repeat.second,
        (true, false) => repeat.ordered,
        (false, true | false) => false,
    }
}
