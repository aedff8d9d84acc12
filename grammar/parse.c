/* ast_parse: scanner, token filter and grammar put together. */
#include <limits.h>
#include <stdlib.h>

#include "parser.h"
#include "dnn.tab.h"
#define YYSTYPE parser_value
#define YYLTYPE location
#include "dnn.lex.h"

static void parse(parser *p) {
  yyscan_t scanner;
  ensure(!dnn_scan_lex_init_extra(p, &scanner));
  p->scanner = scanner;
  ensure(dnn_scan__scan_bytes(p->source->text, (int)p->source->length, scanner));
  if (dnn_parse(p) != 0 && diag_count(p->diagnostics) == p->errors_before)
    internal_error("a file was refused without an error");
  dnn_scan_lex_destroy(scanner);
}

ast_file *ast_parse(arena *a, diagnostics *d, const source *s) {
  location start = {.source = s, .line = 1, .column = 1, .end_line = 1, .end_column = 1};
  if (s->length > AST_MOST_BYTES) {
    diag_error(d, start, "the file has %zu bytes; at most %d are read", s->length, AST_MOST_BYTES);
    return NULL;
  }
  parser *p = arena_new_of(a, parser);
  *p = (parser){.arena = a, .diagnostics = d, .source = s, .line = 1, .column = 1,
                .close_to = INT_MAX, .skip_depth = -1, .errors_before = diag_count(d)};
  p->last = (parser_token){.kind = ';', .at = start};
  parse(p);
  if (diag_count(d) > p->errors_before) return NULL;
  ast_file *file = arena_new_of(a, ast_file);
  *file = (ast_file){.source = s, .items = p->items};
  return file;
}
