//! `completions`: what a shell needs to complete this command line.

use clap::CommandFactory;
use clap_complete::Shell;

use crate::cli::arguments::Arguments;
use crate::cli::exit::Exit;
use crate::cli::print;

const NAME: &str = env!("CARGO_PKG_NAME");

/// Prints the completions.
pub fn completions(shell: Shell) -> Exit {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), NAME, &mut script);
    let script = String::from_utf8_lossy(&script);
    // In bash's, clap_complete 4.6 names each command twice, and takes the dashes of the program's name for gaps between
    // commands the second time: nothing after a command's name would be completed.
    let (names, wanted) = (NAME.replace('-', "__subcmd__"), NAME.replace('-', "__"));
    print(&script.replace(&names, &wanted));
    Exit::Ok
}
