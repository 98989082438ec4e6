//! How the database fares, as metrics: whether it takes what is learned, its size, and the room on its disk.

use std::fmt::Write;

use crate::observe::text::head;
use crate::store::db::Condition;

/// Appends the metrics in the text format of Prometheus; what cannot be read is absent.
pub fn write(condition: &Condition, out: &mut String) {
    let metrics = [
        (
            "whmcs_stock_database_writable",
            "gauge",
            "1 while the last write was recorded and the file is where it was opened.",
            Some(u64::from(condition.last_write_held)),
        ),
        (
            "whmcs_stock_database_failures_total",
            "counter",
            "Write transactions that could not begin, or that were not recorded.",
            Some(condition.failed_writes),
        ),
        (
            "whmcs_stock_database_size_bytes",
            "gauge",
            "Size of the database with its write-ahead log, in bytes.",
            condition.bytes,
        ),
        (
            "whmcs_stock_disk_free_bytes",
            "gauge",
            "What is free on the disk of the database, in bytes, without what is kept for root.",
            condition.disk.map(|disk| disk.free),
        ),
        (
            "whmcs_stock_disk_size_bytes",
            "gauge",
            "Size of the disk (file system) of the database, in bytes.",
            condition.disk.map(|disk| disk.size),
        ),
    ];
    for (name, kind, help, value) in metrics {
        if let Some(value) = value {
            head(out, name, kind, help);
            // Writing to a String cannot fail.
            let _ = writeln!(out, "{name} {value}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::place::Disk;

    #[test]
    fn what_cannot_be_read_is_absent_and_not_zero() {
        let mut out = String::new();
        let gone = Condition {
            last_write_held: false,
            failed_writes: 3,
            bytes: None,
            disk: None,
        };
        write(&gone, &mut out);
        insta::assert_snapshot!(out, @r"
        # HELP whmcs_stock_database_writable 1 while the last write was recorded and the file is where it was opened.
        # TYPE whmcs_stock_database_writable gauge
        whmcs_stock_database_writable 0
        # HELP whmcs_stock_database_failures_total Write transactions that could not begin, or that were not recorded.
        # TYPE whmcs_stock_database_failures_total counter
        whmcs_stock_database_failures_total 3
        ");
        let well = Condition {
            last_write_held: true,
            bytes: Some(4096),
            disk: Some(Disk { free: 0, size: 9 }),
            ..gone
        };
        out.clear();
        write(&well, &mut out);
        for line in [
            "whmcs_stock_database_writable 1",
            "whmcs_stock_database_size_bytes 4096",
            "whmcs_stock_disk_free_bytes 0",
            "whmcs_stock_disk_size_bytes 9",
        ] {
            assert!(out.lines().any(|found| found == line), "{line} in\n{out}");
        }
    }
}
