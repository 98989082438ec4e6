//! The proxy that the environment names for a request, by the rules of the HTTP client.

use hyper_util::client::proxy::matcher::Matcher;
use reqwest::Url;

/// A proxy of the environment that applies to an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proxy {
    pub variable: &'static str,
    /// Host and port, never user and password; `None` where the value cannot be read, and so is ignored.
    pub address: Option<String>,
}

/// The proxy between here and that address, where the environment names one.
#[must_use]
pub fn of(url: &Url) -> Option<Proxy> {
    named(url, |name| std::env::var(name).ok())
}

fn named(url: &Url, value: impl Fn(&str) -> Option<String>) -> Option<Proxy> {
    let first = |names: [&'static str; 2]| names.into_iter().find_map(|name| Some((name, value(name)?)));
    // As the HTTP client does: a CGI script's caller could set these.
    if value("REQUEST_METHOD").is_some() {
        return None;
    }
    let own = match url.scheme() {
        "https" => ["HTTPS_PROXY", "https_proxy"],
        _ => ["HTTP_PROXY", "http_proxy"],
    };
    let exempt = first(["NO_PROXY", "no_proxy"]).map_or_else(String::new, |(_, list)| list);
    reached("http://proxy", &exempt, url)?;
    let set: Vec<(&'static str, String)> = [first(own), first(["ALL_PROXY", "all_proxy"])]
        .into_iter()
        .flatten()
        .filter(|(_, value)| !value.is_empty())
        .collect();
    let sound = set.iter().find_map(|(variable, value)| {
        let address = Some(reached(value, "", url)?);
        Some(Proxy { variable, address })
    });
    let ignored = || {
        let (variable, _) = set.first()?;
        Some(Proxy {
            variable,
            address: None,
        })
    };
    sound.or_else(ignored)
}

/// Where a request would go by that value; `None` where it would go to the address itself.
fn reached(value: &str, exempt: &str, url: &Url) -> Option<String> {
    let matcher = Matcher::builder().all(value).no(exempt).build();
    let proxy = matcher.intercept(&url.as_str().parse().ok()?)?;
    Some(proxy.uri().authority()?.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    type Case = (
        &'static str,
        &'static [(&'static str, &'static str)],
        Option<(&'static str, Option<&'static str>)>,
    );

    #[test]
    fn the_proxy_is_chosen_as_the_http_client_chooses_it() {
        let cases: [Case; 9] = [
            ("https://shop.example/", &[], None),
            (
                "https://shop.example/",
                &[("HTTPS_PROXY", "http://u:secret@proxy.example:3128")],
                Some(("HTTPS_PROXY", Some("proxy.example:3128"))),
            ),
            ("https://shop.example/", &[("HTTP_PROXY", "http://proxy:1")], None),
            (
                "http://shop.example/",
                &[("http_proxy", "proxy:1"), ("ALL_PROXY", "other:2")],
                Some(("http_proxy", Some("proxy:1"))),
            ),
            (
                "https://shop.example/",
                &[("HTTPS_PROXY", ""), ("all_proxy", "socks5://other:2")],
                Some(("all_proxy", Some("other:2"))),
            ),
            (
                "https://shop.example/",
                &[("HTTPS_PROXY", "http://proxy:1"), ("NO_PROXY", ".example")],
                None,
            ),
            (
                "https://shop.example/",
                &[("HTTPS_PROXY", "ftp://u:secret@proxy")],
                Some(("HTTPS_PROXY", None)),
            ),
            (
                "https://shop.example/",
                &[("HTTPS_PROXY", "ftp://proxy"), ("NO_PROXY", "*")],
                None,
            ),
            (
                "https://shop.example/",
                &[("HTTPS_PROXY", "http://proxy:1"), ("REQUEST_METHOD", "GET")],
                None,
            ),
        ];
        for (url, environment, proxy) in cases {
            let value = |name: &str| {
                let set = environment.iter().find(|(set, _)| *set == name)?;
                Some(set.1.to_owned())
            };
            let found = named(&Url::parse(url).unwrap(), value);
            let found = found
                .as_ref()
                .map(|found| (found.variable, found.address.as_deref()));
            assert_eq!(found, proxy, "{url} {environment:?}");
        }
    }
}
