//! The documents' Markdown as a manual page: headings, paragraphs, lists, code, and tables of settings as definitions.

use clap_mangen::roff::Inline;
use clap_mangen::roff::Roff;
use clap_mangen::roff::bold;
use clap_mangen::roff::roman;

/// What stands for no default in the tables.
const NONE: &str = "–";

/// Appends the text. Its first heading, the document's title, is left out.
pub fn append(page: &mut Roff, text: &str) {
    let mut block = Vec::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let (line, fence) = (line.trim_end(), line.trim_start().starts_with("```"));
        if fence || line.is_empty() || line.starts_with('#') || line.starts_with('|') {
            flush(page, &mut block);
        }
        if fence {
            let code = lines
                .by_ref()
                .take_while(|line| !line.trim_start().starts_with("```"));
            literal(page, code);
        } else if let Some((level, words)) = heading(line) {
            match level {
                1 => {}
                2 => _ = page.control("SH", [words.to_uppercase().as_str()]),
                _ => {
                    _ = page.control(
                        "SS",
                        [inline(words).iter().map(plain).collect::<String>().as_str()],
                    )
                }
            }
        } else if line.starts_with('|') {
            let next = lines.peek().copied().unwrap_or_default();
            // The heads of the columns, and the line beneath them.
            if !is_rule(line) && !is_rule(next) {
                row(page, line);
            }
        } else if !line.is_empty() {
            if item(line).is_some() {
                flush(page, &mut block);
            }
            block.push(line);
        }
    }
    flush(page, &mut block);
}

fn heading(line: &str) -> Option<(usize, &str)> {
    let words = line.trim_start_matches('#');
    let level = line.len() - words.len();
    (level > 0).then(|| (level, words.trim()))
}

fn is_rule(line: &str) -> bool {
    line.starts_with('|') && line.contains("---") && line.chars().all(|c| matches!(c, '|' | '-' | ' ' | ':'))
}

/// The mark and the text of an item of a list.
fn item(line: &str) -> Option<(&str, &str)> {
    let (mark, text) = line.trim_start().split_once(' ')?;
    let numbered = mark
        .strip_suffix('.')
        .is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()));
    (numbered || mark == "-").then_some((mark, text))
}

/// The lines so far as a paragraph, or as an item of a list.
fn flush(page: &mut Roff, block: &mut Vec<&str>) {
    let Some(first) = block.first().copied() else {
        return;
    };
    let rest = block.iter().skip(1).map(|line| line.trim());
    let (mark, first) = item(first).map_or((None, first), |(mark, text)| (Some(mark), text));
    let words: Vec<&str> = std::iter::once(first.trim()).chain(rest).collect();
    match mark {
        Some(mark) => _ = page.control("IP", [if mark == "-" { "\u{2022}" } else { mark }, "4"]),
        None => _ = page.control("PP", []),
    }
    page.text(inline(&words.join(" ")));
    block.clear();
}

fn literal<'a>(page: &mut Roff, lines: impl Iterator<Item = &'a str>) {
    page.control("PP", []).control("RS", ["4"]).control("nf", []);
    for line in lines {
        page.text([roman(line)]);
    }
    page.control("fi", []).control("RE", []);
}

/// A setting: its name, its default, what it means.
fn row(page: &mut Roff, line: &str) {
    let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
    let mut head = inline(cells.first().copied().unwrap_or_default());
    let (default, meaning) = match cells.as_slice() {
        [_, default, meaning @ ..] if !meaning.is_empty() => (*default, meaning.join(" | ")),
        [_, meaning] => (NONE, (*meaning).to_owned()),
        [..] => (NONE, String::new()),
    };
    if default == "needed" {
        head.push(roman(" (needed)"));
    } else if default != NONE {
        head.push(roman(" (default: "));
        head.extend(inline(default).iter().map(|part| roman(plain(part))));
        head.push(roman(")"));
    }
    page.control("TP", []).text(head).text(inline(&meaning));
}

fn plain(part: &Inline) -> String {
    match part {
        Inline::Roman(text) | Inline::Italic(text) | Inline::Bold(text) => text.clone(),
        Inline::LineBreak => " ".to_owned(),
    }
}

/// Code and what is emphasised is bold; of a link within the documents only its words stay.
fn inline(text: &str) -> Vec<Inline> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(['`', '*', '[']) {
        let (before, after) = rest.split_at(at);
        let Some((part, tail)) = marked(after) else {
            let end = at + after.chars().next().map_or(0, char::len_utf8);
            parts.push(roman(&rest[..end]));
            rest = &rest[end..];
            continue;
        };
        parts.push(roman(before));
        parts.extend(part);
        rest = tail;
    }
    parts.push(roman(rest));
    parts.retain(|part| !plain(part).is_empty());
    parts
}

/// What a mark at the beginning encloses, and what follows it.
fn marked(text: &str) -> Option<(Vec<Inline>, &str)> {
    if let Some(code) = text.strip_prefix('`') {
        let (code, tail) = code.split_once('`')?;
        return Some((vec![bold(code)], tail));
    }
    if let Some(strong) = text.strip_prefix("**") {
        let (strong, tail) = strong.split_once("**")?;
        return Some((vec![bold(strong)], tail));
    }
    let (words, tail) = text.strip_prefix('[')?.split_once("](")?;
    let (target, tail) = tail.split_once(')')?;
    let mut parts = inline(words);
    if target.contains("://") {
        parts.push(roman(format!(" <{target}>")));
    }
    Some((parts, tail))
}
