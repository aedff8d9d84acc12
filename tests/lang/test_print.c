/* Random trees, printed and parsed: the printer's parentheses must agree with the grammar's
 * bindings in every combination. */
#include "parsing.h"

typedef struct maker {
  arena *arena;
  uint64_t state;
} maker;

static int below(maker *m, int n) {
  m->state = m->state * 6364136223846793005U + 1442695040888963407U;
  return (int)((m->state >> 33) % (uint64_t)n);
}

static ast *node(maker *m, ast n) {
  ast *copy = arena_new_of(m->arena, ast);
  *copy = n;
  return copy;
}
#define NODE(kind_, ...) node(m, (ast){.kind = AST_##kind_, __VA_ARGS__})

static ast *expression(maker *m, int depth);
static ast *block(maker *m, int depth);

static const char *name(maker *m) {
  static const char *const names[] = {"a", "b", "c", "new", "after", "x1"};
  return names[below(m, 6)];
}

static ast_list list_of(maker *m, int least, int most, int depth, ast *(*make)(maker *, int)) {
  ast_list list = {0};
  int count = least + below(m, most - least + 1);
  for (int i = 0; i < count; i++) arena_push(m->arena, list.items, list.count) = make(m, depth);
  return list;
}

static ast *maybe(maker *m, int depth, ast *(*make)(maker *, int)) {
  return below(m, 2) ? make(m, depth) : NULL;
}

static ast *leaf(maker *m) {
  switch (below(m, 6)) {
  case 0: return NODE(INTEGER, .name = "12");
  case 1: return NODE(REAL, .name = "1.5e-3");
  case 2: return NODE(BOOL, .name = "true");
  case 3: return NODE(STRING, .name = "q\"\\\n\t-");
  default: return NODE(NAME, .name = name(m));
  }
}

static ast *argument(maker *m, int depth) {
  ast *value = expression(m, depth);
  return below(m, 3) ? value : NODE(NAMED, .name = name(m), .value = value);
}

static ast *subscript(maker *m, int depth) {
  switch (below(m, 4)) {
  case 0: return NODE(ELLIPSIS, .name = NULL);
  case 1: return NODE(SLICE, .start = maybe(m, depth, expression),
                      .stop = maybe(m, depth, expression), .step = maybe(m, depth, expression));
  default: return expression(m, depth);
  }
}

static ast *postfix_of(maker *m, ast *base, int depth) {
  switch (below(m, 3)) {
  case 0: return NODE(MEMBER, .base = base, .name = name(m));
  case 1: return NODE(CALL, .base = base, .items = list_of(m, 0, 3, depth, argument));
  default: return NODE(BRACKETS, .base = base, .items = list_of(m, 0, 3, depth, subscript));
  }
}

/* What starts with a name, as a pipe and an update want it. */
static ast *named_postfix(maker *m, int depth) {
  ast *n = NODE(NAME, .name = name(m));
  for (int i = below(m, 3); i > 0; i--) n = postfix_of(m, n, depth);
  return n;
}

static ast *pattern(maker *m, int depth) {
  if (depth <= 0 || below(m, 3)) return NODE(NAME, .name = name(m));
  return NODE(TUPLE, .items = list_of(m, 1, 3, depth - 1, pattern));
}

static ast *sequence(maker *m, int depth) {
  ast *start = expression(m, depth);
  return below(m, 2) ? start : NODE(RANGE, .start = start, .stop = expression(m, depth));
}

static ast *conditional(maker *m, int depth) {
  ast *n = NODE(IF, .condition = expression(m, depth), .then = block(m, depth));
  if (below(m, 2))
    n->otherwise = depth > 0 && below(m, 2) ? conditional(m, depth - 1) : block(m, depth);
  return n;
}

static ast *control(maker *m, int depth) {
  switch (below(m, 5)) {
  case 0: return conditional(m, depth);
  case 1: return NODE(FOR, .patterns = list_of(m, 1, 2, 2, pattern),
                      .sequences = list_of(m, 1, 2, depth, sequence), .body = block(m, depth));
  case 2: return NODE(SCAN, .checkpoint = maybe(m, depth, expression),
                      .patterns = list_of(m, 1, 2, 2, pattern),
                      .sequences = list_of(m, 1, 2, depth, sequence),
                      .condition = maybe(m, depth, expression), .body = block(m, depth));
  case 3: return NODE(REPEAT, .count = expression(m, depth), .body = block(m, depth));
  default: return NODE(WHILE, .condition = expression(m, depth), .body = block(m, depth));
  }
}

static ast *operation(maker *m, int depth) {
  ast_operator op = (ast_operator)below(m, AST_OPERATOR_COUNT);
  if (op == AST_NOT || op == AST_NEGATE)
    return NODE(UNARY, .op = op, .operand = expression(m, depth));
  return NODE(BINARY, .op = op, .left = expression(m, depth), .right = expression(m, depth));
}

static ast *expression(maker *m, int depth) {
  if (--depth <= 0) return leaf(m);
  switch (below(m, 12)) {
  case 0: return leaf(m);
  case 1: return NODE(TUPLE, .items = list_of(m, 0, 3, depth, argument));
  case 2: return postfix_of(m, expression(m, depth), depth);
  case 3: return NODE(CHOICE, .condition = expression(m, depth), .then = expression(m, depth),
                      .otherwise = expression(m, depth));
  case 4: return NODE(PIPE, .left = expression(m, depth), .right = named_postfix(m, depth));
  case 5: return control(m, depth - 1);
  default: return operation(m, depth);
  }
}

static ast *size(maker *m, int depth) {
  return below(m, 4) ? expression(m, depth) : NODE(ELLIPSIS, .name = NULL);
}

static ast *type(maker *m, int depth) {
  return NODE(TYPE, .name = name(m), .items = list_of(m, 0, 2, depth, size));
}

static ast *static_parameter(maker *m, int depth) {
  ast *n = NODE(STATIC, .name = name(m));
  int form = below(m, 3);
  if (form == 1) n->value = expression(m, depth);
  if (form == 2) n->bound = expression(m, depth);
  return n;
}

static ast *parameter(maker *m, int depth) {
  return NODE(PARAMETER, .name = name(m), .type = maybe(m, depth, type),
              .value = maybe(m, depth, expression));
}

static ast *result(maker *m, int depth) {
  return NODE(RESULT, .name = name(m), .type = maybe(m, depth, type));
}

static ast *function(maker *m, ast_kind kind, int depth) {
  ast *n = NODE(FUNCTION, .name = name(m), .statics = list_of(m, 0, 2, depth, static_parameter),
                .has_parameters = kind == AST_ENTRY || below(m, 2), .body = block(m, depth));
  n->kind = kind;
  if (n->has_parameters) n->parameters = list_of(m, 0, 2, depth, parameter);
  int form = below(m, 3);
  if (form == 1) n->type = type(m, depth);
  if (form == 2) n->results = list_of(m, 1, 2, depth, result);
  return n;
}

static ast *definition(maker *m, int depth) {
  ast *target = pattern(m, 2);
  if (target->kind == AST_NAME && below(m, 2))
    target = NODE(BRACKETS, .base = target, .items = list_of(m, 1, 3, depth, subscript));
  return NODE(DEFINE, .target = target, .value = expression(m, depth));
}

static ast *statement(maker *m, int depth) {
  switch (below(m, 12)) {
  case 0: return NODE(CONST, .name = name(m), .value = expression(m, depth));
  case 1: return NODE(PARAM, .name = name(m), .type = type(m, depth),
                      .value = maybe(m, depth, expression));
  case 2: return NODE(STATE, .name = name(m), .type = maybe(m, depth, type),
                      .value = expression(m, depth));
  case 3: return NODE(EMIT, .value = expression(m, depth));
  case 4: return NODE(UPDATE, .target = named_postfix(m, depth), .value = expression(m, depth));
  case 5: return NODE(MINIMIZE, .maximize = below(m, 2), .value = expression(m, depth),
                      .over = list_of(m, 1, 2, depth, expression),
                      .excluded = list_of(m, 0, 2, depth, expression),
                      .with = expression(m, depth));
  case 6: return NODE(DERIVATIVE, .parameters = list_of(m, 0, 2, depth, parameter),
                      .has_parameters = true, .body = block(m, depth));
  case 7: return function(m, AST_FUNCTION, depth);
  case 8: case 9: return definition(m, depth);
  default: return expression(m, depth);
  }
}

static ast *block(maker *m, int depth) {
  return NODE(BLOCK, .items = depth > 0 ? list_of(m, 0, 3, depth - 1, statement) : (ast_list){0});
}

static ast *top_statement(maker *m, int depth) {
  switch (below(m, 6)) {
  case 0: return NODE(USE, .name = name(m));
  case 1: return function(m, AST_ENTRY, depth);
  case 2: return NODE(TASK, .name = name(m), .body = block(m, depth),
                      .after = below(m, 2) ? NODE(NAME, .name = name(m)) : NULL);
  default: return statement(m, depth);
  }
}

static void expect_read_back(const ast_file *file) {
  char *text;
  size_t length;
  FILE *out = open_memstream(&text, &length);
  ast_print(out, file);
  fclose(out);
  parsing *p = parse_bytes("random.dnn", text, length);
  expect_parsed(p);
  if (!ast_equal(p->file, file)) fail_msg("another tree is read from:\n%s", text);
  parsing_free(p);
  free(text);
}

static void test_random_trees_are_read_back(void **state) {
  (void)state;
  for (int i = 0; i < 4000; i++) {
    maker m = {.arena = arena_new(), .state = (uint64_t)i};
    ast_file file = {.items = list_of(&m, 1, 4, 1 + i % 5, top_statement)};
    expect_read_back(&file);
    arena_free(m.arena);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_random_trees_are_read_back)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
