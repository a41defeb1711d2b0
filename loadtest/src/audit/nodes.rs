//! Several nodes of one house: at rest they say the same of an event.

use serde_json::{Value, json};

use super::{Books, Code, Contradiction};

/// What two nodes say differently; nothing when they agree.
#[must_use]
pub fn compare(node: &str, said: &Books, other: &str, other_said: &Books) -> Vec<Contradiction> {
    let seats = said.seats.iter().zip(&other_said.seats).enumerate().find(|(_, (one, two))| one != two);
    let orders = said.orders.iter().find(|order| !other_said.orders.contains(order));
    let missing = other_said.orders.iter().find(|order| !said.orders.contains(order));
    let money = (said.captured_minor, said.refunded_minor) != (other_said.captured_minor, other_said.refunded_minor);
    let differences: [(&str, bool, Value); 5] = [
        ("counts of places", said.counts != other_said.counts, json!([said.counts, other_said.counts])),
        ("seats", seats.is_some() || said.seats.len() != other_said.seats.len(), json!(seats)),
        ("free places of areas", said.areas != other_said.areas, Value::Null),
        ("orders", orders.is_some() || missing.is_some(), json!(orders.or(missing).map(|order| &order.order))),
        ("money", money, json!([said.captured_minor, other_said.captured_minor])),
    ];
    let differs = differences.into_iter().filter(|(_, differs, _)| *differs);
    let told = differs.map(|(what, _, shown)| {
        let evidence = json!({"nodes": [node, other], "first": shown});
        Contradiction::new(Code::NodesDiffer, format!("two nodes say different {what}"), evidence)
    });
    told.collect()
}
