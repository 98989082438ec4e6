//! From a list of thresholds to the entries of the configuration file: every line checked, and what is inherited left so.

use std::collections::HashMap;

use crate::config::entry::Entry;
use crate::config::entry::Identity;
use crate::config::entry::Target;
use crate::config::entry::Which;
use crate::config::export::Book;
use crate::config::line::Ground;
use crate::config::line::Line;
use crate::config::line::line;
use crate::config::listed::Listed;
use crate::config::listed::listed;
use crate::config::sheet::Column;
use crate::config::sheet::Row;
use crate::config::sheet::WrongLine;
use crate::domain::alerting::rules::Rule;
use crate::domain::alerting::rules::Rules;
use crate::domain::alerting::state::Tracked;
use crate::domain::capacity::CapacityRule;
use crate::domain::pattern::Pattern;

/// What a list comes to.
#[derive(Debug, PartialEq, Eq)]
pub struct Plan {
    /// In the order they are written: the less exact first.
    pub entries: Vec<Entry>,
    /// What to look at again.
    pub warnings: Vec<WrongLine>,
}

/// The entries that the list asks for. A line that came out of an export, and says what another rule or the global
/// thresholds set, asks for nothing where its values are still those.
///
/// # Errors
/// Every line that is wrong, at once.
pub fn plan(rows: &[Row], ground: &Ground<'_>) -> Result<Plan, Vec<WrongLine>> {
    let mut lines = Vec::new();
    let mut problems = Vec::new();
    for row in rows {
        match line(row, ground) {
            Ok(line) => lines.push(line),
            Err(wrong) => problems.extend(wrong.into_iter().map(|problem| WrongLine {
                line: row.line,
                problem,
            })),
        }
    }
    problems.extend(twice(&lines));
    problems.sort_by_key(|wrong| wrong.line);
    if !problems.is_empty() {
        return Err(problems);
    }
    let known: HashMap<Identity, Listed<'_>> = listed(ground.shops)
        .into_iter()
        .map(|listed| (listed.target.identity(), listed))
        .collect();
    let warnings = lines
        .iter()
        .filter_map(|line| doubt(line, ground, &known))
        .collect();
    lines.sort_by_cached_key(|line| (rank(line, &known), line.target.identity()));
    settle(&mut lines, ground, &known);
    let entries = lines.into_iter().map(|line| Entry {
        target: line.target,
        values: line.values,
    });
    Ok(Plan {
        entries: entries.filter(|entry| !entry.values.is_empty()).collect(),
        warnings,
    })
}

/// Lines for what another line is for already.
fn twice(lines: &[Line<'_>]) -> Vec<WrongLine> {
    let mut first: HashMap<Identity, u64> = HashMap::new();
    let mut wrong = Vec::new();
    for line in lines {
        let known = *first.entry(line.target.identity()).or_insert(line.row.line);
        if known != line.row.line {
            wrong.push(WrongLine {
                line: line.row.line,
                problem: format!("is for {} as line {known} is", line.target),
            });
        }
    }
    wrong
}

/// What may be a slip: a name that is another product's, a product that is not known.
fn doubt(line: &Line<'_>, ground: &Ground<'_>, known: &HashMap<Identity, Listed<'_>>) -> Option<WrongLine> {
    if ground.shops.iter().all(|(_, memory)| memory.products.is_empty()) {
        return None;
    }
    let whole = Target {
        options: Vec::new(),
        ..line.target.clone()
    };
    let problem = match (&line.target.product, known.get(&whole.identity())) {
        (Which::Id(_), Some(listed)) => {
            let (name, written) = (listed.product.name.shown(), line.row.get(Column::Name));
            let differs = !written.is_empty() && written.to_lowercase() != name.to_lowercase();
            let renamed = differs.then(|| {
                format!(
                    "{whole} is called {name:?}, not {written:?}; the pid counts. Was a column sorted alone?"
                )
            });
            renamed.or_else(|| unoffered(&line.target, listed.product))
        }
        (Which::Id(id), None) => {
            let mut everywhere = ground.shops.iter().flat_map(|(_, memory)| &memory.products);
            let found = line.target.instance.is_none() && everywhere.any(|product| product.id == *id);
            (!found).then(|| format!("{whole} is not in the database, or is gone"))
        }
        (Which::Name(name), _) => {
            let pattern = Pattern::text(name);
            let found = ground.shops.iter().any(|(instance, memory)| {
                line.target
                    .instance
                    .as_deref()
                    .is_none_or(|wanted| wanted == *instance)
                    && memory
                        .products
                        .iter()
                        .any(|product| pattern.matches(Some(product.id), Some(&product.name)))
            });
            (!found).then(|| format!("no product called {name:?} is in the database"))
        }
    };
    problem.map(|problem| WrongLine {
        line: line.row.line,
        problem,
    })
}

/// A choice that the product does not offer, in words.
fn unoffered(target: &Target, product: &Tracked) -> Option<String> {
    let seen = product.seen.as_ref()?;
    let offered = |(wanted, chosen): &&(String, String)| {
        let (wanted, chosen) = (Pattern::text(wanted), Pattern::text(chosen));
        seen.options().iter().any(|option| {
            wanted.matches(Some(option.id), Some(option.name))
                && option
                    .choices()
                    .any(|choice| chosen.matches(Some(choice.id), Some(choice.name)))
        })
    };
    let (option, choice) = target.options.iter().find(|pair| !offered(pair))?;
    Some(format!("the product does not offer {option}={choice}"))
}

/// How exact a line is: of two rules alike the later one wins, so that this is the order they are written in.
fn rank(line: &Line<'_>, known: &HashMap<Identity, Listed<'_>>) -> (usize, bool, bool, bool) {
    let target = &line.target;
    (
        target.options.len(),
        target.instance.is_some(),
        matches!(target.product, Which::Id(_)),
        known.contains_key(&target.identity()),
    )
}

/// Takes back what a line only repeats of other rules. The lines are in the order of their ranks: what is less exact is
/// settled first, since it is what the more exact inherits.
fn settle(lines: &mut [Line<'_>], ground: &Ground<'_>, known: &HashMap<Identity, Listed<'_>>) {
    let mut ground = Growing::without_imports(ground);
    for group in lines.chunk_by_mut(|a, b| rank(a, known) == rank(b, known)) {
        let book = ground.book();
        for line in group.iter_mut() {
            if let Some(listed) = known.get(&line.target.identity()) {
                line.inherit(&book.stated(listed), listed.is_choice);
            }
        }
        drop(book);
        for line in group {
            ground.add(line);
        }
    }
}

/// The rules and capacities that people wrote, and behind them the list's, as they are settled.
struct Growing {
    rules: Rules,
    rule_targets: Vec<Option<Target>>,
    capacities: Vec<CapacityRule>,
    capacity_targets: Vec<Option<Target>>,
}

impl Growing {
    fn without_imports(ground: &Ground<'_>) -> Self {
        let rules = foreign(&ground.rules.rules, &ground.file.rules());
        let capacities = foreign(ground.capacities, &ground.file.capacities());
        let all = ground.rules;
        Self {
            rule_targets: vec![None; rules.len()],
            capacity_targets: vec![None; capacities.len()],
            rules: Rules::new(all.low, all.critical, rules, all.channels.clone()),
            capacities,
        }
    }

    fn book(&self) -> Book<'_> {
        Book::new(
            &self.rules,
            self.rule_targets.clone(),
            &self.capacities,
            self.capacity_targets.clone(),
        )
    }

    fn add(&mut self, line: &Line<'_>) {
        let (target, values) = (&line.target, &line.values);
        let instances: Vec<Pattern> = target.instance.iter().map(|name| Pattern::text(name)).collect();
        let products = vec![match &target.product {
            Which::Id(id) => Pattern::Id(*id),
            Which::Name(name) => Pattern::text(name),
        }];
        let pairs = target.options.iter();
        let options: Vec<(Pattern, Pattern)> =
            pairs.map(|(o, c)| (Pattern::text(o), Pattern::text(c))).collect();
        if values.has_rule() {
            self.rule_targets.push(Some(target.clone()));
            self.rules.rules.push(Rule {
                origin: target.to_string(),
                instances: instances.clone(),
                products: products.clone(),
                options: options.clone(),
                low: values.low,
                critical: values.critical,
                channels: values.channels.clone(),
                ..Rule::default()
            });
        }
        if let Some(capacity) = values.capacity {
            self.capacity_targets.push(Some(target.clone()));
            self.capacities.push(CapacityRule {
                origin: target.to_string(),
                instances,
                groups: Vec::new(),
                products,
                options,
                capacity,
            });
        }
    }
}

/// Those that no import wrote.
fn foreign<T: Clone>(all: &[T], targets: &[Option<Target>]) -> Vec<T> {
    let is_foreign = |place: usize| targets.get(place).is_none_or(Option::is_none);
    let foreign = all.iter().enumerate().filter(|(place, _)| is_foreign(*place));
    foreign.map(|(_, one)| one.clone()).collect()
}
