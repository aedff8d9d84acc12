/* Arena memory: everything that one compilation makes lives until the compilation ends. */
#ifndef ARENA_H
#define ARENA_H

#include <stdarg.h>
#include <stddef.h>

typedef struct arena arena;

/* A new, empty arena. Ends the process with a message (status 71) when memory is out. */
arena *arena_new(void);

/* Frees the arena and everything allocated from it, after what arena_at_end asked for. NULL is
 * allowed. */
void arena_free(arena *a);

/* Empties the arena, after what arena_at_end asked for, and keeps some of its memory for what is allocated next. */
void arena_clear(arena *a);

/* Zeroed memory, aligned to 16 bytes, that lives as long as the arena. Never NULL: when memory
 * is out the process ends with a message and status 71. A size of 0 gives a valid pointer. */
void *arena_alloc(arena *a, size_t bytes);

/* Room for count objects of the given size; the product is checked for overflow. */
void *arena_array(arena *a, size_t count, size_t size);

/* A larger copy of an array: its first old_count elements are copied, the rest is zero. */
void *arena_grow(arena *a, const void *old, size_t old_count, size_t new_count, size_t size);

/* Copies of text; the second takes length bytes and adds the final zero. */
char *arena_text(arena *a, const char *text);
char *arena_text_n(arena *a, const char *text, size_t length);
char *arena_printf(arena *a, const char *format, ...) __attribute__((format(printf, 2, 3)));
char *arena_vprintf(arena *a, const char *format, va_list arguments);

/* Calls run(argument) when the arena is freed, or when memory runs out for it and the process ends:
 * for what must not outlive it, such as a temporary file. What was asked for last is done first. */
void arena_at_end(arena *a, void (*run)(void *argument), void *argument);

/* Ends the process as an arena does for which memory runs out: for memory that is not an arena's.
 * bytes: what was wanted; 0 where unknown. */
_Noreturn void arena_exhausted(arena *a, size_t bytes);

#define arena_new_of(a, type) ((type *)arena_alloc((a), sizeof(type)))
#define arena_array_of(a, count, type) ((type *)arena_array((a), (size_t)(count), sizeof(type)))

/* Makes room for one more element in an arena array with fields NAME and NAME_count, whose
 * capacity is the next power of two: arena_push(a, list->items, list->count) = value; */
#define arena_push(a, items, count)                                                             \
  (*(((count) & ((count) - 1)) == 0                                                             \
         ? ((items) = arena_grow((a), (items), (size_t)(count),                                 \
                                 (count) ? 2 * (size_t)(count) : 1, sizeof *(items)),           \
            &(items)[(count)++])                                                                \
         : &(items)[(count)++]))

#endif
