//! The mute: while a machine holds an address that is not its to use, no frame with that address as sender leaves it.
//!
//! Two nftables tables per peer (ARP and IPv4) drop what the kernel sends, on every interface but `lo`; frames that we
//! build ourselves do not pass there. It is local and quick, needs no switch, and survives our own end. It runs `nft`:
//! never call it on the fast path.

use std::net::Ipv4Addr;

use super::gate::{GateError, table_of};
use crate::host::Programs;

/// Not a prefix of the gate's tables, nor the other way round: cleaning one never opens the other.
const TABLE_PREFIX: &str = "standinmute_";

fn muting(table: &str, vip: Ipv4Addr) -> String {
    format!(
        "{}table arp {table} {{\n\
         \x20 chain output {{\n\
         \x20   type filter hook output priority 0; policy accept;\n\
         \x20   arp saddr ip {vip} counter drop\n\
         \x20 }}\n\
         }}\n\
         table ip {table} {{\n\
         \x20 chain output {{\n\
         \x20   type filter hook output priority raw; policy accept;\n\
         \x20   oifname != \"lo\" ip saddr {vip} counter drop\n\
         \x20 }}\n\
         }}\n",
        speaking(table)
    )
}

fn speaking(table: &str) -> String {
    format!(
        "add table arp {table}\ndelete table arp {table}\nadd table ip {table}\ndelete table ip {table}\n"
    )
}

/// The name of both tables of a peer.
pub fn table(peer: &str) -> String {
    table_of(TABLE_PREFIX, peer)
}

/// What [`mute`] hands to `nft -f -`, for a person.
pub fn rules(peer: &str, vip: Ipv4Addr) -> String {
    muting(&table_of(TABLE_PREFIX, peer), vip)
}

/// Nothing with `vip` as sender leaves this machine from now on. Again is fine.
///
/// # Errors
/// [`GateError`]; it is then as it was before.
pub async fn mute(programs: &dyn Programs, peer: &str, vip: Ipv4Addr) -> Result<(), GateError> {
    let (table, doing) = (table_of(TABLE_PREFIX, peer), format!("mute {vip}"));
    programs
        .nft(&["-f", "-"], &muting(&table, vip), &doing)
        .await?;
    prove(programs, &table, true, doing).await
}

/// Takes the mute of `peer` away. None is fine.
///
/// # Errors
/// [`GateError`]; the address may still be mute.
pub async fn unmute(programs: &dyn Programs, peer: &str) -> Result<(), GateError> {
    let table = table_of(TABLE_PREFIX, peer);
    let doing = format!("take the mute of {peer} away");
    programs
        .nft(&["-f", "-"], &speaking(&table), &doing)
        .await?;
    prove(programs, &table, false, doing).await
}

/// True if both tables of `peer` are there.
///
/// # Errors
/// [`GateError`].
pub async fn is_mute(programs: &dyn Programs, peer: &str) -> Result<bool, GateError> {
    Ok(count(programs, &table_of(TABLE_PREFIX, peer)).await? == 2)
}

async fn count(programs: &dyn Programs, table: &str) -> Result<usize, GateError> {
    let tables = programs
        .nft(&["list", "tables"], "", "list the tables of nftables")
        .await?;
    let ours = |family: &str| {
        let line = format!("table {family} {table}");
        tables.lines().any(|l| l.trim() == line)
    };
    Ok(["arp", "ip"].into_iter().filter(|f| ours(f)).count())
}

async fn prove(
    programs: &dyn Programs,
    table: &str,
    mute: bool,
    doing: String,
) -> Result<(), GateError> {
    let there = count(programs, table).await?;
    if there == if mute { 2 } else { 0 } {
        return Ok(());
    }
    Err(GateError::Unproven {
        doing,
        table: table.to_owned(),
        state: if mute { "not there" } else { "still there" },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_families_are_muted_in_one_transaction() {
        let expected = r#"add table arp standinmute_s
delete table arp standinmute_s
add table ip standinmute_s
delete table ip standinmute_s
table arp standinmute_s {
  chain output {
    type filter hook output priority 0; policy accept;
    arp saddr ip 192.168.1.101 counter drop
  }
}
table ip standinmute_s {
  chain output {
    type filter hook output priority raw; policy accept;
    oifname != "lo" ip saddr 192.168.1.101 counter drop
  }
}
"#;
        assert_eq!(rules("s", Ipv4Addr::new(192, 168, 1, 101)), expected);
    }
}
