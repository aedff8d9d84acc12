/* A library to load before a program (LD_PRELOAD): its N-th allocation, counted from main, finds no
 * memory. FAULT=N:FD in the environment; a byte '!' is written to FD when it happens, the number of
 * allocations when the program ends. Processes that the program starts are left alone.
 *
 * When counting begins, the library tells a tracer by closing a file that no process has
 * (FAULT_MARK), so that system calls of the loader are not counted either. */
#include "fault.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static long failing;
static int report = -1;
static atomic_long count;
static _Thread_local int pauses;

static bool fails(void) {
  if (!failing || pauses || atomic_fetch_add(&count, 1) + 1 != failing) return false;
  if (write(report, "!", 1) != 1) abort();
  errno = ENOMEM;
  return true;
}

__attribute__((constructor)) static void begin(void) {
  const char *text = getenv("FAULT");
  long number = 0;
  if (!text || sscanf(text, "%ld:%d", &number, &report) != 2) return;
  fcntl(report, F_SETFD, FD_CLOEXEC);
  unsetenv("LD_PRELOAD");
  unsetenv("FAULT");
  failing = number;
  syscall(SYS_close, FAULT_MARK);
}

__attribute__((destructor)) static void end(void) {
  if (failing) dprintf(report, "%ld", atomic_load(&count));
}

/* The function that this library stands before: of a sanitizer, or of the C library. */
#define REAL(type, name, ...)                                   \
  static type (*real)(__VA_ARGS__);                             \
  if (!real) *(void **)&real = dlsym(RTLD_NEXT, #name)

void *malloc(size_t bytes) {
  REAL(void *, malloc, size_t);
  return fails() ? NULL : real(bytes);
}

void *calloc(size_t number, size_t bytes) {
  REAL(void *, calloc, size_t, size_t);
  return fails() ? NULL : real(number, bytes);
}

void *realloc(void *old, size_t bytes) {
  REAL(void *, realloc, void *, size_t);
  return fails() ? NULL : real(old, bytes);
}

void *aligned_alloc(size_t alignment, size_t bytes) {
  REAL(void *, aligned_alloc, size_t, size_t);
  return fails() ? NULL : real(alignment, bytes);
}

int posix_memalign(void **result, size_t alignment, size_t bytes) {
  REAL(int, posix_memalign, void **, size_t, size_t);
  return fails() ? ENOMEM : real(result, alignment, bytes);
}

/* Called by the address sanitizer for each thread; it does not survive that it fails. */
int pthread_getattr_np(pthread_t thread, pthread_attr_t *attributes) {
  REAL(int, pthread_getattr_np, pthread_t, pthread_attr_t *);
  pauses++;
  int error = real(thread, attributes);
  pauses--;
  return error;
}

/* cairo's drawing and fontconfig behind its text crash where memory is out: what they allocate is not
 * counted. */
void cairo_text_extents(void *cairo, const char *text, void *extents);
void cairo_text_extents(void *cairo, const char *text, void *extents) {
  REAL(void, cairo_text_extents, void *, const char *, void *);
  pauses++;
  real(cairo, text, extents);
  pauses--;
}

void cairo_show_text(void *cairo, const char *text);
void cairo_show_text(void *cairo, const char *text) {
  REAL(void, cairo_show_text, void *, const char *);
  pauses++;
  real(cairo, text);
  pauses--;
}

#define UNCOUNTED(name)          \
  void name(void *cairo);        \
  void name(void *cairo) {       \
    REAL(void, name, void *);    \
    pauses++;                    \
    real(cairo);                 \
    pauses--;                    \
  }
UNCOUNTED(cairo_stroke)
UNCOUNTED(cairo_fill)
UNCOUNTED(cairo_paint)
