//! The networks and settings that are measured, a cell each.

#[derive(Clone, Copy)]
pub struct Cell {
    pub name: &'static str,
    pub fastest: bool,
    /// The peer's heartbeats come too, each lost by itself on its way.
    pub pair: bool,
    pub out: f64,
    pub back: f64,
    pub leg: f64,
    pub pings: bool,
    pub per_second: u32,
    /// Gaps of the peer's leg alone, and of our own leg, once a minute: milliseconds.
    pub gaps: (u64, u64),
}

const CLEAN: Cell = Cell {
    name: "",
    fastest: false,
    pair: false,
    out: 0.0,
    back: 0.0,
    leg: 0.0,
    pings: true,
    per_second: 200,
    gaps: (0, 0),
};

pub const CELLS: [Cell; 18] = [
    Cell {
        name: "no loss",
        ..CLEAN
    },
    Cell {
        name: "20 % each way",
        out: 0.2,
        back: 0.2,
        ..CLEAN
    },
    Cell {
        name: "40 % each way",
        out: 0.4,
        back: 0.4,
        ..CLEAN
    },
    Cell {
        name: "40 % each way, no pings",
        out: 0.4,
        back: 0.4,
        pings: false,
        ..CLEAN
    },
    Cell {
        name: "20 % one way, no pings",
        back: 0.2,
        pings: false,
        ..CLEAN
    },
    Cell {
        name: "30 % each way at the peer's leg, no pings",
        leg: 0.3,
        pings: false,
        ..CLEAN
    },
    Cell {
        name: "gaps of the peer alone, 225 ms",
        gaps: (225, 0),
        pings: false,
        ..CLEAN
    },
    Cell {
        name: "gaps of our own leg, 800 ms",
        gaps: (0, 800),
        pings: false,
        ..CLEAN
    },
    Cell {
        name: "budget 10, no pings",
        per_second: 10,
        pings: false,
        ..CLEAN
    },
    Cell {
        name: "budget 10, 20 % each way, no pings",
        per_second: 10,
        out: 0.2,
        back: 0.2,
        pings: false,
        ..CLEAN
    },
    Cell {
        name: "fastest, no loss",
        fastest: true,
        ..CLEAN
    },
    Cell {
        name: "fastest, 20 % each way, no pings",
        fastest: true,
        out: 0.2,
        back: 0.2,
        pings: false,
        ..CLEAN
    },
    Cell {
        name: "fastest, 40 % each way, no pings",
        fastest: true,
        out: 0.4,
        back: 0.4,
        pings: false,
        ..CLEAN
    },
    Cell {
        name: "pair, no loss",
        pair: true,
        ..CLEAN
    },
    Cell {
        name: "pair, 40 % each way",
        pair: true,
        out: 0.4,
        back: 0.4,
        ..CLEAN
    },
    Cell {
        name: "pair, 40 % each way, no pings",
        pair: true,
        out: 0.4,
        back: 0.4,
        pings: false,
        ..CLEAN
    },
    Cell {
        name: "pair, 30 % each way at the peer's leg, no pings",
        pair: true,
        leg: 0.3,
        pings: false,
        ..CLEAN
    },
    Cell {
        name: "pair, fastest, 40 % each way, no pings",
        pair: true,
        fastest: true,
        out: 0.4,
        back: 0.4,
        pings: false,
        ..CLEAN
    },
];
