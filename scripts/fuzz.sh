#!/usr/bin/env bash
# scripts/fuzz.sh SECONDS [TARGET...]: runs libFuzzer targets that `make fuzz` built, one after another, and prints a table.
# What was found goes to build/fuzz/findings/, new inputs to build/fuzz/corpus/TARGET. Exit 1 if anything was found.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:?usage: scripts/fuzz.sh SECONDS [TARGET...]}
shift
targets=("$@")
if [ ${#targets[@]} -eq 0 ]; then
  for folder in fuzz/corpus/*/; do targets+=("$(basename "$folder")"); done
fi
mkdir -p build/fuzz/findings
failed=0
printf '%-20s %12s %8s %8s %8s  %s\n' target executions seconds edges inputs result
for target in "${targets[@]}"; do
  found=build/fuzz/corpus/$target
  log=build/fuzz/$target.log
  mkdir -p "$found"
  options=(-max_total_time="$seconds" -timeout=20 -rss_limit_mb=2048 -fork=0 -print_final_stats=1
    -artifact_prefix="build/fuzz/findings/$target-")
  [ -f "fuzz/dictionaries/$target.dict" ] && options+=(-dict="fuzz/dictionaries/$target.dict")
  started=$SECONDS
  result=clean
  build/fuzz/fuzz/fuzz_"$target" "${options[@]}" "$found" "fuzz/corpus/$target" >"$log" 2>&1 || { result="FOUND, see $log"; failed=1; }
  executions=$(awk '/stat::number_of_executed_units/ {print $2}' "$log")
  # "#4096 DONE cov: 151 ft: 372 corp: 15/723b …"
  edges=$(grep -o 'cov: [0-9]*' "$log" | tail -1 | cut -d' ' -f2)
  inputs=$(grep -o 'corp: [0-9]*' "$log" | tail -1 | cut -d' ' -f2)
  printf '%-20s %12s %8s %8s %8s  %s\n' "$target" "${executions:-?}" $((SECONDS - started)) "${edges:-?}" "${inputs:-?}" "$result"
done
exit $failed
