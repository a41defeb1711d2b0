//! The API's description as a page that needs nothing from elsewhere.

use std::fmt::Write;
use std::sync::LazyLock;

use actix_web::web::Data;
use askama::Template;
use serde_json::Value;

use super::{Answer, Frame, assets, public_page};
use crate::routes::docs::document;
use crate::state::AppState;

static BODY: LazyLock<String> = LazyLock::new(|| described(&serde_json::from_str(&document()).unwrap_or_default()));

#[derive(Template)]
#[template(path = "docs.html")]
struct DocsPage {
    frame: Frame,
    style: String,
    body: &'static str,
}

/// The page.
pub(super) async fn page(state: Data<AppState>) -> Answer {
    public_page(&DocsPage { frame: Frame::new(&state), style: assets::address("docs.css"), body: &BODY })
}

fn described(document: &Value) -> String {
    let mut body = format!(
        "<h1>{} API</h1><p>{}</p><p><a href=\"/openapi.json\">openapi.json</a> · <a href=\"/problems\">Problems</a></p>",
        text(&document["info"]["title"]),
        text(&document["info"]["description"])
    );
    for tag in document["tags"].as_array().into_iter().flatten() {
        // Writing to a string cannot fail, here and below.
        let _ = write!(body, "<h2>{}</h2><p>{}</p>", text(&tag["name"]), text(&tag["description"]));
        for (path, methods) in document["paths"].as_object().into_iter().flatten() {
            for (method, operation) in methods.as_object().into_iter().flatten() {
                if operation["tags"][0] == tag["name"] {
                    describe(&mut body, path, method, operation);
                }
            }
        }
    }
    body.push_str("<h2>Shapes</h2>");
    for (name, schema) in document["components"]["schemas"].as_object().into_iter().flatten() {
        let pretty = serde_json::to_string_pretty(schema).unwrap_or_default();
        let name = escaped(name);
        let _ = write!(
            body,
            "<details id=\"shape-{name}\"><summary><code>{name}</code></summary><pre>{}</pre></details>",
            escaped(&pretty)
        );
    }
    body
}

fn describe(body: &mut String, path: &str, method: &str, operation: &Value) {
    let _ = write!(
        body,
        "<details><summary><code class=\"method\">{}</code> <code>{}</code> {}</summary>",
        escaped(&method.to_uppercase()),
        escaped(path),
        text(&operation["summary"])
    );
    if let Some(parameters) = operation["parameters"].as_array() {
        body.push_str("<table><tr><th>Parameter</th><th>In</th><th></th></tr>");
        for parameter in parameters {
            let _ = write!(
                body,
                "<tr><td><code>{}</code></td><td>{}</td><td>{}</td></tr>",
                text(&parameter["name"]),
                text(&parameter["in"]),
                text(&parameter["description"])
            );
        }
        body.push_str("</table>");
    }
    for content in operation["requestBody"]["content"].as_object().into_iter().flatten() {
        let _ = write!(body, "<p>Body: <code>{}</code> {}</p>", escaped(content.0), shape(&content.1["schema"]));
    }
    for (status, response) in operation["responses"].as_object().into_iter().flatten() {
        let shapes = response["content"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(kind, content)| format!("<code>{}</code> {}", escaped(kind), shape(&content["schema"])));
        let shapes: Vec<String> = shapes.collect();
        let _ = write!(body, "<p>{}: {} {}</p>", escaped(status), text(&response["description"]), shapes.join(", "));
    }
    body.push_str("</details>");
}

/// A link to a named shape.
fn shape(schema: &Value) -> String {
    let Some(name) = schema["$ref"].as_str().and_then(|reference| reference.rsplit('/').next()) else {
        return String::new();
    };
    let name = escaped(name);
    format!("<a href=\"#shape-{name}\">{name}</a>")
}

fn text(value: &Value) -> String {
    escaped(value.as_str().unwrap_or_default())
}

/// Text that cannot become markup.
fn escaped(text: &str) -> String {
    askama::filters::escape(text, askama::filters::Html).map_or_else(|never| match never {}, |safe| safe.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_shows_every_operation() {
        let document: Value = serde_json::from_str(&document()).unwrap();
        assert_eq!(document["openapi"], "3.1.0");
        let page = described(&document);
        for path in document["paths"].as_object().unwrap().keys() {
            assert!(page.contains(&escaped(path)), "{path}");
        }
        assert!(!page.contains("http://") && !page.contains("https://"), "the page must need nothing from elsewhere");
    }
}
