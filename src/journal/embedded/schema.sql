-- Times are nanoseconds (_ns) or milliseconds (_ms) since 1970. Vendor identifiers are compared in lower case.

CREATE TABLE meta (
  name TEXT PRIMARY KEY,
  value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE entries (
  position INTEGER PRIMARY KEY,
  record_time_ms INTEGER NOT NULL,
  -- First 16 bytes of SHA-256 over position and bytes.
  checksum BLOB NOT NULL,
  bytes BLOB NOT NULL
) STRICT;

-- One row: the newest entry that was removed; position 0 as long as there is none.
CREATE TABLE truncated (
  number INTEGER PRIMARY KEY CHECK (number = 1),
  position INTEGER NOT NULL,
  place_check BLOB NOT NULL
) STRICT;
INSERT INTO truncated (number, position, place_check) VALUES (1, 0, x'00000000');

CREATE TABLE records (
  -- In the order in which they were first recorded; never changes.
  number INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  connection TEXT NOT NULL,
  version INTEGER NOT NULL,
  state INTEGER NOT NULL,
  live INTEGER NOT NULL,
  vendor_id TEXT NOT NULL,
  vendor_reference TEXT NOT NULL,
  external_reference TEXT NOT NULL,
  update_time_ns INTEGER NOT NULL,
  identification BLOB NOT NULL,
  memory BLOB NOT NULL,
  checksum BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX records_live_reference ON records (connection, vendor_reference)
  WHERE live AND vendor_reference <> '';
CREATE INDEX records_vendor_reference ON records (vendor_reference, connection) WHERE vendor_reference <> '';
CREATE INDEX records_vendor_id ON records (vendor_id, connection) WHERE vendor_id <> '';
-- For lists: SQLite ends every index with the number, which is the rowid.
CREATE INDEX records_connection ON records (connection);
CREATE INDEX records_external_reference ON records (external_reference, connection) WHERE external_reference <> '';
CREATE INDEX records_update_time ON records (update_time_ns);
CREATE INDEX records_state ON records (state);

-- The vendor's verification records of each identification.
CREATE TABLE record_tickets (
  connection TEXT NOT NULL,
  ticket TEXT NOT NULL,
  record INTEGER NOT NULL REFERENCES records (number) ON DELETE CASCADE,
  PRIMARY KEY (record, ticket)
) STRICT, WITHOUT ROWID;
CREATE INDEX record_tickets_ticket ON record_tickets (ticket, connection);

CREATE TABLE deliveries (
  number INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  connection TEXT NOT NULL,
  state INTEGER NOT NULL,
  receive_time_ns INTEGER NOT NULL,
  body_sha256 BLOB NOT NULL,
  source_ip TEXT NOT NULL,
  failure TEXT NOT NULL,
  duplicate_count INTEGER NOT NULL,
  -- UUIDs, 16 bytes each.
  event_ids BLOB NOT NULL,
  -- JSON lists.
  subjects TEXT NOT NULL,
  waits_for TEXT NOT NULL,
  told TEXT NOT NULL,
  replays INTEGER NOT NULL
) STRICT;
-- Newest first: SQLite ends every index with the rowid.
CREATE INDEX deliveries_connection ON deliveries (connection);
CREATE INDEX deliveries_body ON deliveries (connection, body_sha256);
-- What those that are CONFIRMING are asked about.
CREATE INDEX deliveries_confirming ON deliveries (subjects ->> '$[#-1].name') WHERE state = 7;

-- Only of deliveries that are UNMATCHED.
CREATE TABLE delivery_waits (
  connection TEXT NOT NULL,
  vendor_id TEXT NOT NULL,
  delivery INTEGER NOT NULL REFERENCES deliveries (number) ON DELETE CASCADE,
  PRIMARY KEY (connection, vendor_id, delivery)
) STRICT, WITHOUT ROWID;
CREATE INDEX delivery_waits_delivery ON delivery_waits (delivery);

CREATE TABLE requests (
  caller TEXT NOT NULL,
  method TEXT NOT NULL,
  request_id BLOB NOT NULL,
  payload_mac BLOB NOT NULL,
  subject TEXT NOT NULL,
  answer BLOB,
  position INTEGER,
  keep_until_ns INTEGER,
  PRIMARY KEY (caller, method, request_id)
) STRICT;
CREATE INDEX requests_keep_until ON requests (keep_until_ns) WHERE keep_until_ns IS NOT NULL;

CREATE TABLE dedupe (
  key TEXT PRIMARY KEY,
  position INTEGER NOT NULL,
  place_check BLOB NOT NULL,
  keep_until_ns INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX dedupe_keep_until ON dedupe (keep_until_ns);

-- Apart from the bodies: deleting a key shreds the item.
CREATE TABLE sealed_keys (
  item TEXT PRIMARY KEY,
  master_key TEXT NOT NULL,
  wrapped_key BLOB NOT NULL
) STRICT;

-- Erasing any one of its owners takes an item along. An item may own others.
CREATE TABLE sealed_owners (
  item TEXT NOT NULL REFERENCES sealed_keys (item) ON DELETE CASCADE,
  owner TEXT NOT NULL,
  PRIMARY KEY (item, owner)
) STRICT, WITHOUT ROWID;
CREATE INDEX sealed_owners_owner ON sealed_owners (owner);

CREATE TABLE sealed_bodies (
  item TEXT PRIMARY KEY,
  connection TEXT NOT NULL,
  kind TEXT NOT NULL,
  body BLOB NOT NULL
) STRICT;

CREATE TABLE jobs (
  id TEXT PRIMARY KEY,
  kind TEXT NOT NULL,
  subject TEXT NOT NULL,
  due_at_ns INTEGER NOT NULL,
  attempts INTEGER NOT NULL,
  give_up_at_ns INTEGER
) STRICT;
-- Jobs due at the same time come in the order they were scheduled: SQLite ends every index with the rowid.
CREATE INDEX jobs_due ON jobs (due_at_ns);

-- Readers whose places are kept.
CREATE TABLE subscriptions (
  name TEXT PRIMARY KEY,
  revision INTEGER NOT NULL,
  filter BLOB NOT NULL,
  max_uncommitted INTEGER NOT NULL,
  idle_ttl_ns INTEGER NOT NULL,
  commit_timeout_ns INTEGER,
  create_time_ns INTEGER NOT NULL,
  consumer_time_ns INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The newest lease of each shard; all three columns are NULL where there is none.
CREATE TABLE subscription_shards (
  subscription TEXT NOT NULL REFERENCES subscriptions (name) ON DELETE CASCADE,
  shard INTEGER NOT NULL,
  position INTEGER NOT NULL,
  place_check BLOB NOT NULL,
  commit_time_ns INTEGER,
  token INTEGER,
  consumer TEXT,
  until_ns INTEGER,
  PRIMARY KEY (subscription, shard)
) STRICT, WITHOUT ROWID;

-- One row: the newest fencing token there ever was.
CREATE TABLE fence (
  number INTEGER PRIMARY KEY CHECK (number = 1),
  token INTEGER NOT NULL
) STRICT;
INSERT INTO fence (number, token) VALUES (1, 0);
