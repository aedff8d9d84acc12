#include "c_tasks.h"

/* Runs tasks on the caller's threads, or one after the other. */
void c_helper_run_tasks(c_unit *u) {
  if (!c_first_use(u, "run_tasks")) return;
  writer *w = &u->helpers;
  writer_open(
      w, "static inline void run_tasks(const dnn_threads *threads, void (*task)(void *, int64_t), "
         "void *argument, int64_t count)");
  writer_open(w, "if (threads)");
  writer_line(w, "threads->run(threads->pool, task, argument, count);");
  writer_close(w, " else {");
  w->indent++;
  writer_line(w, "for (int64_t i = 0; i < count; i++) task(argument, i);");
  writer_close(w, "");
  writer_close(w, "");
}

void c_helper_frames(c_unit *u) {
  if (!c_first_use(u, C_TAKE_FRAME)) return;
  writer *w = &u->helpers;
  writer_open(w, "static inline int64_t " C_TAKE_FRAME "(uint64_t *busy)");
  writer_line(w, "uint64_t seen = __atomic_load_n(busy, __ATOMIC_RELAXED);");
  writer_open(w, "for (;;)");
  writer_line(w, "const int frame = __builtin_ctzll(~seen);");
  writer_line(w, "const uint64_t taken = seen | UINT64_C(1) << frame;");
  writer_line(w, "if (__atomic_compare_exchange_n(busy, &seen, taken, 0, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) return frame;");
  writer_close(w, "");
  writer_close(w, "");
  writer_gap(w);
  writer_open(w, "static inline void " C_LEAVE_FRAME "(uint64_t *busy, int64_t frame)");
  writer_line(w, "__atomic_fetch_and(busy, ~(UINT64_C(1) << frame), __ATOMIC_RELEASE);");
  writer_close(w, "");
}
