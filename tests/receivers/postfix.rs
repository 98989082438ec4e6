//! Debian's Postfix: an instance of its own, with STARTTLS, a sign-in, and recipients that are refused or greylisted.

use std::fmt::Write as _;
use std::fs;
use std::fs::Permissions;
use std::io::Write as _;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;
use std::process::Stdio;

use rcgen::BasicConstraints;
use rcgen::CertificateParams;
use rcgen::CertifiedIssuer;
use rcgen::IsCa;
use rcgen::KeyPair;
use tempfile::TempDir;

use crate::daemon::eventually;
use crate::peers::skip;

/// Signs in with this.
pub const USER: &str = "monitor@shop.example";
/// As it stands in a URL.
pub const USER_IN_URL: &str = "monitor%40shop.example";
pub const PASSWORD: &str = "canary-of-the-mailbox";

/// What runs; nothing that sends mail on.
const MASTER: &str = "\
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
proxymap unix - - n - - proxymap
error unix - - n - - error
retry unix - - n - - error
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
";

/// A mail as it lies in the mailbox.
pub struct Stored {
    pub to: String,
    pub from: String,
    pub text: String,
}

impl Stored {
    /// A header's value, its folded lines joined.
    pub fn header(&self, name: &str) -> Option<String> {
        let head = self
            .text
            .split("\n\n")
            .next()?
            .replace("\n\t", " ")
            .replace("\n ", " ");
        let prefix = format!("{}:", name.to_lowercase());
        head.lines()
            .find(|line| line.to_lowercase().starts_with(&prefix))
            .map(|line| line[prefix.len()..].trim().to_owned())
    }
}

/// A Postfix that is stopped when dropped.
pub struct Postfix {
    folder: TempDir,
    pub address: SocketAddr,
}

impl Postfix {
    /// Starts one that takes mail for `shop.example` from who signs in; none where there is none to start. `more` are
    /// further lines of its main.cf.
    pub fn start(more: &str) -> Option<Self> {
        for (program, package) in [
            ("/usr/sbin/postfix", "postfix"),
            ("/usr/sbin/saslpasswd2", "sasl2-bin"),
        ] {
            if !PathBuf::from(program).exists() {
                skip(&format!(
                    "no {program} (Debian's package {package}; scripts/test installs it)"
                ));
                return None;
            }
        }
        if !rustix::process::geteuid().is_root() {
            skip("Postfix starts as root only");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        // Its parts run as users of their own.
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
        // The port is free again for the moment that it takes to bind it.
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let postfix = Self { folder, address };
        postfix.configure(more);
        postfix.run("postfix", &["start"]);
        eventually("Postfix listens", || std::net::TcpStream::connect(address).ok());
        Some(postfix)
    }

    /// A path within.
    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn configure(&self, more: &str) {
        for name in ["etc/sasl", "spool", "data", "mail"] {
            fs::create_dir_all(self.path(name)).unwrap();
        }
        self.certify();
        let at = self.folder.path().display();
        let main = format!(
            "compatibility_level = 3.6\nqueue_directory = {at}/spool\ndata_directory = {at}/data\n\
             command_directory = /usr/sbin\ndaemon_directory = /usr/lib/postfix/sbin\nmail_owner = postfix\n\
             setgid_group = postdrop\nmyhostname = localhost\nmydestination =\ninet_interfaces = 127.0.0.1\n\
             inet_protocols = ipv4\nmaillog_file_prefixes = {at}\nmaillog_file = {at}/log\nsmtpd_peername_lookup = no\n\
             disable_dns_lookups = yes\nalias_maps =\nalias_database =\nlocal_recipient_maps =\n\
             virtual_mailbox_domains = shop.example\nvirtual_mailbox_base = {at}/mail\n\
             virtual_mailbox_maps = static:all/\nvirtual_uid_maps = static:65534\nvirtual_gid_maps = static:65534\n\
             virtual_minimum_uid = 1\nsmtpd_tls_cert_file = {at}/etc/cert.pem\nsmtpd_tls_key_file = {at}/etc/key.pem\n\
             smtpd_tls_security_level = may\nsmtpd_tls_auth_only = yes\nsmtpd_sasl_auth_enable = yes\n\
             smtpd_sasl_path = smtpd\nsmtpd_sasl_local_domain = shop.example\nsmtpd_relay_restrictions =\n\
             smtpd_recipient_restrictions = check_recipient_access hash:{at}/etc/access,permit_sasl_authenticated,reject\n\
             {more}\n"
        );
        self.write("etc/main.cf", &main);
        let smtpd = format!("127.0.0.1:{} inet n - n - - smtpd\n", self.address.port());
        self.write("etc/master.cf", &(smtpd + MASTER));
        self.write(
            "etc/sasl/smtpd.conf",
            &format!("pwcheck_method: auxprop\nauxprop_plugin: sasldb\nsasldb_path: {at}/etc/sasldb2\nmech_list: PLAIN LOGIN\n"),
        );
        self.sign_up();
        self.own("data", "postfix");
        self.own("etc/sasldb2", "postfix");
        self.own("mail", "nobody");
        self.answer(&[]);
    }

    /// A certificate for `localhost` by an authority of its own.
    fn certify(&self) {
        let mut authority = CertificateParams::new(Vec::new()).unwrap();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &authority).unwrap();
        self.write("etc/cert.pem", &certificate.pem());
        self.write("etc/key.pem", &key.serialize_pem());
        self.write("etc/ca.pem", &authority.pem());
    }

    fn sign_up(&self) {
        let mut child = Command::new("/usr/sbin/saslpasswd2")
            .args(["-c", "-p", "-u", "shop.example", "-f"])
            .arg(self.path("etc/sasldb2"))
            .arg("monitor")
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(PASSWORD.as_bytes())
            .unwrap();
        assert!(child.wait().unwrap().success());
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    fn own(&self, name: &str, user: &str) {
        let path = self.path(name);
        let status = Command::new("chown").arg(user).arg(&path).status().unwrap();
        assert!(status.success(), "{}", path.display());
    }

    fn run(&self, program: &str, arguments: &[&str]) {
        let output = Command::new(format!("/usr/sbin/{program}"))
            .arg("-c")
            .arg(self.path("etc"))
            .args(arguments)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{program} {arguments:?}: {output:?}\n{}",
            self.log()
        );
    }

    /// From now on these recipients are answered so: `("gone@shop.example", "550 5.1.1 nobody here")`, or `OK`.
    pub fn answer(&self, answers: &[(&str, &str)]) {
        let lines = answers.iter().fold(String::new(), |mut lines, (to, answer)| {
            let _ = writeln!(lines, "{to} {answer}");
            lines
        });
        self.write("etc/access", &lines);
        let map = format!("hash:{}", self.path("etc/access").display());
        self.run("postmap", &[&map]);
    }

    /// The file of the authority that its certificate is signed by.
    pub fn authority(&self) -> String {
        self.path("etc/ca.pem").display().to_string()
    }

    /// What it wrote down.
    pub fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    /// The mails that were delivered, in the order of their recipients.
    pub fn stored(&self) -> Vec<Stored> {
        let Ok(found) = fs::read_dir(self.path("mail/all/new")) else {
            return Vec::new();
        };
        let mut stored: Vec<Stored> = found
            .map(|entry| {
                let text = fs::read_to_string(entry.unwrap().path()).unwrap();
                let stored = Stored {
                    to: String::new(),
                    from: String::new(),
                    text,
                };
                let to = stored.header("Delivered-To").unwrap();
                let from = stored.header("Return-Path").unwrap();
                Stored { to, from, ..stored }
            })
            .collect();
        stored.sort_by(|a, b| a.to.cmp(&b.to));
        stored
    }

    /// Waits for that many mails.
    pub fn wait_for(&self, count: usize) -> Vec<Stored> {
        eventually(&format!("{count} mails are delivered"), || {
            Some(self.stored()).filter(|stored| stored.len() == count)
        })
    }
}

impl Drop for Postfix {
    fn drop(&mut self) {
        let _ = Command::new("/usr/sbin/postfix")
            .arg("-c")
            .arg(self.path("etc"))
            .arg("stop")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        if std::thread::panicking() {
            eprintln!("--- Postfix\n{}", self.log());
        }
    }
}
