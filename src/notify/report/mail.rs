//! A report as a mail: its subject, its text, its HTML with pictures, and the list of all of it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::tz::TimeZone;

use crate::domain::message::Message;
use crate::domain::report::Report;
use crate::notify::content::Attachment;
use crate::notify::report::csv;
use crate::notify::report::digest::Digest;
use crate::notify::report::html::html;
use crate::notify::report::part::Shown;
use crate::notify::report::text::text;

/// How many lines of a section are shown: fewer where the names are so long that the mail would grow too large.
const ROWS: [usize; 6] = [12, 8, 5, 3, 2, 1];
/// The largest HTML, in bytes: mail programs cut what is larger than about 100 kB.
const HTML: usize = 95_000;

/// A report, ready to be sent but for its thread.
#[derive(Debug)]
pub struct ReportMail {
    pub subject: String,
    pub text: String,
    pub html: String,
    pub attachments: Vec<Attachment>,
}

/// The mail of a report, its times in the zone.
#[must_use]
pub fn mail(
    message: &Message,
    report: &Report,
    zone: &TimeZone,
    page_url: Option<&str>,
    several: bool,
) -> ReportMail {
    let mut shown = Shown {
        now: message.at,
        zone,
        page_url,
        several,
        rows: ROWS[0],
    };
    let mut made = form(message, report, shown);
    for rows in &ROWS[1..] {
        if made.html.len() <= HTML {
            break;
        }
        shown.rows = *rows;
        made = form(message, report, shown);
    }
    made.attachments.push(Attachment {
        name: csv::file_name(report, zone),
        inline: false,
        content_type: "text/csv; charset=utf-8".to_owned(),
        data: STANDARD.encode(csv::csv(report)),
    });
    made
}

fn form(message: &Message, report: &Report, shown: Shown<'_>) -> ReportMail {
    let (digest, attachments) = Digest::of(message, report, shown);
    ReportMail {
        text: text(&digest),
        html: html(&digest),
        subject: digest.subject,
        attachments,
    }
}
