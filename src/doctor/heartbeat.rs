//! The walk of `HEARTBEAT_URL`: as far as a ping would go, without one, since the service would count it.

use std::time::Duration;

use secrecy::SecretString;

use crate::doctor::finding::Id;
use crate::doctor::finding::Walk;
use crate::doctor::finding::Wrong;
use crate::doctor::way;
use crate::notify::heartbeat::Heartbeat;
use crate::notify::webhook::Unreached;

/// The longest that it may take.
const STEP: Duration = Duration::from_secs(10);
/// What the walk is of.
pub const SUBJECT: &str = "heartbeat";
/// What the address is called.
const URL: &str = "HEARTBEAT_URL";

/// Walks to the service.
pub async fn walk(url: SecretString) -> Walk {
    let mut walk = Walk::new(SUBJECT, None);
    let reached = match Heartbeat::new(&url, STEP) {
        Ok(heartbeat) => heartbeat.probe(STEP).await.map_err(|at| unreached(&at)),
        Err(error) => Err(Wrong::failure(
            Id::Configuration,
            format!("{URL} cannot be asked: {error}."),
            "Give the address of the service that is to notice silence.",
        )),
    };
    match reached {
        Ok(()) => walk.ok(
            "reachable",
            "connected and secured as configured; it was not asked, which would count as a sign of life",
        ),
        Err(wrong) => walk.found("reachable", wrong.about(URL)),
    }
    walk
}

fn unreached(at: &Unreached) -> Wrong {
    let unheard = "It will raise the alarm, or never know that it should";
    match at {
        Unreached::Address => Wrong::failure(
            Id::HeartbeatConnect,
            format!(
                "The name in {URL} leads to addresses that are never asked: link-local ones, or a cloud's metadata service."
            ),
            "Give the address of the service that is to notice silence.",
        ),
        Unreached::Connect(detail) => Wrong::failure(
            Id::HeartbeatConnect,
            format!("The service that is to notice silence is not reached: {detail}. {unheard}."),
            format!(
                "Check host and port in {URL}, and that this host may connect to it; proxies of the environment are not used."
            ),
        ),
        Unreached::Tls(error) => {
            let what = error.as_ref().map_or_else(
                || "does not agree on a secure connection".to_owned(),
                |error| way::trouble(error).words(),
            );
            Wrong::failure(
                Id::HeartbeatTls,
                format!(
                    "No secure connection to the service that is to notice silence can be made: it {what}. {unheard}."
                ),
                format!(
                    "Check that the host in {URL} is the name in the service's certificate and that the certificate is valid; \
                     a private CA must be trusted by this host (or name its file in SSL_CERT_FILE)."
                ),
            )
        }
    }
}
