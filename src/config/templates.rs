//! Bodies of an operator's own: the template that a channel names, read and tried.

use std::fs;
use std::io;
use std::io::Read;
use std::path::Path;
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

/// The longest template, in bytes.
const LONGEST: u64 = 256 * 1024;

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
    let text = template_text(&reader.overlay.path(path)).map_err(|why| {
        Wrong::new(
            format!("names {path:?}, which cannot be read: {why}"),
            "Check its path and permissions; it is a plain file of at most 256 kB.",
        )
    })?;
    Template::checked(&text, content_type).map_err(|problem| {
        Wrong::new(
            format!("names {path:?}, which does not do: {problem}"),
            "See docs/templates.md for what a template is given.",
        )
    })
}

/// The text of a plain file that is not too long. Whatever else a path names is not even opened: a device may have no
/// end, and a pipe no beginning.
fn template_text(path: &Path) -> Result<String, String> {
    let said = |error: io::Error| error.kind().to_string();
    if !fs::metadata(path).map_err(said)?.is_file() {
        return Err("it is no file".to_owned());
    }
    let mut text = String::new();
    // It may grow while it is read.
    let beginning = fs::File::open(path).map_err(said)?.take(LONGEST + 1);
    let read = io::BufReader::new(beginning).read_to_string(&mut text);
    let length = u64::try_from(text.len()).unwrap_or(u64::MAX);
    if fs::metadata(path).map_err(said)?.len().max(length) > LONGEST {
        return Err("it is longer than 256 kB".to_owned());
    }
    read.map_err(said)?;
    Ok(text)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_is_a_plain_file_of_a_bounded_length() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("body.j2");
        let full = "x".repeat(256 * 1024);
        fs::write(&file, &full).expect("writes");
        assert_eq!(template_text(&file).as_ref(), Ok(&full));
        fs::write(&file, format!("{full}é")).expect("writes");
        assert_eq!(template_text(&file), Err("it is longer than 256 kB".to_owned()));
        fs::write(&file, [0xff]).expect("writes");
        assert_eq!(template_text(&file), Err("invalid data".to_owned()));
        assert_eq!(template_text(folder.path()), Err("it is no file".to_owned()));
        assert_eq!(
            template_text(Path::new("/dev/zero")),
            Err("it is no file".to_owned())
        );
        assert_eq!(
            template_text(&folder.path().join("none")),
            Err("entity not found".to_owned())
        );
    }

    #[test]
    fn a_pipe_that_nobody_writes_to_is_not_waited_for() {
        let folder = tempfile::tempdir().expect("a folder");
        let pipe = folder.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status();
        assert!(made.expect("mkfifo runs").success());
        assert_eq!(template_text(&pipe), Err("it is no file".to_owned()));
    }
}
