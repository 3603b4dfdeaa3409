#!/bin/sh
# Fuzzes every decoder: run.sh [executions a target, 1000000 where nothing is said] [target ...]
# Prints a line a target: its name, the executions and the coverage that libFuzzer counts. A finding ends it with libFuzzer's report.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
executions=${1:-1000000}
[ $# -eq 0 ] || shift
cd "$here"

if ! cargo fuzz --version >/dev/null 2>&1; then
    cargo install cargo-fuzz --locked
fi

# Seeds come from the samples of tests/conformance and, for the readers of node, from seeds/; what a run finds is kept beside them, in
# corpus/, and not committed.
(cd ../.. && cargo run --quiet -p leither-conformance --bin seeds -- "$here/corpus")
mkdir -p corpus
cp -R seeds/. corpus/
cargo +nightly fuzz build --fuzz-dir "$here"

targets=${*:-$(ls fuzz_targets cli_targets node_targets | sed -n 's/\.rs$//p')}
TMPDIR=$(mktemp -d)
export TMPDIR
log=$TMPDIR/log
trap 'rm -rf "$TMPDIR"' EXIT
printf '%-12s %12s %8s %8s %8s\n' target executions cov ft seconds
for target in $targets; do
    start=$(date +%s)
    if ! cargo +nightly fuzz run --fuzz-dir "$here" "$target" -- -runs="$executions" -max_len=16384 -print_final_stats=1 >"$log" 2>&1; then
        cat "$log"
        exit 1
    fi
    done_=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    cov=$(grep -o 'cov: [0-9]*' "$log" | tail -n 1 | cut -d' ' -f2)
    ft=$(grep -o 'ft: [0-9]*' "$log" | tail -n 1 | cut -d' ' -f2)
    printf '%-12s %12s %8s %8s %8s\n' "$target" "$done_" "$cov" "$ft" "$(($(date +%s) - start))"
done
