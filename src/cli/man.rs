//! `man`: the manual pages, of the command line and of the files of settings, made from what the program itself reads.

use std::fs;
use std::io;
use std::path::Path;

use clap::Command;
use clap::CommandFactory;
use clap_mangen::Man;
use clap_mangen::roff::Roff;
use clap_mangen::roff::bold;
use clap_mangen::roff::roman;

use crate::cli::arguments::Arguments;
use crate::cli::arguments::ManArguments;
use crate::cli::exit::Exit;
use crate::cli::fail;
use crate::cli::markdown;
use crate::cli::print;

const NAME: &str = env!("CARGO_PKG_NAME");
/// The tables of settings, as people read them too.
const SETTINGS: &str = include_str!("../../docs/configuration.md");
/// Where its second half begins, the one about the file.
const THE_FILE: &str = "\n## The file\n";

/// A page: the name of its file, and what stands in it.
struct Page {
    file: String,
    text: Vec<u8>,
}

/// Prints the program's page, or writes all of them into the folder.
pub fn man(options: &ManArguments) -> Exit {
    let pages = match pages() {
        Ok(pages) => pages,
        Err(error) => return fail(Exit::Internal, &format!("The manual cannot be made: {error}")),
    };
    match &options.out {
        None => {
            // The program's own page is the first.
            let page = pages.first().map(|page| String::from_utf8_lossy(&page.text));
            print(&page.unwrap_or_default());
            Exit::Ok
        }
        Some(folder) => match write(folder, &pages) {
            Ok(()) => Exit::Ok,
            Err(error) => fail(
                Exit::CannotCreate,
                &format!("{} cannot be written: {error}", folder.display()),
            ),
        },
    }
}

fn write(folder: &Path, pages: &[Page]) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    for page in pages {
        fs::write(folder.join(&page.file), &page.text)?;
    }
    Ok(())
}

fn pages() -> io::Result<Vec<Page>> {
    let mut command = Arguments::command().disable_help_subcommand(true);
    command.build();
    let mut pages = Vec::new();
    add_commands(&command, &mut pages)?;
    let (settings, file) = SETTINGS.split_once(THE_FILE).unwrap_or((SETTINGS, ""));
    pages.push(settings_page(
        "env",
        "settings of whmcs-stock-monitor in the environment",
        settings,
    ));
    pages.push(settings_page(
        "toml",
        "shops, channels, rules and pools of whmcs-stock-monitor",
        file,
    ));
    Ok(pages)
}

/// The command's page, then those of its subcommands.
fn add_commands(command: &Command, pages: &mut Vec<Page>) -> io::Result<()> {
    let man = Man::new(command.clone())
        .section("8")
        .source(format!("{NAME} {}", env!("CARGO_PKG_VERSION")))
        .manual("System administration");
    let mut text = Vec::new();
    man.render(&mut text)?;
    let mut more = Roff::new();
    if command.get_name() == NAME {
        exits_and_files(&mut more);
    }
    see_also(&mut more, command.get_name() != NAME);
    text.extend_from_slice(more.to_roff().as_bytes());
    pages.push(Page {
        file: man.get_filename(),
        text,
    });
    for inner in command.get_subcommands().filter(|inner| !inner.is_hide_set()) {
        add_commands(inner, pages)?;
    }
    Ok(())
}

fn exits_and_files(page: &mut Roff) {
    page.control("SH", ["EXIT STATUS"]);
    for exit in Exit::ALL {
        page.control("TP", [])
            .text([bold(exit.code().to_string())])
            .text([roman(exit.meaning())]);
    }
    page.control("SH", ["SIGNALS"]);
    for (signal, meaning) in [
        (
            "SIGHUP",
            "Read the configuration again; a broken one is refused, and the old one stays.",
        ),
        (
            "SIGTERM, SIGINT",
            "Stop once what is under way has ended; a second one stops at once.",
        ),
    ] {
        page.control("TP", []).text([bold(signal)]).text([roman(meaning)]);
    }
    page.control("SH", ["FILES"]);
    for (file, meaning) in [
        (
            ".env",
            "Settings in the working directory; see whmcs-stock-monitor.env(5).",
        ),
        (
            "config/monitor.toml",
            "Shops, channels, rules and pools, or the file that --config or CONFIG_FILE names; see whmcs-stock-monitor.toml(5).",
        ),
        (
            "/etc/whmcs-stock-monitor/",
            "Both of them (whmcs-stock-monitor.env, monitor.toml) where Debian's package runs the monitor as a service.",
        ),
        ("/var/lib/whmcs-stock-monitor/", "The database of that service."),
    ] {
        page.control("TP", []).text([bold(file)]).text([roman(meaning)]);
    }
}

fn see_also(page: &mut Roff, program: bool) {
    let mut pages = vec!["whmcs-stock-monitor.env(5)", "whmcs-stock-monitor.toml(5)"];
    if program {
        pages.insert(0, "whmcs-stock-monitor(8)");
    }
    page.control("SH", ["SEE ALSO"]).text([roman(pages.join(", "))]);
}

fn settings_page(kind: &str, about: &str, text: &str) -> Page {
    let name = format!("{NAME}.{kind}");
    let mut page = Roff::new();
    let source = format!("{NAME} {}", env!("CARGO_PKG_VERSION"));
    page.control("TH", [name.as_str(), "5", "", source.as_str(), "File formats"])
        .control("SH", ["NAME"])
        .text([roman(format!("{name} - {about}"))])
        .control("SH", ["DESCRIPTION"]);
    markdown::append(&mut page, text);
    page.control("SH", ["SEE ALSO"]).text([roman(
        "whmcs-stock-monitor(8), whmcs-stock-monitor.env(5), whmcs-stock-monitor.toml(5)",
    )]);
    Page {
        file: format!("{name}.5"),
        text: page.render().into_bytes(),
    }
}
