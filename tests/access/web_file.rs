//! The web configuration file with the real program: TLS, users, certificates of clients, and changes without a restart.

use std::fs;
use std::io::Read;
use std::io::Write;
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;

use rcgen::BasicConstraints;
use rcgen::CertificateParams;
use rcgen::CertifiedIssuer;
use rcgen::DnType;
use rcgen::ExtendedKeyUsagePurpose;
use rcgen::IsCa;
use rcgen::KeyPair;
use rustix::process::Signal;

use crate::daemon::Daemon;
use crate::daemon::Home;
use crate::daemon::eventually;

/// An authority, and what it signs.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        // Of the same name as what it signs it would seem to be signed by that.
        params.distinguished_name.push(DnType::CommonName, "an authority");
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// Writes `NAME.pem` and `NAME.key`.
    fn sign(&self, home: &Home, name: &str, purpose: ExtendedKeyUsagePurpose) {
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params.extended_key_usages = vec![purpose];
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        home.write(&format!("config/{name}.pem"), &certificate.pem());
        home.write(&format!("config/{name}.key"), &key.serialize_pem());
    }
}

fn hash(password: &str) -> String {
    bcrypt::hash(password, 4).unwrap()
}

/// A home whose web configuration file says that.
fn home(file: &str) -> Home {
    let home = Home::new(&[
        ("WHMCS_API_URL", "http://127.0.0.1:9/includes/api.php"),
        ("WHMCS_API_IDENTIFIER", "an-identifier"),
        ("WHMCS_API_SECRET", "a-secret"),
        ("WEB_CONFIG_FILE", "config/web.yml"),
        ("HTTP_READ_USERS", "ben"),
        // What is not yet in force is tried again and again.
        ("HTTP_MAX_TRIES", "0"),
    ]);
    home.write("config/web.yml", file);
    home
}

/// Asks by curl: the status, and the body after it; "000" where there was no answer.
fn curl(home: &Home, daemon: &Daemon, path: &str, more: &[&str]) -> (String, String) {
    let ca = home.path("config/ca.pem");
    let output = Command::new("curl")
        .args([
            "--silent",
            "--noproxy",
            "*",
            "--max-time",
            "20",
            "--dump-header",
            "-",
            "--cacert",
        ])
        .arg(ca)
        .args(more)
        .arg(format!("https://localhost:{}{path}", daemon.address.port()))
        .output()
        .expect("curl is there");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let status = said.split(' ').nth(1).unwrap_or("000").to_owned();
    (status, said)
}

const TLS: &str = "tls_server_config:\n  cert_file: server.pem\n  key_file: server.key\n";

fn users(list: &[(&str, &str)]) -> String {
    let lines: String = list
        .iter()
        .map(|(name, password)| format!("  {name}: {}\n", hash(password)))
        .collect();
    format!("basic_auth_users:\n{lines}")
}

#[test]
fn users_and_certificates_come_and_go_without_a_restart() {
    let headers = "http_server_config:\n  http2: false\n  headers:\n    X-Frame-Options: sameorigin\n    Content-Security-Policy: frame-ancestors 'self'\n";
    let home = home(&format!(
        "{TLS}{headers}{}",
        users(&[("anna", "anna-s"), ("ben", "ben-s")])
    ));
    let authority = Authority::new();
    home.write("config/ca.pem", &authority.0.pem());
    authority.sign(&home, "server", ExtendedKeyUsagePurpose::ServerAuth);
    let mut daemon = home.start();
    let anna = ["--user", "anna:anna-s"];
    let (status, said) = curl(&home, &daemon, "/api/v1/stock", &anna);
    assert_eq!(status, "200", "{said}\n{}", daemon.log());
    for line in [
        "strict-transport-security: max-age=",
        "x-frame-options: sameorigin",
    ] {
        assert!(said.contains(line), "{said}");
    }
    assert_eq!(said.matches("content-security-policy: ").count(), 2, "{said}");
    assert_eq!(curl(&home, &daemon, "/api/v1/stock", &[]).0, "401");
    assert_eq!(
        curl(&home, &daemon, "/api/v1/stock", &["--user", "anna:ben-s"]).0,
        "401"
    );
    let poll = ["--user", "ben:ben-s", "--request", "POST"];
    assert_eq!(curl(&home, &daemon, "/api/v1/poll", &poll).0, "403");
    let (_, page) = curl(&home, &daemon, "/login", &[]);
    assert!(
        page.contains("__Host-stock-sign-in=") && page.contains("; Secure"),
        "{page}"
    );
    let mut plain = TcpStream::connect(daemon.address).unwrap();
    plain
        .write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .unwrap();
    let mut said = Vec::new();
    let _ = plain.read_to_end(&mut said);
    assert!(!said.starts_with(b"HTTP/"), "plain HTTP is not spoken: {said:?}");
    assert_eq!(healthy(&home, &daemon), 0);

    home.write(
        "config/web.yml",
        &format!("{TLS}{}", users(&[("anna", "another-s"), ("ben", "ben-s")])),
    );
    eventually("the new password holds", || {
        (curl(&home, &daemon, "/api/v1/stock", &["--user", "anna:another-s"]).0 == "200").then_some(())
    });
    assert_eq!(curl(&home, &daemon, "/api/v1/stock", &anna).0, "401");

    // What is half written, or open to all, changes nothing.
    home.write("config/web.yml", "basic_auth_users:\n  anna: '$2b$");
    daemon.wait_for_log("WEB_CONFIG_FILE changed and cannot be used");
    home.write("config/web.yml", TLS);
    daemon.wait_for_log("has no users any more");
    home.write("config/web.yml", &users(&[("anna", "another-s")]));
    daemon.wait_for_log("has no TLS any more");
    assert_eq!(curl(&home, &daemon, "/api/v1/stock", &[]).0, "401");
    assert_eq!(
        curl(&home, &daemon, "/api/v1/stock", &["--user", "ben:ben-s"]).0,
        "200"
    );

    // Another authority's certificate is shown from then on.
    home.write(
        "config/web.yml",
        &format!("{TLS}{}", users(&[("anna", "another-s"), ("ben", "ben-s")])),
    );
    let other = Authority::new();
    other.sign(&home, "server", ExtendedKeyUsagePurpose::ServerAuth);
    home.write("config/ca.pem", &other.0.pem());
    eventually("the new certificate is shown", || {
        (curl(&home, &daemon, "/healthz", &[]).0 == "200").then_some(())
    });
    assert_eq!(healthy(&home, &daemon), 0);
    daemon.signal(Signal::HUP);
    daemon.wait_for_log("The new configuration is in force.");
    assert_eq!(curl(&home, &daemon, "/healthz", &[]).0, "200");
    daemon.stop();
    let log = daemon.log();
    assert!(!log.contains("$2b$") && !log.contains("another-s"), "{log}");
}

/// How `healthcheck` ends, which reads the same configuration.
fn healthy(home: &Home, daemon: &Daemon) -> i32 {
    let mut settings = fs::read_to_string(home.path(".env")).unwrap();
    settings.push_str(&format!("HTTP_LISTEN={}\n", daemon.address));
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(".env"), settings).unwrap();
    std::os::unix::fs::symlink(home.path("config"), folder.path().join("config")).unwrap();
    let ended = Command::new(env!("CARGO_BIN_EXE_whmcs-stock-monitor"))
        .arg("healthcheck")
        .current_dir(folder.path())
        .env_clear()
        .output()
        .unwrap();
    ended.status.code().unwrap_or(-1)
}

#[test]
fn where_clients_need_a_certificate_only_theirs_are_taken() {
    for versions in ["", "  max_version: TLS12\n", "  min_version: TLS13\n"] {
        let tls = format!(
            "{TLS}{versions}  client_ca_file: clients.pem\n  client_auth_type: RequireAndVerifyClientCert\n"
        );
        let home = home(&format!("{tls}{}", users(&[("anna", "anna-s")])));
        let (authority, clients) = (Authority::new(), Authority::new());
        home.write("config/ca.pem", &authority.0.pem());
        home.write("config/clients.pem", &clients.0.pem());
        authority.sign(&home, "server", ExtendedKeyUsagePurpose::ServerAuth);
        clients.sign(&home, "client", ExtendedKeyUsagePurpose::ClientAuth);
        authority.sign(&home, "stranger", ExtendedKeyUsagePurpose::ClientAuth);
        let mut daemon = home.start();
        let ask = |name: &str, user: &str| {
            let [certificate, key] = ["pem", "key"].map(|end| home.path(&format!("config/{name}.{end}")));
            let (certificate, key) = (certificate.display().to_string(), key.display().to_string());
            let more = [
                "--cert",
                certificate.as_str(),
                "--key",
                key.as_str(),
                "--user",
                user,
            ];
            curl(&home, &daemon, "/api/v1/stock", &more).0
        };
        assert_eq!(ask("client", "anna:anna-s"), "200", "{versions} {}", daemon.log());
        assert_eq!(ask("client", "anna:wrong"), "401", "a certificate is no sign-in");
        assert_eq!(ask("stranger", "anna:anna-s"), "000");
        assert_eq!(curl(&home, &daemon, "/healthz", &[]).0, "000");
        assert_eq!(healthy(&home, &daemon), 0, "{versions}");
        daemon.stop();
        assert_eq!(healthy(&home, &daemon), 1, "{versions}");
    }
}

#[test]
fn what_is_wrong_with_the_file_is_said_with_its_mend_and_without_its_hashes() {
    let secret = hash("a-password");
    for (file, said) in [
        ("basic_auth_users: [", "not YAML"),
        ("- a\n- b\n", "no sections"),
        (
            "basic_auth_users:\n  anna: a-password\n",
            "basic_auth_users: anna is no bcrypt hash. Make one: htpasswd",
        ),
        (
            &format!("basic_auth_users:\n  anna: {}x\n", secret),
            "is no bcrypt hash",
        ),
        (
            &format!("basic_auth_users:\n  anna: {secret}\n  anna: {secret}\n"),
            "has a key twice",
        ),
        (
            &format!(
                "basic_auth_users:\n  anna: {}\n",
                secret.replacen("$04$", "$20$", 1)
            ),
            "has a cost above 15",
        ),
        (
            "basic_auth_user: {}\n",
            "basic_auth_user is not a section that is known here. Remove it: known are tls_server_config",
        ),
        ("rate_limit:\n  burst: 1\n", "rate_limit is not a section"),
        (
            "http_server_config:\n  headers:\n    X-Mine: 1\n",
            "X-Mine is a header that cannot be set",
        ),
        (
            "http_server_config:\n  headers:\n    X-Frame-Options: allow\n",
            "Write deny or sameorigin.",
        ),
        ("http_server_config:\n  timeout: 1\n", "timeout is not supported"),
        (
            "tls_server_config:\n  cert_file: server.pem\n",
            "lacks cert_file or key_file",
        ),
        (TLS, "whose cert_file"),
        (
            "tls_server_config:\n  cipher_suites: [x]\n",
            "cipher_suites is not supported. Remove it: known are cert_file",
        ),
        (
            "tls_server_config:\n  min_version: TLS10\n",
            "is neither TLS12 nor TLS13",
        ),
        (
            "tls_server_config:\n  client_auth_type: RequireAnyClientCert\n",
            "Write NoClientCert, VerifyClientCertIfGiven",
        ),
    ] {
        let home = home(file);
        let ended = home.run(&["config", "check"]);
        assert_eq!(ended.code, 78, "{file}: {ended:?}");
        assert!(
            ended.err.contains("WEB_CONFIG_FILE (.env line") && ended.err.contains(said),
            "{file}: {ended:?}"
        );
        assert!(
            !ended.err.contains("$2b$") && !ended.err.contains("a-password"),
            "{ended:?}"
        );
    }
}

#[test]
fn a_proxy_that_is_believed_is_an_address_or_a_network_and_never_everybody() {
    let mut home = home(&users(&[("ben", "ben-s")]));
    home.set("HTTP_TRUSTED_PROXIES", "10.1.0.7, 172.18.3.1/16, 2001:db8::/64");
    let ended = home.run(&["config", "check"]);
    assert_eq!(ended.code, 0, "{ended:?}");
    for (value, said) in [
        ("10.1.0.7, proxy.example", "neither an address nor a network"),
        ("10.1.0.0/33", "neither an address nor a network"),
        ("0.0.0.0/0", "a network of all addresses"),
        ("::/0", "a network of all addresses"),
    ] {
        home.set("HTTP_TRUSTED_PROXIES", value);
        let ended = home.run(&["config", "check"]);
        assert_eq!(ended.code, 78, "{value}: {ended:?}");
        assert!(
            ended.err.contains("HTTP_TRUSTED_PROXIES (.env line") && ended.err.contains(said),
            "{value}: {ended:?}"
        );
    }
}

#[test]
fn what_is_strange_about_credentials_is_a_warning() {
    let mut home = home(&users(&[("ben", "ben-s")]));
    home.set("HTTP_READ_USERS", "ben, bena");
    home.set("HTTP_READ_TOKEN", "one-and-the-same");
    let ended = home.run(&["config", "check"]);
    assert_eq!(ended.code, 0, "{ended:?}");
    for said in [
        "HTTP_TOKEN is not set, and all who have credentials only look",
        "HTTP_READ_USERS (.env line 3) names somebody who is no user of the WEB_CONFIG_FILE",
        "has a cost below 10",
    ] {
        assert!(ended.err.contains(said), "{said}: {ended:?}");
    }
    home.set("HTTP_TOKEN", "one-and-the-same");
    let ended = home.run(&["config", "check"]);
    assert!(
        ended
            .err
            .contains("HTTP_READ_TOKEN (.env line 2) is the same as HTTP_TOKEN"),
        "{ended:?}"
    );
    let shown = home.run(&["config", "show"]).out;
    assert!(
        shown.contains("config/web.yml") && !shown.contains("$2b$") && !shown.contains("one-and"),
        "{shown}"
    );
}

#[test]
fn beyond_loopback_users_are_enough_and_nobody_is_not() {
    let mut home = home(&users(&[("anna", "anna-s")]));
    home.export("HTTP_LISTEN", "0.0.0.0:0");
    assert_eq!(home.run(&["config", "check"]).code, 0);
    home.write("config/web.yml", "");
    let ended = home.run(&["config", "check"]);
    assert_eq!(ended.code, 78);
    assert!(
        ended.err.contains("Set HTTP_TOKEN (or users: WEB_CONFIG_FILE)"),
        "{ended:?}"
    );
}

/// The example of the documentation, its hashes and certificates in place.
#[test]
fn promtool_accepts_the_documented_file_and_so_do_we() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(root.join("docs/access.md")).unwrap();
    let example = text
        .split("```yaml\n")
        .nth(1)
        .and_then(|rest| rest.split("```").next());
    let example = example.expect("an example");
    for section in ["tls_server_config:", "http_server_config:", "basic_auth_users:"] {
        assert!(example.contains(section), "{example}");
    }
    let home = home(example);
    let authority = Authority::new();
    authority.sign(&home, "server", ExtendedKeyUsagePurpose::ServerAuth);
    home.write("config/clients.pem", &authority.0.pem());
    let ended = home.run(&["config", "check"]);
    assert_eq!(
        (ended.code, ended.err.contains("WEB_CONFIG_FILE")),
        (0, false),
        "{ended:?}"
    );
    let checked = Command::new("promtool")
        .args(["check", "web-config"])
        .arg(home.path("config/web.yml"))
        .output();
    let Ok(checked) = checked else {
        assert!(std::env::var_os("CI").is_none(), "promtool is needed");
        println!("skipped: promtool is missing");
        return;
    };
    let said =
        String::from_utf8_lossy(&checked.stdout).into_owned() + &String::from_utf8_lossy(&checked.stderr);
    assert!(checked.status.success() && said.contains("SUCCESS"), "{said}");
}
