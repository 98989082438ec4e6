//! What was not sold, in money: an estimate, and what it assumes.

use std::time::Duration;

use crate::domain::catalogue::price::Price;
use crate::domain::forecast::SellRate;

/// What the estimate takes for granted, in words for those who read it.
pub const ASSUMPTIONS: &str = "Price a month × sell rate × time at zero: a month's revenue of the services that would have \
     been sold at the usual rate. Setup fees, options, discounts and taxes are left out; so is that some came back later.";

/// The recurring revenue a month, in hundredths of the price's currency, of what was not sold while nothing was left for
/// so long. It recurs each month that those services would have stayed. `None` where that cannot be told as a number.
#[must_use]
pub fn lost_revenue(price: &Price, rate: &SellRate, at_zero: Duration) -> Option<i64> {
    #[expect(clippy::cast_precision_loss, reason = "hundredths of a month's price")]
    let monthly = price.monthly as f64;
    let lost = monthly * rate.per_day * at_zero.as_secs_f64() / 86_400.0;
    #[expect(clippy::cast_precision_loss, reason = "the largest number")]
    let fits = lost.is_finite() && lost < i64::MAX as f64;
    #[expect(clippy::cast_possible_truncation, reason = "it fits")]
    fits.then(|| lost.round() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(per_day: f64) -> SellRate {
        SellRate {
            per_day,
            low: per_day,
            high: per_day,
            window_days: 28,
            drops: 9,
            sold: 9,
            observed_days: 28.0,
        }
    }

    #[test]
    fn half_a_day_at_zero_of_what_sells_four_a_day_loses_two_months_fees() {
        let price = Price {
            currency: "EUR".to_owned(),
            monthly: 4990,
        };
        let lost =
            |rate: &SellRate, hours: u64| lost_revenue(&price, rate, Duration::from_secs(hours * 3600));
        assert_eq!(lost(&rate(4.0), 12), Some(9980));
        assert_eq!(lost(&rate(4.0), 0), Some(0));
        assert_eq!(lost(&rate(f64::MAX), 12), None);
    }
}
