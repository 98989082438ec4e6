//! Bodies of an operator's own: the template that a channel names, read and tried.

use std::fs;
use std::sync::Arc;

use crate::config::file::Value;
use crate::config::findings::Given;
use crate::config::findings::Wrong;
use crate::config::keys::Kind;
use crate::config::reader::Placed;
use crate::config::reader::Reader;
use crate::config::receivers;
use crate::config::section::Section;
use crate::config::values;
use crate::notify::format::template::Template;
use crate::notify::webhook_format::WebhookFormat;

/// The format of a channel of the file: its name, and of a template the file and what it makes.
pub fn format(reader: &mut Reader, section: &mut Section<'_>) -> Given<Placed<WebhookFormat>> {
    let named = match section.table.get("format").map(|entry| &entry.value) {
        Some(Value::Text(text)) => text.trim().eq_ignore_ascii_case("template"),
        Some(Value::Integer(_) | Value::Other(_) | Value::List(_) | Value::Table(_)) | None => false,
    };
    let template = section.one(reader, "template", Kind::Plain, values::text);
    let content_type = section.one(reader, "content_type", Kind::Plain, content_type);
    if named {
        // It is shown with the rest of the configuration.
        let _ = section.one(reader, "format", Kind::Plain, |_| Ok(()));
        return template_format(reader, section, template, content_type);
    }
    let mend = "Write format = \"template\", or take it out.";
    for (key, place) in [
        ("template", template.good().map(|template| template.place)),
        ("content_type", content_type.good().map(|kind| kind.place)),
    ] {
        if let Some(place) = place {
            let wrong = Wrong::new("is for the format template alone", mend);
            reader.findings.wrong(section.key(key), place, wrong);
        }
    }
    section.one(reader, "format", Kind::Plain, receivers::format)
}

fn template_format(
    reader: &mut Reader,
    section: &Section<'_>,
    template: Given<Placed<String>>,
    content_type: Given<Placed<String>>,
) -> Given<Placed<WebhookFormat>> {
    let key = section.key("template");
    if template.is_absent() {
        let place = reader.line(section.table.line);
        let wrong = Wrong::new("is missing", "Write template = \"config/body.j2\".");
        reader.findings.wrong(key, place, wrong);
        return Given::Broken;
    }
    let content_type = match content_type {
        Given::Absent => "application/json".to_owned(),
        Given::Is(kind) => kind.value,
        Given::Broken => return Given::Broken,
    };
    let Given::Is(Placed { value: path, place }) = template else {
        return Given::Broken;
    };
    match read_template(reader, &path, &content_type) {
        Ok(template) => Given::Is(Placed {
            value: WebhookFormat::Template(Arc::new(template)),
            place,
        }),
        Err(wrong) => {
            reader.findings.wrong(key, place, wrong);
            Given::Broken
        }
    }
}

fn read_template(reader: &Reader, path: &str, content_type: &str) -> Result<Template, Wrong> {
    let text = fs::read_to_string(reader.overlay.path(path)).map_err(|error| {
        Wrong::new(
            format!("names {path:?}, which cannot be read: {}", error.kind()),
            "Check its path and permissions.",
        )
    })?;
    Template::checked(&text, content_type).map_err(|problem| {
        Wrong::new(
            format!("names {path:?}, which does not do: {problem}"),
            "See docs/templates.md for what a template is given.",
        )
    })
}

/// `application/json`, `text/plain; charset=utf-8`.
fn content_type(text: &str) -> Result<String, Wrong> {
    let text = values::text(text)?;
    let good = text.is_ascii()
        && text
            .split_once('/')
            .is_some_and(|(kind, rest)| !kind.is_empty() && !rest.is_empty());
    if good {
        Ok(text)
    } else {
        Err(Wrong::new(
            "is not a content type",
            "Write application/json or text/plain; charset=utf-8.",
        ))
    }
}
