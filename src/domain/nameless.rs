//! What a product is called of whose name nothing can be seen: the same on pages, in messages, commands and searches.

use std::borrow::Cow;

/// What stands for a name of which nothing can be seen, before the number.
const NONE: &str = "(no name)";

/// The name, or what stands for one of which nothing can be seen.
#[must_use]
pub fn called(name: &str, number: i64) -> Cow<'_, str> {
    if name.chars().any(is_seen) {
        Cow::Borrowed(name)
    } else {
        Cow::Owned(format!("{NONE} #{number}"))
    }
}

/// The same without the number, to be searched.
#[must_use]
pub fn searched(name: &str) -> &str {
    if name.chars().any(is_seen) { name } else { NONE }
}

/// The product's number, where the text is one as it is shown: `11`, `#11` or `(no name) #11`.
#[must_use]
pub fn number(text: &str) -> Option<i64> {
    let text = text.trim();
    let of_none = text.strip_prefix(NONE).map(str::trim_start);
    let signed = of_none.filter(|rest| rest.starts_with('#')).unwrap_or(text);
    let digits = signed.strip_prefix('#').unwrap_or(signed);
    digits.parse().ok()
}

/// Whether a reader sees anything of it by itself.
fn is_seen(sign: char) -> bool {
    let blank = matches!(sign, '\u{ad}' | '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180e}'
        | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}');
    !(blank || sign.is_whitespace() || sign.is_control())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_taken_as_it_is_shown_and_nothing_else_is() {
        for text in ["11", "#11", " #11 ", "(no name) #11", "(no name)#11"] {
            assert_eq!(number(text), Some(11), "{text:?}");
        }
        assert_eq!(number(&called("\u{200b}", 7)), Some(7));
        for text in [
            "",
            "#",
            "##11",
            "DS #11",
            "(no name) 11",
            "(no name)",
            "11a",
            "# 11",
        ] {
            assert_eq!(number(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_name_of_which_nothing_is_seen_is_searched_as_it_is_shown() {
        assert_eq!(searched("\u{200b} "), "(no name)");
        assert_eq!(searched("DS-64"), "DS-64");
    }
}
