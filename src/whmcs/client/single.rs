//! Single calls of any action, for people and for what only they need to know.

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::whmcs::call;
use crate::whmcs::call::Called;
use crate::whmcs::call::Uncalled;
use crate::whmcs::client::Client;

impl Client {
    /// Asks any action of the API once, without a second try. `None` if it was cancelled first.
    pub async fn call(
        &self,
        action: &str,
        params: &[(String, String)],
        now: Timestamp,
        cancel: &CancellationToken,
    ) -> Option<Result<Called, Box<Uncalled>>> {
        let params: Vec<(&str, &str)> = params
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()))
            .collect();
        self.api.call(action, &params, now, cancel).await
    }

    /// WHMCS's version ("8.12.0"), or why it is not told: the role often lacks WhmcsDetails, and nothing needs it.
    /// `None` if it was cancelled first.
    pub async fn whmcs_version(
        &self,
        now: Timestamp,
        cancel: &CancellationToken,
    ) -> Option<Result<String, Box<Uncalled>>> {
        let answer = self.call("WhmcsDetails", &[], now, cancel).await?;
        Some(answer.and_then(call::version))
    }
}
