//! Compiles the contract under `proto/` without protoc: typed messages, service stubs, the encoded descriptor
//! set (custom options included) and a `Debug` that never prints a field marked with a `sensitivity`. Then stamps the
//! binary with what it is made of, without anything that would make two builds of one commit differ.

use std::env;
use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use prost_reflect::{DescriptorPool, FieldDescriptor, MessageDescriptor, OneofDescriptor};

const ROOT: &str = "proto";
const SENSITIVITY: &str = "idvgateway.options.v1.sensitivity";

/// What the binary is made of: the commit is "dirty" when one of these differs from it.
const MADE_OF: [&str; 5] = ["src", ROOT, "build.rs", "Cargo.toml", "Cargo.lock"];

fn main() -> Result<(), Box<dyn Error>> {
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?);
    let mut compiler = protox::Compiler::new([ROOT])?;
    compiler.include_source_info(true).include_imports(true).open_files(proto_files(Path::new(ROOT))?)?;

    // The typed set drops custom options; the encoded one keeps them.
    let encoded = compiler.encode_file_descriptor_set();
    fs::write(out.join("descriptors.binpb"), &encoded)?;
    let redacted = Redacted::find(&DescriptorPool::decode(encoded.as_slice())?);
    fs::write(out.join("redacted_debug.rs"), redacted.code()?)?;

    tonic_prost_build::configure()
        .include_file("contract.rs")
        .skip_debug(redacted.paths())
        // What a repeat is compared by must encode the same way every time.
        .btree_map(".idvgateway.v1.CreateIdentificationRequest")
        .btree_map(".idvgateway.v1.AdoptIdentificationRequest")
        .btree_map(".idvgateway.v1.UpdateIdentificationRequest")
        .compile_fds(compiler.file_descriptor_set())?;
    stamp();
    Ok(())
}

fn proto_files(folder: &Path) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            files.extend(proto_files(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "proto") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// The messages that hold a sensitive field, in a oneof or beside it. prost skips its own `Debug` for a message
/// together with all its oneofs, so both are written here.
struct Redacted(Vec<MessageDescriptor>);

impl Redacted {
    fn find(pool: &DescriptorPool) -> Self {
        let ours = pool.all_messages().filter(|message| message.package_name().starts_with("idvgateway"));
        Self(ours.filter(|message| message.fields().any(|field| sensitive(&field))).collect())
    }

    fn paths(&self) -> Vec<String> {
        self.0.iter().map(|message| format!(".{}", message.full_name())).collect()
    }

    fn code(&self) -> Result<String, Box<dyn Error>> {
        let names: Vec<_> = self.0.iter().map(MessageDescriptor::full_name).collect();
        let mut code = format!("pub const REDACTED: &[&str] = &{names:?};\n");
        for message in &self.0 {
            message_debug(&mut code, message)?;
            for oneof in message.oneofs().filter(|oneof| !oneof.is_synthetic()) {
                oneof_debug(&mut code, &oneof)?;
            }
        }
        Ok(code)
    }
}

fn message_debug(code: &mut String, message: &MessageDescriptor) -> std::fmt::Result {
    let mut body = format!("f.debug_struct({:?})", message.name());
    for field in message.fields().filter(own_member) {
        let name = field.name();
        if sensitive(&field) {
            write!(body, ".field({name:?}, &::core::format_args!(\"[redacted]\"))")?;
        } else {
            write!(body, ".field({name:?}, &self.{})", member(name))?;
        }
    }
    for oneof in message.oneofs().filter(|oneof| !oneof.is_synthetic()) {
        write!(body, ".field({:?}, &self.{})", oneof.name(), member(oneof.name()))?;
    }
    implement(code, &rust_path(message), &format!("{body}.finish()"))
}

fn oneof_debug(code: &mut String, oneof: &OneofDescriptor) -> std::fmt::Result {
    let mut arms = String::new();
    for field in oneof.fields() {
        let variant = pascal(field.name());
        if sensitive(&field) {
            write!(arms, "Self::{variant}(_) => f.write_str(\"{variant}([redacted])\"),")?;
        } else {
            write!(arms, "Self::{variant}(value) => f.debug_tuple({variant:?}).field(value).finish(),")?;
        }
    }
    let path = format!("{}::{}", rust_module(oneof.parent_message()), pascal(oneof.name()));
    implement(code, &path, &format!("match self {{ {arms} }}"))
}

fn implement(code: &mut String, path: &str, body: &str) -> std::fmt::Result {
    writeln!(
        code,
        "impl ::core::fmt::Debug for {path} {{\n    fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> \
         ::core::fmt::Result {{\n        {body}\n    }}\n}}"
    )
}

fn sensitive(field: &FieldDescriptor) -> bool {
    let options = field.options();
    let extension = field.parent_pool().get_extension_by_name(SENSITIVITY);
    extension.is_some_and(|extension| options.has_extension(&extension))
}

/// Whether prost makes a member of the struct for it. A proto3 `optional` is a oneof of its own in the
/// descriptor, but a plain member in Rust.
fn own_member(field: &FieldDescriptor) -> bool {
    field.containing_oneof().is_none_or(|oneof| oneof.is_synthetic())
}

fn member(name: &str) -> String {
    if matches!(name, "type" | "match" | "ref" | "move" | "in") {
        format!("r#{name}")
    } else {
        name.to_owned()
    }
}

fn rust_path(message: &MessageDescriptor) -> String {
    format!("{}::{}", message.package_name().replace('.', "::"), message.name())
}

/// The module prost makes for what is nested in a message.
fn rust_module(message: &MessageDescriptor) -> String {
    format!("{}::{}", message.package_name().replace('.', "::"), snake(message.name()))
}

fn pascal(name: &str) -> String {
    name.split('_').map(|word| word[..1].to_uppercase() + &word[1..]).collect()
}

fn snake(name: &str) -> String {
    let mut snake = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.extend(letter.to_lowercase());
    }
    snake
}

/// Sets `IDV_BUILD_*` for `env!`.
fn stamp() {
    let set = |name: &str, value: Option<String>| {
        println!("cargo::rustc-env=IDV_BUILD_{name}={}", value.as_deref().unwrap_or("unknown"));
    };
    set("COMMIT", said("IDV_BUILD_COMMIT").or_else(commit));
    set("DATE", said("SOURCE_DATE_EPOCH").or_else(|| git(&["log", "-1", "--format=%ct"])).and_then(date));
    set("TARGET", said("TARGET"));
    set("PROFILE", said("PROFILE"));
    let rustc = said("RUSTC").and_then(|rustc| output(&rustc, &["--version"]));
    set("RUSTC", rustc.map(|version| version.trim_start_matches("rustc ").to_owned()));
    for variable in ["IDV_BUILD_COMMIT", "SOURCE_DATE_EPOCH"] {
        println!("cargo::rerun-if-env-changed={variable}");
    }
    for path in MADE_OF {
        println!("cargo::rerun-if-changed={path}");
    }
    // Where HEAD points, every time it moved, and the branch itself where no such record is kept.
    let branch = git(&["symbolic-ref", "HEAD"]);
    for name in ["HEAD", "logs/HEAD"].into_iter().chain(branch.as_deref()) {
        // Cargo takes a file that is not there for one that has changed.
        if let Some(path) = git(&["rev-parse", "--git-path", name]).filter(|path| Path::new(path).exists()) {
            println!("cargo::rerun-if-changed={path}");
        }
    }
}

fn commit() -> Option<String> {
    let commit = git(&["rev-parse", "--short=12", "HEAD"])?;
    let changes = git(&[&["--no-optional-locks", "status", "--porcelain", "--"], &MADE_OF[..]].concat())?;
    Some(if changes.is_empty() { commit } else { format!("{commit}-dirty") })
}

/// `yyyy-mm-dd` of seconds since 1970, in UTC.
fn date(epoch: String) -> Option<String> {
    let seconds = epoch.parse().ok()?;
    let time = prost_reflect::prost_types::Timestamp { seconds, nanos: 0 }.to_string();
    time.split_once('T').map(|(date, _time)| date.to_owned())
}

fn said(variable: &str) -> Option<String> {
    env::var_os(variable)?.into_string().ok().filter(|value| !value.is_empty())
}

/// What git says of this folder. A copy without history may lie in somebody else's repository, which is not asked.
fn git(arguments: &[&str]) -> Option<String> {
    Path::new(".git").exists().then(|| output("git", arguments)).flatten()
}

fn output(program: &str, arguments: &[&str]) -> Option<String> {
    let output =
        Command::new(program).args(arguments).output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8(output.stdout).ok()?.trim().to_owned())
}
