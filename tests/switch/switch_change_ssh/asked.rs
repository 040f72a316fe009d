//! How the switch is before and after what is asked: seen in the model's own state.

use crate::change_table::Asked;
use crate::cli_model::family::Family;
use crate::cli_model::truth::Conf;

impl Asked {
    pub fn port_name(self, family: Family) -> &'static str {
        let [access, trunk, _] = family.ports();
        if self.is_on_trunk() { trunk } else { access }
    }

    pub fn configure_before(self, family: Family, conf: &mut Conf) {
        let port = conf.ports.get_mut(self.port_name(family)).unwrap();
        match self {
            Asked::On => port.up = false,
            Asked::AccessBack => port.access = 20,
            _ => {}
        }
    }

    /// Whether it is really so.
    pub fn is_configured(self, family: Family, conf: &Conf) -> bool {
        let port = &conf.ports[self.port_name(family)];
        match self {
            Asked::Off => !port.up,
            Asked::On => port.up,
            Asked::Access => !port.trunk && port.access == 20,
            Asked::AccessBack => !port.trunk && port.access == 10,
            Asked::Allow => port.allowed == [10, 20, 30, 40].into(),
            Asked::Remove => port.allowed == [10, 20].into(),
        }
    }
}
