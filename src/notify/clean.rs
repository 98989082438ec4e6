//! The last look at a text before it leaves: no control characters, no marks that reorder text, not too long.

use unicode_segmentation::GraphemeCursor;

/// How much of a name is shown, in characters.
pub const NAME: usize = 200;

/// The text on one line, without control and bidirectional-control characters, at most `limit` characters long; a
/// cut shows as `…`.
#[must_use]
pub fn line(text: &str, limit: usize) -> String {
    let mut shown = String::new();
    let mut length = 0;
    let mut gap = false;
    for c in text.chars() {
        if c.is_whitespace() || c.is_control() {
            gap = length > 0;
            continue;
        }
        if is_deceptive(c) {
            continue;
        }
        let needed = 1 + usize::from(gap);
        if length + needed > limit {
            shown.push(if gap { ' ' } else { c });
            let kept = limit.saturating_sub(1);
            return shortened(&shown, |head| head.chars().count() <= kept);
        }
        if gap {
            shown.push(' ');
            gap = false;
        }
        shown.push(c);
        length += needed;
    }
    shown
}

/// A name at its full displayed length.
#[must_use]
pub fn name(text: &str) -> String {
    line(text, NAME)
}

/// What makes a spreadsheet take a text for a formula, full-width too, as Excel does in some languages; and the sign that
/// keeps it from it, so that that can be undone.
pub const FORMULA: [char; 12] = ['=', '+', '-', '@', '＝', '＋', '－', '＠', '\t', '\r', '\n', '\''];

/// A text that no spreadsheet takes for a formula: with a `'` before it where it looks like one.
#[must_use]
pub fn defused(text: &str) -> String {
    if text.starts_with(FORMULA) {
        format!("'{text}")
    } else {
        text.to_owned()
    }
}

/// The text, at most `limit` units long as `units` counts them; a cut shows as `…`.
#[must_use]
pub fn cut(text: &str, limit: usize, units: fn(&str) -> usize) -> String {
    if units(text) <= limit {
        return text.to_owned();
    }
    let kept = limit.saturating_sub(units("…"));
    shortened(text, |head| units(head) <= kept)
}

/// How many UTF-16 units it takes.
#[must_use]
pub fn utf16(text: &str) -> usize {
    text.encode_utf16().count()
}

/// The longest beginning that fits and ends between two letters as people see them, and `…`.
fn shortened(text: &str, fits: impl Fn(&str) -> bool) -> String {
    let mut at = text.len();
    let mut cursor = GraphemeCursor::new(at, text.len(), true);
    // The whole text is at hand: the cursor never asks for more.
    while let Ok(Some(boundary)) = cursor.prev_boundary(text, 0) {
        at = boundary;
        if fits(&text[..at]) {
            break;
        }
    }
    format!("{}…", text[..at].trim_end())
}

fn is_deceptive(c: char) -> bool {
    matches!(c, '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{61c}' | '\u{e0000}'..='\u{e007f}' | '\u{fff9}'..='\u{fffb}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_becomes_one_plain_line() {
        assert_eq!(line(" a\r\nBcc: x\u{0}\t y\u{202e}z \n", 99), "a Bcc: x yz");
        assert_eq!(line("\r\n", 9), "");
    }

    #[test]
    fn a_cut_is_shown_and_keeps_to_the_limit() {
        for (text, limit, shown) in [
            ("abcdef", 6, "abcdef"),
            ("abcdefg", 6, "abcde…"),
            ("abcde fg", 6, "abcde…"),
            ("👍👍👍👍", 3, "👍👍…"),
            ("abc", 1, "…"),
            ("ab👩‍💻", 4, "ab…"),
            ("abe\u{301}\u{301}", 4, "ab…"),
        ] {
            assert_eq!(line(text, limit), shown, "{text}");
            assert!(line(text, limit).chars().count() <= limit, "{text}");
        }
    }
}
