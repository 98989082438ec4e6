//! Until when a certificate holds.

use jiff::Timestamp;

/// Until when a certificate (DER) is valid; `None` where it cannot be read.
#[must_use]
pub fn valid_until(der: &[u8]) -> Option<Timestamp> {
    let (_, certificate, _) = element(der)?;
    let (_, signed, _) = element(certificate)?;
    // Version (optional, tagged 0), serial number, signature algorithm, issuer; then the validity.
    let mut rest = signed;
    let (tag, _, after) = element(rest)?;
    if tag == 0xa0 {
        rest = after;
    }
    for _ in 0..3 {
        rest = element(rest)?.2;
    }
    let (_, validity, _) = element(rest)?;
    let (_, _, after) = element(validity)?;
    let (tag, text, _) = element(after)?;
    time(tag, str::from_utf8(text).ok()?)
}

/// The tag and content of the first element, and what follows it.
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (tag, rest) = der.split_first()?;
    let (first, mut rest) = rest.split_first()?;
    let mut length = usize::from(*first);
    if length >= 0x80 {
        let digits = rest.get(..length & 0x7f).filter(|digits| digits.len() <= 4)?;
        rest = &rest[digits.len()..];
        length = digits
            .iter()
            .fold(0, |length, digit| (length << 8) | usize::from(*digit));
    }
    Some((*tag, rest.get(..length)?, rest.get(length..)?))
}

/// `YYMMDDHHMMSSZ` (UTCTime, years 1950 to 2049) or `YYYYMMDDHHMMSSZ` (GeneralizedTime).
fn time(tag: u8, text: &str) -> Option<Timestamp> {
    let whole = match tag {
        0x17 => {
            let century = if text.get(..2)?.parse::<u8>().ok()? < 50 {
                "20"
            } else {
                "19"
            };
            format!("{century}{text}")
        }
        0x18 => text.to_owned(),
        _ => return None,
    };
    let at = |range| whole.get(range);
    let written = format!(
        "{}-{}-{}T{}:{}:{}Z",
        at(0..4)?,
        at(4..6)?,
        at(6..8)?,
        at(8..10)?,
        at(10..12)?,
        at(12..14)?
    );
    written.parse().ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn made(change: impl FnOnce(&mut rcgen::CertificateParams)) -> Vec<u8> {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::new(vec!["shop.example".to_owned()]).unwrap();
        change(&mut params);
        params.self_signed(&key).unwrap().der().to_vec()
    }

    #[test]
    fn the_end_of_a_certificate_is_read_in_both_ways_of_writing_times() {
        let ends = |year| {
            valid_until(&made(|params| {
                params.not_after = rcgen::date_time_ymd(year, 3, 4);
            }))
            .map(|at| at.to_string())
        };
        assert_eq!(ends(2031).as_deref(), Some("2031-03-04T00:00:00Z"));
        assert_eq!(ends(2081).as_deref(), Some("2081-03-04T00:00:00Z"));
    }

    proptest! {
        #[test]
        fn a_damaged_certificate_is_read_without_a_panic(
            at in any::<prop::sample::Index>(), byte: u8, end in any::<prop::sample::Index>()
        ) {
            let mut der = made(|_| ());
            let at = at.index(der.len());
            der[at] = byte;
            der.truncate(end.index(der.len() + 1));
            let _ = valid_until(&der);
        }

        #[test]
        fn whatever_comes_is_read_without_a_panic(der in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = valid_until(&der);
        }
    }
}
