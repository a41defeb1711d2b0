//! Rendering of one ticket on one core: signed, with embedded fonts, a holder of its own.
//!
//! `one_holder` is the best case (tickets of one order share their fonts), `many_holders` the usual one.

use std::collections::BTreeMap;
use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use usher_core::{EventId, Minor, OrderId, Place, SeatIdx, TicketId, UnixMillis};
use usher_engine::ids;
use usher_engine::tickets::SigningKeys;
use usher_engine::tickets::fonts::Fonts;
use usher_engine::tickets::render::{PlaceLabels, TicketPage, render};

const ALPHABETS: [&str; 3] =
    ["aąbcćdeęfghijklłmnńoópqrsśtuvwxyzźż", "αβγδεζηθικλμνξοπρστυφχψω", "абвгдежзийклмнопрстуфхцчшщ"];

/// Fourteen letters that follow from the number.
fn name(number: u32) -> String {
    let alphabet: Vec<char> = ALPHABETS[number as usize % ALPHABETS.len()].chars().collect();
    let letters = ids::derived("name", &[&number.to_be_bytes()]).to_be_bytes();
    letters[..14].iter().map(|letter| alphabet[usize::from(*letter) % alphabet.len()]).collect()
}

fn page(keys: &SigningKeys, number: u32, holder: String) -> TicketPage {
    let ticket = TicketId(ids::derived("ticket", &[&number.to_be_bytes()]));
    TicketPage {
        event_name: "Night Concert: Żywioły & Ветер".to_owned(),
        organizer_name: "Konzertdirektion Müller".to_owned(),
        venue: "Velodrom, Paul-Heyse-Straße 26, 10407 Berlin".to_owned(),
        starts_at: UnixMillis(1_794_681_000_000),
        time_zone: "Europe/Berlin".to_owned(),
        place: PlaceLabels::Seat { section: "Block 104".to_owned(), row: "12".to_owned(), seat: number.to_string() },
        tier: "Category 1".to_owned(),
        holder,
        price: Minor(4_500),
        currency: "EUR".parse().expect("a currency's code"),
        order: OrderId(ids::derived("order", &[&number.to_be_bytes()])),
        ticket,
        number: 1,
        count: 1,
        code: keys.sign(EventId(1), ticket, Place::Seat(SeatIdx(number)), 1),
    }
}

fn tickets(criterion: &mut Criterion) {
    let fonts = Fonts::load(&[]).expect("the built-in fonts");
    let keys = SigningKeys::new(&BTreeMap::from([(1, [7; 32])])).expect("one key");
    let mut group = criterion.benchmark_group("tickets");
    group.throughput(Throughput::Elements(1));
    let mut number = 0;
    let mut print = |holder: &dyn Fn(u32) -> String| {
        number += 1;
        let page = page(&keys, number, holder(number));
        render(&[page], &fonts, UnixMillis(1_790_000_000_000)).expect("a page of known letters")
    };
    group.bench_function("one_holder", |bencher| bencher.iter(|| black_box(print(&|_| "Anna Müller".to_owned()))));
    group.bench_function("many_holders", |bencher| bencher.iter(|| black_box(print(&name))));
    group.finish();
}

criterion_group!(benches, tickets);
criterion_main!(benches);
