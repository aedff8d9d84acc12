/* The parser: whole programs, what binds how, the newline rule, messages for what is refused. */
#include "parsing.h"

static void program_round_trips(const char *path, const char *text, size_t length) {
  parsing *p = parse_bytes(path, text, length);
  expect_parsed(p);
  expect_round_trip(p);
  parsing_free(p);
}

static void test_programs_round_trip(void **state) {
  (void)state;
  assert_true(for_each_program("tests/lang/parse", program_round_trips) >= 23);
}

/* The messages for a refused program are in a file beside it; UPDATE_GOLDEN=1 writes that. */
static void program_is_refused(const char *path, const char *text, size_t length) {
  parsing *p = parse_bytes(path, text, length);
  if (p->file) fail_msg("%s was not refused", path);
  char *messages = messages_of(p);
  char golden[512];
  snprintf(golden, sizeof golden, "%.*s.err", (int)(strlen(path) - strlen(".dnn")), path);
  if (getenv("UPDATE_GOLDEN")) {
    FILE *out = fopen(golden, "wb");
    assert_non_null(out);
    fputs(messages, out);
    fclose(out);
  }
  size_t expected_length;
  char *expected = read_whole(golden, &expected_length);
  if (!expected) fail_msg("%s is missing", golden);
  assert_string_equal(messages, expected);
  free(expected);
  free(messages);
  parsing_free(p);
}

static void test_faulty_programs_are_refused(void **state) {
  (void)state;
  assert_true(for_each_program("tests/lang/bad", program_is_refused) >= 19);
}

/* Pairs of texts, with whether they are the same tree. */
typedef struct pair {
  const char *left, *right;
  bool equal;
} pair;

static void check_pairs(const pair *pairs, size_t count) {
  for (size_t i = 0; i < count; i++) {
    parsing *left = parse_text(pairs[i].left), *right = parse_text(pairs[i].right);
    expect_parsed(left);
    expect_parsed(right);
    if (ast_equal(left->file, right->file) != pairs[i].equal)
      fail_msg("`%s` and `%s` should%s be the same tree", pairs[i].left, pairs[i].right,
               pairs[i].equal ? "" : " not");
    expect_round_trip(left);
    expect_round_trip(right);
    parsing_free(left);
    parsing_free(right);
  }
}
#define CHECK_PAIRS(pairs) check_pairs(pairs, sizeof(pairs) / sizeof *(pairs))

static void test_operators_bind(void **state) {
  (void)state;
  const pair pairs[] = {
      {"-x ** 2", "-(x ** 2)", true},
      {"-x ** 2", "(-x) ** 2", false},
      {"a ** b ** c", "a ** (b ** c)", true},
      {"a ** b ** c", "(a ** b) ** c", false},
      {"a ** -b ** c", "a ** (-(b ** c))", true},
      {"a - b - c", "(a - b) - c", true},
      {"a - b - c", "a - (b - c)", false},
      {"a + b * c @ d // e % f / g", "a + (((((b * c) @ d) // e) % f) / g)", true},
      {"-a @ b", "(-a) @ b", true},
      {"-a @ b", "-(a @ b)", false},
      {"not a == b", "not (a == b)", true},
      {"not a and b", "(not a) and b", true},
      {"a or b and c", "a or (b and c)", true},
      {"a == not b", "a == (not b)", true},
      {"(not a) == b", "not a == b", false},
      {"a ? b : c ? d : e", "a ? b : (c ? d : e)", true},
      {"a ? b ? c : d : e", "a ? (b ? c : d) : e", true},
      {"a or b ? c : d", "(a or b) ? c : d", true},
      {"a + b |> f", "(a + b) |> f", true},
      {"a |> f |> g", "(a |> f) |> g", true},
      {"c ? a : b |> f", "(c ? a : b) |> f", true},
      {"x |> f", "f(x)", false},
      {"a.b[0](c).d", "((a.b)[0](c)).d", true},
      {"-a.b", "-(a.b)", true},
      {"(a, b) = t", "a, b = t", true},
      {"emit a, b", "emit (a, b)", true},
      {"for a, b in s, t { }", "for (a, b) in (s, t) { }", false},
      {"(a)", "a", true},
      {"(a,)", "a", false},
      {"x[a, b,](c, d,)", "x[a, b](c, d)", true},
      {"x[a:b]", "x[a:b:]", true},
      {"x[a:b]", "x[a::b]", false},
      {"x[c ? a : b:d]", "x[(c ? a : b):d]", true},
      {"fn f { }", "fn f() { }", false},
      {"fn f[] { }", "fn f { }", true},
      {"minimize a over b with c", "maximize a over b with c", false},
      {"minimize a over b, c with d", "minimize a over b except c with d", false},
      {"1.0", "1.00", false},
      {"if a { b } else { if c { d } }", "if a { b } else if c { d }", false},
  };
  CHECK_PAIRS(pairs);
}

static void test_newlines_end_statements(void **state) {
  (void)state;
  const pair pairs[] = {
      {"a\nb", "a; b", true},
      {"a\n\n# comment\n\nb\n;\n;", "a; b", true},
      {"a\r\nb\r\n", "a; b", true},
      {"a\n+ b", "a + b", true},
      {"a\n- b", "a - b", true},
      {"a +\nb", "a + b", true},
      {"a\n(b, c) = d", "a; (b, c) = d", true},
      {"a\n(-b)", "a; (-b)", true},
      {"f(a,\n  b\n)", "f(a, b)", true},
      {"f(a\n-b)", "f(a - b)", true},
      {"x[a\n, b\n]", "x[a, b]", true},
      {"x\n|> f\n|> g", "x |> f |> g", true},
      {"a\n? b\n: c", "a ? b : c", true},
      {"a\n= b", "a = b", true},
      {"a\n<- b", "a <- b", true},
      {"a\n.b", "a.b", true},
      {"if c\n{ a }\nelse\n{ b }", "if c { a } else { b }", true},
      {"fn f(x)\n-> f32\n{ x }", "fn f(x) -> f32 { x }", true},
      {"minimize a\nover b\nexcept c\nwith d", "minimize a over b except c with d", true},
      {"f(if c {\na\nb })", "f(if c { a; b })", true},
      {"fn f(x) {\n-x\n}", "fn f(x) { (-x) }", true},
      {"a = 1 and\nb", "a = 1 and b", true},
      {"true\nfalse", "true; false", true},
      {"\"a\"\n\"b\"", "\"a\"; \"b\"", true},
      {"scan t in 0\n..T { }", "scan t in 0..T { }", true},
  };
  CHECK_PAIRS(pairs);
}

static ast *only_item(const parsing *p) {
  expect_parsed(p);
  assert_int_equal(p->file->items.count, 1);
  return p->file->items.items[0];
}

static void test_literals_have_their_values(void **state) {
  (void)state;
  const struct { const char *text; ast_kind kind; int64_t integer; double real; } cases[] = {
      {"12", AST_INTEGER, 12, 0},
      {"007", AST_INTEGER, 7, 0},
      {"0x1F", AST_INTEGER, 31, 0},
      {"9223372036854775807", AST_INTEGER, INT64_MAX, 0},
      {"1.5", AST_REAL, 0, 1.5},
      {"1e-3", AST_REAL, 0, 1e-3},
      {"0x1p-3", AST_REAL, 0, 0.125},
      {"0x1.8p1", AST_REAL, 0, 3},
      {"0e9", AST_REAL, 0, 0},
      {"4.9e-324", AST_REAL, 0, 4.9e-324},
      {"inf", AST_REAL, 0, __builtin_inf()},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    parsing *p = parse_text(cases[i].text);
    const ast *n = only_item(p);
    assert_int_equal(n->kind, cases[i].kind);
    assert_string_equal(n->name, cases[i].text);
    if (n->kind == AST_INTEGER) assert_true(n->integer == cases[i].integer);
    else assert_true(n->real == cases[i].real);
    parsing_free(p);
  }
  parsing *p = parse_text("(nan, true, false, \"a\\n\\t\\\"\\\\z\")");
  ast *const *items = only_item(p)->items.items;
  assert_true(items[0]->real != items[0]->real);
  assert_true(items[1]->truth && !items[2]->truth);
  assert_string_equal(items[3]->name, "a\n\t\"\\z");
  parsing_free(p);
}

static void test_arguments_by_name(void **state) {
  (void)state;
  parsing *p = parse_text("f[a, pad: 2, i:j:k, (m):n, :2](x, eps: 3)");
  const ast *call = only_item(p);
  ast *const *brackets = call->base->items.items, *const *arguments = call->items.items;
  const char *name;
  assert_null(ast_as_named(brackets[0], &name));
  assert_int_equal(ast_as_named(brackets[1], &name)->integer, 2);
  assert_string_equal(name, "pad");
  for (int i = 2; i < 5; i++) assert_null(ast_as_named(brackets[i], &name));
  assert_null(ast_as_named(arguments[0], &name));
  assert_int_equal(ast_as_named(arguments[1], &name)->integer, 3);
  assert_string_equal(name, "eps");
  assert_string_equal(ast_root_name(call), "f");
  parsing_free(p);
}

static void test_places(void **state) {
  (void)state;
  parsing *p = parse_text("x = a\n  y = bb @\n   (c + d)");
  const ast *product = p->file->items.items[1]->value;
  const location at = product->at;
  assert_string_equal(diag_place(p->arena, at), "text.dnn:2:10");
  assert_int_equal(at.line, 2);
  assert_int_equal(at.column, 7);
  assert_int_equal(at.end_line, 3);
  assert_int_equal(at.end_column, 11);
  assert_string_equal(diag_place(p->arena, product->right->at), "text.dnn:3:7");
  parsing_free(p);
}

typedef struct nodes {
  arena *arena;
  ast **items;
  int count;
} nodes;

static bool collect(const ast *n, void *context) {
  nodes *all = context;
  arena_push(all->arena, all->items, all->count) = (ast *)n;
  return true;
}

/* Every change of one node must be seen by ast_equal: changes it, compares, changes it back. */
static void expect_change_seen(parsing *p, const parsing *same, ast *n, ast changed) {
  ast before = *n;
  *n = changed;
  if (ast_equal(p->file, same->file))
    fail_msg("a change of %s at %s is not seen", ast_kind_words(before.kind),
             diag_place(p->arena, before.at));
  *n = before;
}

static void test_equality_sees_every_change(void **state) {
  (void)state;
  size_t length;
  char *text = read_whole("tests/lang/parse/constructs.dnn", &length);
  parsing *p = parse_bytes("p", text, length), *same = parse_bytes("same", text, length);
  nodes all = {.arena = p->arena};
  bool seen[AST_KIND_COUNT] = {false};
  for (int i = 0; i < p->file->items.count; i++) ast_walk(p->file->items.items[i], collect, &all);
  for (int i = 0; i < all.count; i++) {
    ast *n = all.items[i], changed = *n;
    seen[n->kind] = true;
    changed.kind = (ast_kind)((n->kind + 1) % AST_KIND_COUNT);
    expect_change_seen(p, same, n, changed);
    changed = *n;
    changed.name = n->name ? "other" : "some";
    expect_change_seen(p, same, n, changed);
    for (int j = 0; j < AST_PARTS; j++) {
      changed = *n;
      changed.part[j] = n->part[j] ? NULL : n;
      expect_change_seen(p, same, n, changed);
    }
    for (int j = 0; j < AST_LISTS; j++) {
      changed = *n;
      changed.list[j].count--;
      if (n->list[j].count > 0) expect_change_seen(p, same, n, changed);
    }
  }
  for (int i = 0; i < AST_KIND_COUNT; i++)
    if (!seen[i]) fail_msg("constructs.dnn lacks %s", ast_kind_words((ast_kind)i));
  assert_true(ast_equal(p->file, same->file));
  parsing_free(p);
  parsing_free(same);
  free(text);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_programs_round_trip),
      cmocka_unit_test(test_faulty_programs_are_refused),
      cmocka_unit_test(test_operators_bind),
      cmocka_unit_test(test_newlines_end_statements),
      cmocka_unit_test(test_literals_have_their_values),
      cmocka_unit_test(test_arguments_by_name),
      cmocka_unit_test(test_places),
      cmocka_unit_test(test_equality_sees_every_change),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
