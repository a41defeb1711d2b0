//! What a reader sees on a rendered ticket: the PDF is parsed again and its text taken out.

use std::iter;
use std::path::PathBuf;

use printpdf::{PdfDocument, PdfParseOptions};

use super::*;
use crate::tickets::fonts::Unprintable;

const TICKET_BYTES_MAX: usize = 20 * 1024;
const MADE_AT: UnixMillis = UnixMillis(1_790_000_000_000);

fn page() -> TicketPage {
    TicketPage {
        event_name: "Night Concert".to_owned(),
        organizer_name: "Konzertdirektion Müller".to_owned(),
        venue: "Velodrom, Paul-Heyse-Straße 26, 10407 Berlin".to_owned(),
        starts_at: UnixMillis(1_794_681_000_000),
        time_zone: "Europe/Berlin".to_owned(),
        place: PlaceLabels::Seat { section: "Block 104".to_owned(), row: "12".to_owned(), seat: "7".to_owned() },
        tier: "Category 1".to_owned(),
        holder: "Anna Müller".to_owned(),
        price: Minor(4_500),
        currency: "EUR".parse().unwrap(),
        order: OrderId(0x1a2b_3c4d_5eff_0000_0000_0000_0000_0000),
        ticket: TicketId(9),
        number: 1,
        count: 2,
        code: "A1$%*+-./:".repeat(14),
    }
}

fn fonts() -> Fonts {
    Fonts::load(&[]).unwrap()
}

fn print(page: TicketPage) -> Result<Vec<u8>, RenderError> {
    render(&[page], &fonts(), MADE_AT)
}

/// The text of each page, as one line.
fn texts(pdf: &[u8]) -> Vec<String> {
    let document = PdfDocument::parse(pdf, &PdfParseOptions::default(), &mut Vec::new()).unwrap();
    document.extract_text().iter().map(|chunks| chunks.join(" ")).collect()
}

#[test]
fn a_ticket_shows_event_time_venue_place_holder_price_order_and_number() {
    let text = texts(&print(page()).unwrap()).remove(0);
    for part in [
        "Night Concert",
        "Saturday, 14 November 2026, 19:30 CET (Europe/Berlin)",
        "Velodrom, Paul-Heyse-Straße 26, 10407 Berlin",
        "SECTION Block 104 ROW 12 SEAT 7",
        "HOLDER Anna Müller",
        "PRICE EUR 45.00",
        "CATEGORY Category 1",
        "ORDER 1A2B3C4D5E ",
        "TICKET tkt_00000000000000000000000000000009",
        "Ticket 1 of 2",
        "Konzertdirektion Müller",
    ] {
        assert!(text.contains(part), "{part:?} in {text:?}");
    }
}

#[test]
fn polish_greek_and_cyrillic_names_are_printed_as_they_are_in_at_most_20_kb() {
    for name in
        ["Zażółć Gęślą-Jaźń", "Ελένη Παπαδοπούλου", "Щербатюк Їжакевич", "Nguyễn Thị Hương", "Þórdís Ægisdóttir €"]
    {
        let page = TicketPage {
            holder: name.to_owned(),
            event_name: format!("{name} & Ветер, Żywioły, Ανάσταση"),
            place: PlaceLabels::Area { area: name.to_owned() },
            ..page()
        };
        let pdf = print(page).unwrap();
        assert!(pdf.len() <= TICKET_BYTES_MAX, "{} bytes for {name}", pdf.len());
        assert!(texts(&pdf)[0].contains(&format!("HOLDER {name}")), "{name} in {:?}", texts(&pdf));
    }
}

#[test]
fn fonts_are_embedded_as_subsets() {
    let pdf = print(page()).unwrap();
    let count = |part: &[u8]| pdf.windows(part.len()).filter(|window| *window == part).count();
    assert_eq!(count(b"/FontFile2"), 2);
    assert!(count(b"+DejaVuSans-Bold") >= 1 && count(b"/Type1") == 0);
}

#[test]
fn hostile_text_stays_text() {
    let hostile = "a) Tj (b\\) endstream endobj <</S/JavaScript/JS(app.alert(1))>> /OpenAction";
    let page = TicketPage { event_name: hostile.to_owned(), holder: hostile.to_owned(), ..page() };
    let pdf = print(page).unwrap();
    let contains = |part: &[u8]| pdf.windows(part.len()).any(|window| window == part);
    assert!(!contains(b"/JavaScript") && !contains(b"/OpenAction") && !contains(b"app.alert"));
    assert!(texts(&pdf)[0].contains("a) Tj (b\\) endstream"), "{:?}", texts(&pdf));
}

#[test]
fn steering_characters_are_not_printed() {
    let page = TicketPage { holder: "Anna\u{202e}\u{0}\u{7}\r\n Müller\u{200f}".to_owned(), ..page() };
    assert!(texts(&print(page).unwrap())[0].contains("HOLDER Anna Müller PRICE"));
}

#[test]
fn a_character_that_no_font_has_is_told_with_its_field_and_the_setting() {
    let error = print(TicketPage { holder: "山田太郎".to_owned(), ..page() }).unwrap_err();
    assert_eq!(error, RenderError::MissingGlyph { character: '山', field: "holder" });
    let message = error.to_string();
    assert!(message.contains("U+5C71") && message.contains("tickets.fonts"), "{message}");
    assert!(!error.is_passing());
    let error = print(TicketPage { venue: "Halle 🎸".to_owned(), ..page() }).unwrap_err();
    assert_eq!(error, RenderError::MissingGlyph { character: '🎸', field: "venue" });
}

#[test]
fn what_merely_looks_different_is_printed_as_what_it_stands_for() {
    let fonts = fonts();
    for (holder, printed) in [
        ("Soﬁa Fiﬂe", "Sofia Fifle"),
        ("Ａｎｎａ Ｏ’Ｈａｒａ", "Anna O’Hara"),
        ("Suite ⑫", "Suite 12"),
        ("Louis Ⅷ, Gleis 9½ ™", "Louis Ⅷ, Gleis 9½ ™"),
    ] {
        assert_eq!(fonts.unprintable(holder), None, "{holder}");
        let text = texts(&print(TicketPage { holder: holder.to_owned(), ..page() }).unwrap()).remove(0);
        assert!(text.contains(&format!("HOLDER {printed} ")) && !text.contains('?'), "{printed} in {text}");
    }
    assert_eq!(
        fonts.unprintable("㍿ｱ"),
        Some(Unprintable::MissingGlyph('㍿')),
        "what it stands for is not there either"
    );
}

#[test]
fn a_text_is_refused_beforehand_exactly_when_it_could_not_be_printed() {
    let fonts = fonts();
    // Scripts, symbols and compatibility forms; what lies between and above is in no built-in font.
    for block in (0..0x2400_u32).step_by(16).chain([0x3040, 0xfb00]).chain((0xff00..0xff70).step_by(16)) {
        let text: String = iter::once('x').chain((block..block + 16).filter_map(char::from_u32)).collect();
        let printed = print(TicketPage { holder: text.clone(), ..page() });
        assert_eq!(fonts.unprintable(&text).is_some(), printed.is_err(), "U+{block:04X}: {printed:?}");
    }
}

#[test]
fn scripts_that_need_shaping_are_refused_and_not_printed_backwards() {
    for (holder, character) in [("سلام", 'س'), ("שלום", 'ש'), ("नमस्ते", 'न')] {
        let error = print(TicketPage { holder: holder.to_owned(), ..page() }).unwrap_err();
        assert_eq!(error, RenderError::NeedsShaping { character, field: "holder" });
    }
}

#[test]
fn a_configured_font_serves_the_characters_that_the_built_in_one_lacks() {
    let georgian = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/assets/fonts/DejaVuSans-Georgian.test.ttf"));
    let name = "Nino (ნინო) Ბერიძე".replace('Ბ', "ბ");
    let page = TicketPage { holder: name.clone(), ..page() };
    assert!(matches!(print(page.clone()), Err(RenderError::MissingGlyph { character: 'ნ', .. })));
    let fonts = Fonts::load(&[georgian]).unwrap();
    assert_eq!(fonts.unprintable(&name), None);
    let pdf = render(&[page], &fonts, MADE_AT).unwrap();
    assert!(texts(&pdf)[0].contains(&format!("HOLDER {name}")), "{:?}", texts(&pdf));
}

#[test]
fn every_unusable_font_is_told() {
    let errors = Fonts::load(&[
        PathBuf::from("/nowhere/a.ttf"),
        PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")),
    ]);
    let errors: Vec<String> = errors.unwrap_err().iter().map(ToString::to_string).collect();
    assert!(errors[0].starts_with("font /nowhere/a.ttf:") && errors[1].contains("is not a TrueType"), "{errors:?}");
}

#[test]
fn a_whole_order_is_one_document_with_a_page_for_each_ticket() {
    let page = |number, holder: &str| TicketPage { number, count: 3, holder: holder.to_owned(), ..page() };
    let pdf = render(&[page(1, "Ann"), page(2, "Борис"), page(3, "Γιώργος")], &fonts(), MADE_AT).unwrap();
    let texts = texts(&pdf);
    assert_eq!(texts.len(), 3);
    for (text, part) in texts.iter().zip(["Ticket 1 of 3", "Ticket 2 of 3", "Ticket 3 of 3"]) {
        assert!(text.contains(part), "{text:?}");
    }
    assert!(texts[1].contains("HOLDER Борис") && texts[2].contains("HOLDER Γιώργος"));
}

#[test]
fn no_page_and_too_many_pages_are_refused() {
    assert_eq!(render(&[], &fonts(), MADE_AT), Err(RenderError::PagesCount(0)));
    let pages = vec![page(); PAGES_MAX + 1];
    assert_eq!(render(&pages, &fonts(), MADE_AT), Err(RenderError::PagesCount(PAGES_MAX + 1)));
}

#[test]
fn a_long_name_shrinks_and_then_ends_in_an_ellipsis_without_leaving_the_page() {
    let page = TicketPage {
        event_name: "An extraordinarily long name of an event ".repeat(20),
        venue: "W".repeat(3_000),
        holder: "Donaudampfschifffahrtsgesellschaftskapitän ".repeat(10),
        place: PlaceLabels::Seat { section: "S".repeat(300), row: "R".repeat(50), seat: "Z".repeat(50) },
        ..page()
    };
    let pdf = print(page).unwrap();
    let text = texts(&pdf).remove(0);
    assert!(text.matches('…').count() >= 5, "{text}");
    assert!(text.contains("The code admits its bearer once."));
}

#[test]
fn title_and_creation_date_are_set() {
    let pdf = print(page()).unwrap();
    let document = PdfDocument::parse(&pdf, &PdfParseOptions::default(), &mut Vec::new()).unwrap();
    assert_eq!(document.metadata.info.document_title, "Ticket: Night Concert");
    assert!(pdf.windows(16).any(|window| window == b"/CreationDate(D:"));
    assert!(pdf.windows(10).any(|window| window == b"D:20260921"));
}

#[test]
fn times_are_told_in_the_zone_of_the_event_on_that_day() {
    let text = |at, zone| starts_text(UnixMillis(at), zone).unwrap();
    assert_eq!(text(1_794_681_000_000, "Europe/Berlin"), "Saturday, 14 November 2026, 19:30 CET (Europe/Berlin)");
    assert_eq!(text(1_782_500_400_000, "Europe/Berlin"), "Friday, 26 June 2026, 21:00 CEST (Europe/Berlin)");
    assert_eq!(text(1_794_681_000_000, "Asia/Kathmandu"), "Sunday, 15 November 2026, 00:15 +0545 (Asia/Kathmandu)");
    let error = starts_text(UnixMillis(0), "Mars/Olympus").unwrap_err();
    assert_eq!(error, RenderError::TimeZone("Mars/Olympus".to_owned()));
}

#[test]
fn amounts_have_as_many_digits_as_their_currency() {
    let text = |minor, code: &str| price_text(Minor(minor), code.parse().unwrap());
    assert_eq!(text(4_505, "EUR"), "EUR 45.05");
    assert_eq!(text(4_500, "JPY"), "JPY 4500");
    assert_eq!(text(1_250, "KWD"), "KWD 1.250");
    assert_eq!(text(0, "GBP"), "GBP 0.00");
    assert_eq!(text(100, "XXX"), "XXX 1.00");
}
