//! Chats over HTTP: what is added when a message is sent, what is not, and how each receiver's answers are judged.

use std::time::Duration;

use secrecy::SecretString;
use serde_json::Value;
use serde_json::json;
use whmcs_stock_monitor::domain::delivery::SendError;
use whmcs_stock_monitor::notify::content::Content;
use whmcs_stock_monitor::notify::content::Outgoing;
use whmcs_stock_monitor::notify::content::Receipt;
use whmcs_stock_monitor::notify::webhook::Addressing;
use whmcs_stock_monitor::notify::webhook::WebhookSettings;
use whmcs_stock_monitor::notify::webhook_format::WebhookFormat;
use whmcs_stock_monitor::sinks::webhook::Reply;
use whmcs_stock_monitor::sinks::webhook::Request;
use whmcs_stock_monitor::sinks::webhook::WebhookSink;

use crate::chat::FORMATS;
use crate::samples;

const TOKEN: &str = "AAEcanaryCANARYcanary-35-characters";
const LONG: Duration = Duration::from_secs(10);

fn settings(format: WebhookFormat, sink: &WebhookSink) -> WebhookSettings {
    let at = sink.address();
    let (url, addressing) = match format {
        WebhookFormat::Telegram => (
            format!("http://{at}/bot123456:{TOKEN}/sendMessage"),
            Addressing {
                fields: vec![("chat_id", json!(-1_001_234)), ("message_thread_id", json!(7))],
                token: None,
            },
        ),
        WebhookFormat::Ntfy => (
            format!("http://{at}/"),
            Addressing {
                fields: vec![("topic", json!("canary-topic"))],
                token: Some(SecretString::from(TOKEN)),
            },
        ),
        WebhookFormat::Standard
        | WebhookFormat::Alertmanager
        | WebhookFormat::Slack
        | WebhookFormat::Discord
        | WebhookFormat::Teams
        | WebhookFormat::Template(_) => (format!("http://{at}/hook/{TOKEN}"), Addressing::default()),
    };
    WebhookSettings {
        format,
        addressing,
        ..samples::webhook_settings(&url)
    }
}

async fn send(format: WebhookFormat, sink: &WebhookSink) -> Result<Receipt, SendError> {
    let channel = samples::webhook(settings(format.clone(), sink));
    let content = channel.render(&samples::mixed(), &samples::berlin(), None);
    let Content::Http { body, .. } = &content else {
        panic!("not a webhook")
    };
    for secret in [TOKEN, "canary-topic"] {
        assert!(!body.contains(secret), "{format:?} stores {secret}");
    }
    let outgoing = Outgoing {
        message_id: samples::id(),
        content: &content,
        recorded_at: samples::now(),
        now: samples::now(),
    };
    channel.send("webhook", &outgoing).await
}

async fn request(format: WebhookFormat) -> (Request, Value) {
    let sink = WebhookSink::start().await.expect("starts");
    send(format.clone(), &sink).await.expect("sent");
    let request = sink.wait_for(1, LONG).await.expect("one request").remove(0);
    let body = serde_json::from_slice(&request.body).expect("JSON");
    (request.as_ref().clone(), body)
}

#[tokio::test]
async fn what_is_not_ours_carries_no_signature_and_no_name_of_ours() {
    for format in FORMATS {
        let (request, _) = request(format.clone()).await;
        for header in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
            assert_eq!(request.header(header), None, "{format:?}");
        }
        assert_eq!(
            request.header("content-type"),
            Some("application/json; charset=utf-8"),
            "{format:?}"
        );
    }
}

#[tokio::test]
async fn the_chat_the_topic_and_the_token_are_added_when_it_is_sent() {
    let (request_of_bot, body) = request(WebhookFormat::Telegram).await;
    assert_eq!(request_of_bot.path, format!("/bot123456:{TOKEN}/sendMessage"));
    assert_eq!(
        (&body["chat_id"], &body["message_thread_id"]),
        (&json!(-1_001_234), &json!(7))
    );
    assert!(body["text"].as_str().expect("a text").contains("DS-64"));

    let (request_of_topic, body) = request(WebhookFormat::Ntfy).await;
    assert_eq!(request_of_topic.path, "/");
    assert_eq!(
        request_of_topic.header("authorization"),
        Some(format!("Bearer {TOKEN}").as_str())
    );
    assert_eq!(
        (&body["topic"], &body["priority"]),
        (&json!("canary-topic"), &json!(5))
    );

    let (waiting, _) = request(WebhookFormat::Discord).await;
    assert_eq!(waiting.path, format!("/hook/{TOKEN}?wait=true"));
}

async fn error(format: WebhookFormat, status: u16, body: &str) -> SendError {
    let sink = WebhookSink::start().await.expect("starts");
    sink.next(Reply::Full {
        status,
        header: ("Content-Type".to_owned(), "application/json".to_owned()),
        body: body.to_owned(),
    });
    send(format.clone(), &sink).await.expect_err("refused")
}

#[tokio::test]
async fn an_error_never_holds_the_token_even_where_the_answer_repeats_it() {
    for format in FORMATS {
        for status in [400, 401, 403, 404, 410, 429, 500] {
            for body in [
                format!(r#"{{"ok":false,"error_code":{status},"description":"no {TOKEN}"}}"#),
                format!(r#"{{"message":"no bot123456:{TOKEN}","topic":"canary-topic"}}"#),
                format!("no {}", TOKEN.to_lowercase()),
            ] {
                let error = error(format.clone(), status, &body).await;
                let said = format!("{error} {error:?}").to_lowercase();
                assert!(!said.contains(&TOKEN.to_lowercase()), "{format:?}: {said}");
                assert!(!said.contains("canary-topic"), "{format:?}: {said}");
            }
        }
    }
}

#[tokio::test]
async fn a_receiver_that_limits_the_rate_is_obeyed() {
    for (format, body, seconds) in [
        (
            WebhookFormat::Discord,
            r#"{"message":"You are being rate limited.","retry_after":1.5}"#,
            1.5,
        ),
        (
            WebhookFormat::Telegram,
            r#"{"ok":false,"error_code":429,"description":"Too Many Requests: retry after 5","parameters":{"retry_after":5}}"#,
            5.0,
        ),
    ] {
        let SendError::Transient { retry_after, .. } = error(format.clone(), 429, body).await else {
            panic!("final")
        };
        assert_eq!(retry_after, Some(Duration::from_secs_f64(seconds)), "{format:?}");
    }
}

#[tokio::test]
async fn success_is_what_each_receiver_calls_so() {
    for (format, status, body) in [
        (WebhookFormat::Slack, 200, "ok"),
        (WebhookFormat::Discord, 200, r#"{"id":"1","content":"x"}"#),
        (WebhookFormat::Teams, 202, ""),
        (
            WebhookFormat::Telegram,
            200,
            r#"{"ok":true,"result":{"message_id":7}}"#,
        ),
        (
            WebhookFormat::Ntfy,
            200,
            r#"{"id":"a","event":"message","topic":"canary-topic"}"#,
        ),
    ] {
        let sink = WebhookSink::start().await.expect("starts");
        sink.next(Reply::Full {
            status,
            header: ("Content-Type".to_owned(), "application/json".to_owned()),
            body: body.to_owned(),
        });
        let answer = send(format.clone(), &sink).await.expect("taken").answer;
        assert!(
            answer.starts_with(&status.to_string()) && !answer.contains("canary"),
            "{answer}"
        );
    }
}

#[tokio::test]
async fn a_refusal_is_told_in_the_receivers_own_words() {
    for (format, status, body, words) in [
        (
            WebhookFormat::Telegram,
            400,
            r#"{"ok":false,"error_code":400,"description":"Bad Request: chat not found"}"#,
            "the receiver answered 400: Bad Request: chat not found",
        ),
        (
            WebhookFormat::Ntfy,
            403,
            r#"{"code":40301,"http":403,"error":"forbidden","link":"https://127.0.0.1/docs/#authentication"}"#,
            "the receiver answered 403: forbidden (40301)",
        ),
        (
            WebhookFormat::Discord,
            400,
            r#"{"message":"Cannot send an empty message","code":50006,"path":"/hook"}"#,
            "the receiver answered 400: Cannot send an empty message (50006)",
        ),
        (
            WebhookFormat::Teams,
            401,
            r#"{"error":{"code":"DirectApiAuthorizationRequired","message":"The request is not\nauthorized."}}"#,
            "the receiver answered 401: The request is not authorized. (DirectApiAuthorizationRequired)",
        ),
    ] {
        let told = error(format.clone(), status, body).await.to_string();
        assert!(told.contains(words), "{format:?}: {told}");
    }
    let long = format!(r#"{{"error":"{}"}}"#, "x".repeat(4000));
    let told = error(WebhookFormat::Ntfy, 403, &long).await.to_string();
    assert!(told.chars().count() < 260 && told.ends_with('…'), "{told}");
}
