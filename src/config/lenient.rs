//! A configuration read by somebody who does not have its secrets: what `${NAME}`s stand for is made up where unset.

use std::collections::BTreeSet;

use crate::config::findings::ConfigErrors;
use crate::config::load::Config;
use crate::config::overlay::Sources;

/// What may be sound where a variable is missing: an address, a mail server, a key, a mailbox, a number, a time.
const STAND_INS: [&str; 6] = [
    "https://unset.example/includes/api.php",
    "smtp://unset.example",
    "whsec_dW5zZXQgdW5zZXQgdW5zZXQgdW5zZXQgdW5zZXQ=",
    "unset@unset.example",
    "1",
    "1h",
];

/// Reads the configuration, with stand-ins for variables that the file names and nobody has set; those are named. It
/// must never be sent or polled with.
///
/// # Errors
/// All else that is wrong, as [`Config::load`].
pub fn load(sources: &Sources) -> Result<(Config, Vec<String>), ConfigErrors> {
    let errors = match Config::load(sources) {
        Ok(config) => return Ok((config, Vec::new())),
        Err(errors) => errors,
    };
    let unset = unset(&errors);
    let mut filled = sources.clone();
    for name in &unset {
        let wrong = |stand_in: &&&str| {
            let mut tried = filled.clone();
            tried.env.push((name.clone(), (**stand_in).to_owned()));
            Config::load(&tried)
                .err()
                .map_or(0, |errors| errors.problems.len())
        };
        // A word of its own first: where several are as good, it is for a name, and names differ.
        let own = name.chars().take(60).collect::<String>();
        let stand_ins: Vec<&str> = std::iter::once(own.as_str()).chain(STAND_INS).collect();
        if let Some(best) = stand_ins.iter().min_by_key(wrong) {
            filled.env.push((name.clone(), (*best).to_owned()));
        }
    }
    Config::load(&filled).map(|config| (config, unset.into_iter().collect()))
}

/// The variables that the file needs.
fn unset(errors: &ConfigErrors) -> BTreeSet<String> {
    let needed = errors.problems.iter().filter_map(|problem| {
        let (_, rest) = problem.problem.split_once("needs ${")?;
        let (name, rest) = rest.split_once('}')?;
        rest.contains("not set").then(|| name.to_owned())
    });
    needed.collect()
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    #[test]
    fn variables_that_are_not_set_are_made_up_and_named_and_other_mistakes_are_still_mistakes() {
        let folder = tempfile::tempdir().expect("a folder");
        let read = |text: &str| {
            std::fs::write(folder.path().join("other.toml"), text).expect("writes");
            load(&Sources {
                env: Vec::new(),
                dir: folder.path().to_owned(),
                config_file: Some(PathBuf::from("other.toml")),
            })
        };
        let text = "smtp_from = \"m@shop.example\"\n[[instance]]\nname = \"eu\"\nurl = \"${EU_URL}\"\nidentifier = \"${EU_ID}\"\n\
                    secret = \"${EU_SECRET}\"\n[[channel]]\nname = \"desk\"\ntype = \"email\"\nto = [\"${DESK}\"]\n\
                    smtp_url = \"${MAIL}\"\n[[channel]]\nname = \"chat\"\ntype = \"webhook\"\nurl = \"${CHAT}\"\nsecret = \"${KEY}\"\n\
                    [[rule]]\nlow = 7\n";
        let (config, unset) = read(text).unwrap_or_else(|errors| panic!("{errors}"));
        assert_eq!(
            unset,
            ["CHAT", "DESK", "EU_ID", "EU_SECRET", "EU_URL", "KEY", "MAIL"]
        );
        assert_eq!(config.rules.rules[0].low, Some(7));
        assert_eq!(config.channels.len(), 2);
        let named = text
            .replace("\"eu\"", "\"${SHOP}\"")
            .replace("\"desk\"", "\"${DESK_NAME}\"");
        let named = named.replace("\"chat\"", "\"${CHAT_NAME}\"");
        let (config, _) = read(&named).unwrap_or_else(|errors| panic!("{errors}"));
        assert_eq!(config.instances[0].name, "SHOP");
        let errors = read(&text.replace("low = 7", "low = \"seven\"")).expect_err("a mistake");
        assert_eq!(errors.problems.len(), 1, "{errors}");
    }
}
