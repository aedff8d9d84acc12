/* Inside the parser: its state, the tokens between scanner and grammar, the constructors that the
 * grammar's actions call. Only grammar/ includes this; everyone else uses ast_parse (dsl/ast.h). */
#ifndef PARSER_H
#define PARSER_H

#include "ast.h"

typedef struct parser parser;

/* What a token or a rule of the grammar stands for. */
typedef union parser_value {
  ast *node;
  ast_list list;
  const char *name;
  struct {
    bool written;
    ast_list list;
  } parameters;
  struct {
    ast *type;
    ast_list results;
  } result;
} parser_value;

typedef struct parser_token {
  int kind;
  parser_value value;
  location at;
  bool starts_line;  /* a newline stands before it */
  bool touches_next; /* no space follows */
  bool supplied;     /* not in the text: closes a bracket for recovery */
} parser_token;

typedef struct parser_bracket {
  char opener; /* ( [ { */
  bool reported;
  location at;
} parser_bracket;

struct parser {
  arena *arena;
  diagnostics *diagnostics;
  const source *source;
  void *scanner;
  int line, column; /* of the text that is scanned next */
  size_t offset;
  ast_list items; /* the result */

  /* between scanner and grammar, newline.c */
  parser_token last; /* given to the grammar */
  parser_token held; /* read, not yet given */
  bool is_held;
  parser_bracket brackets[AST_MOST_BRACKETS];
  int depth;
  int close_to;   /* brackets beyond this depth are closed by supplied tokens */
  int skip_depth; /* tokens are dropped to the end of the statement at this depth; -1: none */
  int errors_before; /* in diagnostics, when this file began */
  bool stopped;      /* reading on has no use */
};

/* The scanner, dnn.l: the next token, newlines among them. */
int parser_scan(parser *p, parser_value *value, location *at);

/* Constructors for the scanner; where the text is wrong they report it and return NULL. */
ast *parser_number(parser *p, location at, const char *text);
ast *parser_string(parser *p, location at, const char *text, size_t length);

/* newline.c: the next token after the newline rule and with brackets that always match. */
int parser_next(parser *p, parser_value *value, location *at);

/* Tells the token filter that its last token did not fit: what remains of the statement is
 * dropped. Returns whether the error is news; that of a supplied token is not. */
bool parser_recover(parser *p);

/* message.c: says what the grammar expected at a place and what it found, in the user's words.
 * Symbols are named as in dnn.y: "a name", "for", "'+'". */
void parser_report(parser *p, location at, const char *found, const char *const *expected,
                   int count);

/* build.c: nodes. The first copies its argument, sets the height and checks its limit. */
ast *parser_node(parser *p, ast n);
ast_list parser_push(parser *p, ast_list list, ast *item);
location parser_caret(location at, location caret);
ast *parser_tuple(parser *p, location at, ast_list items); /* the item itself where it is one */
ast *parser_group(parser *p, location at, ast_list items, bool comma);
ast *parser_pipe(parser *p, location at, location caret, ast *left, ast *right);
ast *parser_define(parser *p, location at, ast_list targets, ast *value);
ast *parser_update(parser *p, location at, ast *target, ast *value);
ast *parser_slot(parser *p, ast *slot); /* slot, after a check */
ast *parser_block(parser *p, location at, ast_list items);
ast *parser_checkpoint(parser *p, location at, const char *word, ast *value);
ast *parser_after(parser *p, location at, const char *word, location task_at, const char *task);

#endif
