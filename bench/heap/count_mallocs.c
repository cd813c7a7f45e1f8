/* SPDX-License-Identifier: MIT
 *
 * Counts heap allocations of any program: LD_PRELOAD=libcount_mallocs.so MALLOC_COUNT=FILE program.
 *
 * Every call that can allocate adds one to a counter in FILE, which is mapped, so that it can be
 * read while the program runs (8 bytes, native order) and needs no tidy exit. What is called here
 * is what glibc calls its own malloc by (__libc_malloc), so there is no dlsym, which allocates.
 * operator new ends up here as well. Calls made before the file is mapped are not counted. */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

extern void* __libc_malloc(size_t size);
extern void* __libc_calloc(size_t count, size_t size);
extern void* __libc_realloc(void* old, size_t size);
extern void* __libc_memalign(size_t alignment, size_t size);

static _Atomic uint64_t* counter;

static void count(void) {
  if (counter != NULL) atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

__attribute__((constructor)) static void map_counter(void) {
  const char* path = getenv("MALLOC_COUNT");
  if (path == NULL) return;
  const int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return;
  if (ftruncate(fd, sizeof *counter) == 0) {
    void* mapped = mmap(NULL, sizeof *counter, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (mapped != MAP_FAILED) counter = mapped;
  }
  close(fd);
}

void* malloc(size_t size) {
  count();
  return __libc_malloc(size);
}

void* calloc(size_t number, size_t size) {
  count();
  return __libc_calloc(number, size);
}

void* realloc(void* old, size_t size) {
  count();
  return __libc_realloc(old, size);
}

void* memalign(size_t alignment, size_t size) {
  count();
  return __libc_memalign(alignment, size);
}

void* aligned_alloc(size_t alignment, size_t size) { return memalign(alignment, size); }

int posix_memalign(void** result, size_t alignment, size_t size) {
  void* found = memalign(alignment, size);
  if (found == NULL) return ENOMEM;
  *result = found;
  return 0;
}
