/* Preloaded into the program: one call of a kind, the Nth, is refused by the system, or all from the Nth on. Counts start
   when the libraries are loaded.
   NEWBIE_FAIL=malloc|mmap|open|read|write|rename|thread  NEWBIE_FAIL_AT=N  NEWBIE_FAIL_ON=1 (all from N on)
   NEWBIE_FAIL_COUNT=FILE: how many calls of the kind there were. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

extern void* __libc_malloc(size_t);
extern void* __libc_calloc(size_t, size_t);
extern void* __libc_realloc(void*, size_t);
extern void* __libc_memalign(size_t, size_t);

static const char* const kNames[] = {"malloc", "mmap", "open", "read", "write", "rename", "thread"};
enum { kMalloc, kMmap, kOpen, kRead, kWrite, kRename, kThread, kKinds };

static int chosen = -1, all_after = 0;
static long at = -1;
static atomic_long calls;

__attribute__((constructor)) static void begin(void) {
  const char *kind = getenv("NEWBIE_FAIL"), *n = getenv("NEWBIE_FAIL_AT");
  all_after = getenv("NEWBIE_FAIL_ON") != NULL;
  if (n) at = atol(n);
  if (kind)
    for (int i = 0; i < kKinds; ++i)
      if (strcmp(kind, kNames[i]) == 0) chosen = i;
}

__attribute__((destructor)) static void end(void) {
  const char* path = getenv("NEWBIE_FAIL_COUNT");
  if (!path) return;
  char text[32];
  const int length = snprintf(text, sizeof text, "%ld\n", (long)calls);
  chosen = -1;
  const int file = (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
  if (file < 0) return;
  if (syscall(SYS_write, file, text, length) < 0) return;
  syscall(SYS_close, file);
}

static int is_refused(int kind, int code) {
  if (kind != chosen) return 0;
  const long call = atomic_fetch_add(&calls, 1);
  if (at < 0 || (all_after ? call < at : call != at)) return 0;
  errno = code;
  return 1;
}

void* malloc(size_t n) { return is_refused(kMalloc, ENOMEM) ? NULL : __libc_malloc(n); }
void* calloc(size_t n, size_t size) { return is_refused(kMalloc, ENOMEM) ? NULL : __libc_calloc(n, size); }
void* realloc(void* p, size_t n) { return is_refused(kMalloc, ENOMEM) ? NULL : __libc_realloc(p, n); }
void* memalign(size_t a, size_t n) { return is_refused(kMalloc, ENOMEM) ? NULL : __libc_memalign(a, n); }
void* aligned_alloc(size_t a, size_t n) { return is_refused(kMalloc, ENOMEM) ? NULL : __libc_memalign(a, n); }
int posix_memalign(void** out, size_t a, size_t n) {
  if (is_refused(kMalloc, ENOMEM)) return ENOMEM;
  void* p = __libc_memalign(a, n);
  if (p == NULL) return ENOMEM;
  *out = p;
  return 0;
}
void* mmap(void* p, size_t n, int protection, int flags, int file, off_t offset) {
  if (is_refused(kMmap, ENOMEM)) return MAP_FAILED;
  return (void*)syscall(SYS_mmap, p, n, protection, flags, file, offset);
}
void* mmap64(void* p, size_t n, int protection, int flags, int file, off_t offset) {
  return mmap(p, n, protection, flags, file, offset);
}
int open(const char* path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  const mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;
  va_end(rest);
  return is_refused(kOpen, EIO) ? -1 : (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}
int open64(const char* path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  const mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;
  va_end(rest);
  return open(path, flags, mode);
}
ssize_t read(int file, void* to, size_t n) { return is_refused(kRead, EIO) ? -1 : syscall(SYS_read, file, to, n); }
ssize_t write(int file, const void* from, size_t n) {
  return is_refused(kWrite, EIO) ? -1 : syscall(SYS_write, file, from, n);
}
int rename(const char* from, const char* to) {
  return is_refused(kRename, EIO) ? -1 : (int)syscall(SYS_rename, from, to);
}
int pthread_create(pthread_t* thread, const pthread_attr_t* how, void* (*work)(void*), void* with) {
  static int (*real)(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*);
  if (!real) real = (int (*)(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*))dlsym(RTLD_NEXT, "pthread_create");
  return is_refused(kThread, EAGAIN) ? EAGAIN : real(thread, how, work, with);
}
