//! What the other vendors' command lines print.

use super::Line;

/// Profile, show, what was printed, what must be read from it; nothing must be read where no field is named.
pub const READ: &[Line] = &[
    (
        "aruba-aos-s",
        "port",
        "  5            100/1000T  | No        No      Down   1000FDx    Auto off  0",
        &[("port", "5"), ("admin", "No"), ("oper", "Down")],
    ),
    (
        "aruba-aos-s",
        "ports",
        "  1     10/100TX   | No        Yes     Up     100FDx     MDIX off",
        &[("port", "1"), ("admin", "Yes"), ("oper", "Up")],
    ),
    (
        "aruba-aos-s",
        "macs",
        "  500000-b70008     25                              50",
        &[("port", "25"), ("vlan", "50")],
    ),
    (
        "aruba-aos-s",
        "port_vlans",
        "  20      VLAN20  | Port-based No    No    Untagged\n  30      VLAN30  | Port-based No    No    Tagged\n",
        &[("pvid", "20"), ("mode", "Tagged")],
    ),
    (
        "aruba-aos-s",
        "port_vlans",
        "  20      VLAN20  | Port-based No    No    Untagged\n",
        &[("pvid", "20"), ("mode", "Untagged")],
    ),
    (
        "aruba-cx",
        "port",
        "Interface 1/1/1 is up \n Admin state is up\n Description: \n VLAN Mode: access\n Access VLAN: 1\n",
        &[
            ("port", "1/1/1"),
            ("oper", "up"),
            ("admin", "up"),
            ("mode", "access"),
            ("pvid", "1"),
        ],
    ),
    (
        "aruba-cx",
        "port",
        "Interface 1/1/2 is down\n Admin state is down\n VLAN Mode: native-untagged\n Native VLAN: 1\n Allowed VLAN List: all\n",
        &[
            ("mode", "native-untagged"),
            ("pvid", "1"),
            ("tagged", "all"),
            ("admin", "down"),
        ],
    ),
    (
        "aruba-cx",
        "macs",
        "00:01:2e:82:0f:7b    3560     dynamic                   lag100",
        &[("vlan", "3560"), ("port", "lag100")],
    ),
    (
        "juniper-junos",
        "port",
        "Physical interface: ge-0/0/0, Administratively down, Physical link is Down",
        &[
            ("port", "ge-0/0/0"),
            ("admin", "Administratively down"),
            ("oper", "Down"),
        ],
    ),
    (
        "juniper-junos",
        "macs",
        "    Vlan100             2c:5a:0f:bc:a3:cd   DL            -   xe-0/0/51:0.0          0         0",
        &[("port", "xe-0/0/51:0"), ("mac", "2c:5a:0f:bc:a3:cd")],
    ),
    (
        "juniper-junos",
        "vlans",
        "default-switch          v100-Control           100",
        &[("name", "v100-Control"), ("vlan", "100")],
    ),
    (
        "juniper-junos",
        "port_vlans",
        "interface-mode access;\nvlan {\n    members 20;\n}\n",
        &[("mode", "access"), ("pvid", "20")],
    ),
    (
        "juniper-junos",
        "port_vlans",
        "vlan {\n    members 20;\n}\n",
        &[("mode", "vlan"), ("pvid", "20")],
    ),
    (
        "juniper-junos",
        "port_vlans",
        "interface-mode trunk;\nvlan {\n    members [ 10 20 ];\n}\n",
        &[("mode", "trunk"), ("tagged", "10 20")],
    ),
    (
        "hpe-comware",
        "port",
        "GE0/1                DOWN auto    A      A    1",
        &[
            ("port", "GE0/1"),
            ("status", "DOWN"),
            ("mode", "A"),
            ("pvid", "1"),
        ],
    ),
    (
        "hpe-comware",
        "macs",
        "fedc-ba09-8765 10       Learned        GigabitEthernet1/0/20    NOAGED",
        &[("vlan", "10"), ("port", "GigabitEthernet1/0/20")],
    ),
    (
        "huawei-vrp",
        "port_vlans",
        "GigabitEthernet0/0/1        hybrid       1     2",
        &[("mode", "hybrid"), ("pvid", "1"), ("tagged", "2")],
    ),
    (
        "huawei-vrp",
        "port_vlans",
        "GigabitEthernet0/0/1        trunk        1     1 191 212 214 218 224 238
                                               250-255 300-301 303 306 330
                                               332-333 335 350 400 450 999
GigabitEthernet0/0/2        trunk        1     1 191 212 214 218 224 238
",
        &[(
            "tagged",
            "1 191 212 214 218 224 238 250-255 300-301 303 306 330 332-333 335 350 400 450 999",
        )],
    ),
    // CloudEngine writes the number to the right of its column.
    (
        "huawei-vrp8",
        "vlans",
        "   3 common   enable  default   enable  disable FWD FWD FWD SOME_TEST           ",
        &[("vlan", "3")],
    ),
    (
        "huawei-vrp8",
        "pending",
        "Trial status:  ACTIVE\nTrial time left (sec): 51\n",
        &[("status", "ACTIVE")],
    ),
    (
        "huawei-vrp8",
        "pending",
        "Trial status: INACTIVE\nTrial time left (sec): 0\n",
        &[],
    ),
    (
        "huawei-vrp",
        "macs",
        "b8d6-f6ff-7390 10/-/-                            XGE0/0/1            dynamic",
        &[("vlan", "10"), ("port", "XGE0/0/1")],
    ),
    (
        "huawei-vrp",
        "ports",
        "  GigabitEthernet8/1/16     up    up           0%  0.04%          0          0",
        &[("status", "up")],
    ),
    (
        "huawei-vrp",
        "ports",
        "Aux0/0/1                    *down down         0%     0%          0          0",
        &[("port", "Aux0/0/1"), ("status", "*down")],
    ),
    (
        "huawei-vrp",
        "port",
        "40GE0/0/1 current state : DOWN\nLine protocol current state : UP\n",
        &[("port", "40GE0/0/1"), ("status", "DOWN")],
    ),
    (
        "mikrotik-routeros",
        "port",
        " 1 DR  name=ether2_UniFi2 default-name=ether2 type=ether",
        &[("status", "DR"), ("port", "ether2_UniFi2")],
    ),
    (
        "mikrotik-routeros",
        "ports",
        " 4  X  name=bridge-VLAN2 type=bridge mac-address=12:34:56:78:90:AE",
        &[("status", "X"), ("port", "bridge-VLAN2")],
    ),
    (
        "mikrotik-routeros",
        "ports",
        " 2     name=ether3 UniFi1 default-name=ether3 type=ether",
        &[("status", ""), ("port", "ether3 UniFi1")],
    ),
    (
        "mikrotik-routeros",
        "macs",
        "0 D E  mac-address=11:22:33:44:55:01 interface=ether4 bridge=lan-bridge on-interface=ether4",
        &[("port", "ether4")],
    ),
    (
        "mikrotik-routeros",
        "macs",
        "3 DL   mac-address=11:22:33:44:55:04 interface=ether4 bridge=lan-bridge on-interface=ether4",
        &[],
    ),
    (
        "extreme-exos",
        "port",
        "5         Emj-----e--fMB---x- active    - / -  1    0    1   0   9216  none",
        &[("port", "5"), ("admin", "E"), ("oper", "active")],
    ),
    (
        "extreme-exos",
        "ports",
        "1         Dmjla---e--fMB---x- ready     - / -  0    1 3288   1   9216  none    1 a",
        &[("admin", "D"), ("oper", "ready")],
    ),
    (
        "extreme-exos",
        "macs",
        "00:0c:29:4b:34:cf                             v101(0101) 0041  d m D          1:2",
        &[("vlan", "101"), ("port", "1:2")],
    ),
    (
        "extreme-exos",
        "vlans",
        "VLAN0002        2    sw-3",
        &[("name", "VLAN0002"), ("vlan", "2")],
    ),
    (
        "ruckus-icx",
        "port",
        "1/1/1      Up      Forward Full 1G    None  Yes 5    0   d4c1.9e8f.1108   ",
        &[("status", "Up"), ("mode", "Yes"), ("pvid", "5")],
    ),
    // networktocode/ntc-templates, tests/brocade_fastiron/show_interfaces_brief
    (
        "ruckus-icx",
        "ports",
        "4       Disable None    None None  None  No  2033 0   001b.ed6b.2003  Boyce&By",
        &[
            ("port", "4"),
            ("status", "Disable"),
            ("mode", "No"),
            ("pvid", "2033"),
            ("alias", "Boyce&By"),
        ],
    ),
    (
        "ruckus-icx",
        "port",
        "19      Up      Forward Full 1G    None  Yes N/A  0   001b.ed6b.2012  vmail1.v",
        &[("port", "19"), ("status", "Up"), ("mode", "Yes")],
    ),
    (
        "ruckus-icx",
        "macs",
        "0010.20d0.b22b  1/1/2                Dynamic      10   ",
        &[("port", "1/1/2"), ("vlan", "10")],
    ),
    (
        "ruckus-icx",
        "vlans",
        "PORT-VLAN 1, Name OPS, Priority level0, Off",
        &[("vlan", "1"), ("name", "OPS")],
    ),
    (
        "ubiquiti-edgeswitch",
        "vlans",
        "101     ip tv                            Static",
        &[("vlan", "101"), ("name", "ip tv")],
    ),
    (
        "hpe-comware",
        "trunk",
        " port trunk permit vlan 1 20 30 to 40\n port trunk permit vlan 50 60\n",
        &[("tagged", "1 20 30 to 40 50 60")],
    ),
    (
        "juniper-junos",
        "trunk",
        "    members [ 10 20 ];\n",
        &[("tagged", "10 20")],
    ),
    (
        "juniper-junos",
        "trunk",
        "    members [ CAMERAS 20 ];\n",
        &[],
    ),
    (
        "aruba-cx",
        "trunk",
        " Allowed VLAN List: 10,20-30\n",
        &[("tagged", "10,20-30")],
    ),
];
