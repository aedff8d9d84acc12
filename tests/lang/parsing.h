/* What the parser's tests share: files and texts in, trees and messages out. */
#ifndef PARSING_H
#define PARSING_H

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ast.h"

typedef struct parsing {
  arena *arena;
  diagnostics *diagnostics;
  ast_file *file; /* NULL after errors */
  source source;
} parsing;

static inline parsing *parse_bytes(const char *name, const char *text, size_t length) {
  arena *a = arena_new();
  parsing *p = arena_new_of(a, parsing);
  p->arena = a;
  p->diagnostics = diag_new(a);
  p->source = (source){.name = name, .text = arena_text_n(a, text, length), .length = length};
  p->file = ast_parse(a, p->diagnostics, &p->source);
  assert_true((p->file == NULL) == (diag_count(p->diagnostics) > 0));
  return p;
}

static inline parsing *parse_text(const char *text) {
  return parse_bytes("text.dnn", text, strlen(text));
}

static inline void parsing_free(parsing *p) { arena_free(p->arena); }

/* The messages; to be freed. */
static inline char *messages_of(const parsing *p) {
  char *text;
  size_t length;
  FILE *out = open_memstream(&text, &length);
  diag_print(p->diagnostics, out);
  fclose(out);
  return text;
}

/* Fails, with the messages, unless the text was read. */
static inline void expect_parsed(const parsing *p) {
  if (p->file) return;
  char *messages = messages_of(p);
  print_error("%s", messages);
  free(messages);
  fail_msg("%s was refused", p->source.name);
}

/* Prints the tree and reads it again; the trees must be equal and so must a second print. */
static inline void expect_round_trip(const parsing *p) {
  char *text[2];
  size_t length[2];
  FILE *out = open_memstream(&text[0], &length[0]);
  ast_print(out, p->file);
  fclose(out);
  parsing *again = parse_bytes("printed.dnn", text[0], length[0]);
  expect_parsed(again);
  if (!ast_equal(p->file, again->file))
    fail_msg("%s is another tree when printed:\n%s", p->source.name, text[0]);
  out = open_memstream(&text[1], &length[1]);
  ast_print(out, again->file);
  fclose(out);
  assert_string_equal(text[0], text[1]);
  parsing_free(again);
  free(text[0]);
  free(text[1]);
}

/* The whole of a file, ended by a zero byte; to be freed. NULL where it cannot be read. */
static inline char *read_whole(const char *path, size_t *length) {
  FILE *in = fopen(path, "rb");
  if (!in) return NULL;
  char *text;
  FILE *out = open_memstream(&text, length);
  for (int c; (c = getc(in)) != EOF;) putc(c, out);
  fclose(in);
  fclose(out);
  return text;
}

/* Calls use for each .dnn file of a folder, in the order of names; returns their number. */
static inline int for_each_program(const char *folder,
                                   void (*use)(const char *path, const char *text, size_t length)) {
  struct dirent **entries;
  int count = scandir(folder, &entries, NULL, alphasort), programs = 0;
  assert_true(count >= 0);
  for (int i = 0; i < count; i++) {
    const char *suffix = strrchr(entries[i]->d_name, '.');
    if (suffix && !strcmp(suffix, ".dnn")) {
      char path[512];
      snprintf(path, sizeof path, "%s/%s", folder, entries[i]->d_name);
      size_t length;
      char *text = read_whole(path, &length);
      assert_non_null(text);
      use(path, text, length);
      programs++;
      free(text);
    }
    free(entries[i]);
  }
  free(entries);
  return programs;
}

#endif
