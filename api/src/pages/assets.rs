//! Styles and scripts, embedded. Their address holds a digest of all of them, so that browsers keep them for good;
//! modules import each other by relative names and so stay in one version.

use std::fmt::Write;
use std::sync::LazyLock;

use actix_web::HttpResponse;
use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::Path;
use rust_embed::RustEmbed;
use sha2::{Digest, Sha256};

use super::Answer;
use crate::middleware::headers::CACHE_IMMUTABLE;
use crate::problem::{Problem, kinds};

#[derive(RustEmbed)]
#[folder = "assets"]
struct Assets;

/// Hexadecimal digits of the digest in addresses.
const DIGEST_CHARS: usize = 16;

static DIGEST: LazyLock<String> = LazyLock::new(|| {
    let mut names: Vec<_> = Assets::iter().collect();
    names.sort();
    let mut hasher = Sha256::new();
    for name in names {
        hasher.update(name.as_bytes());
        hasher.update(Assets::get(&name).map(|file| file.data).unwrap_or_default());
    }
    let mut text = hasher.finalize().iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    });
    text.truncate(DIGEST_CHARS);
    text
});

/// Where the asset of that name is.
pub(super) fn address(name: &str) -> String {
    format!("/assets/{}/{name}", *DIGEST)
}

/// The sign in the tab, where browsers look for it on pages that do not name one.
pub(super) async fn icon() -> Answer {
    let file = Assets::get("icon.svg").ok_or_else(|| Problem::of(&kinds::NOT_FOUND))?;
    let caching = (CACHE_CONTROL, "public, max-age=86400");
    Ok(HttpResponse::Ok().content_type("image/svg+xml").insert_header(caching).body(file.data.into_owned()))
}

/// One asset. An address of another version answers with this one and is not kept.
pub(super) async fn serve(path: Path<(String, String)>) -> Answer {
    let (digest, name) = path.into_inner();
    let file = Assets::get(&name).ok_or_else(|| Problem::of(&kinds::NOT_FOUND))?;
    let kept = if digest == *DIGEST { CACHE_IMMUTABLE } else { "no-cache" };
    let kind = mime_guess::from_path(&name).first_or_octet_stream();
    Ok(HttpResponse::Ok()
        .content_type(kind.to_string())
        .insert_header((CACHE_CONTROL, kept))
        .body(file.data.into_owned()))
}
