//! Faults as the command line writes them.

use std::num::NonZeroU32;
use std::str::FromStr;

use super::{Effect, Fault, Operation, elsewhere};

/// The command line's form: `WHERE=WHAT[:TIMES]`, for example `get=503:3`, `any=429/30` or `webhooks=delay/60`.
impl<O: Operation> FromStr for Fault<O> {
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
            _ => of_requests(named(place)?, name, option, times)?,
        };
        fault.check()?;
        Ok(fault)
    }
}

fn named<O: Operation>(name: &str) -> Result<O, String> {
    match O::NAMES.iter().find(|(known, _)| *known == name) {
        Some((_, operation)) => Ok(*operation),
        None => {
            let names: Vec<_> = O::NAMES.iter().map(|(name, _)| *name).collect();
            Err(format!("WHERE is {} or webhooks, not {name:?}", names.join(", ")))
        }
    }
}

fn of_requests<O>(
    operation: O,
    name: &str,
    option: Option<&str>,
    times: Option<NonZeroU32>,
) -> Result<Fault<O>, String> {
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

fn of_webhooks<O>(name: &str, option: Option<&str>, times: Option<NonZeroU32>) -> Result<Fault<O>, String> {
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Fault as AnyFault;
    use crate::sandbox::IdnowCall;

    type Fault = AnyFault<IdnowCall>;

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
