//! Reads a received mail back: its headers, and its text and HTML as a mail program would show them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// The first header of that name (any case), unfolded and with RFC 2047 words decoded.
#[must_use]
pub fn header(raw: &[u8], name: &str) -> Option<String> {
    let text = String::from_utf8_lossy(raw);
    let (head, _) = split_head(&text);
    field(head, name).map(|value| decode_words(&value))
}

/// The first part of that content type (`text/plain`, `text/html`), its transfer encoding undone, lines ended by
/// a bare line feed.
#[must_use]
pub fn part(raw: &[u8], content_type: &str) -> Option<String> {
    find_part(&String::from_utf8_lossy(raw), content_type, 0)
}

fn find_part(entity: &str, wanted: &str, depth: u8) -> Option<String> {
    let (head, body) = split_head(entity);
    let kind = field(head, "content-type").unwrap_or_else(|| "text/plain".to_owned());
    if kind.to_ascii_lowercase().starts_with("multipart/") && depth < 4 {
        let boundary = format!("--{}", parameter(&kind, "boundary")?);
        return body
            .split(boundary.as_str())
            .skip(1)
            .take_while(|part| !part.starts_with("--"))
            .find_map(|part| find_part(part.trim_start_matches(['\r', '\n']), wanted, depth + 1));
    }
    if !kind.to_ascii_lowercase().starts_with(wanted) {
        return None;
    }
    let encoding = field(head, "content-transfer-encoding").unwrap_or_default();
    let bytes = match encoding.to_ascii_lowercase().as_str() {
        "base64" => {
            let packed: String = body.split_whitespace().collect();
            STANDARD.decode(packed).ok()?
        }
        "quoted-printable" => decode_quoted(body, false),
        _ => body.as_bytes().to_vec(),
    };
    let text = String::from_utf8_lossy(&bytes).replace("\r\n", "\n");
    Some(text.trim_end_matches('\n').to_owned() + "\n")
}

fn split_head(entity: &str) -> (&str, &str) {
    entity
        .split_once("\r\n\r\n")
        .or_else(|| entity.split_once("\n\n"))
        .unwrap_or((entity, ""))
}

fn field(head: &str, name: &str) -> Option<String> {
    let mut found: Option<String> = None;
    for line in head.lines() {
        if line.starts_with([' ', '\t']) {
            if let Some(value) = &mut found {
                value.push(' ');
                value.push_str(line.trim());
            }
        } else if found.is_some() {
            break;
        } else if let Some((key, value)) = line.split_once(':')
            && key.trim().eq_ignore_ascii_case(name)
        {
            found = Some(value.trim().to_owned());
        }
    }
    found
}

fn parameter(value: &str, name: &str) -> Option<String> {
    value.split(';').skip(1).find_map(|parameter| {
        let (key, value) = parameter.split_once('=')?;
        key.trim()
            .eq_ignore_ascii_case(name)
            .then(|| value.trim().trim_matches('"').to_owned())
    })
}

/// Decodes `=?utf-8?b?…?=` and `=?utf-8?q?…?=`; white space between two such words is no part of the text.
fn decode_words(text: &str) -> String {
    let mut shown = String::new();
    let mut rest = text;
    let mut after_word = false;
    while let Some(start) = rest.find("=?") {
        let (before, word) = rest.split_at(start);
        let mut pieces = word[2..].splitn(4, '?');
        let (Some(_charset), Some(encoding), Some(data), Some(tail)) =
            (pieces.next(), pieces.next(), pieces.next(), pieces.next())
        else {
            break;
        };
        let Some(tail) = tail.strip_prefix('=') else {
            break;
        };
        if !(after_word && before.trim().is_empty()) {
            shown.push_str(before);
        }
        let bytes = match encoding {
            "b" | "B" => STANDARD.decode(data).unwrap_or_default(),
            _ => decode_quoted(data, true),
        };
        shown.push_str(&String::from_utf8_lossy(&bytes));
        after_word = true;
        rest = tail;
    }
    shown + rest
}

fn decode_quoted(text: &str, in_header: bool) -> Vec<u8> {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let ahead = &bytes[at..];
        if ahead.starts_with(b"=\r\n") {
            at += 3;
        } else if ahead.starts_with(b"=\n") {
            at += 2;
        } else if let [b'=', high, low, ..] = ahead
            && let (Some(high), Some(low)) = (hex(*high), hex(*low))
        {
            decoded.push(high * 16 + low);
            at += 3;
        } else {
            decoded.push(if in_header && ahead[0] == b'_' {
                b' '
            } else {
                ahead[0]
            });
            at += 1;
        }
    }
    decoded
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit)
        .to_digit(16)
        .and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAIL: &[u8] = b"Subject: =?utf-8?b?w7Y=?=\r\n =?utf-8?q?_x=3D?= tail\r\nX-Folded: a\r\n b\r\n\
        Content-Type: multipart/alternative;\r\n boundary=\"cut\"\r\n\r\n--cut\r\nContent-Type: text/plain\r\n\
        Content-Transfer-Encoding: quoted-printable\r\n\r\none =\r\ntwo =E2=9C=93\r\n--cut\r\n\
        Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\nPGI+\r\neDwvYj4=\r\n--cut--\r\n";

    #[test]
    fn headers_are_unfolded_and_their_words_decoded() {
        assert_eq!(header(MAIL, "subject").as_deref(), Some("ö x= tail"));
        assert_eq!(header(MAIL, "X-Folded").as_deref(), Some("a b"));
        assert_eq!(header(MAIL, "absent"), None);
    }

    #[test]
    fn parts_are_found_by_type_and_their_encoding_is_undone() {
        assert_eq!(part(MAIL, "text/plain").as_deref(), Some("one two ✓\n"));
        assert_eq!(part(MAIL, "text/html").as_deref(), Some("<b>x</b>\n"));
        assert_eq!(part(MAIL, "image/png"), None);
    }
}
