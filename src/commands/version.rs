//! `--version`: what this binary was made of.

use std::sync::LazyLock;

/// The version, and everything that tells two builds of it apart. build.rs found it out.
pub(super) fn long() -> &'static str {
    static LONG: LazyLock<String> = LazyLock::new(|| {
        format!(
            "{version}\ncommit  {commit}\ndate    {date}\ntarget  {target}, {profile}\nrustc   {rustc}\nsqlite  {sqlite}",
            version = env!("CARGO_PKG_VERSION"),
            commit = env!("IDV_BUILD_COMMIT"),
            date = env!("IDV_BUILD_DATE"),
            target = env!("IDV_BUILD_TARGET"),
            profile = env!("IDV_BUILD_PROFILE"),
            rustc = env!("IDV_BUILD_RUSTC"),
            sqlite = rusqlite::version(),
        )
    });
    &LONG
}
