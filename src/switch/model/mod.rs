//! Words that everybody here knows: values, ports, operations, tags. Pure.

pub mod mac_format;
pub mod op;
pub mod port;
pub mod tag;
pub mod value;
