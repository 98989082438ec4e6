//! Proof of life: an address that is asked while all goes well, so that an outside service notices silence.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use reqwest::RequestBuilder;
use reqwest::Url;
use reqwest::header;
use reqwest::redirect::Policy;
use secrecy::ExposeSecret;
use secrecy::SecretString;

use crate::notify::address;
use crate::notify::address::Guard;
use crate::notify::webhook;
use crate::notify::webhook::Unreached;
use crate::notify::webhook::WebhookError;

/// The address, ready to be asked. Healthchecks and those that follow its convention understand both of its forms.
pub struct Heartbeat {
    client: reqwest::Client,
    good: Url,
    blind: Url,
}

impl fmt::Debug for Heartbeat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Heartbeat").finish_non_exhaustive()
    }
}

/// What is said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Beat {
    /// All goes well.
    Good,
    /// The monitor does not see what it is to watch: why, in a line.
    Blind(String),
}

/// Why nobody heard it. Holds nothing of the address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unheard(pub String);

impl Heartbeat {
    /// Prepares the address; `timeout` is for a whole request. A rustls crypto provider must be installed.
    ///
    /// # Errors
    /// It is not one that may be asked.
    pub fn new(url: &SecretString, timeout: Duration) -> Result<Self, WebhookError> {
        let good = Url::parse(url.expose_secret()).map_err(|_| WebhookError::Url)?;
        let host = good.host_str().unwrap_or_default();
        let literal = host.trim_matches(['[', ']']).parse::<IpAddr>();
        if literal.is_ok_and(|literal| !address::permitted(literal, false)) {
            return Err(WebhookError::Address);
        }
        let client = reqwest::Client::builder()
            .user_agent(concat!("whmcs-stock-monitor/", env!("CARGO_PKG_VERSION")))
            .redirect(Policy::none())
            .no_proxy()
            .referer(false)
            .pool_max_idle_per_host(0)
            .timeout(timeout)
            .dns_resolver(Arc::new(Guard {
                allow_link_local: false,
            }))
            .build()
            .map_err(|_| WebhookError::Client)?;
        let mut blind = good.clone();
        blind.set_path(&format!("{}/fail", good.path().trim_end_matches('/')));
        Ok(Self { client, good, blind })
    }

    /// Says it: by GET that all is well, by POST to `…/fail`, with the reason as text, that it is not.
    ///
    /// # Errors
    /// Nobody took it.
    pub async fn say(&self, beat: &Beat) -> Result<(), Unheard> {
        let request = match beat {
            Beat::Good => self.client.get(self.good.clone()),
            Beat::Blind(reason) => self.failing(reason),
        };
        // The answer's text does not matter, and is not waited for.
        let answer = request
            .send()
            .await
            .map_err(|error| Unheard(webhook::unsent(&error).to_string()))?;
        let status = answer.status();
        if status.is_success() {
            return Ok(());
        }
        let code = status.as_u16();
        Err(Unheard(if status.is_redirection() {
            format!("it answered {code}; redirects are not followed")
        } else {
            format!("it answered {code}")
        }))
    }

    /// Goes as far as a ping would, and sends none, since that would count as one.
    ///
    /// # Errors
    /// Where it got no further, within the given time.
    pub async fn probe(&self, timeout: Duration) -> Result<(), Unreached> {
        webhook::reach(&self.good, false, timeout).await
    }

    fn failing(&self, reason: &str) -> RequestBuilder {
        self.client
            .post(self.blind.clone())
            .header(header::CONTENT_TYPE, "text/plain; charset=utf-8")
            .body(reason.to_owned())
    }
}
