//! Mail servers and webhooks.

use whmcs_stock_monitor::doctor::finding::Id;
use whmcs_stock_monitor::sinks::mail_script::Fault as MailFault;
use whmcs_stock_monitor::sinks::mail_script::Step;
use whmcs_stock_monitor::sinks::webhook::Reply;

use crate::case::Case;
use crate::case::case;
use crate::case::set;
use crate::tls::Made;
use crate::world::World;

/// All of them.
pub fn all() -> Vec<Case> {
    let mut all = mail();
    all.extend(handed_over());
    all.extend(webhooks());
    all.extend(reports_and_heartbeat());
    all
}

fn mail() -> Vec<Case> {
    vec![
        case(
            "the mail server is down",
            Id::SmtpConnect,
            &["SMTP_URL", "port"],
            || {
                let mut world = World::new();
                let port = world.closed_port();
                world.set("SMTP_URL", &format!("smtp://127.0.0.1:{port}?tls=none"));
                world
            },
        ),
        case(
            "the mail server offers no STARTTLS",
            Id::SmtpStarttlsMissing,
            &["STARTTLS", "587"],
            || {
                let mut world = World::new();
                let url = format!("smtp://{}", world.mail.address());
                world.set("SMTP_URL", &url);
                world
            },
        ),
        case(
            "STARTTLS fails",
            Id::SmtpTls,
            &["secure connection", "SMTP_URL"],
            || {
                let mut world = World::new();
                world.mail.offer_starttls();
                let url = format!("smtp://{}", world.mail.address());
                world.set("SMTP_URL", &url);
                world
            },
        ),
        case(
            "the mail server's certificate is another host's",
            Id::SmtpTls,
            &["another name", "SSL_CERT_FILE"],
            || {
                let mut world = World::new();
                let (port, ca) = world.behind_tls(world.mail.address(), Made::ForAnother);
                world.set("SMTP_URL", &format!("smtps://localhost:{port}"));
                let ca = world.home.path(&ca).display().to_string();
                world.home.export("SSL_CERT_FILE", &ca);
                world
            },
        ),
    ]
}

fn handed_over() -> Vec<Case> {
    vec![
        case(
            "the mail password is wrong",
            Id::SmtpSignIn,
            &["SMTP_PASSWORD", "535"],
            || {
                let mut world = World::new();
                world.mail.always(Step::Auth, Some(MailFault::Code(535)));
                let url = world
                    .mail
                    .url()
                    .replace("smtp://", "smtp://stock:canary-mail-password@");
                world.set("SMTP_URL", &url);
                world
            },
        ),
        case(
            "the account may not send as the sender",
            Id::SmtpSender,
            &["SMTP_FROM", "stock@shop.example", "553"],
            || {
                let world = World::new();
                world.mail.always(Step::Mail, Some(MailFault::Code(553)));
                world
            },
        ),
        case(
            "there is no such recipient",
            Id::SmtpRecipient,
            &["sales@shop.example", "ALERT_EMAIL_TO", "550"],
            || {
                let world = World::new();
                world.mail.always(Step::Rcpt, Some(MailFault::Code(550)));
                world
            },
        ),
        case(
            "the recipient is put off",
            Id::SmtpRecipient,
            &["sales@shop.example", "greylisting", "451"],
            || {
                let world = World::new();
                world.mail.always(Step::Rcpt, Some(MailFault::Code(451)));
                world
            },
        )
        .warning(),
        case(
            "the mail itself is refused",
            Id::SmtpRefused,
            &["sales@shop.example", "552"],
            || {
                let world = World::new();
                world.mail.always(Step::Body, Some(MailFault::Code(552)));
                world
            },
        )
        .with_test(),
    ]
}

fn webhooks() -> Vec<Case> {
    vec![
        case(
            "the webhook is that of the example",
            Id::WebhookPlaceholder,
            &["WEBHOOK_URL", "receiver's own address"],
            || set(&[("WEBHOOK_URL", "https://hooks.example.com/canary-webhook-path")]),
        ),
        case(
            "the webhook's key is that of the example",
            Id::WebhookPlaceholder,
            &["WEBHOOK_SECRET", "openssl rand"],
            || set(&[("WEBHOOK_SECRET", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")]),
        ),
        case(
            "the receiver is down",
            Id::WebhookConnect,
            &["WEBHOOK_URL"],
            || {
                let mut world = World::new();
                let port = world.closed_port();
                world.set(
                    "WEBHOOK_URL",
                    &format!("http://127.0.0.1:{port}/canary-webhook-path"),
                );
                world
            },
        ),
        case(
            "the receiver's certificate comes from a private CA",
            Id::WebhookTls,
            &["no authority known here", "SSL_CERT_FILE"],
            || {
                let mut world = World::new();
                let (port, _) = world.behind_tls(world.hook.address(), Made::Well);
                world.set(
                    "WEBHOOK_URL",
                    &format!("https://localhost:{port}/canary-webhook-path"),
                );
                world
            },
        ),
        case(
            "the webhook is a cloud's metadata service",
            Id::WebhookRefusedAddress,
            &["allow_link_local = true"],
            || set(&[("WEBHOOK_URL", "http://100.100.100.200/canary-webhook-path")]),
        ),
        case(
            "the receiver refuses the token",
            Id::WebhookRefused,
            &["401"],
            || {
                let world = World::new();
                world.hook.always(Reply::Status(401));
                world
            },
        )
        .with_test(),
    ]
}

fn reports_and_heartbeat() -> Vec<Case> {
    vec![
        case(
            "there is no such recipient of the report",
            Id::SmtpRecipient,
            &["boss@shop.example", "REPORT_EMAIL_TO", "550"],
            || {
                let mut world = World::new();
                world.home.unset("ALERT_EMAIL_TO");
                world.set("REPORT_SCHEDULE", "0 8 * * MON");
                world.set("REPORT_EMAIL_TO", "boss@shop.example");
                world.mail.always(Step::Rcpt, Some(MailFault::Code(550)));
                world
            },
        ),
        case(
            "there is no such recipient of a report of the file",
            Id::SmtpRecipient,
            &["dc@shop.example", "report \"racks\": to", "550"],
            || {
                let mut world = World::new();
                world.home.unset("ALERT_EMAIL_TO");
                world.rules("[[report]]\nname = \"racks\"\nevery = \"week\"\nto = [\"dc@shop.example\"]\n");
                world.mail.always(Step::Rcpt, Some(MailFault::Code(550)));
                world
            },
        ),
        case(
            "nobody listens where signs of life are sent",
            Id::HeartbeatConnect,
            &["HEARTBEAT_URL", "notice silence"],
            || {
                let mut world = World::new();
                let port = world.closed_port();
                world.set(
                    "HEARTBEAT_URL",
                    &format!("http://127.0.0.1:{port}/canary-webhook-path"),
                );
                world
            },
        ),
        case(
            "the service for signs of life has a certificate of a private CA",
            Id::HeartbeatTls,
            &["no authority known here", "HEARTBEAT_URL", "SSL_CERT_FILE"],
            || {
                let mut world = World::new();
                let (port, _) = world.behind_tls(world.hook.address(), Made::Well);
                world.set(
                    "HEARTBEAT_URL",
                    &format!("https://localhost:{port}/canary-webhook-path"),
                );
                world
            },
        ),
    ]
}
