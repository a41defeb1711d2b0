//! What is wrong with a form, field by field: told beside the fields of the same form, which keeps what was written.

use askama::filters::{Html, escape};

use crate::problem::{Problem, kinds};

/// The faults of one form, in its order, at most one a field.
#[derive(Default)]
pub(super) struct Faults(Vec<(String, String)>);

impl Faults {
    /// The faults that a problem names, if it is about what was sent; any other problem is given back. `field` tells
    /// which field of the form stands for a place in the API's body; what has none is told at the top.
    pub(super) fn of(problem: Problem, field: impl Fn(&str) -> String) -> Result<Self, Problem> {
        if problem.kind != &kinds::INVALID {
            return Err(problem);
        }
        let mut faults = Self::default();
        faults.merge(&problem, field);
        Ok(faults)
    }

    /// Adds those of a problem.
    pub(super) fn merge(&mut self, problem: &Problem, field: impl Fn(&str) -> String) {
        let errors = problem.members.get("errors").and_then(serde_json::Value::as_array);
        for fault in errors.into_iter().flatten() {
            let text = |name: &str| fault[name].as_str().unwrap_or_default();
            self.add(&field(text("pointer").trim_start_matches('/')), text("detail"));
        }
    }

    /// Adds one, unless the field has one already.
    pub(super) fn add(&mut self, field: &str, what: &str) {
        if !self.0.iter().any(|(known, _)| known == field) {
            self.0.push((field.to_owned(), what.to_owned()));
        }
    }

    /// The value, or its fault among the others.
    pub(super) fn gathered<T>(&mut self, field: &str, result: Result<T, String>) -> Option<T> {
        result.map_err(|what| self.add(field, &what)).ok()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What stands at the top: how many there are, and those of no field that is shown.
    pub(super) fn summary(&self, shown: &[&str]) -> Option<String> {
        let count = match self.0.len() {
            0 => return None,
            1 => "One thing needs another look; nothing was done yet.".to_owned(),
            count => format!("{count} things need another look; nothing was done yet."),
        };
        let others = self.0.iter().filter(|(field, _)| !shown.contains(&field.as_str()));
        Some(others.fold(count, |text, (field, what)| format!("{text} {field}: {what}.")))
    }

    /// Attributes of the field's input, as markup: it is invalid, and what says why. The first one takes the focus.
    pub(super) fn mark(&self, field: &str) -> String {
        let Some(at) = self.0.iter().position(|(known, _)| known == field) else { return String::new() };
        let focus = if at == 0 { " autofocus" } else { "" };
        format!(" aria-invalid=\"true\" aria-describedby=\"fault-{}\"{focus}", safe(field))
    }

    /// The words beside the field, as markup.
    pub(super) fn say(&self, field: &str) -> String {
        let Some((_, what)) = self.0.iter().find(|(known, _)| known == field) else { return String::new() };
        format!("<p class=\"fault\" id=\"fault-{}\">{}</p>", safe(field), safe(&sentence(what)))
    }
}

/// A fault as a sentence: faults are worded to follow a name and a colon.
fn sentence(what: &str) -> String {
    let mut letters = what.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).chain(['.']).collect())
}

/// Text that cannot become markup.
fn safe(text: &str) -> String {
    escape(text, Html).map_or_else(|never| match never {}, |safe| safe.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_field_is_told_its_own_fault_and_the_first_takes_the_focus() {
        let problem = Problem::invalid_all(vec![
            ("/name".to_owned(), "1 to <5> letters".to_owned()),
            ("/prices/0/price_minor".to_owned(), "at most 9".to_owned()),
        ]);
        let field =
            |pointer: &str| if pointer.starts_with("prices/0/") { "price.A".to_owned() } else { pointer.into() };
        let faults = Faults::of(problem, field).ok().unwrap();
        assert_eq!(faults.mark("name"), " aria-invalid=\"true\" aria-describedby=\"fault-name\" autofocus");
        assert_eq!(faults.say("name"), "<p class=\"fault\" id=\"fault-name\">1 to &#60;5&#62; letters.</p>");
        assert!(!faults.mark("price.A").contains("autofocus") && faults.say("price.A").contains("At most 9."));
        assert_eq!((faults.mark("email"), faults.say("email")), (String::new(), String::new()));
        let summary = faults.summary(&["name"]).unwrap();
        assert_eq!(summary, "2 things need another look; nothing was done yet. price.A: at most 9.");
        assert!(Faults::of(Problem::of(&kinds::BUSY), str::to_owned).is_err());
    }
}
