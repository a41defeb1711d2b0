//! The fonts tickets are set in: Latin, Greek and Cyrillic built in, others by configuration.
//!
//! Each character is set in the first font that has it: the built-in one of its style, then the configured ones in
//! their order. Only the glyphs that a document uses are embedded. A character that no font has is set as what it stands
//! for if Unicode knows such a thing; else it is an error of the caller's text, told by name. There is no replacement
//! glyph. Forms ask the same fonts by the same rule ([`Fonts::unprintable`]), so that what is accepted can be printed.

use std::collections::{BTreeSet, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::{fs, iter};

use allsorts::binary::read::ReadScope;
use allsorts::font_data::FontData;
use allsorts::subset::{CmapTarget, SubsetProfile};
use allsorts::tag;
use printpdf::ParsedFont;
use unicode_normalization::UnicodeNormalization as _;

use super::pack::Packer;
use super::text::needs_shaping;

const REGULAR: &[u8] = include_bytes!("../../assets/fonts/DejaVuSans.subset.ttf");
const BOLD: &[u8] = include_bytes!("../../assets/fonts/DejaVuSans-Bold.subset.ttf");

/// The largest font file that is read: Chinese, Japanese and Korean in one are 20 MB.
pub const FONT_FILE_BYTES_MAX: u64 = 64 << 20;

/// What a viewer needs to draw glyphs. Names are not among it: with their licence they are often larger than the glyphs.
const EMBEDDED_TABLES: [u32; 9] =
    [tag::CMAP, tag::CVT, tag::FPGM, tag::HEAD, tag::HHEA, tag::HMTX, tag::MAXP, tag::POST, tag::PREP];

/// A configured font that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("font {}: {reason}", path.display())]
pub struct FontError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub reason: String,
}

/// A character that cannot be printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unprintable {
    /// No font has it.
    #[error("tickets cannot show the character “{0}” (U+{code:04X}): no font here has it", code = u32::from(*.0))]
    MissingGlyph(char),
    /// Its script is written from right to left, joined or reordered, which the printer does not do.
    #[error(
        "tickets cannot show the character “{0}” (U+{code:04X}): its script is written from right to left or joined",
        code = u32::from(*.0)
    )]
    NeedsShaping(char),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    Regular,
    Bold,
}

/// One font of a document: its position among all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct FaceId(usize);

impl FaceId {
    /// The built-in font.
    pub(super) const REGULAR: Self = Self(0);
    /// The built-in font, bold.
    pub(super) const BOLD: Self = Self(1);

    /// The name of the font in the document's resources.
    pub(super) fn resource(self) -> printpdf::FontId {
        printpdf::FontId(format!("T{}", self.0))
    }
}

/// All fonts, parsed once and shared by all printers.
#[derive(Debug)]
pub struct Fonts {
    faces: Vec<ParsedFont>,
    /// Configured ones, in order.
    fallbacks: Vec<FaceId>,
    /// The latest first.
    subsets: Mutex<VecDeque<(SubsetKey, Arc<Subset>)>>,
}

type SubsetKey = (FaceId, BTreeSet<char>);

/// Subsets that are kept. The tickets of one event differ in little but the holder, so most of them need the same
/// regular font, and those of one order the same fonts altogether.
const SUBSETS_MAX: usize = 64;

/// A font with some glyphs of another.
#[derive(Debug)]
pub(super) struct Subset {
    pub(super) font: ParsedFont,
    /// Its program, packed.
    pub(super) deflated: Vec<u8>,
}

impl Fonts {
    /// The built-in fonts and the files at `paths` (TrueType, OpenType, or the first font of a collection).
    ///
    /// # Errors
    /// All files that cannot be used, not just the first.
    ///
    /// # Panics
    /// When a built-in font cannot be parsed: a broken build.
    pub fn load(paths: &[PathBuf]) -> Result<Self, Vec<FontError>> {
        let built_in = |bytes: &[u8], name| parse(bytes, name).expect("the built-in fonts are TrueType files");
        let mut faces = vec![built_in(REGULAR, "DejaVuSans".to_owned()), built_in(BOLD, "DejaVuSans-Bold".to_owned())];
        let mut errors = Vec::new();
        for path in paths {
            match read(path).and_then(|bytes| parse(&bytes, name_of(path))) {
                Ok(face) => faces.push(face),
                Err(reason) => errors.push(FontError { path: path.clone(), reason }),
            }
        }
        let fallbacks = (2..faces.len()).map(FaceId).collect();
        if errors.is_empty() { Ok(Self { faces, fallbacks, subsets: Mutex::default() }) } else { Err(errors) }
    }

    /// The first character of a text that cannot be printed, so that a form can refuse it before money moves.
    #[must_use]
    pub fn unprintable(&self, text: &str) -> Option<Unprintable> {
        self.printable(text).chars().find_map(|character| self.face_of(Style::Regular, character).err())
    }

    /// The text as it is set. A character that no font has is set as what it stands for where that can be set:
    /// `ﬁ` as `fi`, `⑫` as `12`, full-width letters as plain ones. Others stay, to be told by name.
    #[must_use]
    pub fn printable(&self, text: &str) -> String {
        let has = |character: &char| self.face_of(Style::Regular, *character).is_ok();
        let mut set = String::with_capacity(text.len());
        for character in super::text::printable(text).chars() {
            let plain: String = iter::once(character).nfkc().collect();
            if has(&character) || !plain.chars().all(|part| has(&part)) {
                set.push(character);
            } else {
                set.push_str(&plain);
            }
        }
        set
    }

    /// The font that a character is set in.
    pub(super) fn face_of(&self, style: Style, character: char) -> Result<FaceId, Unprintable> {
        if needs_shaping(character) {
            return Err(Unprintable::NeedsShaping(character));
        }
        let preferred = match style {
            Style::Regular => [FaceId::REGULAR, FaceId::BOLD],
            Style::Bold => [FaceId::BOLD, FaceId::REGULAR],
        };
        let mut candidates = preferred.iter().chain(&self.fallbacks).copied();
        candidates.find(|face| self.glyph(*face, character).is_some()).ok_or(Unprintable::MissingGlyph(character))
    }

    /// How far a character moves the pen, in ems.
    pub(super) fn advance_em(&self, face: FaceId, character: char) -> f32 {
        let font = &self.faces[face.0];
        let width = self.glyph(face, character).and_then(|glyph| font.get_glyph_width(glyph)).unwrap_or(0);
        f32::from(width) / f32::from(font.units_per_em)
    }

    fn glyph(&self, face: FaceId, character: char) -> Option<u16> {
        // Glyph 0 is the box that stands for a missing one.
        self.faces[face.0].lookup_glyph_index(u32::from(character)).filter(|glyph| *glyph != 0)
    }

    /// A font with the glyphs of these characters alone, or why it cannot be made.
    pub(super) fn subset(&self, face: FaceId, characters: &BTreeSet<char>) -> Result<Arc<Subset>, String> {
        let kept = || self.subsets.lock().unwrap_or_else(PoisonError::into_inner);
        let mut subsets = kept();
        let place = subsets.iter().position(|((of, with), _)| *of == face && with == characters);
        if let Some(found) = place.and_then(|place| subsets.remove(place)) {
            let subset = Arc::clone(&found.1);
            subsets.push_front(found);
            return Ok(subset);
        }
        drop(subsets);
        let font = self.make_subset(face, characters)?;
        let deflated = Packer::default().deflated(&font.original_bytes);
        let subset = Arc::new(Subset { font, deflated });
        let mut subsets = kept();
        subsets.push_front(((face, characters.clone()), Arc::clone(&subset)));
        subsets.truncate(SUBSETS_MAX);
        Ok(subset)
    }

    fn make_subset(&self, face: FaceId, characters: &BTreeSet<char>) -> Result<ParsedFont, String> {
        let font = &self.faces[face.0];
        let mut glyphs: Vec<u16> = characters.iter().filter_map(|character| self.glyph(face, *character)).collect();
        glyphs.push(0);
        glyphs.sort_unstable();
        glyphs.dedup();
        let file = ReadScope::new(&font.original_bytes).read::<FontData<'_>>().map_err(|error| error.to_string())?;
        let tables = file.table_provider(0).map_err(|error| error.to_string())?;
        let profile = SubsetProfile::Custom(EMBEDDED_TABLES.to_vec());
        let bytes = allsorts::subset::subset(&tables, &glyphs, &profile, CmapTarget::Unicode)
            .map_err(|error| error.to_string())?;
        // A subset numbers its glyphs by their place in the request.
        let renumbered = |glyph: &u16| glyphs.binary_search(glyph).ok().and_then(|place| u16::try_from(place).ok());
        let codepoint = |character: &char| {
            let glyph = self.glyph(face, *character).as_ref().and_then(renumbered)?;
            Some((u32::from(*character), glyph))
        };
        let width = |glyph: &u16| Some((renumbered(glyph)?, font.get_glyph_width(*glyph)?));
        Ok(ParsedFont {
            original_bytes: bytes,
            font_index: 0,
            font_name: Some(format!("{}+{}", subset_tag(&glyphs), font.font_name.as_deref().unwrap_or("Font"))),
            codepoint_to_glyph: characters.iter().filter_map(codepoint).collect(),
            glyph_widths: glyphs.iter().filter_map(width).collect(),
            units_per_em: font.units_per_em,
            font_metrics: font.font_metrics.clone(),
            font_type: font.font_type,
            pdf_font_metrics: font.pdf_font_metrics.clone(),
        })
    }
}

/// Six letters that mark an embedded font as a part of the whole; different for different parts.
fn subset_tag(glyphs: &[u16]) -> String {
    let hash = glyphs.iter().fold(17_u32, |hash, glyph| hash.wrapping_mul(16_777_619) ^ u32::from(*glyph));
    (0..6).map(|place| char::from(b'A' + u8::try_from(hash / 26_u32.pow(place) % 26).unwrap_or(0))).collect()
}

fn parse(bytes: &[u8], name: String) -> Result<ParsedFont, String> {
    let mut warnings = Vec::new();
    let single = printpdf::extract_collection_face(bytes, 0);
    let parsed = ParsedFont::from_bytes(single.as_deref().unwrap_or(bytes), 0, &mut warnings);
    match parsed {
        Some(font) if !font.codepoint_to_glyph.is_empty() && font.units_per_em > 0 => {
            Ok(ParsedFont { font_name: Some(name), ..font })
        }
        Some(_) | None => Err("is not a TrueType or OpenType font with Unicode characters".to_owned()),
    }
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    let size_bytes = fs::metadata(path).map_err(|error| error.to_string())?.len();
    if size_bytes > FONT_FILE_BYTES_MAX {
        return Err(format!("is larger than {FONT_FILE_BYTES_MAX} bytes"));
    }
    fs::read(path).map_err(|error| error.to_string())
}

/// A name that is safe in a PDF, from the file's.
fn name_of(path: &Path) -> String {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let name: String =
        stem.chars().filter(|character| character.is_ascii_alphanumeric() || *character == '-').collect();
    if name.is_empty() { "Font".to_owned() } else { name }
}
