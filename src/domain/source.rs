//! Why we could not look: the causes of a failed poll, told apart, in words and with the mend.

use std::time::Duration;

use serde::Deserialize;
use serde::Serialize;
use utoipa::ToSchema;

/// The cause of a failed request or poll; the names are fixed (logs, metrics, API).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    Credentials,
    Ip,
    Permission,
    ActionMissing,
    Firewall,
    Maintenance,
    Encoding,
    RateLimited,
    Server,
    Dns,
    Connect,
    Tls,
    Timeout,
    Reset,
    Redirect,
    TooLarge,
    BadAnswer,
    Suspect,
}

impl Cause {
    /// Every cause, in the order of the documentation.
    pub const ALL: [Self; 18] = [
        Self::Credentials,
        Self::Ip,
        Self::Permission,
        Self::ActionMissing,
        Self::Firewall,
        Self::Maintenance,
        Self::Encoding,
        Self::RateLimited,
        Self::Server,
        Self::Dns,
        Self::Connect,
        Self::Tls,
        Self::Timeout,
        Self::Reset,
        Self::Redirect,
        Self::TooLarge,
        Self::BadAnswer,
        Self::Suspect,
    ];

    /// The fixed name, as in metrics and the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Credentials => "credentials",
            Self::Ip => "ip",
            Self::Permission => "permission",
            Self::ActionMissing => "action_missing",
            Self::Firewall => "firewall",
            Self::Maintenance => "maintenance",
            Self::Encoding => "encoding",
            Self::RateLimited => "rate_limited",
            Self::Server => "server",
            Self::Dns => "dns",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::Timeout => "timeout",
            Self::Reset => "reset",
            Self::Redirect => "redirect",
            Self::TooLarge => "too_large",
            Self::BadAnswer => "bad_answer",
            Self::Suspect => "suspect",
        }
    }

    /// The cause of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|cause| cause.as_str() == name)
    }

    /// Whether the same request may well succeed a moment later, so that a poll tries again within itself.
    #[must_use]
    pub fn is_transient(self) -> bool {
        matches!(
            self,
            Self::Dns | Self::Connect | Self::Timeout | Self::Reset | Self::Server | Self::RateLimited
        )
    }

    /// What happened, as a sentence for staff.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Credentials => "WHMCS refused the API credentials.",
            Self::Ip => "WHMCS refused this host's IP address.",
            Self::Permission => "The API role does not allow the action.",
            Self::ActionMissing => "WHMCS does not know the action.",
            Self::Firewall => {
                "Something in front of WHMCS refused the request (a firewall or login page answered)."
            }
            Self::Maintenance => "WHMCS is in maintenance mode.",
            Self::Encoding => "WHMCS could not encode its answer: the shop's data hold malformed characters.",
            Self::RateLimited => "Too many requests: WHMCS or a proxy in front of it asks us to wait.",
            Self::Server => "The server, or something within WHMCS, reported an error of its own.",
            Self::Dns => "The server's name could not be resolved.",
            Self::Connect => "No connection to the server could be made.",
            Self::Tls => "The secure connection (TLS) failed.",
            Self::Timeout => "The server did not answer in time.",
            Self::Reset => "The connection broke before the answer was whole.",
            Self::Redirect => "The server redirects elsewhere; credentials are never sent along.",
            Self::TooLarge => "The answer exceeds a limit.",
            Self::BadAnswer => "The answer is not one of the WHMCS API.",
            Self::Suspect => "The answer is well-formed but not credible, so nothing of it was believed.",
        }
    }

    /// What to do about it, as a sentence for the operator.
    #[must_use]
    pub fn mend(self) -> &'static str {
        match self {
            Self::Credentials => {
                "Check the shop's WHMCS_API_IDENTIFIER and WHMCS_API_SECRET or WHMCS_API_USERNAME and WHMCS_API_PASSWORD (of an [[instance]]: its identifier and secret, or username and password, in the configuration file) against Configuration > System Settings > Manage API Credentials, and that the admin behind them is active."
            }
            Self::Ip => {
                "Add the address WHMCS names (IPv6 too) under Configuration > System Settings > General Settings > Security > API IP Access Restriction."
            }
            Self::Permission => {
                "Tick the action for the credential's role under Manage API Credentials > API Roles."
            }
            Self::ActionMissing => {
                "Check the action's spelling and the WHMCS version; GetProductDetails needs the companion file."
            }
            Self::Firewall => {
                "Let this host's requests to includes/api.php through the firewall, WAF or CDN (a 403 or an HTML page came back)."
            }
            Self::Maintenance => "Wait, or switch maintenance mode off in WHMCS's General Settings.",
            Self::Encoding => {
                "Repair the malformed text in WHMCS (often a product's name or description), or have it answer in XML: WHMCS_RESPONSE_TYPE=xml (of an [[instance]]: response_type = \"xml\")."
            }
            Self::RateLimited => {
                "Poll less often (POLL_SCHEDULE; of an [[instance]]: its schedule) or raise the limit for this host."
            }
            Self::Server => {
                "Look into the web server's and PHP's error logs on the WHMCS host; anything printed by a hook also does this."
            }
            Self::Dns => {
                "Check the host name in WHMCS_API_URL (of an [[instance]]: its url) and this host's resolver."
            }
            Self::Connect => "Check that the web server runs and that no firewall blocks the way to it.",
            Self::Tls => {
                "Renew the certificate, or name a private CA with WHMCS_CA_FILE (of an [[instance]]: its ca_file)."
            }
            Self::Timeout => {
                "Check the load of the WHMCS host, or raise WHMCS_API_TIMEOUT (of an [[instance]]: its timeout)."
            }
            Self::Reset => "Check the web server and proxies in front of WHMCS for limits and crashes.",
            Self::Redirect => {
                "Put the final address of includes/api.php into WHMCS_API_URL, or the url of its [[instance]] (https, right host)."
            }
            Self::TooLarge => {
                "Check what WHMCS_API_URL (of an [[instance]]: its url) answers; raise WHMCS_MAX_BODY (its max_body) if it is right."
            }
            Self::BadAnswer => {
                "Check that WHMCS_API_URL (of an [[instance]]: its url) ends in /includes/api.php, and what it answers."
            }
            Self::Suspect => {
                "Check the products in WHMCS; if the change is real it is believed after three polls that agree."
            }
        }
    }
}

/// One request that failed, or succeeded after failures, within a poll.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Attempt {
    pub action: String,
    /// Null for the one that succeeded.
    pub cause: Option<Cause>,
}

/// Why a poll could not be believed: the cause, one sentence of particulars, and how long the server asks to wait.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    pub cause: Cause,
    /// What exactly was seen, without any secret; "" where the cause says it all.
    pub detail: String,
    pub retry_after: Option<Duration>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mend_that_names_a_setting_of_the_environment_says_what_it_is_called_for_an_instance() {
        for cause in Cause::ALL {
            let mend = cause.mend();
            let names_setting = mend.contains("WHMCS_") || mend.contains("POLL_SCHEDULE");
            assert_eq!(names_setting, mend.contains("[[instance]]"), "{mend}");
        }
    }
}
