//! Handing mails over: what a mail server receives, and how each of its refusals is judged.

use std::net::TcpListener;
use std::time::Duration;
use std::time::Instant;

use secrecy::SecretString;
use whmcs_stock_monitor::domain::delivery::SendError;
use whmcs_stock_monitor::domain::message::Alert;
use whmcs_stock_monitor::domain::message::Message;
use whmcs_stock_monitor::domain::message::Reason;
use whmcs_stock_monitor::domain::stand::Severity;
use whmcs_stock_monitor::notify::channel::Channel;
use whmcs_stock_monitor::notify::channel::ChannelKind;
use whmcs_stock_monitor::notify::channel::ChannelSettings;
use whmcs_stock_monitor::notify::content::Content;
use whmcs_stock_monitor::notify::content::Outgoing;
use whmcs_stock_monitor::notify::content::Receipt;
use whmcs_stock_monitor::notify::email::EmailSettings;
use whmcs_stock_monitor::notify::email::MailTls;
use whmcs_stock_monitor::sinks::mail::MailSink;
use whmcs_stock_monitor::sinks::mail_script::Fault;
use whmcs_stock_monitor::sinks::mail_script::Step;

use crate::samples;

const LONG: Duration = Duration::from_secs(10);
const PASSWORD: &str = "canary-password";

fn content(channel: &Channel) -> Content {
    channel.render(&samples::alerts(vec![samples::out()]), &samples::berlin(), None)
}

async fn send(channel: &Channel) -> Result<Receipt, SendError> {
    let outgoing = Outgoing {
        message_id: samples::id(),
        content: &content(channel),
        recorded_at: samples::now(),
        now: samples::now(),
    };
    channel.send("sales@shop.example", &outgoing).await
}

#[tokio::test]
async fn a_mail_goes_to_its_one_recipient_with_its_headers() {
    let sink = MailSink::start().await.expect("starts");
    let receipt = send(&samples::email_to(&sink)).await.expect("sent");
    assert_eq!(receipt.answer, "250 kept");
    let mails = sink.wait_for(1, LONG).await.expect("one mail");
    let mail = &mails[0];
    assert_eq!(mail.from, "stock@shop.example");
    assert_eq!(mail.to, ["sales@shop.example"]);
    assert_eq!(mail.subject(), "OUT: DS-64 (was 3)");
    let header = |name: &str| mail.header(name).unwrap_or_default();
    assert_eq!(header("to"), "sales@shop.example");
    assert_eq!(header("from"), "\"Stock monitor\" <stock@shop.example>");
    assert_eq!(header("date"), "Sat, 21 Nov 2026 09:03:11 +0000");
    assert_eq!(header("message-id"), format!("<{}@shop.example>", samples::id()));
    assert_eq!(header("auto-submitted"), "auto-generated");
    assert_eq!(header("x-whmcs-stock-monitor-message"), samples::id().to_string());
    assert!(mail.text().contains("OUT: DS-64"), "{}", mail.text());
    assert!(mail.html().contains(">DS-64</bdi>"), "{}", mail.html());
}

/// The error of a send at which the server misbehaves once.
async fn error_at(step: Step, fault: Fault) -> SendError {
    let sink = MailSink::start().await.expect("starts");
    sink.next(step, fault);
    let mut settings = samples::email_settings(sink.address().port());
    settings.username = Some("user".to_owned());
    settings.password = Some(SecretString::from(PASSWORD));
    let error = send(&samples::email(settings)).await.expect_err("refused");
    assert!(sink.mails().is_empty() || step == Step::Body);
    assert!(!format!("{error} {error:?}").contains(PASSWORD), "{error:?}");
    error
}

fn is_transient(error: &SendError) -> bool {
    match error {
        SendError::Transient { .. } => true,
        SendError::Permanent { .. } | SendError::Gone { .. } => false,
    }
}

#[tokio::test]
async fn refusals_are_final_only_for_the_recipient_and_the_mail_itself() {
    for (step, code, reason, transient) in [
        (Step::Greeting, 421, "smtp_421", true),
        (Step::Greeting, 554, "smtp_554", true),
        (Step::Ehlo, 421, "smtp_421", true),
        (Step::Ehlo, 550, "smtp_550", true),
        (Step::Auth, 535, "auth", true),
        (Step::Auth, 454, "smtp_454", true),
        (Step::Mail, 451, "smtp_451", true),
        (Step::Mail, 530, "auth", true),
        (Step::Mail, 550, "smtp_550", true),
        (Step::Rcpt, 421, "smtp_421", true),
        (Step::Rcpt, 450, "smtp_450", true),
        (Step::Rcpt, 451, "smtp_451", true),
        (Step::Rcpt, 452, "smtp_452", true),
        (Step::Rcpt, 455, "smtp_4xx", true),
        (Step::Rcpt, 530, "auth", true),
        (Step::Rcpt, 550, "smtp_550", false),
        (Step::Rcpt, 553, "smtp_553", false),
        (Step::Rcpt, 545, "smtp_5xx", false),
        (Step::Data, 451, "smtp_451", true),
        (Step::Data, 554, "smtp_554", false),
        (Step::Body, 421, "smtp_421", true),
        (Step::Body, 452, "smtp_452", true),
        (Step::Body, 552, "smtp_552", false),
        (Step::Body, 554, "smtp_554", false),
    ] {
        let error = error_at(step, Fault::Code(code)).await;
        assert_eq!(
            (error.reason(), is_transient(&error)),
            (reason, transient),
            "{step:?} {code}: {error}"
        );
    }
}

#[tokio::test]
async fn the_servers_words_are_shown_on_one_line_and_cut() {
    let line = format!("550-5.1.1 no\u{1b}[31m such\r\n550 user {}", "x".repeat(400));
    let error = error_at(Step::Rcpt, Fault::Line(line)).await;
    let text = error.to_string();
    assert!(
        text.starts_with("smtp_550: the mail server answered 550 5.1.1 no [31m such user xxx"),
        "{text}"
    );
    assert!(text.chars().count() < 200 && text.ends_with('…'), "{text}");
}

#[tokio::test]
async fn a_refused_sign_in_shows_no_word_of_the_server_that_may_repeat_it() {
    let echo = format!("535 bad credentials: {PASSWORD}");
    assert_eq!(
        error_at(Step::Auth, Fault::Line(echo)).await.to_string(),
        "auth: the mail server refused the sign-in (535)"
    );
}

#[tokio::test]
async fn a_server_that_cannot_try_the_sign_in_now_is_told_from_one_that_refuses_it() {
    let busy = Fault::Line("454 4.7.0 Temporary authentication failure".to_owned());
    assert_eq!(
        error_at(Step::Auth, busy).await.to_string(),
        "smtp_454: the mail server answered 454 4.7.0 Temporary authentication failure"
    );
    let echo = Fault::Line(format!("454 no store for {PASSWORD}"));
    assert_eq!(
        error_at(Step::Auth, echo).await.to_string(),
        "smtp_454: the mail server could not try the sign-in"
    );
}

#[tokio::test]
async fn a_refused_starttls_is_told_in_the_servers_words_and_blames_no_certificate() {
    let sink = MailSink::start().await.expect("starts");
    sink.offer_starttls();
    sink.next(
        Step::StartTls,
        Fault::Line("454 4.7.0 TLS not available due to temporary reason".to_owned()),
    );
    let mut settings = samples::email_settings(sink.address().port());
    settings.tls = MailTls::StartTls;
    let error = send(&samples::email(settings)).await.expect_err("refused");
    assert_eq!(
        error.to_string(),
        "tls: the mail server answered 454 4.7.0 TLS not available due to temporary reason to STARTTLS; nothing was \
         sent in the clear"
    );
    assert!(sink.mails().is_empty());
}

#[tokio::test]
async fn a_server_that_breaks_off_or_babbles_is_tried_again() {
    for (step, fault, reason) in [
        (Step::Greeting, Fault::Drop, "bad_answer"),
        (
            Step::Greeting,
            Fault::Line("HTTP/1.1 400 Bad Request".to_owned()),
            "bad_answer",
        ),
        (Step::Greeting, Fault::Endless(2_000_000), "bad_answer"),
        (
            Step::Ehlo,
            Fault::Line("250 ok\r\n554 and again".to_owned()),
            "auth",
        ),
        (Step::Rcpt, Fault::Drop, "bad_answer"),
        (Step::Data, Fault::Line("nonsense".to_owned()), "bad_answer"),
        (Step::Body, Fault::Drop, "bad_answer"),
    ] {
        let error = error_at(step, fault.clone()).await;
        assert!(is_transient(&error), "{step:?} {fault:?}: {error}");
        assert_eq!(error.reason(), reason, "{step:?} {fault:?}: {error}");
    }
}

#[tokio::test]
async fn a_mail_sent_again_after_a_lost_answer_has_the_same_identity() {
    let sink = MailSink::start().await.expect("starts");
    sink.next(Step::Body, Fault::Drop);
    let channel = samples::email_to(&sink);
    send(&channel).await.expect_err("the answer was lost");
    send(&channel).await.expect("sent");
    let mails = sink.wait_for(2, LONG).await.expect("both");
    for name in [
        "message-id",
        "date",
        "subject",
        "references",
        "in-reply-to",
        "x-whmcs-stock-monitor-message",
    ] {
        assert_eq!(mails[0].header(name), mails[1].header(name), "{name}");
        assert!(mails[0].header(name).is_some(), "{name}");
    }
    assert_eq!(
        (mails[0].text(), mails[0].html()),
        (mails[1].text(), mails[1].html())
    );
}

#[tokio::test]
async fn silence_and_slowness_end_at_the_time_out() {
    for (step, fault) in [
        (Step::Greeting, Fault::Hang),
        (Step::Ehlo, Fault::Hang),
        (Step::Body, Fault::Hang),
        (Step::Greeting, Fault::Tarpit(Duration::from_secs(60))),
        (Step::Rcpt, Fault::Tarpit(Duration::from_secs(60))),
    ] {
        let sink = MailSink::start().await.expect("starts");
        sink.next(step, fault.clone());
        let mut settings = samples::email_settings(sink.address().port());
        settings.timeout = Duration::from_millis(300);
        let began = Instant::now();
        let error = send(&samples::email(settings)).await.expect_err("too slow");
        assert_eq!(error.reason(), "timeout", "{step:?} {fault:?}");
        assert!(
            began.elapsed() < Duration::from_secs(5),
            "{step:?} {:?}",
            began.elapsed()
        );
    }
}

#[tokio::test]
async fn a_server_that_takes_no_leave_does_not_undo_the_mail() {
    let sink = MailSink::start().await.expect("starts");
    sink.next(Step::Quit, Fault::Hang);
    send(&samples::email_to(&sink)).await.expect("sent");
    assert_eq!(sink.mails().len(), 1);
}

#[tokio::test]
async fn without_starttls_nothing_is_sent_in_the_clear() {
    let offers = [
        None,
        Some(Fault::Code(454)),
        Some(Fault::Drop),
        Some(Fault::Line("220 go".to_owned())),
    ];
    for fault in offers {
        let sink = MailSink::start().await.expect("starts");
        if let Some(fault) = fault.clone() {
            sink.offer_starttls();
            sink.next(Step::StartTls, fault);
        }
        let mut settings = samples::email_settings(sink.address().port());
        settings.tls = MailTls::StartTls;
        settings.username = Some("user".to_owned());
        settings.password = Some(SecretString::from(PASSWORD));
        let error = send(&samples::email(settings)).await.expect_err("no TLS");
        assert!(is_transient(&error), "{error}");
        assert_eq!(error.reason(), "tls", "{error}");
        for command in sink.commands() {
            assert!(
                ["EHLO", "STARTTLS", "QUIT"]
                    .iter()
                    .any(|verb| command.starts_with(verb)),
                "{fault:?}: {command}"
            );
        }
    }
}

#[tokio::test]
async fn a_server_without_tls_is_not_taken_for_one_with() {
    let sink = MailSink::start().await.expect("starts");
    let mut settings = samples::email_settings(sink.address().port());
    settings.tls = MailTls::Implicit;
    let error = send(&samples::email(settings)).await.expect_err("no TLS");
    assert_eq!(error.reason(), "tls", "{error}");
    assert!(is_transient(&error));
}

#[tokio::test]
async fn a_server_that_offers_no_sign_in_is_tried_again_later() {
    let sink = MailSink::start().await.expect("starts");
    sink.offer_no_auth();
    let mut settings = samples::email_settings(sink.address().port());
    settings.username = Some("user".to_owned());
    let error = send(&samples::email(settings)).await.expect_err("no way in");
    assert_eq!(error.reason(), "auth", "{error}");
    assert!(is_transient(&error));
}

#[tokio::test]
async fn a_closed_port_and_an_unknown_name_are_told_apart() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("binds");
    let port = listener.local_addr().expect("an address").port();
    drop(listener);
    let error = send(&samples::email(samples::email_settings(port)))
        .await
        .expect_err("nobody there");
    assert_eq!(error.reason(), "connect", "{error}");
    let mut settings = samples::email_settings(25);
    settings.host = "nowhere.invalid".to_owned();
    let error = send(&samples::email(settings)).await.expect_err("no such name");
    assert_eq!(error.reason(), "dns", "{error}");
}

#[tokio::test]
async fn one_recipient_refused_leaves_the_other_alone() {
    let sink = MailSink::start().await.expect("starts");
    let channel = samples::email_to(&sink);
    assert_eq!(channel.recipients(), ["sales@shop.example", "ops@shop.example"]);
    sink.next(Step::Rcpt, Fault::Code(550));
    let content = content(&channel);
    let outgoing = Outgoing {
        message_id: samples::id(),
        content: &content,
        recorded_at: samples::now(),
        now: samples::now(),
    };
    channel
        .send("sales@shop.example", &outgoing)
        .await
        .expect_err("refused");
    channel.send("ops@shop.example", &outgoing).await.expect("sent");
    assert_eq!(sink.mails()[0].to, ["ops@shop.example"]);
}

#[tokio::test]
async fn a_recipient_that_is_no_address_is_refused_here() {
    let sink = MailSink::start().await.expect("starts");
    let channel = samples::email_to(&sink);
    let content = content(&channel);
    let outgoing = Outgoing {
        message_id: samples::id(),
        content: &content,
        recorded_at: samples::now(),
        now: samples::now(),
    };
    for bad in ["", "nobody", "a@b.example>\r\nRCPT TO:<c@d.example"] {
        let error = channel.send(bad, &outgoing).await.expect_err("no address");
        assert_eq!(error.reason(), "address");
    }
    assert!(sink.commands().is_empty());
}

#[tokio::test]
async fn hostile_names_change_no_header_and_no_markup() {
    let sink = MailSink::start().await.expect("starts");
    let channel = samples::email_to(&sink);
    for (sent, alert) in samples::hostile().into_iter().enumerate() {
        let content = channel.render(&samples::alerts(vec![alert]), &samples::berlin(), None);
        let outgoing = Outgoing {
            message_id: samples::id(),
            content: &content,
            recorded_at: samples::now(),
            now: samples::now(),
        };
        channel.send("sales@shop.example", &outgoing).await.expect("sent");
        let mails = sink.wait_for(sent + 1, LONG).await.expect("arrives");
        let mail = &mails[sent];
        assert_eq!(mail.header("bcc"), None);
        assert_eq!(mail.to, ["sales@shop.example"]);
        assert!(mail.subject().chars().count() <= 150, "{}", mail.subject());
        let Content::Mail {
            subject, text, html, ..
        } = &content
        else {
            panic!("not a mail")
        };
        // What is read back is what was rendered, to the character.
        assert_eq!(mail.subject(), *subject);
        assert_eq!(mail.text().trim_end(), text.trim_end());
        assert_eq!(mail.html().trim_end(), html.trim_end());
        let deceptive =
            |c: char| (c.is_control() && c != '\n') || matches!(c, '\u{202a}'..='\u{202e}' | '\u{200f}');
        for shown in [subject, text, html] {
            assert!(!shown.contains(deceptive), "{shown}");
            assert!(!shown.contains(&"L".repeat(200)), "a name is cut");
        }
        assert!(!html.contains("<script") && !html.contains("<b>{{"), "{html}");
    }
}

#[tokio::test]
async fn mails_about_one_episode_of_a_product_share_a_thread() {
    let channel = samples::paper();
    let thread = |message: &Message| match channel.render(message, &samples::berlin(), None) {
        Content::Mail { thread, .. } => thread,
        Content::Http { .. } | Content::Unrendered { .. } => panic!("not a mail"),
    };
    let recovered = Alert {
        started_at: samples::out().started_at,
        ..samples::alert(Reason::Recovered, Severity::Ok, 42, "renamed", 9)
    };
    let next_time = samples::alert(Reason::First, Severity::Low, 42, "DS-64", 4);
    let about_42 = thread(&samples::alerts(vec![samples::out()]));
    assert_eq!(about_42, thread(&samples::alerts(vec![recovered.clone()])));
    assert_ne!(
        about_42,
        thread(&samples::alerts(vec![next_time])),
        "an episode of its own"
    );
    assert_ne!(about_42, thread(&samples::mixed()));
    assert_eq!(thread(&samples::baseline()), thread(&samples::mixed()));
    let elsewhere = Message {
        instance: Some("eu".to_owned()),
        ..samples::alerts(vec![recovered])
    };
    assert_ne!(about_42, thread(&elsewhere));
}

#[test]
fn settings_that_cannot_work_are_refused_without_their_secrets() {
    let with = |change: &dyn Fn(&mut EmailSettings)| {
        let mut settings = samples::email_settings(25);
        settings.password = Some(SecretString::from(PASSWORD));
        change(&mut settings);
        let settings = ChannelSettings {
            name: "sales".to_owned(),
            kind: ChannelKind::Email(settings),
        };
        assert!(!format!("{settings:?}").contains(PASSWORD));
        Channel::new(&settings)
            .map(|channel| format!("{channel:?}"))
            .map_err(|error| error.to_string())
    };
    assert_eq!(
        with(&|settings| settings.from = "no address".to_owned()),
        Err("channel sales: the sender is not a mail address: no address".to_owned())
    );
    assert_eq!(
        with(&|settings| settings.to = vec!["x@y.example, z".to_owned()]),
        Err("channel sales: not a mail address: x@y.example, z".to_owned())
    );
    assert_eq!(
        with(&|settings| settings.to.clear()),
        Err("channel sales: no recipient is given".to_owned())
    );
    let fine = with(&|_| ()).expect("fine");
    assert!(!fine.contains(PASSWORD), "{fine}");
}

#[tokio::test]
async fn the_client_introduces_itself_with_a_full_name() {
    let sink = MailSink::start().await.expect("starts");
    send(&samples::email_to(&sink)).await.expect("sent");
    let name = &sink.mails()[0].client;
    assert!(name.contains('.') || name.starts_with('['), "{name}");
}

#[tokio::test]
async fn where_to_unsubscribe_is_said_where_it_is_configured_and_one_click_only_over_https() {
    for (url, click) in [
        (None, None),
        (Some("mailto:it@shop.example?subject=stop"), None),
        (
            Some("https://shop.example/stop?who=1"),
            Some("List-Unsubscribe=One-Click"),
        ),
    ] {
        let sink = MailSink::start().await.expect("starts");
        let mut settings = samples::email_settings(sink.address().port());
        settings.unsubscribe = url.map(str::to_owned);
        send(&samples::email(settings)).await.expect("sent");
        let mail = &sink.mails()[0];
        let header = |name: &str| mail.header(name).map(|value| value.to_string());
        assert_eq!(header("list-unsubscribe"), url.map(|url| format!("<{url}>")));
        assert_eq!(header("list-unsubscribe-post").as_deref(), click);
        assert_eq!(header("list-id").is_some(), url.is_some());
        assert_eq!(header("auto-submitted").as_deref(), Some("auto-generated"));
    }
}
