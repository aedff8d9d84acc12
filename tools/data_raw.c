#include <string.h>

#include "data_stream.h"

/* Where rows lie in a file. */
typedef struct layout {
  int64_t row, record, offset, header; /* bytes */
} layout;

static const char *find_layout(arena *a, const data_request *r, layout *l) {
  int64_t row = (int64_t)dtype_size(r->type.element), end;
  for (int i = 1; i < r->type.rank; i++) row *= r->type.dims[i].maximum;
  *l = (layout){row, data_number(r, "record", row), data_number(r, "offset", 0),
                data_number(r, "header", 0)};
  if (!__builtin_add_overflow(l->offset, row, &end) && end <= l->record) return NULL;
  return arena_printf(a, "the %lld bytes of a row %s, at offset %lld, lie outside a record of %lld",
                      (long long)row, type_text(a, &r->type), (long long)l->offset,
                      (long long)l->record);
}

static const char *count_records(arena *a, const layout *l, size_t size, int64_t *records) {
  if (size < (size_t)l->header)
    return arena_printf(a, "the header is to have %lld bytes, but the file ends at byte %zu",
                        (long long)l->header, size);
  int64_t body = (int64_t)size - l->header, rest = body % l->record;
  *records = body / l->record;
  if (rest)
    return arena_printf(a, "the file ends at byte %zu inside of record %lld, which begins at byte "
                        "%lld: it has %lld bytes of %lld", size, (long long)*records,
                        (long long)((int64_t)size - rest), (long long)rest, (long long)l->record);
  return *records ? NULL : "the file holds no record";
}

static const char *read_records(arena *a, data_stream *s, const data_request *r, array *x) {
  layout l;
  size_t size = 0;
  int64_t records = 0;
  const char *fault = find_layout(a, r, &l);
  char *bytes = fault ? NULL : data_stream_rest(s, &size, &fault);
  if (!fault) fault = count_records(a, &l, size, &records);
  if (fault) return fault;
  x->element = r->type.element;
  x->rank = r->type.rank ? r->type.rank : 1;
  x->extents[0] = records;
  for (int i = 1; i < x->rank; i++) x->extents[i] = r->type.dims[i].maximum;
  const char *from = bytes + l.header + l.offset;
  char *to = x->data = arena_alloc(a, (size_t)(records * l.row));
  for (int64_t i = 0; i < records; i++, from += l.record, to += l.row)
    memcpy(to, from, (size_t)l.row);
  return NULL;
}

array *raw_read(arena *a, const data_request *r, const char *path, const char **error) {
  data_stream *s = data_stream_open(a, path, error);
  if (!s) return NULL;
  array *x = arena_new_of(a, array);
  const char *fault = read_records(a, s, r, x);
  return data_stream_close(s, x, fault, error);
}
