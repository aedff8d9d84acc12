/* The parser on text that nobody would write: it must end, with an error or with a tree that
 * survives printing, whatever the bytes. */
#include "parsing.h"

static uint64_t random_state;

/* xorshift64*, so that every run sees the same texts. */
static uint32_t random_below(uint32_t n) {
  random_state ^= random_state >> 12;
  random_state ^= random_state << 25;
  random_state ^= random_state >> 27;
  return (uint32_t)((random_state * 0x2545F4914F6CDD1DU) >> 33) % n;
}

static void survive(const char *text, size_t length) {
  parsing *p = parse_bytes("hostile.dnn", text, length);
  if (p->file) {
    expect_round_trip(p);
  } else {
    char *messages = messages_of(p);
    assert_non_null(strstr(messages, "error: "));
    free(messages);
  }
  parsing_free(p);
}

static void test_random_bytes(void **state) {
  (void)state;
  random_state = 1;
  for (int i = 0; i < 500; i++) {
    char text[600];
    size_t length = random_below(sizeof text);
    uint32_t most = i % 2 ? 256 : 128;
    for (size_t j = 0; j < length; j++) text[j] = (char)random_below(most);
    survive(text, length);
  }
}

static const char *const words[] = {
    "use ",    "const ",    "fn ",        "entry ", "task ",    "param ", "state ",   "if ",
    "else ",   "for ",      "in ",        "scan ",  "repeat ",  "while ", "emit ",    "minimize ",
    "over ",   "maximize ", "with ",      "except ", "and ",    "or ",    "not ",     "derivative ",
    "true ",   "inf ",      "x ",         "y",      "f32 ",     "1 ",     "0x1p3 ",   "2.5 ",
    "\"a\" ",  "|>",        "**",         "//",     "..",       "...",    "<-",       "->",
    "==",      "<=",        "-",          "+",      "*",        "@",      "<",        "?",
    ":",       "=",         ",",          ".",      "(",        ")",      "[",        "]",
    "{",       "}",         ";",          "\n",     "\nfn f",   "(x)",    "{ x }",    "\n  ",
    "x = ",    "a: 1",      "[a, b]",     "(a, b)", "after "};

static void test_random_tokens(void **state) {
  (void)state;
  random_state = 2;
  for (int i = 0; i < 4000; i++) {
    char text[1024] = "";
    uint32_t count = 1 + random_below(60);
    for (uint32_t j = 0; j < count; j++)
      strcat(text, words[random_below(sizeof words / sizeof *words)]);
    survive(text, strlen(text));
  }
}

/* A program with a piece cut out, doubled, or replaced by a word. */
static void mutate(const char *path, const char *text, size_t length) {
  (void)path;
  char *changed = malloc(2 * length + 64);
  for (int i = 0; i < 60; i++) {
    size_t from = random_below((uint32_t)length), cut = random_below(12);
    if (from + cut > length) cut = length - from;
    const char *word = words[random_below(sizeof words / sizeof *words)];
    size_t end = (size_t)sprintf(changed, "%.*s%s", (int)from, text, i % 3 == 0 ? "" : word);
    size_t rest = i % 3 == 1 ? from : from + cut;
    memcpy(changed + end, text + rest, length - rest);
    survive(changed, end + length - rest);
  }
  free(changed);
}

static void test_mutated_programs(void **state) {
  (void)state;
  random_state = 3;
  for_each_program("tests/lang/parse", mutate);
}

/* before, then piece many times, then after. */
static char *repeated(const char *before, const char *piece, int times, const char *after) {
  char *text;
  size_t length;
  FILE *out = open_memstream(&text, &length);
  fputs(before, out);
  for (int i = 0; i < times; i++) fputs(piece, out);
  fputs(after, out);
  fclose(out);
  return text;
}

static void expect_message(char *text, const char *expected) {
  parsing *p = parse_text(text);
  char *messages = messages_of(p);
  if (!strstr(messages, expected)) fail_msg("no \"%s\" in: %.2000s", expected, messages);
  free(messages);
  free(text);
  parsing_free(p);
}

static void test_deep_nesting_is_an_error(void **state) {
  (void)state;
  enum { DEEP = 200000 };
  static const char *const brackets[] = {"(", "f(", "x[", "(a, ", "if c {", "fn f() {", "x = f[("};
  for (size_t i = 0; i < sizeof brackets / sizeof *brackets; i++)
    expect_message(repeated("", brackets[i], DEEP, ""), "nested too deeply");
  static const char *const prefixes[] = {"not ",      "- ",    "a ? ",
                                         "a ? b : ", "2 ** ", "if a { b } else "};
  for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++)
    expect_message(repeated("", prefixes[i], DEEP, "c"), "nested too deeply");
  static const char *const suffixes[] = {" + a", ".a", "()", "[0]", " |> f", " and a"};
  for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++)
    expect_message(repeated("a", suffixes[i], DEEP, ""), "inside each other");
}

static void test_limits_are_exact(void **state) {
  (void)state;
  char *deepest = repeated("a", " + a", AST_MOST_HEIGHT - 1, "");
  survive(deepest, strlen(deepest));
  parsing *p = parse_text(deepest);
  expect_parsed(p);
  parsing_free(p);
  free(deepest);
  expect_message(repeated("a", " + a", AST_MOST_HEIGHT, ""), "inside each other");

  char inside[3 * AST_MOST_BRACKETS] = "";
  for (int i = 0; i < AST_MOST_BRACKETS; i++) strcat(inside, "(");
  strcat(inside, "a");
  for (int i = 0; i < AST_MOST_BRACKETS; i++) strcat(inside, ")");
  p = parse_text(inside);
  expect_parsed(p);
  parsing_free(p);
  expect_message(repeated("", "(", AST_MOST_BRACKETS + 1, "a"), "nested too deeply");
}

static void test_long_lists_are_read(void **state) {
  (void)state;
  char *texts[] = {
      repeated("f(", "a, ", 200000, ")"),
      repeated("", "a; ", 200000, ""),
      repeated("", "x[1:2] <- 3\n", 50000, ""),
      repeated("# ", "comment ", 400000, "\nx"),
      repeated("x = \"", "text ", 400000, "\""),
      repeated("", "long_name_", 300000, " = 1"),
      repeated("x = 0.", "12345", 400000, ""),
  };
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    parsing *p = parse_text(texts[i]);
    expect_parsed(p);
    expect_round_trip(p);
    parsing_free(p);
    free(texts[i]);
  }
}

static void test_long_faults_have_short_messages(void **state) {
  (void)state;
  char *texts[] = {
      repeated("x = ", "12345", 400000, ""),
      repeated("x y", "long_name_", 300000, " = 1"),
      repeated("x = \"", "text ", 400000, ""),
      repeated("x = ", "a ", 1000000, ""),
      repeated("x = (", "a, ", 1000000, "\x01"),
      repeated("", "$ ", 1000000, ""),
      repeated("", ") ", 1000000, ""),
      repeated("", "x = = 2\n", 300000, ""),
      repeated("x = 1", "x", 1000000, ""),
  };
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    parsing *p = parse_text(texts[i]);
    assert_null(p->file);
    char *messages = messages_of(p);
    assert_true(strlen(messages) < 8000);
    assert_true(diag_count(p->diagnostics) <= DIAG_MOST);
    free(messages);
    parsing_free(p);
    free(texts[i]);
  }
}

static void test_ten_megabytes_are_refused(void **state) {
  (void)state;
  expect_message(repeated("", "0123456789", 1000000, ""), "the file has 10000000 bytes");
}

static void test_zero_bytes(void **state) {
  (void)state;
  static const char text[] = "x = 1 # a \0 comment\ny = \0 2\nz = \"a\0b\"\n\0";
  parsing *p = parse_bytes("zero.dnn", text, sizeof text - 1);
  assert_null(p->file);
  assert_int_equal(diag_count(p->diagnostics), 3);
  char *messages = messages_of(p);
  assert_non_null(strstr(messages, "zero.dnn:2:5: error: the file has a byte 0x00"));
  assert_non_null(strstr(messages, "zero.dnn:3:5: error: the text has a byte 0x00"));
  free(messages);
  parsing_free(p);
  parsing *empty = parse_text("");
  expect_parsed(empty);
  assert_int_equal(empty->file->items.count, 0);
  parsing_free(empty);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_random_bytes),
      cmocka_unit_test(test_random_tokens),
      cmocka_unit_test(test_mutated_programs),
      cmocka_unit_test(test_deep_nesting_is_an_error),
      cmocka_unit_test(test_limits_are_exact),
      cmocka_unit_test(test_long_lists_are_read),
      cmocka_unit_test(test_long_faults_have_short_messages),
      cmocka_unit_test(test_ten_megabytes_are_refused),
      cmocka_unit_test(test_zero_bytes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
