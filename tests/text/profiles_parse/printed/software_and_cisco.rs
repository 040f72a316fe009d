//! What Linux, Open vSwitch, Cisco and Arista print.

use super::Line;

/// Profile, show, what was printed, what must be read from it; nothing must be read where no field is named.
pub const READ: &[Line] = &[
    (
        "openvswitch",
        "port",
        "p3 20 native-untagged [20, 30, 31] up up",
        &[
            ("port", "p3"),
            ("pvid", "20"),
            ("mode", "native-untagged"),
            ("tagged", "20, 30, 31"),
            ("oper", "up"),
        ],
    ),
    (
        "openvswitch",
        "port",
        "p1 10 [] [] down down",
        &[
            ("pvid", "10"),
            ("mode", "[]"),
            ("admin", "down"),
            ("oper", "down"),
        ],
    ),
    (
        "openvswitch",
        "ports",
        "br0 [] [] [] down down",
        &[("port", "br0"), ("mode", "[] []")],
    ),
    (
        "openvswitch",
        "ports",
        "bond0 20 access []",
        &[("port", "bond0"), ("pvid", "20"), ("mode", "access")],
    ),
    (
        "openvswitch",
        "macs",
        "p1    10  ee:b4:6a:55:dc:31  263",
        &[("port", "p1"), ("vlan", "10"), ("mac", "ee:b4:6a:55:dc:31")],
    ),
    (
        "openvswitch",
        "macs",
        " port  VLAN  MAC                Age",
        &[],
    ),
    (
        "openvswitch",
        "stp",
        "p3 {stp_port_id=\"32770\", stp_role=designated, stp_sec_in_state=\"0\", stp_state=forwarding} {}",
        &[("port", "p3"), ("state", "forwarding")],
    ),
    (
        "openvswitch",
        "stp",
        "p3 {} {rstp_port_role=Designated, rstp_port_state=Discarding}",
        &[("state", "Discarding")],
    ),
    (
        "openvswitch",
        "identify",
        "ovs-vsctl (Open vSwitch) 3.1.0\nDB Schema 8.3.1\nvm\n",
        &[
            ("model", "Open vSwitch"),
            ("version", "3.1.0"),
            ("sysname", "vm"),
        ],
    ),
    (
        "linux-bridge",
        "port",
        "port=swp3 flags=0x1303 oper=up pvid=20 tagged=[30,31] alias=camera 4",
        &[
            ("port", "swp3"),
            ("admin", "3"),
            ("oper", "up"),
            ("pvid", "20"),
            ("mode", "["),
            ("tagged", "30,31"),
            ("alias", "camera 4"),
        ],
    ),
    (
        "linux-bridge",
        "ports",
        "port=swp1 flags=0x1302 oper=down pvid= tagged=[] alias=",
        &[("admin", "2"), ("mode", "[]")],
    ),
    (
        "linux-bridge",
        "macs",
        "96:b6:12:a4:da:97 dev swp3 master br0 ",
        &[("mac", "96:b6:12:a4:da:97"), ("port", "swp3")],
    ),
    (
        "linux-bridge",
        "macs",
        "96:b6:12:a4:da:97 dev swp3 vlan 20 master br0 ",
        &[("vlan", "20")],
    ),
    (
        "linux-bridge",
        "macs",
        "33:33:00:00:00:01 dev swp1 self permanent",
        &[],
    ),
    (
        "linux-bridge",
        "identify",
        "Linux\n6.18.44-fc-v657\nvm\n",
        &[("version", "6.18.44-fc-v657"), ("sysname", "vm")],
    ),
    (
        "cisco-ios",
        "port",
        "Gi1/0/2   AccessPoint        connected    8          a-full a-1000 10/100/1000BaseTX",
        &[
            ("port", "Gi1/0/2"),
            ("status", "connected"),
            ("pvid", "8"),
            ("mode", "8"),
        ],
    ),
    (
        "cisco-ios",
        "port",
        "Gi1/0/3   disabled camera 1  connected    trunk      a-full a-1000 10/100/1000BaseTX",
        &[("status", "connected"), ("mode", "trunk")],
    ),
    (
        "cisco-ios",
        "port",
        "Gi1/0/4                      err-disabled 20           auto   auto 10/100/1000BaseTX",
        &[("status", "err-disabled"), ("pvid", "20")],
    ),
    // networktocode/ntc-templates, tests/cisco_ios/show_interfaces_status: ports of private VLANs
    (
        "cisco-ios",
        "port",
        "Twe1/0/4     * Device 3 *       connected    123,1234   a-full a-1000 10/100/1000BaseTX SFP",
        &[
            ("port", "Twe1/0/4"),
            ("alias", "* Device 3 *"),
            ("status", "connected"),
        ],
    ),
    (
        "cisco-ios",
        "ports",
        "Twe1/0/17    Device 5           connected    pvlan prom   full    10G SFP-10GBase-SR",
        &[("port", "Twe1/0/17"), ("status", "connected")],
    ),
    (
        "cisco-ios",
        "port_vlans",
        "Name: Gi1/0/4\nSwitchport: Enabled\nAdministrative Mode: private-vlan host\nOperational Mode: private-vlan host\nAccess Mode VLAN: 1 (default)\n",
        &[("mode", "private-vlan host"), ("pvid", "1")],
    ),
    (
        "cisco-ios",
        "port",
        "Port      Name               Status       Vlan       Duplex  Speed Type",
        &[],
    ),
    (
        "cisco-nxos",
        "port",
        "Eth1/1        managed by puppet  disabled  routed    auto    auto    SFP-H10GB-CU2M",
        &[
            ("port", "Eth1/1"),
            ("status", "disabled"),
            ("mode", "routed"),
        ],
    ),
    (
        "cisco-nxos",
        "ports",
        "Eth1/3        --                 xcvrAbsen 1         auto    auto    --",
        &[("status", "xcvrAbsen"), ("pvid", "1")],
    ),
    (
        "cisco-nxos",
        "port_vlans",
        "Name: Ethernet1/1\n  Operational Mode: access\n  Access Mode VLAN: 3 (Vlan not created)\n",
        &[("port", "Ethernet1/1"), ("mode", "access")],
    ),
    (
        "cisco-nxos",
        "port_vlans",
        "Name: Ethernet1/1\n  Operational Mode: access\n  Access Mode VLAN: 20 (VLAN0020)\n",
        &[("pvid", "20")],
    ),
    (
        "cisco-nxos",
        "macs",
        "*    145        000e.000e.000e   static     -        F      F    Po10",
        &[("vlan", "145"), ("port", "Po10")],
    ),
    (
        "cisco-smb",
        "port",
        "gi4      1G-Copper      --      --     --     --  Down           --     --",
        &[("port", "gi4"), ("oper", "Down")],
    ),
    (
        "cisco-smb",
        "port",
        "gi1      1G-Copper    Full    100   Enabled  Off  Up          Disabled Off",
        &[("oper", "Up")],
    ),
    (
        "cisco-smb",
        "port_vlans",
        "Port : fa1\nPort Mode: Trunk\nIngress UnTagged VLAN ( NATIVE ): 203\n",
        &[("port", "fa1"), ("mode", "Trunk"), ("pvid", "203")],
    ),
    (
        "cisco-smb",
        "macs",
        "    300        00:1d:9c:a1:46:86      gi7      dynamic",
        &[("vlan", "300"), ("port", "gi7")],
    ),
    (
        "arista-eos",
        "port",
        "Et3/2/2    I am a 10G port        errdisabled  10          a-full  a-10G 40GBASE-SR",
        &[
            ("port", "Et3/2/2"),
            ("status", "errdisabled"),
            ("pvid", "10"),
        ],
    ),
    (
        "arista-eos",
        "port",
        "Et3/2/4    - DISABLED routed (    disabled     routed      a-full  a-10G 40GBASE-SR",
        &[("status", "disabled"), ("mode", "routed")],
    ),
    (
        "arista-eos",
        "macs",
        "101    001c.8224.36d7    DYNAMIC     Po2        1       9 days, 15:57:28 ago",
        &[("vlan", "101"), ("port", "Po2")],
    ),
    (
        "arista-eos",
        "pending",
        "Session with pending commit timer: standin-123\nTime left until commit timer expiry: in 0:01:59\n",
        &[("session", "standin-123")],
    ),
    // A description may say what a status says: the last one counts.
    (
        "cisco-ios",
        "port",
        "Gi1/0/5   disabled 1 full 10 connected    20         a-full a-1000 10/100/1000BaseTX",
        &[
            ("alias", "disabled 1 full 10"),
            ("status", "connected"),
            ("pvid", "20"),
        ],
    ),
    (
        "arista-eos",
        "port",
        "Et1        disabled 1 full 10     connected    20          full    10G    10GBASE-SR",
        &[("status", "connected"), ("pvid", "20")],
    ),
    // A list that goes on in the next line is read whole.
    (
        "cisco-ios",
        "trunk",
        "Trunking VLANs Enabled: 1-10,20\n",
        &[("tagged", "1-10,20")],
    ),
    (
        "cisco-ios",
        "trunk",
        "Trunking VLANs Enabled: 1-10,20,\n     30-40\n",
        &[("tagged", "1-10,20, 30-40")],
    ),
];
