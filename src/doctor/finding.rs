//! What the doctor says: findings with a fixed id, the checks they came of, and the whole as machines read it.

use jiff::Timestamp;
use serde::Serialize;

/// Where each finding is explained.
pub const EXPLAINED: &str = "docs/troubleshooting.md";

macro_rules! ids {
    ($($variant:ident => $name:literal,)*) => {
        /// What kind of finding; the names are fixed, and each has its section in `docs/troubleshooting.md`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Id {
            $($variant,)*
        }

        impl Id {
            /// Every id, in the order of the documentation.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The fixed name.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }
    };
}

ids! {
    Configuration => "configuration",
    NoChannel => "no-channel",
    UrlNotFound => "url-not-found",
    UrlRedirects => "url-redirects",
    UrlHttp => "url-http",
    Proxy => "proxy",
    DnsNotFound => "dns-not-found",
    ConnectRefused => "connect-refused",
    Timeout => "timeout",
    ConnectionBroken => "connection-broken",
    TlsExpired => "tls-expired",
    TlsNotValidYet => "tls-not-valid-yet",
    TlsExpiresSoon => "tls-expires-soon",
    TlsWrongHost => "tls-wrong-host",
    TlsUnknownCa => "tls-unknown-ca",
    TlsCaCertificate => "tls-ca-certificate",
    TlsOther => "tls-other",
    CredentialsPlaceholder => "credentials-placeholder",
    CredentialsWrongSecret => "credentials-wrong-secret",
    CredentialsWrongIdentifier => "credentials-wrong-identifier",
    AdminDeactivated => "admin-deactivated",
    ApiAccessDenied => "api-access-denied",
    IpNotListed => "ip-not-listed",
    IpNotListedIpv6 => "ip-not-listed-ipv6",
    IpBanned => "ip-banned",
    PermissionGetProducts => "permission-getproducts",
    PermissionGetProductDetails => "permission-getproductdetails",
    FirewallPage => "firewall-page",
    Maintenance => "maintenance",
    RateLimited => "rate-limited",
    ServerError => "server-error",
    PrintedBeforeAnswer => "printed-before-answer",
    MalformedCharacters => "malformed-characters",
    AnswerUnreadable => "answer-unreadable",
    AnswerNotCredible => "answer-not-credible",
    CatalogueEmpty => "catalogue-empty",
    ClockDiffers => "clock-differs",
    StockNoFields => "stock-no-fields",
    StockAmbiguousZeros => "stock-ambiguous-zeros",
    StockUnreadable => "stock-unreadable",
    CompanionMissing => "companion-missing",
    CompanionOtherAction => "companion-other-action",
    CompanionBroken => "companion-broken",
    CompanionIncomplete => "companion-incomplete",
    CompanionNewer => "companion-newer",
    RuleMatchesNothing => "rule-matches-nothing",
    ThresholdAboveAnythingSeen => "threshold-above-anything-seen",
    DatabaseFolder => "database-folder",
    DatabaseDamaged => "database-damaged",
    DatabaseNewer => "database-newer",
    DatabaseMigration => "database-migration",
    DatabaseForeign => "database-foreign",
    DatabaseOpenToOthers => "database-open-to-others",
    DatabaseUnreadable => "database-unreadable",
    DiskSpaceLow => "disk-space-low",
    SmtpConnect => "smtp-connect",
    SmtpStarttlsMissing => "smtp-starttls-missing",
    SmtpTls => "smtp-tls",
    SmtpSignIn => "smtp-sign-in",
    SmtpSender => "smtp-sender",
    SmtpRecipient => "smtp-recipient",
    SmtpRefused => "smtp-refused",
    WebhookPlaceholder => "webhook-placeholder",
    WebhookRefusedAddress => "webhook-refused-address",
    WebhookConnect => "webhook-connect",
    WebhookTls => "webhook-tls",
    WebhookRefused => "webhook-refused",
    HeartbeatConnect => "heartbeat-connect",
    HeartbeatTls => "heartbeat-tls",
    DoctorFailed => "doctor-failed",
}

impl Serialize for Id {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// How bad it is. A mere note is no finding: it changes neither the result nor the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    Info,
    Warning,
    Failure,
}

/// One thing that is wrong. Holds no secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    pub id: Id,
    pub severity: Severity,
    /// The shop it is about, where it is about one.
    pub instance: Option<String>,
    /// What it was found on: "shop default", "channel email", "database".
    pub subject: String,
    /// What is wrong, in whole sentences.
    pub problem: String,
    /// What to do about it, in whole sentences.
    pub mend: String,
    /// The setting it concerns, where there is one.
    pub setting: Option<String>,
    /// Where it is explained.
    pub see: String,
}

/// What came of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    Ok,
    Finding,
    /// It could not be learnt, which is no fault.
    Unknown,
    /// Something it needs has failed before.
    NotChecked,
}

/// One step of the walk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    pub name: &'static str,
    pub subject: String,
    pub instance: Option<String>,
    pub state: State,
    /// What was seen, or why it was not looked at.
    pub detail: String,
}

/// What was found out about one subject, in the order of the steps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Walk {
    subject: String,
    instance: Option<String>,
    pub checks: Vec<Check>,
    pub findings: Vec<Finding>,
}

/// What is wrong, before it is known on what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    pub id: Id,
    pub severity: Severity,
    pub problem: String,
    pub mend: String,
    pub setting: Option<String>,
}

impl Wrong {
    /// Something that stops the monitor, or a part of it.
    #[must_use]
    pub fn failure(id: Id, problem: impl Into<String>, mend: impl Into<String>) -> Self {
        Self {
            id,
            severity: Severity::Failure,
            problem: problem.into(),
            mend: mend.into(),
            setting: None,
        }
    }

    /// Something that lets it know or say less than it could.
    #[must_use]
    pub fn warning(id: Id, problem: impl Into<String>, mend: impl Into<String>) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::failure(id, problem, mend)
        }
    }

    /// Something worth knowing that is no fault.
    #[must_use]
    pub fn note(id: Id, problem: impl Into<String>, mend: impl Into<String>) -> Self {
        Self {
            severity: Severity::Info,
            ..Self::failure(id, problem, mend)
        }
    }

    /// Names the setting.
    #[must_use]
    pub fn about(mut self, setting: impl Into<String>) -> Self {
        self.setting = Some(setting.into());
        self
    }
}

impl Walk {
    /// Nothing was looked at yet.
    #[must_use]
    pub fn new(subject: impl Into<String>, instance: Option<&str>) -> Self {
        Self {
            subject: subject.into(),
            instance: instance.map(str::to_owned),
            checks: Vec::new(),
            findings: Vec::new(),
        }
    }

    /// A step found nothing wrong.
    pub fn ok(&mut self, name: &'static str, detail: impl Into<String>) {
        self.check(name, State::Ok, detail.into());
    }

    /// A step could not learn what it asked for, which is no fault.
    pub fn unknown(&mut self, name: &'static str, detail: impl Into<String>) {
        self.check(name, State::Unknown, detail.into());
    }

    /// A step found something.
    pub fn found(&mut self, name: &'static str, wrong: Wrong) {
        let state = if wrong.severity == Severity::Info {
            State::Ok
        } else {
            State::Finding
        };
        self.check(name, state, wrong.id.as_str().to_owned());
        self.findings.push(Finding {
            id: wrong.id,
            severity: wrong.severity,
            instance: self.instance.clone(),
            subject: self.subject.clone(),
            problem: wrong.problem,
            mend: wrong.mend,
            setting: wrong.setting,
            see: format!("{EXPLAINED}#{}", wrong.id.as_str()),
        });
    }

    /// Steps were not taken, and why.
    pub fn not_checked(&mut self, names: &[&'static str], why: &str) {
        for name in names {
            self.check(name, State::NotChecked, why.to_owned());
        }
    }

    fn check(&mut self, name: &'static str, state: State, detail: String) {
        self.checks.push(Check {
            name,
            subject: self.subject.clone(),
            instance: self.instance.clone(),
            state,
            detail,
        });
    }
}

/// Everything that was found out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    pub at: Timestamp,
    /// `ok`, `warning` or `failure`: the worst of the findings.
    pub result: &'static str,
    pub findings: Vec<Finding>,
    /// Worth knowing, and no fault.
    pub notes: Vec<Finding>,
    pub checks: Vec<Check>,
}

impl Report {
    /// Puts the walks together, in their order.
    #[must_use]
    pub fn new(at: Timestamp, walks: Vec<Walk>) -> Self {
        let (mut all, mut checks) = (Vec::new(), Vec::new());
        for walk in walks {
            all.extend(walk.findings);
            checks.extend(walk.checks);
        }
        let (findings, notes): (Vec<Finding>, Vec<Finding>) = all
            .into_iter()
            .partition(|finding| finding.severity > Severity::Info);
        let worst = findings.iter().map(|finding| finding.severity).max();
        Self {
            at,
            result: match worst {
                None | Some(Severity::Info) => "ok",
                Some(Severity::Warning) => "warning",
                Some(Severity::Failure) => "failure",
            },
            findings,
            notes,
            checks,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_no_finding_and_the_worst_finding_is_the_result() {
        let mut walk = Walk::new("shop a", Some("a"));
        walk.ok("connection", "");
        walk.found("companion", Wrong::note(Id::CompanionMissing, "p", "m"));
        let report = Report::new(Timestamp::UNIX_EPOCH, vec![walk.clone()]);
        assert_eq!(
            (report.result, report.findings.len(), report.notes.len()),
            ("ok", 0, 1)
        );
        walk.found("clock", Wrong::warning(Id::ClockDiffers, "p", "m"));
        walk.found("products", Wrong::failure(Id::Timeout, "p", "m"));
        let report = Report::new(Timestamp::UNIX_EPOCH, vec![walk]);
        assert_eq!((report.result, report.findings.len()), ("failure", 2));
        assert_eq!(report.findings[0].see, "docs/troubleshooting.md#clock-differs");
    }
}
