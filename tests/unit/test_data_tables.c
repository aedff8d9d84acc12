/* Readers of tables, texts and folders of pictures. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "data.h"
#include "element.h"
#include "file.h"
#include "image.h"

static char folder[] = "/tmp/dnn-tables-XXXXXX";
static arena *memory;

static const char *path_of(const char *name) { return arena_printf(memory, "%s/%s", folder, name); }

static const char *written(const char *name, const void *bytes, size_t size) {
  const char *path = path_of(name), *error = NULL;
  assert_true(file_replace(memory, path, 1, &(file_part){bytes, size}, &error));
  return path;
}

static data_request request_of(const char *reader, const char **paths, int count, dtype element,
                               int rank, const int64_t *extents) {
  return (data_request){
      .reader = reader, .paths = paths, .path_count = count, .type = type_of(element, rank, extents)};
}

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

/* Grey as JPEG has it, the upper 8 bits of 16, what is transparent over black, and no gamma. */
static void pictures_become_grey(void **state) {
  (void)state;
  static const struct {
    const char *name;
    uint8_t grey[4];
  } cases[] = {{"colours", {76, 150, 29, 100}}, {"deep", {128, 64, 16, 255}}, {"gamma", {128, 64, 16, 255}}, {"clear", {64, 64, 0, 128}}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const char *error = NULL, *path = arena_printf(memory, "tests/unit/fixture/%s.png", cases[i].name);
    uint8_t *pixels = image_read(memory, path, (image_size){1, 1, 4}, &error);
    if (!pixels) fail_msg("%s", error);
    assert_memory_equal(pixels, cases[i].grey, 4);
  }
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
      cmocka_unit_test(reads_csv),
      cmocka_unit_test(reads_text),
      cmocka_unit_test(pictures_become_grey),
      cmocka_unit_test(reads_images),
  };
  return cmocka_run_group_tests_name("data_tables", tests, set_up, tear_down);
}
