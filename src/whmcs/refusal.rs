//! What an answer that is no answer means: from its status, its message and its first bytes to a cause.

use crate::domain::source::Cause;

/// What a message of WHMCS means, whatever the status it came under; `None` for one we do not know.
#[must_use]
pub fn of_message(message: &str) -> Option<Cause> {
    const KNOWN: [(&str, Cause); 20] = [
        // A fault within our companion: it says nothing of the products asked for.
        ("getproductdetails: ", Cause::Server),
        ("imunify360", Cause::Firewall),
        ("malformed utf-8", Cause::Encoding),
        ("error generating json", Cause::Encoding),
        ("invalid api action", Cause::ActionMissing),
        ("function not found", Cause::ActionMissing),
        ("action not found", Cause::ActionMissing),
        ("authentication failed", Cause::Credentials),
        ("invalid or missing credentials", Cause::Credentials),
        ("account disabled", Cause::Credentials),
        ("invalid ip", Cause::Ip),
        ("ip banned", Cause::Ip),
        ("banned ip", Cause::Ip),
        ("ip address is banned", Cause::Ip),
        ("invalid permissions", Cause::Permission),
        ("access denied", Cause::Permission),
        ("not allowed", Cause::Permission),
        ("permission denied", Cause::Permission),
        ("too many requests", Cause::RateLimited),
        ("rate limit", Cause::RateLimited),
    ];
    let message = message.to_lowercase();
    let maintenance = MAINTENANCE.iter().map(|text| (*text, Cause::Maintenance));
    KNOWN
        .into_iter()
        .chain(maintenance)
        .find(|(text, _)| message.contains(text))
        .map(|(_, cause)| cause)
}

/// The cause of `result=error` with this message.
#[must_use]
pub fn of_error(status: u16, message: &str) -> Cause {
    of_message(message).unwrap_or(match status {
        429 => Cause::RateLimited,
        500..=599 => Cause::Server,
        _ => Cause::BadAnswer,
    })
}

/// The cause where the body is no API answer: by its text, else by its status.
#[must_use]
pub fn of_body(status: u16, content_type: &str, head: &str) -> Cause {
    if (300..400).contains(&status) {
        return Cause::Redirect;
    }
    let text = head.to_lowercase();
    let holds = |marks: &[&str]| marks.iter().any(|mark| text.contains(mark));
    if holds(CHALLENGES) {
        return Cause::Firewall;
    }
    if status == 429 {
        return Cause::RateLimited;
    }
    if is_behind_print(head) {
        return Cause::BadAnswer;
    }
    if holds(MAINTENANCE) {
        return Cause::Maintenance;
    }
    if status >= 500 || holds(BROKEN) {
        return Cause::Server;
    }
    if holds(&["malformed utf-8"]) {
        return Cause::Encoding;
    }
    if is_html(content_type, head) && (holds(GUARDS) || is_login(&text)) {
        return Cause::Firewall;
    }
    match status {
        401 | 403 | 406 | 407 | 418 | 451 => Cause::Firewall,
        408 => Cause::Timeout,
        _ => Cause::BadAnswer,
    }
}

// Of pages that only a guard shows, whatever their status. A page's mere mention of Cloudflare says nothing: it puts
// scripts of its own into the pages of the servers behind it.
const CHALLENGES: &[&str] = &[
    "<title>just a moment",
    "<title>attention required! | cloudflare",
    "cf_chl_opt",
    "cf-browser-verification",
    "checking your browser before accessing",
    "imunify360",
];
// Apache's own 503 page speaks of "maintenance downtime": that alone says nothing.
const MAINTENANCE: &[&str] = &[
    "maintenance mode",
    "performing maintenance",
    "under maintenance",
    "down for maintenance",
    "undergoing maintenance",
    "scheduled maintenance",
    "<title>maintenance",
    "site maintenance",
];
const BROKEN: &[&str] = &[
    "output has been emitted previously",
    "emitterexception",
    "<b>fatal error</b>",
    "php fatal error",
];
const GUARDS: &[&str] = &[
    "cloudflare",
    "cf-chl",
    "just a moment",
    "attention required",
    "captcha",
    "checking your browser",
    "ddos",
    "incapsula",
    "sucuri",
    "imunify360",
    "mod_security",
    "modsecurity",
    "web application firewall",
    "access denied",
    "forbidden",
    "request blocked",
    "not acceptable",
    "type=\"password\"",
    "type='password'",
];
const LOGINS: [&str; 3] = ["log in", "login", "sign in"];

fn is_login(text: &str) -> bool {
    title(text).is_some_and(|title| LOGINS.iter().any(|mark| title.contains(mark)))
}

/// Whether a body is a web page.
#[must_use]
pub fn is_html(content_type: &str, head: &str) -> bool {
    let start: String = head
        .trim_start_matches('\u{feff}')
        .trim_start()
        .chars()
        .take(15)
        .collect();
    let start = start.to_lowercase();
    content_type.to_lowercase().contains("html") && start.starts_with('<')
        || ["<!doctype html", "<html", "<head", "<body", "<br", "<!--"]
            .iter()
            .any(|tag| start.starts_with(tag))
}

/// The title of a web page.
#[must_use]
pub fn title(head: &str) -> Option<&str> {
    let at = find_ignoring_case(head, "<title")?;
    let inner = head[at..].split_once('>')?.1;
    let title = inner.split_once("</").map_or(inner, |(title, _)| title).trim();
    (!title.is_empty()).then_some(title)
}

fn find_ignoring_case(text: &str, wanted: &str) -> Option<usize> {
    text.char_indices().map(|(i, _)| i).find(|i| {
        text.get(*i..*i + wanted.len())
            .is_some_and(|part| part.eq_ignore_ascii_case(wanted))
    })
}

/// Whether an answer of the API stands in a body behind something else, which was printed before it.
#[must_use]
pub fn is_behind_print(head: &str) -> bool {
    let text = head.trim_start_matches('\u{feff}').trim_start();
    if text.starts_with(['{', '[']) {
        return false;
    }
    text.char_indices()
        .filter(|(_, character)| *character == '{')
        .filter_map(|(at, _)| text.get(at..))
        .any(starts_answer)
}

/// Whether a text begins like `{"result":"`, the way WHMCS begins every answer.
fn starts_answer(text: &str) -> bool {
    let mut rest = text;
    for part in ["{", "\"result\"", ":", "\""] {
        match rest.trim_start().strip_prefix(part) {
            Some(behind) => rest = behind,
            None => return false,
        }
    }
    rest.starts_with("success") || rest.starts_with("error")
}

/// Whether a body is in the deprecated format of `name=value` pairs.
#[must_use]
pub fn is_nvp(head: &str) -> bool {
    head.trim_start_matches('\u{feff}').trim().starts_with("result=")
}

/// The message of the deprecated `result=error;message=…;` format, or of its lines; `None` if it is not that.
#[must_use]
pub fn nvp_error(head: &str) -> Option<&str> {
    let head = head.trim_start_matches('\u{feff}').trim();
    let rest = head.strip_prefix("result=error")?;
    let rest = rest.trim_start_matches([';', '\r', '\n', '&', ' ']);
    let message = rest.strip_prefix("message=").unwrap_or("");
    let end = message.find([';', '\r', '\n']).unwrap_or(message.len());
    Some(message[..end].trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_message_of_whmcs_has_its_cause() {
        let cases = [
            (403, "Authentication Failed", Cause::Credentials),
            (403, "Invalid or missing credentials", Cause::Credentials),
            (403, "Invalid IP 192.0.2.4", Cause::Ip),
            (403, "Invalid IP 2001:db8::4", Cause::Ip),
            (
                403,
                "Invalid Permissions: API action \"getproducts\" is not allowed",
                Cause::Permission,
            ),
            (
                200,
                "Invalid API Action: \"x\" is not a valid API action",
                Cause::ActionMissing,
            ),
            (404, "API Function Not Found", Cause::ActionMissing),
            (400, "Empty action request", Cause::BadAnswer),
            (403, "Administrator Account Disabled", Cause::Credentials),
            (403, "Access Denied", Cause::Permission),
            (403, "IP Banned", Cause::Ip),
            (503, "Down for Maintenance (Err 3)", Cause::Maintenance),
            (200, "Down for Maintenance", Cause::Maintenance),
            (
                403,
                "Access denied by Imunify360 bot-protection. IPs used for automation should be whitelisted",
                Cause::Firewall,
            ),
            (200, "Client ID Not Found", Cause::BadAnswer),
            (
                200,
                "Error generating JSON encoded response: Malformed UTF-8 characters, possibly incorrectly encoded",
                Cause::Encoding,
            ),
            (429, "Slow down", Cause::RateLimited),
            (503, "Something broke", Cause::Server),
            (200, "The site is in Maintenance Mode", Cause::Maintenance),
        ];
        for (status, message, cause) in cases {
            assert_eq!(of_error(status, message), cause, "{status} {message}");
        }
    }

    #[test]
    fn a_body_that_is_no_answer_has_its_cause() {
        let apache = "<!DOCTYPE HTML><title>503</title>The server is temporarily unable to service your request due to maintenance downtime or capacity problems.";
        let laminas = "<html><body>Laminas\\HttpHandlerRunner\\Exception\\EmitterException: Output has been emitted previously";
        let cases = [
            (302, "", "", Cause::Redirect),
            (307, "text/html", "<html>moved", Cause::Redirect),
            (429, "text/html", "<html>calm down", Cause::RateLimited),
            (
                200,
                "text/html",
                "<html><h1>We are currently performing maintenance</h1>",
                Cause::Maintenance,
            ),
            (
                503,
                "text/html",
                "<html><title>Maintenance Mode</title>",
                Cause::Maintenance,
            ),
            (503, "text/html", apache, Cause::Server),
            (500, "text/html", laminas, Cause::Server),
            (500, "", "", Cause::Server),
            (502, "text/html", "<html>cloudflare: bad gateway", Cause::Server),
            (
                200,
                "text/html",
                "<br />\n<b>Fatal error</b>: Uncaught",
                Cause::Server,
            ),
            (
                200,
                "text/html",
                "<!doctype html><title>Login</title>",
                Cause::Firewall,
            ),
            (403, "text/plain", "no", Cause::Firewall),
            (403, "", "", Cause::Firewall),
            (401, "", "", Cause::Firewall),
            (408, "", "", Cause::Timeout),
            (404, "text/html", "<html><title>404</title>", Cause::BadAnswer),
            (200, "text/html", "<html><title>Welcome</title>", Cause::BadAnswer),
            (200, "text/plain", "", Cause::BadAnswer),
            (
                200,
                "text/plain",
                "Error generating JSON: Malformed UTF-8 characters",
                Cause::Encoding,
            ),
        ];
        for (status, content_type, head, cause) in cases {
            assert_eq!(of_body(status, content_type, head), cause, "{status} {head:?}");
        }
    }

    #[test]
    fn a_guards_page_is_one_under_every_status() {
        let challenge = "<!DOCTYPE html><html lang=\"en-US\"><head><title>Just a moment...</title>";
        let imunify = r#"{"message":"Access denied by Imunify360 bot-protection."}"#;
        for status in [200, 403, 415, 429, 500, 503] {
            assert_eq!(
                of_body(status, "text/html", challenge),
                Cause::Firewall,
                "{status}"
            );
            assert_eq!(
                of_body(status, "application/json", imunify),
                Cause::Firewall,
                "{status}"
            );
        }
    }

    #[test]
    fn an_answer_behind_something_printed_is_told_from_a_page() {
        let answer = r#"{"result":"error","message":"Authentication Failed"}"#;
        for before in [
            "<br />\n<b>Warning</b>:  Undefined variable $x in <b>/a.php</b> on line <b>3</b><br />\n",
            "Notice: x in /a.php on line 3\n",
            "<!-- x -->",
            "here1",
        ] {
            let body = format!("{before}{answer}");
            assert!(is_behind_print(&body), "{body}");
            for status in [200, 403, 500] {
                assert_eq!(
                    of_body(status, "text/html", &body),
                    Cause::BadAnswer,
                    "{status} {body}"
                );
            }
        }
        for body in [
            answer,
            "\u{feff}\r\n{ \"result\": \"success\"}",
            "[]",
            "<html>{a}</html>",
            "é{",
        ] {
            assert!(!is_behind_print(body), "{body}");
        }
    }

    #[test]
    fn the_old_plain_format_is_read() {
        let message = nvp_error;
        assert_eq!(
            message("result=error;message=Invalid IP 192.0.2.4"),
            Some("Invalid IP 192.0.2.4")
        );
        assert_eq!(message("\u{feff} result=error;message=A B;x=y;"), Some("A B"));
        assert_eq!(message("result=error\nmessage=A B\n"), Some("A B"));
        assert_eq!(message("result=error"), Some(""));
        assert_eq!(message("result=success;"), None);
    }

    #[test]
    fn a_page_is_known_by_its_title() {
        assert_eq!(title("<html><HEAD><Title lang=en> Hé </title>"), Some("Hé"));
        assert_eq!(title("<html><title></title>"), None);
        assert_eq!(title("é<titl"), None);
    }
}
