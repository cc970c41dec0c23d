//! The rules, as functions from descriptors to faults. Each fault names what breaks the rule.

use std::collections::BTreeSet;

use prost_reflect::prost_types::method_options::IdempotencyLevel;
use prost_reflect::{
    DescriptorPool, DynamicMessage, EnumValueDescriptor, FieldDescriptor, MessageDescriptor,
    MethodDescriptor, Value,
};

const PERSONAL: i32 = 1;
const BIOMETRIC: i32 = 2;
const SECRET: i32 = 3;

/// Methods without a permission of the form `things.verb`.
pub(super) fn scopes(pool: &DescriptorPool) -> Vec<String> {
    let unscoped = methods(pool).into_iter().filter(|method| !is_scope(&policy_text(method, "scope")));
    unscoped.map(|method| format!("{} has no scope", method.full_name())).collect()
}

/// Methods that a caller cannot repeat: neither idempotent by nature nor by a `request_id`.
pub(super) fn repeatable(pool: &DescriptorPool, exceptions: &[&str]) -> Vec<String> {
    let unsafe_to_repeat: Vec<_> = methods(pool)
        .into_iter()
        .filter(|method| !has_idempotency_level(method) && !takes_request_id(method))
        .map(|method| method.full_name().to_owned())
        .collect();
    excused(unsafe_to_repeat, exceptions, "has neither an idempotency level nor a request_id")
}

/// Methods that take a `request_id` and do not say whether the answer is an earlier call's.
pub(super) fn replays_are_told(pool: &DescriptorPool) -> Vec<String> {
    methods(pool)
        .into_iter()
        .filter(|method| takes_request_id(method) && method.output().get_field_by_name("replayed").is_none())
        .map(|method| format!("{} does not tell a replay", method.full_name()))
        .collect()
}

/// Methods with one answer but no default deadline.
pub(super) fn deadlines(pool: &DescriptorPool) -> Vec<String> {
    methods(pool)
        .into_iter()
        .filter(|method| {
            !method.is_server_streaming() && policy_number(method, "default_deadline_seconds") < 1
        })
        .map(|method| format!("{} has no default deadline", method.full_name()))
        .collect()
}

/// Error reasons without code or retry; the unspecified one has none.
pub(super) fn reasons(pool: &DescriptorPool, reasons: &str) -> Vec<String> {
    let unexplained =
        reason_policies(pool, reasons).into_iter().filter(|(_, code, retry)| *code == 0 || *retry == 0);
    unexplained.map(|(reason, ..)| format!("{} has no code or no retry", reason.name())).collect()
}

/// Error reasons for which `table` (number to code and retry) says something else than the contract.
pub(super) fn reasons_disagreeing(
    pool: &DescriptorPool,
    reasons: &str,
    table: impl Fn(i32) -> Option<(i32, i32)>,
) -> Vec<String> {
    reason_policies(pool, reasons)
        .into_iter()
        .filter(|(reason, code, retry)| table(reason.number()) != Some((*code, *retry)))
        .map(|(reason, code, retry)| {
            format!("{} is {code}/{retry}, not {:?}", reason.name(), table(reason.number()))
        })
        .collect()
}

/// Sensitive fields that `message` can reach without passing one that is `stripped`.
pub(super) fn sensitive_in(pool: &DescriptorPool, message: &str, stripped: &[&str]) -> Vec<String> {
    let Some(root) = pool.get_message_by_name(message) else { return vec![format!("there is no {message}")] };
    let mut walk = Walk::new(&[PERSONAL, BIOMETRIC, SECRET], stripped);
    walk.enter(&root);
    let reached = walk.reached.iter().map(|field| format!("{message} reaches {field}"));
    reached.chain(walk.unmet().map(|field| format!("{message} never meets the stripped {field}"))).collect()
}

/// Methods whose answer reaches personal data without the flag, or has the flag without reaching any.
pub(super) fn personal_answers(pool: &DescriptorPool, stripped: &[&str], audited: &[&str]) -> Vec<String> {
    let (mut unflagged, mut idle) = (Vec::new(), Vec::new());
    for method in methods(pool) {
        let mut walk = Walk::new(&[PERSONAL, BIOMETRIC], stripped);
        walk.enter(&method.output());
        let flagged =
            policy(&method).is_some_and(|it| member(&it, "returns_personal_data").as_bool() == Some(true));
        match walk.reached.first() {
            Some(field) if !flagged => {
                unflagged.push(format!("{} reaches {field} unflagged", method.full_name()))
            }
            None if flagged => idle.push(method.full_name().to_owned()),
            _ => {}
        }
    }
    unflagged.extend(excused(idle, audited, "is flagged and reaches no personal data"));
    unflagged
}

/// Imports of anything but google/protobuf and the contract's own files.
pub(super) fn imports(pool: &DescriptorPool) -> Vec<String> {
    let mut faults = Vec::new();
    for file in pool.files().filter(|file| !file.name().starts_with("google/protobuf/")) {
        let foreign = file
            .dependencies()
            .filter(|it| !it.name().starts_with("google/protobuf/") && !it.name().starts_with("idvgateway/"));
        faults.extend(foreign.map(|it| format!("{} imports {}", file.name(), it.name())));
    }
    faults
}

/// Full names of the messages with a sensitive field of their own.
pub(super) fn sensitive_messages(pool: &DescriptorPool) -> BTreeSet<String> {
    let messages =
        pool.all_messages().filter(|message| message.fields().any(|field| sensitivity(&field) != 0));
    messages.map(|message| message.full_name().to_owned()).collect()
}

/// Everything reachable from a message, through fields, oneofs, lists and maps.
struct Walk<'a> {
    wanted: &'a [i32],
    stripped: &'a [&'a str],
    seen: BTreeSet<String>,
    met: BTreeSet<String>,
    reached: Vec<String>,
}

impl<'a> Walk<'a> {
    fn new(wanted: &'a [i32], stripped: &'a [&'a str]) -> Self {
        Self { wanted, stripped, seen: BTreeSet::new(), met: BTreeSet::new(), reached: Vec::new() }
    }

    fn enter(&mut self, message: &MessageDescriptor) {
        if !self.seen.insert(message.full_name().to_owned()) {
            return;
        }
        for field in message.fields() {
            if self.stripped.contains(&field.full_name()) {
                self.met.insert(field.full_name().to_owned());
                continue;
            }
            if self.wanted.contains(&sensitivity(&field)) {
                self.reached.push(field.full_name().to_owned());
            }
            if let Some(inner) = field.kind().as_message() {
                self.enter(inner);
            }
        }
    }

    /// Stripped fields that are not on the way at all: the exception is stale.
    fn unmet(&self) -> impl Iterator<Item = &&str> {
        self.stripped.iter().filter(|field| !self.met.contains(**field))
    }
}

/// `names` but for the exceptions, and the exceptions that are none.
fn excused(names: Vec<String>, exceptions: &[&str], fault: &str) -> Vec<String> {
    let stale = exceptions.iter().filter(|it| !names.iter().any(|name| name == *it));
    let stale: Vec<_> = stale.map(|it| format!("{it} is listed as an exception and is none")).collect();
    let broken = names.iter().filter(|name| !exceptions.contains(&name.as_str()));
    broken.map(|name| format!("{name} {fault}")).chain(stale).collect()
}

fn methods(pool: &DescriptorPool) -> Vec<MethodDescriptor> {
    pool.services().flat_map(|service| service.methods().collect::<Vec<_>>()).collect()
}

fn is_scope(text: &str) -> bool {
    let word = |part: &str| !part.is_empty() && part.chars().all(|it| it.is_ascii_lowercase() || it == '-');
    text.split_once('.').is_some_and(|(things, verb)| word(things) && word(verb))
}

fn has_idempotency_level(method: &MethodDescriptor) -> bool {
    let options = method.method_descriptor_proto().options.as_ref();
    options.is_some_and(|it| it.idempotency_level() != IdempotencyLevel::IdempotencyUnknown)
}

/// Whether the request, or the header of a stream of them, has a `request_id`.
fn takes_request_id(method: &MethodDescriptor) -> bool {
    let request = if method.is_client_streaming() {
        let header = method.input().get_field_by_name("header").map(|field| field.kind());
        header.and_then(|kind| kind.as_message().cloned())
    } else {
        Some(method.input())
    };
    request.is_some_and(|it| it.get_field_by_name("request_id").is_some())
}

fn sensitivity(field: &FieldDescriptor) -> i32 {
    let marked = extension(field.parent_pool(), &field.options(), "sensitivity");
    marked.and_then(|value| value.as_enum_number()).unwrap_or_default()
}

fn policy(method: &MethodDescriptor) -> Option<DynamicMessage> {
    extension(method.parent_pool(), &method.options(), "policy")?.as_message().cloned()
}

fn policy_text(method: &MethodDescriptor, name: &str) -> String {
    let text = policy(method).and_then(|it| member(&it, name).as_str().map(str::to_owned));
    text.unwrap_or_default()
}

fn policy_number(method: &MethodDescriptor, name: &str) -> i32 {
    policy(method).and_then(|it| member(&it, name).as_i32()).unwrap_or_default()
}

/// Every reason but the unspecified one, with its code and its retry; 0 where there is none.
fn reason_policies(pool: &DescriptorPool, reasons: &str) -> Vec<(EnumValueDescriptor, i32, i32)> {
    let reasons = pool.get_enum_by_name(reasons).expect("the reasons are there");
    let named = reasons.values().filter(|reason| reason.number() != 0);
    named
        .map(|reason| {
            let policy = extension(pool, &reason.options(), "error").and_then(|it| it.as_message().cloned());
            let number =
                |name| policy.as_ref().and_then(|it| member(it, name).as_enum_number()).unwrap_or_default();
            let (code, retry) = (number("code"), number("retry"));
            (reason, code, retry)
        })
        .collect()
}

fn extension(pool: &DescriptorPool, options: &DynamicMessage, name: &str) -> Option<Value> {
    let extension = pool.get_extension_by_name(&format!("idvgateway.options.v1.{name}"))?;
    options.has_extension(&extension).then(|| options.get_extension(&extension).into_owned())
}

fn member(message: &DynamicMessage, name: &str) -> Value {
    message.get_field_by_name(name).expect("the options have this member").into_owned()
}
