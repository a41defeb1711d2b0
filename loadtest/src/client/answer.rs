//! An answer, read to its end.

use std::time::Duration;

use reqwest::Response;
use reqwest::header::{HeaderMap, HeaderName, LOCATION, RETRY_AFTER, SET_COOKIE};
use serde_json::{Value, json};

use crate::audit::{Fault, Given};

/// How much of an answer that cannot be read is kept for reports, in characters.
const EXCERPT_CHARS: usize = 200;
/// Members of answers that may differ between two answers to one request: they tell the time, or where things stand.
const MOVING_MEMBERS: [&str; 3] = ["server_now", "state", "instance"];

/// What a server answered.
#[derive(Debug, Clone)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// The body.
    pub bytes: Vec<u8>,
    /// When to come back.
    pub retry_after: Option<Duration>,
    /// Where to go on to.
    pub location: Option<String>,
    /// `name=value` of the first cookie set.
    pub cookie: Option<String>,
}

impl Answer {
    /// Reads a response to its end.
    ///
    /// # Errors
    /// The connection broke.
    pub async fn read(response: Response) -> Result<Self, reqwest::Error> {
        let headers = response.headers();
        let cookie = text(headers, &SET_COOKIE).and_then(|cookie| Some(cookie.split_once(';')?.0.to_owned()));
        let retry_after = text(headers, &RETRY_AFTER).and_then(|seconds| seconds.parse().ok()).map(Duration::from_secs);
        let location = text(headers, &LOCATION).map(str::to_owned);
        let status = response.status().as_u16();
        Ok(Self { status, bytes: response.bytes().await?.into(), retry_after, location, cookie })
    }

    /// The body as JSON; null when it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or_default()
    }

    /// A problem's code.
    #[must_use]
    pub fn code(&self) -> Option<String> {
        if self.status < 400 {
            return None;
        }
        self.json()["code"].as_str().map(str::to_owned)
    }

    /// Whether what was asked was done.
    #[must_use]
    pub const fn is_success(&self) -> bool {
        self.status < 400
    }

    /// *Not now*: too many requests, try again later, or no room to write.
    #[must_use]
    pub const fn is_refusal(&self) -> bool {
        matches!(self.status, 429 | 503 | 507)
    }

    /// For the ledger: what must be the same the next time, from whichever of these servers it comes. Of a redirect,
    /// where to; of a problem, its code.
    #[must_use]
    pub fn given(&self, bases: &[String]) -> Given {
        let mut body = match (&self.location, self.code()) {
            (Some(location), _) => json!(location),
            (None, Some(code)) => json!(code),
            (None, None) => {
                let mut body = self.json();
                if let Some(members) = body.as_object_mut() {
                    for moving in MOVING_MEMBERS {
                        members.remove(moving);
                    }
                }
                body
            }
        };
        strip(&mut body, bases);
        Given { status: self.status, body }
    }

    /// For the ledger: an answer that should not be.
    #[must_use]
    pub fn fault(&self, what: &str) -> Fault {
        let answer = self.code().unwrap_or_else(|| self.excerpt());
        Fault { what: what.to_owned(), status: self.status, answer }
    }

    /// The beginning of the body.
    #[must_use]
    pub fn excerpt(&self) -> String {
        String::from_utf8_lossy(&self.bytes).chars().take(EXCERPT_CHARS).collect()
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// Takes the server's own address out of what an answer leads to: another node names its own.
fn strip(body: &mut Value, bases: &[String]) {
    match body {
        Value::String(text) => {
            if let Some(path) = bases.iter().find_map(|base| text.strip_prefix(base.as_str())) {
                *text = path.to_owned();
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| strip(item, bases)),
        Value::Object(members) => members.values_mut().for_each(|member| strip(member, bases)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &Value) -> Answer {
        Answer { status, bytes: body.to_string().into_bytes(), retry_after: None, location: None, cookie: None }
    }

    #[test]
    fn what_moves_with_time_is_no_part_of_what_was_given() {
        let first = answer(201, &json!({"hold": "hold_1", "server_now": "a"}));
        let second = answer(201, &json!({"hold": "hold_1", "server_now": "b"}));
        assert_eq!(first.given(&[]), second.given(&[]));
        let led = |base: &str| answer(201, &json!({"payment": {"page_url": format!("{base}/pay")}}));
        let bases = ["http://a:1".to_owned(), "http://b:2".to_owned()];
        assert_eq!(led(&bases[0]).given(&bases), led(&bases[1]).given(&bases), "each node names itself");
        assert_ne!(led(&bases[0]).given(&bases), led("http://c:3").given(&bases));
        assert_ne!(first.given(&[]), answer(201, &json!({"hold": "hold_2"})).given(&[]));
    }

    #[test]
    fn a_problem_is_its_code_and_a_page_its_beginning() {
        assert_eq!(answer(409, &json!({"code": "seats_taken", "seats": [1]})).given(&[]).body, "seats_taken");
        assert_eq!(answer(500, &json!("oops")).fault("hold").answer, "\"oops\"");
    }
}
