//! The mute: while a machine holds an address that is not its to use, no frame with that address as sender leaves it.
//!
//! Two nftables tables per peer (ARP and IPv4) drop what the kernel sends, on every interface but `lo`; frames that we
//! build ourselves do not pass there. It is local and quick, needs no switch, and survives our own end. It runs `nft`:
//! never call it on the fast path.

use std::net::Ipv4Addr;
use std::time::Duration;

use super::gate::table_of;
use super::nft::{self, NftError};
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

/// Nothing with `vip` as sender leaves this machine from now on; each `nft` of it is given `within`. Again is fine.
///
/// # Errors
/// [`NftError`]; it is then as it was before.
pub async fn mute(
    programs: &dyn Programs,
    peer: &str,
    vip: Ipv4Addr,
    within: Duration,
) -> Result<(), NftError> {
    let (table, doing) = (table_of(TABLE_PREFIX, peer), format!("mute {vip}"));
    programs
        .nft(&["-f", "-"], &muting(&table, vip), within, &doing)
        .await?;
    prove(programs, &table, true, within, doing).await
}

/// Takes the mute of `peer` away; each `nft` of it is given `within`. None is fine.
///
/// # Errors
/// [`NftError`]; the address may still be mute.
pub async fn unmute(programs: &dyn Programs, peer: &str, within: Duration) -> Result<(), NftError> {
    let table = table_of(TABLE_PREFIX, peer);
    let doing = format!("take the mute of {peer} away");
    programs
        .nft(&["-f", "-"], &speaking(&table), within, &doing)
        .await?;
    prove(programs, &table, false, within, doing).await
}

/// True if both tables of `peer` are there.
///
/// # Errors
/// [`NftError`].
pub async fn is_mute(
    programs: &dyn Programs,
    peer: &str,
    within: Duration,
) -> Result<bool, NftError> {
    Ok(count(programs, &table_of(TABLE_PREFIX, peer), within).await? == 2)
}

/// The names of our mutes among these tables (family and name of each), of which either family is enough.
pub fn ours(tables: &[String]) -> std::collections::BTreeSet<String> {
    let names = tables.iter().filter_map(|t| t.split_once(' '));
    let ours = names
        .filter(|(family, name)| ["arp", "ip"].contains(family) && name.starts_with(TABLE_PREFIX));
    ours.map(|(_, name)| name.to_owned()).collect()
}

async fn count(programs: &dyn Programs, table: &str, within: Duration) -> Result<usize, NftError> {
    let tables = nft::tables(programs, None, within).await?;
    let ours = |family: &str| tables.contains(&format!("{family} {table}"));
    Ok(["arp", "ip"].into_iter().filter(|f| ours(f)).count())
}

async fn prove(
    programs: &dyn Programs,
    table: &str,
    mute: bool,
    within: Duration,
    doing: String,
) -> Result<(), NftError> {
    let there = count(programs, table, within).await?;
    if there == if mute { 2 } else { 0 } {
        return Ok(());
    }
    Err(NftError::Unproven {
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
