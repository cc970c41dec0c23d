//! `vendors`: what each vendor can do, read off the connectors.

use std::error::Error;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use clap::Args;
use idv_gateway::clock::Clock;
use idv_gateway::config::Config;
use idv_gateway::telemetry::Metrics;
use idv_gateway::vendor::kit::http::{HttpTransport, Timeouts, Transport};
use idv_gateway::vendor::registry::Registry;
use idv_gateway::vendor::{Vendor, support};
use serde_json::{Value, json};

use crate::commands::Exit;
use crate::commands::output::{complain, print};
use crate::commands::trial::Trial;

const EXAMPLES: &str = "\
Examples:
  idv-gateway vendors
  idv-gateway vendors --json | jq -r '.vendors[] | select(.capabilities | index(\"cancel\")) | .settings'";

/// Settings that switch something on, and what they are set to. Without them a connection lacks it.
const SWITCHES: [(&str, &str); 4] = [
    ("IDV__CONNECTIONS__DEMOSHOP__PREVENTOR__ALLOW_CLIENT_TOKENS", "true"),
    (
        "IDV__CONNECTIONS__DEMOCODES__MASSTACK__CALLS__CANCEL",
        r#"{ method = "POST", path = "/identifications/{kind}/{admin_identification_id}/cancel" }"#,
    ),
    (
        "IDV__CONNECTIONS__DEMOCODES__MASSTACK__CALLS__RESTART",
        r#"{ method = "POST", path = "/identifications/{kind}/{admin_identification_id}/restart" }"#,
    ),
    (
        "IDV__CONNECTIONS__DEMOCODES__MASSTACK__CALLS__SEND",
        r#"{ method = "POST", path = "/identifications/{kind}/{admin_identification_id}/send" }"#,
    ),
];

const LEGEND: &str = "\
yes  every connection has it
set  a connection has it whose settings switch it on: docs/config.toml tells how
-    the vendor does not do it, or does not publish how

A call that needs what its connection lacks is refused with UNIMPLEMENTED, CAPABILITY_NOT_SUPPORTED. The
contract says at each call what it needs. Without webhooks a vendor is asked: the event stream is the same.
";

/// Show what each vendor can do.
///
/// One row for each capability of the contract, one column for each kind of vendor under the name of its settings. It is
/// read off the connectors, each connected to a sandbox that is not there: nothing is sent. ListConnections tells the
/// same of each connection of a gateway that runs.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Vendors {
    /// Print JSON: the capabilities of each vendor, and those that a setting switches on.
    #[arg(long)]
    json: bool,
}

/// What one kind of vendor can do.
struct Column {
    /// The contract's name of the kind.
    vendor: &'static str,
    /// The name of its settings.
    settings: &'static str,
    /// Each capability by its name, webhooks last.
    cells: Vec<(&'static str, Cell)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Cell {
    Yes,
    Set,
    No,
}

impl Vendors {
    pub(super) fn run(self) -> Exit {
        // The connectors' limits are kept by tasks, which need a runtime to be made in.
        super::block_on(async move {
            match columns() {
                Ok(columns) if self.json => print(format!("{:#}\n", document(&columns)).as_bytes()),
                Ok(columns) => print(table(&columns).as_bytes()),
                Err(error) => {
                    complain(&format!("the connectors cannot be asked: {error}"));
                    Exit::Unavailable
                }
            }
        })
    }
}

/// Connects every kind of vendor, with and without what settings switch on.
fn columns() -> Result<Vec<Column>, Box<dyn Error>> {
    let clock = Clock::system();
    let trial = Trial::prepare(&clock)?;
    let connected =
        connect(&trial, &clock, &[]).and_then(|plain| Ok((plain, connect(&trial, &clock, &SWITCHES)?)));
    trial.remove();
    let (plain, full) = connected?;
    let column = |((settings, plain), (_, full)): (&Connected, &Connected)| {
        let cells = rows(&**plain).into_iter().zip(rows(&**full));
        let cells = cells.map(|((name, always), (_, ever))| (name, Cell::of(always, ever)));
        Column { vendor: plain.account().vendor.as_str_name(), settings, cells: cells.collect() }
    };
    Ok(plain.iter().zip(&full).map(column).collect())
}

/// A connection, and the name of its settings.
type Connected = (&'static str, Arc<dyn Vendor>);

fn connect(
    trial: &Trial,
    clock: &Clock,
    switches: &[(&str, &str)],
) -> Result<Vec<Connected>, Box<dyn Error>> {
    // A port that nobody is asked at.
    let file = trial.configure(SocketAddr::from((Ipv4Addr::LOCALHOST, 9)))?;
    let switches = switches.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let connections = Config::load(&file, switches)?.connections;
    let transport: Arc<dyn Transport> = Arc::new(HttpTransport::new(Timeouts::default())?);
    let sections: Vec<_> = connections.values().map(|settings| settings.account().section()).collect();
    let registry = Registry::build(connections, clock, &transport, &Metrics::noop())?;
    let mut connected: Vec<Connected> = sections.into_iter().zip(registry.list().cloned()).collect();
    connected.sort_by_key(|(_, vendor)| vendor.account().vendor);
    Ok(connected)
}

fn rows(vendor: &dyn Vendor) -> Vec<(&'static str, bool)> {
    let mut rows = support(vendor);
    rows.push(("webhooks", vendor.webhooks().is_some()));
    rows
}

fn table(columns: &[Column]) -> String {
    let widths: Vec<_> = columns.iter().map(|column| column.settings.len()).collect();
    let line = |name: &str, words: &mut dyn Iterator<Item = &str>| {
        let words: String = words.zip(&widths).map(|(word, width)| format!("  {word:<width$}")).collect();
        format!("{}\n", format!("{name:<18}{words}").trim_end())
    };
    let mut text = line("", &mut columns.iter().map(|column| column.settings));
    let names = columns.first().into_iter().flat_map(|column| &column.cells).map(|(name, _)| *name);
    for (row, name) in names.enumerate() {
        text += &line(name, &mut columns.iter().map(|column| column.cells[row].1.word()));
    }
    format!("{text}\n{LEGEND}")
}

fn document(columns: &[Column]) -> Value {
    let view = |column: &Column| {
        let names = |wanted: Cell| -> Vec<&str> {
            let cells = column.cells.iter().filter(|(_, cell)| *cell == wanted);
            cells.map(|(name, _)| *name).collect()
        };
        json!({
            "vendor": column.vendor,
            "settings": column.settings,
            "capabilities": names(Cell::Yes),
            "switched_on_by_settings": names(Cell::Set),
        })
    };
    json!({ "vendors": columns.iter().map(view).collect::<Vec<_>>() })
}

impl Cell {
    fn of(always: bool, ever: bool) -> Self {
        match (always, ever) {
            (true, _) => Self::Yes,
            (false, true) => Self::Set,
            (false, false) => Self::No,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::Set => "set",
            Self::No => "-",
        }
    }
}
