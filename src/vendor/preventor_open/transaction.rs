//! Monetary transactions as the compliance platform is told of them. Amounts and rates are the texts that the caller
//! wrote: no number that a computer would round.

use prost_types::Timestamp;

use crate::proto::onboarding::Transaction;
use crate::vendor::preventor_open::body::{Body, Texts, path};

const TEXTS: Texts<Transaction> = &[
    ("id", "transaction_id", |transaction| &transaction.transaction_id),
    ("routing_number", "routing_number", |transaction| &transaction.routing_number),
    ("product_code", "product_code", |transaction| &transaction.product_code),
    ("account_number", "account_number", |transaction| &transaction.account_number),
    ("account_balance_after_posting", "balance_after_posting", |it| &it.balance_after_posting),
    ("account_balance_hold", "balance_hold", |transaction| &transaction.balance_hold),
    ("account_balance_available", "balance_available", |transaction| &transaction.balance_available),
    ("account_balance_aggregate", "balance_aggregate", |transaction| &transaction.balance_aggregate),
    ("trans_code", "code", |transaction| &transaction.code),
    ("trans_amount", "amount", |transaction| &transaction.amount),
    ("trans_currency", "currency_code", |transaction| &transaction.currency_code),
    ("trans_exchange_rate", "exchange_rate", |transaction| &transaction.exchange_rate),
    ("account_trans_amount", "account_amount", |transaction| &transaction.account_amount),
    ("trans_base_rate", "base_rate", |transaction| &transaction.base_rate),
    ("trans_base_amount", "base_amount", |transaction| &transaction.base_amount),
    ("customer_trans_id", "customer_transaction_id", |it| &it.customer_transaction_id),
    ("trans_reference", "reference", |transaction| &transaction.reference),
    ("trans_hash", "hash", |transaction| &transaction.hash),
    ("trans_ach_id", "ach_id", |transaction| &transaction.ach_id),
    ("trans_description", "description", |transaction| &transaction.description),
    ("trans_cash", "cash", |transaction| &transaction.cash),
    ("trans_cash_back", "cash_back", |transaction| &transaction.cash_back),
    ("trans_no_cash", "no_cash", |transaction| &transaction.no_cash),
];

/// The vendor's names of the times, ours, and what stands there.
fn times(transaction: &Transaction) -> [(&'static str, &'static str, Option<&Timestamp>); 2] {
    [
        ("trans_posting_date", "post_time", transaction.post_time.as_ref()),
        ("trans_effective_date", "effective_time", transaction.effective_time.as_ref()),
    ]
}

/// The path in a request of what the vendor calls `name`.
pub(super) fn field(name: &str) -> Option<String> {
    let others = times(&Transaction::default()).map(|(theirs, ours, _)| (theirs, ours));
    path("transaction", TEXTS, &others, name)
}

/// What the vendor is told: everything that is set.
pub(super) fn body(transaction: &Transaction) -> Body {
    let body = Body::default().texts(TEXTS, transaction, |_name, is_set| is_set);
    times(transaction).into_iter().fold(body, |body, (theirs, _, time)| match time {
        Some(time) => body.text(theirs, written(time)),
        None => body,
    })
}

/// A time as the vendor writes it: milliseconds, always. What is finer is cut off.
fn written(time: &Timestamp) -> String {
    let seconds = Timestamp { seconds: time.seconds, nanos: 0 }.to_string();
    format!("{}.{:03}Z", seconds.trim_end_matches('Z'), time.nanos / 1_000_000)
}
