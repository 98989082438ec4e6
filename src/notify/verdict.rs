//! What a receiver's answer means: taken, worth another try, or refused for good.

use std::time::Duration;

use serde_json::Value;

use crate::domain::delivery::SendError;
use crate::notify::clean;
use crate::notify::webhook_format::WebhookFormat;

/// An answer as it came.
#[derive(Debug, Clone, Default)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) retry_after: Option<Duration>,
    /// May hold what must not be shown.
    pub(crate) text: String,
    /// What may be shown of it; "" for nothing.
    pub(crate) shown: String,
}

/// What a chat's receiver says in words, and the mend, where trying again cannot help.
struct Refusal {
    statuses: &'static [u16],
    /// Stands in the answer; "" for any.
    word: &'static str,
    mend: &'static str,
}

/// <https://api.slack.com/changelog/2016-05-17-changes-to-errors-for-incoming-webhooks>,
/// <https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks#handling_errors>
const SLACK: [Refusal; 7] = [
    Refusal {
        statuses: &[403, 404],
        word: "no_service",
        mend: "the webhook was removed or switched off; make a new one in Slack and put its URL here",
    },
    Refusal {
        statuses: &[403, 404],
        word: "no_team",
        mend: "the workspace is not there any more; make a webhook in another and put its URL here",
    },
    Refusal {
        statuses: &[403, 404],
        word: "team_disabled",
        mend: "the workspace is switched off",
    },
    Refusal {
        statuses: &[403, 404],
        word: "invalid_token",
        mend: "the URL is not complete, or the webhook was made anew; copy it from Slack again",
    },
    Refusal {
        statuses: &[403, 404],
        word: "channel_not_found",
        mend: "the channel is not there any more; make a webhook for another and put its URL here",
    },
    Refusal {
        statuses: &[403],
        word: "action_prohibited",
        mend: "the workspace does not let webhooks post there; ask its administrator",
    },
    Refusal {
        statuses: &[403],
        word: "posting_to_general_channel_denied",
        mend: "the workspace does not let webhooks post to #general; make one for another channel",
    },
];

/// <https://discord.com/developers/docs/topics/opcodes-and-status-codes#json>
const DISCORD: [Refusal; 2] = [
    Refusal {
        statuses: &[404],
        word: "10015",
        mend: "the webhook was deleted; make a new one in the channel's settings and put its URL here",
    },
    Refusal {
        statuses: &[401, 403],
        word: "50027",
        mend: "the URL is not complete; copy it from the channel's settings again",
    },
];

/// <https://learn.microsoft.com/en-us/troubleshoot/power-platform/power-automate/>
const TEAMS: [Refusal; 1] = [Refusal {
    statuses: &[404],
    word: "WorkflowNotFound",
    mend: "the workflow was deleted; make a new one in Teams and put its URL here",
}];

/// <https://core.telegram.org/bots/api#making-requests>
const TELEGRAM: [Refusal; 3] = [
    Refusal {
        statuses: &[401],
        word: "",
        mend: "the bot's token is not valid any more; ask @BotFather for a new one",
    },
    Refusal {
        statuses: &[403],
        word: "",
        mend: "the bot may not write there: add it to the group or unblock it, then replay the delivery",
    },
    Refusal {
        statuses: &[404],
        word: "",
        mend: "the URL holds no bot's token; it reads https://api.telegram.org/bot<token>/sendMessage",
    },
];

/// What the answer of a receiver of this format means.
pub(crate) fn judge(format: &WebhookFormat, answer: Answer) -> Result<String, SendError> {
    if let Some(detail) = no_success(format, &answer) {
        return Err(SendError::Transient {
            reason: "bad_answer",
            detail,
            retry_after: None,
        });
    }
    match format {
        WebhookFormat::Standard
        | WebhookFormat::Alertmanager
        | WebhookFormat::Ntfy
        | WebhookFormat::Template(_) => plain(&answer),
        WebhookFormat::Slack => slack(answer),
        WebhookFormat::Discord => discord(answer),
        WebhookFormat::Teams => teams(answer),
        WebhookFormat::Telegram => telegram(answer),
    }
}

/// Why an answer of success is none: nothing that the receiver itself would say. An answer without a text contradicts
/// nothing.
fn no_success(format: &WebhookFormat, answer: &Answer) -> Option<String> {
    let (status, text) = (answer.status, answer.text.trim());
    if !(200..300).contains(&status) || text.is_empty() {
        return None;
    }
    let page = text.starts_with('<');
    let (whose, foreign) = match format {
        WebhookFormat::Standard | WebhookFormat::Alertmanager | WebhookFormat::Template(_) => return None,
        WebhookFormat::Slack
            if SLACK.iter().any(|refusal| refusal.word == text) || text.starts_with("invalid_") =>
        {
            return Some(format!(
                "the receiver answered {status}, and refused it all the same: {}",
                clean::line(text, 60)
            ));
        }
        WebhookFormat::Slack => ("Slack", page),
        WebhookFormat::Discord => ("Discord", page),
        WebhookFormat::Teams => ("Teams", page),
        WebhookFormat::Ntfy => ("ntfy", page),
        WebhookFormat::Telegram => (
            "Telegram",
            serde_json::from_str::<Value>(text).map_or(true, |said| !said["ok"].is_boolean()),
        ),
    };
    let what = if page { "a web page" } else { "something else" };
    foreign.then(|| format!("the receiver answered {status} with {what}, which {whose} never does; is the URL right, and no proxy or sign-in page in between?"))
}

/// The receiver's reason, where the answer has one in a field of its own.
pub(crate) fn words(format: &WebhookFormat, text: &str) -> Option<String> {
    let said: Value = serde_json::from_str(text).ok()?;
    let (words, code) = match format {
        WebhookFormat::Telegram => (&said["description"], &Value::Null),
        WebhookFormat::Ntfy => (&said["error"], &said["code"]),
        WebhookFormat::Discord => (&said["message"], &said["code"]),
        WebhookFormat::Teams => (&said["error"]["message"], &said["error"]["code"]),
        WebhookFormat::Standard
        | WebhookFormat::Alertmanager
        | WebhookFormat::Slack
        | WebhookFormat::Template(_) => return None,
    };
    let code = match code {
        Value::Number(code) => code.to_string(),
        Value::String(code) => code.clone(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => String::new(),
    };
    match (words.as_str().unwrap_or_default(), code.as_str()) {
        ("", "") => None,
        ("", code) => Some(code.to_owned()),
        (words, "") => Some(words.to_owned()),
        (words, code) => Some(format!("{words} ({code})")),
    }
}

fn slack(mut answer: Answer) -> Result<String, SendError> {
    let word = answer.text.trim();
    // Slack's one word comes as HTML, which is not shown otherwise.
    if answer.shown.is_empty()
        && word.len() <= 60
        && word.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
    {
        answer.shown = word.to_owned();
    }
    refused(&SLACK, answer)
}

fn discord(mut answer: Answer) -> Result<String, SendError> {
    let said: Value = serde_json::from_str(&answer.text).unwrap_or_default();
    // Seconds with a fraction; the header is rounded, and not always there.
    let asked = said["retry_after"]
        .as_f64()
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    answer.retry_after = answer.retry_after.max(asked);
    if (200..300).contains(&answer.status) {
        answer.shown.clear();
    }
    refused(&DISCORD, answer)
}

/// A message that a flow or connector could not hand on may be told of under 200.
fn teams(mut answer: Answer) -> Result<String, SendError> {
    let told = answer.text.split_once("returned HTTP error ");
    let code = told.and_then(|(_, rest)| rest.get(..3)?.parse::<u16>().ok());
    if let Some(code) = code.filter(|code| *code >= 400) {
        answer.status = code;
    }
    refused(&TEAMS, answer)
}

fn telegram(mut answer: Answer) -> Result<String, SendError> {
    let said: Value = serde_json::from_str(&answer.text).unwrap_or_default();
    if said["ok"] == Value::Bool(false) {
        let code = said["error_code"]
            .as_u64()
            .and_then(|code| u16::try_from(code).ok());
        answer.status = code.unwrap_or(answer.status);
    } else {
        answer.shown.clear();
    }
    let parameters = &said["parameters"];
    let asked = parameters["retry_after"].as_u64().map(Duration::from_secs);
    answer.retry_after = answer.retry_after.max(asked);
    if let Some(id) = parameters["migrate_to_chat_id"].as_i64() {
        return Err(SendError::Permanent {
            reason: reason(answer.status),
            detail: format!(
                "the group has become a supergroup: set chat_id = \"{id}\" and replay the delivery"
            ),
        });
    }
    refused(&TELEGRAM, answer)
}

/// Final where the receiver's words say that trying again cannot help; else by the status alone.
fn refused(refusals: &[Refusal], answer: Answer) -> Result<String, SendError> {
    let status = answer.status;
    let refusal = refusals
        .iter()
        .find(|refusal| refusal.statuses.contains(&status) && answer.text.contains(refusal.word));
    match refusal {
        Some(refusal) => Err(SendError::Permanent {
            reason: reason(status),
            detail: format!("{}; {}", told(&answer), refusal.mend),
        }),
        None => plain(&answer),
    }
}

/// By the status alone.
fn plain(answer: &Answer) -> Result<String, SendError> {
    let (code, shown) = (answer.status, &answer.shown);
    let (reason, detail) = (reason(code), told(answer));
    match code {
        200..=299 if shown.is_empty() => Ok(code.to_string()),
        200..=299 => Ok(format!("{code} {shown}")),
        410 => Err(SendError::Gone { reason, detail }),
        400 | 413 | 422 => Err(SendError::Permanent { reason, detail }),
        _ => Err(SendError::Transient {
            reason,
            detail,
            retry_after: answer.retry_after,
        }),
    }
}

fn told(answer: &Answer) -> String {
    let code = answer.status;
    match (code / 100 == 3, answer.shown.is_empty()) {
        (true, _) => format!("the receiver answered {code}; redirects are not followed"),
        (false, true) => format!("the receiver answered {code}"),
        (false, false) => format!("the receiver answered {code}: {}", answer.shown),
    }
}

/// The answers with a word of their own in metrics.
const REASONS: [(u16, &str); 16] = [
    (400, "http_400"),
    (401, "http_401"),
    (403, "http_403"),
    (404, "http_404"),
    (405, "http_405"),
    (408, "http_408"),
    (410, "http_410"),
    (413, "http_413"),
    (415, "http_415"),
    (422, "http_422"),
    (425, "http_425"),
    (429, "http_429"),
    (500, "http_500"),
    (502, "http_502"),
    (503, "http_503"),
    (504, "http_504"),
];

fn reason(code: u16) -> &'static str {
    let known = REASONS.iter().find(|(known, _)| *known == code);
    match (known, code / 100) {
        (Some((_, reason)), _) => reason,
        (None, 3) => "http_3xx",
        (None, 4) => "http_4xx",
        (None, 5) => "http_5xx",
        (None, _) => "http_other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, text: &str) -> Answer {
        Answer {
            status,
            retry_after: None,
            text: text.to_owned(),
            shown: clean::line(text, 200),
        }
    }

    #[test]
    fn what_slack_says_in_a_word_is_final_and_names_the_mend() {
        for (status, word) in [
            (404, "no_service"),
            (404, "channel_not_found"),
            (403, "action_prohibited"),
            (403, "invalid_token"),
            (400, "invalid_payload"),
        ] {
            let html = Answer {
                shown: String::new(),
                ..answer(status, word)
            };
            let Err(SendError::Permanent { detail, .. }) = judge(&WebhookFormat::Slack, html) else {
                panic!("{word} is not final");
            };
            assert!(detail.contains(word), "{detail}");
        }
        let archived = judge(&WebhookFormat::Slack, answer(410, "channel_is_archived"));
        assert!(matches!(archived, Err(SendError::Gone { .. })));
        for transient in [
            answer(404, "<html>a proxy's page</html>"),
            answer(500, "rollup_error"),
        ] {
            let judged = judge(&WebhookFormat::Slack, transient);
            assert!(matches!(judged, Err(SendError::Transient { .. })));
        }
        assert_eq!(
            judge(&WebhookFormat::Slack, answer(200, "ok")),
            Ok("200 ok".to_owned())
        );
    }

    fn asked(format: WebhookFormat, given: Answer) -> Option<Duration> {
        match judge(&format, given) {
            Err(SendError::Transient { retry_after, .. }) => retry_after,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn how_long_to_wait_is_read_from_the_body() {
        let limited = answer(
            429,
            r#"{"message":"You are being rate limited.","retry_after":2.5,"global":false}"#,
        );
        assert_eq!(
            asked(WebhookFormat::Discord, limited.clone()),
            Some(Duration::from_millis(2500))
        );
        let header = Answer {
            retry_after: Some(Duration::from_secs(3)),
            ..limited
        };
        assert_eq!(
            asked(WebhookFormat::Discord, header),
            Some(Duration::from_secs(3))
        );
        let flood = r#"{"ok":false,"error_code":429,"description":"Too Many Requests: retry after 5","parameters":{"retry_after":5}}"#;
        assert_eq!(
            asked(WebhookFormat::Telegram, answer(429, flood)),
            Some(Duration::from_secs(5))
        );
        for absurd in [
            r#"{"retry_after":-1}"#,
            r#"{"retry_after":1e300}"#,
            r#"{"retry_after":"soon"}"#,
            "<html>",
        ] {
            assert_eq!(
                asked(WebhookFormat::Discord, answer(429, absurd)),
                None,
                "{absurd}"
            );
        }
    }

    #[test]
    fn a_bot_that_may_not_write_is_refused_for_good() {
        for (status, text, said) in [
            (
                403,
                r#"{"ok":false,"error_code":403,"description":"Forbidden: bot was blocked by the user"}"#,
                "unblock",
            ),
            (
                401,
                r#"{"ok":false,"error_code":401,"description":"Unauthorized"}"#,
                "@BotFather",
            ),
            (
                404,
                r#"{"ok":false,"error_code":404,"description":"Not Found"}"#,
                "bot<token>",
            ),
            (
                400,
                r#"{"ok":false,"error_code":400,"description":"Bad Request: group chat was upgraded to a supergroup chat","parameters":{"migrate_to_chat_id":-1001234}}"#,
                "chat_id = \"-1001234\"",
            ),
            (
                200,
                r#"{"ok":false,"error_code":400,"description":"Bad Request: chat not found"}"#,
                "the receiver answered 400: Bad Request: chat not found",
            ),
        ] {
            let told = Answer {
                shown: words(&WebhookFormat::Telegram, text).unwrap_or_default(),
                ..answer(status, text)
            };
            let Err(SendError::Permanent { detail, .. }) = judge(&WebhookFormat::Telegram, told) else {
                panic!("{text} is not final");
            };
            assert!(detail.contains(said), "{detail}");
        }
        let taken = r#"{"ok":true,"result":{"message_id":7,"chat":{"id":-100},"text":"a"}}"#;
        assert_eq!(
            judge(&WebhookFormat::Telegram, answer(200, taken)),
            Ok("200".to_owned())
        );
    }

    #[test]
    fn a_page_under_200_is_no_success() {
        let page = "<!DOCTYPE html><title>Sign in</title>";
        for (format, text) in [
            (WebhookFormat::Slack, page),
            (WebhookFormat::Slack, "invalid_payload"),
            (WebhookFormat::Slack, "no_service"),
            (WebhookFormat::Discord, page),
            (WebhookFormat::Teams, page),
            (WebhookFormat::Telegram, page),
            (WebhookFormat::Telegram, r#"{"result":{}}"#),
            (WebhookFormat::Ntfy, page),
        ] {
            let Err(SendError::Transient { reason, detail, .. }) = judge(&format, answer(200, text)) else {
                panic!("{format:?} takes {text}");
            };
            assert_eq!(reason, "bad_answer");
            assert!(detail.starts_with("the receiver answered 200"), "{detail}");
        }
        assert!(judge(&WebhookFormat::Slack, answer(200, "accepted")).is_ok());
        assert!(judge(&WebhookFormat::Standard, answer(200, page)).is_ok());
        assert!(judge(&WebhookFormat::Telegram, answer(204, "")).is_ok());
    }

    #[test]
    fn a_webhook_that_was_deleted_is_refused_for_good() {
        let deleted = answer(404, r#"{"message": "Unknown Webhook", "code": 10015}"#);
        let Err(SendError::Permanent { reason, detail }) = judge(&WebhookFormat::Discord, deleted) else {
            panic!("not final");
        };
        assert_eq!(reason, "http_404");
        assert!(detail.contains("deleted"), "{detail}");
    }

    #[test]
    fn what_teams_hides_under_200_is_no_success() {
        let hidden = "Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error 429 with ContextId tcid=0";
        assert_eq!(asked(WebhookFormat::Teams, answer(200, hidden)), None);
        let large = answer(200, &hidden.replace("429", "413"));
        assert!(matches!(
            judge(&WebhookFormat::Teams, large),
            Err(SendError::Permanent { .. })
        ));
        assert_eq!(
            judge(&WebhookFormat::Teams, answer(202, "")),
            Ok("202".to_owned())
        );
    }
}
