//! Texts of a configuration become values. What is wrong is said without quoting the text.

use std::net::SocketAddr;
use std::str::FromStr;
use std::time::Duration;

use base64::Engine;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::GeneralPurpose;
use base64::engine::GeneralPurposeConfig;
use jiff::civil::Time;
use jiff::tz::TimeZone;
use lettre::message::Mailbox;
use secrecy::SecretString;
use tracing_subscriber::EnvFilter;

use crate::config::findings::Wrong;
use crate::domain::stand::Severity;
use crate::hints::signature::Key;
use crate::scheduler::parse_duration;
use crate::whmcs::intake::Format;

/// Any text.
///
/// # Errors
/// It holds a control character.
pub fn text(text: &str) -> Result<String, Wrong> {
    if text.chars().any(char::is_control) {
        return Err(Wrong::new(
            "holds a line break or control character",
            "Remove it.",
        ));
    }
    Ok(text.trim().to_owned())
}

/// A secret of one line.
///
/// # Errors
/// It holds a line break or control character.
pub fn secret(text: &str) -> Result<SecretString, Wrong> {
    if text.chars().any(char::is_control) {
        return Err(Wrong::new(
            "holds a line break or control character",
            "Give the secret alone, on one line.",
        ));
    }
    Ok(SecretString::from(text))
}

/// `true` or `false`, or what people write for it.
///
/// # Errors
/// It is neither.
pub fn flag(text: &str) -> Result<bool, Wrong> {
    match text.trim().to_lowercase().as_str() {
        "true" | "yes" | "on" | "1" => Ok(true),
        "false" | "no" | "off" | "0" => Ok(false),
        _ => Err(Wrong::new("is neither true nor false", "Write true or false.")),
    }
}

/// How WHMCS shall write its answers.
///
/// # Errors
/// It is neither json nor xml.
pub fn response_type(text: &str) -> Result<Format, Wrong> {
    match text.trim().to_lowercase().as_str() {
        "json" => Ok(Format::Json),
        "xml" => Ok(Format::Xml),
        _ => Err(Wrong::new("is neither json nor xml", "Write json or xml.")),
    }
}

/// A whole number from 0 up.
///
/// # Errors
/// It is no such number.
pub fn count(text: &str) -> Result<i64, Wrong> {
    let wrong = || Wrong::new("is not a whole number of 0 or more", "Write a number such as 5.");
    let number: i64 = text.trim().parse().map_err(|_| wrong())?;
    if number < 0 { Err(wrong()) } else { Ok(number) }
}

/// A whole number from 1 up.
///
/// # Errors
/// It is no such number.
pub fn positive<T: FromStr + PartialOrd + Default>(text: &str) -> Result<T, Wrong> {
    text.trim()
        .parse()
        .ok()
        .filter(|number| *number > T::default())
        .ok_or_else(|| Wrong::new("is not a whole number of 1 or more", "Write a number such as 3."))
}

/// A duration; 0 is allowed.
///
/// # Errors
/// It is none.
pub fn duration(text: &str) -> Result<Duration, Wrong> {
    if text.trim() == "0" {
        return Ok(Duration::ZERO);
    }
    parse_duration(text).ok_or_else(|| {
        let mend = match text.trim().parse::<u64>() {
            Ok(_) => "Write the unit too: 300s or 5m.",
            Err(_) => "Write a number with a unit: 100ms, 30s, 5m, 1h30m, 7d.",
        };
        Wrong::new("is not a duration", mend)
    })
}

/// A duration of 100 ms to a year.
///
/// # Errors
/// It is none.
pub fn time_limit(text: &str) -> Result<Duration, Wrong> {
    let limit = duration(text)?;
    if limit < Duration::from_millis(100) || limit > Duration::from_secs(366 * 86_400) {
        return Err(Wrong::new(
            "is not between 100 ms and a year",
            "Write a duration such as 30s.",
        ));
    }
    Ok(limit)
}

/// A size in bytes: `1GiB` (of 1024), `50MB` (of 1000), or a number of bytes.
///
/// # Errors
/// It is none, or 0.
pub fn size(text: &str) -> Result<u64, Wrong> {
    let wrong = || Wrong::new("is not a size", "Write a number with a unit: 50MB, 512MiB, 1GiB.");
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let unit: u64 = match text[digits..].trim().to_lowercase().as_str() {
        "" | "b" => 1,
        "kb" | "k" => 1000,
        "mb" | "m" => 1_000_000,
        "gb" | "g" => 1_000_000_000,
        "kib" => 1 << 10,
        "mib" => 1 << 20,
        "gib" => 1 << 30,
        _ => return Err(wrong()),
    };
    let number: u64 = text[..digits].parse().map_err(|_| wrong())?;
    number
        .checked_mul(unit)
        .filter(|size| *size > 0)
        .ok_or_else(wrong)
}

/// A time of day: `09:00`.
///
/// # Errors
/// It is none.
pub fn time_of_day(text: &str) -> Result<Time, Wrong> {
    let text = text.trim();
    let padded = if text.find(':') == Some(1) {
        format!("0{text}")
    } else {
        text.to_owned()
    };
    let plain = padded.len() >= 5 && padded.bytes().all(|byte| byte.is_ascii_digit() || byte == b':');
    padded
        .parse()
        .ok()
        .filter(|_| plain)
        .ok_or_else(|| Wrong::new("is not a time of day", "Write hours and minutes: 09:00."))
}

/// A time zone of the IANA list.
///
/// # Errors
/// There is none of that name.
pub fn time_zone(text: &str) -> Result<TimeZone, Wrong> {
    TimeZone::get(text.trim()).map_err(|_| {
        Wrong::new(
            "is not a known time zone",
            "Write an IANA name such as Europe/Berlin or UTC.",
        )
    })
}

/// A severity that alerts.
///
/// # Errors
/// It is none.
pub fn severity(text: &str) -> Result<Severity, Wrong> {
    Severity::parse(text.trim().to_lowercase().as_str())
        .filter(|severity| *severity > Severity::Ok)
        .ok_or_else(|| Wrong::new("is not a severity", "Write low, critical or out."))
}

/// A mailbox: `sales@example.com` or `Sales <sales@example.com>`; the checked text.
///
/// # Errors
/// It is none, or holds more than one.
pub fn mailbox(text: &str) -> Result<String, Wrong> {
    let wrong = || {
        Wrong::new(
            "is not a mail address",
            "Write sales@example.com or Sales <sales@example.com>.",
        )
    };
    let text = self::text(text)?;
    let mailbox: Mailbox = text.parse().map_err(|_| wrong())?;
    // The parser is silent about what follows the address.
    let end = text.strip_suffix('>').unwrap_or(&text).trim_end();
    let domain = mailbox.email.domain();
    if !end.ends_with(mailbox.email.as_ref() as &str) || domain.is_empty() {
        return Err(wrong());
    }
    Ok(mailbox.to_string())
}

/// The parts of a list: at commas, but not within quotes or `<>`.
#[must_use]
pub fn split_list(text: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let (mut quoted, mut angled) = (false, false);
    for c in text.chars() {
        match c {
            ',' if !quoted && !angled => {
                parts.push(String::new());
                continue;
            }
            '"' => quoted = !quoted,
            '<' => angled = true,
            '>' => angled = false,
            _ => {}
        }
        if let Some(part) = parts.last_mut() {
            part.push(c);
        }
    }
    parts.retain(|part| !part.trim().is_empty());
    parts.iter().map(|part| part.trim().to_owned()).collect()
}

/// The key of signed webhooks: `whsec_` and 24 to 64 bytes of base64; the text is kept.
///
/// # Errors
/// It is none.
pub fn webhook_secret(text: &str) -> Result<SecretString, Wrong> {
    const BASE64: GeneralPurpose = GeneralPurpose::new(
        &alphabet::STANDARD,
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
    );
    let mend = "Make one with: echo \"whsec_$(openssl rand -base64 32)\".";
    let text = text.trim();
    let Some(encoded) = text.strip_prefix("whsec_") else {
        return Err(Wrong::new("does not begin with whsec_", mend));
    };
    let key = BASE64
        .decode(encoded)
        .map_err(|_| Wrong::new("is not base64 after whsec_", mend))?;
    if (24..=64).contains(&key.len()) {
        Ok(SecretString::from(text))
    } else {
        Err(Wrong::new("does not hold 24 to 64 bytes", mend))
    }
}

/// One key of signed webhooks, or two while one takes the other's place: the new one first, with blanks or commas
/// between. They come out with one blank between.
///
/// # Errors
/// One of them is none, or there are more.
pub fn webhook_secrets(text: &str) -> Result<SecretString, Wrong> {
    let parts: Vec<&str> = text
        .split(|c: char| c.is_whitespace() || c == ',')
        .filter(|part| !part.is_empty())
        .collect();
    let mend = "Write the new one, a blank, and the old one; take the old one out once every receiver knows the new.";
    match parts.as_slice() {
        [] => webhook_secret(text),
        [one] => webhook_secret(one),
        [new, old] if new == old => Err(Wrong::new("holds the same secret twice", mend)),
        [new, old] => {
            webhook_secret(new)?;
            webhook_secret(old)?;
            Ok(SecretString::from(format!("{new} {old}")))
        }
        [_, _, _, ..] => Err(Wrong::new("holds more than two secrets", mend)),
    }
}

/// The key that hints are signed with: `whsec_` and base64, or any text of 24 bytes or more.
///
/// # Errors
/// It is none.
pub fn hint_secret(text: &str) -> Result<SecretString, Wrong> {
    let secret = secret(text.trim())?;
    match Key::new(&secret) {
        Ok(_) => Ok(secret),
        Err(error) => Err(Wrong::new(
            error.to_string(),
            "Make one with: echo \"whsec_$(openssl rand -base64 32)\".",
        )),
    }
}

/// A duration of up to a year; 0 is allowed.
///
/// # Errors
/// It is none.
pub fn distance(text: &str) -> Result<Duration, Wrong> {
    let distance = duration(text)?;
    if distance > Duration::from_secs(366 * 86_400) {
        return Err(Wrong::new(
            "is longer than a year",
            "Write a duration such as 10s.",
        ));
    }
    Ok(distance)
}

/// An address and port to listen on.
///
/// # Errors
/// It is none.
pub fn listen(text: &str) -> Result<SocketAddr, Wrong> {
    let text = text.trim().replacen("localhost:", "127.0.0.1:", 1);
    text.parse().map_err(|_| {
        Wrong::new(
            "is not an address with a port",
            "Write 127.0.0.1:9717, or 0.0.0.0:9717 for every address of this machine.",
        )
    })
}

/// What to log, in the syntax of `RUST_LOG`.
///
/// # Errors
/// It is no such text.
pub fn log_filter(text: &str) -> Result<String, Wrong> {
    const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
    let wrong = || Wrong::new("is not a log level", "Write error, warn, info, debug or trace.");
    let text = text.trim();
    let words_alone = text
        .split(',')
        .filter(|part| !part.contains(['=', '[', ':', '_']));
    for word in words_alone {
        // The filter itself would take any word for the name of a module.
        if !LEVELS.contains(&word.trim().to_lowercase().as_str()) {
            return Err(wrong());
        }
    }
    EnvFilter::try_new(text).map_err(|_| wrong())?;
    Ok(text.to_owned())
}

/// The name of an instance or channel.
///
/// # Errors
/// It is empty, too long, or holds something else than letters, digits, `.`, `_` and `-`.
pub fn name(text: &str) -> Result<String, Wrong> {
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if text.is_empty() {
        Err(Wrong::new("is empty", "Write a name."))
    } else if !text.chars().all(good) || text.len() > 64 {
        Err(Wrong::new(
            "is not a name",
            "Use up to 64 letters, digits, dots, dashes and underscores.",
        ))
    } else {
        Ok(text.to_owned())
    }
}
