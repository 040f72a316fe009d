//! The SNMP agent of the world's switch: messages in and out, over the memory of `switch_agent`.

use async_snmp::message::CommunityMessage;
use async_snmp::pdu::{PduBody, PduType, StandardPduType};
use async_snmp::{DecodeConfig, Pdu, Value, VarBind};
use bytes::Bytes;

use crate::world::{Lie, World};

/// What the agent answers machine `who`, if it does.
pub fn answer(world: &mut World, who: usize, message: Vec<u8>) -> Option<Vec<u8>> {
    world.messages += 1;
    if world.silent || world.dark {
        return None;
    }
    let message = CommunityMessage::decode(Bytes::from(message), DecodeConfig::DEFAULT).ok()?;
    let (_, community, pdu) = message.value.into_parts();
    let pdu = pdu.standard()?.clone();
    let (rows, kind) = (pdu.get_bulk_fields().map_or(1, |b| b.1), pdu.pdu_type());
    let (id, _, asked) = pdu.into_raw_parts();
    let told = match kind {
        PduType::GetRequest => {
            let table = world.switch.table();
            let row = |b: VarBind| {
                let value = table.get(&b.oid).cloned();
                VarBind::new(b.oid, value.unwrap_or(Value::NoSuchInstance))
            };
            asked.into_iter().map(row).collect()
        }
        PduType::GetNextRequest | PduType::GetBulkRequest => {
            let table = world.switch.table();
            let mut told = Vec::new();
            for bind in asked {
                let mut at = bind.oid;
                for _ in 0..rows {
                    let Some((oid, value)) = table.get_next(&at) else {
                        told.push(VarBind::new(at, Value::EndOfMibView));
                        break;
                    };
                    told.push(VarBind::new(oid.clone(), value.clone()));
                    at = oid.clone();
                }
            }
            told
        }
        PduType::SetRequest => {
            for bind in &asked {
                world
                    .switch
                    .sets
                    .push((bind.oid.to_string(), bind.value.clone()));
                let index = bind.oid.arcs().last().copied().unwrap_or_default();
                world.written.push((who, index));
                if world.lie == Some(Lie::OtherPort) {
                    world.written.push((who, 148));
                }
                if matches!(bind.value, Value::Integer(2)) {
                    world.shut.push((who, index));
                }
                world.switch.apply(id, &bind.oid, &bind.value);
            }
            world.settle();
            asked
        }
        _ => return None,
    };
    let body = PduBody::Standard {
        pdu_type: StandardPduType::Response,
        error_status: 0,
        error_index: 0,
    };
    let pdu = Pdu::from_raw_parts(id, body, told);
    let answer = CommunityMessage::v2c(community, pdu).ok()?.encode().ok()?;
    Some(answer.to_vec())
}
