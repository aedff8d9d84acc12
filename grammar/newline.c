/* The token filter between scanner and grammar. It turns those newlines that end a statement into
 * ';', closes brackets that the text left open, so that the grammar sees matching brackets
 * only, and after an error drops the rest of the statement. */
#include <limits.h>
#include <string.h>

#include "parser.h"
#include "dnn.tab.h"

static bool ends_statement(int kind) {
  switch (kind) {
  case NAME: case NUMBER: case STRING: case BAD: case ')': case ']': case '}': return true;
  default: return false;
  }
}

static bool continues_statement(int kind) {
  switch (kind) {
  case PIPE: case AND: case OR: case '?': case ':': case EQUAL: case NOT_EQUAL: case '<': case '>':
  case LESS_EQUAL: case GREATER_EQUAL: case '+': case '-': case '*': case '/': case '%': case '@':
  case FLOOR_DIVIDE: case POWER: case DOTDOT: case '=': case ARROW: case GIVES: case ',': case '.':
  case ')': case ']': case '{': case '}': case ELSE: case OVER: case WITH: case EXCEPT: return true;
  default: return false;
  }
}

static bool is_opener(int kind) { return kind == '(' || kind == '[' || kind == '{'; }
static bool is_closer(int kind) { return kind == ')' || kind == ']' || kind == '}'; }
static char closer_of(char opener) { return opener == '(' ? ')' : opener == '[' ? ']' : '}'; }

/* Whether a declaration starts here that can only stand outside all brackets. */
static bool starts_declaration(const parser_token *t) {
  return t->starts_line && t->at.column == 1 &&
         (t->kind == FN || t->kind == ENTRY || t->kind == TASK || t->kind == CONST);
}

/* Whether the innermost open bracket lets newlines end statements. */
static bool newlines_count(const parser *p) {
  return p->depth == 0 || p->brackets[p->depth - 1].opener == '{';
}

/* The depth inside the innermost open brace, 0 outside all. */
static int statement_depth(const parser *p) {
  int depth = p->depth;
  while (depth > 0 && p->brackets[depth - 1].opener != '{') depth--;
  return depth;
}

static void hold(parser *p, parser_token t) {
  p->held = t;
  p->is_held = true;
}

static parser_token take(parser *p) {
  if (p->is_held) {
    p->is_held = false;
    p->held.starts_line &= p->last.kind != ';';
    return p->held;
  }
  parser_token t = {.starts_line = p->line == 1 && p->column == 1};
  while ((t.kind = parser_scan(p, &t.value, &t.at)) == NEWLINE) t.starts_line = true;
  t.touches_next = p->offset < p->source->length && !strchr(" \t\r\n", p->source->text[p->offset]);
  return t;
}

static location end_of(location at) {
  at.line = at.end_line;
  at.column = at.end_column;
  return at;
}

static parser_token supply(parser *p, int kind, location at, bool closes) {
  at.end_line = at.line;
  at.end_column = at.column;
  p->last = (parser_token){.kind = kind, .at = at, .supplied = closes};
  return p->last;
}

/* Closes the innermost bracket in front of the held token; a brace only after a ';'. */
static parser_token close_bracket(parser *p) {
  char opener = p->brackets[p->depth - 1].opener;
  if (opener == '{' && p->last.kind != ';' && p->last.kind != '{')
    return supply(p, ';', p->held.at, true);
  p->depth--;
  return supply(p, closer_of(opener), p->held.at, true);
}

static void report_unclosed(parser *p) {
  parser_bracket *b = &p->brackets[p->depth - 1];
  if (!b->reported) diag_error(p->diagnostics, b->at, "this `%c` is never closed", b->opener);
  b->reported = true;
}

static parser_token stop(parser *p, location at) {
  p->stopped = true;
  return supply(p, END, at, true);
}

static parser_token open_bracket(parser *p, parser_token t) {
  if (p->depth == AST_MOST_BRACKETS) {
    diag_error(p->diagnostics, t.at, "the text is nested too deeply: %d brackets are open here",
               AST_MOST_BRACKETS);
    return stop(p, t.at);
  }
  p->brackets[p->depth++] = (parser_bracket){.opener = (char)t.kind, .at = t.at};
  return t;
}

/* The depth at which a closing bracket closes, or -1. */
static int matching_depth(const parser *p, int kind) {
  int depth = p->depth - 1;
  while (depth >= 0 && closer_of(p->brackets[depth].opener) != kind) depth--;
  return depth;
}

/* A line that begins with -y looks like a statement and would continue the line above. */
static void check_minus(parser *p, const parser_token *t) {
  if (t->kind == '-' && t->touches_next)
    diag_error(p->diagnostics, t->at,
               "a line that begins with `-` goes on with the line above: write `- y` for a "
               "difference, `(-y)` for a new statement");
}

/* A closing bracket that does not match the innermost open one. Where a bracket further out does,
 * those opened since are closed and the token is read again; else it is taken for the one that
 * is wanted, or dropped where none is open. Returns whether *t is to be given. */
static bool mend_brackets(parser *p, parser_token *t) {
  int depth = matching_depth(p, t->kind);
  if (depth >= 0) {
    report_unclosed(p);
    p->close_to = depth + 1;
    hold(p, *t);
    return false;
  }
  const parser_bracket *open = p->depth > 0 ? &p->brackets[p->depth - 1] : NULL;
  if (!open || open->opener == '{') {
    diag_error(p->diagnostics, t->at, "this `%c` closes nothing", t->kind);
    return false;
  }
  diag_error(p->diagnostics, t->at, "`%c` cannot close the `%c` at %s", t->kind, open->opener,
             diag_place(p->arena, open->at));
  t->kind = closer_of(open->opener);
  return true;
}

/* The next token, before tokens are dropped for recovery. */
static parser_token produce(parser *p) {
  for (;;) {
    if (p->stopped || diag_count(p->diagnostics) - p->errors_before >= DIAG_MOST)
      return stop(p, p->last.at);
    if (p->depth > p->close_to) return close_bracket(p);
    p->close_to = INT_MAX;
    parser_token t = take(p);
    if (p->depth > 0 && (t.kind == END || starts_declaration(&t))) {
      report_unclosed(p);
      p->close_to = 0;
      hold(p, t);
      continue;
    }
    if (t.starts_line && newlines_count(p) && ends_statement(p->last.kind)) {
      if (!continues_statement(t.kind)) {
        hold(p, t);
        return supply(p, ';', end_of(p->last.at), false);
      }
      check_minus(p, &t);
    }
    if (t.kind == ';' && !newlines_count(p)) {
      diag_error(p->diagnostics, t.at, "`;` inside `%c`", p->brackets[p->depth - 1].opener);
      t.kind = BAD;
    }
    if (is_opener(t.kind)) return p->last = open_bracket(p, t);
    if (is_closer(t.kind)) {
      bool matches = p->depth > 0 && matching_depth(p, t.kind) == p->depth - 1;
      if (!matches && !mend_brackets(p, &t)) continue;
      p->depth--;
    }
    return p->last = t;
  }
}

/* Whether dropping tokens ends with this one, which the grammar gets. */
static bool ends_skip(const parser *p, const parser_token *t) {
  return t->kind == END || (t->kind == ';' && p->depth == p->skip_depth) ||
         p->depth < p->skip_depth;
}

int parser_next(parser *p, parser_value *value, location *at) {
  parser_token t = produce(p);
  while (p->skip_depth >= 0 && !ends_skip(p, &t)) t = produce(p);
  p->skip_depth = -1;
  *value = t.value;
  *at = t.at;
  return t.kind;
}

bool parser_recover(parser *p) {
  int kind = p->last.kind;
  bool is_news = kind != BAD && !p->last.supplied && !p->stopped;
  int open = p->depth;
  if (kind == '{') p->depth--; /* the grammar has not taken it */
  p->skip_depth = statement_depth(p);
  p->depth = open;
  for (int i = p->skip_depth; i < open; i++) p->brackets[i].reported = true;
  if (kind == ';' || kind == '}' || kind == END) p->skip_depth = -1;
  return is_news;
}
