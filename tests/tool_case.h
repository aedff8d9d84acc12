/* dnn in a folder of its own, for tests that look at it from outside. Results are of one arena. */
#ifndef TOOL_CASE_H
#define TOOL_CASE_H

#include <stdint.h>
#include <stddef.h>

#include "arena.h"

int tool_set_up(void **state);
int tool_tear_down(void **state); /* KEEP=1 in the environment leaves the folder */

arena *tool_arena(void);

/* A path in the folder. */
const char *tool_path(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Runs dnn with arguments in the folder; fails the test where it ends with another status. What it
 * printed, errors included. */
const char *tool_expect(int status, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The same of dnnc. */
const char *tool_compile(int status, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The shell command that runs dnn with arguments in the folder. */
const char *tool_command(const char *arguments);

/* The path of a program (dnn, dnnc), and that of the folder in which they were built. */
const char *tool_program(const char *name);
const char *tool_binaries(void);

/* Runs a line of the shell where the test runs; fails the test where it fails. What it printed. */
const char *tool_shell(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A file of the repository, in the folder. */
void tool_copy(const char *from, const char *name);

/* An npy file of f32[rows, columns] with numbers between 0 and 1, each another. */
void tool_points(const char *name, int64_t rows, int64_t columns);

/* Fails the test where two files of the folder differ. */
void tool_expect_same(const char *one, const char *other);

#endif
