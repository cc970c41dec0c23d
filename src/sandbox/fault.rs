//! What can be made to go wrong, as the control API and the command line write it.

use std::num::NonZeroU32;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Longest wait a fault can ask for, in seconds.
const LONGEST_WAIT: u32 = 86_400;
const MOST_COPIES: u32 = 100;
/// Longest body a fault can answer with, in bytes.
const LONGEST_BODY: usize = 64 * 1024;

/// One fault. `times` is how many requests or webhooks it meets; without it all of them, until it is cleared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Fault {
    /// Answers with a server error.
    Status {
        /// Which requests.
        #[serde(default)]
        operation: Operation,
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
        operation: Operation,
        /// Seconds in the answer's `Retry-After`; without it the answer has none.
        retry_after: Option<u32>,
        /// Writes `Retry-After` as the HTTP date that comes so many seconds from now.
        #[serde(default)]
        as_date: bool,
        /// How often.
        times: Option<NonZeroU32>,
    },
    /// Answers 401 `INVALID_LOGIN_TOKEN`, whatever the token.
    Unauthorized {
        /// Which requests.
        #[serde(default)]
        operation: Operation,
        /// How often.
        times: Option<NonZeroU32>,
    },
    /// Takes the request and does not answer until the fault is cleared; then it answers the truth.
    Hang {
        /// Which requests.
        #[serde(default)]
        operation: Operation,
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
        operation: Operation,
        /// How often.
        times: Option<NonZeroU32>,
    },
    /// Carries the request out and sends the body of the answer in ten pieces.
    Slow {
        /// Which requests.
        #[serde(default)]
        operation: Operation,
        /// Seconds before each piece, 1 to 86400.
        seconds: u32,
        /// How often.
        times: Option<NonZeroU32>,
    },
    /// Answers 200 and a page for people.
    Page {
        /// Which requests.
        #[serde(default)]
        operation: Operation,
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
        operation: Operation,
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
        operation: Operation,
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
        operation: Operation,
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

/// Which requests a fault meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// Logins.
    Login,
    /// Creations and updates of identifications.
    Start,
    /// Questions for a result.
    Get,
    /// Lists of identifications.
    List,
    /// The files of a result.
    File,
    /// Deletions.
    Delete,
    /// Copies.
    Copy,
    /// Archivings.
    Archive,
    /// All that documents are signed with.
    Sign,
    /// All of these, and whatever else the vendor's API has.
    #[default]
    Any,
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

impl Fault {
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
    pub fn operation(&self) -> Option<Operation> {
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

/// The command line's form: `WHERE=WHAT[:TIMES]`, for example `get=503:3`, `any=429/30` or `webhooks=delay/60`.
impl FromStr for Fault {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (place, rest) = text
            .split_once('=')
            .ok_or_else(|| "a fault is WHERE=WHAT[:TIMES], for example get=503:3".to_owned())?;
        let (what, times) = match rest.split_once(':') {
            None => (rest, None),
            Some((what, times)) => {
                let number = times.parse().map_err(|_no_number| {
                    format!("TIMES, after the colon, is a number above 0, not {times:?}")
                })?;
                (what, Some(number))
            }
        };
        let (name, option) = match what.split_once('/') {
            None => (what, None),
            Some((name, option)) => (name, Some(option)),
        };
        let fault = match place {
            "webhooks" => of_webhooks(name, option, times)?,
            _ => of_requests(Operation::named(place)?, name, option, times)?,
        };
        fault.check()?;
        Ok(fault)
    }
}

impl Operation {
    fn named(name: &str) -> Result<Self, String> {
        Ok(match name {
            "login" => Self::Login,
            "start" => Self::Start,
            "get" => Self::Get,
            "list" => Self::List,
            "file" => Self::File,
            "delete" => Self::Delete,
            "copy" => Self::Copy,
            "archive" => Self::Archive,
            "sign" => Self::Sign,
            "any" => Self::Any,
            _ => {
                return Err(format!(
                    "WHERE is login, start, get, list, file, delete, copy, archive, sign, any or webhooks, not {name:?}"
                ));
            }
        })
    }
}

fn of_requests(
    operation: Operation,
    name: &str,
    option: Option<&str>,
    times: Option<NonZeroU32>,
) -> Result<Fault, String> {
    let effect = || match option {
        None => Ok(Effect::Before),
        Some("after") => Ok(Effect::After),
        Some(other) => Err(format!("{name} may be followed by /after, not by /{other}")),
    };
    match name {
        "429" => {
            let retry_after = option.map(|text| seconds(name, Some(text))).transpose()?;
            Ok(Fault::RateLimit { operation, retry_after, as_date: false, times })
        }
        "401" => plain(name, option).map(|()| Fault::Unauthorized { operation, times }),
        "hang" => Ok(Fault::Hang { operation, effect: effect()?, times }),
        "half-body" => plain(name, option).map(|()| Fault::HalfBody { operation, times }),
        "slow" => Ok(Fault::Slow { operation, seconds: seconds(name, option)?, times }),
        "page" => Ok(Fault::Page { operation, effect: effect()?, times }),
        "empty" => Ok(Fault::Empty { operation, effect: effect()?, times }),
        "redirect" => Ok(Fault::Redirect { operation, location: elsewhere(), effect: effect()?, times }),
        _ => match name.parse() {
            Ok(status @ 500..=599) => Ok(Fault::Status { operation, status, effect: effect()?, times }),
            _ => Err(format!(
                "WHAT is 500 to 599, 429, 401, hang, half-body, slow, page, empty or redirect, not {name:?}"
            )),
        },
    }
}

fn of_webhooks(name: &str, option: Option<&str>, times: Option<NonZeroU32>) -> Result<Fault, String> {
    match name {
        "duplicate" => {
            Ok(Fault::WebhookDuplicate { copies: option.map_or(Ok(1), |text| number(name, text))?, times })
        }
        "delay" => Ok(Fault::WebhookDelay { seconds: seconds(name, option)?, times }),
        "reorder" => plain(name, option).map(|()| Fault::WebhookReorder { times }),
        "drop" => plain(name, option).map(|()| Fault::WebhookDrop { times }),
        "blackout" => match times {
            None => Ok(Fault::WebhookBlackout { seconds: seconds(name, option)? }),
            Some(_) => Err("blackout has an end of its own and takes no TIMES".to_owned()),
        },
        _ => Err(format!("WHAT, for webhooks, is duplicate, delay, reorder, drop or blackout, not {name:?}")),
    }
}

fn plain(name: &str, option: Option<&str>) -> Result<(), String> {
    option.map_or(Ok(()), |option| Err(format!("{name} stands alone, without /{option}")))
}

fn seconds(name: &str, option: Option<&str>) -> Result<u32, String> {
    let text = option.ok_or_else(|| format!("{name} needs seconds: {name}/30"))?;
    number(name, text)
}

fn number(name: &str, text: &str) -> Result<u32, String> {
    text.parse().map_err(|_no_number| format!("{name} is followed by / and a whole number, not {text:?}"))
}

/// A host that cannot exist.
fn elsewhere() -> String {
    "https://elsewhere.invalid/".to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Fault;

    #[track_caller]
    fn same(line: &str, object: serde_json::Value) {
        let written: Fault = serde_json::from_value(object).unwrap();
        assert_eq!(line.parse(), Ok(written));
    }

    #[test]
    fn the_command_lines_form_means_what_the_control_api_says() {
        same("get=503:3", json!({ "kind": "status", "operation": "get", "status": 503, "times": 3 }));
        let lost = json!({ "kind": "status", "operation": "start", "status": 500, "effect": "after" });
        same("start=500/after", lost);
        same("any=429", json!({ "kind": "rate_limit" }));
        same("any=429/30", json!({ "kind": "rate_limit", "retry_after": 30 }));
        same("login=401:1", json!({ "kind": "unauthorized", "operation": "login", "times": 1 }));
        same("any=hang/after:2", json!({ "kind": "hang", "effect": "after", "times": 2 }));
        same("any=half-body", json!({ "kind": "half_body" }));
        same("any=slow/5", json!({ "kind": "slow", "seconds": 5 }));
        same("any=page", json!({ "kind": "page" }));
        same("any=empty", json!({ "kind": "empty" }));
        same("any=redirect", json!({ "kind": "redirect" }));
        same("webhooks=duplicate", json!({ "kind": "webhook_duplicate", "copies": 1 }));
        same("webhooks=duplicate/4", json!({ "kind": "webhook_duplicate", "copies": 4 }));
        same("webhooks=delay/60", json!({ "kind": "webhook_delay", "seconds": 60 }));
        same("webhooks=reorder", json!({ "kind": "webhook_reorder" }));
        same("webhooks=blackout/7200", json!({ "kind": "webhook_blackout", "seconds": 7200 }));
        for place in ["list", "file", "delete", "copy", "archive", "sign"] {
            let object = json!({ "kind": "status", "operation": place, "status": 503 });
            same(&format!("{place}=503"), object);
        }
        same("webhooks=drop:2", json!({ "kind": "webhook_drop", "times": 2 }));
    }

    #[test]
    fn what_cannot_be_read_is_told_precisely() {
        for (line, sentence) in [
            ("get", "a fault is WHERE=WHAT[:TIMES], for example get=503:3"),
            (
                "put=503",
                "WHERE is login, start, get, list, file, delete, copy, archive, sign, any or webhooks, not \"put\"",
            ),
            ("get=503:0", "TIMES, after the colon, is a number above 0, not \"0\""),
            ("get=503:", "TIMES, after the colon, is a number above 0, not \"\""),
            ("get=503/before", "503 may be followed by /after, not by /before"),
            ("get=hang/5", "hang may be followed by /after, not by /5"),
            ("get=429/soon", "429 is followed by / and a whole number, not \"soon\""),
            ("get=slow", "slow needs seconds: slow/30"),
            ("get=slow/0", "`seconds` is 1 to 86400, not 0"),
            ("get=401/x", "401 stands alone, without /x"),
            (
                "get=404",
                "WHAT is 500 to 599, 429, 401, hang, half-body, slow, page, empty or redirect, not \"404\"",
            ),
            (
                "webhooks=503",
                "WHAT, for webhooks, is duplicate, delay, reorder, drop or blackout, not \"503\"",
            ),
            ("webhooks=blackout/9:2", "blackout has an end of its own and takes no TIMES"),
            ("webhooks=duplicate/101", "`copies` is 1 to 100, not 101"),
        ] {
            assert_eq!(line.parse::<Fault>(), Err(sentence.to_owned()), "{line}");
        }
    }
}
