//! Renders sample tickets, and checks a code that a scanner read off one.
//!
//! ```text
//! cargo run -p usher-engine --example render_ticket -- order.pdf keys.json [FONT…]
//! pdftoppm -r 150 -png order.pdf order && zbarimg --raw -q order-1.png > code.txt
//! cargo run -p usher-engine --example render_ticket -- verify keys.json code.txt
//! ```
#![expect(clippy::print_stdout, reason = "a program for a terminal")]

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::path::PathBuf;

use usher_core::{AreaIdx, EventId, Minor, OrderId, Place, SeatIdx, TicketId, UnixMillis};
use usher_engine::ids;
use usher_engine::tickets::fonts::Fonts;
use usher_engine::tickets::render::{PlaceLabels, TicketPage, render};
use usher_engine::tickets::{PublicKeys, SigningKeys, verify};

const EVENT: EventId = EventId(0x018f_0000_0000_7000_8000_0000_0000_0001);

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["verify", keys, code] => check(keys, code),
        [pdf, keys, fonts @ ..] => sample(pdf, keys, &fonts.iter().map(PathBuf::from).collect::<Vec<_>>()),
        _ => Err("usage: render_ticket PDF KEYS [FONT…] | render_ticket verify KEYS CODE".into()),
    }
}

fn check(keys: &str, code: &str) -> Result<(), Box<dyn Error>> {
    let keys: PublicKeys = serde_json::from_str(&fs::read_to_string(keys)?)?;
    let claims = verify(&fs::read_to_string(code)?, &keys)?;
    println!("genuine: {claims:?}, for the sample event: {}", claims.is_for(EVENT));
    Ok(())
}

fn sample(pdf: &str, keys_path: &str, fonts: &[PathBuf]) -> Result<(), Box<dyn Error>> {
    let keys = SigningKeys::new(&BTreeMap::from([(1, ids::secret())])).ok_or("there is a key")?;
    let fonts = Fonts::load(fonts).map_err(|errors| format!("{errors:?}"))?;
    let seat = |section: &str, row: &str, seat: &str| PlaceLabels::Seat {
        section: section.to_owned(),
        row: row.to_owned(),
        seat: seat.to_owned(),
    };
    let places = [
        ("Łukasz Żółć", Place::Seat(SeatIdx(4_711)), seat("Block 104", "12", "7")),
        ("Ελένη Παπαδοπούλου", Place::Seat(SeatIdx(4_712)), seat("Ложа бенуара, правая сторона", "AA", "108")),
        ("Ольга Ковальчук", Place::Ga(AreaIdx(0)), PlaceLabels::Area { area: "Floor".to_owned() }),
    ];
    let count = u32::try_from(places.len())?;
    let pages: Vec<TicketPage> = (1..)
        .zip(places)
        .map(|(number, (holder, place, labels))| {
            let ticket = TicketId(ids::derived("sample", &[holder.as_bytes()]));
            TicketPage {
                event_name: "Night Concert: Żywioły & Ветер".to_owned(),
                organizer_name: "Konzertdirektion Müller".to_owned(),
                venue: "Velodrom, Paul-Heyse-Straße 26, 10407 Berlin".to_owned(),
                starts_at: UnixMillis(1_794_681_000_000),
                time_zone: "Europe/Berlin".to_owned(),
                place: labels,
                tier: "Category 1".to_owned(),
                holder: holder.to_owned(),
                price: Minor(8_950),
                currency: "EUR".parse().expect("a currency's code"),
                order: OrderId(ids::derived("sample", &[b"order"])),
                ticket,
                number,
                count,
                code: keys.sign(EVENT, ticket, place, 1),
            }
        })
        .collect();
    let rendered = render(&pages, &fonts, UnixMillis(1_790_000_000_000))?;
    println!("{} tickets, {} bytes", pages.len(), rendered.len());
    fs::write(pdf, rendered)?;
    fs::write(keys_path, serde_json::to_string_pretty(keys.public())?)?;
    Ok(())
}
