//! Calls that carry the token of one login, which all callers share.

use std::sync::Arc;

use futures::future::BoxFuture;
use http::{HeaderName, HeaderValue};

use crate::clock::Clock;
use crate::error::{Error, Result};
use crate::vendor::kit::http::{Answer, Call, Opened};
use crate::vendor::kit::line::Line;
use crate::vendor::kit::token::{Issued, Token, TokenCache, TokenRules};

/// An account that is signed in.
pub struct Session {
    line: Arc<Line>,
    clock: Clock,
    dialect: Dialect,
    tokens: TokenCache<HeaderValue>,
}

/// How a vendor takes a token, and how it says that it does not.
#[derive(Debug, Clone)]
pub struct Dialect {
    /// The header field of the token.
    pub header: HeaderName,
    /// How long a token is used.
    pub rules: TokenRules,
    /// The error of an answer which says that the vendor is not able to answer now.
    pub passing: fn(&Answer) -> Option<Error>,
    /// Whether an answer says that the token is not taken (any more).
    pub wants_login: fn(&Answer) -> bool,
}

impl Session {
    /// A session over `line` that gets its tokens, as they stand in the header field, from `login`.
    pub fn new(
        line: Arc<Line>,
        clock: Clock,
        dialect: Dialect,
        login: impl Fn() -> BoxFuture<'static, Result<Issued<HeaderValue>>> + Send + Sync + 'static,
    ) -> Self {
        let tokens = TokenCache::new(clock.clone(), dialect.rules, login);
        Self { line, clock, dialect, tokens }
    }

    /// Makes `call` with the token; when that is refused, once more with a new one.
    pub async fn call(&self, call: Call) -> Result<Answer> {
        let send = |call: Call| async move { self.line.send(&call, self.dialect.passing).await };
        self.signed_in(call, send, self.dialect.wants_login).await
    }

    /// Opens a file with the token; when that is refused, once more with a new one.
    pub async fn open(&self, call: Call) -> Result<Opened> {
        let open = |call: Call| async move { self.line.open(&call, self.dialect.passing).await };
        let refuses =
            |opened: &Opened| matches!(opened, Opened::Answer(answer) if (self.dialect.wants_login)(answer));
        self.signed_in(call, open, refuses).await
    }

    async fn signed_in<T, F: Future<Output = Result<T>>>(
        &self,
        call: Call,
        send: impl Fn(Call) -> F,
        refuses: impl Fn(&T) -> bool,
    ) -> Result<T> {
        let call = self.line.begin(call);
        let (deadline, operation) = (self.line.deadline(&call), call.operation());
        let token = deadline.hold(&self.clock, operation, self.tokens.get()).await?;
        let said = send(self.with(&call, &token)).await?;
        if !refuses(&said) {
            token.worked();
            return Ok(said);
        }
        let another = deadline.hold(&self.clock, operation, self.tokens.replace(&token)).await?;
        let Some(token) = another else { return Ok(said) };
        let said = send(self.with(&call, &token)).await?;
        if !refuses(&said) {
            token.worked();
        }
        Ok(said)
    }

    fn with(&self, call: &Call, token: &Token<HeaderValue>) -> Call {
        call.clone().secret_header(self.dialect.header.clone(), token.value.clone())
    }
}
