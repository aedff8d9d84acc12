#!/bin/sh
# A C compiler that remembers, for programs that compile the same text many times: as tests/lang/cc.sh, whose
# result is kept under CC_RESULTS by the text, which is standard input, that of objects, and the kind of output.
set -eu
text=$CC_RESULTS/text.$$
trap 'rm -f "$text"' EXIT
cat >"$text"
output= objects= kind=.o
for argument in "$@"; do
  if [ "$output" = - ]; then output=$argument; continue; fi
  case $argument in
    -o) output=- ;;
    -shared) kind=.so ;;
    *.o) objects="$objects $argument" ;;
  esac
done
key=$CC_RESULTS/$(cat "$text" $objects | cksum | tr ' ' -)$kind
[ -f "$key" ] || { cc "$@" -O0 -Dalways_inline=unused <"$text" && cp "$output" "$key"; }
[ -f "$output" ] || cp "$key" "$output"
