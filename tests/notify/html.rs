//! The HTML of mails.

use crate::samples;
use crate::samples::letter;

#[test]
fn a_name_is_text_and_never_markup() {
    let mut alerts = samples::hostile();
    alerts[0].combination = samples::combination("4=11", "<i>RAM</i>: \"64\"");
    alerts[0].product.as_mut().expect("a product").group = Some("<u>".to_owned());
    alerts[0].thresholds.origin = "<s>".to_owned();
    let html = letter(&samples::alerts(alerts)).html;
    for markup in ["<script", "<i>", "<u>", "<s>"] {
        assert!(!html.contains(markup), "{markup}");
    }
    assert!(
        html.contains("&#60;/td&#62;&#60;script&#62;alert(1)&#60;/script&#62;"),
        "{html}"
    );
}

#[test]
fn the_names_of_a_pool_and_of_what_it_holds_back_are_text() {
    let html = letter(&samples::alerts(vec![samples::hostile_pool()])).html;
    assert!(!html.contains("<b>\""), "{html}");
    assert!(html.contains("&#60;b&#62;&#34;"), "{html}");
}

#[test]
fn a_hundred_pools_with_the_longest_names_are_shortened_before_they_make_a_mail_too_large() {
    let letter = letter(&samples::alerts(vec![samples::hostile_pool(); 100]));
    assert!(letter.html.len() < 600_000, "{} bytes", letter.html.len());
}

#[test]
fn a_full_message_stays_below_what_mail_programs_cut() {
    let letter = letter(&samples::hundred());
    assert!(letter.html.len() < 100_000, "{} bytes", letter.html.len());
    // The subject, which is the title too, names two.
    assert_eq!(letter.html.matches("number ").count(), 122);
    assert_eq!(letter.text.matches("number ").count(), 120);
    assert!(letter.text.contains("- and 380 more\n"), "{}", letter.text);
}

#[test]
fn nothing_is_fetched_from_elsewhere() {
    for message in [
        samples::mixed(),
        samples::pools(),
        samples::baseline(),
        samples::products(),
        samples::down(),
    ] {
        let html = letter(&message).html;
        for fetched in ["src=", "<link", "@import", "url(", "<script", "<img"] {
            assert!(!html.contains(fetched), "{fetched}");
        }
        assert_eq!(html.matches("href=").count(), 1);
        assert!(html.contains("<a href=\"http://127.0.0.1:9717/\">"));
    }
}

#[test]
fn html_and_text_say_the_same() {
    for message in [
        samples::mixed(),
        samples::pools(),
        samples::baseline(),
        samples::products(),
        samples::down(),
    ] {
        let letter = letter(&message);
        let html = letter
            .html
            .replace("&#38;", "&")
            .replace("&#34;", "\"")
            .replace("&#39;", "'");
        for line in letter.text.lines() {
            for part in line.trim_start_matches("- ").split(": ") {
                // The level and its word stand in two cells.
                let part = part
                    .trim()
                    .trim_end_matches(':')
                    .trim_start_matches(|c: char| c.is_ascii_digit())
                    .trim();
                if part != "--" && !part.contains(['[', ']']) {
                    for piece in part.split(", ") {
                        assert!(html.contains(piece), "{piece:?} of {line:?}");
                    }
                }
            }
        }
    }
}
