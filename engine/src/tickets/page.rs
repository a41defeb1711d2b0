//! How a ticket looks: one A4 page, readable at arm's length, whose upper half can be folded out.

use super::fonts::Style;
use super::qr::{QUIET_ZONE_MODULES, Qr};
use super::render::{PlaceLabels, RenderError, TicketPage, price_text, starts_text};
use super::sheet::{Face, Fit, PAGE_HEIGHT_PT, PAGE_WIDTH_PT, Sheet};
use crate::orders::order_code;

const MARGIN_PT: f32 = 48.0;
const WIDTH_PT: f32 = PAGE_WIDTH_PT - 2.0 * MARGIN_PT;
/// 62 mm: a module is then 1.5 mm, which any telephone reads from half a metre.
const CODE_PT: f32 = 176.0;
const CODE_X_PT: f32 = PAGE_WIDTH_PT - MARGIN_PT - CODE_PT;
const COLUMN_PT: f32 = WIDTH_PT - CODE_PT - 28.0;

const LABEL: Face = Face { style: Style::Regular, size_pt: 8.5, grey: 0.4 };
const SMALL: Face = Face { style: Style::Regular, size_pt: 9.5, grey: 0.25 };
const VALUE: Face = Face { style: Style::Regular, size_pt: 12.0, grey: 0.0 };
const STRONG: Face = Face { style: Style::Bold, size_pt: 14.0, grey: 0.0 };
const PLACE: Face = Face { style: Style::Bold, size_pt: 26.0, grey: 0.0 };
const TITLE: Face = Face { style: Style::Bold, size_pt: 28.0, grey: 0.0 };

/// Draws one page.
pub(super) fn draw(page: &TicketPage, sheet: &mut Sheet<'_>) -> Result<(), RenderError> {
    let y = draw_heading(page, sheet)?;
    sheet.rectangle(0.0, MARGIN_PT, y - 20.0, WIDTH_PT, 1.5);
    let top = y - 20.0;
    let left = draw_place(page, sheet, top - 24.0)?;
    let left = draw_details(page, sheet, left)?;
    let right = draw_code(page, sheet, top - 24.0)?;
    let bottom = left.min(right) - 26.0;
    sheet.rectangle(0.8, MARGIN_PT, bottom, WIDTH_PT, 0.75);
    let note =
        "The code admits its bearer once. Do not show it to anyone before the door; a copy is as good as this page.";
    let fit = Fit { width_pt: WIDTH_PT, lines_max: 3, size_min_pt: LABEL.size_pt };
    sheet.paragraph(note, "note", LABEL, fit, (MARGIN_PT, bottom - 16.0))?;
    sheet.end_page();
    Ok(())
}

/// Organizer, event, time and venue; answers the last baseline.
fn draw_heading(page: &TicketPage, sheet: &mut Sheet<'_>) -> Result<f32, RenderError> {
    let top = PAGE_HEIGHT_PT - MARGIN_PT - 10.0;
    let number = format!("Ticket {} of {}", page.number, page.count);
    let number_pt = sheet.width_pt(&number, "number", SMALL)?;
    sheet.line(&number, "number", SMALL, PAGE_WIDTH_PT - MARGIN_PT - number_pt, top)?;
    let fit = Fit { width_pt: WIDTH_PT - number_pt - 20.0, lines_max: 1, size_min_pt: 8.0 };
    let organizer_name = sheet.printable(&page.organizer_name);
    sheet.paragraph(&organizer_name, "organizer name", SMALL, fit, (MARGIN_PT, top))?;

    let fit = Fit { width_pt: WIDTH_PT, lines_max: 3, size_min_pt: 15.0 };
    let event_name = sheet.printable(&page.event_name);
    let y = sheet.paragraph(&event_name, "event name", TITLE, fit, (MARGIN_PT, top - 46.0))?;
    let fit = Fit { width_pt: WIDTH_PT, lines_max: 2, size_min_pt: 10.0 };
    let starts = starts_text(page.starts_at, &page.time_zone)?;
    let y = sheet.paragraph(&starts, "start", STRONG, fit, (MARGIN_PT, y - 30.0))?;
    let fit = Fit { width_pt: WIDTH_PT, lines_max: 3, size_min_pt: 8.5 };
    let venue = sheet.printable(&page.venue);
    sheet.paragraph(&venue, "venue", VALUE, fit, (MARGIN_PT, y - 20.0))
}

/// Section, row and seat, or the area, large; answers the last baseline.
fn draw_place(page: &TicketPage, sheet: &mut Sheet<'_>, top: f32) -> Result<f32, RenderError> {
    let wide = Fit { width_pt: COLUMN_PT, lines_max: 2, size_min_pt: 12.0 };
    match &page.place {
        PlaceLabels::Seat { section, row, seat } => {
            let y = field(sheet, ("SECTION", "section"), section, PLACE, wide, (MARGIN_PT, top))?;
            let half = Fit { width_pt: COLUMN_PT / 2.0 - 10.0, lines_max: 1, size_min_pt: 10.0 };
            let y = y - 24.0;
            let row_y = field(sheet, ("ROW", "row"), row, PLACE, half, (MARGIN_PT, y))?;
            let seat_y = field(sheet, ("SEAT", "seat"), seat, PLACE, half, (MARGIN_PT + COLUMN_PT / 2.0, y))?;
            Ok(row_y.min(seat_y))
        }
        PlaceLabels::Area { area } => {
            let y = field(sheet, ("AREA", "area"), area, PLACE, wide, (MARGIN_PT, top))?;
            sheet.line("Unnumbered place", "area", SMALL, MARGIN_PT, y - 18.0)?;
            Ok(y - 18.0)
        }
    }
}

/// Holder, price, order; answers the last baseline.
fn draw_details(page: &TicketPage, sheet: &mut Sheet<'_>, y: f32) -> Result<f32, RenderError> {
    let fit = Fit { width_pt: COLUMN_PT, lines_max: 2, size_min_pt: 8.0 };
    let y = field(sheet, ("HOLDER", "holder"), &page.holder, STRONG, fit, (MARGIN_PT, y - 30.0))?;
    let price = price_text(page.price, page.currency);
    let half = Fit { width_pt: COLUMN_PT / 2.0 - 10.0, ..fit };
    let at = y - 24.0;
    let price_y = field(sheet, ("PRICE", "price"), &price, VALUE, half, (MARGIN_PT, at))?;
    let tier_y = field(sheet, ("CATEGORY", "tier"), &page.tier, VALUE, half, (MARGIN_PT + COLUMN_PT / 2.0, at))?;
    let fit = Fit { width_pt: COLUMN_PT, lines_max: 1, size_min_pt: 7.0 };
    let y = price_y.min(tier_y) - 24.0;
    field(sheet, ("ORDER", "order"), &order_code(page.order), SMALL, fit, (MARGIN_PT, y))
}

/// The code and the ticket's id; answers the last baseline.
fn draw_code(page: &TicketPage, sheet: &mut Sheet<'_>, top: f32) -> Result<f32, RenderError> {
    let code = Qr::of(&page.code).ok_or(RenderError::CodeTooLong)?;
    // The page is white around it: the quiet zone needs no drawing, only that nothing is drawn into it.
    let quiet_pt = CODE_PT / f32::from(code.side_modules) * f32::from(QUIET_ZONE_MODULES);
    sheet.code(&code, CODE_X_PT, top - CODE_PT, CODE_PT);
    let y = top - CODE_PT - quiet_pt - LABEL.size_pt;
    let fit = Fit { width_pt: CODE_PT, lines_max: 1, size_min_pt: 7.0 };
    field(sheet, ("TICKET", "ticket"), &page.ticket.to_string(), SMALL, fit, (CODE_X_PT, y))
}

/// A small label and under it a value; answers the value's last baseline.
fn field(
    sheet: &mut Sheet<'_>,
    (label, name): (&str, &'static str),
    value: &str,
    face: Face,
    fit: Fit,
    (x, y): (f32, f32),
) -> Result<f32, RenderError> {
    sheet.line(label, name, LABEL, x, y)?;
    let value = sheet.printable(value);
    sheet.paragraph(&value, name, face, fit, (x, y - 5.0 - face.size_pt))
}
