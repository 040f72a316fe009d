//! The capture's filter in classic BPF (the kernel's `Documentation/networking/filter.rst`). Pure.

use std::net::Ipv4Addr;

use socket2::SockFilter;

/// `BPF_MAXINSNS` of the kernel.
const MOST_INSTRUCTIONS: usize = 4096;

/// One instruction of classic BPF: the fields of `struct sock_filter`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instruction {
    /// What to do (`BPF_LD | BPF_H | BPF_ABS` and so on).
    pub code: u16,
    /// Instructions to skip if the condition holds.
    pub jt: u8,
    /// Instructions to skip if not.
    pub jf: u8,
    /// The constant.
    pub k: u32,
}

/// As the socket takes it.
pub(super) fn assemble(program: &[Instruction]) -> Vec<SockFilter> {
    program
        .iter()
        .map(|i| SockFilter::new(i.code, i.jt, i.jf, i.k))
        .collect()
}

/// Places in the program that jumps lead to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Label {
    Ip(usize),
    Inbound(usize),
    Excluded,
    /// The upper half of a search, by number.
    Above(usize),
    Pass,
    Drop,
}

/// Conditional jumps reach 255 instructions; `Jump` any. So each condition skips a `Jump`, or does not.
enum Line {
    Do(Instruction),
    Jump(Label),
    Here(Label),
}

struct Program {
    lines: Vec<Line>,
    halves: usize,
}

const LOAD_HALF: u16 = 0x28;
const LOAD_BYTE: u16 = 0x30;
const LOAD_WORD: u16 = 0x20;
const LOAD_HALF_AFTER_X: u16 = 0x48;
const LOAD_BYTE_AFTER_X: u16 = 0x50;
const X_FROM_IP_LENGTH: u16 = 0xb1;
const JUMP: u16 = 0x05;
const IF_EQUAL: u16 = 0x15;
const IF_GREATER: u16 = 0x25;
const IF_BITS: u16 = 0x45;
const RETURN: u16 = 0x06;
/// FIN, SYN, RST: what begins and ends a connection.
const BEGUN_OR_ENDED: u32 = 0x07;
/// Those and PSH: what our server says to a camera is pushed, and little; its bare acknowledgements are many.
const SPOKEN: u32 = 0x0f;

impl Program {
    fn do_(&mut self, code: u16, k: u32) {
        self.lines.push(Line::Do(Instruction {
            code,
            jt: 0,
            jf: 0,
            k,
        }));
    }
    fn here(&mut self, label: Label) {
        self.lines.push(Line::Here(label));
    }
    /// If the condition holds go to `yes`, else go on.
    fn when(&mut self, code: u16, k: u32, yes: Label) {
        self.lines.push(Line::Do(Instruction {
            code,
            jt: 0,
            jf: 1,
            k,
        }));
        self.lines.push(Line::Jump(yes));
    }
    /// If the condition does not hold go to `no`, else go on.
    fn unless(&mut self, code: u16, k: u32, no: Label) {
        self.lines.push(Line::Do(Instruction {
            code,
            jt: 1,
            jf: 0,
            k,
        }));
        self.lines.push(Line::Jump(no));
    }

    /// TCP over IPv4 with the IP header at `ip`.
    fn ipv4(&mut self, ip: usize, vip: u32, port: u16) {
        let at = ip as u32;
        self.here(Label::Ip(ip));
        self.do_(LOAD_BYTE, at + 9);
        self.unless(IF_EQUAL, libc::IPPROTO_TCP as u32, Label::Drop);
        // Later fragments have no ports.
        self.do_(LOAD_HALF, at + 6);
        self.when(IF_BITS, 0x1fff, Label::Drop);
        self.do_(X_FROM_IP_LENGTH, at);
        self.do_(LOAD_WORD, at + 12);
        self.unless(IF_EQUAL, vip, Label::Inbound(ip));
        // From the VIP: source port, flags, and the camera is the destination.
        self.do_(LOAD_HALF_AFTER_X, at);
        self.unless(IF_EQUAL, u32::from(port), Label::Drop);
        self.do_(LOAD_BYTE_AFTER_X, at + 13);
        self.when(IF_BITS, SPOKEN, Label::Pass);
        self.do_(LOAD_WORD, at + 16);
        self.lines.push(Line::Jump(Label::Excluded));
        self.here(Label::Inbound(ip));
        self.do_(LOAD_WORD, at + 16);
        self.unless(IF_EQUAL, vip, Label::Drop);
        self.do_(LOAD_HALF_AFTER_X, at + 2);
        self.unless(IF_EQUAL, u32::from(port), Label::Drop);
        self.do_(LOAD_BYTE_AFTER_X, at + 13);
        self.when(IF_BITS, BEGUN_OR_ENDED, Label::Pass);
        self.do_(LOAD_WORD, at + 12);
        self.lines.push(Line::Jump(Label::Excluded));
    }

    /// Searches the sorted addresses for the accumulator: found is dropped, else passed.
    fn search(&mut self, sorted: &[u32]) {
        if sorted.len() <= 8 {
            for address in sorted {
                self.when(IF_EQUAL, *address, Label::Drop);
            }
            self.lines.push(Line::Jump(Label::Pass));
            return;
        }
        let (below, above) = sorted.split_at(sorted.len() / 2);
        self.halves += 1;
        let label = Label::Above(self.halves);
        self.when(IF_GREATER, below[below.len() - 1], label);
        self.search(below);
        self.here(label);
        self.search(above);
    }

    /// Labels to distances.
    fn link(&self) -> Vec<Instruction> {
        let mut places = Vec::new();
        let mut at = 0usize;
        for line in &self.lines {
            match line {
                Line::Here(label) => places.push((*label, at)),
                Line::Do(_) | Line::Jump(_) => at += 1,
            }
        }
        let mut out = Vec::with_capacity(at);
        for line in &self.lines {
            match line {
                Line::Here(_) => {}
                Line::Do(i) => out.push(*i),
                Line::Jump(label) => {
                    let target = places
                        .iter()
                        .find(|(l, _)| l == label)
                        .map_or(out.len() + 1, |(_, place)| *place);
                    let k = u32::try_from(target - out.len() - 1)
                        .expect("a program has at most a few thousand instructions");
                    out.push(Instruction {
                        code: JUMP,
                        jt: 0,
                        jf: 0,
                        k,
                    });
                }
            }
        }
        out
    }
}

/// The filter: passes ARP, and TCP from and to `vip`:`port` in the first or only fragment, with or without one 802.1Q
/// tag in the frame. Of `excluded` cameras only what begins or ends a connection passes, and what our server says to them
/// (segments with PSH): a stream may be refused after it was taken.
///
/// Pure. If there are more addresses than a program can hold, the highest are not excluded.
pub fn filter(vip: Ipv4Addr, port: u16, excluded: &[Ipv4Addr]) -> Vec<Instruction> {
    let mut sorted: Vec<u32> = excluded.iter().map(|a| u32::from(*a)).collect();
    sorted.sort_unstable();
    sorted.dedup();
    loop {
        let program = build(vip, port, &sorted);
        if program.len() <= MOST_INSTRUCTIONS {
            return program;
        }
        sorted.truncate(sorted.len() * 3 / 4);
    }
}

fn build(vip: Ipv4Addr, port: u16, sorted: &[u32]) -> Vec<Instruction> {
    let vip = u32::from(vip);
    let mut p = Program {
        lines: Vec::new(),
        halves: 0,
    };
    p.do_(LOAD_HALF, 12);
    p.when(IF_EQUAL, 0x0806, Label::Pass);
    p.when(IF_EQUAL, 0x0800, Label::Ip(14));
    p.unless(IF_EQUAL, 0x8100, Label::Drop);
    p.do_(LOAD_HALF, 16);
    p.when(IF_EQUAL, 0x0806, Label::Pass);
    p.unless(IF_EQUAL, 0x0800, Label::Drop);
    p.ipv4(18, vip, port);
    p.ipv4(14, vip, port);
    p.here(Label::Excluded);
    p.search(sorted);
    p.here(Label::Pass);
    p.do_(RETURN, 0x40000);
    p.here(Label::Drop);
    p.do_(RETURN, 0);
    p.link()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Runs a program as the kernel does; a load beyond the end of the frame drops it.
    fn run(program: &[Instruction], frame: &[u8]) -> u32 {
        let (mut a, mut x, mut pc) = (0u32, 0u32, 0usize);
        let load = |at: u64, n: usize| -> Option<u32> {
            let at = usize::try_from(at).ok()?;
            let bytes = frame.get(at..at + n)?;
            Some(bytes.iter().fold(0, |v, b| v << 8 | u32::from(*b)))
        };
        loop {
            let i = program[pc];
            let (k, kx) = (u64::from(i.k), u64::from(i.k) + u64::from(x));
            let mut jump = |yes: bool| pc += usize::from(if yes { i.jt } else { i.jf });
            let loaded = match i.code {
                LOAD_HALF => Some(load(k, 2)),
                LOAD_BYTE => Some(load(k, 1)),
                LOAD_WORD => Some(load(k, 4)),
                LOAD_HALF_AFTER_X => Some(load(kx, 2)),
                LOAD_BYTE_AFTER_X => Some(load(kx, 1)),
                _ => None,
            };
            match (i.code, loaded) {
                (_, Some(Some(v))) => a = v,
                (_, Some(None)) => return 0,
                (X_FROM_IP_LENGTH, _) => match load(k, 1) {
                    Some(v) => x = (v & 0xf) * 4,
                    None => return 0,
                },
                (IF_EQUAL, _) => jump(a == i.k),
                (IF_GREATER, _) => jump(a > i.k),
                (IF_BITS, _) => jump(a & i.k != 0),
                (JUMP, _) => pc += i.k as usize,
                (RETURN, _) => return i.k,
                (code, _) => panic!("unknown instruction {code:#x}"),
            }
            pc += 1;
        }
    }

    const VIP: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 101);
    const CAMERA: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 11);

    fn tcp(
        src: (Ipv4Addr, u16),
        dst: (Ipv4Addr, u16),
        flags: u8,
        options: usize,
        tagged: bool,
    ) -> Vec<u8> {
        let mut f = vec![0; 12];
        if tagged {
            f.extend([0x81, 0, 0, 10]);
        }
        f.extend([
            8,
            0,
            0x45 + options as u8,
            0,
            0,
            40,
            0,
            0,
            0x40,
            0,
            64,
            6,
            0,
            0,
        ]);
        f.extend(src.0.octets());
        f.extend(dst.0.octets());
        f.extend(vec![1; options * 4]);
        f.extend(src.1.to_be_bytes());
        f.extend(dst.1.to_be_bytes());
        f.extend([0, 0, 0, 1, 0, 0, 0, 1, 0x50, flags, 0, 0, 0, 0, 0, 0]);
        f
    }

    #[test]
    fn arp_and_tcp_of_the_service_pass_in_both_directions_and_nothing_else() {
        let program = filter(VIP, 1935, &[]);
        let passes = |f: &[u8]| run(&program, f) > 0;
        for tagged in [false, true] {
            for options in [0, 10] {
                assert!(passes(&tcp(
                    (CAMERA, 1935),
                    (VIP, 1935),
                    0x10,
                    options,
                    tagged
                )));
                assert!(passes(&tcp(
                    (VIP, 1935),
                    (CAMERA, 4000),
                    0x10,
                    options,
                    tagged
                )));
                assert!(!passes(&tcp(
                    (CAMERA, 1935),
                    (VIP, 1936),
                    0x10,
                    options,
                    tagged
                )));
                assert!(!passes(&tcp(
                    (VIP, 1936),
                    (CAMERA, 1935),
                    0x10,
                    options,
                    tagged
                )));
                assert!(!passes(&tcp(
                    (CAMERA, 4000),
                    (CAMERA, 1935),
                    0x02,
                    options,
                    tagged
                )));
            }
            let mut arp = vec![0; 12];
            if tagged {
                arp.extend([0x81, 0, 0, 10]);
            }
            arp.extend([8, 6, 0, 1]);
            assert!(passes(&arp));
        }
        let mut fragment = tcp((CAMERA, 4000), (VIP, 1935), 0x10, 0, false);
        fragment[20..22].copy_from_slice(&[0x20, 0]);
        assert!(passes(&fragment), "the first fragment has the ports");
        fragment[21] = 1;
        assert!(!passes(&fragment));
        let mut udp = tcp((CAMERA, 4000), (VIP, 1935), 0x02, 0, false);
        udp[23] = 17;
        assert!(!passes(&udp));
    }

    #[test]
    fn of_an_excluded_camera_only_what_begins_or_ends_it_passes_and_what_our_server_says() {
        let program = filter(VIP, 1935, &[CAMERA]);
        let other = Ipv4Addr::new(192, 168, 1, 12);
        for (camera, flags, to_us, from_us) in [
            (CAMERA, 0x10, false, false),
            (CAMERA, 0x18, false, true),
            (CAMERA, 0x02, true, true),
            (CAMERA, 0x12, true, true),
            (CAMERA, 0x11, true, true),
            (CAMERA, 0x04, true, true),
            (other, 0x18, true, true),
        ] {
            let inbound = tcp((camera, 4000), (VIP, 1935), flags, 0, false);
            let outbound = tcp((VIP, 1935), (camera, 4000), flags, 0, false);
            assert_eq!(run(&program, &inbound) > 0, to_us, "{camera} {flags:#x}");
            assert_eq!(run(&program, &outbound) > 0, from_us, "{camera} {flags:#x}");
        }
    }

    #[test]
    fn more_addresses_than_a_program_holds_make_a_program_that_the_kernel_takes() {
        let many: Vec<_> = (0..10_000u32)
            .map(|i| Ipv4Addr::from(0x0a00_0000 + i))
            .collect();
        let program = filter(VIP, 1935, &many);
        assert!(program.len() <= MOST_INSTRUCTIONS);
        assert!(program.len() > MOST_INSTRUCTIONS / 2);
        // The kernel's own check of every jump; any socket will do.
        let udp = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        for n in [0, 1, 8, 9, 300, 1000, 10_000] {
            let program = assemble(&filter(VIP, 1935, &many[..n]));
            socket2::SockRef::from(&udp)
                .attach_filter(&program)
                .unwrap();
        }
    }

    proptest! {
        #[test]
        fn exactly_the_excluded_are_excluded(
            excluded in proptest::collection::btree_set(0u32..2000, 0..400),
            probe in proptest::collection::vec(0u32..2000, 50),
        ) {
            let address = |n: u32| Ipv4Addr::from(0x0a00_0000 + n * 7);
            let list: Vec<_> = excluded.iter().map(|n| address(*n)).collect();
            let program = filter(VIP, 1935, &list);
            for n in probe.into_iter().chain(excluded.iter().copied().take(20)) {
                let frame = tcp((address(n), 4000), (VIP, 1935), 0x18, 0, false);
                prop_assert_eq!(run(&program, &frame) == 0, excluded.contains(&n));
            }
        }

        #[test]
        fn any_bytes_end_in_a_decision(frame in proptest::collection::vec(any::<u8>(), 0..100)) {
            run(&filter(VIP, 1935, &[CAMERA]), &frame);
        }
    }
}
