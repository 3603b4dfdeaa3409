//! The command line: everything that a person at a terminal needs around the node, and (in the binary) the composition root.
//!
//! ```text
//! Home      where a node lives on disk       Config   config/node.toml, variables, flags: checked whole before anything starts
//! keys      words, keyring, node keys        genesis  genesis.json <-> Genesis
//! escape    what strangers wrote, for a terminal
//! files     small files, whole or not at all   amounts  `0.25mei` <-> smallest units
//! wallet    calls -> signed, sent, final      commands one file a noun
//! bar       how far long work is, on a terminal
//! compose   store, net, engine, RPC: a node   backend  the node's answers to RPC
//! content   content in the node: gateway, the owner's socket and its client
//! ```
//! A command reads flags, makes a [`home::Home`] and a [`config::Config`], takes a key from [`keys::Keyring`], and speaks to the node.
//! Absent on purpose: consensus rules (chain, pallets), storage of blocks (node/store), the wire (rpc).
#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod amounts;
pub mod args;
mod backend;
mod bar;
pub mod commands;
mod compose;
pub mod config;
pub mod content;
mod disk;
mod escape;
pub mod exit;
pub mod files;
pub mod genesis;
pub mod home;
pub mod janitor;
pub mod keys;
pub mod print;
mod templates;
pub mod times;
pub mod vitals;
pub mod wallet;
pub mod watch;

use clap::Parser;
use leither_engine::meddle::Meddler;
use std::process::ExitCode;
use std::sync::Arc;

/// Reads the command line, does what it says, and ends with a documented exit code.
pub fn enter() -> ExitCode {
    enter_with(None)
}

/// As [`enter`], with something between the node of `run` and the others: for tests/byzantine, whose binary is this one but for that.
pub fn enter_with(meddler: Option<Arc<dyn Meddler>>) -> ExitCode {
    // clap itself ends with 2 where the command line is wrong.
    let cli = args::Cli::parse();
    if let Err(why) = leither_failpoints::arm(&std::env::var(leither_failpoints::VARIABLE).unwrap_or_default()) {
        print::complain(&why.to_string());
        return ExitCode::from(exit::Exit::Usage as u8);
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            print::complain(&format!("no threads: {error}"));
            return ExitCode::from(exit::Exit::Fault as u8);
        }
    };
    // Boxed: the future of all commands together is large.
    match runtime.block_on(Box::pin(commands::run(cli, meddler))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            print::complain(&failure.sentence);
            ExitCode::from(failure.exit as u8)
        }
    }
}
