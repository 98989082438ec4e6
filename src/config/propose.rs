//! Thresholds from how fast each product sells and how long a restock takes, everything commented out.

use std::fmt::Write;
use std::time::Duration;

use jiff::Timestamp;

use crate::config::managed::literal;
use crate::domain::alerting::state::Memory;
use crate::domain::alerting::state::Tracked;
use crate::domain::catalogue::Level;
use crate::domain::forecast;
use crate::domain::forecast::SellRate;

/// What is remembered of a shop, with its sell rates.
pub struct Shop<'a> {
    pub name: &'a str,
    pub memory: &'a Memory,
}

/// The most that is proposed.
const MOST: i64 = 1_000_000;

/// The rules, as comments, with the reason of each; what nothing can be said of is listed and proposed nothing.
/// `configured` are the names of all shops there are. `lead` is how long a restock takes where no rule's `cover` says so.
#[must_use]
pub fn file(shops: &[Shop<'_>], configured: &[String], lead: Option<Duration>, at: Timestamp) -> String {
    let mut text = format!(
        "# Proposed by whmcs-stock-monitor {} on {}, from how fast each product sells.\n\
         #\n\
         # Nothing here holds yet. A line with a space behind the # is a remark; one without is configuration: take the #\n\
         # away from the whole table to have it. All at once: sed 's/^#\\([^ ]\\)/\\1/'\n\
         #\n\
         # low is what sells while a restock comes, at the fast end of the range of the sell rate; critical is what sells in\n\
         # a third of that time at the usual rate. How long a restock takes is the cover of the product's rule, else\n\
         # --lead-time. How the rate is told: docs/forecast.md.\n\
         #\n\
         # Append what you want of it to the configuration file, below everything else.\n",
        env!("CARGO_PKG_VERSION"),
        at.strftime("%Y-%m-%d %H:%M UTC"),
    );
    for shop in shops {
        let instance = (configured.len() > 1).then_some(shop.name);
        write_shop(shop, instance, lead, &mut text);
    }
    text
}

/// The `low` and `critical` for what sells at that rate and takes so long to come.
#[must_use]
pub fn thresholds(rate: &SellRate, lead: Duration) -> (i64, i64) {
    let days = lead.as_secs_f64() / 86_400.0;
    let up = |units: f64| {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a float's conversion stops at the largest number"
        )]
        let units = units.ceil() as i64;
        units.clamp(1, MOST)
    };
    let low = up(rate.high * days);
    (low, up(rate.per_day * days / 3.0).min(low))
}

fn write_shop(shop: &Shop<'_>, instance: Option<&str>, lead: Option<Duration>, text: &mut String) {
    let memory = shop.memory;
    let there = || {
        let products = memory.products.iter().map(|product| &**product);
        products.filter(|product| !product.gone)
    };
    let _ = write!(text, "\n# === Shop {}: {} products\n", shop.name, there().count());
    let (mut slow, mut no_lead) = (Vec::new(), Vec::new());
    for product in there() {
        let Some(rate) = memory.forecasts.rate(product.series.number) else {
            slow.push(product);
            continue;
        };
        let of_rule = product.effective.cover;
        let Some(takes) = of_rule.or(lead) else {
            no_lead.push(product);
            continue;
        };
        let from = match of_rule {
            Some(_) => "the cover of its rule",
            None => "--lead-time",
        };
        write_rule(product, rate, (takes, from), instance, text);
    }
    list(
        &slow,
        "Not enough history for a sell rate (3 sales and 5 days in stock)",
        text,
    );
    list(
        &no_lead,
        "Nobody says how long a restock takes: give --lead-time, or their rule a cover",
        text,
    );
}

fn write_rule(
    product: &Tracked,
    rate: &SellRate,
    (takes, from): (Duration, &str),
    instance: Option<&str>,
    text: &mut String,
) {
    let (low, critical) = thresholds(rate, takes);
    let present = &product.effective.thresholds;
    let left = match product.series.level {
        Level::Known(left) => format!("{left} left"),
        Level::NotControlled => "its stock is not controlled".to_owned(),
        Level::Unknown => "its level is not known".to_owned(),
    };
    let days = takes.as_secs_f64() / 86_400.0;
    let _ = write!(
        text,
        "\n# {} {}: {left}\n\
         # sells {:.2} a day ({:.2} to {:.2}; {} drops in {:.0} days in stock, of the last {})\n\
         # a restock takes {} ({from}); now low is {} and critical {} ({})\n",
        product.id,
        product.name,
        rate.per_day,
        rate.low,
        rate.high,
        rate.drops,
        rate.observed_days,
        rate.window_days,
        forecast::days_in_words(days),
        present.low,
        present.critical,
        present.origin,
    );
    let _ = writeln!(text, "#[[rule]]");
    if let Some(instance) = instance {
        let _ = writeln!(text, "#instances = [{}]", literal(instance));
    }
    let _ = writeln!(
        text,
        "#products = [{}]\n#low = {low}\n#critical = {critical}",
        product.id
    );
}

fn list(products: &[&Tracked], why: &str, text: &mut String) {
    if products.is_empty() {
        return;
    }
    let _ = write!(text, "\n# --- {why}: {}\n", products.len());
    for product in products {
        let _ = writeln!(text, "# {} {}", product.id, product.name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(per_day: f64, high: f64) -> SellRate {
        SellRate {
            per_day,
            low: 0.0,
            high,
            window_days: 28,
            drops: 20,
            sold: 20,
            observed_days: 28.0,
        }
    }

    #[test]
    fn low_covers_the_lead_time_at_the_fast_end_and_critical_a_third_of_it() {
        let day = Duration::from_secs(86_400);
        for (rate, lead, expected) in [
            (rate(2.0, 3.1), 10 * day, (31, 7)),
            (rate(0.1, 0.2), 2 * day, (1, 1)),
            (rate(0.01, 0.02), day, (1, 1)),
            (rate(f64::MAX, f64::MAX), 300 * day, (MOST, MOST)),
        ] {
            assert_eq!(thresholds(&rate, lead), expected, "{rate:?}");
        }
    }
}
