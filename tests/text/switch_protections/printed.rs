//! What switches printed of the protections of their ports, with where it was found, and what is in it.

/// Profile, show, what was printed, and the records that must be read; no record: it must not be readable.
pub type Printed = (
    &'static str,
    &'static str,
    &'static str,
    &'static [&'static [(&'static str, &'static str)]],
);

pub const PRINTED: &[Printed] = &[
    // CiscoTestAutomation/genieparser, iosxe/tests/ShowRunInterface/cli/equal/golden_output_12_output.txt
    (
        "cisco-ios",
        "protections",
        "interface TenGigabitEthernet1/0/3\n description SPAN-ERSPAN-v6_VACl-CISF-ixia-8.1\n switchport access vlan 122\n switchport mode access\n switchport port-security maximum 20\n switchport port-security\n device-tracking attach-policy IPDT_MAX_10\n ip flow monitor monitor_ipv4_in sampler k12_sampler input\n load-interval 30\n datalink flow monitor monitor_l2_in sampler k12_sampler input\n ipv6 flow monitor monitor_ipv6_in sampler k12_sampler input\n storm-control broadcast level 5.00 1.00\n storm-control multicast level 5.00 1.00\n storm-control action shutdown\n no keepalive\n spanning-tree portfast\nend",
        &[&[("port", "TenGigabitEthernet1/0/3"), ("port_security", "on")]],
    ),
    // CiscoTestAutomation/genieparser, iosxe/tests/ShowRunInterface/cli/equal/golden_output_16_output.txt
    (
        "cisco-ios",
        "protections",
        "interface GigabitEthernet1/0/5\n switchport mode trunk\n ip flow monitor IPv4_NETFLOW input\n ip arp inspection limit rate 100\n load-interval 30\n spanning-tree portfast trunk\n service-policy output UPLINK-EGRESS-QUEUING\n ip dhcp snooping limit rate 20\nend",
        &[&[("port", "GigabitEthernet1/0/5"), ("arp_rate", "100")]],
    ),
    // Composed from the commands that the profile had before; `source template` from memory.
    (
        "cisco-ios",
        "protections",
        "interface GigabitEthernet1/0/6\n switchport mode access\n source template DefaultWiredDot1xClosedAuth\n ip verify source\n ip arp inspection trust\n access-session port-control auto\nend",
        &[&[
            ("port", "GigabitEthernet1/0/6"),
            ("inherits", "source template DefaultWiredDot1xClosedAuth"),
            ("source_guard", "on"),
            ("arp_inspection", "trusted"),
            ("dot1x", "on"),
        ]],
    ),
    // CiscoTestAutomation/genieparser, iosxe/tests/ShowIpArpInspectionVlan/cli/equal/golden_output_output.txt
    (
        "cisco-ios",
        "protections_vlan",
        "Source Mac Validation : Disabled\nDestination Mac Validation : Disabled\nIP Address Validation : Disabled\n\nVlan Configuration Operation ACL Match Static ACL\n\n10 Enabled Active\n\nVlan ACL Logging DHCP Logging Probe Logging\n\n10 Deny Deny Off\n",
        &[&[("vlan", "10"), ("arp_inspection", "on")]],
    ),
    // STIG Cisco NX-OS Switch L2S, V-220675 (802.1X) and V-220685 (source guard)
    (
        "cisco-nxos",
        "protections",
        "interface Ethernet1/1\n  dot1x pae authenticator\n  dot1x port-control auto\n  dot1x host-mode single-host\n  switchport access vlan 10\n",
        &[&[("port", "Ethernet1/1"), ("dot1x", "on")]],
    ),
    (
        "cisco-nxos",
        "protections",
        "interface Ethernet1/2\n  ip verify source dhcp-snooping-vlan\n",
        &[&[("port", "Ethernet1/2"), ("source_guard", "on")]],
    ),
    // CiscoTestAutomation/genieparser, nxos/tests/ShowRunningConfigInterface/cli/equal/golden4_output.txt
    (
        "cisco-nxos",
        "protections",
        "interface Ethernet1/1\n  description genie test\n  no switchport\n  mtu 9216\n  vrf member TEST\n  ip address 10.1.1.1/30\n  ip address 10.2.1.1/30 secondary\n",
        &[&[("port", "Ethernet1/1")]],
    ),
    // Composed: the trust command of Cisco's Nexus 9000 Security Configuration Guide 9.x; `inherit port-profile` from memory.
    (
        "cisco-nxos",
        "protections",
        "interface Ethernet1/4\n  inherit port-profile ports\n  ip arp inspection trust\n",
        &[&[
            ("port", "Ethernet1/4"),
            ("inherits", "inherit port-profile ports"),
            ("arp_inspection", "trusted"),
        ]],
    ),
    // STIG Cisco NX-OS Switch L2S, V-220686
    (
        "cisco-nxos",
        "protections_vlan",
        "ip arp inspection vlan 2,4-8,11\n",
        &[&[("arp_vlans", "2,4-8,11")]],
    ),
    // aristanetworks/avd, ansible_collections/arista/avd/examples/campus-fabric/intended/configs/LEAF3A.cfg
    (
        "arista-eos",
        "protections",
        "interface Ethernet4\n   description IDF3 Standard Port\n   no shutdown\n   switchport phone vlan 320\n   switchport phone trunk untagged\n   switchport trunk native vlan 310\n   switchport mode trunk phone\n   switchport\n   dot1x pae authenticator\n   dot1x authentication failure action traffic allow vlan 330\n   dot1x reauthentication\n   dot1x port-control auto\n   dot1x host-mode multi-host authenticated\n   dot1x mac based authentication\n   dot1x timeout tx-period 3\n   spanning-tree portfast\n   spanning-tree bpduguard enable\n",
        &[&[("port", "Ethernet4"), ("dot1x", "on")]],
    ),
    // Composed from two lines of a configuration that aristanetworks/avd generated.
    (
        "arista-eos",
        "protections",
        "interface Ethernet5\n   switchport port-security\n   switchport port-security mac-address maximum disabled\n",
        &[&[("port", "Ethernet5"), ("port_security", "on")]],
    ),
    // Composed from the commands of Arista's User Manual, Configuring Rate Limit; `profile` in the second from memory.
    (
        "arista-eos",
        "protections",
        "interface Ethernet3/1\n   ip arp inspection limit rate 20 burst interval 5\n",
        &[&[("port", "Ethernet3/1"), ("arp_limit", "20")]],
    ),
    (
        "arista-eos",
        "protections",
        "interface Ethernet3/3\n   profile TEST-PROFILE-1\n   ip arp inspection trust\n",
        &[&[
            ("port", "Ethernet3/3"),
            ("inherits", "profile TEST-PROFILE-1"),
            ("arp_inspection", "trusted"),
        ]],
    ),
    // Arista's User Manual, Displaying ARP Inspection States; STIG Arista MLS L2S, V-255975
    (
        "arista-eos",
        "protections_vlan",
        "VLAN 1\n----------\nConfiguration\n: Enabled\nOperation State : Active\n",
        &[&[("vlan", "1"), ("arp_inspection", "on")]],
    ),
    (
        "arista-eos",
        "protections_vlan",
        "VLAN 2200\n------------\nConfiguration: Enabled\nOperation State: Active\n",
        &[&[("vlan", "2200"), ("arp_inspection", "on")]],
    ),
    // STIG Arista MLS L2S, the rule about IP source guard before V-255975
    (
        "arista-eos",
        "protections_source",
        "Interface       Operational State\n--------------- ------------------------\nEthernet1       IP source guard enabled\nEthernet2       IP source guard disabled\n",
        &[
            &[("port", "Ethernet1"), ("source_guard", "on")],
            &[("port", "Ethernet2"), ("source_guard", "off")],
        ],
    ),
    // aristanetworks/avd, molecule/eos_cli_config_gen/intended/configs/address-locking.cfg
    (
        "arista-eos",
        "protections_locking",
        "interface Ethernet2\n   description Address Locking Interface Testing 2\n   switchport\n   address locking ipv4 ipv6\n",
        &[&[("port", "Ethernet2"), ("source_guard", "on")]],
    ),
    (
        "arista-eos",
        "protections_locking",
        "interface Ethernet3\n   description Address Locking Interface Testing 3\n   switchport\n   address locking ipv6\n",
        &[&[("port", "Ethernet3")]],
    ),
    // networktocode/ntc-templates, tests/hp_procurve/show_port-security/hp_procurve_show_port-security.raw
    (
        "aruba-aos-s",
        "protections_port_security",
        " Port Security\n\n  Port  Learn Mode         | Action                   Eavesdrop Prevention\n  ----- ------------------ + ------------------------ --------------------\n  9     Continuous         | None                     Enabled\n  10    Static             | Send Alarm, Disable Port Enabled\n  11    Configured         | Send Alarm               Enabled\n  12    Port-Access        | None                     Enabled\n  13    Limited-Continuous | Send Alarm               Enabled\n",
        &[
            &[("port", "9"), ("port_security", "off")],
            &[("port", "10"), ("port_security", "on")],
            &[("port", "11"), ("port_security", "on")],
            &[("port", "12"), ("port_security", "on")],
            &[("port", "13"), ("port_security", "on")],
        ],
    ),
    // support.hpe.com/techhub/eginfolib/Aruba/16.08/5200-5483/v29673585.html
    (
        "aruba-aos-s",
        "protections_source",
        " Dynamic IP Lockdown Status Information\n\nGlobal State: Enabled\n\n     Port     Operational State\n     -------- ------------------\n     1        Active\n     2        Not in DHCP Snooping vlan\n     3        Disabled\n     5        Trusted port, Not in DHCP Snooping vlan\n",
        &[
            &[("port", "1"), ("source_guard", "on")],
            &[("port", "2"), ("source_guard", "Not in DHCP Snooping vlan")],
            &[("port", "3"), ("source_guard", "off")],
            &[
                ("port", "5"),
                ("source_guard", "Trusted port, Not in DHCP Snooping vlan"),
            ],
        ],
    ),
    // support.hpe.com/techhub/eginfolib/Aruba/16.09/5200-5898/s_Verifying_the_configuration_of_dynamic_ARP_protection.html
    (
        "aruba-aos-s",
        "protections_arp",
        ARP_PROTECT,
        &[
            &[("port", "5"), ("arp_inspection", "trusted")],
            &[("port", "7"), ("arp_inspection", "untrusted")],
        ],
    ),
    (
        "aruba-aos-s",
        "protections_vlan",
        ARP_PROTECT,
        &[&[("arp_vlans", "1-4094")]],
    ),
    // STIG HP FlexFabric Switch L2S, HFFS-L2-000002
    (
        "hpe-comware",
        "protections",
        "interface Ten-GigabitEthernet1/0/4\n port link-mode bridge\n port access vlan 200\n dot1x\n",
        &[&[("port", "Ten-GigabitEthernet1/0/4"), ("dot1x", "on")]],
    ),
    (
        "hpe-comware",
        "protections",
        "interface Ten-GigabitEthernet1/0/5\n port link-mode bridge\n port access vlan 200\n mac-authentication\n",
        &[&[("port", "Ten-GigabitEthernet1/0/5"), ("dot1x", "on")]],
    ),
    // Composed from the commands of STIG HP FlexFabric Switch L2S, HFFS-L2-000016 and HFFS-L2-000015
    (
        "hpe-comware",
        "protections",
        "interface Ten-GigabitEthernet1/0/11\n undo dot1x handshake\n arp detection trust\n",
        &[&[
            ("port", "Ten-GigabitEthernet1/0/11"),
            ("arp_inspection", "trusted"),
        ]],
    ),
    (
        "hpe-comware",
        "protections_source",
        "interface Ten-GigabitEthernet1/0/10\n ip verify source ip-address mac-address\n",
        &[&[
            ("port", "Ten-GigabitEthernet1/0/10"),
            ("source_guard", "on"),
        ]],
    ),
    // STIG HP FlexFabric Switch L2S, HFFS-L2-000016; H3C, ARP Attack Protection Commands, display arp detection
    (
        "hpe-comware",
        "protections_vlan",
        " ARP detection is enabled in the following VLANs:\n 2\n",
        &[&[("arp_vlans", "2")]],
    ),
    (
        "hpe-comware",
        "protections_vlan",
        " ARP detection is enabled in the following VLANs:\n 1-2, 4-5\n",
        &[&[("arp_vlans", "1-2, 4-5")]],
    ),
    (
        "hpe-comware",
        "protections_vlan",
        " ARP detection is enabled in the following VLANs:\n",
        &[],
    ),
    // A configuration that a lexer in Go on GitHub is tested with, shortened (testVrpPortConfigExample; the index names no
    // repository).
    (
        "huawei-vrp",
        "protections_port",
        "#\ninterface GigabitEthernet0/0/1\n port link-type hybrid\n port hybrid pvid vlan 902\n undo port hybrid vlan 1\n stp disable\n undo lldp enable\n arp anti-attack check user-bind enable\n ip source check user-bind enable\n user-bind ip sticky-mac\n dhcp snooping enable\n dhcp snooping check dhcp-rate enable\n#\nreturn\n",
        &[&[
            ("port", "GigabitEthernet0/0/1"),
            ("arp_inspection", "on"),
            ("source_guard", "on"),
        ]],
    ),
    // Composed from commands in notes on GitHub.
    (
        "huawei-vrp",
        "protections_port",
        "#\ninterface GigabitEthernet0/0/2\n port link-type access\n port default vlan 10\n port-security enable\n port-security max-mac-num 2\n authentication-profile dot1x_authen_profile\n#\nreturn\n",
        &[&[
            ("port", "GigabitEthernet0/0/2"),
            ("port_security", "on"),
            ("dot1x", "on"),
        ]],
    ),
    // STIG Dell OS10 Switch L2S, V-269953 (802.1X) and V-269960 (source address validation)
    (
        "dell-os10",
        "protections",
        "!\ninterface ethernet1/1/3\n dot1x port-control auto\n dot1x re-authentication\n!\n",
        &[&[("port", "ethernet1/1/3"), ("dot1x", "on")]],
    ),
    (
        "dell-os10",
        "protections",
        "!\ninterface ethernet1/1/4\n ip dhcp snooping source-address-validation ipmac\n!\n",
        &[&[("port", "ethernet1/1/4"), ("source_guard", "on")]],
    ),
    // STIG Dell OS10 Switch L2S, V-269957 (spanning tree)
    (
        "dell-os10",
        "protections",
        "interface ethernet1/1/1\n no shutdown\n switchport mode trunk\n switchport access vlan 100\n flowcontrol receive off\n spanning-tree guard loop\n!\n",
        &[&[("port", "ethernet1/1/1")]],
    ),
    // STIG Dell OS10 Switch L2S, V-269961 and V-269966
    (
        "dell-os10",
        "protections_vlan",
        "!\ninterface vlan200\n no shutdown\n arp inspection\n!\n",
        &[&[("vlan", "200"), ("arp_inspection", "on")]],
    ),
    (
        "dell-os10",
        "protections_vlan",
        "!\ninterface vlan999\n description \"Unused VLAN\"\n shutdown\n!\n",
        &[&[("vlan", "999"), ("arp_inspection", "off")]],
    ),
    // Course notes on GitHub (the index names no repository); the fields are those of Juniper's manual, show dot1x.
    (
        "juniper-junos",
        "protections_dot1x",
        "ge-0/0/1.0\n  Role: Authenticator\n  Administrative state: Auto\n  Supplicant mode: Single-secure\n  Number of retries: 3\n  Quiet period: 60 seconds\n  Transmit period: 30 seconds\n  Mac Radius: Enabled\n",
        &[&[("port", "ge-0/0/1"), ("dot1x", "on")]],
    ),
    // STIG RUCKUS ICX Layer 2 Switch, the rule about IP source guard before V-273683
    (
        "ruckus-icx",
        "protections_port",
        "interface ethernet 1/1/47\n port-name FlexAuth_port\n authentication source-guard-protection enable\n!\n",
        &[&[("port", "1/1/47"), ("source_guard", "on")]],
    ),
    (
        "ruckus-icx",
        "protections_port",
        "interface ethernet 1/1/48\n source-guard enable\n!\n",
        &[&[("port", "1/1/48"), ("source_guard", "on")]],
    ),
    // STIG RUCKUS ICX Layer 2 Switch, V-273683
    (
        "ruckus-icx",
        "protections_vlan",
        "IP ARP inspection enabled on 1 VLAN(s):\n VLAN(s): 16\n",
        &[&[("arp_vlans", "16")]],
    ),
    // networktocode/ntc-templates, tests/extreme_exos/show_ports_information_detail/extreme_exos_show_ports_information_brief.raw
    (
        "extreme-exos",
        "protections_netlogin",
        "Port:\t1\n\tDescription String: \"AggregateLink\"\n\tVirtual-router:\tVR-Default\n\tEgress 802.1p Replacement:\tDisabled\n\tNetLogin: \t\t\tDisabled\n\tNetLogin port mode: \t\tPort based VLANs\n\tSmart redundancy: \t\tEnabled\n",
        &[&[("port", "1"), ("dot1x", "off")]],
    ),
];

pub const ARP_PROTECT: &str = " ARP Protection Information\n\n Enabled Vlans : 1-4094\n Validate : dest-mac, src-mac\n\n Port  Trust\n ----- -----\n 5     Yes\n 7     No\n";
