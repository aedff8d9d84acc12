#include "faulty_run.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/ptrace.h>

#include <cmocka.h>

#include "hostile/fault.h"

#ifdef __SANITIZE_ADDRESS__
enum { SANITIZED = 1 }; /* the sanitizer's own use of memory and processes does not survive faults */
#else
enum { SANITIZED = 0 };
#endif

/* What a call's first argument says about the files that it concerns. */
typedef enum concern { DESCRIPTOR, PATH, SECOND_PATH, SYSTEM } concern;

static const struct call {
  const char *name;
  long number;
  concern concern;
  int error;
  bool done; /* takes effect although it fails */
} calls[] = {
    {"open", SYS_openat, SECOND_PATH, EMFILE, false},
    {"read", SYS_read, DESCRIPTOR, EIO, false},
    {"pread", SYS_pread64, DESCRIPTOR, EIO, false},
    {"write", SYS_write, DESCRIPTOR, ENOSPC, false},
    {"pwrite", SYS_pwrite64, DESCRIPTOR, ENOSPC, false},
    {"writev", SYS_writev, DESCRIPTOR, ENOSPC, false},
    {"close", SYS_close, DESCRIPTOR, EIO, true},
    {"fsync", SYS_fsync, DESCRIPTOR, EIO, false},
    {"lseek", SYS_lseek, DESCRIPTOR, EIO, false},
    {"fcntl", SYS_fcntl, DESCRIPTOR, EMFILE, false},
    {"fchmod", SYS_fchmod, DESCRIPTOR, EPERM, false},
    {"flock", SYS_flock, DESCRIPTOR, ENOLCK, false},
    {"rename", SYS_rename, PATH, ENOSPC, false},
    {"renameat2", SYS_renameat2, SECOND_PATH, ENOSPC, false},
    {"mkdir", SYS_mkdir, PATH, ENOSPC, false},
    {"mmap", SYS_mmap, SYSTEM, ENOMEM, false},
    {"brk", SYS_brk, SYSTEM, 0, false}, /* fails by giving the old end */
    {"memfd_create", SYS_memfd_create, PATH, EMFILE, false},
    {"clone", SYS_clone, SYSTEM, EAGAIN, false},
    {"clone3", SYS_clone3, SYSTEM, EAGAIN, false},
    {"vfork", SYS_vfork, SYSTEM, EAGAIN, false},
};

/* ---- the program under test ----------------------------------------------------------------- */

typedef struct child {
  pid_t id;
  int report, out, err;
} child;

/* LD_PRELOAD and FAULT reach the program only, which takes them from its own environment. */
static _Noreturn void become(const char *library, const char *folder, const char *const *arguments,
                             fault_kind kind, long number, const child *c) {
  arena *a = arena_new();
  const char *options = getenv("ASAN_OPTIONS");
  setenv("ASAN_OPTIONS", arena_printf(a, "%s:verify_asan_link_order=0", options ? options : ""), 1);
  setenv("LD_PRELOAD", library, 1);
  setenv("FAULT", arena_printf(a, "%ld:%d", kind == FAULT_MEMORY ? number : LONG_MAX, c->report), 1);
  setenv("TMPDIR", folder, 1);
  if (chdir(folder) || dup2(c->out, 1) < 0 || dup2(c->err, 2) < 0) _exit(126);
  if (kind == FAULT_SYSTEM && ptrace(PTRACE_TRACEME, 0, NULL, NULL)) _exit(126);
  execv(arguments[0], (char *const *)arguments);
  _exit(126);
}

static child start(const char *library, const char *folder, const char *const *arguments,
                   fault_kind kind, long number) {
  child c = {.report = memfd_create("report", 0),
             .out = memfd_create("out", MFD_CLOEXEC),
             .err = memfd_create("err", MFD_CLOEXEC)};
  assert_true(c.report >= 0 && c.out >= 0 && c.err >= 0);
  fflush(NULL);
  c.id = fork();
  assert_true(c.id >= 0);
  if (c.id == 0) become(library, folder, arguments, kind, number, &c);
  return c;
}

static const char *content(arena *a, int file) {
  char *text = arena_text(a, ""), block[4096];
  size_t length = 0;
  for (ssize_t got; (got = pread(file, block, sizeof block, (off_t)length)) > 0;
       length += (size_t)got) {
    text = arena_grow(a, text, length, length + (size_t)got + 1, 1);
    memcpy(text + length, block, (size_t)got);
  }
  close(file);
  return text;
}

static int status_of(int wait_status) {
  return WIFSIGNALED(wait_status) ? 1000 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
}

/* ---- system calls --------------------------------------------------------------------------- */

static void path_of_descriptor(pid_t id, uint64_t descriptor, char path[PATH_MAX]) {
  char link[64];
  snprintf(link, sizeof link, "/proc/%d/fd/%llu", (int)id, (unsigned long long)descriptor);
  ssize_t length = readlink(link, path, PATH_MAX - 1);
  path[length > 0 ? length : 0] = 0;
}

static void path_in_memory(pid_t id, uint64_t address, char path[PATH_MAX]) {
  size_t length = 0;
  for (long word; length + sizeof word < PATH_MAX; length += sizeof word) {
    word = ptrace(PTRACE_PEEKDATA, id, (void *)(uintptr_t)(address + length), NULL);
    memcpy(path + length, &word, sizeof word);
    if (memchr(&word, 0, sizeof word)) return;
  }
  path[length] = 0;
}

/* Relative paths are of the program's folder, which is below /tmp. */
static bool concerns(pid_t id, const struct call *call, const __u64 *arguments) {
  char path[PATH_MAX] = "";
  switch (call->concern) {
    case SYSTEM: return !SANITIZED;
    case DESCRIPTOR:
      path_of_descriptor(id, arguments[0], path);
      return arguments[0] == 1 || !strncmp(path, "/tmp/", 5) || !strncmp(path, "/memfd:dnn", 10);
    case PATH:
    case SECOND_PATH:
      path_in_memory(id, arguments[call->concern == SECOND_PATH], path);
      return *path && (path[0] != '/' || strncmp(path, "/tmp/", 5) == 0);
  }
  return false;
}

static const struct call *call_of(uint64_t number) {
  for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
    if ((uint64_t)calls[i].number == number) return &calls[i];
  return NULL;
}

/* Lets the program run to its next stop for a system call; false where it ended. */
static bool next_stop(pid_t id, int *wait_status, struct ptrace_syscall_info *info) {
  for (int signal = 0;;) {
    ptrace(PTRACE_SYSCALL, id, NULL, (void *)(intptr_t)signal);
    if (waitpid(id, wait_status, 0) != id || !WIFSTOPPED(*wait_status)) return false;
    signal = WSTOPSIG(*wait_status);
    if (signal == (SIGTRAP | 0x80)) break;
  }
  return ptrace(PTRACE_GET_SYSCALL_INFO, id, (void *)sizeof *info, info) > 0;
}

static void set_register(pid_t id, size_t offset, long value) {
  ptrace(PTRACE_POKEUSER, id, (void *)offset, (void *)value);
}

/* The program stands before the call. */
static void refuse(pid_t id, const struct call *call, int *wait_status) {
  struct ptrace_syscall_info info;
  if (!call->done) set_register(id, offsetof(struct user_regs_struct, orig_rax), -1);
  if (!next_stop(id, wait_status, &info)) return;
  set_register(id, offsetof(struct user_regs_struct, rax), -call->error);
}

static void trace(pid_t id, long number, faulty_outcome *outcome) {
  int wait_status;
  struct ptrace_syscall_info info;
  bool counting = false;
  if (waitpid(id, &wait_status, 0) != id || !WIFSTOPPED(wait_status))
    fail_msg("%s", "the program cannot be traced");
  ptrace(PTRACE_SETOPTIONS, id, NULL, (void *)(PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL));
  while (next_stop(id, &wait_status, &info)) {
    if (info.op != PTRACE_SYSCALL_INFO_ENTRY) continue;
    const struct call *call = call_of(info.entry.nr);
    if (info.entry.nr == SYS_close && (int)info.entry.args[0] == FAULT_MARK) counting = true;
    else if (counting && call && concerns(id, call, info.entry.args) &&
             ++outcome->count == number) {
      *outcome = (faulty_outcome){.happened = true, .call = call->name};
      refuse(id, call, &wait_status);
      ptrace(PTRACE_DETACH, id, NULL, NULL); /* leaks are looked for by tracing */
      waitpid(id, &wait_status, 0);
      break;
    }
  }
  outcome->status = status_of(wait_status);
}

/* ---- both ------------------------------------------------------------------------------------ */

faulty_outcome faulty_run(arena *a, const char *library, const char *folder,
                          const char *const *arguments, fault_kind kind, long number) {
  faulty_outcome outcome = {.call = "memory"};
  child c = start(library, folder, arguments, kind, number);
  int wait_status;
  if (kind == FAULT_SYSTEM) {
    trace(c.id, number, &outcome);
    close(c.report);
  } else {
    assert_int_equal(waitpid(c.id, &wait_status, 0), c.id);
    outcome.status = status_of(wait_status);
    const char *report = content(a, c.report);
    outcome.happened = *report == '!';
    outcome.count = strtol(report + outcome.happened, NULL, 10);
  }
  outcome.out = content(a, c.out);
  outcome.err = content(a, c.err);
  return outcome;
}
