/* Readers of data files, the data path, and conversion of elements; hostile files are refused. */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <lzma.h>
#include <zlib.h>

#include <cmocka.h>

#include "data.h"
#include "element.h"
#include "file.h"
#include "safetensors.h"

static char folder[] = "/tmp/dnn-data-XXXXXX";
static arena *memory;

static const char *path_of(const char *name) { return arena_printf(memory, "%s/%s", folder, name); }

static const char *written(const char *name, const void *bytes, size_t size) {
  const char *path = path_of(name), *error = NULL;
  assert_true(file_replace(memory, path, 1, &(file_part){bytes, size}, &error));
  return path;
}

static const char *compressed(const char *name, const void *bytes, size_t size) {
  const char *path = path_of(name);
  gzFile file = gzopen(path, "wb");
  assert_int_equal(gzwrite(file, bytes, (unsigned)size), size);
  gzclose(file);
  return path;
}

static const char *xz_compressed(const char *name, const void *bytes, size_t size) {
  uint8_t out[4096];
  size_t length = 0;
  assert_int_equal(lzma_easy_buffer_encode(6, LZMA_CHECK_CRC32, NULL, bytes, size, out, &length,
                                           sizeof out), LZMA_OK);
  return written(name, out, length);
}

/* Two rows of three bytes; two numbers -2 and 1.5. */
static const unsigned char idx_bytes[] = {0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3, 1, 2, 3, 4, 5, 255};
static const unsigned char idx_reals[] = {
    0, 0, 0x0d, 1, 0, 0, 0, 2, 0xc0, 0, 0, 0, 0x3f, 0xc0, 0, 0};

static void reads_idx(void **state) {
  (void)state;
  const char *error = NULL;
  const char *paths[] = {written("a.idx", idx_bytes, sizeof idx_bytes),
                         compressed("a.idx.gz", idx_bytes, sizeof idx_bytes),
                         xz_compressed("a.idx.xz", idx_bytes, sizeof idx_bytes)};
  for (int i = 0; i < 3; i++) {
    array *x = idx_read(memory, paths[i], &error);
    assert_non_null(x);
    assert_string_equal(array_text(memory, x), "u8[2, 3]");
    assert_memory_equal(x->data, idx_bytes + 12, 6);
    assert_string_equal(x->path, paths[i]);
  }
  array *x = idx_read(memory, written("b.idx", idx_reals, sizeof idx_reals), &error);
  assert_non_null(x);
  assert_string_equal(array_text(memory, x), "f32[2]");
  assert_memory_equal(x->data, ((float[]){-2, 1.5f}), 8);
}

static void assert_refused(array *(*read)(arena *, const char *, const char **), const char *path,
                           const char *about) {
  const char *error = NULL;
  assert_null(read(memory, path, &error));
  if (!error || !strstr(error, about) || !strstr(error, path))
    fail_msg("\"%s\" is not about \"%s\" in %s", error ? error : "", about, path);
}

static void refuses_hostile_idx(void **state) {
  (void)state;
  static const struct {
    unsigned char bytes[40];
    size_t size;
    const char *about;
  } cases[] = {
      {{0}, 0, "ends early"},
      {{0, 0, 8}, 3, "ends early"},
      {{1, 0, 8, 1, 0, 0, 0, 1, 7}, 9, "not an IDX file"},
      {{0, 0, 7, 1, 0, 0, 0, 1, 7}, 9, "0x07"},
      {{0, 0, 8, 0, 7}, 5, "0 axes"},
      {{0, 0, 8, 9, 7}, 5, "9 axes"},
      {{0, 0, 8, 2, 0, 0, 0, 1, 0, 0}, 10, "ends early"},
      {{0, 0, 8, 1, 0, 0, 0, 0}, 8, "extent is 0"},
      {{0, 0, 8, 1, 0, 0, 0, 2, 7}, 9, "ends early"},
      {{0, 0, 8, 1, 0, 0, 0, 1, 7, 7}, 10, "longer"},
      {{0, 0, 8, 1, 255, 255, 255, 255, 7}, 9, "too short"},
      {{0, 0, 8, 2, 255, 255, 255, 255, 255, 255, 255, 255, 7}, 13, "impossible"},
      {{0, 0, 14, 3, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255}, 16, "impossible"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    assert_refused(idx_read, written("h.idx", cases[i].bytes, cases[i].size), cases[i].about);
    if (cases[i].size > 9)
      assert_refused(idx_read, compressed("h.gz", cases[i].bytes, cases[i].size),
                     strcmp(cases[i].about, "too short") ? cases[i].about : "");
  }
  assert_refused(idx_read, path_of("missing"), "No such file");
  assert_refused(idx_read, folder, "not a regular file");
}

static void refuses_damaged_gzip(void **state) {
  (void)state;
  const char *error = NULL;
  size_t size;
  char *bytes = file_read(memory, compressed("c.gz", idx_bytes, sizeof idx_bytes), &size, &error);
  for (size_t length = 3; length < size; length++)
    assert_null(idx_read(memory, written("t.gz", bytes, length), &error));
  bytes[size - 6] ^= 1; /* the checksum */
  assert_refused(idx_read, written("d.gz", bytes, size), "damaged");
}

/* Cut anywhere, and with any bit changed, a compressed file is refused or holds the same: xz has
 * checksums over all but its padding. */
static void refuses_damaged_xz(void **state) {
  (void)state;
  const char *error = NULL;
  size_t size;
  char *bytes = file_read(memory, xz_compressed("c.xz", idx_bytes, sizeof idx_bytes), &size, &error);
  for (size_t length = 6; length < size; length++)
    assert_refused(idx_read, written("t.xz", bytes, length), "ends early");
  for (size_t i = 6; i < size; i++) {
    bytes[i] ^= 1;
    array *x = idx_read(memory, written("d.xz", bytes, size), &error);
    if (x) assert_memory_equal(x->data, idx_bytes + 12, 6);
    else assert_non_null(strstr(error, "d.xz: "));
    bytes[i] ^= 1;
  }
}

/* ---- records ---------------------------------------------------------------------------------- */

static data_request request_of(const char *reader, const char **paths, int count, dtype element,
                               int rank, const int64_t *extents) {
  return (data_request){
      .reader = reader, .paths = paths, .path_count = count, .type = type_of(element, rank, extents)};
}

/* Two records of a header, a class, and a 2x2 image of 16 bits. */
static const unsigned char records[] = {9, 1, 1, 0, 2, 0, 3, 0, 4, 1, 2, 5, 0, 6, 0, 7, 0, 8, 1};

static void reads_records(void **state) {
  (void)state;
  const char *error = NULL, *paths[] = {written("a.bin", records, sizeof records),
                                        xz_compressed("a.bin.xz", records, sizeof records)};
  data_request image = request_of("raw", paths, 2, DTYPE_F16, 3, (int64_t[]){50, 2, 2});
  image.settings = (reader_setting[]){
      {.name = "record", .number = 9}, {.name = "offset", .number = 1}, {.name = "header", .number = 1}};
  image.setting_count = 3;
  array *x = data_read(memory, &image, &error);
  if (!x) fail_msg("%s", error);
  assert_string_equal(array_text(memory, x), "f16[4, 2, 2]");
  const uint16_t pixels[] = {1, 2, 3, 0x104, 5, 6, 7, 0x108};
  assert_memory_equal(x->data, pixels, sizeof pixels);
  assert_memory_equal((char *)x->data + sizeof pixels, pixels, sizeof pixels);

  data_request label = request_of("raw", paths, 1, DTYPE_U8, 1, (int64_t[]){50});
  label.settings = (reader_setting[]){{.name = "record", .number = 9}, {.name = "header", .number = 1}};
  label.setting_count = 2;
  x = data_read(memory, &label, &error);
  assert_string_equal(array_text(memory, x), "u8[2]");
  assert_memory_equal(x->data, ((uint8_t[]){1, 2}), 2);
}

static void refuses_records(void **state) {
  (void)state;
  static const struct {
    size_t size;
    int64_t record, offset, header;
    const char *about;
  } cases[] = {
      {18, 9, 1, 1, "ends at byte 18 inside of record 1, which begins at byte 10: it has 8 bytes of 9"},
      {1, 9, 1, 1, "holds no record"},
      {0, 9, 1, 0, "holds no record"},
      {19, 9, 1, 20, "header is to have 20 bytes, but the file ends at byte 19"},
      {19, 8, 1, 1, "the 8 bytes of a row f16[50, 2, 2], at offset 1, lie outside a record of 8"},
      {19, 0, 0, 1, "outside a record of 0"},
      {19, 9, INT64_MAX, 1, "outside a record"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const char *error = NULL, *path = written("h.bin", records, cases[i].size);
    data_request r = request_of("raw", &path, 1, DTYPE_F16, 3, (int64_t[]){50, 2, 2});
    r.settings = (reader_setting[]){{.name = "record", .number = cases[i].record},
                                    {.name = "offset", .number = cases[i].offset},
                                    {.name = "header", .number = cases[i].header}};
    r.setting_count = 3;
    assert_null(data_read(memory, &r, &error));
    if (!strstr(error, cases[i].about) || !strstr(error, path)) fail_msg("%s", error);
  }
}

/* ---- arrays by name --------------------------------------------------------------------------- */

static void expect_named(const char *reader, const char *file, const char *setting,
                         const char *name, const char *text) {
  const char *error = NULL;
  reader_setting chosen = {.name = setting, .text = name};
  data_request r = {.reader = reader, .paths = &file, .path_count = 1, .settings = &chosen,
                    .setting_count = name != NULL};
  array *x = data_read(memory, &r, &error);
  if (x) assert_string_equal(array_text(memory, x), text);
  else if (!strstr(error, text) || !strstr(error, file)) fail_msg("%s", error);
}

static void reads_npz(void **state) {
  (void)state;
  const char *stored = "tests/fuzz/seeds/npz/stored", *deflated = "tests/fuzz/seeds/npz/deflated";
  expect_named("npz", stored, "array", "x", "f32[2, 3]");
  expect_named("npz", stored, "array", "y", "u8[2]");
  expect_named("npz", stored, "array", "z", "there is no array z among x, y");
  expect_named("npz", stored, "array", NULL, "which array? there are x, y; choose by array");
  expect_named("npz", deflated, "array", NULL, "f32[2, 3]");
  expect_named("npz", "tests/fuzz/seeds/npz/bzip2", "array", NULL, "NumPy does not use");
  expect_named("npz", "tests/fuzz/seeds/npy/f4", "array", NULL, "the zip archive is damaged");
}

static void reads_tensors(void **state) {
  (void)state;
  const char *error = NULL, *path = path_of("t.safetensors");
  safetensors file = {0};
  const float w[6] = {1, 2, 3, 4, 5, 6};
  safetensors_add(memory, &file, (safetensor){"w", DTYPE_F32, 2, {3, 2}, w, sizeof w});
  assert_true(safetensors_write(memory, path, &file, &error));
  expect_named("safetensors", path, "tensor", NULL, "f32[3, 2]");
  safetensors_add(memory, &file, (safetensor){"b", DTYPE_F32, 1, {2}, w, 8});
  assert_true(safetensors_write(memory, path, &file, &error));
  expect_named("safetensors", path, "tensor", "b", "f32[2]");
  expect_named("safetensors", path, "tensor", "c", "there is no tensor c among b, w");
  expect_named("safetensors", path, "tensor", NULL, "which tensor? there are b, w; choose by tensor");
}

/* ---- files that follow each other ------------------------------------------------------------- */

static void joins_files(void **state) {
  (void)state;
  const char *error = NULL, *paths[] = {written("1.idx", idx_bytes, sizeof idx_bytes),
                                        written("2.idx", idx_bytes, sizeof idx_bytes),
                                        written("3.idx", idx_reals, sizeof idx_reals)};
  data_request r = request_of("idx", paths, 2, DTYPE_U8, 2, (int64_t[]){1, 3});
  array *x = data_read(memory, &r, &error);
  assert_string_equal(array_text(memory, x), "u8[4, 3]");
  assert_memory_equal(x->data, ((uint8_t[]){1, 2, 3, 4, 5, 255, 1, 2, 3, 4, 5, 255}), 12);
  r.path_count = 3;
  assert_null(data_read(memory, &r, &error));
  if (!strstr(error, "3.idx holds f32[2], but ") || !strstr(error, "1.idx, whose rows it follows, u8[2, 3]"))
    fail_msg("%s", error);
}

static const char *npy(const char *name, int version, const char *header, const void *data,
                       size_t data_bytes) {
  size_t length = strlen(header), start = version == 1 ? 10 : 12;
  char *bytes = arena_alloc(memory, start + length + data_bytes);
  memcpy(bytes, "\x93NUMPY", 6);
  bytes[6] = (char)version;
  bytes[8] = (char)length;
  bytes[9] = (char)(length >> 8);
  memcpy(bytes + start, header, length);
  memcpy(bytes + start + length, data, data_bytes);
  return written(name, bytes, start + length + data_bytes);
}

static void reads_npy(void **state) {
  (void)state;
  const char *error = NULL;
  const float reals[6] = {1, 2, 3, 4, 5, -6};
  const char *header = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }   \n";
  for (int version = 1; version <= 3; version++) {
    array *x = npy_read(memory, npy("a.npy", version, header, reals, sizeof reals), &error);
    assert_non_null(x);
    assert_string_equal(array_text(memory, x), "f32[2, 3]");
    assert_memory_equal(x->data, reals, sizeof reals);
  }
  const unsigned char big[8] = {0, 0, 0, 0, 0, 0, 1, 2};
  header = "{\"shape\":(1,),'fortran_order':False,'descr':'>i8'}";
  array *x = npy_read(memory, npy("b.npy", 1, header, big, sizeof big), &error);
  assert_non_null(x);
  assert_string_equal(array_text(memory, x), "i64[1]");
  assert_int_equal(*(int64_t *)x->data, 258);
}

static void refuses_hostile_npy(void **state) {
  (void)state;
  static const struct {
    int version;
    const char *header, *about;
    size_t data_bytes;
  } cases[] = {
      {4, "{'descr': '<f4', 'fortran_order': False, 'shape': (2,)}", "version", 8},
      {1, "{'descr': '<f4', 'fortran_order': True, 'shape': (2, 2)}", "Fortran", 16},
      {1, "{'descr': '<c8', 'fortran_order': False, 'shape': (2,)}", "'<c8' is not supported", 16},
      {1, "{'descr': '', 'fortran_order': False, 'shape': (2,)}", "not supported", 16},
      {1, "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2,)}", "structured", 8},
      {1, "{'descr': '<f4', 'fortran_order': False, 'shape': (-2,)}", "malformed", 8},
      {1, "{'descr': '<f4', 'fortran_order': False, 'shape': (2", "malformed", 8},
      {1, "{'descr': '<f4', 'fortran_order': False, 'shape': (2 3)}", "malformed", 24},
      {1, "{'descr': '<f4', 'fortran_order': False}", "malformed", 8},
      {1, "{'descr': '<f4", "malformed", 8},
      {1, "{'what': 1}", "malformed", 8},
      {1, "", "malformed", 8},
      {1, "{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,1)}", "malformed", 4},
      {1, "{'descr': '<f4', 'fortran_order': False, 'shape': (0,)}", "extent is 0", 0},
      {1, "{'descr': '<f4', 'fortran_order': False, 'shape': (2,)}", "too short", 4},
      {1, "{'descr': '<f4', 'fortran_order': False, 'shape': (2,)}", "longer", 9},
      {1, "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999999,)}",
       "impossible", 8},
      {1, "{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904, 4)}",
       "impossible", 8},
  };
  static const char zeros[32];
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const char *path = npy("h.npy", cases[i].version, cases[i].header, zeros, cases[i].data_bytes);
    const char *about = cases[i].about;
    if (strcmp(about, "too short") == 0) about = "";
    assert_refused(npy_read, path, about);
  }
  assert_refused(npy_read, written("s.npy", "\x93NUMPY\1", 7), "not an npy file");
  assert_refused(npy_read, written("m.npy", idx_bytes, sizeof idx_bytes), "not an npy file");
}

static void writes_npy(void **state) {
  (void)state;
  const char *error = NULL;
  const int32_t values[6] = {INT32_MIN, -1, 0, 1, 2, INT32_MAX};
  const int64_t shapes[3][2] = {{0}, {6}, {2, 3}};
  for (int rank = 0; rank <= 2; rank++) {
    array x = {.element = DTYPE_I32, .rank = rank, .data = (void *)(uintptr_t)values};
    memcpy(x.extents, shapes[rank], sizeof shapes[rank]);
    assert_true(npy_write(memory, path_of("w.npy"), &x, &error));
    array *y = npy_read(memory, path_of("w.npy"), &error);
    assert_non_null(y);
    assert_string_equal(array_text(memory, y), array_text(memory, &x));
    assert_memory_equal(y->data, x.data, array_bytes(&x));
    size_t size;
    assert_non_null(file_read(memory, path_of("w.npy"), &size, &error));
    assert_int_equal(size, 128 + array_bytes(&x)); /* data at a multiple of 64 */
  }
  uint16_t brain[2] = {0x3fc0, 0xc000};
  array x = {.element = DTYPE_BF16, .rank = 1, .extents = {2}, .data = brain};
  assert_true(npy_write(memory, path_of("w.npy"), &x, &error));
  array *y = npy_read(memory, path_of("w.npy"), &error);
  assert_non_null(y);
  assert_memory_equal(y->data, ((float[]){1.5f, -2}), 8);
}

static void finds_data(void **state) {
  (void)state;
  const char *error = NULL, *file = path_of("one/mnist");
  assert_true(folder_make(memory, file, &error));
  written("one/mnist/images", "x", 1);
  assert_int_equal(setenv("DNN_DATA", arena_printf(memory, "/nowhere::%s/one", folder), 1), 0);
  data_path path = data_path_new(memory, "/first:/second");
  assert_string_equal(data_find(memory, &path, "mnist", "images", &error),
                      path_of("one/mnist/images"));
  assert_null(data_find(memory, &path, "mnist", "labels", &error));
  const char *places[] = {"labels", "/first/mnist", "/second/mnist", "/nowhere/mnist", file,
                          "/usr/share/datasets/mnist", "/usr/local/share/datasets/mnist", "--data"};
  for (size_t i = 0; i < sizeof places / sizeof *places; i++)
    assert_non_null(strstr(error, places[i]));
  assert_null(data_find(memory, &path, "no-such-set", "labels", &error));
  assert_non_null(strstr(error, "cannot find data set no-such-set"));
  assert_null(data_find(memory, &path, "fashion-mnist", "no-such-file", &error));
  assert_non_null(strstr(error, "apt-get install dataset-fashion-mnist"));
  unsetenv("DNN_DATA");
}

static void reads_fashion_mnist(void **state) {
  (void)state;
  const char *error = NULL;
  data_path path = data_path_new(memory, NULL);
  const char *file = data_find(memory, &path, "fashion-mnist", "t10k-images-idx3-ubyte.gz", &error);
  if (!file) fail_msg("%s", error);
  data_request r = {.reader = "idx", .paths = &file, .path_count = 1};
  array *images = data_read(memory, &r, &error);
  if (!images) fail_msg("%s", error);
  assert_string_equal(array_text(memory, images), "u8[10000, 28, 28]");
}

/* Every 16-bit pattern survives the way through double; the values in the middle round to even. */
static void sixteen_bit_floats(void **state) {
  (void)state;
  dtype types[] = {DTYPE_F16, DTYPE_BF16};
  for (int t = 0; t < 2; t++) {
    for (uint32_t bits = 0; bits < 65536; bits++) {
      uint16_t in = (uint16_t)bits, out;
      double value = element_real(types[t], &in, 0);
      if (isnan(value)) continue;
      element_set_real(types[t], &out, 0, value);
      assert_int_equal(in, out);
    }
  }
  static const struct {
    dtype element;
    double value;
    uint16_t bits;
  } cases[] = {
      {DTYPE_F16, 1, 0x3c00},         {DTYPE_F16, 65504, 0x7bff},   {DTYPE_F16, 65519.99, 0x7bff},
      {DTYPE_F16, 65520, 0x7c00},     {DTYPE_F16, -1e300, 0xfc00},  {DTYPE_F16, 0x1p-24, 1},
      {DTYPE_F16, 0x1p-25, 0},        {DTYPE_F16, 0x1.8p-24, 2},    {DTYPE_F16, 2049, 0x6800},
      {DTYPE_F16, 2051, 0x6802},      {DTYPE_F16, 1 + 0x1p-11, 0x3c00},
      {DTYPE_F16, 1 + 0x1p-11 + 0x1p-40, 0x3c01},                   {DTYPE_F16, -0.0, 0x8000},
      {DTYPE_BF16, 1, 0x3f80},        {DTYPE_BF16, 1 + 0x1p-8, 0x3f80},
      {DTYPE_BF16, 1 + 0x1p-8 + 0x1p-40, 0x3f81},                   {DTYPE_BF16, DBL_MAX, 0x7f80},
      {DTYPE_BF16, -INFINITY, 0xff80}, {DTYPE_BF16, 0x1p-133, 1},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    uint16_t bits;
    element_set_real(cases[i].element, &bits, 0, cases[i].value);
    assert_int_equal(bits, cases[i].bits);
  }
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
      cmocka_unit_test(reads_idx),           cmocka_unit_test(refuses_hostile_idx),
      cmocka_unit_test(refuses_damaged_gzip), cmocka_unit_test(refuses_damaged_xz),
      cmocka_unit_test(reads_records),       cmocka_unit_test(refuses_records),
      cmocka_unit_test(reads_npz),           cmocka_unit_test(reads_tensors),
      cmocka_unit_test(joins_files),         cmocka_unit_test(reads_npy),
      cmocka_unit_test(refuses_hostile_npy), cmocka_unit_test(writes_npy),
      cmocka_unit_test(finds_data),          cmocka_unit_test(reads_fashion_mnist),
      cmocka_unit_test(sixteen_bit_floats),
  };
  return cmocka_run_group_tests_name("data", tests, set_up, tear_down);
}
