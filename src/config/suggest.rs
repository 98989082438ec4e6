//! A rules file to begin with, from what shops sell: everything commented out, so that nothing holds unread.

use std::collections::BTreeMap;
use std::collections::HashSet;
use std::fmt::Write;

use jiff::Timestamp;
use toml_edit::InlineTable;
use toml_edit::Value;

use crate::config::managed::literal;
use crate::domain::alerting::state::Memory;
use crate::domain::alerting::state::Tracked;
use crate::domain::catalogue::Level;
use crate::domain::catalogue::OptionKind;
use crate::domain::catalogue::options::ChoiceView;
use crate::domain::catalogue::options::OptionView;

/// The least and the most that is suggested for `low`.
const LOW: (i64, i64) = (2, 50);

/// A shop that was read, or why it was not.
pub struct Shop<'a> {
    pub name: &'a str,
    pub seen: Result<&'a Memory, String>,
}

/// The file. As it is it configures nothing; with the first `#` taken from every line that has no space behind it, it
/// configures everything it suggests. `configured` are the names of all shops there are, those that were not asked too.
#[must_use]
pub fn file(shops: &[Shop<'_>], configured: &[String], at: Timestamp) -> String {
    let mut text = format!(
        "# Suggested by whmcs-stock-monitor {} on {}, from what was for sale then.\n\
         #\n\
         # Nothing here holds yet. A line with a space behind the # is a remark; one without is configuration: take the #\n\
         # away from the whole table to have it. All at once: sed 's/^#\\([^ ]\\)/\\1/'\n\
         #\n\
         # low is a tenth of all there are (left and in use), or a quarter of what is left where nobody counts what is in\n\
         # use; never below {} nor above {}. critical is a third of it. They are no more than a beginning: how fast it\n\
         # sells, and how long new hardware takes, you know better. Pools and capacities that hold now are left out of what\n\
         # is left.\n\
         #\n\
         # It says nothing of shops and channels. Append what you want of it to the configuration file that has them, below\n\
         # everything else; do not put it in that file's place. Configured shops: {}\n",
        env!("CARGO_PKG_VERSION"),
        at.strftime("%Y-%m-%d %H:%M UTC"),
        LOW.0,
        LOW.1,
        configured.join(", "),
    );
    let mut pools = HashSet::new();
    for shop in shops {
        let memory = match &shop.seen {
            Ok(memory) => memory,
            Err(why) => {
                let _ = write!(text, "\n# === Shop {}: not read: {why}\n", shop.name);
                continue;
            }
        };
        let part = Part {
            instance: (configured.len() > 1).then_some(shop.name),
            shared: shared(memory),
        };
        part.write(shop.name, memory, &mut text);
        part.write_pools(&mut pools, &mut text);
    }
    text
}

/// The `low` and `critical` to begin with, from what is left and what is in use.
#[must_use]
pub fn thresholds(left: i64, in_use: Option<i64>) -> (i64, i64) {
    let left = left.max(0);
    let low = match in_use {
        Some(in_use) => left.saturating_add(in_use.max(0)).saturating_add(9) / 10,
        None => left.saturating_add(3) / 4,
    };
    let low = low.clamp(LOW.0, LOW.1);
    (low, (low / 3).max(1))
}

/// What is told apart by its words alone, in any case.
type Words = (String, String);

fn of_products(count: usize) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} product{plural}")
}

/// A choice that several products offer.
struct Shared {
    option: String,
    choice: String,
    products: usize,
    /// In all of them; unknown where one of them does not say.
    in_use: Option<i64>,
}

/// What one shop's suggestions have in common.
struct Part<'a> {
    /// Named where there are several shops.
    instance: Option<&'a str>,
    shared: BTreeMap<Words, Shared>,
}

fn offered(product: &Tracked) -> impl Iterator<Item = (OptionView<'_>, ChoiceView<'_>)> {
    let options = product.seen.iter().flat_map(|seen| seen.options().iter());
    let shown = options.filter(|option| !option.hidden);
    shown.flat_map(|option| {
        let choices = option.choices().filter(|choice| !choice.hidden);
        choices.map(move |choice| (option, choice)).collect::<Vec<_>>()
    })
}

fn words(option: &OptionView<'_>, choice: &ChoiceView<'_>) -> Words {
    (
        option.name.shown().to_lowercase(),
        choice.name.shown().to_lowercase(),
    )
}

/// The choices that more than one product offers.
fn shared(memory: &Memory) -> BTreeMap<Words, Shared> {
    let mut found: BTreeMap<Words, Shared> = BTreeMap::new();
    for product in memory.products.iter().filter(|product| !product.gone) {
        let mut here = HashSet::new();
        for (option, choice) in offered(product) {
            let words = words(&option, &choice);
            let shared = found.entry(words.clone()).or_insert_with(|| Shared {
                option: option.name.shown().to_owned(),
                choice: choice.name.shown().to_owned(),
                products: 0,
                in_use: Some(0),
            });
            shared.products += usize::from(here.insert(words));
            let sum = shared.in_use.zip(choice.in_use);
            shared.in_use = sum.map(|(sum, more)| sum.saturating_add(more));
        }
    }
    found.retain(|_, shared| shared.products > 1);
    found
}

impl Part<'_> {
    fn write(&self, name: &str, memory: &Memory, text: &mut String) {
        let mut groups: BTreeMap<Option<i64>, Vec<&Tracked>> = BTreeMap::new();
        for product in memory.products.iter().filter(|product| !product.gone) {
            groups.entry(product.group_id).or_default().push(product);
        }
        let count: usize = groups.values().map(Vec::len).sum();
        let _ = write!(text, "\n# === Shop {name}: {}\n", of_products(count));
        for (id, products) in groups {
            let known = products.iter().find_map(|product| product.group.as_ref());
            let group = match (id, known) {
                (Some(id), Some(name)) => format!("Group {id}, {name}"),
                (Some(id), None) => format!("Group {id} (its name is known only with the companion)"),
                (None, _) => "Of no known group".to_owned(),
            };
            let _ = write!(text, "\n# --- {group}\n");
            for product in products {
                self.write_product(product, text);
            }
        }
    }

    fn write_product(&self, product: &Tracked, text: &mut String) {
        let details = product.seen.as_ref().and_then(|seen| seen.details.as_ref());
        let in_use = details.and_then(|details| details.in_use);
        let mut remarks = vec![match product.series.level {
            Level::Known(left) => format!("{left} left"),
            Level::NotControlled => "its stock is not controlled".to_owned(),
            Level::Unknown if product.ambiguous_zero => {
                "shows 0: sold out, or its stock is not controlled. Say which it is".to_owned()
            }
            Level::Unknown => "no figure is known (the companion would tell it)".to_owned(),
        }];
        remarks.extend(in_use.map(|in_use| format!("{in_use} in use")));
        remarks.extend((product.hidden == Some(true)).then(|| "hidden".to_owned()));
        remarks.extend((product.retired == Some(true)).then(|| "retired".to_owned()));
        let _ = write!(
            text,
            "\n# {} {}: {}\n",
            product.id,
            product.name,
            remarks.join(", ")
        );
        match product.series.level {
            Level::Known(left) => {
                let (low, critical) = thresholds(left, in_use);
                self.table("rule", product.id, text);
                let _ = writeln!(text, "#low = {low}\n#critical = {critical}");
            }
            Level::Unknown if product.ambiguous_zero => {
                self.table("rule", product.id, text);
                let _ = writeln!(text, "#stock_control = \"on\"  # or \"off\"");
            }
            Level::Unknown | Level::NotControlled => {}
        }
        self.write_options(product, text);
    }

    fn table(&self, kind: &str, product: i64, text: &mut String) {
        let _ = writeln!(text, "#[[{kind}]]");
        if let Some(instance) = self.instance {
            let _ = writeln!(text, "#instances = [{}]", literal(instance));
        }
        let _ = writeln!(text, "#products = [{product}]");
    }

    fn write_options(&self, product: &Tracked, text: &mut String) {
        let options = product.seen.iter().flat_map(|seen| seen.options().iter());
        for option in options {
            let choices: Vec<String> = option
                .choices()
                .map(|choice| {
                    let count = choice.in_use.map(|count| format!(" ({count} in use)"));
                    let hidden = if choice.hidden { " (hidden)" } else { "" };
                    format!("{}{}{hidden}", choice.name, count.unwrap_or_default())
                })
                .collect();
            let kind = match option.kind {
                OptionKind::Quantity => ", a quantity",
                OptionKind::YesNo => ", yes or no",
                OptionKind::Dropdown | OptionKind::Radio | OptionKind::Other => "",
            };
            let hidden = if option.hidden { ", hidden" } else { "" };
            let _ = writeln!(
                text,
                "# Option {}{kind}{hidden}: {}",
                option.name,
                choices.join(", ")
            );
        }
        for (option, choice) in offered(product) {
            // What several share is a pool; without counts a capacity would say nothing.
            let Some(in_use) = choice.in_use else { continue };
            if self.shared.contains_key(&words(&option, &choice)) {
                continue;
            }
            let left = product.series.level.known().unwrap_or_default().max(0);
            self.table("capacity", product.id, text);
            let _ = writeln!(text, "#options = {}", pair(&option, &choice));
            let _ = writeln!(
                text,
                "#capacity = {}  # {in_use} in use; write how many there are in all",
                in_use.max(0).saturating_add(left)
            );
        }
    }

    fn write_pools(&self, names: &mut HashSet<String>, text: &mut String) {
        if self.shared.is_empty() {
            return;
        }
        let _ = write!(text, "\n# --- Choices that several products share\n");
        for shared in self.shared.values() {
            let called = format!("{}: {}", shared.option, shared.choice);
            let Some(in_use) = shared.in_use else {
                let _ = write!(
                    text,
                    "\n# {called}: {} products; what is in use of it only the companion tells\n",
                    shared.products
                );
                continue;
            };
            let mut name = match self.instance {
                Some(instance) => format!("{called} ({instance})"),
                None => called.clone(),
            };
            while !names.insert(name.to_lowercase()) {
                name.push('+');
            }
            let mut uses = InlineTable::new();
            uses.extend([
                ("option", literal(&shared.option)),
                ("choice", literal(&shared.choice)),
                ("need", Value::from(1)),
            ]);
            uses.extend(self.instance.map(|instance| ("instance", literal(instance))));
            let _ = write!(
                text,
                "\n# {called}: {} products, {in_use} in use\n#[[pool]]\n#name = {}\n\
                 #capacity = {}  # write how many there are in all\n#uses = [{}]\n",
                shared.products,
                literal(&name),
                in_use.max(0),
                Value::from(uses).to_string().trim()
            );
        }
    }
}

/// `{ RAM = "64 GB" }`, by number where a name would name others as well.
fn pair(option: &OptionView<'_>, choice: &ChoiceView<'_>) -> String {
    let clear = |name: &str| !name.is_empty() && !name.contains(['*', '?']);
    let (option_name, choice_name) = (option.name.shown(), choice.name.shown());
    let mut pair = InlineTable::new();
    if clear(option_name) && clear(choice_name) {
        pair.insert(option_name, literal(choice_name));
    } else {
        pair.insert(option.id.to_string(), Value::from(choice.id));
    }
    Value::from(pair).to_string().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thresholds_are_a_share_of_all_there_are_within_bounds() {
        for (left, in_use, expected) in [
            (7, Some(21), (3, 1)),
            (7, None, (2, 1)),
            (40, None, (10, 3)),
            (0, Some(0), (2, 1)),
            (-3, Some(-1), (2, 1)),
            (100, Some(150), (25, 8)),
            (i64::MAX, Some(i64::MAX), (50, 16)),
        ] {
            assert_eq!(thresholds(left, in_use), expected, "{left}, {in_use:?}");
        }
    }
}
