//! The companion's files are sound PHP, of the oldest version that WHMCS runs on.

use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

use crate::databases::ready;
use crate::databases::tests_php;

/// Every file of the companion.
pub fn shipped() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("companion")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn php(arguments: &[&str], files: &[PathBuf]) -> String {
    let output = Command::new("php").args(arguments).args(files).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{}", text(&output.stdout));
    text(&output.stdout)
}

#[test]
fn every_file_is_sound_php() {
    if !ready() {
        return;
    }
    assert_eq!(shipped().len(), 3);
    for file in shipped() {
        let said = php(&["-l"], std::slice::from_ref(&file));
        assert!(said.starts_with("No syntax errors"), "{said}");
        let text = fs::read(&file).unwrap();
        assert!(
            text.starts_with(b"<?php\n"),
            "nothing may be printed: {}",
            file.display()
        );
        assert!(
            !String::from_utf8(text).unwrap().contains("?>"),
            "{}",
            file.display()
        );
    }
}

#[test]
fn nothing_needs_more_than_php_7_2() {
    if !ready() {
        return;
    }
    let check = tests_php("syntax.php").display().to_string();
    assert_eq!(php(&[&check], &shipped()), "");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("newer.php");
    let newer = "<?php
class A { public int $typed; }
function f(?mixed $a, int|string $b): static { return fn () => $a ??= 1_000; }
f($x?->y, );
str_contains('a', match (1) { default => 'b' });
try { [...$z]; } catch (E) {}
f(a: 1);
echo PHP_OS_FAMILY;";
    fs::write(&file, newer).unwrap();
    insta::assert_snapshot!(php(&[&check], &[file]), @"
    newer.php:2: a typed property
    newer.php:3: type static
    newer.php:3: type mixed
    newer.php:3: type mixed
    newer.php:3: syntax UnionType
    newer.php:3: syntax Expr_ArrowFunction
    newer.php:3: syntax Expr_AssignOp_Coalesce
    newer.php:3: a number with underscores
    newer.php:4: function f
    newer.php:4: syntax Expr_NullsafePropertyFetch
    newer.php:5: function str_contains
    newer.php:5: syntax Expr_Match
    newer.php:6: a spread or a reference in a list
    newer.php:6: a catch without a variable
    newer.php:7: function f
    newer.php:7: a named argument
    newer.php:8: constant PHP_OS_FAMILY
    newer.php:4: a comma before )
    ");
}

#[test]
fn opened_in_a_browser_the_files_do_nothing() {
    if !ready() {
        return;
    }
    let said: Vec<String> = shipped()
        .into_iter()
        .map(|file| php(&["-d", "display_errors=1"], &[file]))
        .collect();
    let refused = "This file cannot be accessed directly";
    assert_eq!(said, [refused, refused, ""]);
}
