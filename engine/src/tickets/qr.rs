//! QR codes as a few filled rectangles.
//!
//! Vectors stay sharp at any size and on any printer, where a small image is smoothed by some viewers until scanners
//! give up. Runs of dark modules are merged along rows and then downwards, which leaves about a third of the shapes.

use std::fmt::Write as _;

use qrcode::bits::encode_auto;
use qrcode::canvas::{Canvas, MaskPattern};
use qrcode::{Color, EcLevel, ec};

const REDUNDANCY: EcLevel = EcLevel::M;

/// Light modules that the standard wants around a code.
pub(super) const QUIET_ZONE_MODULES: u16 = 4;

/// A code of dark rectangles on a square grid whose origin is at the bottom left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Qr {
    /// Modules along a side, without the quiet zone.
    pub(super) side_modules: u16,
    /// (x, y, width, height) in modules.
    pub(super) rectangles: Vec<[u16; 4]>,
}

impl Qr {
    /// The code for a text with 15 % of redundancy; `None` when the text is too long for any code.
    pub(super) fn of(text: &str) -> Option<Self> {
        let (side, dark) = modules(text)?;
        let side_modules = u16::try_from(side).ok()?;
        let mut rectangles: Vec<[u16; 4]> = Vec::new();
        // Those of the row above that may still grow down.
        let mut open: Vec<usize> = Vec::new();
        for (row, modules) in (1..).zip(dark.chunks(side)) {
            let mut still_open = Vec::new();
            for [x, width] in runs(modules) {
                let above = open.iter().find(|index| rectangles[**index][0] == x && rectangles[**index][2] == width);
                if let Some(&index) = above {
                    rectangles[index][1] -= 1;
                    rectangles[index][3] += 1;
                    still_open.push(index);
                } else {
                    still_open.push(rectangles.len());
                    rectangles.push([x, side_modules - row, width, 1]);
                }
            }
            open = still_open;
        }
        Some(Self { side_modules, rectangles })
    }

    /// PDF operators that fill the code, one module to a unit.
    pub(super) fn operators(&self) -> String {
        let mut operators = String::with_capacity(self.rectangles.len() * 13);
        for [x, y, width, height] in &self.rectangles {
            // Writing to a String cannot fail.
            let _ = writeln!(operators, "{x} {y} {width} {height} re");
        }
        // One path and one fill: rectangles filled one by one would show hairlines where they touch.
        operators.push('f');
        operators
    }
}

/// The side of the code and its modules row by row, dark ones as `true`.
///
/// The mask is always the checkerboard. The standard picks the one of eight that leaves the fewest large patches, for
/// texts that would make some; a signature is random, so no mask is better than another, and trying all of them takes
/// longer than everything else about a code.
fn modules(text: &str) -> Option<(usize, Vec<bool>)> {
    let bits = encode_auto(text.as_bytes(), REDUNDANCY).ok()?;
    let version = bits.version();
    let (data, redundancy) = ec::construct_codewords(&bits.into_bytes(), version, REDUNDANCY).ok()?;
    let mut canvas = Canvas::new(version, REDUNDANCY);
    canvas.draw_all_functional_patterns();
    canvas.draw_data(&data, &redundancy);
    canvas.apply_mask(MaskPattern::Checkerboard);
    let dark = canvas.into_colors().iter().map(|color| *color == Color::Dark).collect();
    Some((usize::try_from(version.width()).ok()?, dark))
}

fn runs(modules: &[bool]) -> Vec<[u16; 2]> {
    let mut runs: Vec<[u16; 2]> = Vec::new();
    for (x, _) in (0_u16..).zip(modules).filter(|(_, dark)| **dark) {
        match runs.last_mut() {
            Some([start, width]) if *start + *width == x => *width += 1,
            Some(_) | None => runs.push([x, 1]),
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rectangles_cover_each_dark_module_once_and_no_light_one() {
        let text = "A".repeat(144);
        let qr = Qr::of(&text).unwrap();
        let side = usize::from(qr.side_modules);
        let mut covered = vec![0; side * side];
        for [x, y, width, height] in qr.rectangles.iter().map(|rectangle| rectangle.map(usize::from)) {
            for module_y in y..y + height {
                for module_x in x..x + width {
                    covered[(side - 1 - module_y) * side + module_x] += 1;
                }
            }
        }
        let (_, dark) = modules(&text).unwrap();
        let expected: Vec<i32> = dark.iter().map(|dark| i32::from(*dark)).collect();
        assert_eq!(covered, expected);
    }

    #[test]
    fn a_ticket_code_takes_version_6_and_a_novel_takes_none() {
        assert_eq!(Qr::of(&"A".repeat(144)).unwrap().side_modules, 41);
        assert_eq!(Qr::of(&"a".repeat(5_000)), None);
    }
}
