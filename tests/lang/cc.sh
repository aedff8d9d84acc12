#!/bin/sh
# The C compiler for tests that compile much and run it once: without optimisation, and with helpers that are
# called, which takes a fraction of the time.
exec cc "$@" -O0 -Dalways_inline=unused
