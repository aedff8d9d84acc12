#!/bin/sh
# Runs test programs, two at a time, and sums up: run.sh LOGFOLDER PROGRAM…
# A program writes TAP (cmocka); one that ends without its plan, or with another status than its
# results say, counts as a failure. What was skipped is printed with its reason.
set -u
logs=$1
shift

run_one() {
  name=$(basename "$1")
  start=$(date +%s)
  CMOCKA_MESSAGE_OUTPUT=TAP timeout 600 "$1" >"$logs/$name.tap" 2>"$logs/$name.err"
  status=$?
  echo "$status" >"$logs/$name.status"
  end=$(date +%s)
  echo "$name: $(grep -c '^ok' "$logs/$name.tap") ok, $(grep -c '^not ok' "$logs/$name.tap") not ok ($((end - start)) s)"
}

if [ "${TEST_WORKER:-}" ]; then
  run_one "$1"
  exit 0
fi
mkdir -p "$logs"
rm -f "$logs"/*.tap "$logs"/*.err "$logs"/*.status

printf '%s\n' "$@" | TEST_WORKER=1 xargs -P "${JOBS:-2}" -n 1 "$0" "$logs"

passed=0 failed=0 skipped=0
for program in "$@"; do
  name=$(basename "$program")
  ok=$(grep '^ok' "$logs/$name.tap" | grep -v -c -i '# skip')
  skip=$(grep -c -i '^\(not \)*ok.*# skip' "$logs/$name.tap") # cmocka 1.1 writes "not ok"
  bad=$(grep '^not ok' "$logs/$name.tap" | grep -v -c -i '# skip')
  status=$(cat "$logs/$name.status")
  if [ "$status" -ne 0 ] && [ "$bad" -eq 0 ]; then bad=1; fi
  if [ "$((ok + bad + skip))" -eq 0 ]; then bad=1; fi
  if [ "$bad" -gt 0 ]; then
    echo "---- $name failed (status $status)"
    grep -v '^ok' "$logs/$name.tap" | head -n 60
    head -n 60 "$logs/$name.err"
  fi
  grep -h -i '^ *skip: \|^# *skip: ' "$logs/$name.tap" "$logs/$name.err" | sed "s/^/$name: /"
  passed=$((passed + ok)) failed=$((failed + bad)) skipped=$((skipped + skip))
done
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
