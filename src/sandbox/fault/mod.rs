//! What can be made to go wrong, as the control API and the command line write it.

mod answer;
mod board;
mod line;

use std::fmt::Debug;
use std::num::NonZeroU32;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

pub(super) use answer::interfere;
pub(super) use board::{Detour, Faults};

/// Longest wait a fault can ask for, in seconds.
const LONGEST_WAIT: u32 = 86_400;
const MOST_COPIES: u32 = 100;
/// Longest body a fault can answer with, in bytes.
const LONGEST_BODY: usize = 64 * 1024;

/// One fault of a vendor whose requests are told apart by `O`. `times` is how many requests or webhooks it meets; without it all of them, until it is cleared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields, bound = "O: Operation")]
pub enum Fault<O> {
    /// Answers with a server error.
    Status {
        /// Which requests.
        #[serde(default)]
        operation: O,
        /// 500 to 599.
        status: u16,
        /// Whether the request is carried out.
        #[serde(default)]
        effect: Effect,
        /// How often.
        times: Option<NonZeroU32>,
    },
    /// Answers 429.
    RateLimit {
        /// Which requests.
        #[serde(default)]
        operation: O,
        /// Seconds in the answer's `Retry-After`; without it the answer has none.
        retry_after: Option<u32>,
        /// Writes `Retry-After` as the HTTP date that comes so many seconds from now.
        #[serde(default)]
        as_date: bool,
        /// How often.
        times: Option<NonZeroU32>,
    },
    /// Answers as to a wrong token, whatever the token.
    Unauthorized {
        /// Which requests.
        #[serde(default)]
        operation: O,
        /// How often.
        times: Option<NonZeroU32>,
    },
    /// Takes the request and does not answer until the fault is cleared; then it answers the truth.
    Hang {
        /// Which requests.
        #[serde(default)]
        operation: O,
        /// Whether the request is carried out first, or only once the fault is cleared.
        #[serde(default)]
        effect: Effect,
        /// How often.
        times: Option<NonZeroU32>,
    },
    /// Carries the request out, announces the whole answer, sends half of its body and closes the connection.
    HalfBody {
        /// Which requests.
        #[serde(default)]
        operation: O,
        /// How often.
        times: Option<NonZeroU32>,
    },
    /// Carries the request out and sends the body of the answer in ten pieces.
    Slow {
        /// Which requests.
        #[serde(default)]
        operation: O,
        /// Seconds before each piece, 1 to 86400.
        seconds: u32,
        /// How often.
        times: Option<NonZeroU32>,
    },
    /// Answers 200 and a page for people.
    Page {
        /// Which requests.
        #[serde(default)]
        operation: O,
        /// Whether the request is carried out.
        #[serde(default)]
        effect: Effect,
        /// How often.
        times: Option<NonZeroU32>,
    },
    /// Answers 200 and nothing.
    Empty {
        /// Which requests.
        #[serde(default)]
        operation: O,
        /// Whether the request is carried out.
        #[serde(default)]
        effect: Effect,
        /// How often.
        times: Option<NonZeroU32>,
    },
    /// Answers 200 and `text`, said to be JSON.
    Body {
        /// Which requests.
        #[serde(default)]
        operation: O,
        /// The body, up to 64 KiB.
        text: String,
        /// Whether the request is carried out.
        #[serde(default)]
        effect: Effect,
        /// How often.
        times: Option<NonZeroU32>,
    },
    /// Answers 307.
    Redirect {
        /// Which requests.
        #[serde(default)]
        operation: O,
        /// The `Location`, an absolute http or https URL.
        #[serde(default = "elsewhere")]
        location: String,
        /// Whether the request is carried out.
        #[serde(default)]
        effect: Effect,
        /// How often.
        times: Option<NonZeroU32>,
    },
    /// Sends a webhook and `copies` more of it side by side.
    WebhookDuplicate {
        /// 1 to 100.
        copies: u32,
        /// How often.
        times: Option<NonZeroU32>,
    },
    /// Sends a webhook late. Later ones of the same identification do not wait for it.
    WebhookDelay {
        /// 1 to 86400.
        seconds: u32,
        /// How often.
        times: Option<NonZeroU32>,
    },
    /// Holds a webhook back until the next one of the same identification went out.
    WebhookReorder {
        /// How often.
        times: Option<NonZeroU32>,
    },
    /// Never sends a webhook.
    WebhookDrop {
        /// How often.
        times: Option<NonZeroU32>,
    },
    /// Never sends a webhook for a while.
    WebhookBlackout {
        /// How long from now, 1 to 86400.
        seconds: u32,
    },
}

/// Which requests of a vendor's a fault meets. The default is all of them, and whatever else its API has.
pub trait Operation:
    Copy + Debug + Default + DeserializeOwned + PartialEq + Send + Serialize + Sync + 'static
{
    /// Each by its name on the command line and in JSON, the default last.
    const NAMES: &'static [(&'static str, Self)];
}

/// When a request takes effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// The fault comes before it: nothing is carried out.
    #[default]
    Before,
    /// The fault comes after it: the request is carried out, and its answer is lost.
    After,
}

impl<O: Operation> Fault<O> {
    /// How many requests or webhooks it meets; `None` is all of them.
    pub fn times(&self) -> Option<u32> {
        let times = match self {
            Self::Status { times, .. }
            | Self::RateLimit { times, .. }
            | Self::Unauthorized { times, .. }
            | Self::Hang { times, .. }
            | Self::HalfBody { times, .. }
            | Self::Slow { times, .. }
            | Self::Page { times, .. }
            | Self::Empty { times, .. }
            | Self::Body { times, .. }
            | Self::Redirect { times, .. }
            | Self::WebhookDuplicate { times, .. }
            | Self::WebhookDelay { times, .. }
            | Self::WebhookReorder { times }
            | Self::WebhookDrop { times } => times,
            Self::WebhookBlackout { .. } => &None,
        };
        times.map(NonZeroU32::get)
    }

    /// The requests it meets; `None` for a fault of webhooks.
    pub fn operation(&self) -> Option<O> {
        match self {
            Self::Status { operation, .. }
            | Self::RateLimit { operation, .. }
            | Self::Unauthorized { operation, .. }
            | Self::Hang { operation, .. }
            | Self::HalfBody { operation, .. }
            | Self::Slow { operation, .. }
            | Self::Page { operation, .. }
            | Self::Empty { operation, .. }
            | Self::Body { operation, .. }
            | Self::Redirect { operation, .. } => Some(*operation),
            Self::WebhookDuplicate { .. }
            | Self::WebhookDelay { .. }
            | Self::WebhookReorder { .. }
            | Self::WebhookDrop { .. }
            | Self::WebhookBlackout { .. } => None,
        }
    }

    /// Says what no type can say about it.
    ///
    /// # Errors
    /// A sentence that names the member and what it may be.
    pub fn check(&self) -> Result<(), String> {
        let within = |name: &str, value: u32, most: u32| match value {
            value if (1..=most).contains(&value) => Ok(()),
            _ => Err(format!("`{name}` is 1 to {most}, not {value}")),
        };
        match self {
            Self::Status { status, .. } if !(500..=599).contains(status) => {
                Err(format!("`status` is 500 to 599, not {status}"))
            }
            Self::RateLimit { as_date: true, retry_after: None, .. } => {
                Err("`as_date` needs `retry_after`: the seconds until that date".to_owned())
            }
            Self::RateLimit { retry_after: Some(seconds), .. } if *seconds > LONGEST_WAIT => {
                Err(format!("`retry_after` is 0 to {LONGEST_WAIT}, not {seconds}"))
            }
            Self::Slow { seconds, .. }
            | Self::WebhookDelay { seconds, .. }
            | Self::WebhookBlackout { seconds } => within("seconds", *seconds, LONGEST_WAIT),
            Self::WebhookDuplicate { copies, .. } => within("copies", *copies, MOST_COPIES),
            Self::Body { text, .. } if text.len() > LONGEST_BODY => {
                Err(format!("`text` is at most {LONGEST_BODY} bytes long, not {}", text.len()))
            }
            Self::Redirect { location, .. } => {
                let url = reqwest::Url::parse(location);
                match url.is_ok_and(|url| matches!(url.scheme(), "http" | "https")) {
                    true => Ok(()),
                    false => Err("`location` is an absolute http or https URL".to_owned()),
                }
            }
            _ => Ok(()),
        }
    }
}

/// A host that cannot exist.
fn elsewhere() -> String {
    "https://elsewhere.invalid/".to_owned()
}
