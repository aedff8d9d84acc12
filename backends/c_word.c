#include "c_word.h"

#include <string.h>

bool c_is_word(const char *name) {
  static const char words[] =
      " alignas alignof and asm auto bitand bitor bool break case catch char class compl "
      "concept const const_cast consteval constexpr constinit continue decltype default "
      "delete do double dynamic_cast else enum explicit export extern false float for friend "
      "goto if inline int linux long mutable namespace new noexcept not nullptr operator or "
      "private protected public register reinterpret_cast requires restrict return short "
      "signed sizeof static static_assert static_cast struct switch template this "
      "thread_local throw true try typedef typeid typename typeof union unix unsigned using "
      "virtual void volatile wchar_t while xor main _Alignas _Alignof _Atomic _Bool _Complex _Generic "
      "_Imaginary _Noreturn _Static_assert _Thread_local FILE INLINE NULL NAN INFINITY EOF errno "
      "stdin stdout stderr I check_context size_t ssize_t ptrdiff_t max_align_t intptr_t "
      "uintptr_t intmax_t uintmax_t int8_t int16_t int32_t int64_t uint8_t uint16_t uint32_t uint64_t ";
  size_t length = strlen(name);
  for (const char *found = words; (found = strstr(found, name)); found++)
    if (found[-1] == ' ' && found[length] == ' ') return true;
  return false;
}
