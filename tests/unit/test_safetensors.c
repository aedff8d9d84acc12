/* safetensors: what is written is read back, equal content gives equal bytes, hostile files are
 * refused with a message, and a write that fails leaves the old file. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "file.h"
#include "safetensors.h"

static char folder[] = "/tmp/dnn-safetensors-XXXXXX";
static arena *memory;

static const char *path_of(const char *name) { return arena_printf(memory, "%s/%s", folder, name); }

static safetensors *example(void) {
  static const float weights[6] = {1, -2, 3.5f, 0x1p-30f, 1e30f, -0.0f};
  static const uint8_t bytes[3] = {7, 8, 255};
  static const int64_t step = INT64_MIN;
  safetensors *file = arena_new_of(memory, safetensors);
  safetensors_add(memory, file, (safetensor){"b.bytes", DTYPE_U8, 1, {3}, bytes, 3});
  safetensors_add(memory, file, (safetensor){"net.\"ä\".w", DTYPE_F32, 2, {2, 3}, weights, 24});
  safetensors_add(memory, file, (safetensor){"a.step", DTYPE_I64, 0, {0}, &step, 8});
  safetensors_describe(memory, file, "dnn.seed", "18446744073709551615");
  return file;
}

static void reads_what_it_wrote(void **state) {
  (void)state;
  const char *error = NULL, *path = path_of("example.safetensors");
  safetensors *written = example();
  assert_true(safetensors_write(memory, path, written, &error));
  safetensors *read = safetensors_read(memory, path, &error);
  assert_non_null(read);
  assert_int_equal(read->tensor_count, 3);
  for (int i = 0; i < 3; i++) {
    const safetensor *w = &written->tensors[i], *r = safetensors_find(read, w->name);
    assert_non_null(r);
    assert_int_equal(r->element, w->element);
    assert_int_equal(r->rank, w->rank);
    assert_memory_equal(r->extents, w->extents, sizeof(int64_t) * (size_t)w->rank);
    assert_int_equal(r->bytes, w->bytes);
    assert_memory_equal(r->data, w->data, w->bytes);
    assert_int_equal((uintptr_t)r->data % dtype_size(r->element), 0);
  }
  assert_string_equal(safetensors_metadata(read, "dnn.seed"), "18446744073709551615");
  assert_null(safetensors_metadata(read, "dnn.step"));
  assert_null(safetensors_find(read, "b"));
}

static void equal_content_gives_equal_bytes(void **state) {
  (void)state;
  const char *error = NULL;
  safetensors *file = example();
  assert_true(safetensors_write(memory, path_of("one"), file, &error));
  safetensor first = file->tensors[0];
  file->tensors[0] = file->tensors[2];
  file->tensors[2] = first;
  assert_true(safetensors_write(memory, path_of("two"), file, &error));
  size_t size, size_again;
  char *bytes = file_read(memory, path_of("one"), &size, &error);
  char *again = file_read(memory, path_of("two"), &size_again, &error);
  assert_int_equal(size, size_again);
  assert_memory_equal(bytes, again, size);
}

/* A file with the given header, its true length unless one is given, and zeros as data. */
static const char *forged(const char *header, uint64_t length, size_t data_bytes) {
  static const char zeros[64];
  const char *path = path_of("forged"), *error = NULL;
  if (length == 0) length = strlen(header);
  file_part parts[] = {{&length, 8}, {header, strlen(header)}, {zeros, data_bytes}};
  assert_true(file_replace(memory, path, 3, parts, &error));
  return path;
}

static const struct {
  const char *header;
  uint64_t length;
  size_t data_bytes;
  const char *message; /* part of it */
} hostile[] = {
    {"", 1, 0, "longer than the file"},
    {"{}", UINT64_MAX, 0, "longer than 100 MB"},
    {"{}", UINT64_MAX - 7, 0, "longer than 100 MB"},
    {"{}", 3, 0, "longer than the file"},
    {"UMPY", 0x4e93, 0, "of another kind"},
    {"w: f32", UINT64_MAX, 0, "of another kind"},
    {"{", 0, 0, "not valid JSON"},
    {"{} x", 0, 0, "not valid JSON"},
    {"[]", 0, 0, "not a JSON object"},
    {"{\"a\":7}", 0, 0, "not an object"},
    {"{\"a\":{}}", 0, 0, "dtype"},
    {"{\"a\":{\"dtype\":7}}", 0, 0, "dtype"},
    {"{\"a\":{\"dtype\":\"F33\",\"shape\":[],\"data_offsets\":[0,4]}}", 0, 4, "not supported"},
    {"{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,4]}}", 0, 4, "shape"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1.5],\"data_offsets\":[0,4]}}", 0, 4, "whole number"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,4]}}", 0, 4, "whole number"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1e300],\"data_offsets\":[0,4]}}", 0, 4, "whole number"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[\"1\"],\"data_offsets\":[0,4]}}", 0, 4, "whole number"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,1,1,1],\"data_offsets\":[0,4]}}", 0, 4,
     "axes"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,0]}}", 0, 0,
     "impossible"},
    {"{\"a\":{\"dtype\":\"F64\",\"shape\":[2305843009213693952],\"data_offsets\":[0,0]}}", 0, 0,
     "whole number"},
    {"{\"a\":{\"dtype\":\"F64\",\"shape\":[2147483648,1073741824],\"data_offsets\":[0,0]}}", 0, 0,
     "impossible"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}", 0, 4, "data_offsets"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0]}}", 0, 4, "data_offsets"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[-4,0]}}", 0, 4, "data_offsets"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,0]}}", 0, 4, "outside"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 0, 4, "outside"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,4]}}", 0, 4, "disagree"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
     "\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[2,6]}}", 0, 6, "overlaps"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
     "\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[8,12]}}", 0, 12, "gap"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
     "\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}", 0, 8, "twice"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 0, 5, "belong to none"},
    {"{\"__metadata__\":[]}", 0, 0, "__metadata__"},
    {"{\"__metadata__\":{\"a\":1}}", 0, 0, "not text"},
};

static void refuses_hostile_files(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof hostile / sizeof *hostile; i++) {
    const char *error = NULL;
    const char *path = forged(hostile[i].header, hostile[i].length, hostile[i].data_bytes);
    assert_null(safetensors_read(memory, path, &error));
    if (!error || !strstr(error, hostile[i].message) || !strstr(error, path))
      fail_msg("%s: \"%s\" is not about \"%s\"", hostile[i].header, error ? error : "",
               hostile[i].message);
  }
}

static void refuses_deep_nesting(void **state) {
  (void)state;
  enum { DEPTH = 100000 };
  char *header = malloc(DEPTH + 1);
  memset(header, '[', DEPTH);
  header[DEPTH] = 0;
  const char *error = NULL;
  assert_null(safetensors_read(memory, forged(header, 0, 0), &error));
  assert_non_null(strstr(error, "JSON"));
  free(header);
}

/* Every truncation of a good file is refused, and no change of one byte crashes. */
static void survives_damage(void **state) {
  (void)state;
  const char *error = NULL, *path = path_of("damaged");
  assert_true(safetensors_write(memory, path, example(), &error));
  size_t size;
  char *bytes = file_read(memory, path, &size, &error);
  for (size_t length = 0; length < size; length++) {
    assert_true(file_replace(memory, path, 1, &(file_part){bytes, length}, &error));
    assert_null(safetensors_read(memory, path, &error));
  }
  for (size_t at = 0; at < size; at++) {
    char old = bytes[at];
    bytes[at] = (char)(old ^ (1 << at % 8));
    assert_true(file_replace(memory, path, 1, &(file_part){bytes, size}, &error));
    safetensors *file = safetensors_read(memory, path, &error);
    for (int i = 0; file && i < file->tensor_count; i++)
      assert_true(file->tensors[i].bytes <= (int64_t)size);
    bytes[at] = old;
  }
}

static void missing_files_are_named(void **state) {
  (void)state;
  const char *error = NULL;
  assert_null(safetensors_read(memory, path_of("missing"), &error));
  assert_non_null(strstr(error, path_of("missing")));
  assert_null(safetensors_read(memory, folder, &error));
  assert_non_null(strstr(error, folder));
}

static void failed_write_keeps_the_old_file(void **state) {
  (void)state;
  const char *error = NULL, *path = path_of("kept");
  assert_true(safetensors_write(memory, path, example(), &error));
  size_t size, size_after;
  char *before = file_read(memory, path, &size, &error);

  safetensors *large = example();
  void *zeros = arena_alloc(memory, 1 << 20);
  safetensors_add(memory, large, (safetensor){"large", DTYPE_U8, 1, {1 << 20}, zeros, 1 << 20});
  signal(SIGXFSZ, SIG_IGN);
  struct rlimit old, limit;
  assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
  limit = (struct rlimit){4096, old.rlim_max}; /* as a full disk would */
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
  bool written = safetensors_write(memory, path, large, &error);
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
  assert_false(written);
  assert_non_null(strstr(error, path));
  assert_non_null(strstr(error, "File too large"));

  char *after = file_read(memory, path, &size_after, &error);
  assert_int_equal(size, size_after);
  assert_memory_equal(before, after, size);
  assert_false(file_exists(arena_printf(memory, "%s.%ld.tmp", path, (long)getpid())));
  assert_false(safetensors_write(memory, path_of("no/such/folder"), example(), &error));
  assert_non_null(strstr(error, "No such file or directory"));
}

static int set_up(void **state) {
  (void)state;
  memory = arena_new();
  return mkdtemp(folder) ? 0 : -1;
}

static int tear_down(void **state) {
  (void)state;
  const char *command = arena_printf(memory, "rm -r %s", folder);
  int status = system(command);
  arena_free(memory);
  return status;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(reads_what_it_wrote),
      cmocka_unit_test(equal_content_gives_equal_bytes),
      cmocka_unit_test(refuses_hostile_files),
      cmocka_unit_test(refuses_deep_nesting),
      cmocka_unit_test(survives_damage),
      cmocka_unit_test(missing_files_are_named),
      cmocka_unit_test(failed_write_keeps_the_old_file),
  };
  return cmocka_run_group_tests_name("safetensors", tests, set_up, tear_down);
}
