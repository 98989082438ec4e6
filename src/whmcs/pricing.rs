//! The price of a product, out of the matrix of currencies and billing cycles that WHMCS sends.

use std::fmt;
use std::sync::Arc;

use serde::Deserialize;
use serde::Deserializer;
use serde::de::IgnoredAny;
use serde::de::MapAccess;
use serde::de::Visitor;
use serde_json::value::RawValue;

use crate::domain::catalogue::price;
use crate::domain::catalogue::price::CYCLES;
use crate::domain::catalogue::price::Price;
use crate::whmcs::figure::text_or_number;
use crate::whmcs::intern::Interner;

/// Longer names of currencies are none.
const MAX_CURRENCY: usize = 16;

/// What a recurring product costs a month: of the first currency named, the monthly price, else the shortest cycle's
/// divided by its months. `None` for what is free or paid once, and where no cycle is on. A price nobody can read is no
/// reason to refuse the product.
pub(super) fn price(
    paytype: Option<&RawValue>,
    pricing: Option<&RawValue>,
    interner: &mut Interner,
) -> Option<Arc<Price>> {
    let paytype = paytype.and_then(|raw| text_or_number(raw.get()));
    if paytype.is_some_and(|paytype| !paytype.eq_ignore_ascii_case("recurring")) {
        return None;
    }
    let First(first) = serde_json::from_str(pricing?.get()).ok()?;
    let (currency, cycles) = first.filter(|(currency, _)| currency.len() <= MAX_CURRENCY)?;
    let monthly = cycles
        .0
        .iter()
        .zip(CYCLES)
        .find_map(|(on, (_, months))| Some(price::a_month((*on)?, months)))?;
    Some(interner.price(Price { currency, monthly }))
}

/// The first currency with its cycles; the others are passed over.
struct First(Option<(String, Cycles)>);

/// The price of each of [`CYCLES`] that is on.
#[derive(Default)]
struct Cycles([Option<i64>; CYCLES.len()]);

impl<'de> Deserialize<'de> for First {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Currencies;
        impl<'de> Visitor<'de> for Currencies {
            type Value = First;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("currencies")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<First, A::Error> {
                let first = map.next_entry()?;
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(First(first))
            }
        }
        deserializer.deserialize_map(Currencies)
    }
}

impl<'de> Deserialize<'de> for Cycles {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Matrix;
        impl<'de> Visitor<'de> for Matrix {
            type Value = Cycles;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("prices by billing cycle")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Cycles, A::Error> {
                let mut cycles = Cycles::default();
                while let Some((key, value)) = map.next_entry::<String, &RawValue>()? {
                    if let Some(place) = CYCLES.iter().position(|(cycle, _)| *cycle == key) {
                        let text = text_or_number(value.get());
                        cycles.0[place] = text.and_then(|text| price::hundredths(&text));
                    }
                }
                Ok(cycles)
            }
        }
        deserializer.deserialize_map(Matrix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(paytype: &str, pricing: &str) -> Option<(String, i64)> {
        let raw = |text: &str| RawValue::from_string(text.to_owned()).unwrap();
        let price = price(Some(&raw(paytype)), Some(&raw(pricing)), &mut Interner::default())?;
        Some((price.currency.clone(), price.monthly))
    }

    #[test]
    fn the_monthly_price_of_the_first_currency_counts() {
        let pricing = r#"{"USD":{"prefix":"$","suffix":" USD","msetupfee":"5.00","monthly":"25.99","annually":"240.00"},
            "EUR":{"monthly":"23.00"}}"#;
        assert_eq!(read(r#""recurring""#, pricing), Some(("USD".to_owned(), 2599)));
    }

    #[test]
    fn without_a_monthly_price_the_shortest_cycle_is_divided_by_its_months() {
        let pricing =
            r#"{"EUR":{"monthly":"-1.00","quarterly":"-1.00","semiannually":"60.00","annually":110}}"#;
        assert_eq!(read(r#""recurring""#, pricing), Some(("EUR".to_owned(), 1000)));
        let numbers = r#"{"EUR":{"annually":120.0,"monthly":-1}}"#;
        assert_eq!(read(r#""recurring""#, numbers), Some(("EUR".to_owned(), 1000)));
    }

    #[test]
    fn what_does_not_recur_or_cannot_be_read_has_no_price() {
        let on = r#"{"EUR":{"monthly":"10.00"}}"#;
        for paytype in [r#""free""#, r#""onetime""#, r#""""#] {
            assert_eq!(read(paytype, on), None, "{paytype}");
        }
        for pricing in [
            "{}",
            "[]",
            "null",
            r#""""#,
            "7",
            r#"{"EUR":[]}"#,
            r#"{"EUR":{}}"#,
            r#"{"EUR":{"monthly":"-1.00"}}"#,
            r#"{"EUR":{"monthly":"ten"}}"#,
            r#"{"EUR":{"monthly":{"x":1}}}"#,
            r#"{"a currency without an end":{"monthly":"1.00"}}"#,
        ] {
            assert_eq!(read(r#""recurring""#, pricing), None, "{pricing}");
        }
    }

    #[test]
    fn the_same_price_is_kept_once() {
        let mut interner = Interner::default();
        let raw = RawValue::from_string(r#"{"EUR":{"monthly":"10.00"}}"#.to_owned()).unwrap();
        let [one, other] = [(); 2].map(|()| price(None, Some(&raw), &mut interner).unwrap());
        assert!(Arc::ptr_eq(&one, &other));
    }
}
