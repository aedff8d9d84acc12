#include "c_state.h"

/* Bits of MXCSR: subnormal operands are zeros (6), nothing traps (7 to 12), to nearest (13, 14: 0),
 * subnormal results are zeros (15). The lowest six would tell what happened, and do not change when all
 * are set. Writing it takes longer than many a task, of which those on the entry's own thread find it as
 * it should be. Kernels are no inline functions, so that none of their arithmetic moves across. */
void c_helper_arithmetic(c_unit *u) {
  if (!c_first_use(u, C_BEGIN_ARITHMETIC)) return;
  writer *w = &u->helpers;
  writer_comment(w, "Subnormal numbers count as zeros, results are rounded to nearest, nothing traps.");
  c_inline(u, "unsigned", C_BEGIN_ARITHMETIC, "void");
  writer_line(w, "const unsigned caller = __builtin_ia32_stmxcsr();");
  writer_line(w, "if (caller != 0x9fff) __builtin_ia32_ldmxcsr(0x9fff);");
  writer_line(w, "return caller;");
  writer_close(w, "");
  c_inline(u, "void", C_END_ARITHMETIC, "unsigned caller");
  writer_line(w, "if (caller != 0x9fff) __builtin_ia32_ldmxcsr(caller);");
  writer_close(w, "");
}
