//! What a product is called of whose name nothing can be seen: the same on pages, in messages and in sentences.

use std::borrow::Cow;

/// The name, or what stands for one of which nothing can be seen.
#[must_use]
pub fn called(name: &str, number: i64) -> Cow<'_, str> {
    if name.chars().any(is_seen) {
        Cow::Borrowed(name)
    } else {
        Cow::Owned(format!("(no name) #{number}"))
    }
}

/// Whether a reader sees anything of it by itself.
fn is_seen(sign: char) -> bool {
    let blank = matches!(sign, '\u{ad}' | '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180e}'
        | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}');
    !(blank || sign.is_whitespace() || sign.is_control())
}
