//! A document under the pen: places text, rules and codes, and remembers which characters it needs fonts for.
//!
//! Lengths are points (1/72 inch); y grows upwards from the bottom of the page.

use std::collections::{BTreeMap, BTreeSet};

use printpdf::{
    Color, DictItem, ExternalStream, ExternalXObject, Greyscale, Mm, OffsetDateTime, Op, PaintMode, PdfDocument,
    PdfFont, PdfFontHandle, PdfPage, PdfSaveOptions, Point, Pt, Rect, TextItem, XObject, XObjectId, XObjectTransform,
};
use usher_core::UnixMillis;

use super::fonts::{FaceId, Fonts, Style, Unprintable};
use super::pack::Packer;
use super::qr::Qr;
use super::render::RenderError;

pub(super) const PAGE_WIDTH_PT: f32 = 595.28;
pub(super) const PAGE_HEIGHT_PT: f32 = 841.89;

/// How a text looks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Face {
    pub(super) style: Style,
    pub(super) size_pt: f32,
    /// 0 is black, 1 white.
    pub(super) grey: f32,
}

/// The box a text has to fit.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fit {
    pub(super) width_pt: f32,
    pub(super) lines_max: usize,
    /// The text shrinks down to this before it is cut.
    pub(super) size_min_pt: f32,
}

/// Baselines of lines are this many times the size apart.
pub(super) const LINE_HEIGHT: f32 = 1.22;

pub(super) struct Sheet<'a> {
    fonts: &'a Fonts,
    used: BTreeMap<FaceId, BTreeSet<char>>,
    document: PdfDocument,
    ops: Vec<Op>,
    grey: Option<f32>,
}

impl<'a> Sheet<'a> {
    pub(super) fn new(fonts: &'a Fonts, title: &str, author: &str, made_at: UnixMillis) -> Self {
        let mut document = PdfDocument::new(title);
        let info = &mut document.metadata.info;
        if let Ok(made_at) = OffsetDateTime::from_unix_timestamp(made_at.0.div_euclid(1_000)) {
            info.creation_date = made_at;
            info.modification_date = made_at;
            info.metadata_date = made_at;
        }
        info.author = author.to_owned();
        info.producer = "Usher".to_owned();
        // The digits of ids, prices and seats come in any mixture; with all of them, more tickets share a font.
        let used = [(FaceId::REGULAR, "0123456789abcdef"), (FaceId::BOLD, "0123456789")];
        let used = used.map(|(face, characters)| (face, characters.chars().collect())).into();
        Self { fonts, used, document, ops: Vec::new(), grey: None }
    }

    /// Ends a page.
    pub(super) fn end_page(&mut self) {
        let mut page = PdfPage::new(Mm(210.0), Mm(297.0), std::mem::take(&mut self.ops));
        let whole = Rect::from_wh(Pt(PAGE_WIDTH_PT), Pt(PAGE_HEIGHT_PT));
        (page.media_box, page.trim_box, page.crop_box) = (whole.clone(), whole.clone(), whole);
        self.document.pages.push(page);
        self.grey = None;
    }

    /// The text as the fonts can set it.
    pub(super) fn printable(&self, text: &str) -> String {
        self.fonts.printable(text)
    }

    /// The document with the fonts it needs.
    pub(super) fn finish(mut self) -> Result<Vec<u8>, RenderError> {
        let mut subsets = Vec::new();
        for (face, characters) in &self.used {
            let subset = self.fonts.subset(*face, characters).map_err(RenderError::Font)?;
            self.document.resources.fonts.map.insert(face.resource(), PdfFont::new(subset.font.clone()));
            subsets.push(subset);
        }
        let options = PdfSaveOptions { subset_fonts: false, ..PdfSaveOptions::default() };
        let mut document = self.document.to_lopdf_document(&options, &mut Vec::new());
        let mut packer = Packer::default();
        for stream in document.objects.values_mut().filter_map(|object| object.as_stream_mut().ok()) {
            let packed = subsets.iter().find(|subset| subset.font.original_bytes == stream.content);
            let packed = packed.map_or_else(|| packer.deflated(&stream.content), |subset| subset.deflated.clone());
            stream.dict.set("Filter", "FlateDecode");
            stream.set_content(packed);
        }
        let mut bytes = Vec::new();
        document.save_to(&mut bytes).map_err(|error| RenderError::Document(error.to_string()))?;
        Ok(bytes)
    }

    /// Places one line with its left end at `x`.
    pub(super) fn line(
        &mut self,
        text: &str,
        field: &'static str,
        face: Face,
        x: f32,
        y: f32,
    ) -> Result<(), RenderError> {
        if text.is_empty() {
            return Ok(());
        }
        let mut runs: Vec<(FaceId, String)> = Vec::new();
        for character in text.chars() {
            let font = self.font(face.style, character, field)?;
            self.used.entry(font).or_default().insert(character);
            match runs.last_mut() {
                Some((last, run)) if *last == font => run.push(character),
                Some(_) | None => runs.push((font, character.to_string())),
            }
        }
        self.fill(face.grey);
        self.ops.push(Op::StartTextSection);
        self.ops.push(Op::SetTextCursor { pos: Point { x: Pt(x), y: Pt(y) } });
        for (font, run) in runs {
            let size = Pt(face.size_pt);
            self.ops.push(Op::SetFont { font: PdfFontHandle::External(font.resource()), size });
            self.ops.push(Op::ShowText { items: vec![TextItem::Text(run)] });
        }
        self.ops.push(Op::EndTextSection);
        Ok(())
    }

    /// Places a text as lines that fit, the first baseline at `y`; answers the last baseline.
    pub(super) fn paragraph(
        &mut self,
        text: &str,
        field: &'static str,
        face: Face,
        fit: Fit,
        (x, mut y): (f32, f32),
    ) -> Result<f32, RenderError> {
        let (lines, face) = self.fitted(text, field, face, fit)?;
        for (index, line) in lines.iter().enumerate() {
            if index > 0 {
                y -= face.size_pt * LINE_HEIGHT;
            }
            self.line(line, field, face, x, y)?;
        }
        Ok(y)
    }

    /// The width of a text on one line.
    pub(super) fn width_pt(&self, text: &str, field: &'static str, face: Face) -> Result<f32, RenderError> {
        let advance = |character| Ok(self.fonts.advance_em(self.font(face.style, character, field)?, character));
        text.chars().map(advance).sum::<Result<f32, RenderError>>().map(|ems| ems * face.size_pt)
    }

    /// A filled rectangle.
    pub(super) fn rectangle(&mut self, grey: f32, x: f32, y: f32, width: f32, height: f32) {
        self.fill(grey);
        let mut rectangle = Rect::from_xywh(Pt(x), Pt(y), Pt(width), Pt(height));
        rectangle.mode = Some(PaintMode::Fill);
        self.ops.push(Op::DrawRectangle { rectangle });
    }

    /// A code with its bottom left corner at (x, y).
    pub(super) fn code(&mut self, code: &Qr, x: f32, y: f32, side: f32) {
        let modules = i64::from(code.side_modules);
        let name = |name: &str| DictItem::Name(name.as_bytes().to_vec());
        let bounds = [0, 0, modules, modules].map(DictItem::Int).to_vec();
        let dict = [("Type", name("XObject")), ("Subtype", name("Form")), ("BBox", DictItem::Array(bounds))];
        let stream = ExternalStream {
            dict: dict.into_iter().map(|(key, value)| (key.to_owned(), value)).collect(),
            content: code.operators().into_bytes(),
            compress: true,
        };
        let id = XObjectId(format!("Q{}", self.document.pages.len()));
        let object = XObject::External(ExternalXObject { stream, width: None, height: None, dpi: None });
        self.document.resources.xobjects.map.insert(id.clone(), object);
        self.fill(0.0);
        let scale = Some(side / f32::from(code.side_modules));
        let transform = XObjectTransform {
            translate_x: Some(Pt(x)),
            translate_y: Some(Pt(y)),
            scale_x: scale,
            scale_y: scale,
            no_auto_scale: true,
            ..XObjectTransform::default()
        };
        self.ops.push(Op::UseXobject { id, transform });
    }

    fn fill(&mut self, grey: f32) {
        if self.grey.replace(grey) != Some(grey) {
            self.ops.push(Op::SetFillColor { col: Color::Greyscale(Greyscale::new(grey, None)) });
        }
    }

    fn font(&self, style: Style, character: char, field: &'static str) -> Result<FaceId, RenderError> {
        self.fonts.face_of(style, character).map_err(|unprintable| match unprintable {
            Unprintable::MissingGlyph(character) => RenderError::MissingGlyph { character, field },
            Unprintable::NeedsShaping(character) => RenderError::NeedsShaping { character, field },
        })
    }

    /// The lines of a text at the largest size that fits; at the smallest, the last line is cut and says so with `…`.
    fn fitted(
        &self,
        text: &str,
        field: &'static str,
        face: Face,
        fit: Fit,
    ) -> Result<(Vec<String>, Face), RenderError> {
        let mut face = face;
        loop {
            let mut lines = self.wrapped(text, field, face, fit.width_pt)?;
            if lines.len() <= fit.lines_max {
                return Ok((lines, face));
            }
            if face.size_pt > fit.size_min_pt {
                face.size_pt = (face.size_pt * 0.9).max(fit.size_min_pt);
                continue;
            }
            lines.truncate(fit.lines_max);
            if let Some(last) = lines.last_mut() {
                while self.width_pt(&format!("{last}…"), field, face)? > fit.width_pt && last.pop().is_some() {}
                last.push('…');
            }
            return Ok((lines, face));
        }
    }

    /// Breaks at blanks, and inside words that are wider than a line.
    fn wrapped(&self, text: &str, field: &'static str, face: Face, width_pt: f32) -> Result<Vec<String>, RenderError> {
        let blank_pt = self.width_pt(" ", field, face)?;
        let mut lines = vec![String::new()];
        let mut used_pt = 0.0;
        for word in text.split(' ') {
            let word_pt = self.width_pt(word, field, face)?;
            if used_pt > 0.0 && used_pt + blank_pt + word_pt > width_pt {
                lines.push(String::new());
                used_pt = 0.0;
            } else if used_pt > 0.0 {
                lines.iter_mut().last().into_iter().for_each(|line| line.push(' '));
                used_pt += blank_pt;
            }
            for character in word.chars() {
                let advance_pt = self.width_pt(character.encode_utf8(&mut [0; 4]), field, face)?;
                if used_pt > 0.0 && used_pt + advance_pt > width_pt {
                    lines.push(String::new());
                    used_pt = 0.0;
                }
                lines.iter_mut().last().into_iter().for_each(|line| line.push(character));
                used_pt += advance_pt;
            }
        }
        Ok(lines)
    }
}
