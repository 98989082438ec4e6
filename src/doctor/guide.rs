//! What WHMCS, or something in front of it, says when it refuses: each message with the screen that mends it.

use crate::doctor::finding::Id;
use crate::doctor::finding::Wrong;
use crate::domain::source::Cause;
use crate::whmcs::refusal;

/// The screen of the address list.
const IP_SCREEN: &str =
    "Configuration > System Settings > General Settings > Security > API IP Access Restriction";
/// The screen of credentials and roles.
const ROLES_SCREEN: &str = "Configuration > System Settings > Manage API Credentials > API Roles";

/// What a shop's settings are called.
#[derive(Debug, Clone)]
pub struct Names {
    /// Of the address.
    pub url: String,
    /// The identifier, or the user name.
    pub who: String,
    /// The secret, or the password.
    pub proof: String,
    /// Whether it signs in as an admin rather than by credentials.
    pub is_admin: bool,
    pub schedule: String,
    pub max_body: String,
    pub timeout: String,
}

/// A request that led to nothing.
#[derive(Debug, Clone, Copy)]
pub struct Refused<'a> {
    pub action: &'a str,
    pub cause: Cause,
    /// What was seen, cleaned of secrets.
    pub detail: &'a str,
    /// What came, as far as it was kept; "" where nothing was.
    pub body: &'a str,
}

/// What it means, and what to do.
#[must_use]
pub fn refused(refused: Refused<'_>, names: &Names) -> Wrong {
    let said = in_brackets(refused.detail);
    match refused.cause {
        Cause::Credentials => credentials(refused, names),
        Cause::Ip => address(refused),
        Cause::Permission => permission(refused),
        Cause::ActionMissing => Wrong::failure(
            Id::AnswerUnreadable,
            format!("WHMCS does not know the action {}{said}.", refused.action),
            format!(
                "Check that {} leads to WHMCS's own includes/api.php and that its files are whole.",
                names.url
            ),
        ),
        Cause::Firewall => firewall(&said),
        Cause::Maintenance => maintenance(&said),
        Cause::RateLimited => rate_limited(&said, names),
        Cause::Server if is_printed(refused) => printed(),
        Cause::BadAnswer if is_printed(refused) => printed(),
        Cause::BadAnswer if is_plain_to_tls(refused) => plain_to_tls(names),
        Cause::Server => Wrong::failure(
            Id::ServerError,
            format!("The web server answers with an error of its own{said}."),
            "Look into the error logs of the web server and of PHP on the WHMCS host.",
        ),
        Cause::Encoding => Wrong::failure(
            Id::MalformedCharacters,
            format!(
                "WHMCS cannot encode its answer, since texts of the shop hold malformed characters{said}."
            ),
            RETYPE,
        ),
        Cause::TooLarge => unreadable(
            format!("The answer exceeds a limit{said}."),
            format!("If the catalogue is really that large, raise {}.", names.max_body),
        )
        .about(names.max_body.clone()),
        Cause::BadAnswer => unreadable(
            format!("What comes back is not an answer of the WHMCS API{said}."),
            format!("Check what {} leads to.", names.url),
        )
        .about(names.url.clone()),
        Cause::Suspect => Wrong::warning(
            Id::AnswerNotCredible,
            format!("The answer is well-formed but not credible{said}; nothing of it is believed yet."),
            "Check the products in WHMCS. A change that is real is believed after three polls that agree.",
        ),
        Cause::Timeout => Wrong::failure(
            Id::Timeout,
            format!("{} is not answered in time{said}.", refused.action),
            format!("Check the load of the WHMCS host, or raise {}.", names.timeout),
        )
        .about(names.timeout.clone()),
        Cause::Redirect => Wrong::failure(
            Id::UrlRedirects,
            format!(
                "{} is redirected{said}, though a request without credentials is not. Credentials are never sent along, \
                 so nothing is followed.",
                refused.action
            ),
            format!(
                "Take the redirect off the API's path on the web server, firewall or CDN of WHMCS; or, if it leads to the \
                 shop's own address, write that into {}.",
                names.url
            ),
        )
        .about(names.url.clone()),
        Cause::Dns | Cause::Connect | Cause::Tls | Cause::Reset => Wrong::failure(
            Id::ConnectionBroken,
            format!("{} {}{said}", refused.cause.words(), refused.action),
            refused.cause.mend(),
        ),
    }
}

/// What to do about malformed characters.
const RETYPE: &str = "Find the product whose name or description was pasted in another encoding, and type that text anew \
                      (Configuration > System Settings > Products/Services).";

/// The catalogue could not be written as JSON, but as XML.
#[must_use]
pub fn only_as_xml() -> Wrong {
    Wrong::warning(
        Id::MalformedCharacters,
        "WHMCS cannot write its answer as JSON, since texts of the shop hold malformed characters. As XML it can, so the \
         catalogue is read nevertheless.",
        format!("{RETYPE} Until then WHMCS_RESPONSE_TYPE=xml spares each start a failed request."),
    )
    .about("WHMCS_RESPONSE_TYPE")
}

/// What was seen, as it stands behind a sentence; nothing of nothing.
#[must_use]
pub fn in_brackets(detail: &str) -> String {
    if detail.is_empty() {
        String::new()
    } else {
        format!(" ({detail})")
    }
}

fn unreadable(problem: String, mend: String) -> Wrong {
    Wrong::failure(Id::AnswerUnreadable, problem, mend)
}

fn credentials(refused: Refused<'_>, names: &Names) -> Wrong {
    let text = lower(refused);
    if text.contains("disabled") || text.contains("deactivated") || text.contains("inactive") {
        return Wrong::failure(
            Id::AdminDeactivated,
            format!("The admin behind the API credentials is deactivated{}.", in_brackets(refused.detail)),
            "In WHMCS open Configuration > System Settings > Administrator Users, edit that admin and untick Disable; \
             or make credentials for an admin who is active (Configuration > System Settings > Manage API Credentials).",
        )
        .about(names.who.clone());
    }
    if names.is_admin {
        return Wrong::failure(
            Id::CredentialsWrongSecret,
            format!("WHMCS does not know this user name with this password{}.", in_brackets(refused.detail)),
            format!(
                "Check {} and {}; the password is written as it is, the monitor makes the md5 itself. Better: make API \
                 credentials under Configuration > System Settings > Manage API Credentials.",
                names.who, names.proof
            ),
        )
        .about(names.proof.clone());
    }
    if text.contains("invalid or missing") {
        return Wrong::failure(
            Id::CredentialsWrongIdentifier,
            format!("WHMCS does not know the API identifier{}.", in_brackets(refused.detail)),
            format!(
                "Copy the identifier into {} from Configuration > System Settings > Manage API Credentials. If it is not \
                 in the list there, its credentials were deleted: Generate New API Credential.",
                names.who
            ),
        )
        .about(names.who.clone());
    }
    Wrong::failure(
        Id::CredentialsWrongSecret,
        format!("WHMCS knows the identifier, but not with this secret{}.", in_brackets(refused.detail)),
        format!(
            "WHMCS shows a secret only once. If {} cannot be copied anew, open Configuration > System Settings > Manage \
             API Credentials, Generate New API Credential, and put its identifier into {} and its secret into {}.",
            names.proof, names.who, names.proof
        ),
    )
    .about(names.proof.clone())
}

fn address(refused: Refused<'_>) -> Wrong {
    let text = lower(refused);
    if text.contains("banned") {
        return Wrong::failure(
            Id::IpBanned,
            format!(
                "WHMCS has banned this host's address{}.",
                in_brackets(refused.detail)
            ),
            "In WHMCS open Configuration > System Settings > Banned IPs and remove this host's address. It is banned \
             after several failed sign-ins of an admin.",
        );
    }
    let named = named_address(refused.detail).unwrap_or("the address this host goes out by");
    if let Some(short) = mapped(named) {
        return Wrong::failure(
            Id::IpNotListed,
            format!(
                "This host's address, {short} (WHMCS sees it as {named}), is not on the list of those that may use the API."
            ),
            format!(
                "In WHMCS open {IP_SCREEN}, Add IP, enter {short}, and Save Changes. If it is refused still, add {named}, \
                 too: the web server of WHMCS writes IPv4 addresses in IPv6's form."
            ),
        );
    }
    if named.contains(':') {
        return Wrong::failure(
            Id::IpNotListedIpv6,
            format!(
                "This host reaches WHMCS by IPv6, as {named}, and that address is not on the list of those that may \
                 use the API. An IPv4 address in the list does not help here."
            ),
            format!(
                "In WHMCS open {IP_SCREEN}, Add IP, enter {named}, and Save Changes. The list takes single addresses \
                 only: if this host's IPv6 address changes, give it a fixed one, or have it go out by IPv4."
            ),
        );
    }
    Wrong::failure(
        Id::IpNotListed,
        format!("This host's address, {named}, is not on the list of those that may use the API."),
        format!("In WHMCS open {IP_SCREEN}, Add IP, enter {named}, and Save Changes."),
    )
}

/// The address that WHMCS names in "Invalid IP 192.0.2.4".
fn named_address(detail: &str) -> Option<&str> {
    let at = detail.to_ascii_lowercase().find("invalid ip ")?;
    let rest = detail.get(at + "invalid ip ".len()..)?;
    let end = rest.find(|c: char| !(c.is_ascii_hexdigit() || c == '.' || c == ':'));
    let named = &rest[..end.unwrap_or(rest.len())];
    named.parse::<std::net::IpAddr>().is_ok().then_some(named)
}

/// The IPv4 address within one such as `::ffff:192.0.2.4`.
fn mapped(named: &str) -> Option<std::net::Ipv4Addr> {
    named.parse::<std::net::Ipv6Addr>().ok()?.to_ipv4_mapped()
}

fn permission(refused: Refused<'_>) -> Wrong {
    let text = lower(refused);
    if text.contains("access denied") {
        return Wrong::failure(
            Id::ApiAccessDenied,
            format!(
                "WHMCS denies this admin the API as a whole{}.",
                in_brackets(refused.detail)
            ),
            "In WHMCS open Configuration > System Settings > Administrator Roles, edit the role of the admin behind the \
             credentials, and tick API Access.",
        );
    }
    Wrong::failure(
        Id::PermissionGetProducts,
        format!(
            "The role of the API credentials does not allow {}.",
            refused.action
        ),
        format!(
            "In WHMCS open {ROLES_SCREEN}, edit the role of these credentials, tick GetProducts (under Products) and \
             save. That one action is all the monitor needs; GetProductDetails (the companion) and WhmcsDetails (the \
             version) let it know more."
        ),
    )
}

/// What the role lacks for GetProductDetails.
#[must_use]
pub fn details_mend() -> String {
    format!(
        "In WHMCS open {ROLES_SCREEN}, edit the role of these credentials, and tick GetProductDetails (the companion's \
         hook file includes/hooks/stock_monitor.php makes it appear there)."
    )
}

fn maintenance(said: &str) -> Wrong {
    Wrong::failure(
        Id::Maintenance,
        format!("WHMCS is in maintenance mode{said}."),
        "Wait until it is over, or switch it off: Configuration > System Settings > General Settings > General > \
         Maintenance Mode.",
    )
}

fn rate_limited(said: &str, names: &Names) -> Wrong {
    Wrong::failure(
        Id::RateLimited,
        format!("WHMCS, or a proxy in front of it, refuses requests because there are too many{said}."),
        format!(
            "Poll less often ({}), or exempt this host's address from the limit of the proxy, firewall or CDN.",
            names.schedule
        ),
    )
    .about(names.schedule.clone())
}

fn firewall(said: &str) -> Wrong {
    Wrong::failure(
        Id::FirewallPage,
        format!("Something in front of WHMCS answers in its place: a firewall, a CDN or a login page{said}."),
        "Have the firewall, WAF or CDN let this host's POST requests to includes/api.php pass without a challenge \
         (Cloudflare: a WAF rule with the action Skip for this address), and take any password off that folder.",
    )
}

/// Whether something was printed before the answer.
fn is_printed(refused: Refused<'_>) -> bool {
    let text = lower(refused);
    let marks = [
        "output has been emitted",
        "emitterexception",
        "headers already sent",
        "something printed before the answer",
    ];
    marks.iter().any(|mark| text.contains(mark)) || refusal::is_behind_print(refused.body)
}

fn printed() -> Wrong {
    Wrong::failure(
        Id::PrintedBeforeAnswer,
        "Something on the WHMCS host prints text before the API's answer, which spoils every answer.",
        "On the WHMCS host look into the error log of PHP for a notice or warning, and through includes/hooks and the \
         modules changed last: a file saved with a BOM, a blank line before <?php, an echo. Keep display_errors off \
         (Configuration > System Settings > General Settings > Other > Display Errors).",
    )
}

/// Whether a port of https was spoken to in http.
fn is_plain_to_tls(refused: Refused<'_>) -> bool {
    let text = lower(refused);
    // nginx's words, and Apache's.
    text.contains("plain http request was sent to https port")
        || text.contains("speaking plain http to an ssl-enabled server port")
}

fn plain_to_tls(names: &Names) -> Wrong {
    Wrong::failure(
        Id::UrlHttp,
        "The port speaks https, and the address is written with http.",
        format!("Write https:// instead of http:// in {}.", names.url),
    )
    .about(names.url.clone())
}

fn lower(refused: Refused<'_>) -> String {
    format!("{} {}", refused.detail, refused.body).to_lowercase()
}
