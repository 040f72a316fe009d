//! Any octets as a PortList in each encoding: what is set is there, and nobody else's port changes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use standin::switch::profile::{BitOf, Encoding, PortListRule};
use standin::switch::render::portlist::{contains, numbers, padded, with};

fuzz_target!(|data: &[u8]| {
    let [choice, low, high, octets @ ..] = data else {
        return;
    };
    let number = u32::from(u16::from_be_bytes([*high, *low]));
    let encoding = match choice % 3 {
        0 => Encoding::Bitmap,
        1 => Encoding::Csv,
        _ => Encoding::Ranges,
    };
    let rule = PortListRule {
        encoding,
        bit: BitOf::BasePort,
        first: u32::from(choice >> 7),
    };
    let on = choice & 0x40 != 0;
    let Some(before) = numbers(rule, octets) else {
        return;
    };
    if let Some(after) = with(rule, octets, number, on) {
        assert_eq!(contains(rule, &after, number), Some(on));
        let mut want = before;
        if on {
            want.insert(number);
        } else {
            want.remove(&number);
        }
        assert_eq!(numbers(rule, &after), Some(want));
        let longer = padded(rule, after.clone(), after.len() + 3);
        assert_eq!(numbers(rule, &longer), numbers(rule, &after));
    }
});
