//! What happened since the start, counted: polls, requests to WHMCS, deliveries.

use std::collections::HashSet;
use std::time::Duration;

use jiff::Timestamp;
use prometheus::Encoder;
use prometheus::GaugeVec;
use prometheus::HistogramOpts;
use prometheus::HistogramVec;
use prometheus::IntCounterVec;
use prometheus::IntGauge;
use prometheus::IntGaugeVec;
use prometheus::Opts;
use prometheus::Registry;
use prometheus::TextEncoder;
use prometheus::core::Collector;

use crate::domain::source::Cause;
use crate::hints::desk::ACCEPTED;
use crate::hints::desk::RESULTS;

/// The actions whose counters are there from the start.
const ACTIONS: [&str; 2] = ["GetProducts", "GetProductDetails"];
/// The reasons of failed deliveries that are there from the start, so that the first failure is an increase.
const REASONS: [&str; 4] = ["connect", "dns", "timeout", "tls"];
/// Upper bounds of the duration histograms, in seconds.
const SECONDS: [f64; 12] = [
    0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0,
];

/// All counters of the daemon, in a registry of their own.
#[derive(Debug)]
pub struct Counters {
    registry: Registry,
    polls: IntCounterVec,
    poll_interval: GaugeVec,
    poll_failures: IntCounterVec,
    poll_seconds: HistogramVec,
    part_polls: IntCounterVec,
    hints: IntCounterVec,
    requests: IntCounterVec,
    request_failures: IntCounterVec,
    request_seconds: HistogramVec,
    deliveries: IntCounterVec,
    delivery_failures: IntCounterVec,
    heartbeats: IntCounterVec,
    heartbeat_failures: IntCounterVec,
    heartbeat_success: IntGaugeVec,
    reload_ok: IntGauge,
    reload_success: IntGauge,
    report_success: IntGaugeVec,
    report_overdue: IntGaugeVec,
    upkeep: Upkeep,
}

/// How the upkeep of the database fares.
#[derive(Debug)]
struct Upkeep {
    success: IntGaugeVec,
    horizon: IntGaugeVec,
    free: IntGaugeVec,
}

/// One request to WHMCS within a poll.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request<'a> {
    /// `GetProducts`, say.
    pub action: &'a str,
    /// `None` where it succeeded.
    pub cause: Option<Cause>,
    pub took: Duration,
}

impl Counters {
    /// Counters at 0 for the configured instances and channels. Errs only if a name is used twice in this file.
    pub fn new(instances: &[String], channels: &[String]) -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        let counter = |name: &str, help: &str, labels: &[&str]| {
            registered(&registry, IntCounterVec::new(Opts::new(name, help), labels)?)
        };
        let seconds = |name: &str, help: &str, labels: &[&str]| {
            let opts = HistogramOpts::new(name, help).buckets(SECONDS.to_vec());
            registered(&registry, HistogramVec::new(opts, labels)?)
        };
        tell_version(&registry)?;
        let (reload_ok, reload_success) = of_reloads(&registry)?;
        let (report_success, report_overdue) = of_reports(&registry)?;
        let counters = Self {
            report_success,
            report_overdue,
            upkeep: of_upkeep(&registry)?,
            polls: counter(
                "whmcs_polls_total",
                "Polls that ended, failed ones too.",
                &["whmcs"],
            )?,
            poll_interval: of_intervals(&registry)?,
            poll_failures: counter(
                "whmcs_poll_failures_total",
                "Polls that were not accepted, by cause.",
                &["whmcs", "reason"],
            )?,
            poll_seconds: seconds(
                "whmcs_poll_duration_seconds",
                "How long a poll took, its retries and the commit included.",
                &["whmcs"],
            )?,
            part_polls: counter(
                "whmcs_part_polls_total",
                "Polls of single products after a hint, failed ones too; whmcs_polls_total holds them as well.",
                &["whmcs"],
            )?,
            hints: counter(
                "whmcs_stock_hints_total",
                "Hints that came in, by what became of them; without whmcs where no signature says whose they are.",
                &["whmcs", "result"],
            )?,
            requests: counter(
                "whmcs_api_requests_total",
                "Requests to the WHMCS API that ended, failed ones too.",
                &["whmcs", "action"],
            )?,
            request_failures: counter(
                "whmcs_api_failures_total",
                "Requests to the WHMCS API that failed, by cause.",
                &["whmcs", "action", "reason"],
            )?,
            request_seconds: seconds(
                "whmcs_api_request_duration_seconds",
                "How long a request to the WHMCS API took.",
                &["whmcs", "action"],
            )?,
            deliveries: counter(
                "whmcs_stock_deliveries_total",
                "Attempts to hand over a message, failed ones too.",
                &["channel"],
            )?,
            delivery_failures: counter(
                "whmcs_stock_delivery_failures_total",
                "Attempts to hand over a message that failed, by reason.",
                &["channel", "reason"],
            )?,
            heartbeats: counter(
                "whmcs_stock_heartbeat_pings_total",
                "Times HEARTBEAT_URL was asked, failed ones too.",
                &[],
            )?,
            heartbeat_failures: counter(
                "whmcs_stock_heartbeat_failures_total",
                "Times HEARTBEAT_URL was asked and did not take what it was told.",
                &[],
            )?,
            heartbeat_success: registered(
                &registry,
                IntGaugeVec::new(
                    Opts::new(
                        "whmcs_stock_heartbeat_last_success_timestamp_seconds",
                        "When HEARTBEAT_URL last took what it was told.",
                    ),
                    &[],
                )?,
            )?,
            reload_ok,
            reload_success,
            registry,
        };
        counters.configure(instances, channels);
        Ok(counters)
    }

    /// Starts new instances and channels at 0 and drops those that are no longer configured.
    pub fn configure(&self, instances: &[String], channels: &[String]) {
        self.keep("whmcs", instances);
        self.keep("channel", channels);
        for whmcs in instances {
            self.polls.with_label_values(&[whmcs]);
            self.poll_seconds.with_label_values(&[whmcs]);
            self.part_polls.with_label_values(&[whmcs]);
            self.hints.with_label_values(&[whmcs, ACCEPTED]);
            for cause in Cause::ALL {
                self.poll_failures.with_label_values(&[whmcs, cause.as_str()]);
            }
            for action in ACTIONS {
                self.requests.with_label_values(&[whmcs, action]);
                self.request_seconds.with_label_values(&[whmcs, action]);
                for cause in Cause::ALL.into_iter().filter(|cause| *cause != Cause::Suspect) {
                    self.request_failures
                        .with_label_values(&[whmcs, action, cause.as_str()]);
                }
            }
        }
        for result in RESULTS.into_iter().filter(|result| *result != ACCEPTED) {
            self.hints.with_label_values(&["", result]);
        }
        for channel in channels {
            self.deliveries.with_label_values(&[channel]);
            for reason in REASONS {
                self.delivery_failures.with_label_values(&[channel, reason]);
            }
        }
    }

    /// Counts a poll that ended (`cause` is `None` where it was accepted) with all its requests.
    pub fn poll(&self, whmcs: &str, cause: Option<Cause>, took: Duration, requests: &[Request<'_>]) {
        self.polls.with_label_values(&[whmcs]).inc();
        self.poll_seconds
            .with_label_values(&[whmcs])
            .observe(took.as_secs_f64());
        if let Some(cause) = cause {
            self.poll_failures
                .with_label_values(&[whmcs, cause.as_str()])
                .inc();
        }
        for request in requests {
            self.request(whmcs, request);
        }
    }

    /// Counts a poll of single products that ended, with all its requests. How long it took would say nothing of
    /// polls.
    pub fn part_poll(&self, whmcs: &str, cause: Option<Cause>, requests: &[Request<'_>]) {
        self.polls.with_label_values(&[whmcs]).inc();
        self.part_polls.with_label_values(&[whmcs]).inc();
        if let Some(cause) = cause {
            self.poll_failures
                .with_label_values(&[whmcs, cause.as_str()])
                .inc();
        }
        for request in requests {
            self.request(whmcs, request);
        }
    }

    /// Counts a hint; `whmcs` is "" where no signature says whose it is.
    pub fn hint(&self, whmcs: &str, result: &'static str) {
        self.hints.with_label_values(&[whmcs, result]).inc();
    }

    /// Counts one request to WHMCS outside a poll, too.
    pub fn request(&self, whmcs: &str, request: &Request<'_>) {
        let labels = [whmcs, request.action];
        self.requests.with_label_values(&labels).inc();
        self.request_seconds
            .with_label_values(&labels)
            .observe(request.took.as_secs_f64());
        if let Some(cause) = request.cause {
            self.request_failures
                .with_label_values(&[whmcs, request.action, cause.as_str()])
                .inc();
        }
    }

    /// Counts an attempt to hand over a message; `outcome` errs with the short fixed reason.
    pub fn delivery(&self, channel: &str, outcome: Result<(), &str>) {
        self.deliveries.with_label_values(&[channel]).inc();
        if let Err(reason) = outcome {
            self.delivery_failures.with_label_values(&[channel, reason]).inc();
        }
    }

    /// `HEARTBEAT_URL` is set: its counters are there from now on.
    pub fn heartbeat_is_set(&self) {
        self.heartbeats.with_label_values(&[] as &[&str]);
        self.heartbeat_failures.with_label_values(&[] as &[&str]);
    }

    /// Counts that `HEARTBEAT_URL` was asked, and when it took what it was told.
    pub fn heartbeat(&self, taken_at: Option<Timestamp>) {
        let none: &[&str] = &[];
        self.heartbeats.with_label_values(none).inc();
        match taken_at {
            Some(at) => self.heartbeat_success.with_label_values(none).set(at.as_second()),
            None => self.heartbeat_failures.with_label_values(none).inc(),
        }
    }

    /// Notes that a configuration is in force since then; `None` where an attempt to load another one failed.
    pub fn reloaded(&self, taken_at: Option<Timestamp>) {
        self.reload_ok.set(i64::from(taken_at.is_some()));
        if let Some(at) = taken_at {
            self.reload_success.set(at.as_second());
        }
    }

    /// Notes how long it is from one poll on time to the next.
    pub fn poll_interval(&self, whmcs: &str, interval: Duration) {
        self.poll_interval
            .with_label_values(&[whmcs])
            .set(interval.as_secs_f64());
    }

    /// Notes when a report last succeeded, and whether it is overdue. Whether one that was overdue has reached somebody
    /// since it was last noted.
    pub fn report(&self, name: &str, success: Option<Timestamp>, overdue: bool) -> bool {
        let late = self.report_overdue.with_label_values(&[name]);
        let was_overdue = late.get() == 1;
        late.set(i64::from(overdue));
        let Some(success) = success else { return false };
        let last = self.report_success.with_label_values(&[name]);
        let is_new = success.as_second() > last.get();
        last.set(success.as_second());
        was_overdue && !overdue && is_new
    }

    /// Notes when the last round of upkeep came to its end, from when on single levels are there (`None`: from the first
    /// on), and the bytes of the database's file that are free to be used again.
    pub fn upkeep(&self, success: Option<Timestamp>, horizon: Option<Timestamp>, free: u64) {
        let Upkeep {
            success: last,
            horizon: begins,
            free: unused,
        } = &self.upkeep;
        for (gauge, at) in [(last, success), (begins, horizon)] {
            if let Some(at) = at {
                gauge.with_label_values::<&str>(&[]).set(at.as_second());
            }
        }
        let free = i64::try_from(free).unwrap_or(i64::MAX);
        unused.with_label_values::<&str>(&[]).set(free);
    }

    /// Knows of no report any more: before those of another configuration are noted.
    pub fn forget_reports(&self) {
        self.report_success.reset();
        self.report_overdue.reset();
    }

    /// Appends everything counted in the text format of Prometheus.
    pub fn write(&self, out: &mut Vec<u8>) -> Result<(), prometheus::Error> {
        TextEncoder::new().encode(&self.registry.gather(), out)
    }

    /// Drops the series whose label `name` has a value that is not in `values`.
    fn keep(&self, name: &str, values: &[String]) {
        let kept: HashSet<&str> = values.iter().map(String::as_str).collect();
        let mut hinted = kept.clone();
        hinted.insert("");
        for labels in dropped(&self.hints, name, &hinted) {
            let _ = self.hints.remove_label_values(&as_strs(&labels));
        }
        for counter in [
            &self.polls,
            &self.poll_failures,
            &self.part_polls,
            &self.requests,
            &self.request_failures,
            &self.deliveries,
            &self.delivery_failures,
        ] {
            for labels in dropped(counter, name, &kept) {
                // It may only be missing because another reload dropped it first.
                let _ = counter.remove_label_values(&as_strs(&labels));
            }
        }
        for labels in dropped(&self.poll_interval, name, &kept) {
            let _ = self.poll_interval.remove_label_values(&as_strs(&labels));
        }
        for histogram in [&self.poll_seconds, &self.request_seconds] {
            for labels in dropped(histogram, name, &kept) {
                let _ = histogram.remove_label_values(&as_strs(&labels));
            }
        }
    }
}

fn tell_version(registry: &Registry) -> Result<(), prometheus::Error> {
    let version = IntGaugeVec::new(
        Opts::new("whmcs_stock_build_info", "The running version; always 1."),
        &["version"],
    )?;
    version.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
    registered(registry, version)?;
    Ok(())
}

/// Whether the last attempt to load the configuration succeeded, and when that in force was loaded.
fn of_reloads(registry: &Registry) -> Result<(IntGauge, IntGauge), prometheus::Error> {
    let gauge = |name: &str, help: &str| registered(registry, IntGauge::new(name, help)?);
    let ok = gauge(
        "whmcs_stock_config_last_reload_successful",
        "1 if the last attempt to load the configuration succeeded.",
    )?;
    ok.set(1);
    let success = gauge(
        "whmcs_stock_config_last_reload_success_timestamp_seconds",
        "When the configuration that is in force was loaded.",
    )?;
    Ok((ok, success))
}

fn of_intervals(registry: &Registry) -> Result<GaugeVec, prometheus::Error> {
    let opts = Opts::new(
        "whmcs_poll_interval_seconds",
        "From the last poll on time to the one that the schedule has next.",
    );
    registered(registry, GaugeVec::new(opts, &["whmcs"])?)
}

/// When each report last succeeded, and whether it is overdue.
fn of_reports(registry: &Registry) -> Result<(IntGaugeVec, IntGaugeVec), prometheus::Error> {
    let gauge =
        |name: &str, help: &str| registered(registry, IntGaugeVec::new(Opts::new(name, help), &["report"])?);
    let report_success = gauge(
        "whmcs_stock_report_last_success_timestamp_seconds",
        "When the report last reached somebody on each of its channels, or was due with nothing to say; absent before.",
    )?;
    let report_overdue = gauge(
        "whmcs_stock_report_overdue",
        "1 while the last report that was due has reached nobody for more than an hour.",
    )?;
    Ok((report_success, report_overdue))
}

/// When old records were last taken away, what is left of them, and the room they left.
fn of_upkeep(registry: &Registry) -> Result<Upkeep, prometheus::Error> {
    // Without labels and yet absent before anything is known.
    let gauge = |name: &str, help: &str| registered(registry, IntGaugeVec::new(Opts::new(name, help), &[])?);
    Ok(Upkeep {
        success: gauge(
            "whmcs_stock_retention_last_success_timestamp_seconds",
            "When old records were last looked through and taken away; absent before.",
        )?,
        horizon: gauge(
            "whmcs_stock_retention_horizon_timestamp_seconds",
            "From when on single levels can be read back, daily figures before; absent while nothing was taken away.",
        )?,
        free: gauge(
            "whmcs_stock_database_free_bytes",
            "What is free within the database's file, in bytes: used again before it grows.",
        )?,
    })
}

fn registered<C: Collector + Clone + 'static>(
    registry: &Registry,
    metric: C,
) -> Result<C, prometheus::Error> {
    registry.register(Box::new(metric.clone()))?;
    Ok(metric)
}

/// The label values, in declared order, of the series to drop.
fn dropped(metric: &impl Collector, name: &str, kept: &HashSet<&str>) -> Vec<Vec<String>> {
    let order: Vec<String> = metric
        .desc()
        .first()
        .map(|desc| desc.variable_labels.clone())
        .unwrap_or_default();
    let mut found = Vec::new();
    for family in metric.collect() {
        for series in family.get_metric() {
            let labels = series.get_label();
            let value = |wanted: &str| labels.iter().find(|l| l.name() == wanted).map(|l| l.value());
            if value(name).is_some_and(|value| !kept.contains(value)) {
                found.push(
                    order
                        .iter()
                        .map(|label| value(label).unwrap_or_default().to_owned())
                        .collect(),
                );
            }
        }
    }
    found
}

fn as_strs(labels: &[String]) -> Vec<&str> {
    labels.iter().map(String::as_str).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(counters: &Counters) -> String {
        let mut out = Vec::new();
        counters.write(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    fn names(all: &[&str]) -> Vec<String> {
        all.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn every_counter_of_a_configured_instance_and_channel_starts_at_zero() {
        let text = text(&Counters::new(&names(&["eu"]), &names(&["email"])).unwrap());
        for line in [
            "whmcs_polls_total{whmcs=\"eu\"} 0",
            "whmcs_poll_failures_total{reason=\"suspect\",whmcs=\"eu\"} 0",
            "whmcs_api_requests_total{action=\"GetProducts\",whmcs=\"eu\"} 0",
            "whmcs_api_failures_total{action=\"GetProductDetails\",reason=\"ip\",whmcs=\"eu\"} 0",
            "whmcs_poll_duration_seconds_count{whmcs=\"eu\"} 0",
            "whmcs_api_request_duration_seconds_count{action=\"GetProducts\",whmcs=\"eu\"} 0",
            "whmcs_stock_deliveries_total{channel=\"email\"} 0",
            "whmcs_stock_delivery_failures_total{channel=\"email\",reason=\"timeout\"} 0",
            "whmcs_part_polls_total{whmcs=\"eu\"} 0",
            "whmcs_stock_hints_total{result=\"accepted\",whmcs=\"eu\"} 0",
            "whmcs_stock_hints_total{result=\"forged\",whmcs=\"\"} 0",
            "whmcs_stock_config_last_reload_successful 1",
            concat!(
                "whmcs_stock_build_info{version=\"",
                env!("CARGO_PKG_VERSION"),
                "\"} 1"
            ),
        ] {
            assert!(text.lines().any(|l| l == line), "{line} in\n{text}");
        }
    }

    #[test]
    fn a_failed_poll_counts_as_a_poll_and_as_a_failure_of_its_cause() {
        let counters = Counters::new(&names(&["eu"]), &[]).unwrap();
        let request = |cause| Request {
            action: "GetProducts",
            cause,
            took: Duration::from_millis(30),
        };
        counters.poll(
            "eu",
            Some(Cause::Timeout),
            Duration::from_secs(3),
            &[request(Some(Cause::Timeout))],
        );
        counters.poll("eu", None, Duration::from_secs(1), &[request(None)]);
        counters.delivery("email", Err("http_500"));
        counters.delivery("email", Ok(()));
        counters.reloaded(Some(Timestamp::from_second(1_795_000_000).unwrap()));
        counters.reloaded(None);
        counters.poll_interval("eu", Duration::from_millis(500));
        let text = text(&counters);
        for line in [
            "whmcs_polls_total{whmcs=\"eu\"} 2",
            "whmcs_poll_failures_total{reason=\"timeout\",whmcs=\"eu\"} 1",
            "whmcs_poll_duration_seconds_sum{whmcs=\"eu\"} 4",
            "whmcs_api_requests_total{action=\"GetProducts\",whmcs=\"eu\"} 2",
            "whmcs_api_failures_total{action=\"GetProducts\",reason=\"timeout\",whmcs=\"eu\"} 1",
            "whmcs_stock_deliveries_total{channel=\"email\"} 2",
            "whmcs_stock_delivery_failures_total{channel=\"email\",reason=\"http_500\"} 1",
            "whmcs_stock_config_last_reload_successful 0",
            "whmcs_stock_config_last_reload_success_timestamp_seconds 1795000000",
            "whmcs_poll_interval_seconds{whmcs=\"eu\"} 0.5",
        ] {
            assert!(text.lines().any(|l| l == line), "{line} in\n{text}");
        }
    }

    #[test]
    fn what_is_no_longer_configured_vanishes_and_what_stays_goes_on() {
        let counters = Counters::new(&names(&["eu", "us"]), &names(&["email", "chat"])).unwrap();
        counters.poll("eu", None, Duration::from_secs(1), &[]);
        counters.part_poll("us", None, &[]);
        counters.hint("us", ACCEPTED);
        counters.poll_interval("us", Duration::from_secs(300));
        counters.hint("", "forged");
        counters.configure(&names(&["eu", "asia"]), &names(&["email"]));
        let text = text(&counters);
        let forged = "whmcs_stock_hints_total{result=\"forged\",whmcs=\"\"} 1";
        assert!(text.contains(forged), "{text}");
        assert!(!text.contains("\"us\"") && !text.contains("\"chat\""), "{text}");
        assert!(text.contains("whmcs_polls_total{whmcs=\"eu\"} 1"), "{text}");
        assert!(text.contains("whmcs_polls_total{whmcs=\"asia\"} 0"), "{text}");
    }
}
