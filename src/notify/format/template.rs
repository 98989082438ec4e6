//! A body of an operator's own: a template over the document of the format `standard`, rendered within bounds.

use std::io;
use std::io::Write;

use jiff::tz::TimeZone;
use minijinja::AutoEscape;
use minijinja::Environment;
use minijinja::ErrorKind;
use minijinja::UndefinedBehavior;
use minijinja::value::Serde;
use serde::de::IgnoredAny;
use serde_json::Value;

use crate::domain::message::Message;
use crate::notify::content::Content;
use crate::notify::email;
use crate::notify::format::specimens;
use crate::notify::standard;

/// The most steps that a rendering may take.
const FUEL: u64 = 2_000_000;
/// The longest result, in bytes.
const LONGEST: usize = 256 * 1024;
/// The name within the engine; errors name the file themselves.
const NAME: &str = "body";

/// A template that rendered messages of every kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    text: String,
    content_type: String,
}

impl Template {
    /// Reads a template and renders a message of every kind by it.
    ///
    /// # Errors
    /// What is wrong, with its line, without an end.
    pub fn checked(text: &str, content_type: &str) -> Result<Self, String> {
        let template = Self {
            text: text.to_owned(),
            content_type: content_type.trim().to_owned(),
        };
        // Told without a message, since none matters to it.
        Environment::new()
            .template_from_named_str(NAME, text)
            .map_err(|error| words(&error))?;
        for message in specimens::every_kind() {
            let context = context(&message, &TimeZone::UTC, None, true);
            let kind = message.body.kind();
            template
                .render(&context)
                .map_err(|wrong| format!("{wrong} (tried with a message of the type {kind})"))?;
        }
        Ok(template)
    }

    /// The form of a message; where the template cannot give it one, what it needs to try again.
    #[must_use]
    pub fn content(
        &self,
        message: &Message,
        zone: &TimeZone,
        page_url: Option<&str>,
        several: bool,
    ) -> Content {
        let context = context(message, zone, page_url, several);
        match self.render(&context) {
            Ok(body) => Content::Http {
                content_type: self.content_type.clone(),
                body,
            },
            Err(_) => Content::Unrendered {
                context: context.to_string(),
            },
        }
    }

    /// The same of what could not be rendered when it was recorded: the template may have been mended.
    ///
    /// # Errors
    /// What is wrong, with its line.
    pub fn again(&self, context: &str) -> Result<Content, String> {
        let context: Value = serde_json::from_str(context).map_err(|error| error.to_string())?;
        Ok(Content::Http {
            content_type: self.content_type.clone(),
            body: self.render(&context)?,
        })
    }

    fn render(&self, context: &Value) -> Result<String, String> {
        let mut engine = Environment::new();
        engine.set_undefined_behavior(UndefinedBehavior::Strict);
        engine.set_fuel(Some(FUEL));
        let escape = escape(&self.content_type);
        engine.set_auto_escape_callback(move |_| match escape {
            Escape::Json => AutoEscape::Json,
            Escape::Html => AutoEscape::Html,
            Escape::Nothing => AutoEscape::None,
        });
        let template = engine
            .template_from_named_str(NAME, &self.text)
            .map_err(|error| words(&error))?;
        let mut out = Bounded::default();
        let rendered = template.render_captured_to(Serde(context), &mut out);
        if let Err(error) = rendered.map(drop) {
            return Err(if out.full {
                format!("the result is longer than {} kB", LONGEST / 1024)
            } else {
                words(&error)
            });
        }
        let text = String::from_utf8(out.bytes).map_err(|_| "the result is not UTF-8".to_owned())?;
        if escape == Escape::Json && !text.trim().is_empty() {
            serde_json::from_str::<IgnoredAny>(&text)
                .map_err(|error| format!("the result is not JSON: {error} of the result"))?;
        }
        Ok(text)
    }
}

/// What a template sees: the document of the format `standard`, and the mail's subject and text.
fn context(message: &Message, zone: &TimeZone, page_url: Option<&str>, several: bool) -> Value {
    let mut context: Value = serde_json::from_str(&standard::body(message)).unwrap_or_default();
    if let (Value::Object(fields), Content::Mail { subject, text, .. }) =
        (&mut context, email::render(message, zone, page_url, several))
    {
        fields.insert("subject".to_owned(), Value::String(subject));
        fields.insert("text".to_owned(), Value::String(text));
    }
    context
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Escape {
    Json,
    Html,
    Nothing,
}

fn escape(content_type: &str) -> Escape {
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    let essence = essence.to_ascii_lowercase();
    if essence == "application/json" || essence.ends_with("+json") {
        Escape::Json
    } else if matches!(essence.as_str(), "text/html" | "text/xml" | "application/xml")
        || essence.ends_with("+xml")
    {
        Escape::Html
    } else {
        Escape::Nothing
    }
}

fn words(error: &minijinja::Error) -> String {
    let what = match error.detail() {
        _ if error.kind() == ErrorKind::OutOfFuel => {
            "it takes too long, more than two million steps: is there a loop in a loop?".to_owned()
        }
        Some(detail) => format!("{}: {detail}", error.kind()),
        None => error.kind().to_string(),
    };
    match error.line() {
        Some(line) => format!("line {line}: {what}"),
        None => what,
    }
}

/// Takes as much as a body may hold.
#[derive(Debug, Default)]
struct Bounded {
    bytes: Vec<u8>,
    full: bool,
}

impl Write for Bounded {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + piece.len() > LONGEST {
            self.full = true;
            return Err(io::Error::other("too long"));
        }
        self.bytes.extend_from_slice(piece);
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const JSON: &str = "application/json";

    fn wrong(text: &str, content_type: &str) -> String {
        Template::checked(text, content_type).expect_err(text)
    }

    #[test]
    fn what_is_wrong_is_found_before_anything_is_sent() {
        for (text, said) in [
            ("{\n{% if %}", "line 2: syntax error: unexpected end of block"),
            (
                "{{ subjet }}",
                "line 1: undefined value (tried with a message of the type stock.alerts)",
            ),
            (
                "{{ data.alerts[0].level }}",
                "line 1: undefined value (tried with a message of the type stock.baseline)",
            ),
            (
                "{\"text\": \"{{ subject }}\"}",
                "the result is not JSON: expected `,` or `}` at line 1 column 12 of the result (tried with a message of \
                 the type stock.alerts)",
            ),
            (
                "{% include \"/etc/passwd\" %}",
                "line 1: template not found: tried to include non-existing template '/etc/passwd' (tried with a message \
                 of the type stock.alerts)",
            ),
            (
                "{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}",
                "line 1: it takes too long, more than two million steps: is there a loop in a loop? (tried with a message of the type stock.alerts)",
            ),
            (
                "{{ \"x\" * 300000 }}",
                "the result is longer than 256 kB (tried with a message of the type stock.alerts)",
            ),
            (
                "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
                "line 1: invalid operation: recursion limit exceeded (tried with a message of the type stock.alerts)",
            ),
        ] {
            assert_eq!(wrong(text, JSON), said, "{text}");
        }
    }

    #[test]
    fn values_are_escaped_for_the_kind_of_body() {
        let message = specimens::hostile();
        for (content_type, text, expected) in [
            (
                JSON,
                "{\"a\": {{ data.alerts[0].product.name }}}",
                r#"{"a": "A \"quoted\" \\ <b> & {{ 7 * 7 }}"}"#,
            ),
            (
                "text/plain",
                "{{ data.alerts[0].product.name }}",
                r#"A "quoted" \ <b> & {{ 7 * 7 }}"#,
            ),
            (
                "text/html; charset=utf-8",
                "{{ data.alerts[0].product.name }}",
                "A &quot;quoted&quot; \\ &lt;b&gt; &amp; {{ 7 * 7 }}",
            ),
        ] {
            let template = Template {
                text: text.to_owned(),
                content_type: content_type.to_owned(),
            };
            let context = context(&message, &TimeZone::UTC, None, false);
            assert_eq!(template.render(&context).as_deref(), Ok(expected));
        }
    }

    #[test]
    fn what_could_not_be_rendered_can_be_tried_again() {
        let template = |text: &str| Template {
            text: text.to_owned(),
            content_type: JSON.to_owned(),
        };
        let message = specimens::hostile();
        let content = template("{{ data.nothing }}").content(&message, &TimeZone::UTC, None, false);
        let Content::Unrendered { context } = content else {
            panic!("{content:?}");
        };
        assert_eq!(
            template("{{ data.nothing }}").again(&context),
            Err("line 1: undefined value".to_owned())
        );
        let mended = template("{\"n\": {{ data.alerts|length }}}").again(&context);
        let body = "{\"n\": 1}".to_owned();
        let content_type = JSON.to_owned();
        assert_eq!(mended, Ok(Content::Http { content_type, body }));
    }
}
