/* Messages for text that does not fit the grammar. */
#include <string.h>

#include "parser.h"

enum { MOST_WORDS = 6, LONGEST_WORD = 40 };

typedef struct expectation {
  const char *const *symbols;
  int count;
} expectation;

static bool expects(const expectation *e, const char *symbol) {
  for (int i = 0; i < e->count; i++)
    if (!strcmp(e->symbols[i], symbol)) return true;
  return false;
}

static bool is_among(const char *symbol, const char *const *symbols) {
  for (; *symbols; symbols++)
    if (!strcmp(*symbols, symbol)) return true;
  return false;
}

static const char *const statement_words[] = {
    "use",  "const",    "fn",       "entry",      "task", "param",
    "state", "emit", "minimize", "maximize", "derivative", NULL};
static const char *const value_words[] = {"a name", "a number", "a text", "if",  "for", "scan",
                                          "repeat", "while",    "not",    "'('", "'-'", NULL};
static const char *const other_words[] = {"over", "with", "except", "in", NULL};
static const char *const comparisons[] = {"==", "!=", "<=", ">=", "'<'", "'>'", NULL};
static const char *const operators[] = {"'?'", "or", "and", "'+'", "'-'", "'*'", "'/'", "//",
                                        "'%'", "'@'", "**", "==", "!=", "<=", ">=", "'<'",
                                        "'>'", "|>", NULL};
static const char *const after_operand[] = {"'('", "'['", "'.'", NULL};
static const char *const after_statement[] = {"'='", "<-", "','", "'}'", "the end of the file",
                                              NULL};

/* Whether a symbol needs no mention, as another word for what is expected stands for it. */
static bool is_implied(const expectation *e, const char *symbol) {
  bool begins_value = is_among(symbol, value_words) || is_among(symbol, statement_words);
  if (expects(e, "a number") && begins_value) return true;
  if (expects(e, "fn") && (is_among(symbol, after_statement) || strchr(symbol, ';'))) return true;
  if (expects(e, "'+'") && is_among(symbol, operators)) return true;
  if ((expects(e, "'+'") || expects(e, "|>")) && is_among(symbol, after_operand)) return true;
  return expects(e, "the end of the statement") && is_among(symbol, after_statement);
}

/* A symbol of the grammar as users know it: words as they are, everything else in quotes. */
static const char *spelling(arena *a, const char *symbol) {
  if (strchr(symbol, ' ')) return symbol;
  if (symbol[0] == '\'') return arena_printf(a, "`%c`", symbol[1]);
  return arena_printf(a, "`%s`", symbol);
}

static const char *expected_words(parser *p, const expectation *e) {
  const char *words[MOST_WORDS];
  int count = 0;
  if (expects(e, "a number")) words[count++] = expects(e, "fn") ? "a statement" : "a value";
  for (int i = 0; i < e->count && count < MOST_WORDS - 1; i++)
    if (!is_implied(e, e->symbols[i])) words[count++] = spelling(p->arena, e->symbols[i]);
  if (expects(e, "'+'")) words[count++] = "an operator";
  if (count == 0) return "something else";
  const char *text = words[0];
  for (int i = 1; i < count; i++)
    text = arena_printf(p->arena, "%s%s%s", text, i + 1 < count ? ", " : " or ", words[i]);
  return text;
}

/* What was found: the text itself, but for the ends of statement and file. */
static const char *found_words(parser *p, const char *found) {
  if (!strcmp(found, "the end of the file") || p->last.at.column == p->last.at.end_column)
    return found;
  size_t length = (size_t)(p->last.at.end_column - p->last.at.column);
  size_t shown = length > LONGEST_WORD ? LONGEST_WORD : length;
  return arena_printf(p->arena, "`%.*s%s`", (int)shown, p->source->text + p->offset - length,
                      shown < length ? "..." : "");
}

/* The innermost bracket that was open in front of the faulty token, if it is a ( or [. */
static const parser_bracket *open_bracket(const parser *p) {
  int kind = p->last.kind;
  int depth = p->depth - (kind == '(' || kind == '[' || kind == '{');
  const parser_bracket *b = depth > 0 ? &p->brackets[depth - 1] : NULL;
  return b && b->opener != '{' ? b : NULL;
}

/* The text that ends where the faulty token begins, without blanks. */
static bool follows(const parser *p, const char *text) {
  size_t end = p->offset - (size_t)(p->last.at.end_column - p->last.at.column), length = strlen(text);
  while (end > 0 && p->source->text[end - 1] == ' ') end--;
  return end >= length && !strncmp(p->source->text + end - length, text, length);
}

/* A reason for mistakes that are common, or NULL. */
static const char *advice(const parser *p, const char *found, const expectation *e) {
  if (is_among(found, comparisons) && expects(e, "'+'"))
    return "comparisons do not chain: write `a < b and b < c`";
  if (is_among(found, operators) && expects(e, "|>"))
    return "`|>` binds weakest and its right side is a call or a name: write `(x |> f) + y`";
  if (!strcmp(found, "<-"))
    return "`<-` updates and is a statement of its own; for less than minus one write `x < -1`";
  if (!strcmp(found, "','") && expects(e, "the end of the statement"))
    return "a tuple stands in parentheses: `(a, b)`";
  if (!strcmp(found, "'='") && expects(e, "a number") && (follows(p, "+") || follows(p, "-") || follows(p, "*") || follows(p, "/")))
    return "names are not changed in place: write `y = y + x`";
  if (follows(p, "return") && expects(e, "the end of the statement"))
    return "a block's value is its last expression, without a word before it";
  if (!strcmp(found, "'='") && open_bracket(p))
    return "arguments by name take `:`, as in f[3, pad: 1](x, eps: 0)";
  if (!strcmp(found, "':'") && expects(e, "'='"))
    return "defaults take `=`, as in f[k, pad = 0]";
  if (!strcmp(found, "'['") && expects(e, "a number"))
    return "a tuple stands in parentheses: `(a, b)`";
  bool begins_statement = is_among(found, statement_words) && !expects(e, "a number");
  if (expects(e, "a name") && (begins_statement || is_among(found, other_words)))
    return "this word belongs to the language and cannot be a name";
  return NULL;
}

static void note_open_bracket(parser *p) {
  const parser_bracket *b = open_bracket(p);
  if (!b || !p->last.starts_line) return;
  diag_note(p->diagnostics, "  the `%c` at %s is still open", b->opener,
            diag_place(p->arena, b->at));
}

void parser_report(parser *p, location at, const char *found, const char *const *expected,
                   int count) {
  expectation e = {.symbols = expected, .count = count};
  diag_error(p->diagnostics, at, "expected %s, found %s", expected_words(p, &e),
             found_words(p, found));
  const char *reason = advice(p, found, &e);
  if (reason) diag_note(p->diagnostics, "  %s", reason);
  note_open_bracket(p);
}
