//! Time that nobody waits for: for the targets that give a switch's answers.

/// Runs it to its end; every pause is over at once.
pub fn run<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build();
    let runtime = runtime.expect("a runtime without IO can be made");
    runtime.block_on(future)
}
