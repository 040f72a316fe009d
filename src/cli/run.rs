//! `standin run`: the daemon.

use std::path::{Path, PathBuf};

use tokio::runtime::{Builder, Handle, Runtime};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, oneshot};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use super::common::{config_errors, fail};
use crate::config::{Config, ConfigErrors, Secrets};
use crate::daemon::control::{self, Call, Listener};
use crate::daemon::hub::{Ask, Input, Tx};
use crate::daemon::log_queue::LogQueue;
use crate::daemon::prepare::{self, Sources, Unprepared};
use crate::daemon::start::{self, StartError};
use crate::daemon::{around, notify, privilege};
use crate::exit::ExitCode;
use crate::host::real::{self, RealPrograms};
use crate::net::gate;
use crate::net::nft::NftError;
use crate::rt::Lane;
use crate::sys;

/// Threads for blocking work of the slow runtime: reports only. More would cost memory for nothing.
const BLOCKING: usize = 2;
/// Requests that wait for the loop.
const CALLS: usize = 16;
/// Stack of our threads, bytes: plain state machines, no recursion.
const STACK: usize = 1 << 20;
/// Real-time priority of the fast path: above ordinary work, below the kernel's own threads.
const PRIORITY: i32 = 20;

/// Before an end that is to be tried again.
const PAUSE: std::time::Duration = std::time::Duration::from_secs(2);

/// Runs the daemon until it is told to stop.
pub fn run(path: &Path) -> ExitCode {
    let slow = match runtime() {
        Ok(runtime) => runtime,
        Err(e) => return fail(ExitCode::Internal, &format!("cannot start: {e}")),
    };
    // Before anything may refuse the start: a gate that a crash left behind locks the cameras out. Where a daemon runs
    // already, it closes its own again.
    let left = slow.block_on(gate::clean_all(&RealPrograms));
    let sources = Sources::of_this_machine();
    let (config, secrets) = match load(&slow, path, &sources) {
        Ok(loaded) => loaded,
        Err(e) if e.may_pass() => {
            config_errors(&e, false);
            return not_yet();
        }
        Err(e) => return config_errors(&e, false),
    };
    match LogQueue::start(std::io::stderr()) {
        Ok(queue) => log_to(queue, &config.node.log),
        Err(e) => return fail(ExitCode::Internal, &format!("cannot start the log: {e}")),
    }
    log_panics();
    match &left {
        Ok(0) => {}
        Ok(n) => tracing::warn!("{n} gates were left closed by an earlier run: opened"),
        Err(e) => tracing::warn!("gates cannot be looked for: {e}"),
    }
    let mut limits = match privilege::check() {
        Ok(limits) => limits,
        Err(e) => return fail(ExitCode::NoPermission, &e.to_string()),
    };
    if let Err(e) = sys::keep_memory_private() {
        limits.push(format!("a crash may leave secrets in a core dump: {e}"));
    }
    if config.node.realtime {
        // Only what is used is locked: plain mlockall would pin every stack whole. Whatever else is missing, and without
        // CAP_IPC_LOCK too: RLIMIT_MEMLOCK may allow it.
        match sys::lock_memory() {
            Ok(()) => limits.retain(|l| !l.contains("CAP_IPC_LOCK")),
            Err(_) if limits.iter().any(|l| l.contains("CAP_IPC_LOCK")) => {}
            Err(e) => limits.push(format!("memory is not locked: {e}")),
        }
    }
    for limit in &limits {
        tracing::warn!("{limit}");
    }
    let mut parts = match prepare::prepare(config, secrets, limits, &sources) {
        Ok(parts) => parts,
        Err(Unprepared::MayPass(e)) => {
            fail(ExitCode::Unavailable, &e);
            return not_yet();
        }
        Err(Unprepared::Refused(e)) => return fail(ExitCode::BadConfig, &e),
    };
    parts.gates_left = matches!(left, Err(NftError::Timeout { .. } | NftError::Busy(_)));
    let socket = (
        parts.config.node.socket.clone(),
        parts.config.node.socket_group.clone(),
    );
    let realtime = parts.config.node.realtime;
    let (tx, rx) = start::channel();
    let listener = {
        let _in_runtime = slow.enter();
        match Listener::bind(&socket.0, socket.1.as_deref()) {
            Ok(listener) => listener,
            Err(e) => return fail(ExitCode::Unavailable, &e.to_string()),
        }
    };
    let (calls, called) = mpsc::channel(CALLS);
    slow.spawn(control::serve(listener, calls));
    slow.spawn(answer(called, tx.clone()));
    slow.spawn(signals(path.to_owned(), sources, tx.clone()));
    let handle = slow.handle().clone();
    let fast = std::thread::Builder::new()
        .name("fast".to_owned())
        .stack_size(STACK)
        .spawn(move || {
            if realtime && let Err(e) = sys::become_realtime(PRIORITY) {
                tracing::warn!("no real-time priority: {e}");
            }
            let runtime = match Builder::new_current_thread().enable_all().build() {
                Ok(runtime) => runtime,
                Err(e) => return fail(ExitCode::Internal, &format!("cannot start: {e}")),
            };
            runtime.block_on(async move {
                let host = match real::host() {
                    Ok(host) => host,
                    Err(e) => {
                        let e = StartError::of_all(e);
                        return fail(ExitCode::Unavailable, &e.to_string());
                    }
                };
                match start::build(parts, host, tx, Lane::tokio(handle)).await {
                    Ok(l) => {
                        notify::ready("watching");
                        tracing::info!("standin runs");
                        l.run(rx).await;
                        // A netlink request of the last moment is still on its way.
                        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
                        ExitCode::Ok
                    }
                    Err(e) => fail(ExitCode::Unavailable, &e.to_string()),
                }
            })
        });
    let code = match fast.map(std::thread::JoinHandle::join) {
        Ok(Ok(code)) => code,
        Ok(Err(_)) => fail(ExitCode::Internal, "the fast path's thread panicked"),
        Err(e) => fail(ExitCode::Internal, &format!("cannot start a thread: {e}")),
    };
    slow.shutdown_timeout(std::time::Duration::from_millis(200));
    LogQueue::drain();
    code
}

/// What is not there yet may be there later: the exit code is one after which systemd starts us again, and not at once.
fn not_yet() -> ExitCode {
    super::complain(
        "this may pass by itself (a mount that comes late, a disk that does not answer): ending, to be started again",
    );
    std::thread::sleep(PAUSE);
    ExitCode::Unavailable
}

fn runtime() -> std::io::Result<Runtime> {
    Builder::new_multi_thread()
        .worker_threads(1)
        .max_blocking_threads(BLOCKING)
        .thread_stack_size(STACK)
        .thread_name("slow")
        .enable_all()
        .build()
}

/// Reads the configuration and its secrets.
fn load(slow: &Runtime, path: &Path, sources: &Sources) -> Result<(Config, Secrets), ConfigErrors> {
    let around = slow.block_on(around::surroundings(true, path));
    let (config, warnings) = prepare::read(path, &around, sources)?;
    for warning in warnings {
        tracing::warn!("{warning}");
        eprintln!("{warning}");
    }
    let secrets = config.load_secrets()?;
    Ok((config, secrets))
}

/// Hands requests to the loop and its answers back.
async fn answer(mut called: mpsc::Receiver<Call>, tx: Tx) {
    while let Some(Call { request, reply }) = called.recv().await {
        let (to, answer) = oneshot::channel();
        let ask = Ask {
            command: request.command,
            peer: request.peer,
            args: request.args,
            reply: to,
        };
        if tx.send(Input::Ask(ask)).is_err() {
            reply.error(ExitCode::NotReachable, "the daemon is stopping");
            continue;
        }
        tokio::spawn(async move {
            match answer.await {
                Ok(Ok(data)) => reply.result(ExitCode::Ok, data),
                Ok(Err((code, message))) => reply.error(code, message),
                Err(_) => reply.error(ExitCode::NotReachable, "the daemon is stopping"),
            };
        });
    }
}

async fn signals(path: PathBuf, sources: Sources, tx: Tx) {
    let (Ok(mut term), Ok(mut int), Ok(mut hup)) = (
        signal(SignalKind::terminate()),
        signal(SignalKind::interrupt()),
        signal(SignalKind::hangup()),
    ) else {
        tracing::error!("signals cannot be caught");
        return;
    };
    loop {
        tokio::select! {
            biased;
            _ = term.recv() => break,
            _ = int.recv() => break,
            _ = hup.recv() => {
                // Files are read where a disk that hangs stops nothing else.
                let (path, sources, tx) = (path.clone(), sources.clone(), tx.clone());
                let here = Handle::current();
                tokio::task::spawn_blocking(move || {
                    let around = here.block_on(around::surroundings(true, &path));
                    let read = prepare::read_again(&path, &around, &sources).map(Box::new);
                    let _ = tx.send(Input::Reload(read));
                });
            }
        }
    }
    let _ = tx.send(Input::Stop);
}

/// A panic is a line of the log like any other: written straight to standard error it would wait for whoever reads that.
fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let at = panic.location().map(ToString::to_string);
        let what = panic.payload_as_str().unwrap_or("a panic without words");
        tracing::error!("panic at {}: {what}", at.unwrap_or_default());
    }));
}

/// Starts the log: what RUST_LOG says, or `filter`.
pub fn log_to(writer: impl for<'a> MakeWriter<'a> + Send + Sync + 'static, filter: &str) {
    // It warns of every datagram that it cannot read, and anybody can send those: they are counted instead.
    let quiet = |filter: EnvFilter| match "async_snmp::notification=off".parse() {
        Ok(directive) if !filter.to_string().contains("async_snmp") => {
            filter.add_directive(directive)
        }
        Ok(_) | Err(_) => filter,
    };
    let filter = EnvFilter::try_from_default_env()
        .or_else(|_| EnvFilter::try_new(filter))
        .unwrap_or_else(|_| EnvFilter::new("info"));
    // A second initialisation (tests) is refused, and the first stays.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(quiet(filter))
        .with_writer(writer)
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
        .with_target(false)
        .try_init();
}
