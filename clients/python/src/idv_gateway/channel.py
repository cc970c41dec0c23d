"""How a channel to the gateway is set up."""

CHANNEL_OPTIONS: list[tuple[str, int]] = [
    # The gateway pings as often. Without this a connection that died silently holds every call on it for minutes.
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    # A keepalive that another ping of gRPC's own pushed back is judged by this, which would be a minute.
    ("grpc.http2.ping_timeout_ms", 10_000),
    # Else gRPC stops pinging a quiet stream after the second time.
    ("grpc.http2.max_pings_without_data", 0),
    # Backoff.most is the longest wait between two tries; the channel must not wait longer on its own.
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 5_000),
    # A try to connect that takes longer is given up.
    ("grpc.min_reconnect_backoff_ms", 5_000),
]
"""For `grpc.secure_channel` and `grpc.insecure_channel`. A `Watch` relies on the keepalive: when the network swallows a
connection, it is what makes the channel open another one."""
