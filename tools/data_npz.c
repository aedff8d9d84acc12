/* NumPy's npz: a zip archive whose members are npy files, stored or deflated. */
#include <string.h>
#include <zip.h>

#include "data_stream.h"

static const char *zip_fault(arena *a, zip_error_t *e) {
  if (zip_error_code_zip(e) == ZIP_ER_MEMORY) arena_exhausted(a, 0);
  return arena_printf(a, "the zip archive is damaged (%s)", zip_error_strerror(e));
}

/* The archive over bytes that outlive it. */
static zip_t *open_archive(arena *a, const char *bytes, size_t size, const char **fault) {
  zip_error_t e;
  zip_error_init(&e);
  zip_source_t *source = zip_source_buffer_create(bytes, size, 0, &e);
  zip_t *archive = source ? zip_open_from_source(source, ZIP_RDONLY, &e) : NULL;
  if (!archive) {
    *fault = zip_fault(a, &e);
    zip_source_free(source);
  }
  zip_error_fini(&e);
  return archive;
}

typedef struct member {
  arena *arena;
  zip_file_t *file;
} member;

static const char *member_read(void *context, char *bytes, size_t count, size_t *done) {
  const member *m = context;
  zip_int64_t n = 1;
  for (*done = 0; *done < count && n > 0; *done += n > 0 ? (size_t)n : 0)
    n = zip_fread(m->file, bytes + *done, count - *done);
  return n < 0 ? zip_fault(m->arena, zip_file_get_error(m->file)) : NULL;
}

static void member_close(void *context) { zip_fclose(((member *)context)->file); }

/* The names, as NumPy shows them: without ".npy". */
static const char *names_of(arena *a, zip_t *archive) {
  enum { SHOWN = 20 };
  const char *names = "";
  zip_int64_t count = zip_get_num_entries(archive, 0);
  for (zip_int64_t i = 0; i < count && i < SHOWN; i++) {
    const char *name = zip_get_name(archive, (zip_uint64_t)i, 0);
    int length = name ? (int)strlen(name) : 0;
    if (length > 4 && !strcmp(name + length - 4, ".npy")) length -= 4;
    names = arena_printf(a, "%s%s%.*s", names, i ? ", " : "", length > 200 ? 200 : length, name ? name : "");
  }
  return arena_printf(a, "%s%s", names, count > SHOWN ? ", \xe2\x80\xa6" : "");
}

/* The array that is asked for, or the only one, or that of the request's name. -1 with a fault. */
static zip_int64_t find_member(arena *a, const data_request *r, zip_t *archive, const char **fault) {
  const char *name = data_text(r, "array");
  zip_int64_t count = zip_get_num_entries(archive, 0);
  if (!name && count == 1) return 0;
  if (!name) name = r->name;
  zip_int64_t found = name ? zip_name_locate(archive, arena_printf(a, "%s.npy", name), 0) : -1;
  if (found < 0 && count == 0) *fault = "the archive holds no array";
  else if (found < 0)
    *fault = arena_printf(a, name ? "there is no array %s among %s%s" : "%swhich array? there are %s%s",
                          name ? name : "", names_of(a, archive),
                          name ? "" : "; choose by array: \"\xe2\x80\xa6\"");
  return found;
}

static array *read_member(arena *a, const char *path, zip_t *archive, zip_int64_t which,
                          const char **fault, const char **error) {
  zip_stat_t status;
  member *m = arena_new_of(a, member);
  m->arena = a;
  if (zip_stat_index(archive, (zip_uint64_t)which, 0, &status) ||
      (status.comp_method != ZIP_CM_STORE && status.comp_method != ZIP_CM_DEFLATE)) {
    *fault = "the array is compressed in a way that NumPy does not use";
    return NULL;
  }
  m->file = zip_fopen_index(archive, (zip_uint64_t)which, 0);
  if (!m->file) {
    *fault = zip_fault(a, zip_get_error(archive));
    return NULL;
  }
  const char *place = arena_printf(a, "%s[%.200s]", path, status.name);
  data_source source = {member_read, member_close, m};
  int64_t bytes = status.comp_size > INT64_MAX ? INT64_MAX : (int64_t)status.comp_size;
  data_stream *s = data_stream_new(a, place, bytes, MOST_DEFLATED, source);
  array *x = arena_new_of(a, array);
  const char *inner = npy_read_stream(s, a, x);
  return data_stream_close(s, x, inner, error);
}

array *npz_read(arena *a, const data_request *r, const char *path, const char **error) {
  size_t size;
  arena *scratch = arena_new();
  const char *bytes = data_content(scratch, path, &size, error), *fault = NULL;
  if (!bytes) *error = arena_text(a, *error);
  array *x = NULL;
  zip_t *archive = bytes ? open_archive(a, bytes, size, &fault) : NULL;
  if (archive) {
    zip_int64_t which = find_member(a, r, archive, &fault);
    if (which >= 0) x = read_member(a, path, archive, which, &fault, error);
    zip_discard(archive);
  }
  if (fault) *error = arena_printf(a, "%s: %s", path, fault);
  arena_free(scratch);
  return x;
}
