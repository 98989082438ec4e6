//! Why a message did not get through, by the fixed words of the outbox: what to do about it.

/// What to do about a delivery that was given up, or is tried again, for that reason.
#[must_use]
pub fn mend(reason: &str) -> &'static str {
    match reason {
        "channel_removed" => {
            "The channel is no longer configured. Configure it again under this name and reload; then this can be sent again."
        }
        "unreadable" => {
            "What is stored of it cannot be read. Sending it again does not help; what is open now stands under Alerts."
        }
        "form" => {
            "The channel was of another kind when this was recorded. Give the channel another name for the new kind."
        }
        "template" => {
            "Mend the channel's template (notify test CHANNEL tries it) and reload; then send it again."
        }
        "address" => {
            "The mail address is not one that the server takes. Mend it in the channel's recipients."
        }
        "auth" | "http_401" | "http_403" | "smtp_530" | "smtp_535" => {
            "The receiver refused the sign-in. Check user and password, or the token in the channel's address; then send it again."
        }
        "dns" => "The receiver's name could not be resolved. Check the host name and this host's resolver.",
        "connect" | "reset" => {
            "No lasting connection to the receiver. Check that it runs, and that no firewall is in the way."
        }
        "tls" => "The secure connection failed. Check the receiver's certificate, or name its CA.",
        "timeout" => "The receiver did not answer in time. Check its load and the way to it.",
        "database" => "The monitor's own database could not be read. See Sources for its disk.",
        "bad_answer" => "What answers there is not what the channel expects. Check the channel's address.",
        "http_404" | "http_405" | "http_410" => {
            "There is nothing at the channel's address any more. Mend the address and reload; then send it again."
        }
        "http_413" => "The receiver takes no message of that size. Raise its limit, then send it again.",
        "http_429" | "smtp_421" | "smtp_450" | "smtp_451" | "smtp_452" => {
            "The receiver asks to wait. Check its limits for this sender; then send it again."
        }
        "smtp_552" => "The mailbox is full. Have it emptied, then send it again.",
        _ if reason.starts_with("smtp_5") => {
            "The mail server refused it for good. Check that the mailbox exists and that this sender may write to it."
        }
        _ if reason.starts_with("http_3") => {
            "The receiver redirects elsewhere. Put the final address into the channel, and reload."
        }
        _ if reason.starts_with("http_5") => {
            "The receiver failed by itself. Look into its logs; once it is well, send this again."
        }
        _ if reason.starts_with("http_4") => {
            "The receiver does not take what it was sent. Check the channel's format and address, then send it again."
        }
        _ => "What the receiver said stands here. Mend that, then send it again.",
    }
}

/// What a message is about, by its type.
#[must_use]
pub fn kind(kind: &str) -> &str {
    match kind {
        "stock.alerts" => "alerts",
        "stock.baseline" => "baseline",
        "stock.product" => "products",
        "source.down" => "shop unreadable",
        "source.up" => "shop readable again",
        "source.degraded" => "shop tells less",
        "source.restored" => "shop tells all again",
        "report.digest" => "report",
        "report.overdue" => "report overdue",
        "test.ping" => "test",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_its_mend_and_an_unknown_one_points_to_what_was_said() {
        assert!(mend("smtp_550").contains("mailbox exists"));
        assert!(mend("http_404").contains("address"));
        assert!(mend("http_502").contains("failed by itself"));
        assert!(mend("http_3xx").contains("redirects"));
        assert_eq!(mend("something_new"), mend(""));
        assert_ne!(mend("channel_removed"), mend(""));
    }
}
