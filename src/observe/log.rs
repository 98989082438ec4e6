//! Log lines on stderr: text or JSON, as the place they go to wants them, without secrets.

use std::io;
use std::io::IsTerminal;
use std::io::Write;

use rustix::fs::fstat;
use tracing::Subscriber;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::Layer;
use tracing_subscriber::fmt;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;

use crate::observe::redact::Redactor;

/// What libraries may say unless the filter names them.
const LIBRARIES: &str = "tokio_cron_scheduler=warn,sqlx=warn,hyper=info,hyper_util=info,h2=info,rustls=info,\
    rustls_platform_verifier=info,reqwest=info,tower_http=info,tower=info,axum=info,mio=info,lettre=info,log=info";

/// How a line is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    #[default]
    Text,
    Json,
}

/// Where the lines go, which decides what they need.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Place {
    /// Colours are understood.
    pub ansi: bool,
    /// Each line gets its time from the one who collects it (the journal).
    pub timed: bool,
}

/// Why logging could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The filter is not of `RUST_LOG`'s syntax.
    #[error("LOG_LEVEL is not a log filter ({0}); \"info\" or \"info,whmcs_stock_monitor=debug\" would be")]
    Filter(#[from] tracing_subscriber::filter::ParseError),
    /// A logger is there already.
    #[error("logging was set up twice")]
    Twice(#[from] tracing_subscriber::util::TryInitError),
}

impl Place {
    /// Standard error, given the environment's `JOURNAL_STREAM` and whether `NO_COLOR` is set.
    #[must_use]
    pub fn stderr(journal_stream: Option<&str>, no_color: bool) -> Self {
        let journal = journal_stream.is_some_and(is_stderr);
        Self {
            ansi: !journal && !no_color && io::stderr().is_terminal(),
            timed: journal,
        }
    }
}

/// Whether `device:inode`, as systemd sets it, is what stderr is connected to.
fn is_stderr(journal_stream: &str) -> bool {
    fstat(io::stderr()).is_ok_and(|stat| format!("{}:{}", stat.st_dev, stat.st_ino) == journal_stream)
}

/// Sends all log lines of the process to stderr, filtered as `RUST_LOG` would be. To be called once.
pub fn init(filter: &str, format: Format, place: Place, redactor: Redactor) -> Result<(), LogError> {
    let layer = layer(format, place, redactor, io::stderr as fn() -> io::Stderr);
    tracing_subscriber::registry()
        .with(layer)
        .with(parse_filter(filter)?)
        .try_init()?;
    Ok(())
}

/// Checks a filter without setting anything up. What libraries say at length is left out unless it names them.
pub fn parse_filter(filter: &str) -> Result<EnvFilter, LogError> {
    Ok(EnvFilter::builder().parse(format!("{LIBRARIES},{filter}"))?)
}

/// The layer that writes each event as one line to `out`.
pub fn layer<S, W>(
    format: Format,
    place: Place,
    redactor: Redactor,
    out: W,
) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let lines = Lines {
        redactor,
        fold: format == Format::Text,
        out,
    };
    // A failed write must not be reported to stderr, which is what failed.
    let layer = fmt::layer()
        .with_writer(lines)
        .with_ansi(place.ansi && format == Format::Text)
        .log_internal_errors(false);
    match (format, place.timed) {
        (Format::Text, false) => layer.boxed(),
        (Format::Text, true) => layer.without_time().boxed(),
        (Format::Json, false) => layer.json().flatten_event(true).boxed(),
        (Format::Json, true) => layer.json().flatten_event(true).without_time().boxed(),
    }
}

/// Makes a writer for each line.
struct Lines<W> {
    redactor: Redactor,
    /// Whether line breaks within a line are escaped, so that no name can forge a line of its own.
    fold: bool,
    out: W,
}

/// Writes one line, redacted; a failed write is swallowed: a full disk or closed stderr must not stop the daemon.
struct Line<W> {
    redactor: Redactor,
    fold: bool,
    out: W,
}

impl<'a, W: MakeWriter<'a>> MakeWriter<'a> for Lines<W> {
    type Writer = Line<W::Writer>;

    fn make_writer(&'a self) -> Self::Writer {
        Line {
            redactor: self.redactor.clone(),
            fold: self.fold,
            out: self.out.make_writer(),
        }
    }
}

impl<W: Write> Write for Line<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let redacted = self.redactor.redact(line);
        let _ = if self.fold {
            self.out.write_all(&folded(&redacted))
        } else {
            self.out.write_all(&redacted)
        };
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let _ = self.out.flush();
        Ok(())
    }
}

/// The line with the breaks within it written as `\n` and `\r`.
fn folded(line: &[u8]) -> Vec<u8> {
    let body = line.strip_suffix(b"\n").unwrap_or(line);
    let mut out = Vec::with_capacity(line.len() + 8);
    for byte in body {
        match byte {
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            other => out.push(*other),
        }
    }
    out.extend_from_slice(&line[body.len()..]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::Mutex;

    #[derive(Clone, Default)]
    struct Buffer(Arc<Mutex<Vec<u8>>>);

    impl Write for Buffer {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    struct Broken;

    impl Write for Broken {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
    }

    fn logged(filter: &str, format: Format, place: Place, say: impl FnOnce()) -> String {
        let buffer = Buffer::default();
        let redactor = Redactor::default();
        redactor.set(["hunter2-hunter2"]);
        let sink = buffer.clone();
        let subscriber = tracing_subscriber::registry()
            .with(layer(format, place, redactor, move || sink.clone()))
            .with(parse_filter(filter).unwrap());
        tracing::subscriber::with_default(subscriber, say);
        let bytes = buffer.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn under_the_journal_a_line_has_neither_time_nor_colour() {
        let place = Place {
            ansi: false,
            timed: true,
        };
        let text = logged("info", Format::Text, place, || {
            tracing::info!(instance = "eu", "Polled.")
        });
        assert_eq!(
            text,
            format!(" INFO {}: Polled. instance=\"eu\"\n", module_path!())
        );
    }

    #[test]
    fn a_line_elsewhere_begins_with_its_time() {
        let text = logged("info", Format::Text, Place::default(), || {
            tracing::info!("Polled.")
        });
        let (time, _) = text.split_once(' ').unwrap();
        assert!(time.parse::<jiff::Timestamp>().is_ok(), "{text}");
    }

    #[test]
    fn a_json_line_is_one_object_with_its_fields() {
        let text = logged("info", Format::Json, Place::default(), || {
            tracing::warn!(name = "a\n\"b\"", password = "hunter2-hunter2", "Odd.");
        });
        let line: serde_json::Value = serde_json::from_str(text.trim_end()).unwrap();
        assert_eq!(line["message"], "Odd.");
        assert_eq!(line["name"], "a\n\"b\"");
        assert_eq!(line["password"], "***");
        assert_eq!(line["level"], "WARN");
        assert_eq!(text.lines().count(), 1);
    }

    #[test]
    fn a_secret_or_a_line_break_in_a_field_does_not_reach_the_line() {
        let text = logged("trace", Format::Text, Place::default(), || {
            tracing::trace!(url = %"https://x/hunter2%2dhunter2", name = %"a\n2026 ERROR forged\r", "Sent.");
        });
        assert!(text.contains("https://x/***"), "{text}");
        assert!(text.contains("a\\n2026 ERROR forged\\r"), "{text}");
        assert_eq!(text.lines().count(), 1, "{text}");
    }

    #[test]
    fn libraries_are_quiet_unless_they_are_named() {
        let say = || {
            tracing::info!(target: "tokio_cron_scheduler::job", "tick");
            tracing::debug!(target: "sqlx::query", "select");
            tracing::trace!(target: "rustls::client", "hello");
            tracing::debug!(target: "whmcs_stock_monitor::jobs", "polled");
        };
        let text = logged("trace", Format::Text, Place::default(), say);
        assert!(text.contains("polled") && text.lines().count() == 1, "{text}");
        let text = logged(
            "warn,rustls=trace,sqlx=debug",
            Format::Text,
            Place::default(),
            say,
        );
        assert!(text.contains("hello") && text.contains("select"), "{text}");
        assert!(!text.contains("polled") && !text.contains("tick"), "{text}");
    }

    #[test]
    fn a_filter_that_is_none_is_refused_in_words() {
        let error = parse_filter("info,whmcs=loudest").unwrap_err().to_string();
        assert!(error.starts_with("LOG_LEVEL is not a log filter"), "{error}");
    }

    #[test]
    fn a_failed_write_is_swallowed() {
        let lines = layer(Format::Text, Place::default(), Redactor::default(), || Broken);
        let subscriber = tracing_subscriber::registry().with(lines);
        tracing::subscriber::with_default(subscriber, || tracing::error!("nobody hears this"));
        let mut line = Line {
            redactor: Redactor::default(),
            fold: true,
            out: Broken,
        };
        assert_eq!(line.write(b"abc\n").unwrap(), 4);
        line.flush().unwrap();
    }

    #[test]
    fn only_the_stream_that_is_stderr_is_the_journal() {
        let stat = fstat(io::stderr()).unwrap();
        assert!(is_stderr(&format!("{}:{}", stat.st_dev, stat.st_ino)));
        assert!(!is_stderr(&format!("{}:{}", stat.st_dev, stat.st_ino + 1)));
        assert!(!is_stderr("") && !is_stderr("x:y"));
    }
}
