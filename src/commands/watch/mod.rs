//! `watch`: prints events, and goes on where it stopped.

mod cursor;
mod lines;

use std::collections::HashSet;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use idv_gateway::clock::Clock;
use idv_gateway::proto::event_service_client::EventServiceClient;
use idv_gateway::proto::watch_events_request::Start;
use idv_gateway::proto::watch_events_response::Message;
use idv_gateway::proto::{EventFilter, EventType, StartPosition, WatchEventsRequest, WatchEventsResponse};
use prost_types::Timestamp;
use tonic::transport::Channel;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::commands::Exit;
use crate::commands::output::{complain, write};
use crate::commands::render::Renderer;
use crate::commands::server::{Server, cause};
use crate::commands::signals::Signals;
use crate::commands::watch::lines::Lines;

const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// Print every status change as it happens.
///
/// With --cursor-file it goes on where it stopped: the cursor is written after each event was printed, so that
/// nothing is missed and at most the last event is printed again. A broken connection is opened again by itself.
///
/// With --json each line is the WatchEventsResponse of the contract in the JSON of Protocol Buffers, as grpcurl prints
/// it, with the cursor to go on from. What only a newer gateway knows is left out, but unknown values of enums are kept
/// as numbers.
#[derive(Debug, Clone, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Watch {
    #[command(flatten)]
    server: Server,
    /// Where the cursor is kept between runs. Once there is one, it says where to begin.
    #[arg(long, value_name = "FILE")]
    cursor_file: Option<PathBuf>,
    /// Begin with the oldest event there is, not with the next one.
    #[arg(long, group = "start")]
    earliest: bool,
    /// Begin with the events recorded at this time, for example 2026-03-01T08:00:00Z.
    #[arg(long, value_name = "TIME", group = "start", value_parser = time)]
    since: Option<Timestamp>,
    /// Begin with the present state of every identification, then print what changes.
    #[arg(long, group = "start")]
    snapshot: bool,
    /// Print JSON: one line for each event, and for each item and the end of a snapshot.
    #[arg(long)]
    json: bool,
    /// Print every message of the stream, also heartbeats and what else is only about the stream.
    #[arg(long, requires = "json")]
    all: bool,
    /// Only these connections: connections/{connection}. May be repeated.
    #[arg(long, value_name = "NAME")]
    connection: Vec<String>,
    /// Only these identifications, by full name. May be repeated.
    #[arg(long, value_name = "NAME")]
    identification: Vec<String>,
    /// Only what has one of these keys of your own. May be repeated.
    #[arg(long, value_name = "KEY")]
    external_reference: Vec<String>,
    /// Only what has all of these labels. May be repeated.
    #[arg(long = "label", value_name = "KEY=VALUE", value_parser = label)]
    labels: Vec<(String, String)>,
    /// Only these types, for example IDENTIFICATION_COMPLETED. May be repeated.
    #[arg(long = "type", value_name = "TYPE", value_parser = event_type)]
    types: Vec<EventType>,
}

const EXAMPLES: &str = "\
Examples:
  idv-gateway watch
  idv-gateway watch --earliest --type IDENTIFICATION_COMPLETED
  idv-gateway watch --snapshot --connection connections/bank-de --label branch=berlin
  idv-gateway watch --json --cursor-file bank.cursor | jq -c '[.event.type, .event.identification]'";

/// Why one stream ended.
enum End {
    /// The server asked for another one, after this wait.
    Again(Duration),
    Broken(Status),
    /// Nothing more can be printed or kept. It has been said why.
    Over(Exit),
}

impl Watch {
    pub(super) fn run(self) -> Exit {
        if let Some(key) = self.repeated_label() {
            complain(&format!("--label names {key} twice: no identification has two values of one label"));
            return Exit::Usage;
        }
        let lines = if self.json { Lines::json(self.all) } else { Ok(Lines::Text(Renderer::for_stdout())) };
        let lines = match lines {
            Ok(lines) => lines,
            Err(error) => {
                complain(&format!("the contract cannot be written as JSON: {error}"));
                return Exit::Bug;
            }
        };
        super::block_on(async move {
            let mut signals = match Signals::catch() {
                Ok(signals) => signals,
                Err(exit) => return exit,
            };
            tokio::select! {
                exit = self.watch(&lines) => exit,
                () = signals.wait() => Exit::Done,
            }
        })
    }

    async fn watch(&self, lines: &Lines) -> Exit {
        let channel = self.server.channel();
        let clock = Clock::system();
        let mut cursor = match self.cursor_file.as_deref().map(cursor::kept).transpose() {
            Ok(cursor) => cursor.flatten(),
            Err(error) => {
                complain(&format!("the cursor file cannot be read: {error}"));
                return Exit::Unavailable;
            }
        };
        let mut failures = 0;
        loop {
            let before = cursor.clone();
            let end = self.follow(channel.clone(), lines, &mut cursor).await;
            if cursor != before {
                failures = 0;
            }
            match end {
                End::Again(wait) => clock.sleep(wait).await,
                End::Over(exit) => return exit,
                End::Broken(status) if comes_back(&status) => {
                    failures += 1;
                    let wait = (Duration::from_millis(250) * (1 << failures.min(8))).min(LONGEST_WAIT);
                    complain(&format!("the stream broke off ({}); trying again", cause(&status)));
                    clock.sleep(clock.jitter(wait, 0.2)).await;
                }
                End::Broken(status) => {
                    complain(&format!("the gateway refused: {}", explained(&status)));
                    return Exit::Refused;
                }
            }
        }
    }

    async fn follow(&self, channel: Channel, lines: &Lines, cursor: &mut Option<String>) -> End {
        match self.open(channel, lines, cursor).await {
            Ok(end) => end,
            Err(status) => End::Broken(status),
        }
    }

    async fn open(
        &self,
        channel: Channel,
        lines: &Lines,
        cursor: &mut Option<String>,
    ) -> Result<End, Status> {
        let request = self.request(cursor.as_deref());
        let mut stream = EventServiceClient::new(channel).watch_events(request).await?.into_inner();
        while let Some(response) = stream.message().await? {
            if let Err(exit) = self.take(lines, &response) {
                return Ok(End::Over(exit));
            }
            // There is none while a snapshot is sent: what is cut off in its middle begins anew.
            if !response.cursor.is_empty() {
                *cursor = Some(response.cursor);
            }
            if let Some(Message::Closing(closing)) = response.message {
                let wait = closing.reconnect_after.and_then(|wait| Duration::try_from(wait).ok());
                return Ok(End::Again(wait.unwrap_or_default()));
            }
        }
        // A gateway announces the end. Something on the way that does not must not be asked without a pause.
        Err(Status::unavailable("it ended unannounced"))
    }

    /// Prints a message, and only then keeps its cursor.
    fn take(&self, lines: &Lines, response: &WatchEventsResponse) -> Result<(), Exit> {
        let line = lines.line(response).map_err(|error| {
            complain(&format!("a message cannot be written as JSON: {error}"));
            Exit::Bug
        })?;
        if let Some(line) = line {
            write(line.as_bytes()).map_err(|ended| ended.exit())?;
        }
        if let Some(file) = self.cursor_file.as_deref().filter(|_| !response.cursor.is_empty()) {
            cursor::keep(file, &response.cursor).map_err(|error| {
                complain(&format!("the cursor file cannot be written: {error}"));
                Exit::Unavailable
            })?;
        }
        Ok(())
    }

    fn repeated_label(&self) -> Option<&str> {
        let mut seen = HashSet::new();
        self.labels.iter().map(|(key, _value)| key.as_str()).find(|key| !seen.insert(*key))
    }

    fn request(&self, cursor: Option<&str>) -> WatchEventsRequest {
        let position = |position: StartPosition| Start::StartPosition(position.into());
        let start = match (cursor, self.since) {
            (Some(cursor), _) => Start::AfterCursor(cursor.to_owned()),
            (None, Some(time)) => Start::StartTime(time),
            (None, None) if self.earliest => position(StartPosition::Earliest),
            (None, None) if self.snapshot => position(StartPosition::Snapshot),
            (None, None) => position(StartPosition::Latest),
        };
        WatchEventsRequest {
            start: Some(start),
            filter: Some(EventFilter {
                connections: self.connection.clone(),
                identifications: self.identification.clone(),
                external_references: self.external_reference.clone(),
                labels: self.labels.iter().cloned().collect(),
                types: self.types.iter().map(|kind| (*kind).into()).collect(),
                ..EventFilter::default()
            }),
            heartbeat_interval: None,
            consumer: "idv-gateway watch".to_owned(),
        }
    }
}

/// The refusal. It names a field that was refused, but only counts several: they are added.
fn explained(status: &Status) -> String {
    let fields = status.get_details_bad_request().map(|details| details.field_violations).unwrap_or_default();
    let mut text = status.message().to_owned();
    for field in fields.iter().filter(|_| fields.len() > 1) {
        text.push_str(&format!("\n  {}: {}", field.field, field.description));
    }
    text
}

fn comes_back(status: &Status) -> bool {
    matches!(
        status.code(),
        Code::Unavailable | Code::Unknown | Code::Cancelled | Code::Internal | Code::ResourceExhausted
    )
}

fn time(text: &str) -> Result<Timestamp, String> {
    text.parse().map_err(|_malformed| "must be a time such as 2026-03-01T08:00:00Z".to_owned())
}

fn label(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("must be KEY=VALUE".to_owned()),
    }
}

fn event_type(text: &str) -> Result<EventType, String> {
    let name = text.to_ascii_uppercase();
    let full = if name.starts_with("EVENT_TYPE_") { name } else { format!("EVENT_TYPE_{name}") };
    EventType::from_str_name(&full).ok_or_else(|| {
        "is not an event type; examples: IDENTIFICATION_CREATED, IDENTIFICATION_COMPLETED".to_owned()
    })
}
