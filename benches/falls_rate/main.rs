//! How often a living peer is taken for dead, on the real core in virtual time: `cargo run --release --example falls_rate
//! [HOURS] [PART OF A CELL'S NAME]` prints false takeovers for each cell, and the time from a real death to the fence.

mod cells;
mod settings;
mod world;

use std::process::ExitCode;

use cells::CELLS;
use world::World;

const DEATHS: u64 = 100;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let hours = arguments.next().unwrap_or_else(|| "1000".to_owned());
    let only = arguments.next().unwrap_or_default();
    let cells = || CELLS.into_iter().filter(|c| c.name.contains(&only));
    let (Ok(hours), None) = (hours.parse::<u64>(), arguments.next()) else {
        eprintln!(
            "falls_rate [HOURS] [PART OF A CELL'S NAME]: HOURS is a whole number of virtual hours, 1000 if left out"
        );
        return ExitCode::from(2);
    };
    if cells().next().is_none() {
        let names = CELLS.map(|c| c.name).join("; ");
        eprintln!("no cell's name contains `{only}`; there are: {names}");
        return ExitCode::from(2);
    }
    println!(
        "| cell | hours | false takeovers | death to fence, median ms | worst of {DEATHS} ms |"
    );
    println!("| --- | ---: | ---: | ---: | ---: |");
    for cell in cells() {
        let end = hours * 3_600_000_000;
        let (mut at, mut falls, mut seed) = (1_000_000, 0, 0x9e37_79b9_7f4a_7c15u64);
        while at < end {
            let mut w = World::new(cell, seed, at);
            falls += u32::from(w.run(end));
            at = w.now;
            seed = w.dice;
        }
        // Not in a gap, and at any phase of the timers.
        let time = |i: u64| {
            World::new(cell, seed.wrapping_mul(2 * i + 3), 1_000_000)
                .time_to_fence(80_000_000 + 1_370 * i)
        };
        let mut times: Vec<u64> = (0..DEATHS).map(time).collect();
        times.sort_unstable();
        println!(
            "| {} | {hours} | {falls} | {} | {} |",
            cell.name,
            times[times.len() / 2],
            times[times.len() - 1]
        );
    }
    ExitCode::SUCCESS
}
