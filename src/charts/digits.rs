//! Digits as strokes: a picture of them needs no font, and looks the same everywhere.

/// How far apart the digits stand, in the picture's units.
const ADVANCE: f64 = 6.2;
/// How wide a digit is.
const WIDTH: f64 = 4.6;
/// How tall a digit is.
pub const HEIGHT: f64 = 8.05;
/// The strokes are drawn on a grid of 4 by 7.
const SCALE: f64 = 1.15;

/// A number, shortened from 10,000 on: `9999`, `12k`, `3M`.
#[must_use]
pub fn shortened(number: i64) -> String {
    match number.unsigned_abs() {
        0..10_000 => number.to_string(),
        10_000..1_000_000 => format!("{}k", number / 1000),
        1_000_000..1_000_000_000_000 => format!("{}M", number / 1_000_000),
        _ => format!("{}M", number.signum() * 999_999),
    }
}

/// The text's strokes as SVG paths, its right edge at `right` and its middle at `middle`. What has no strokes is left out.
#[must_use]
pub fn right_aligned(text: &str, right: f64, middle: f64) -> String {
    let count = text.chars().filter(|c| strokes(*c).is_some()).count();
    let top = middle - HEIGHT / 2.0;
    let mut left = right - WIDTH - ADVANCE * small(count.saturating_sub(1));
    let mut drawn = String::new();
    for strokes in text.chars().filter_map(strokes) {
        drawn.push_str(&format!(
            "<path transform=\"translate({left:.1} {top:.1}) scale({SCALE})\" d=\"{strokes}\"/>"
        ));
        left += ADVANCE;
    }
    drawn
}

fn small(count: usize) -> f64 {
    u32::try_from(count).map_or(0.0, f64::from)
}

fn strokes(c: char) -> Option<&'static str> {
    Some(match c {
        '0' => "M2 0C.6 0 0 1.5 0 3.5S.6 7 2 7 4 5.5 4 3.5 3.4 0 2 0Z",
        '1' => "M.6 1.4L2.2 0V7",
        '2' => "M.2 1.7C.2.6 1 0 2 0S3.8.7 3.8 1.8C3.8 3.4.2 5 .2 7H4",
        '3' => {
            "M.3.9C.8.3 1.3 0 2 0C3.1 0 3.7.7 3.7 1.7S3 3.3 1.8 3.3C3.1 3.3 4 4 4 5.1S3.2 7 2 7C1.2 7 .5 6.6.1 6"
        }
        '4' => "M3 7V0L0 4.8H4",
        '5' => "M3.6 0H.7L.4 3.2C.8 2.8 1.3 2.6 1.9 2.6C3.2 2.6 4 3.5 4 4.8S3.2 7 1.9 7C1.1 7 .5 6.7 0 6.1",
        '6' => "M3.6.8C3.2.3 2.7 0 2.1 0C.7 0 0 1.6 0 3.8C0 6 .8 7 2 7S4 6.1 4 4.8 3.2 2.7 2 2.7.3 3.4.1 4.4",
        '7' => "M0 0H4L1.4 7",
        '8' => {
            "M2 3.2C.9 3.2.3 2.5.3 1.6S1 0 2 0 3.7.7 3.7 1.6 3.1 3.2 2 3.2C.8 3.2 0 4 0 5.1S.8 7 2 7 4 6.2 4 5.1 3.2 3.2 2 3.2Z"
        }
        '9' => {
            "M.4 6.2C.8 6.7 1.3 7 1.9 7C3.3 7 4 5.4 4 3.2C4 1 3.2 0 2 0S0 .9 0 2.2.8 4.3 2 4.3 3.7 3.6 3.9 2.6"
        }
        '-' => "M.6 3.6H3.4",
        'k' => "M.2 0V7M3.4 2.2L.2 4.8M1.4 3.9L3.6 7",
        'M' => "M0 7V0L2 3.5L4 0V7",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_numbers_are_shortened_so_that_they_fit_the_margin() {
        for (number, shown) in [
            (0, "0"),
            (-12, "-12"),
            (9999, "9999"),
            (12_345, "12k"),
            (-12_345, "-12k"),
            (3_000_000, "3M"),
            (i64::MAX, "999999M"),
            (i64::MIN, "-999999M"),
        ] {
            assert_eq!(shortened(number), shown);
        }
    }

    #[test]
    fn every_character_of_a_shortened_number_has_strokes() {
        for c in "0123456789-kM".chars() {
            assert_eq!(
                right_aligned(&c.to_string(), 0.0, 0.0).matches("<path").count(),
                1,
                "{c}"
            );
        }
    }
}
