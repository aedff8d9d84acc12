/* The constructors that the grammar's actions call, with the checks that no grammar rule makes. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "parser.h"

static int height_of(const ast *n) {
  int most = 0;
  for (int i = 0; i < AST_PARTS; i++)
    if (n->part[i] && n->part[i]->height > most) most = n->part[i]->height;
  for (int i = 0; i < AST_LISTS; i++)
    for (int j = 0; j < n->list[i].count; j++)
      if (n->list[i].items[j]->height > most) most = n->list[i].items[j]->height;
  return most + 1;
}

ast *parser_node(parser *p, ast n) {
  int height = height_of(&n);
  if (height == AST_MOST_HEIGHT + 1)
    diag_error(p->diagnostics, n.at,
               "more than %d operations or blocks inside each other: give a part of it a name",
               AST_MOST_HEIGHT);
  n.height = (short)(height > AST_MOST_HEIGHT ? AST_MOST_HEIGHT + 1 : height);
  ast *copy = arena_new_of(p->arena, ast);
  *copy = n;
  return copy;
}

ast_list parser_push(parser *p, ast_list list, ast *item) {
  arena_push(p->arena, list.items, list.count) = item;
  return list;
}

location parser_caret(location at, location caret) {
  at.caret_line = caret.line;
  at.caret_column = caret.column;
  return at;
}

static ast *literal(parser *p, ast_kind kind, location at, const char *text) {
  return parser_node(p, (ast){.kind = kind, .at = at, .name = arena_text(p->arena, text)});
}

static ast *integer(parser *p, location at, const char *text, int base) {
  errno = 0;
  long long value = strtoll(text, NULL, base);
  if (errno == ERANGE) {
    diag_error(p->diagnostics, at, "this integer is larger than 9223372036854775807");
    return NULL;
  }
  ast *n = literal(p, AST_INTEGER, at, text);
  n->integer = value;
  return n;
}

static ast *real(parser *p, location at, const char *text, bool is_hexadecimal) {
  double value = strtod(text, NULL);
  size_t significand = strcspn(text, is_hexadecimal ? "pP" : "eE");
  size_t zeros = strspn(text, "0xX.");
  if (isinf(value) || (value == 0 && zeros < significand)) {
    diag_error(p->diagnostics, at, "this number is too %s for a double, %s",
               value == 0 ? "small" : "large", value == 0 ? "4.9e-324 at least" : "1.8e308 at most");
    return NULL;
  }
  ast *n = literal(p, AST_REAL, at, text);
  n->real = value;
  return n;
}

ast *parser_number(parser *p, location at, const char *text) {
  if (!strcmp(text, "true") || !strcmp(text, "false")) {
    ast *n = literal(p, AST_BOOL, at, text);
    n->truth = text[0] == 't';
    return n;
  }
  if (!strcmp(text, "inf") || !strcmp(text, "nan")) {
    ast *n = literal(p, AST_REAL, at, text);
    n->real = text[0] == 'i' ? (double)INFINITY : (double)NAN;
    return n;
  }
  bool is_hexadecimal = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
  bool is_real = strpbrk(text, is_hexadecimal ? ".pP" : ".eE");
  return is_real ? real(p, at, text, is_hexadecimal)
                 : integer(p, at, text, is_hexadecimal ? 16 : 10);
}

static char unescaped(char c) {
  switch (c) {
  case 'n': return '\n';
  case 't': return '\t';
  case '\\': case '"': return c;
  default: return 0;
  }
}

ast *parser_string(parser *p, location at, const char *text, size_t length) {
  char *out = arena_alloc(p->arena, length), *end = out;
  for (size_t i = 1; i + 1 < length; i++) {
    unsigned char c = (unsigned char)text[i];
    if (c == '\\') {
      c = (unsigned char)unescaped(text[++i]);
      if (!c) {
        diag_error(p->diagnostics, at, "a text knows the escapes \\n \\t \\\" \\\\ only");
        return NULL;
      }
    } else if ((c < ' ' && c != '\t') || c == 127) {
      diag_error(p->diagnostics, at, "the text has a byte 0x%02x; \\n and \\t can be written", c);
      return NULL;
    }
    *end++ = (char)c;
  }
  ast *n = parser_node(p, (ast){.kind = AST_STRING, .at = at});
  n->name = out;
  return n;
}

ast *parser_tuple(parser *p, location at, ast_list items) {
  return items.count == 1 ? items.items[0]
                          : parser_node(p, (ast){.kind = AST_TUPLE, .at = at, .items = items});
}

ast *parser_group(parser *p, location at, ast_list items, bool comma) {
  if (items.count != 1 || comma || items.items[0]->kind == AST_NAMED)
    return parser_node(p, (ast){.kind = AST_TUPLE, .at = at, .items = items});
  items.items[0]->grouped = true;
  return items.items[0];
}

static bool is_postfix(const ast *n) {
  return n->kind == AST_NAME || n->kind == AST_CALL || n->kind == AST_BRACKETS ||
         n->kind == AST_MEMBER;
}

ast *parser_pipe(parser *p, location at, location caret, ast *left, ast *right) {
  if (!is_postfix(right) || right->grouped)
    diag_error(p->diagnostics, right->at, "the right side of `|>` is a call or a name");
  return parser_node(
      p, (ast){.kind = AST_PIPE, .at = parser_caret(at, caret), .left = left, .right = right});
}

static bool is_pattern(const ast *n) {
  if (n->kind == AST_NAME) return true;
  if (n->kind != AST_TUPLE || n->items.count == 0) return false;
  for (int i = 0; i < n->items.count; i++)
    if (!is_pattern(n->items.items[i])) return false;
  return true;
}

ast *parser_define(parser *p, location at, ast_list targets, ast *value) {
  for (int i = 0; i < targets.count; i++) {
    const ast *target = targets.items[i];
    bool is_indexed = target->kind == AST_BRACKETS && target->base->kind == AST_NAME;
    if (is_pattern(target) || (is_indexed && targets.count == 1)) continue;
    diag_error(p->diagnostics, target->at,
               "the left side of `=` is a name, names in parentheses or a name with indices%s",
               is_postfix(target) ? "; a parameter or state is updated with `<-`" : "");
  }
  location targets_at = diag_span(targets.items[0]->at, targets.items[targets.count - 1]->at);
  ast *target = parser_tuple(p, targets_at, targets);
  return parser_node(p, (ast){.kind = AST_DEFINE, .at = at, .target = target, .value = value});
}

ast *parser_update(parser *p, location at, ast *target, ast *value) {
  if (!is_postfix(target) || !ast_root_name(target))
    diag_error(p->diagnostics, target->at,
               "the left side of `<-` is a parameter, a state or a part of a value");
  return parser_node(p, (ast){.kind = AST_UPDATE, .at = at, .target = target, .value = value});
}

ast *parser_slot(parser *p, ast *slot) {
  if (!slot->type && !slot->value)
    diag_error(p->diagnostics, slot->at, "`%s` has neither a type nor a value", slot->name);
  return slot;
}

static const char *only_outside(const ast *n) {
  switch (n->kind) {
  case AST_USE: return "use";
  case AST_ENTRY: return "entry";
  case AST_TASK: return "task";
  default: return NULL;
  }
}

ast *parser_block(parser *p, location at, ast_list items) {
  for (int i = 0; i < items.count; i++) {
    const char *word = only_outside(items.items[i]);
    if (word)
      diag_error(p->diagnostics, items.items[i]->at, "`%s` stands outside all braces only", word);
  }
  return parser_node(p, (ast){.kind = AST_BLOCK, .at = at, .items = items});
}

ast *parser_checkpoint(parser *p, location at, const char *word, ast *value) {
  if (strcmp(word, "checkpoint"))
    diag_error(p->diagnostics, at, "`scan` takes `checkpoint` in brackets, not `%.40s`", word);
  return value;
}

ast *parser_after(parser *p, location at, const char *word, location task_at, const char *task) {
  if (strcmp(word, "after"))
    diag_error(p->diagnostics, at, "expected `after` or `{`, found `%.40s`", word);
  return parser_node(p, (ast){.kind = AST_NAME, .at = task_at, .name = task});
}
