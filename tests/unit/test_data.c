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

/* ---- tables, texts and pictures ----------------------------------------------------------------- */

enum { MOST_SETTINGS = 6 };

typedef struct reading {
  const char *content[2];  /* of one file or two */
  reader_setting settings[MOST_SETTINGS];
  dtype element;
  int rank;
  int64_t extents[4];
  const char *expected;    /* the elements in decimal, or what the message is about */
} reading;

static const char *elements_of(const array *x) {
  const char *text = array_text(memory, x);
  for (int64_t i = 0; i < array_elements(x); i++)
    text = arena_printf(memory, "%s %.9g", text, element_real(x->element, x->data, i));
  return text;
}

static void expect_reading(const char *reader, const reading *c) {
  const char *error = NULL, *paths[2];
  int count = 0;
  for (; count < 2 && c->content[count]; count++)
    paths[count] = written(count ? "2.txt" : "1.txt", c->content[count], strlen(c->content[count]));
  data_request r = request_of(reader, paths, count, c->element, c->rank, c->extents);
  r.settings = c->settings;
  while (r.setting_count < MOST_SETTINGS && c->settings[r.setting_count].name) r.setting_count++;
  array *x = data_read(memory, &r, &error);
  if (x) assert_string_equal(elements_of(x), c->expected);
  else if (!strstr(error, c->expected) || !strstr(error, folder))
    fail_msg("\"%s\" is not about \"%s\"", error, c->expected);
}

static void reads_csv(void **state) {
  (void)state;
  static const reading cases[] = {
      {{"1,2\n3,-4.5e1"}, {{0}}, DTYPE_F32, 2, {9, 2}, "f32[2, 2] 1 2 3 -45"},
      {{"1,2\r\n3,4\r\n", "5,6\n"}, {{0}}, DTYPE_I32, 2, {9, 2}, "i32[3, 2] 1 2 3 4 5 6"},
      {{"a;b;c\n\"1\";2;3\n"}, {{"columns", "c", 0}, {"columns", "a", 0}, {"separator", ";", 0}},
       DTYPE_U8, 2, {9, 2}, "u8[1, 2] 3 1"},
      {{"7\t8\t\n"}, {{"columns", NULL, 1}, {"columns", NULL, 0}, {"separator", "\t", 0}},
       DTYPE_F64, 3, {9, 1, 2}, "f64[1, 1, 2] 8 7"},
      {{"h\n5\n"}, {{"header", NULL, 1}}, DTYPE_I64, 1, {9}, "i64[1] 5"},
      {{"cat\n\"a \"\"b\"\"\"\n", "dog\ncat\n"}, {{"classes", NULL, 1}}, DTYPE_U8, 1, {9},
       "u8[4] 1 0 2 1"},
      {{"cat\ndog\n"}, {{"classes", "dog", 0}, {"classes", "cow", 0}, {"classes", "cat", 0}},
       DTYPE_I32, 1, {9}, "i32[2] 2 0"},
      {{"\xef\xbb\xbf" "1,2\n", "\xef\xbb\xbf" "3,4\n"}, {{0}}, DTYPE_F32, 2, {9, 2}, "f32[2, 2] 1 2 3 4"},
      {{"\xef\xbb\xbf" "\"age\",b\n1,2\n"}, {{"columns", "age", 0}}, DTYPE_F32, 1, {9}, "f32[1] 1"},
      {{"\xef\xbb\xbf" "1,\"2\"3\n"}, {{0}}, DTYPE_F32, 2, {9, 2}, "row 0, at byte 8"},
      {{"\xef\xbb\xbf"}, {{0}}, DTYPE_F32, 2, {9, 2}, "holds no row"},
      {{"\xef\xbb" "1,2\n"}, {{0}}, DTYPE_F32, 2, {9, 2}, "is no number"},
      {{""}, {{0}}, DTYPE_F32, 2, {9, 2}, "holds no row"},
      {{"a,b\n"}, {{"header", NULL, 1}}, DTYPE_F32, 2, {9, 2}, "holds no row"},
      {{"1,2\n3,x\n"}, {{0}}, DTYPE_F32, 2, {9, 2}, "row 1, column 1: \"x\" is no number"},
      {{"1,2\n3,\n"}, {{0}}, DTYPE_F32, 2, {9, 2}, "row 1, column 1: \"\" is no number"},
      {{"1,nan\n"}, {{0}}, DTYPE_F32, 2, {9, 2}, "row 0, column 1: \"nan\" is no number"},
      {{"1,1e39\n"}, {{0}}, DTYPE_F32, 2, {9, 2}, "row 0, column 1: 1e39 does not fit f32"},
      {{"1,2.0\n"}, {{0}}, DTYPE_I32, 2, {9, 2}, "row 0, column 1: \"2.0\" is no integer"},
      {{"1,256\n"}, {{0}}, DTYPE_U8, 2, {9, 2}, "row 0, column 1: 256 does not fit u8"},
      {{"1,99999999999999999999\n"}, {{0}}, DTYPE_I64, 2, {9, 2}, "does not fit i64"},
      {{"1,2\n3\n"}, {{0}}, DTYPE_F32, 2, {9, 2}, "row 1 has 1 columns, the first record 2"},
      {{"1,2\n3\n4,5,6\n"}, {{"columns", NULL, 0}, {"ragged", NULL, 1}}, DTYPE_I32, 1, {9}, "i32[3] 1 3 4"},
      {{"1,2\n3\n"}, {{"columns", NULL, 1}, {"ragged", NULL, 1}}, DTYPE_I32, 1, {9},
       "row 1 has 1 columns, but column 1 is taken"},
      {{"1,2,3\n"}, {{0}}, DTYPE_F32, 2, {9, 2}, "3 columns are taken, a row of the input f32[9, 2] has 2"},
      {{"1,2\n"}, {{"columns", NULL, 0}, {"columns", NULL, 2}}, DTYPE_F32, 2, {9, 2},
       "there is no column 2: the first record has 2"},
      {{"a,b\n1,2\n"}, {{"columns", "c", 0}}, DTYPE_F32, 1, {9}, "the header has no column c"},
      {{"1,2\n"}, {{"separator", ",,", 0}}, DTYPE_F32, 2, {9, 2}, "is not one character"},
      {{"1,\"2\n"}, {{0}}, DTYPE_F32, 2, {9, 2}, "a quote is not closed"},
      {{"1,\"2\"3\n"}, {{0}}, DTYPE_F32, 2, {9, 2}, "row 0, at byte 5"},
      {{"cat\ncow\n"}, {{"classes", "cat", 0}}, DTYPE_U8, 1, {9},
       "row 1, column 0: \"cow\" is none of the 1 classes"},
      {{"cat\ncow\n"}, {{"classes", NULL, 1}}, DTYPE_F32, 1, {9}, "2 classes do not fit f32"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) expect_reading("csv", &cases[i]);
}

static void reads_text(void **state) {
  (void)state;
  static const reading cases[] = {
      {{"abcde"}, {{0}}, DTYPE_U8, 2, {9, 2}, "u8[2, 2] 97 98 99 100"},
      {{"ab", "c"}, {{0}}, DTYPE_I32, 1, {9}, "i32[3] 97 98 99"},
      {{"abcd"}, {{"step", NULL, 1}, {"offset", NULL, 1}}, DTYPE_U8, 2, {9, 2}, "u8[2, 2] 98 99 99 100"},
      {{"b\xc3\xa4\xf0\x9d\x84\x9e" "ab"}, {{"vocabulary", NULL, 1}}, DTYPE_U8, 1, {9}, "u8[5] 1 2 3 0 1"},
      {{"\xc3\xa4" "bb"}, {{"vocabulary", "b\xc3\xa4", 0}}, DTYPE_U8, 1, {9}, "u8[3] 1 0 0"},
      {{"abc"}, {{"vocabulary", "ab", 0}}, DTYPE_U8, 1, {9}, "character 2, U+0063, is none of the vocabulary"},
      {{"ab\xff"}, {{"vocabulary", NULL, 1}}, DTYPE_U8, 1, {9}, "at byte 2 (0xff) there is no character"},
      {{"a\xc0\x80"}, {{"vocabulary", NULL, 1}}, DTYPE_U8, 1, {9}, "at byte 1 (0xc0)"},
      {{"a\xed\xa0\x80"}, {{"vocabulary", NULL, 1}}, DTYPE_U8, 1, {9}, "at byte 1 (0xed)"},
      {{"ab\xc3"}, {{"vocabulary", NULL, 1}}, DTYPE_U8, 1, {9}, "at byte 2 (0xc3)"},
      {{"a\xc3\xa4"}, {{0}}, DTYPE_I8, 1, {9}, "byte 1 has the number 195, which does not fit i8"},
      {{"abc"}, {{0}}, DTYPE_F32, 1, {9}, "bytes are integers, the input is f32[9]"},
      {{"abc"}, {{"offset", NULL, 2}}, DTYPE_U8, 2, {9, 2}, "a row is 2 bytes, but behind the first 2 there are 1"},
      {{"abc"}, {{"step", NULL, 0}}, DTYPE_U8, 1, {9}, "a step is at least 1"},
      {{""}, {{0}}, DTYPE_U8, 1, {9}, "a row is 1 bytes, but behind the first 0 there are 0"},
      {{"it's a-b\n\tb c3\n"}, {{"words", NULL, 1}}, DTYPE_U8, 1, {9}, "u8[8] 5 2 1 3 0 3 4 0"},
      {{"\xef\xbb\xbf" "a"}, {{0}}, DTYPE_U8, 1, {9}, "u8[4] 239 187 191 97"},
      {{"\xef\xbb\xbf" "ba", "\xef\xbb\xbf" "a"}, {{"vocabulary", NULL, 1}}, DTYPE_U8, 1, {9}, "u8[3] 1 0 0"},
      {{"\xef\xbb\xbf" "b a b"}, {{"words", NULL, 1}}, DTYPE_U8, 1, {9}, "u8[3] 1 0 1"},
      {{"b a", "c b"}, {{"words", NULL, 1}}, DTYPE_I32, 2, {9, 2}, "i32[2, 2] 1 0 2 1"},
      {{"b a b"}, {{"words", NULL, 1}, {"vocabulary", "b", 0}, {"vocabulary", "a", 0}}, DTYPE_U8, 1, {9}, "u8[3] 0 1 0"},
      {{"b a\n"}, {{"words", NULL, 1}, {"vocabulary", "b", 0}, {"vocabulary", "a", 0}}, DTYPE_U8, 1, {9},
       "at byte 3 the word \"\\n\" is none of the vocabulary"},
      {{"a b c a\n"}, {{"words", NULL, 1}, {"lines", NULL, 1}, {"others", NULL, 1}, {"vocabulary", "a", 0}}, DTYPE_U8, 2,
       {9, 4}, "u8[1, 4] 1 2 2 1"},
      {{"a b"}, {{"words", NULL, 1}, {"others", NULL, 1}, {"vocabulary", NULL, 1}}, DTYPE_U8, 1, {9},
       "others are words that are none of the vocabulary given"},
      {{"ab"}, {{"others", NULL, 1}, {"vocabulary", "a", 0}}, DTYPE_U8, 1, {9}, "others are words"},
      {{"ab\n\nabc\r\nd"}, {{"lines", NULL, 1}}, DTYPE_U8, 2, {9, 3}, "u8[4, 3] 97 98 0 0 0 0 97 98 99 100 0 0"},
      {{"ab\n", "b"}, {{"lines", NULL, 1}, {"vocabulary", NULL, 1}}, DTYPE_I32, 2, {9, 2}, "i32[2, 2] 1 2 2 0"},
      {{"to be\nor  not\n"}, {{"lines", NULL, 1}, {"words", NULL, 1}}, DTYPE_U8, 2, {9, 3}, "u8[2, 3] 4 1 0 3 2 0"},
      {{"to be\nor not to\n"}, {{"lines", NULL, 1}, {"words", NULL, 1}}, DTYPE_U8, 2, {9, 2},
       "line 2 has 3 words, a row of the input 2"},
      {{"a\nb"}, {{"lines", NULL, 1}, {"step", NULL, 1}}, DTYPE_U8, 1, {9}, "lines have no `step` or `offset`"},
      {{""}, {{"lines", NULL, 1}}, DTYPE_U8, 2, {9, 2}, "there is no line"},
      {{"ab"}, {{"vocabulary", "a", 0}, {"vocabulary", "b", 0}}, DTYPE_U8, 1, {9}, "is one text; several are words"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) expect_reading("text", &cases[i]);
}

/* Picks from a folder of two classes with one picture each, grey and in colour. */
static void reads_images(void **state) {
  (void)state;
  const char *error = NULL, *set = path_of("set");
  size_t size;
  static const char *const places[][2] = {{"set/b", "grey.png"}, {"set/a", "rgb.png"}};
  for (int i = 0; i < 2; i++) {
    assert_true(folder_make(memory, path_of(places[i][0]), &error));
    const char *seed = arena_printf(memory, "tests/fuzz/seeds/image/%s", places[i][1]);
    const char *bytes = file_read(memory, seed, &size, &error);
    written(arena_printf(memory, "%s/x.png", places[i][0]), bytes, size);
  }
  written("set/a/readme.txt", "x", 1);
  data_request r = request_of("images", &set, 1, DTYPE_U8, 4, (int64_t[]){9, 3, 5, 4});
  array *x = data_read(memory, &r, &error);
  if (!x) fail_msg("%s", error);
  assert_string_equal(array_text(memory, x), "u8[2, 3, 5, 4]");
  const uint8_t *pixels = x->data, *grey = pixels + 3 * 20;
  for (int i = 0; i < 3 * 20; i++) assert_int_equal(grey[i], i % 20);
  assert_int_equal(pixels[0], 0);
  assert_int_equal(pixels[20], 1); /* green of the first pixel */
  r.type = type_of(DTYPE_I32, 1, (int64_t[]){9});
  r.settings = &(reader_setting){.name = "classes", .number = 1};
  r.setting_count = 1;
  assert_string_equal(elements_of(data_read(memory, &r, &error)), "i32[2] 0 1");
  r.settings = (reader_setting[]){{"classes", "b", 0}, {"classes", "c", 0}, {"classes", "a", 0}};
  r.setting_count = 3;
  assert_string_equal(elements_of(data_read(memory, &r, &error)), "i32[2] 2 0");

  r.setting_count = 2;
  assert_null(data_read(memory, &r, &error));
  assert_non_null(strstr(error, "the subfolder of "));
  r.setting_count = 0;
  r.type = type_of(DTYPE_U8, 3, (int64_t[]){9, 4, 5});
  assert_null(data_read(memory, &r, &error));
  assert_non_null(strstr(error, "a/x.png: the picture is 5 high and 4 wide, the input takes 4 and 5"));
  r.type = type_of(DTYPE_F32, 3, (int64_t[]){9, 5, 4});
  assert_null(data_read(memory, &r, &error));
  assert_non_null(strstr(error, "the input is f32[9, 5, 4]"));
  r.type = type_of(DTYPE_U8, 3, (int64_t[]){9, 5, 4});
  written("set/x.jpg", "no picture", 10);
  assert_null(data_read(memory, &r, &error));
  assert_non_null(strstr(error, "x.jpg: neither a PNG nor a JPEG file"));
  r.settings = &(reader_setting){.name = "classes", .number = 1};
  r.setting_count = 1;
  assert_null(data_read(memory, &r, &error));
  assert_non_null(strstr(error, "set/x.jpg lies in no subfolder, so it has no class"));
  const char *none = path_of("nothing");
  r.paths = &none;
  assert_null(data_read(memory, &r, &error));
  assert_non_null(strstr(error, "No such file"));
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
      cmocka_unit_test(reads_csv),           cmocka_unit_test(reads_text),
      cmocka_unit_test(reads_images),
      cmocka_unit_test(joins_files),         cmocka_unit_test(reads_npy),
      cmocka_unit_test(refuses_hostile_npy), cmocka_unit_test(writes_npy),
      cmocka_unit_test(finds_data),          cmocka_unit_test(reads_fashion_mnist),
      cmocka_unit_test(sixteen_bit_floats),
  };
  return cmocka_run_group_tests_name("data", tests, set_up, tear_down);
}
