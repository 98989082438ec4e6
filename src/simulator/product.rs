//! What the simulated shop sells: products, their configurable options, and the services sold of them.

use std::collections::BTreeMap;

/// Which choice of which option a service holds, ascending by option: (option, choice) for dropdown, radio and
/// yes/no (choice 0 is "no"), (option, quantity) for a quantity option.
pub type Picks = Vec<(i64, i64)>;

/// A product; every field may be changed through `Shop::edit`.
#[derive(Debug, Clone, PartialEq)]
pub struct Product {
    pub pid: i64,
    pub gid: i64,
    /// The group's name; only GetProductDetails tells it.
    pub group: String,
    pub name: String,
    /// HTML, as WHMCS keeps it.
    pub description: String,
    /// The provisioning module; may be empty.
    pub module: String,
    pub hidden: bool,
    pub retired: bool,
    /// Whether WHMCS counts the stock.
    pub stock_control: bool,
    /// The stock, meaningful only where it is counted; may be negative.
    pub qty: i64,
    /// WHMCS tells no number for it, as behind a broken add-on.
    pub garbled: bool,
    /// The price a month in the first currency, in cents.
    pub monthly_cents: i64,
    pub options: Vec<ConfigOption>,
    /// How many services hold hardware, per configuration.
    pub services: BTreeMap<Picks, i64>,
    /// A level the site itself keeps per combination (`"4=11;5=20"`), which only a changed companion sends.
    pub combination_stock: BTreeMap<String, i64>,
}

impl Product {
    /// A visible product whose stock is not counted, without options.
    #[must_use]
    pub fn new(pid: i64, gid: i64, group: &str, name: &str) -> Self {
        Self {
            pid,
            gid,
            group: group.to_owned(),
            name: name.to_owned(),
            description: String::new(),
            module: String::new(),
            hidden: false,
            retired: false,
            stock_control: false,
            qty: 0,
            garbled: false,
            monthly_cents: 4900,
            options: Vec::new(),
            services: BTreeMap::new(),
            combination_stock: BTreeMap::new(),
        }
    }

    /// Counts the stock, and this many are left.
    #[must_use]
    pub fn with_stock(mut self, qty: i64) -> Self {
        self.stock_control = true;
        self.qty = qty;
        self
    }

    /// Sells it without counting.
    #[must_use]
    pub fn without_stock_control(mut self) -> Self {
        self.stock_control = false;
        self
    }

    /// Adds a configurable option.
    #[must_use]
    pub fn with_option(mut self, option: ConfigOption) -> Self {
        self.options.push(option);
        self
    }

    /// Adds services of one configuration.
    #[must_use]
    pub fn with_services(mut self, picks: &[(i64, i64)], count: i64) -> Self {
        self.add_services(picks, count);
        self
    }

    /// Sets the price a month in the first currency, in cents.
    #[must_use]
    pub fn with_price(mut self, monthly_cents: i64) -> Self {
        self.monthly_cents = monthly_cents;
        self
    }

    /// Sets the description (HTML).
    #[must_use]
    pub fn with_description(mut self, html: &str) -> Self {
        html.clone_into(&mut self.description);
        self
    }

    /// Sets the provisioning module.
    #[must_use]
    pub fn with_module(mut self, module: &str) -> Self {
        module.clone_into(&mut self.module);
        self
    }

    /// Hides it from the shop's pages (the API lists it all the same).
    #[must_use]
    pub fn hidden(mut self) -> Self {
        self.hidden = true;
        self
    }

    /// Takes it off sale.
    #[must_use]
    pub fn retired(mut self) -> Self {
        self.retired = true;
        self
    }

    /// Counts services of one configuration in, or out where `count` is negative; never below none.
    pub fn add_services(&mut self, picks: &[(i64, i64)], count: i64) {
        let mut picks = picks.to_vec();
        picks.sort_unstable();
        let services = self.services.entry(picks.clone()).or_default();
        *services = (*services + count).max(0);
        if *services == 0 {
            self.services.remove(&picks);
        }
    }

    /// The first choice of every option, "no" and quantity 1: what a customer gets who chooses nothing.
    #[must_use]
    pub fn default_picks(&self) -> Picks {
        let mut picks: Picks = self.options.iter().map(ConfigOption::default_pick).collect();
        picks.sort_unstable();
        picks
    }

    /// How many of its services hold hardware.
    #[must_use]
    pub fn in_use(&self) -> i64 {
        self.services.values().sum()
    }

    /// How many of its services hold a choice; for a quantity option the sum of the quantities.
    #[must_use]
    pub fn choice_in_use(&self, option: &ConfigOption, choice: i64) -> i64 {
        let of_option = |(picks, count): (&Picks, &i64)| {
            let (_, picked) = picks.iter().find(|(id, _)| *id == option.id)?;
            match option.kind {
                OptionKind::Quantity => Some(picked * count),
                OptionKind::Dropdown | OptionKind::Radio | OptionKind::YesNo => {
                    (*picked == choice).then_some(*count)
                }
            }
        };
        self.services.iter().filter_map(of_option).sum()
    }

    /// How many services each combination has (`"4=11;5=20"`, quantity options left out); those in use, and
    /// those with a stock of their own.
    #[must_use]
    pub fn combinations(&self) -> BTreeMap<String, i64> {
        let mut counts: BTreeMap<String, i64> = BTreeMap::new();
        for (picks, count) in &self.services {
            let pairs: Vec<String> = picks
                .iter()
                .filter(|(option, _)| self.combines(*option))
                .map(|(option, choice)| format!("{option}={choice}"))
                .collect();
            if !pairs.is_empty() {
                *counts.entry(pairs.join(";")).or_default() += count;
            }
        }
        for key in self.combination_stock.keys() {
            counts.entry(key.clone()).or_default();
        }
        counts
    }

    fn combines(&self, option: i64) -> bool {
        self.options
            .iter()
            .any(|o| o.id == option && o.kind != OptionKind::Quantity)
    }
}

/// A configurable option.
#[derive(Debug, Clone, PartialEq)]
pub struct ConfigOption {
    pub id: i64,
    pub name: String,
    pub kind: OptionKind,
    pub hidden: bool,
    /// The least and the most of a quantity option, else 0.
    pub min: i64,
    pub max: i64,
    pub choices: Vec<Choice>,
}

impl ConfigOption {
    /// A visible option; choices are (id, name).
    #[must_use]
    pub fn new(id: i64, name: &str, kind: OptionKind, choices: &[(i64, &str)]) -> Self {
        let (min, max) = if kind == OptionKind::Quantity {
            (1, 16)
        } else {
            (0, 0)
        };
        Self {
            id,
            name: name.to_owned(),
            kind,
            hidden: false,
            min,
            max,
            choices: choices
                .iter()
                .zip(0..)
                .map(|((id, name), nth)| Choice::new(*id, name, 450 * nth))
                .collect(),
        }
    }

    fn default_pick(&self) -> (i64, i64) {
        let picked = match self.kind {
            OptionKind::Dropdown | OptionKind::Radio => self.choices.first().map_or(0, |choice| choice.id),
            OptionKind::YesNo => 0,
            OptionKind::Quantity => self.min.max(1),
        };
        (self.id, picked)
    }
}

/// WHMCS's types of a configurable option.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OptionKind {
    Dropdown,
    Radio,
    YesNo,
    Quantity,
}

impl OptionKind {
    /// The type as WHMCS writes it: `1` to `4`.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Dropdown => "1",
            Self::Radio => "2",
            Self::YesNo => "3",
            Self::Quantity => "4",
        }
    }
}

/// A choice of an option.
#[derive(Debug, Clone, PartialEq)]
pub struct Choice {
    pub id: i64,
    pub name: String,
    pub hidden: bool,
    /// What it costs more a month, in cents of the first currency.
    pub monthly_cents: i64,
    /// A level the site itself keeps, which only a changed companion sends.
    pub stock: Option<i64>,
}

impl Choice {
    /// A visible choice without a stock of its own.
    #[must_use]
    pub fn new(id: i64, name: &str, monthly_cents: i64) -> Self {
        Self {
            id,
            name: name.to_owned(),
            hidden: false,
            monthly_cents,
            stock: None,
        }
    }
}

/// A currency that every price is listed in.
#[derive(Debug, Clone, PartialEq)]
pub struct Currency {
    pub code: String,
    pub prefix: String,
    pub suffix: String,
    /// Hundredths of this currency for 100 hundredths of the first one.
    pub rate_percent: i64,
}

impl Currency {
    /// A currency; the first of a shop has the rate 100.
    #[must_use]
    pub fn new(code: &str, prefix: &str, suffix: &str, rate_percent: i64) -> Self {
        Self {
            code: code.to_owned(),
            prefix: prefix.to_owned(),
            suffix: suffix.to_owned(),
            rate_percent,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server() -> Product {
        Product::new(1, 1, "Dedicated", "DS")
            .with_stock(3)
            .with_option(ConfigOption::new(
                10,
                "Disks",
                OptionKind::Quantity,
                &[(100, "Disk")],
            ))
            .with_option(ConfigOption::new(
                9,
                "RAM",
                OptionKind::Dropdown,
                &[(90, "32"), (91, "64")],
            ))
            .with_option(ConfigOption::new(8, "RAID", OptionKind::YesNo, &[(80, "RAID")]))
            .with_services(&[(9, 90), (10, 2), (8, 0)], 3)
            .with_services(&[(9, 90), (10, 4), (8, 80)], 1)
            .with_services(&[(9, 91), (10, 1), (8, 0)], 2)
    }

    #[test]
    fn counts_follow_the_services() {
        let product = server();
        assert_eq!(product.in_use(), 6);
        assert_eq!(product.choice_in_use(&product.options[1], 90), 4);
        assert_eq!(product.choice_in_use(&product.options[0], 100), 3 * 2 + 4 + 2);
        assert_eq!(product.choice_in_use(&product.options[2], 80), 1);
        let counts: Vec<_> = product.combinations().into_iter().collect();
        let expected = [("8=0;9=90", 3), ("8=0;9=91", 2), ("8=80;9=90", 1)];
        assert_eq!(counts, expected.map(|(key, n)| (key.to_owned(), n)));
    }

    #[test]
    fn services_never_fall_below_none_and_empty_configurations_vanish() {
        let mut product = server();
        product.add_services(&[(8, 0), (9, 91), (10, 1)], -5);
        assert_eq!(product.in_use(), 4);
        assert!(!product.combinations().contains_key("8=0;9=91"));
    }

    #[test]
    fn the_default_configuration_is_the_first_choice_no_and_one() {
        assert_eq!(server().default_picks(), [(8, 0), (9, 90), (10, 1)]);
    }
}
