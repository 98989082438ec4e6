//! The table of mistakes: each is found alone, as what it is, with the words of its mend.

use std::collections::BTreeSet;
use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

use whmcs_stock_monitor::doctor::finding::Id;

use crate::case::Case;
use crate::planted::address;
use crate::planted::channels;
use crate::planted::refusals;
use crate::planted::settings;
use crate::planted::stock;
use crate::world::ids;
use crate::world::no_secret;

/// Cases under way at once.
const AT_ONCE: usize = 4;

fn all() -> Vec<Case> {
    let mut all = address::all();
    all.extend(refusals::all());
    all.extend(stock::all());
    all.extend(settings::all());
    all.extend(channels::all());
    all
}

/// What is wrong with how a case was found; nothing where all is as it should be.
fn judged(case: &Case) -> Vec<String> {
    let world = (case.plant)();
    let (ended, report) = world.doctor(case.arguments);
    let mut wrong = Vec::new();
    let findings = report["findings"].as_array().expect("findings");
    if findings.len() != 1 || ids(&report) != [case.id.as_str()] {
        wrong.push(format!("found {findings:#?}"));
        return wrong;
    }
    let finding = &findings[0];
    let (code, result) = match case.severity {
        "failure" => (2, "failure"),
        _ => (1, "warning"),
    };
    if ended.code != code || report["result"] != result || finding["severity"] != case.severity {
        wrong.push(format!("ended with {} and {}", ended.code, report["result"]));
    }
    let texts = [&finding["problem"], &finding["mend"], &finding["setting"]];
    let said: Vec<&str> = texts.iter().filter_map(|text| text.as_str()).collect();
    let said = said.join(" ");
    for words in case.words {
        if !said.contains(words) {
            wrong.push(format!("{words:?} is not in {said:?}"));
        }
    }
    if finding["see"] != format!("docs/troubleshooting.md#{}", case.id.as_str()) {
        wrong.push(format!("see {}", finding["see"]));
    }
    let printed = world.home.run(&[&["doctor"], case.arguments].concat());
    no_secret(&printed);
    if printed.code != code || !printed.out.contains(case.id.as_str()) {
        wrong.push(format!("printed {printed:?}"));
    }
    wrong
}

#[test]
fn each_planted_mistake_is_found_alone_and_with_its_mend() {
    let cases = all();
    assert!(cases.len() >= 25, "{}", cases.len());
    let next = AtomicUsize::new(0);
    let wrong: Mutex<Vec<String>> = Mutex::default();
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let found = catch_unwind(AssertUnwindSafe(|| judged(case)));
                    let found = found.unwrap_or_else(|_| vec!["the test panicked (see above)".to_owned()]);
                    let mut wrong = wrong.lock().expect("nobody panicked");
                    wrong.extend(
                        found
                            .into_iter()
                            .map(|problem| format!("{}: {problem}", case.mistake)),
                    );
                }
            });
        }
    });
    let wrong = wrong.into_inner().expect("nobody panicked");
    println!("{} mistakes were planted", cases.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_finding_is_planted_but_those_that_need_a_broken_disk_or_program() {
    let planted: BTreeSet<&str> = all().iter().map(|case| case.id.as_str()).collect();
    let missing: Vec<&str> = Id::ALL
        .iter()
        .map(|id| id.as_str())
        .filter(|id| !planted.contains(id))
        .collect();
    // The note of a later contract is no finding; tests/doctor/healthy.rs has it.
    assert_eq!(
        missing,
        [
            "companion-newer",
            "database-unreadable",
            "disk-space-low",
            "doctor-failed"
        ]
    );
}
