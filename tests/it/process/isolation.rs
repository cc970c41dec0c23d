//! What a process does with the network: its sockets as the kernel lists them, and a network of its own.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::process::Command;

use super::child::{Child, Ended};

/// Both ends of a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Socket {
    local: IpAddr,
    /// Unspecified unless it is connected.
    remote: IpAddr,
}

impl Socket {
    pub(super) fn is_at_home(self) -> bool {
        let (local, remote) = (self.local.to_canonical(), self.remote.to_canonical());
        local.is_loopback() && (remote.is_loopback() || remote.is_unspecified())
    }
}

/// The TCP and UDP sockets that the process `id` has open now.
pub(super) fn sockets(id: u32) -> Vec<Socket> {
    let Ok(open) = fs::read_dir(format!("/proc/{id}/fd")) else { return Vec::new() };
    let inode = |link: std::path::PathBuf| {
        Some(link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned())
    };
    let inodes: Vec<String> =
        open.filter_map(|entry| inode(fs::read_link(entry.ok()?.path()).ok()?)).collect();
    let mut sockets = Vec::new();
    for table in ["tcp", "tcp6", "udp", "udp6"] {
        let text = fs::read_to_string(format!("/proc/{id}/net/{table}")).unwrap_or_default();
        let rows = text.lines().skip(1).filter_map(row);
        sockets.extend(rows.filter(|(inode, _)| inodes.contains(inode)).map(|(_, socket)| socket));
    }
    sockets
}

/// Inode and ends, from a row of the kernel's table.
fn row(line: &str) -> Option<(String, Socket)> {
    let columns: Vec<&str> = line.split_whitespace().collect();
    let socket = Socket { local: address(columns.get(1)?)?, remote: address(columns.get(2)?)? };
    Some((columns.get(9)?.to_string(), socket))
}

/// `0100007F:1F90`, in words of four bytes as the machine holds them.
fn address(text: &str) -> Option<IpAddr> {
    let (address, _port) = text.split_once(':')?;
    let word = |at: usize| Some(u32::from_str_radix(address.get(at..at + 8)?, 16).ok()?.to_ne_bytes());
    if address.len() == 8 {
        return Some(Ipv4Addr::from(word(0)?).into());
    }
    let mut bytes = [0; 16];
    for (index, four) in bytes.chunks_exact_mut(4).enumerate() {
        four.copy_from_slice(&word(8 * index)?);
    }
    Some(Ipv6Addr::from(bytes).into())
}

const COUNTERS: &str = "--- attempts without a route";

/// `program` in a network with nothing but a loopback interface; to be given to [`run`].
pub(super) fn alone(program: &str) -> Command {
    let script = format!(
        "ip link set lo up && \"$@\"; code=$?; echo; echo '{COUNTERS}'; grep '^Ip:' /proc/net/snmp; \
         grep '^Ip6OutNoRoutes' /proc/net/snmp6; exit $code"
    );
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--net", "sh", "-c", &script, "alone", program]);
    command
}

/// Whether this machine lets a test make such a network.
pub(super) async fn is_possible() -> bool {
    let installed = |program: &str| Command::new(program).arg("-V").output().is_ok();
    installed("unshare") && installed("ip") && run(&mut alone("true")).await.0.code == Some(0)
}

/// Runs what [`alone`] made. How it ended, and how often it tried to reach something that has no route.
pub(super) async fn run(command: &mut Command) -> (Ended, u64) {
    let command = std::mem::replace(command, Command::new("true"));
    let mut ended = Child::spawn(command).ended().await;
    let Some(at) = ended.stdout.iter().position(|line| line == COUNTERS) else { return (ended, 0) };
    let counters = ended.stdout.split_off(at);
    let attempts = attempts(&counters[1..]).unwrap_or_else(|| panic!("no counters: {counters:#?}"));
    (ended, attempts)
}

/// The sum for both protocols: of IPv4 a line with names and one with numbers, of IPv6 a name and a number.
fn attempts(lines: &[String]) -> Option<u64> {
    let (names, numbers) = (lines.first()?.split_whitespace(), lines.get(1)?.split_whitespace());
    let (_, old) = names.zip(numbers).find(|(name, _)| *name == "OutNoRoutes")?;
    let new = lines.get(2).and_then(|line| line.split_whitespace().nth(1)).unwrap_or("0");
    Some(old.parse::<u64>().ok()? + new.parse::<u64>().ok()?)
}

#[test]
fn a_socket_that_leaves_is_noticed() {
    let rest = "01 00000000:00000000 00:00000000 00000000     0        0 4711 1 0 20 4 30 10 -1";
    let at_home = |ends: &str| {
        let (inode, socket) = row(&format!("   0: {ends} {rest}")).unwrap();
        assert_eq!(inode, "4711");
        socket.is_at_home()
    };
    assert!(at_home("0100007F:1F90 0100007F:A1B2"));
    assert!(at_home("0100007F:1F90 00000000:0000"));
    assert!(at_home("0000000000000000FFFF00000100007F:1F90 0000000000000000FFFF00000100007F:0001"));
    assert!(at_home("00000000000000000000000001000000:1F90 00000000000000000000000001000000:0001"));
    assert!(!at_home("0A00020F:1F90 010200C0:0050"), "192.0.2.1");
    assert!(!at_home("00000000:1F90 00000000:0000"), "listening to everybody");
    assert!(!at_home("B80D0120000000000000000001000000:1F90 B80D0120000000000000000001000000:0001"));
}
