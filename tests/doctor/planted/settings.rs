//! Settings, rules and the database.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;

use whmcs_stock_monitor::doctor::finding::Id;

use crate::case::Case;
use crate::case::case;
use crate::case::set;
use crate::world::World;

/// All of them.
pub fn all() -> Vec<Case> {
    let mut all = configuration();
    all.extend(database());
    all
}

fn configuration() -> Vec<Case> {
    vec![
        case(
            "a setting is no number",
            Id::Configuration,
            &["LOW_STOCK", ".env line"],
            || set(&[("LOW_STOCK", "many")]),
        ),
        case(
            "a setting is misspelt",
            Id::Configuration,
            &["LOW_STOK", "Did you mean LOW_STOCK?"],
            || set(&[("LOW_STOK", "3")]),
        )
        .warning(),
        case("there is no channel", Id::NoChannel, &["Set one of them"], || {
            let mut world = World::new();
            for name in [
                "ALERT_EMAIL_TO",
                "SMTP_URL",
                "SMTP_FROM",
                "WEBHOOK_URL",
                "WEBHOOK_SECRET",
            ] {
                world.home.unset(name);
            }
            world
        })
        .warning(),
        case(
            "a rule names no product there is",
            Id::RuleMatchesNothing,
            &["rule 1", "spelling"],
            || {
                let world = World::new();
                world.rules("[[rule]]\nproducts = [\"DS-63\"]\nlow = 3\n");
                world
            },
        )
        .warning(),
        case(
            "a pool names no product there is",
            Id::RuleMatchesNothing,
            &["use 1 of pool \"Chassis\""],
            || {
                let world = World::new();
                world
                    .rules("[[pool]]\nname = \"Chassis\"\ncapacity = 10\nuses = [{ product = \"DS-63\" }]\n");
                world
            },
        )
        .warning(),
        case(
            "a threshold that was never exceeded in ten days",
            Id::ThresholdAboveAnythingSeen,
            &["DS-64 (1)", "12 at most", "low at 20", "LOW_STOCK"],
            || {
                let mut world = World::new();
                world.set("LOW_STOCK", "20");
                world.poll();
                world.sql("UPDATE polls SET observed_at = observed_at - 864000000");
                world
            },
        )
        .warning(),
        case(
            "a rule's threshold that was never exceeded in ten days",
            Id::ThresholdAboveAnythingSeen,
            &["DS-64 (1)", "12 at most", "low at 15", "rule 1"],
            || {
                let world = World::new();
                world.rules("[[rule]]\nproducts = [\"DS-64\"]\nlow = 15\n");
                world.poll();
                world.sql("UPDATE polls SET observed_at = observed_at - 864000000");
                world
            },
        )
        .warning(),
        case(
            "the database is in a file",
            Id::DatabaseFolder,
            &["is no folder", "DATABASE_URL"],
            || {
                let world = set(&[("DATABASE_URL", "sqlite://plain/stock.db")]);
                world.home.write("plain", "x");
                world
            },
        ),
    ]
}

fn database() -> Vec<Case> {
    vec![
        case(
            "the database is garbage",
            Id::DatabaseDamaged,
            &["backup", ".recover"],
            || {
                let world = World::new();
                world.home.write("data/stock.db", &"no database ".repeat(1000));
                world
            },
        ),
        case(
            "the database is of a newer version",
            Id::DatabaseNewer,
            &["schema 99"],
            || {
                let world = World::new();
                world.poll();
                world.sql("INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) VALUES (99, 'later', 1, x'00', 0)");
                world
            },
        ),
        case(
            "the database was made by a changed version",
            Id::DatabaseMigration,
            &["migration 1", "another version"],
            || {
                let world = World::new();
                world.poll();
                world.sql("UPDATE _sqlx_migrations SET checksum = x'00' WHERE version = (SELECT min(version) FROM _sqlx_migrations)");
                world
            },
        ),
        case(
            "others can read the database",
            Id::DatabaseOpenToOthers,
            &["mode 644", "chmod 600"],
            || {
                let world = World::new();
                world.poll();
                let mode = Permissions::from_mode(0o644);
                std::fs::set_permissions(world.home.path("data/stock.db"), mode).expect("is ours");
                world
            },
        )
        .warning(),
        case(
            "the database is another program's",
            Id::DatabaseForeign,
            &["another program"],
            || {
                let world = World::new();
                world.sql("CREATE TABLE theirs (a)");
                world
            },
        ),
    ]
}
