//! The doctor's report as text: by subject, each step with its mark, each finding with its mend.

use std::fmt::Write;

use anstyle::AnsiColor;
use anstyle::Style;
use comfy_table::Table;

use crate::doctor::finding::Check;
use crate::doctor::finding::Finding;
use crate::doctor::finding::Report;
use crate::doctor::finding::Severity;
use crate::doctor::finding::State;

/// Columns where the terminal does not tell, and at most.
const USUAL: usize = 100;
/// Columns at least.
const NARROWEST: usize = 40;

/// The columns to fill.
#[must_use]
pub fn width() -> usize {
    let width = Table::new().width().map_or(USUAL, usize::from);
    width.clamp(NARROWEST, USUAL)
}

/// The whole report, its lines no wider than that where words allow.
#[must_use]
pub fn text(report: &Report, colours: bool, width: usize) -> String {
    let mut findings: Vec<&Finding> = report.findings.iter().chain(&report.notes).collect();
    let mut text = String::new();
    let mut subject = "";
    let mut checks = report.checks.iter().peekable();
    while let Some(check) = checks.next() {
        if check.subject != subject {
            if !subject.is_empty() {
                text.push('\n');
            }
            subject = &check.subject;
            let bold = Style::new().bold();
            let _ = writeln!(text, "{}", painted(subject, bold, colours));
        }
        let of_check =
            |finding: &&Finding| finding.subject == check.subject && finding.id.as_str() == check.detail;
        match findings.iter().position(of_check) {
            Some(at) => told(&mut text, check, findings.remove(at), colours, width),
            None => {
                let mut names = check.name.to_owned();
                let is_like = |next: &&Check| {
                    let same = next.subject == check.subject && next.detail == check.detail;
                    same && check.state == State::NotChecked && next.state == State::NotChecked
                };
                while let Some(next) = checks.next_if(is_like) {
                    let _ = write!(names, ", {}", next.name);
                }
                passed(&mut text, check, &names, colours, width);
            }
        }
    }
    let _ = write!(text, "\n{}", conclusion(report));
    text
}

fn passed(text: &mut String, check: &Check, names: &str, colours: bool, width: usize) {
    let (mark, style, words) = match check.state {
        State::Ok => ("✓", AnsiColor::Green.on_default(), check.detail.clone()),
        State::Unknown => ("–", Style::new().dimmed(), check.detail.clone()),
        State::NotChecked => (
            "–",
            Style::new().dimmed(),
            format!("not checked: {}", check.detail),
        ),
        State::Finding => ("✗", AnsiColor::Red.on_default(), check.detail.clone()),
    };
    let line = if words.is_empty() {
        names.to_owned()
    } else {
        format!("{names}: {words}")
    };
    paragraph(
        text,
        &format!("  {} ", painted(mark, style, colours)),
        4,
        &line,
        width,
    );
}

fn told(text: &mut String, check: &Check, finding: &Finding, colours: bool, width: usize) {
    let (mark, style) = match finding.severity {
        Severity::Info => ("i", AnsiColor::Cyan.on_default()),
        Severity::Warning => ("!", AnsiColor::Yellow.on_default()),
        Severity::Failure => ("✗", AnsiColor::Red.on_default()),
    };
    let mark = painted(mark, style.bold(), colours);
    let line = format!("{}: {}", check.name, finding.problem);
    paragraph(text, &format!("  {mark} "), 4, &line, width);
    if !finding.mend.is_empty() {
        paragraph(text, "    → ", 6, &finding.mend, width);
    }
    let setting = finding
        .setting
        .as_ref()
        .map_or_else(String::new, |setting| format!("{setting} · "));
    let see = format!("{setting}{}", finding.see);
    paragraph(text, "      ", 6, &see, width);
}

/// Words, wrapped; the lines after the first as far in as `indent`.
fn paragraph(text: &mut String, first: &str, indent: usize, words: &str, width: usize) {
    text.push_str(first);
    let mut column = indent;
    for (nth, word) in words.split_whitespace().enumerate() {
        let length = word.chars().count();
        if nth > 0 && column + 1 + length > width {
            text.push('\n');
            text.push_str(&" ".repeat(indent));
            column = indent;
        } else if nth > 0 {
            text.push(' ');
            column += 1;
        }
        text.push_str(word);
        column += length;
    }
    text.push('\n');
}

fn conclusion(report: &Report) -> String {
    let count = |severity| {
        let of_it = report
            .findings
            .iter()
            .filter(|finding| finding.severity == severity);
        of_it.count()
    };
    let in_words = |count: usize, word: &str| match count {
        0 => None,
        1 => Some(format!("1 {word}")),
        more => Some(format!("{more} {word}s")),
    };
    let parts = [
        in_words(count(Severity::Failure), "failure"),
        in_words(count(Severity::Warning), "warning"),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    if parts.is_empty() {
        "All is well.".to_owned()
    } else {
        format!("{}.", parts.join(", "))
    }
}

fn painted(text: &str, style: Style, colours: bool) -> String {
    if colours {
        format!("{style}{text}{style:#}")
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use crate::doctor::finding::Id;
    use crate::doctor::finding::Walk;
    use crate::doctor::finding::Wrong;

    use super::*;

    fn report() -> Report {
        let mut shop = Walk::new("shop default", Some("default"));
        shop.ok("connection", "WHMCS's API answers");
        let wrong = Wrong::failure(
            Id::CredentialsWrongSecret,
            "WHMCS knows the identifier, but not with this secret.",
            "Make a new one.",
        );
        shop.found("sign-in", wrong.about("WHMCS_API_SECRET"));
        shop.not_checked(&["products", "stock"], "an earlier step failed");
        let mut rules = Walk::new("rules", None);
        rules.found(
            "matching",
            Wrong::warning(Id::RuleMatchesNothing, "rule 1 matches nothing.", ""),
        );
        rules.found(
            "matching",
            Wrong::warning(Id::RuleMatchesNothing, "rule 2 matches nothing.", ""),
        );
        Report::new(Timestamp::UNIX_EPOCH, vec![shop, rules])
    }

    #[test]
    fn each_step_has_its_mark_and_each_finding_its_mend() {
        insta::assert_snapshot!(text(&report(), false, 60), @r"
        shop default
          ✓ connection: WHMCS's API answers
          ✗ sign-in: WHMCS knows the identifier, but not with this
            secret.
            → Make a new one.
              WHMCS_API_SECRET ·
              docs/troubleshooting.md#credentials-wrong-secret
          – products, stock: not checked: an earlier step failed

        rules
          ! matching: rule 1 matches nothing.
              docs/troubleshooting.md#rule-matches-nothing
          ! matching: rule 2 matches nothing.
              docs/troubleshooting.md#rule-matches-nothing

        1 failure, 2 warnings.
        ");
    }

    #[test]
    fn colours_are_only_where_they_are_wanted() {
        assert!(!text(&report(), false, 80).contains('\u{1b}'));
        assert!(
            text(&report(), true, 80).contains("\u{1b}[31m")
                || text(&report(), true, 80).contains("\u{1b}[1m")
        );
    }
}
