# compiler/index.c: a read one place behind an axis counts as inside
s/if (value->low >= 0 \&\& value->high < extent) return;/if (value->low >= 0 \&\& value->high <= extent) return;/
