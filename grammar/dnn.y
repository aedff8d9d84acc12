/* The grammar of .dnn. Its actions only build nodes; what a construct means is elaboration's.
 * docs/language.md explains it. Statements end with ';', which newline.c supplies. */
%define api.pure full
%define api.prefix {dnn_}
%define api.value.type {parser_value}
%define api.location.type {location}
%define parse.error custom
%define parse.lac full
%locations
%expect 0
%param {parser *p}

%code requires {
#include "parser.h"
}
%code {
#include <stdlib.h>

enum { MOST_STATES = 10000 };
#define YYMAXDEPTH MOST_STATES
#define YYSTACK_USE_ALLOCA 0
#define YYMALLOC memory_for_stack
#define YYFREE free
#define YYLLOC_DEFAULT(at, parts, count)                                                          \
  ((at) = (count) ? diag_span(YYRHSLOC(parts, 1), YYRHSLOC(parts, count))                         \
                  : end_of(YYRHSLOC(parts, 0)))

/* So that a stack without memory is not taken for one that is full. */
static void *memory_for_stack(size_t bytes) {
  void *memory = malloc(bytes);
  if (!memory) arena_exhausted(NULL, bytes);
  return memory;
}

static location end_of(location at) {
  at.line = at.end_line;
  at.column = at.end_column;
  at.caret_line = at.caret_column = 0;
  return at;
}

static int dnn_lex(parser_value *value, location *at, parser *p) {
  return parser_next(p, value, at);
}

/* Called by the generated parser where its stack is full. */
static void dnn_error(location *at, parser *p, const char *message) {
  (void)message;
  p->stopped = true;
  diag_error(p->diagnostics, *at, "the text is nested too deeply here");
}

#define NODE(kind_, at_, ...) parser_node(p, (ast){.kind = AST_##kind_, .at = (at_), __VA_ARGS__})
#define BINARY(op_, at_, caret_, a, b)                                                            \
  NODE(BINARY, parser_caret(at_, caret_), .op = AST_##op_, .left = (a), .right = (b))
#define FUNCTION(kind_, at_, name_, statics_, parameters_, result_, body_)                       \
  NODE(kind_, at_, .name = (name_), .statics = (statics_), .parameters = (parameters_).list,     \
       .has_parameters = (parameters_).written, .type = (result_).type,                          \
       .results = (result_).results, .body = (body_))
#define SLOT(kind_, at_, name_, type_, value_)                                                   \
  parser_slot(p, NODE(kind_, at_, .name = (name_), .type = (type_), .value = (value_)))
#define LIST(item) parser_push(p, (ast_list){0}, item)
}

%token END 0 "the end of the file"
%token NEWLINE "a new line" ';' "the end of the statement" BAD "a faulty word"
%token <name> NAME "a name"
%token <node> NUMBER "a number" STRING "a text"
%token USE "use" CONST "const" FN "fn" ENTRY "entry" TASK "task" PARAM "param" STATE "state"
%token IF "if" ELSE "else" FOR "for" IN "in" SCAN "scan" REPEAT "repeat" WHILE "while" EMIT "emit"
%token MINIMIZE "minimize" MAXIMIZE "maximize" OVER "over" WITH "with" EXCEPT "except"
%token DERIVATIVE "derivative" AND "and" OR "or" NOT "not"
%token PIPE "|>" POWER "**" FLOOR_DIVIDE "//" DOTDOT ".." DOTS "..." ARROW "<-" GIVES "->"
%token EQUAL "==" NOT_EQUAL "!=" LESS_EQUAL "<=" GREATER_EQUAL ">="

%right '?' ':'
%left OR
%left AND
%precedence NOT
%nonassoc EQUAL NOT_EQUAL '<' '>' LESS_EQUAL GREATER_EQUAL
%left '+' '-'
%left '*' '/' FLOOR_DIVIDE '%' '@'
%precedence NEGATE
%right POWER

%type <list> statements statics static_list parameter_list sizes results expressions
%type <list> arguments argument_list subscripts subscript_list sequences patterns except
%type <node> statement block initial type static parameter size one_result expression operation
%type <node> postfix primary argument subscript optional control conditional sequence pattern
%type <node> checkpoint until type_given type_or_none
%type <parameters> parameters parameters_or_none
%type <result> result
%%
file: statements                      { p->items = $1; }
    | statements statement            { p->items = parser_push(p, $1, $2); }
    | statements error                { p->items = $1; }
    ;
statements: %empty                    { $$ = (ast_list){0}; }
    | statements ';'
    | statements statement ';'        { $$ = parser_push(p, $1, $2); }
    | statements error ';'            { $$ = $1; yyerrok; }
    ;
block: '{' statements '}'             { $$ = parser_block(p, @$, $2); }
    | '{' statements statement '}'    { $$ = parser_block(p, @$, parser_push(p, $2, $3)); }
    | '{' statements error '}'        { $$ = parser_block(p, @$, $2); yyerrok; }
    ;
statement: expression
    | USE NAME                        { $$ = NODE(USE, @$, .name = $2); }
    | CONST NAME '=' expression       { $$ = NODE(CONST, @$, .name = $2, .value = $4); }
    | FN NAME statics parameters_or_none result block
                                      { $$ = FUNCTION(FUNCTION, @$, $2, $3, $4, $5, $6); }
    | ENTRY NAME statics parameters result block
                                      { $$ = FUNCTION(ENTRY, @$, $2, $3, $4, $5, $6); }
    | TASK NAME block                 { $$ = NODE(TASK, @$, .name = $2, .body = $3); }
    | TASK NAME NAME NAME block
                                      { $$ = NODE(TASK, @$, .name = $2, .body = $5,
                                           .after = parser_after(p, @3, $3, @4, $4)); }
    | PARAM NAME type_or_none initial { $$ = SLOT(PARAM, @$, $2, $3, $4); }
    | STATE NAME type_or_none initial { $$ = SLOT(STATE, @$, $2, $3, $4); }
    | expressions '=' expression      { $$ = parser_define(p, @$, $1, $3); }
    | expression ARROW expression     { $$ = parser_update(p, @$, $1, $3); }
    | EMIT expressions                { $$ = NODE(EMIT, @$, .value = parser_tuple(p, @2, $2)); }
    | MINIMIZE expression OVER expressions except WITH expression
                                      { $$ = NODE(MINIMIZE, @$, .value = $2, .over = $4,
                                           .excluded = $5, .with = $7); }
    | MAXIMIZE expression OVER expressions except WITH expression
                                      { $$ = NODE(MINIMIZE, @$, .maximize = true, .value = $2,
                                           .over = $4, .excluded = $5, .with = $7); }
    | DERIVATIVE parameters block
                                      { $$ = NODE(DERIVATIVE, @$, .parameters = $2.list,
                                           .has_parameters = true, .body = $3); }
    ;
except: %empty                        { $$ = (ast_list){0}; }
    | EXCEPT expressions              { $$ = $2; }
    ;
initial: %empty                       { $$ = NULL; }
    | '=' expression                  { $$ = $2; }
    ;
type_or_none: %empty                  { $$ = NULL; }
    | type_given
    ;
type_given: ':' type                  { $$ = $2; }
    ;
comma: %empty | ','
    ;

statics: %empty                       { $$ = (ast_list){0}; }
    | '[' ']'                         { $$ = (ast_list){0}; }
    | '[' static_list comma ']'       { $$ = $2; }
    ;
static_list: static                   { $$ = LIST($1); }
    | static_list ',' static          { $$ = parser_push(p, $1, $3); }
    ;
static: NAME                          { $$ = NODE(STATIC, @$, .name = $1); }
    | NAME '=' expression             { $$ = NODE(STATIC, @$, .name = $1, .value = $3); }
    | NAME LESS_EQUAL expression      { $$ = NODE(STATIC, @$, .name = $1, .bound = $3); }
    ;
parameters_or_none: %empty            { $$.written = false; $$.list = (ast_list){0}; }
    | parameters
    ;
parameters: '(' ')'                   { $$.written = true; $$.list = (ast_list){0}; }
    | '(' parameter_list comma ')'    { $$.written = true; $$.list = $2; }
    ;
parameter_list: parameter             { $$ = LIST($1); }
    | parameter_list ',' parameter    { $$ = parser_push(p, $1, $3); }
    ;
parameter: NAME type_or_none initial
                                      { $$ = NODE(PARAMETER, @$, .name = $1, .type = $2,
                                           .value = $3); }
    ;
type: NAME                            { $$ = NODE(TYPE, @$, .name = $1); }
    | NAME '[' sizes comma ']'        { $$ = NODE(TYPE, @$, .name = $1, .items = $3); }
    ;
sizes: size                           { $$ = LIST($1); }
    | sizes ',' size                  { $$ = parser_push(p, $1, $3); }
    ;
size: expression
    | DOTS                            { $$ = NODE(ELLIPSIS, @$, .name = NULL); }
    ;
result: %empty                        { $$.type = NULL; $$.results = (ast_list){0}; }
    | GIVES type                      { $$.type = $2; $$.results = (ast_list){0}; }
    | GIVES '(' results comma ')'     { $$.type = NULL; $$.results = $3; }
    ;
results: one_result                   { $$ = LIST($1); }
    | results ',' one_result          { $$ = parser_push(p, $1, $3); }
    ;
one_result: NAME type_or_none         { $$ = NODE(RESULT, @$, .name = $1, .type = $2); }
    ;

expressions: expression               { $$ = LIST($1); }
    | expressions ',' expression      { $$ = parser_push(p, $1, $3); }
    ;
expression: operation
    | expression PIPE postfix         { $$ = parser_pipe(p, @$, @2, $1, $3); }
    ;
operation: postfix
    | control
    | operation '?' operation ':' operation
                                      { $$ = NODE(CHOICE, parser_caret(@$, @2), .condition = $1,
                                           .then = $3, .otherwise = $5); }
    | operation OR operation          { $$ = BINARY(OR, @$, @2, $1, $3); }
    | operation AND operation         { $$ = BINARY(AND, @$, @2, $1, $3); }
    | operation EQUAL operation       { $$ = BINARY(EQUAL, @$, @2, $1, $3); }
    | operation NOT_EQUAL operation   { $$ = BINARY(NOT_EQUAL, @$, @2, $1, $3); }
    | operation '<' operation         { $$ = BINARY(LESS, @$, @2, $1, $3); }
    | operation '>' operation         { $$ = BINARY(GREATER, @$, @2, $1, $3); }
    | operation LESS_EQUAL operation  { $$ = BINARY(LESS_EQUAL, @$, @2, $1, $3); }
    | operation GREATER_EQUAL operation { $$ = BINARY(GREATER_EQUAL, @$, @2, $1, $3); }
    | operation '+' operation         { $$ = BINARY(ADD, @$, @2, $1, $3); }
    | operation '-' operation         { $$ = BINARY(SUBTRACT, @$, @2, $1, $3); }
    | operation '*' operation         { $$ = BINARY(MULTIPLY, @$, @2, $1, $3); }
    | operation '/' operation         { $$ = BINARY(DIVIDE, @$, @2, $1, $3); }
    | operation FLOOR_DIVIDE operation { $$ = BINARY(FLOOR_DIVIDE, @$, @2, $1, $3); }
    | operation '%' operation         { $$ = BINARY(REMAINDER, @$, @2, $1, $3); }
    | operation '@' operation         { $$ = BINARY(MATRIX_PRODUCT, @$, @2, $1, $3); }
    | operation POWER operation       { $$ = BINARY(POWER, @$, @2, $1, $3); }
    | NOT operation                   { $$ = NODE(UNARY, @$, .op = AST_NOT, .operand = $2); }
    | '-' operation %prec NEGATE      { $$ = NODE(UNARY, @$, .op = AST_NEGATE, .operand = $2); }
    ;
postfix: primary
    | postfix '(' arguments ')'       { $$ = NODE(CALL, @$, .base = $1, .items = $3); }
    | postfix '[' subscripts ']'      { $$ = NODE(BRACKETS, @$, .base = $1, .items = $3); }
    | postfix '.' NAME                { $$ = NODE(MEMBER, @$, .base = $1, .name = $3); }
    ;
primary: NAME                         { $$ = NODE(NAME, @$, .name = $1); }
    | NUMBER
    | STRING
    | '(' ')'                         { $$ = NODE(TUPLE, @$, .name = NULL); }
    | '(' argument_list ')'           { $$ = parser_group(p, @$, $2, false); }
    | '(' argument_list ',' ')'       { $$ = parser_group(p, @$, $2, true); }
    ;
arguments: %empty                     { $$ = (ast_list){0}; }
    | argument_list comma
    ;
argument_list: argument               { $$ = LIST($1); }
    | argument_list ',' argument      { $$ = parser_push(p, $1, $3); }
    ;
argument: sequence
    | NAME ':' sequence               { $$ = NODE(NAMED, @$, .name = $1, .value = $3); }
    ;
subscripts: %empty                    { $$ = (ast_list){0}; }
    | subscript_list comma
    ;
subscript_list: subscript             { $$ = LIST($1); }
    | subscript_list ',' subscript    { $$ = parser_push(p, $1, $3); }
    ;
subscript: expression
    | DOTS                            { $$ = NODE(ELLIPSIS, @$, .name = NULL); }
    | optional ':' optional           { $$ = NODE(SLICE, @$, .start = $1, .stop = $3); }
    | optional ':' optional ':' optional
                                      { $$ = NODE(SLICE, @$, .start = $1, .stop = $3, .step = $5); }
    ;
optional: %empty                      { $$ = NULL; }
    | expression
    ;

control: conditional
    | FOR patterns IN sequences block
                                      { $$ = NODE(FOR, @$, .patterns = $2, .sequences = $4,
                                           .body = $5); }
    | SCAN checkpoint patterns IN sequences until block
                                      { $$ = NODE(SCAN, @$, .checkpoint = $2, .patterns = $3,
                                           .sequences = $5, .condition = $6, .body = $7); }
    | REPEAT expression block         { $$ = NODE(REPEAT, @$, .count = $2, .body = $3); }
    | WHILE expression block          { $$ = NODE(WHILE, @$, .condition = $2, .body = $3); }
    ;
conditional: IF expression block      { $$ = NODE(IF, @$, .condition = $2, .then = $3); }
    | IF expression block ELSE block
                                      { $$ = NODE(IF, @$, .condition = $2, .then = $3,
                                           .otherwise = $5); }
    | IF expression block ELSE conditional
                                      { $$ = NODE(IF, @$, .condition = $2, .then = $3,
                                           .otherwise = $5); }
    ;
checkpoint: %empty                    { $$ = NULL; }
    | '[' NAME ':' expression ']'     { $$ = parser_checkpoint(p, @2, $2, $4); }
    ;
until: %empty                         { $$ = NULL; }
    | WHILE expression                { $$ = $2; }
    ;
sequences: sequence                   { $$ = LIST($1); }
    | sequences ',' sequence          { $$ = parser_push(p, $1, $3); }
    ;
sequence: expression
    | expression DOTDOT expression    { $$ = NODE(RANGE, @$, .start = $1, .stop = $3); }
    ;
patterns: pattern                     { $$ = LIST($1); }
    | patterns ',' pattern            { $$ = parser_push(p, $1, $3); }
    ;
pattern: NAME                         { $$ = NODE(NAME, @$, .name = $1); }
    | '(' patterns ')'                { $$ = parser_group(p, @$, $2, false); }
    | '(' patterns ',' ')'            { $$ = parser_group(p, @$, $2, true); }
    ;
%%
static int yyreport_syntax_error(const yypcontext_t *context, parser *p) {
  if (!parser_recover(p)) return 0;
  yysymbol_kind_t kinds[YYNTOKENS];
  const char *names[YYNTOKENS];
  int count = yypcontext_expected_tokens(context, kinds, YYNTOKENS);
  for (int i = 0; i < count; i++) names[i] = yysymbol_name(kinds[i]);
  const char *found = yysymbol_name(yypcontext_token(context));
  parser_report(p, *yypcontext_location(context), found, names, count);
  return 0;
}
