//! Questions and updates as messages.

use hickory_proto::op::{Message, MessageType, OpCode, Query, UpdateMessage};
use hickory_proto::rr::{DNSClass, Name, RData, Record, RecordType};

use super::record::{Kind, RecordSet, name_of};

/// What one message of a zone does to one name.
#[derive(Clone, Debug)]
pub(super) struct Edit<'a> {
    pub name: &'a str,
    /// The types that are looked at: what does not stand of them must not be there.
    pub kinds: Vec<Kind>,
    /// What has to stand there for anything to be done.
    pub stands: Vec<RecordSet>,
    /// What is to stand there.
    pub to: &'a [RecordSet],
}

fn empty(id: u16, op: OpCode) -> Message {
    let mut message = Message::new(id, MessageType::Query, op);
    message.metadata.recursion_desired = false;
    message
}

/// Asks for one type at a name, of the server itself.
pub(super) fn question(id: u16, name: &Name, kind: Kind) -> Message {
    let mut message = empty(id, OpCode::Query);
    message.add_query(Query::query(name.clone(), kind.record_type()));
    message
}

fn bare(name: &Name, kind: RecordType, class: DNSClass) -> Record {
    let mut record = Record::update0(name.clone(), 0, kind);
    record.dns_class = class;
    record
}

fn whole(name: &Name, ttl: u32, data: RData) -> Record {
    Record::from_rdata(name.clone(), ttl, data)
}

/// One update of a zone (RFC 2136): all prerequisites, then all deletions, then all additions.
///
/// Prerequisites do not see TTLs (RFC 2136, 3.2.3); a type that is looked at and does not stand must not be there. What
/// stands as it is wanted is only a prerequisite, unless all is to be written.
pub(super) fn update(
    id: u16,
    zone: &str,
    edits: &[Edit<'_>],
    writes_all: bool,
) -> Result<Message, String> {
    let written = |e: &&Edit<'_>| writes_all || e.stands != e.to;
    let mut message = empty(id, OpCode::Update);
    message.add_zone(Query::query(name_of(zone)?, RecordType::SOA));
    for edit in edits {
        let name = name_of(edit.name)?;
        for kind in &edit.kinds {
            match edit.stands.iter().find(|s| s.kind() == *kind) {
                Some(set) => {
                    for data in set.rdata() {
                        message.add_pre_requisite(whole(&name, 0, data));
                    }
                }
                None => {
                    message.add_pre_requisite(bare(&name, kind.record_type(), DNSClass::NONE));
                }
            }
        }
    }
    for edit in edits.iter().filter(written) {
        let name = name_of(edit.name)?;
        for set in &edit.stands {
            message.add_update(bare(&name, set.kind().record_type(), DNSClass::ANY));
        }
    }
    for edit in edits.iter().filter(written) {
        let name = name_of(edit.name)?;
        for set in edit.to {
            for data in set.rdata() {
                message.add_update(whole(&name, set.ttl(), data));
            }
        }
    }
    Ok(message)
}
