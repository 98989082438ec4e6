//! What a product costs a month.

/// A recurring price, normalised to a month, in the first currency that WHMCS names.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Price {
    /// WHMCS's code of the currency: `EUR`.
    pub currency: String,
    /// Hundredths of it, a month; a longer cycle divided by its months.
    pub monthly: i64,
}

/// The billing cycles of a recurring product, the shortest first, with their months.
pub const CYCLES: [(&str, i64); 6] = [
    ("monthly", 1),
    ("quarterly", 3),
    ("semiannually", 6),
    ("annually", 12),
    ("biennially", 24),
    ("triennially", 36),
];

/// The hundredths of a decimal number (`49.90`), rounded; `None` where it is none or below 0: so a cycle is switched off.
#[must_use]
pub fn hundredths(text: &str) -> Option<i64> {
    let (whole, part) = text.trim().split_once('.').unwrap_or((text.trim(), ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(part) {
        return None;
    }
    let mut thousandths = part
        .bytes()
        .chain("000".bytes())
        .map(|byte| i64::from(byte - b'0'));
    let mut next = || thousandths.next().unwrap_or_default();
    let part = next() * 100 + next() * 10 + next();
    whole
        .parse::<i64>()
        .ok()?
        .checked_mul(100)?
        .checked_add((part + 5) / 10)
}

/// A cycle's price as a month's, rounded.
#[must_use]
pub fn a_month(hundredths: i64, months: i64) -> i64 {
    hundredths.saturating_add(months / 2) / months.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_are_read_as_hundredths_and_what_is_switched_off_is_none() {
        for (text, expected) in [
            ("49.90", Some(4990)),
            ("49.9", Some(4990)),
            ("49", Some(4900)),
            ("0.00", Some(0)),
            ("0.005", Some(1)),
            ("0.0049", Some(0)),
            ("9.999", Some(1000)),
            ("-1.00", None),
            ("", None),
            (".50", None),
            ("1,234.00", None),
            ("1e3", None),
            ("99999999999999999999", None),
            ("92233720368547758.08", None),
        ] {
            assert_eq!(hundredths(text), expected, "{text:?}");
        }
    }

    #[test]
    fn a_longer_cycle_is_divided_by_its_months() {
        assert_eq!(a_month(12_000, 12), 1000);
        assert_eq!(a_month(1000, 3), 333);
        assert_eq!(a_month(2000, 3), 667);
    }
}
