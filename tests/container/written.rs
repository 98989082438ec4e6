//! What the Dockerfile, compose and Kubernetes say, held against each other and against the program.

use std::fs;
use std::path::Path;

use serde_json::Value;

const STATE: &str = "/var/lib/whmcs-stock-monitor";
const PROGRAM: &str = "/usr/bin/whmcs-stock-monitor";

fn text(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn yaml(text: &str) -> Value {
    serde_saphyr::from_str(text).unwrap_or_else(|error| panic!("{error}"))
}

fn compose() -> Value {
    yaml(&text("deploy/compose.yaml"))
}

/// The objects of the manifest by kind.
fn manifest(kind: &str) -> Value {
    let all = text("deploy/kubernetes/whmcs-stock-monitor.yaml");
    let found: Vec<Value> = all
        .split("\n---\n")
        .map(yaml)
        .filter(|object| object["kind"] == kind)
        .collect();
    assert_eq!(found.len(), 1, "{kind}");
    found.into_iter().next().unwrap()
}

/// The instructions of the Dockerfile's last stage, continued lines joined.
fn last_stage() -> Vec<String> {
    let joined = text("Dockerfile").replace("\\\n", " ");
    let lines: Vec<String> = joined
        .lines()
        .filter(|line| !line.starts_with('#') && !line.trim().is_empty())
        .map(str::to_owned)
        .collect();
    let from = lines.iter().rposition(|line| line.starts_with("FROM ")).unwrap();
    lines[from..].to_vec()
}

fn strings(list: &Value) -> Vec<&str> {
    list.as_array()
        .map(|list| list.iter().filter_map(Value::as_str).collect())
        .unwrap_or_default()
}

#[test]
fn the_image_is_the_assembled_root_and_nothing_else() {
    let stage = last_stage();
    assert_eq!(stage[0], "FROM scratch");
    let copies: Vec<&String> = stage.iter().filter(|line| line.starts_with("COPY ")).collect();
    assert_eq!(copies, ["COPY --from=assemble /rootfs /"]);
    assert!(!stage.iter().any(|line| line.starts_with("RUN ")), "{stage:#?}");
    assert!(text("Dockerfile").contains("COPY deploy/container/rootfs /usr/local/bin/rootfs"));
    for line in [
        "USER 65532:65532",
        &format!("WORKDIR {STATE}"),
        &format!("VOLUME [\"{STATE}\"]"),
        "EXPOSE 9717",
        &format!("ENTRYPOINT [\"{PROGRAM}\"]"),
        "CMD [\"run\"]",
    ] {
        assert!(stage.iter().any(|have| have == line), "{line}: {stage:#?}");
    }
    let health = stage
        .iter()
        .find(|line| line.starts_with("HEALTHCHECK "))
        .unwrap();
    assert!(
        health.ends_with(&format!("CMD [\"{PROGRAM}\", \"healthcheck\"]")),
        "{health}"
    );
    let labels = stage.iter().find(|line| line.starts_with("LABEL ")).unwrap();
    for label in [
        "title",
        "description",
        "version",
        "revision",
        "created",
        "source",
        "licenses",
        "documentation",
    ] {
        assert!(
            labels.contains(&format!("org.opencontainers.image.{label}=")),
            "{label}"
        );
    }
    let version = format!("ARG VERSION={}", env!("CARGO_PKG_VERSION"));
    assert!(stage.contains(&version), "{version}: {stage:#?}");
}

#[test]
fn compose_gives_no_service_more_than_it_needs() {
    let compose = compose();
    let services = compose["services"].as_object().unwrap();
    let mut names: Vec<&String> = services.keys().collect();
    names.sort();
    assert_eq!(names, ["grafana", "monitor", "prometheus"]);
    for (name, service) in services {
        assert_eq!(service["read_only"], true, "{name}");
        assert_eq!(strings(&service["cap_drop"]), ["ALL"], "{name}");
        assert_eq!(
            strings(&service["security_opt"]),
            ["no-new-privileges:true"],
            "{name}"
        );
        assert!(service["healthcheck"]["test"].is_array(), "{name}");
        assert!(
            service["privileged"].is_null() && service["network_mode"].is_null(),
            "{name}"
        );
        // Everything writable is a volume with a name.
        for volume in strings(&service["volumes"]) {
            let (from, _) = volume.split_once(':').unwrap();
            if from.starts_with('.') {
                assert!(volume.ends_with(":ro"), "{name}: {volume}");
                let path = format!("deploy/{}", from.trim_start_matches("./"));
                assert!(
                    Path::new(env!("CARGO_MANIFEST_DIR")).join(&path).exists(),
                    "{path}"
                );
            } else {
                assert!(
                    compose["volumes"].as_object().unwrap().contains_key(from),
                    "{volume}"
                );
            }
        }
        for secret in strings(&service["secrets"]) {
            let file = compose["secrets"][secret]["file"].as_str();
            assert_eq!(file, Some(format!("./secrets/{secret}").as_str()), "{name}");
        }
        for port in strings(&service["ports"]) {
            assert!(port.starts_with("127.0.0.1:"), "{name}: {port}");
        }
    }
    assert!(text(".gitignore").lines().any(|line| line == "/deploy/secrets"));
    assert!(text(".dockerignore").lines().any(|line| line == "deploy/secrets"));
}

#[test]
fn compose_and_the_image_and_the_program_speak_of_the_same_paths_ports_and_settings() {
    let compose = compose();
    let monitor = &compose["services"]["monitor"];
    assert_eq!(monitor["user"], "65532:65532");
    assert!(strings(&monitor["volumes"]).contains(&format!("stock:{STATE}").as_str()));
    assert_eq!(strings(&monitor["ports"]), ["127.0.0.1:9717:9717"]);
    assert_eq!(
        strings(&monitor["healthcheck"]["test"]),
        ["CMD", PROGRAM, "healthcheck"]
    );
    let image = format!("whmcs-stock-monitor:{}", env!("CARGO_PKG_VERSION"));
    assert_eq!(monitor["image"], image.as_str());
    known_settings(monitor["environment"].as_object().unwrap().keys());
    for (name, value) in monitor["environment"].as_object().unwrap() {
        let Some(setting) = name.strip_suffix("_FILE") else {
            continue;
        };
        let secret = setting.to_lowercase();
        assert_eq!(*value, format!("/run/secrets/{secret}"), "{name}");
        assert!(strings(&monitor["secrets"]).contains(&secret.as_str()), "{name}");
    }
    // The files that are handed to Prometheus and Grafana fit each other.
    let scrape = yaml(&text("deploy/container/prometheus.yml"));
    assert_eq!(
        scrape["scrape_configs"][0]["static_configs"][0]["targets"][0],
        "monitor:9717"
    );
    assert_eq!(
        scrape["scrape_configs"][0]["authorization"]["credentials_file"],
        "/run/secrets/http_read_token"
    );
    assert!(strings(&compose["services"]["prometheus"]["secrets"]).contains(&"http_read_token"));
    let rules = scrape["rule_files"][0].as_str().unwrap();
    text(&format!("deploy/prometheus/{rules}"));
    let source = yaml(&text("deploy/container/grafana-datasource.yaml"));
    let shipped = yaml(&text("deploy/grafana/provisioning/datasources/whmcs-stock.yaml"));
    assert_eq!(source["datasources"][0]["uid"], shipped["datasources"][0]["uid"]);
    assert_eq!(source["datasources"][0]["url"], "http://prometheus:9090");
    let provider = yaml(&text("deploy/grafana/provisioning/dashboards/whmcs-stock.yaml"));
    let path = provider["providers"][0]["options"]["path"].as_str().unwrap();
    let mounted = format!("./grafana/dashboards:{path}:ro");
    assert!(strings(&compose["services"]["grafana"]["volumes"]).contains(&mounted.as_str()));
}

/// Each is a setting, or the file of a secret one.
fn known_settings<'a>(names: impl Iterator<Item = &'a String>) {
    for name in names {
        assert!(whmcs_stock_monitor::config::keys::is_known(name), "{name}");
    }
}

#[test]
fn kubernetes_runs_one_monitor_with_no_rights_and_asks_it_the_right_questions() {
    let deployment = manifest("Deployment");
    let spec = &deployment["spec"];
    assert_eq!(
        (&spec["replicas"], &spec["strategy"]["type"]),
        (&1.into(), &"Recreate".into())
    );
    let pod = &spec["template"]["spec"];
    assert_eq!(pod["securityContext"]["runAsUser"], 65532);
    assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
    assert_eq!(pod["securityContext"]["fsGroup"], 65532);
    assert_eq!(pod["automountServiceAccountToken"], false);
    let container = &pod["containers"][0];
    let rights = &container["securityContext"];
    assert_eq!(rights["readOnlyRootFilesystem"], true);
    assert_eq!(rights["allowPrivilegeEscalation"], false);
    assert_eq!(strings(&rights["capabilities"]["drop"]), ["ALL"]);
    assert_eq!(container["ports"][0]["containerPort"], 9717);
    for (probe, path) in [
        ("startupProbe", "/healthz"),
        ("livenessProbe", "/healthz"),
        ("readinessProbe", "/readyz"),
    ] {
        assert_eq!(container[probe]["httpGet"]["path"], path, "{probe}");
        assert_eq!(
            container[probe]["httpGet"]["port"], container["ports"][0]["name"],
            "{probe}"
        );
    }
    let image = format!("whmcs-stock-monitor:{}", env!("CARGO_PKG_VERSION"));
    assert_eq!(container["image"], image.as_str());
    // Every mount has its volume, every file its place.
    let mounts = container["volumeMounts"].as_array().unwrap();
    for mount in mounts {
        let volumes = pod["volumes"].as_array().unwrap();
        assert!(
            volumes.iter().any(|volume| volume["name"] == mount["name"]),
            "{mount}"
        );
        assert!(
            mount["readOnly"] == true || mount["mountPath"] == STATE,
            "{mount}"
        );
    }
    let environment = container["env"].as_array().unwrap();
    let names: Vec<String> = environment
        .iter()
        .map(|one| one["name"].as_str().unwrap().to_owned())
        .collect();
    known_settings(names.iter());
    for one in environment {
        let (name, value) = (one["name"].as_str().unwrap(), one["value"].as_str().unwrap());
        if name.ends_with("_FILE") {
            let (folder, _) = value.rsplit_once('/').unwrap();
            assert!(
                mounts.iter().any(|mount| mount["mountPath"] == folder),
                "{name}: {value}"
            );
        }
    }
    let service = manifest("Service");
    assert_eq!(service["spec"]["ports"][0]["port"], 9717);
    assert_eq!(service["spec"]["selector"], spec["selector"]["matchLabels"]);
    let claim = pod["volumes"][0]["persistentVolumeClaim"]["claimName"].clone();
    assert_eq!(manifest("PersistentVolumeClaim")["metadata"]["name"], claim);
    let toml = manifest("ConfigMap")["data"]["monitor.toml"]
        .as_str()
        .unwrap()
        .to_owned();
    toml.parse::<toml::Table>().expect("a configuration file");
}
