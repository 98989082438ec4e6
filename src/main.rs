//! Parses the command line, runs it, turns the outcome into an exit code.

use std::process::ExitCode;

use clap::Parser;

use whmcs_stock_monitor::cli;
use whmcs_stock_monitor::cli::arguments::Arguments;
use whmcs_stock_monitor::cli::exit::Exit;

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version are no errors.
            let exit = if error.use_stderr() { Exit::Usage } else { Exit::Ok };
            let _ = error.print();
            return exit.into();
        }
    };
    cli::main(arguments).into()
}
