//! `watch`: prints events, and goes on where it stopped.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use idv_gateway::clock::Clock;
use idv_gateway::proto::event_service_client::EventServiceClient;
use idv_gateway::proto::watch_events_request::Start;
use idv_gateway::proto::watch_events_response::Message;
use idv_gateway::proto::{EventFilter, EventType, StartPosition, WatchEventsRequest};
use tonic::transport::Channel;
use tonic::{Code, Status};

use crate::commands::render::Renderer;
use crate::commands::{Exit, complain};

const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// Print every status change as it happens.
///
/// With --cursor-file it goes on where it stopped: the cursor is written after each event was printed, so that
/// nothing is missed and at most the last event is printed again. A broken connection is opened again by itself.
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Examples:\n  idv-gateway watch\n  idv-gateway watch --earliest --type IDENTIFICATION_COMPLETED\n  \
    idv-gateway watch --connection connections/bank-de --cursor-file bank-de.cursor"
)]
pub(super) struct Watch {
    /// The gateway's gRPC address.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:50051")]
    server: String,
    /// Where the cursor is kept between runs.
    #[arg(long, value_name = "FILE")]
    cursor_file: Option<PathBuf>,
    /// Begin with the oldest event there is, when no cursor is kept yet. Otherwise with the next one.
    #[arg(long)]
    earliest: bool,
    /// Only these connections: connections/{connection}. May be repeated.
    #[arg(long, value_name = "NAME")]
    connection: Vec<String>,
    /// Only these identifications, by full name. May be repeated.
    #[arg(long, value_name = "NAME")]
    identification: Vec<String>,
    /// Only these types, for example IDENTIFICATION_COMPLETED. May be repeated.
    #[arg(long = "type", value_name = "TYPE", value_parser = event_type)]
    types: Vec<EventType>,
}

/// Why one stream ended.
enum End {
    /// The server asked for another one, after this wait.
    Again(Duration),
    Broken(Status),
    CursorNotKept(std::io::Error),
    OutputClosed,
}

impl Watch {
    pub(super) fn run(self) -> Exit {
        super::block_on(async move {
            tokio::select! {
                exit = self.watch() => exit,
                _interrupted = tokio::signal::ctrl_c() => Exit::Done,
            }
        })
    }

    async fn watch(&self) -> Exit {
        let channel = match Channel::from_shared(self.server.clone()) {
            Ok(endpoint) => endpoint.connect_timeout(Duration::from_secs(5)).connect_lazy(),
            Err(error) => {
                complain(&format!("--server must be a URL such as http://127.0.0.1:50051: {error}"));
                return Exit::Usage;
            }
        };
        let clock = Clock::system();
        let mut cursor = match self.kept_cursor() {
            Ok(cursor) => cursor,
            Err(error) => {
                complain(&format!("the cursor file cannot be read: {error}"));
                return Exit::Unavailable;
            }
        };
        let mut failures = 0;
        loop {
            let before = cursor.clone();
            let end = self.follow(channel.clone(), &mut cursor).await;
            if cursor != before {
                failures = 0;
            }
            match end {
                End::Again(wait) => clock.sleep(wait).await,
                End::OutputClosed => return Exit::Done,
                End::CursorNotKept(error) => {
                    complain(&format!("the cursor file cannot be written: {error}"));
                    return Exit::Unavailable;
                }
                End::Broken(status) if comes_back(&status) => {
                    failures += 1;
                    let wait = (Duration::from_millis(250) * (1 << failures.min(8))).min(LONGEST_WAIT);
                    complain(&format!("the stream broke off ({}); trying again", status.message()));
                    clock.sleep(clock.jitter(wait, 0.2)).await;
                }
                End::Broken(status) => {
                    complain(&format!("the gateway refused: {}", status.message()));
                    return Exit::Refused;
                }
            }
        }
    }

    async fn follow(&self, channel: Channel, cursor: &mut Option<String>) -> End {
        match self.open(channel, cursor).await {
            Ok(end) => end,
            Err(status) => End::Broken(status),
        }
    }

    async fn open(&self, channel: Channel, cursor: &mut Option<String>) -> Result<End, Status> {
        let renderer = Renderer::for_stdout();
        let request = self.request(cursor.as_deref());
        let mut stream = EventServiceClient::new(channel).watch_events(request).await?.into_inner();
        while let Some(response) = stream.message().await? {
            let mut end = None;
            match response.message {
                Some(Message::Event(event)) => {
                    let line = format!("{}  {}", renderer.event(&event), event.subject);
                    if writeln!(std::io::stdout(), "{line}").is_err() {
                        return Ok(End::OutputClosed);
                    }
                }
                Some(Message::Closing(closing)) => {
                    let wait = closing.reconnect_after.and_then(|wait| Duration::try_from(wait).ok());
                    end = Some(End::Again(wait.unwrap_or_default()));
                }
                _ => {}
            }
            if let Some(file) = &self.cursor_file
                && let Err(error) = keep(file, &response.cursor)
            {
                return Ok(End::CursorNotKept(error));
            }
            *cursor = Some(response.cursor);
            if let Some(end) = end {
                return Ok(end);
            }
        }
        Ok(End::Again(Duration::ZERO))
    }

    fn request(&self, cursor: Option<&str>) -> WatchEventsRequest {
        let position = if self.earliest { StartPosition::Earliest } else { StartPosition::Latest };
        WatchEventsRequest {
            start: Some(match cursor {
                Some(cursor) => Start::AfterCursor(cursor.to_owned()),
                None => Start::StartPosition(position.into()),
            }),
            filter: Some(EventFilter {
                connections: self.connection.clone(),
                identifications: self.identification.clone(),
                types: self.types.iter().map(|kind| (*kind).into()).collect(),
                ..EventFilter::default()
            }),
            heartbeat_interval: None,
            consumer: "idv-gateway watch".to_owned(),
        }
    }

    fn kept_cursor(&self) -> std::io::Result<Option<String>> {
        let Some(file) = &self.cursor_file else { return Ok(None) };
        match fs::read_to_string(file) {
            Ok(text) => Ok(Some(text.trim().to_owned()).filter(|cursor| !cursor.is_empty())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// Replaces the file whole: a crash leaves the old cursor or the new one.
fn keep(file: &Path, cursor: &str) -> std::io::Result<()> {
    let mut next = file.as_os_str().to_owned();
    next.push(".next");
    let next = PathBuf::from(next);
    fs::write(&next, format!("{cursor}\n"))?;
    fs::rename(next, file)
}

fn comes_back(status: &Status) -> bool {
    matches!(
        status.code(),
        Code::Unavailable | Code::Unknown | Code::Cancelled | Code::Internal | Code::ResourceExhausted
    )
}

fn event_type(text: &str) -> Result<EventType, String> {
    let name = text.to_ascii_uppercase();
    let full = if name.starts_with("EVENT_TYPE_") { name } else { format!("EVENT_TYPE_{name}") };
    EventType::from_str_name(&full).ok_or_else(|| {
        "is not an event type; examples: IDENTIFICATION_CREATED, IDENTIFICATION_COMPLETED".to_owned()
    })
}
