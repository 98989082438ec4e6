# Short names for the daily commands.

# Format, lints, a quick compile
check:
    cargo fmt --check
    cargo clippy --locked --all-targets -- -D warnings

# What CI runs; `just test --all` adds the long runs
test *args:
    ./scripts/test {{args}}

# A simulated shop, the real daemon
demo *args:
    cargo run --release -- demo {{args}}

# The figures of docs/performance.md
bench *args:
    ./scripts/bench {{args}}

# The Debian package, into target/package
package *args:
    ./scripts/package {{args}}
