//! `call`: any action of a shop's API, asked once, and what it answered.

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::cli::arguments::CallArguments;
use crate::cli::configured_quietly;
use crate::cli::exit::Exit;
use crate::cli::fail;
use crate::cli::pretty;
use crate::cli::print;
use crate::config::instances::InstanceConfig;
use crate::config::load::Config;
use crate::config::overlay::Sources;
use crate::whmcs::call::Uncalled;
use crate::whmcs::client::Client;
use crate::whmcs::form;

/// Beginnings of actions that only read.
const READING: [&str; 3] = ["get", "list", "whmcs"];

/// Asks once and prints the answer.
pub async fn call(sources: &Sources, options: &CallArguments) -> Exit {
    let params = match understood(options) {
        Ok(params) => params,
        Err(problem) => return fail(Exit::Usage, &problem),
    };
    let config = match configured_quietly(sources) {
        Ok(config) => config,
        Err(exit) => return exit,
    };
    let instance = match chosen(&config, options.instance.as_deref()) {
        Ok(instance) => instance,
        Err((exit, problem)) => return fail(exit, &problem),
    };
    let client = match Client::new(instance.api.clone()) {
        Ok(client) => client,
        Err(error) => return fail(Exit::Config, &format!("{}: {error}", instance.name)),
    };
    let cancel = CancellationToken::new();
    match client
        .call(&options.action, &params, Timestamp::now(), &cancel)
        .await
    {
        Some(Ok(called)) => {
            print(&pretty::pretty(&called.body));
            Exit::Ok
        }
        Some(Err(uncalled)) => fail(Exit::Unreadable, &refusal(&uncalled)),
        None => Exit::Unreadable,
    }
}

/// The parameters, if the action may be called with them.
fn understood(options: &CallArguments) -> Result<Vec<(String, String)>, String> {
    let action = options.action.as_str();
    if action.is_empty()
        || !action
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    {
        return Err(format!(
            "{action:?} is no action: its name has letters and digits only."
        ));
    }
    let lower = action.to_ascii_lowercase();
    if !options.write && !READING.iter().any(|start| lower.starts_with(start)) {
        return Err(format!(
            "{action} may change something in WHMCS (it does not begin with Get, List or Whmcs): say --write if it shall."
        ));
    }
    options.params.iter().map(|pair| param(pair)).collect()
}

fn param(pair: &str) -> Result<(String, String), String> {
    // What was meant for a key may be a password: it is not quoted.
    let (key, value) = pair
        .split_once('=')
        .filter(|(key, _)| !key.is_empty())
        .ok_or("A parameter is written key=value, such as pid=42.")?;
    if form::is_ours(key) {
        return Err(format!(
            "{key} is sent by the monitor itself, from the configuration: leave it out."
        ));
    }
    Ok((key.to_owned(), value.to_owned()))
}

/// The shop that is named, or the only one.
fn chosen<'a>(config: &'a Config, wanted: Option<&str>) -> Result<&'a InstanceConfig, (Exit, String)> {
    match (wanted, config.instances.as_slice()) {
        (Some(name), instances) => instances
            .iter()
            .find(|instance| instance.name == name)
            .ok_or_else(|| {
                (
                    Exit::Config,
                    format!("There is no shop {name:?} in the configuration."),
                )
            }),
        (None, [only]) => Ok(only),
        (None, instances) => {
            let names: Vec<&str> = instances.iter().map(|instance| instance.name.as_str()).collect();
            let problem = format!(
                "There are several shops: name one with --instance ({}).",
                names.join(", ")
            );
            Err((Exit::Usage, problem))
        }
    }
}

/// The cause in words, what was seen, and the mend.
fn refusal(uncalled: &Uncalled) -> String {
    let failure = &uncalled.failure;
    let (words, mend) = if uncalled.of_the_request {
        (
            "WHMCS did not do what was asked.",
            "Check the action's parameters in the API's documentation (https://developers.whmcs.com/api/api-index/).",
        )
    } else {
        (failure.cause.words(), failure.cause.mend())
    };
    let seen = if failure.detail.is_empty() {
        String::new()
    } else {
        format!(" ({})", failure.detail)
    };
    format!("{words}{seen}\n{mend}")
}
