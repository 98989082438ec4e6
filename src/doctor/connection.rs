//! Whether WHMCS's API answers at the configured address, and where else it does if not.

use std::time::Duration;

use jiff::Timestamp;
use reqwest::Url;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::doctor::finding::Id;
use crate::doctor::finding::Wrong;
use crate::doctor::guide;
use crate::doctor::guide::Names;
use crate::doctor::guide::Refused;
use crate::doctor::way;
use crate::doctor::way::Place;
use crate::domain::source::Cause;
use crate::whmcs::client::Client;
use crate::whmcs::fault::Broken;
use crate::whmcs::probe;
use crate::whmcs::probe::Knock;

/// The longest that another address is waited for.
const KNOCK: Duration = Duration::from_secs(5);
/// What a proxy means by 407.
const ASKS_A_PASSWORD: &str = "HTTP 407: it asks for a user and a password";
/// The longest that the search of the neighbours may take.
const SEARCH: Duration = Duration::from_secs(10);

/// Whether the credentials would go over the network in the clear.
#[must_use]
pub fn is_open_http(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let is_here = host == "localhost"
        || host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback());
    url.scheme() == "http" && !is_here
}

/// That they do, and whether https would do instead.
pub async fn open_http(client: &Client, names: &Names, now: Timestamp) -> Wrong {
    let url = client.url();
    let mut secure = url.clone();
    // Another port than http's own would have to be known.
    let answers = secure.set_scheme("https").is_ok() && answers(client, &secure, now).await;
    let mend = if answers {
        format!("{secure} answers as well: write that into {}.", names.url)
    } else {
        format!(
            "{secure} does not answer as WHMCS does: have the web server offer https, then write its address into {}.",
            names.url
        )
    };
    Wrong::warning(
        Id::UrlHttp,
        format!("{url} is http: the API credentials go over the network for everybody in between to read."),
        mend,
    )
    .about(names.url.clone())
}

/// Whether WHMCS answers there; asked without credentials.
async fn answers(client: &Client, url: &Url, now: Timestamp) -> bool {
    matches!(
        timeout(KNOCK, client.knock(url, now)).await,
        Ok(Ok(Knock::LikeWhmcs))
    )
}

/// Whether WHMCS's API answers at the address, and where else it does if not.
pub async fn connection(client: &Client, place: &Place, names: &Names, now: Timestamp) -> Result<(), Wrong> {
    let url = client.url();
    match client.knock(url, now).await {
        Err(broken) => Err(way::unreached(&broken, place)),
        Ok(Knock::LikeWhmcs) => Ok(()),
        Ok(Knock::Redirect { status, to }) if to.is_empty() => Err(aimless(url, status, names)),
        Ok(Knock::Redirect { status, to }) => Err(redirect(client, names, now, status, to).await),
        Ok(Knock::Other { status: 407, .. }) if place.proxy.is_some() => Err(way::unreached(
            &Broken::Connect(ASKS_A_PASSWORD.to_owned()),
            place,
        )),
        Ok(Knock::Other { status, cause, head }) => {
            if is_guarded(cause) && answers_signed(client, now).await {
                return Ok(());
            }
            Err(other(client, names, now, status, cause, &head).await)
        }
    }
}

/// Whether something answers in place of WHMCS that may do so to strangers alone.
fn is_guarded(cause: Cause) -> bool {
    matches!(cause, Cause::Firewall | Cause::BadAnswer)
}

/// Whether WHMCS answers at the configured address, and there alone, once the credentials are shown: that is where they
/// belong. They do not go over the network in the clear for it, nor to an address that is not the API's.
async fn answers_signed(client: &Client, now: Timestamp) -> bool {
    let url = client.url();
    if is_open_http(url) || !url.path().ends_with("/includes/api.php") {
        return false;
    }
    let params = [("limitnum".to_owned(), "1".to_owned())];
    let never = CancellationToken::new();
    match client.call("GetProducts", &params, now, &never).await {
        Some(Ok(_)) => true,
        Some(Err(uncalled)) => {
            let of_whmcs = [
                Cause::Credentials,
                Cause::Ip,
                Cause::Permission,
                Cause::Encoding,
                Cause::TooLarge,
            ];
            uncalled.of_the_request || of_whmcs.contains(&uncalled.failure.cause)
        }
        None => false,
    }
}

async fn other(
    client: &Client,
    names: &Names,
    now: Timestamp,
    status: u16,
    cause: Cause,
    head: &str,
) -> Wrong {
    let detail = format!("HTTP {status}");
    let refused = guide::refused(
        Refused {
            action: "GetProducts",
            cause,
            detail: &detail,
            body: head,
        },
        names,
    );
    let wrong_place = refused.id == Id::AnswerUnreadable || refused.id == Id::FirewallPage;
    if !wrong_place {
        return refused;
    }
    match elsewhere(client, client.url(), now).await {
        Some(found) => not_found(
            client.url(),
            &format!("answers HTTP {status}"),
            Some(&found),
            names,
        ),
        None if refused.id == Id::FirewallPage => refused,
        None => not_found(client.url(), &format!("answers HTTP {status}"), None, names),
    }
}

async fn redirect(client: &Client, names: &Names, now: Timestamp, status: u16, to: String) -> Wrong {
    let url = client.url();
    let Some(target) = target(url, &to) else {
        return redirected(url, status, &to, None, names);
    };
    let leaves = target.origin() != url.origin();
    let found = if answers(client, &target, now).await {
        Some(target.clone())
    } else if leaves {
        elsewhere(client, &target, now).await
    } else {
        elsewhere(client, url, now).await
    };
    match found {
        Some(found) if !leaves => not_found(
            url,
            &format!("redirects to {to} (HTTP {status})"),
            Some(&found),
            names,
        ),
        found => redirected(url, status, target.as_str(), found.as_ref(), names),
    }
}

/// Where a redirect leads, without what could be secret.
fn target(url: &Url, to: &str) -> Option<Url> {
    let mut target = url.join(to).ok()?;
    if !matches!(target.scheme(), "http" | "https") {
        return None;
    }
    target.set_query(None);
    target.set_fragment(None);
    target.set_username("").ok()?;
    target.set_password(None).ok()?;
    Some(target)
}

/// The first of the usual places near it whose answer is like WHMCS's.
async fn elsewhere(client: &Client, near: &Url, now: Timestamp) -> Option<Url> {
    let search = async {
        for url in probe::neighbours(near) {
            if client.knock(&url, now).await == Ok(Knock::LikeWhmcs) {
                return Some(url);
            }
        }
        None
    };
    timeout(SEARCH, search).await.ok().flatten()
}

fn not_found(url: &Url, does: &str, found: Option<&Url>, names: &Names) -> Wrong {
    let problem = format!("{url} {does}: WHMCS's API is not there.");
    let mend = match found {
        Some(found) => format!("It answers at {found}: write that into {}.", names.url),
        None => format!(
            "Write the shop's address with /includes/api.php behind it into {}. None of the usual places of this host \
             answers like WHMCS ({}); check host and folder, too.",
            names.url,
            probe::NEIGHBOURS.join(", ")
        ),
    };
    Wrong::failure(Id::UrlNotFound, problem, mend).about(names.url.clone())
}

fn redirected(url: &Url, status: u16, to: &str, found: Option<&Url>, names: &Names) -> Wrong {
    let mend = match found {
        Some(found) => format!(
            "WHMCS answers at {found}. If that is the shop's own address, write it into {}.",
            names.url
        ),
        None => format!(
            "Nothing there answers as WHMCS does. Open the shop in a browser: what stands before /admin, with \
             /includes/api.php after it, is the address for {}. Or take the redirect off the API's path on the web server.",
            names.url
        ),
    };
    Wrong::failure(
        Id::UrlRedirects,
        format!("{url} redirects to {to} (HTTP {status}). Credentials are never sent along, so nothing is followed."),
        mend,
    )
    .about(names.url.clone())
}

/// A redirect without a target.
fn aimless(url: &Url, status: u16, names: &Names) -> Wrong {
    Wrong::failure(
        Id::UrlRedirects,
        format!(
            "{url} answers with a redirect (HTTP {status}) that names no target. Credentials are never sent along, so \
             nothing is followed."
        ),
        format!(
            "Take the redirect off the API's path on the web server, firewall or CDN of WHMCS, and check {}.",
            names.url
        ),
    )
    .about(names.url.clone())
}
