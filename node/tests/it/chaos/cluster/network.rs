//! Machines of the kernel's making: each node has a network namespace, and what goes from one to another can be lost.
//!
//! ```text
//!  clients ── 198.18.N.1 ═══ front ═══ 198.18.N.2, .3, ...   eth "front" of each node: clients and other nodes, gossip too
//!  database ─ 198.19.N.1 ═══ back ════ 198.19.N.2, .3, ...   eth "back" of each node
//! ```
//!
//! Where it is cut, the sender believes that the other has a hardware address which nobody has: what it sends vanishes without
//! a word, in that direction alone, on connections that exist as on new ones. The addresses are those set aside for tests of
//! networks (RFC 2544).

use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU8, Ordering};

use crate::chaos::proxy::{Cut, Proxy};
use crate::chaos::server::Place;
use crate::chaos::skips_without;

/// A hardware address that nobody has.
const NOBODY: &str = "02:00:00:00:00:ff";

/// Whom a node is cut off from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Others {
    Nodes,
    Database,
}

/// One of the two networks.
#[derive(Clone, Copy)]
enum Side {
    Front,
    Back,
}

/// Who sends or receives.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Host {
    /// This process, the database and the provider of payments.
    Outside,
    Node(u8),
}

/// The namespaces of some nodes. Dropped, they are gone.
pub(super) struct Network {
    /// Distinguishes the networks of the tests that run at once.
    number: u8,
    nodes: u8,
    /// Servers that listen on this machine's own address.
    doors: Vec<Proxy>,
}

/// Whether networks cannot be made here.
pub(super) fn skips_networks() -> bool {
    let can = Command::new("unshare").args(["--net", "ip", "link"]).stdout(Stdio::null()).status();
    skips_without("network namespaces (root and iproute2)", can.is_ok_and(|status| status.success()))
}

impl Network {
    /// Namespaces for so many nodes.
    pub(super) fn of(nodes: u8) -> Self {
        static NEXT: AtomicU8 = AtomicU8::new(0);
        let number = (std::process::id() as u8).wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed));
        let network = Self { number, nodes, doors: Vec::new() };
        network.remove();
        let sides = [Side::Front, Side::Back];
        let mut outside = String::new();
        for side in sides {
            let (bridge, address) = (network.bridge(side), network.address(side, Host::Outside));
            outside += &format!("link add {bridge} type bridge\n");
            outside += &format!("addr add {address}/24 dev {bridge}\nlink set {bridge} up\n");
        }
        for node in 0..nodes {
            let namespace = network.namespace(node);
            outside += &format!("netns add {namespace}\n");
            for side in sides {
                let (bridge, device) = (network.bridge(side), side.device());
                let port = format!("{bridge}n{node}");
                outside += &format!("link add {port} type veth peer name {device} netns {namespace}\n");
                outside += &format!("link set {port} master {bridge} up\n");
            }
        }
        ip(&[], &outside);
        for node in 0..nodes {
            let up = |side: Side| {
                let (device, address) = (side.device(), network.address(side, Host::Node(node)));
                format!("addr add {address}/24 dev {device}\nlink set {device} up\n")
            };
            ip(&["-n", &network.namespace(node)], &(sides.map(up).concat() + "link set lo up\n"));
        }
        network
    }

    /// Where the nodes run.
    pub(super) fn places(&self) -> impl Iterator<Item = Place> {
        (0..self.nodes).map(|node| Place {
            address: self.address(Side::Front, Host::Node(node)),
            namespace: self.namespace(node),
        })
    }

    /// Where nodes find the database that listens there on this machine.
    pub(super) async fn door_to_database(&mut self, server: SocketAddr) -> SocketAddr {
        self.door(Side::Back, server).await
    }

    /// Where nodes find another server that listens there on this machine.
    pub(super) async fn door_to(&mut self, server: SocketAddr) -> SocketAddr {
        self.door(Side::Front, server).await
    }

    /// From now on, this does not get through between a node and others: "requests" are what goes to the node from other
    /// nodes, or from it to the database.
    pub(super) fn cut(&self, node: usize, others: Others, cut: Cut) {
        self.set(node, others, cut, |address, device| {
            format!("neigh replace {address} lladdr {NOBODY} dev {device} nud permanent\n")
        });
    }

    /// Everything gets through again.
    pub(super) fn heal(&self, node: usize, others: Others) {
        self.set(node, others, Cut::Both, |address, device| format!("neigh del {address} dev {device}\n"));
    }

    fn set(&self, node: usize, others: Others, cut: Cut, line: impl Fn(Ipv4Addr, &str) -> String) {
        let node = Host::Node(u8::try_from(node).expect("a small number"));
        let all = (0..self.nodes).map(Host::Node);
        let (side, hosts): (_, Vec<Host>) = match others {
            Others::Nodes => (Side::Front, all.filter(|other| *other != node).collect()),
            Others::Database => (Side::Back, vec![Host::Outside]),
        };
        let (to_node, to_others) = match others {
            Others::Nodes => (cut.stops(Cut::Requests), cut.stops(Cut::Answers)),
            Others::Database => (cut.stops(Cut::Answers), cut.stops(Cut::Requests)),
        };
        for other in hosts {
            for (lost, sender, receiver) in [(to_node, other, node), (to_others, node, other)] {
                if lost {
                    self.at(sender, side, |device| line(self.address(side, receiver), device));
                }
            }
        }
    }

    /// Runs a command of `ip` where a host is.
    fn at(&self, host: Host, side: Side, line: impl FnOnce(&str) -> String) {
        match host {
            Host::Outside => ip(&["-force"], &line(&self.bridge(side))),
            Host::Node(node) => ip(&["-force", "-n", &self.namespace(node)], &line(side.device())),
        }
    }

    async fn door(&mut self, side: Side, server: SocketAddr) -> SocketAddr {
        let door = Proxy::at(self.address(side, Host::Outside), server).await;
        let address = door.address();
        self.doors.push(door);
        address
    }

    fn remove(&self) {
        let mut lines = String::new();
        for node in 0..self.nodes {
            lines += &format!("netns del {}\n", self.namespace(node));
        }
        for side in [Side::Front, Side::Back] {
            lines += &format!("link del {}\n", self.bridge(side));
        }
        ip(&["-force"], &lines);
    }

    fn namespace(&self, node: u8) -> String {
        format!("earlybird-{}-{node}", self.number)
    }

    fn bridge(&self, side: Side) -> String {
        format!("eb{}{}", self.number, side.device())
    }

    fn address(&self, side: Side, host: Host) -> Ipv4Addr {
        let last = match host {
            Host::Outside => 1,
            Host::Node(node) => 2 + node,
        };
        match side {
            Side::Front => Ipv4Addr::new(198, 18, self.number, last),
            Side::Back => Ipv4Addr::new(198, 19, self.number, last),
        }
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        self.remove();
    }
}

impl Side {
    /// Its name in a node's namespace.
    fn device(self) -> &'static str {
        match self {
            Self::Front => "front",
            Self::Back => "back",
        }
    }
}

/// Runs commands of `ip`, one a line. With `-force` those that are in vain are passed over.
fn ip(options: &[&str], lines: &str) {
    let force = options.contains(&"-force");
    let mut child = Command::new("ip")
        .args(options)
        .args(["-batch", "-"])
        .stdin(Stdio::piped())
        .stderr(if force { Stdio::null() } else { Stdio::inherit() })
        .spawn()
        .expect("iproute2 is there");
    child.stdin.take().expect("it is piped").write_all(lines.as_bytes()).expect("it reads");
    let status = child.wait().expect("it can be waited for");
    assert!(force || status.success(), "ip {options:?}: {status}\n{lines}");
}
